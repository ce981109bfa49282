"""A stand-in's admin door, as the demo uses it: its own record, what was injected, its admin actions.

Invariant: what is judged is read here, from the stand-in, and never from what the gateway believes of it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.domain.errors import GatewayError
from gateway.port import Capacity, WireRequest
from gateway.wire.client import Answered, HttpClient

READ_SECONDS = 30.0
_RECORD_BYTES = 256 * 1024 * 1024


class Stand:
    """The running stand-in ``name`` at ``url``; its admin door is at ``control``."""

    def __init__(self, name: str, url: str, control: str) -> None:
        self.name = name
        self.url = url
        self.client = HttpClient(Capacity(read_timeout=READ_SECONDS, max_response_bytes=_RECORD_BYTES))
        self._admin = f"{control}/{name}/-"

    async def record(self) -> dict[str, Any]:
        """Everything that it received and kept."""
        return await self._told("GET", "record")

    async def faults(self) -> dict[str, int]:
        """What was injected on the wire, by fault."""
        counts: dict[str, int] = (await self._told("GET", "faults"))["counts"]
        return counts

    async def administer(self, action: str, order: object) -> dict[str, Any]:
        """An admin action."""
        return await self._told("POST", f"admin/{action}", msgspec.json.encode(order))

    async def close(self) -> None:
        """Close connections."""
        await self.client.close()

    async def _told(self, method: str, name: str, body: bytes = b"") -> dict[str, Any]:
        request = WireRequest(method=method, url=f"{self._admin}/{name}", body=body)
        answer = await self.client.exchange(request)
        if not isinstance(answer, Answered) or answer.response.status != 200:
            raise GatewayError(f"the stand-in of {self.name} does not do {name}: {answer}")
        document: dict[str, Any] = msgspec.json.decode(answer.response.body)
        return document
