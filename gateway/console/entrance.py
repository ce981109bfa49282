"""Where a browser comes from, and whether it may be asked for a password there.

Invariant: a password and a session's word cross no network in clear: either a proxy with TLS stands in front
(``console.secure_cookies``), or the browser sits on this machine.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Sequence
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from starlette.types import Receive

from gateway.api import bodies
from gateway.api.problem import Refused
from gateway.console.door import COOKIE, PLAIN_COOKIE
from gateway.console.surface import LANGUAGE_COOKIE, Request
from gateway.console.words import say

Hindrance = Literal["plain", "forwarded"]
HOME = "/console"
MOST_FORM_BYTES = 16 * 1024
_VISITOR = "lienthong-visitor"
_VISITOR_WORD = re.compile(r"[A-Za-z0-9_-]{43}")
_FORWARDING = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "via", "x-real-ip")
_LOCAL_PAGE = re.compile(r"/console(?:[/?][!-\[\]-~]*)?")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def hindrance(request: Request) -> Hindrance | None:
    """Why nobody can sign in on this way; None: it is safe."""
    headers = request.headers
    if request.secure:
        return "forwarded" if headers.get("x-forwarded-proto", "https") != "https" else None
    if any(name in headers for name in _FORWARDING):
        return "forwarded"
    return None if _is_loopback(_connected(request)) and _names_this_machine(request) else "plain"


def _connected(request: Request) -> str:
    return str((request.scope.get("client") or ("",))[0])


def _names_this_machine(request: Request) -> bool:
    """Else a page elsewhere could have its own name lead here (DNS rebinding)."""
    try:
        return urlsplit("//" + request.headers.get("host", "")).hostname in _LOCAL_HOSTS
    except ValueError:
        return False


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def peer_of(request: Request) -> str:
    """Who calls: the connection's other end or, behind our own proxy, whom the proxy names last."""
    peer = _connected(request)
    if request.secure:
        named = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        try:
            return str(ipaddress.ip_address(named))
        except ValueError:
            return peer
    return peer


def network_of(peer: str) -> str:
    """What is counted as one visitor: an address, or the network that a single connection gets in IPv6."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return "?"
    return peer if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def require_own_page(request: Request) -> None:
    """Refuse (403) a form that a browser says another site has sent."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise Refused("forbidden", say(request.language, "problem.csrf"))


async def fields(request: Request, receive: Receive, names: Sequence[str]) -> dict[str, str]:
    """The fields of a form of a visitor without a session: each at most once, absent ones empty."""
    require_own_page(request)
    content = await bodies.whole(receive, request.headers, MOST_FORM_BYTES)
    try:
        pairs = parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as fault:
        raise Refused("unreadable", "the form cannot be read") from fault
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() <= {*names, "csrf"}:
        raise Refused("unreadable", "the form has fields that it does not have here, or one twice")
    return {name: found.get(name, "") for name in (*names, "csrf")}


def cookie(request: Request, name: str, value: str, *, keep: int | None = None) -> tuple[str, str]:
    """A ``Set-Cookie`` line that no script reads. ``keep`` in seconds; None: until the browser is closed."""
    lasting = "" if keep is None else f"; Max-Age={keep}"
    secure = "; Secure" if request.secure else ""
    return "set-cookie", f"{name}={value}; Path=/{lasting}; HttpOnly; SameSite=Lax{secure}"


def session_cookie(request: Request, word: str) -> tuple[str, str]:
    """The line that gives the browser the word of its session; an empty word takes it away."""
    name = COOKIE if request.secure else PLAIN_COOKIE
    return cookie(request, name, word, keep=None if word else 0)


def language_cookie(request: Request, language: str) -> tuple[str, str]:
    """The line that remembers in which language somebody reads."""
    return cookie(request, LANGUAGE_COOKIE, language, keep=365 * 86_400)


def prefixed(request: Request, name: str) -> str:
    """The name of a cookie that another host of the same site cannot set (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{name}" if request.secure else name


def visitor_word(request: Request) -> tuple[str, list[tuple[str, str]]]:
    """What a form of a visitor carries, and the cookie that it belongs to."""
    name = prefixed(request, _VISITOR)
    word = request.cookies.get(name, "")
    lines = []
    if _VISITOR_WORD.fullmatch(word) is None:
        word = secrets.token_urlsafe(32)
        lines = [cookie(request, name, word)]
    return _form_word(word), lines


def require_visitor_word(request: Request, given: str) -> None:
    """Refuse (403) a form that did not come from a page which this browser was shown."""
    word = request.cookies.get(prefixed(request, _VISITOR), "")
    require_word(request, given, _form_word(word) if _VISITOR_WORD.fullmatch(word) else "")


def require_word(request: Request, given: str, expected: str) -> None:
    """Refuse (403) a form whose word is not the one ``expected``."""
    if not expected or not hmac.compare_digest(expected.encode(), given.encode()):
        raise Refused("forbidden", say(request.language, "problem.csrf"))


def _form_word(word: str) -> str:
    return hmac.new(word.encode(), b"visitor", hashlib.sha256).hexdigest()


def local(address: str) -> str:
    """``address`` if it is a page of the console, else the first one: no form leads to another site."""
    whole = _LOCAL_PAGE.fullmatch(address) is not None and len(address) <= 2000
    return address if whole and "/../" not in address and not address.endswith("/..") else HOME
