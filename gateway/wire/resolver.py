"""Name resolution that refuses addresses, so that a name judged harmless cannot lead elsewhere a moment later.

Invariant: a connection is opened only to an address that was judged, in the same look-up that is connected to.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import TypeAlias

from gateway.mapping.hosts import is_address

Judge: TypeAlias = Callable[[str, str], str | None]
"""(host, address) to the reason why it may not be connected to, or None."""
MOST_ADDRESSES = 4


async def addresses_of(host: str, port: int, judge: Judge | None) -> list[str]:
    """Addresses of ``host`` that may be connected to, the system's choice first; OSError when there is none.

    A literal address is judged by whoever gave it.
    """
    if is_address(host):
        return [host]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    reasons = [None if judge is None else judge(host, address) for address in addresses]
    kept = [address for address, reason in zip(addresses, reasons, strict=True) if reason is None]
    if not kept:
        reason = next((reason for reason in reasons if reason), f"{host} has no address")
        raise PermissionError(errno.EACCES, reason)
    return kept[:MOST_ADDRESSES]
