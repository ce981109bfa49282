"""Until when a partner's TLS certificate is valid: asked of the partner itself, without sending a request.

Invariant: the chain is verified like for a delivery; a certificate that is not trusted is a reason, never a date.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime

import msgspec


class Valid(msgspec.Struct, frozen=True, kw_only=True):
    """Trusted, and valid until ``until``."""

    until: datetime


class Invalid(msgspec.Struct, frozen=True, kw_only=True):
    """No trusted connection; ``reason`` in one line."""

    reason: str


async def certificate_of(
    host: str, port: int, *, timeout: float = 10.0, context: ssl.SSLContext | None = None
) -> Valid | Invalid:
    """Shake hands with ``host``; what its certificate says. ``timeout`` in seconds; ``context``: the destination's own
    TLS, where it has one."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port, ssl=context or ssl.create_default_context())
    except (OSError, UnicodeError) as fault:
        return Invalid(reason=f"{type(fault).__name__}: {fault}"[:300])
    try:
        shown = writer.get_extra_info("peercert") or {}
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    if "notAfter" not in shown:
        return Invalid(reason="the partner shows no certificate")
    return Valid(until=datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC))
