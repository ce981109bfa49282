"""Name resolution that refuses addresses, so that a name judged harmless cannot lead elsewhere a moment later.

Invariant: a connection is opened only to an address that was judged, in the same look-up that is connected to.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TypeAlias

from aiohttp import ThreadedResolver
from aiohttp.abc import ResolveResult

Judge: TypeAlias = Callable[[str, str], str | None]
"""(host, address) to the reason why it may not be connected to, or None."""


class JudgedResolver(ThreadedResolver):
    """The system's resolver without the addresses that ``judge`` refuses."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self._judge = judge

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of ``host`` that may be connected to; OSError with the reason when there is none."""
        found = await super().resolve(host, port, family)
        reasons = [self._judge(host, entry["host"]) for entry in found]
        kept = [entry for entry, reason in zip(found, reasons, strict=True) if reason is None]
        if not kept:
            reason = next((reason for reason in reasons if reason), f"{host} has no address")
            raise PermissionError(errno.EACCES, reason)
        return kept
