"""The stand-in of the payment platform: its admin door, its ledger, and the pages that payers press buttons on.

Invariant: a payer presses until the page has answered; pressing again never pays twice.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from gateway.cli.demo.stand import Stand
from gateway.port import WireRequest
from gateway.wire.client import Answered

NAME = "payment_platform"
PRESSES = 8
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
    """The running stand-in, with its payers."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand

    @property
    def host(self) -> str:
        """Host and port."""
        return urlsplit(self.stand.url).netloc

    async def prepare(self) -> None:
        """Have it send payers and receipts to where it listens, and shorten its pauses."""
        await self.stand.administer("configure", _CONFIGURATION)

    async def call_back(self, gateway: str) -> None:
        """Hand the address for callbacks over, as at onboarding."""
        address = f"{gateway}/in/{NAME}/confirm"
        await self.stand.administer("register", {"callback_url": address})

    async def press(self, url: str) -> None:
        """The payer pays at ``url``; who gets no page presses again."""
        request = WireRequest(
            method="POST",
            url=url,
            headers=(("content-type", "application/x-www-form-urlencoded"),),
            body=b"action=pay",
        )
        for _ in range(PRESSES):
            answer = await self.stand.client.exchange(request)
            if isinstance(answer, Answered) and answer.response.status in {200, 302}:
                return

    async def quiet(self, seconds: float) -> None:
        """Wait until no callback is on its way any more, at most ``seconds``."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        while loop.time() < limit:
            callbacks = (await self.stand.record())["callbacks"]
            if all(each["due_at"] is None for each in callbacks):
                return
            await asyncio.sleep(0.1)
