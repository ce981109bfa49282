"""Where events may be sent: the guard against endpoints that point into places they must not reach.

Registering an endpoint makes the gateway send requests, so an address is judged when it is registered and every
address that its name resolves to is judged again when it is connected to. Invariant: link-local addresses (where
cloud machines keep their credentials), multicast and unspecified ones are never connected to, whatever the settings.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from gateway.domain.errors import RecordError
from gateway.domain.violation import Violation, shown
from gateway.wire.addresses import Address, Place, literal, place_of, plain_form

Network: TypeAlias = IPv4Network | IPv6Network

LONGEST_URL = 2000
_LONGEST_PART = (
    20  # a longer part of a path may be a key: some systems give each sender an address of its own
)


class AddressGuard:
    """Judges endpoints by ``[webhooks] allow`` and ``allow_http``."""

    def __init__(self, allow: Sequence[str], allow_http: Sequence[str]) -> None:
        self._networks, self._patterns = _sorted_out(allow)
        self._plain = [pattern.lower() for pattern in allow_http]

    def require(self, url: str) -> None:
        """Refuse an address that can never be right; RecordError says what is wrong with it."""
        reason = self.refuse_url(url)
        if reason is not None:
            raise RecordError(
                "the endpoint cannot be registered",
                [
                    Violation(
                        pointer="/url",
                        code="endpoint_address",
                        got=shown(url),
                        expected="an https address of the one-door system",
                        advice=reason,
                    )
                ],
            )

    def refuse_url(self, url: str) -> str | None:
        """Why nothing is sent to ``url``, as far as the text alone tells; None when it may be tried."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as fault:
            return f"the address cannot be read: {fault}"
        if not host or not url.isascii() or len(url) > LONGEST_URL or any(c.isspace() for c in url):
            return f"send an absolute address of at most {LONGEST_URL} ASCII characters without spaces"
        if parts.username is not None or parts.fragment:
            return "leave user, password and fragment out of the address; events are signed instead"
        found = literal(host)
        return self._refuse_scheme(parts, host, found) or (
            None if found is None else self.refuse_address(host, str(found))
        )

    def refuse_address(self, host: str, address: str) -> str | None:
        """Why ``address``, to which ``host`` resolves, may not be connected to; None when it may."""
        found = plain_form(address)
        place = place_of(found)
        if place is Place.NEVER:
            return f"{host} leads to {found}, which is never a one-door system"
        if place is Place.PUBLIC or self._allowed(host, found):
            return None
        return f"{host} leads to the private address {found}; add the host or its network to webhooks.allow"

    def _refuse_scheme(self, parts: SplitResult, host: str, found: Address | None) -> str | None:
        if parts.scheme == "https":
            return None
        own = host == "localhost" or (found is not None and found.is_loopback)
        if parts.scheme == "http" and (own or any(fnmatchcase(host, item) for item in self._plain)):
            return None
        return "use https, or add the host to webhooks.allow_http"

    def _allowed(self, host: str, address: Address) -> bool:
        if any(fnmatchcase(host.lower(), pattern) for pattern in self._patterns):
            return True
        return any(address in network for network in self._networks if network.version == address.version)


def masked(url: str) -> str:
    """``url`` for people: its host in full; its query, and parts of its path that may be keys, as dots."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    path = "/".join("…" if len(part) > _LONGEST_PART else part for part in parts.path.split("/"))
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{path}{'?…' if parts.query else ''}"


def _sorted_out(allow: Sequence[str]) -> tuple[list[Network], list[str]]:
    networks: list[Network] = []
    patterns: list[str] = []
    for item in allow:
        try:
            networks.append(ipaddress.ip_network(item, strict=False))
        except ValueError:
            patterns.append(item.lower())
    return networks, patterns
