"""A request to put on the wire and what came back, as bytes."""

from __future__ import annotations

import msgspec

Headers = tuple[tuple[str, str], ...]


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request, complete: absolute ``url``, header pairs in order, exact body bytes.

    ``content-length`` and ``host`` are the transport's business. ``timeout`` in seconds overrides the
    destination's read timeout.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    timeout: float | None = None


class WireResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP response, complete: status, header pairs as received, exact body bytes (content decoded)."""

    status: int
    headers: Headers = ()
    body: bytes = b""


def header(headers: Headers, name: str) -> str | None:
    """The first value of header ``name`` (any case), or None."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)
