"""Sends what a stand-in says is due, and tells it what came back.

Invariant: one delivery at a time per call, every answer reaches the stand-in, and closing leaves no task behind.
"""

from __future__ import annotations

import asyncio

from gateway.port.simulator import CallsOut, OutgoingCall
from gateway.sandbox.courier import send
from gateway.sandbox.stand import Stand

POLL_SECONDS = 0.05
AT_ONCE = 64
AHEAD_SECONDS = 5.0


class Postman:
    """The calls of one stand; nothing to do where the stand-in makes none."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._round: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._doors = asyncio.Semaphore(AT_ONCE)

    def start(self) -> None:
        """Look for due calls from now on."""
        if self._round is None and isinstance(self._stand.simulator, CallsOut):
            self._round = asyncio.create_task(self._rounds())

    async def close(self) -> None:
        """End the rounds and everything under way."""
        tasks = [*self._under_way, *([self._round] if self._round else [])]
        self._round = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def collect(self) -> None:
        """Send what is due; returns when the calls that go ahead of an answer have arrived, or took too long."""
        caller = self._stand.simulator
        if self._round is None or not isinstance(caller, CallsOut):
            return
        ahead = []
        for call in caller.outgoing(self._stand.now()):
            task = asyncio.create_task(self._deliver(caller, call))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            if call.ahead:
                ahead.append(task)
        if ahead:
            await asyncio.wait(ahead, timeout=AHEAD_SECONDS)

    async def _rounds(self) -> None:
        while True:
            await self.collect()
            await asyncio.sleep(POLL_SECONDS)

    async def _deliver(self, caller: CallsOut, call: OutgoingCall) -> None:
        async with self._doors:
            status, body = await send(call)
        caller.answered(call.id, status, body)
