"""The stand-in of the payment platform: its admin door, its ledger, and the pages that payers press buttons on.

Invariant: a payer presses until the page has answered; pressing again never pays twice.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.domain.errors import GatewayError
from gateway.port import Capacity, WireRequest
from gateway.wire.client import Answered, HttpClient

NAME = "payment_platform"
READ_SECONDS = 10.0
PRESSES = 8
_BYTES = 64 * 1024 * 1024
# a minute of the platform's patience is a tenth of a second here
_CONFIGURATION = {
    "base_url": "",
    "bill_url": "",
    "time_scale": 0.0015,
    "late_seconds": 2_400.0,
    "session_seconds": 3_600.0,
    "parallel": False,
}


class Platform:
    """The running stand-in at ``url``, whose admin door is at ``control``."""

    def __init__(self, url: str, control: str) -> None:
        self.url = url
        self._admin = f"{control}/{NAME}/-"
        self._client = HttpClient(Capacity(read_timeout=READ_SECONDS, max_response_bytes=_BYTES))

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc

    async def prepare(self) -> None:
        """Have it send payers and receipts to where it listens, and shorten its pauses."""
        await self.administer("configure", _CONFIGURATION)

    async def call_back(self, gateway: str) -> None:
        """Hand the address for callbacks over, as at onboarding."""
        address = f"{gateway}/in/{NAME}/confirm"
        await self.administer("register", {"callback_url": address})

    async def administer(self, action: str, order: object) -> dict[str, Any]:
        """An admin action."""
        return await self._told("POST", f"admin/{action}", msgspec.json.encode(order))

    async def record(self) -> dict[str, Any]:
        """The platform's own ledger, and what became of its callbacks."""
        return await self._told("GET", "record")

    async def faults(self) -> dict[str, int]:
        """What was injected on the wire, by fault."""
        counts: dict[str, int] = (await self._told("GET", "faults"))["counts"]
        return counts

    async def press(self, url: str) -> None:
        """The payer pays at ``url``; who gets no page presses again."""
        request = WireRequest(
            method="POST",
            url=url,
            headers=(("content-type", "application/x-www-form-urlencoded"),),
            body=b"action=pay",
        )
        for _ in range(PRESSES):
            answer = await self._client.exchange(request)
            if isinstance(answer, Answered) and answer.response.status in {200, 302}:
                return

    async def quiet(self, seconds: float) -> None:
        """Wait until no callback is on its way any more, at most ``seconds``."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while loop.time() < limit:
            callbacks = (await self.record())["callbacks"]
            if all(each["due_at"] is None for each in callbacks):
                return
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    async def _told(self, method: str, name: str, body: bytes = b"") -> dict[str, Any]:
        answer = await self._client.exchange(
            WireRequest(method=method, url=f"{self._admin}/{name}", body=body)
        )
        if not isinstance(answer, Answered) or answer.response.status != 200:
            raise GatewayError(f"the simulated payment platform does not do {name}: {answer}")
        document: dict[str, Any] = msgspec.json.decode(answer.response.body)
        return document
