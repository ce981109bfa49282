"""Knowing that there are new events: woken by the sealer of this process, polling for those of others.

Invariant: however many wait, there is one question to the database at a time, and its answer is never older than the
moment at which somebody was last answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from gateway.storage.database import Database
from gateway.storage.feed import newest_position

POLL_SECONDS = 0.25

Waiter: TypeAlias = Callable[[float], Awaitable[None]]
"""Waits until this process has sealed events, at most so many seconds."""


class Watch:
    """The newest position in the feed, shared by everybody who waits for it to move."""

    def __init__(self, database: Database, waiter: Waiter) -> None:
        self._database = database
        self._waiter = waiter
        self._looking: asyncio.Task[int] | None = None

    async def newest(self) -> int:
        """The position of the newest event; 0 when there is none. Raises StorageUnavailable."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._database.read(newest_position))
            self._looking.add_done_callback(_seen)
        return await asyncio.shield(self._looking)

    async def beyond(self, position: int, seconds: float) -> int:
        """Wait until there is something after ``position``, at most ``seconds``; the newest position then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (newest := await self.newest()) <= position and (left := deadline - loop.time()) > 0:
            await self._waiter(min(POLL_SECONDS, left))
        return newest


def _seen(task: asyncio.Task[int]) -> None:
    """Take note of a failure, so that a look nobody waits for any more ends quietly."""
    if not task.cancelled():
        task.exception()
