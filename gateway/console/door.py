"""Who stands at the door: what the pages need of sessions, whoever keeps them.

Invariant: what a browser shows is a word without meaning; everything about a session is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gateway.console.page import Viewer

COOKIE = "__Host-lienthong"
PLAIN_COOKIE = "lienthong"  # browsers keep no Secure cookie of plain HTTP; only for a browser on this machine


class Door(Protocol):
    """Keeps sessions."""

    async def viewer(self, word: str, *, peer: str, agent: str, live: bool = False) -> Viewer | None:
        """Whose session ``word`` is; None when it is nobody's, has ended, or its account has.

        ``live``: a page that refreshes itself asks, which is no use of the session.
        """


def cookies_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request (RFC 6265 §5.4); the first of a name counts, as a browser puts the closest first."""
    found: dict[str, str] = {}
    for part in headers.get("cookie", "").split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found
