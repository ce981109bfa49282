"""Which addresses that others have written may be followed: by their exact host on a list of the configuration.

Invariant: everything that browsers and libraries read differently (user names, back slashes, spaces, other schemes) is
refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

LONGEST = 1000
_PRINTABLE = re.compile(
    r"[\x21\x23-\x5b\x5d\x5f\x61-\x7a\x7e]+\Z"
)  # no space, quote, back slash, ^, ` or braces


def permitted(url: object, hosts: Collection[str], plain_http_hosts: Collection[str] = ()) -> bool:
    """Whether ``url`` leads by https to a host of ``hosts``, or by http to one of ``plain_http_hosts``."""
    if not isinstance(url, str) or len(url) > LONGEST or not _PRINTABLE.match(url):
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if "@" in parts.netloc or not host:
        return False
    names = {parts.netloc.lower()}
    match parts.scheme:
        case "https":
            return bool((names | ({host} if port in (None, 443) else set())) & set(hosts))
        case "http":
            return bool((names | ({host} if port in (None, 80) else set())) & set(plain_http_hosts))
        case _:
            return False


def is_inside(host: str, hosts: Collection[str], plain_http_hosts: Collection[str]) -> bool:
    """Whether the operator has put ``host`` inside: by allowing it to do without TLS, or by its very
    address (payment_platform §13, pitfall 17: no private ranges except the configured exchange adapter). A name that is merely listed is outside."""
    wanted = host.lower().strip("[]")
    return any(wanted == _bare(entry) for entry in plain_http_hosts) or any(
        wanted == _bare(entry) for entry in hosts if is_address(_bare(entry))
    )


def _bare(entry: str) -> str:
    """A host of a list without its port."""
    return urlsplit(f"//{entry}").hostname or ""


def is_address(host: str) -> bool:
    """Whether ``host`` is an address itself, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
