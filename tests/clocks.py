"""Clocks that tests hold in their hands, and waiting for what a gateway does by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
WAIT_SECONDS = 20


class Clock:
    """Now, until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **parts: float) -> None:
        self.now += timedelta(**parts)


class MovingClock(Clock):
    """Goes on by itself, a little with every look."""

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


async def until(expected: Callable[[], Awaitable[object]]) -> None:
    """Wait until ``expected`` is so; TimeoutError when it never is."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await expected():  # noqa: ASYNC110 - what is expected is in the database
            await asyncio.sleep(0.02)
