"""Carries retry runs out: every process looks which one's next step is due, and does it in one transaction.

Invariant: nothing is kept here; whoever is killed leaves nothing behind that another one, or the same after a restart,
would not go on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from gateway.storage import upkeep
from gateway.storage.instants import to_micros
from gateway.storage.queries_retry_runs import due_runs
from gateway.storage.retry_runs import step_retry_run

if TYPE_CHECKING:
    from gateway.storage.database import Database

LOOK_SECONDS = 0.5


class RetryKeeper:
    """Does the steps of retry runs. ``wake``: told which destination has something to send again."""

    def __init__(
        self, database: Database, clock: Callable[[], datetime], wake: Callable[[str], None]
    ) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake
        self._look = asyncio.Event()

    def wake(self) -> None:
        """A run was begun or resumed."""
        self._look.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every half second until ``stopping``. A task of the worker."""
        ending = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                self._look.clear()
                await self.step()
                waking = asyncio.create_task(self._look.wait())
                await asyncio.wait(
                    [ending, waking], timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                waking.cancel()
        finally:
            ending.cancel()

    async def step(self) -> int:
        """Do every step that is due; how many were done. A destination that is closed gets nothing more to carry."""
        now = self._clock()
        due = await self._database.read(partial(due_runs, now=to_micros(now)))
        done = 0
        for run, destination in due:
            if await self._is_closed(destination, to_micros(now)):
                continue
            if await self._database.write(partial(step_retry_run, run=run, now=now)):
                done += 1
                self._wake(destination)
        return done

    async def _is_closed(self, destination: str, now: int) -> bool:
        """An open breaker whose probe is due counts as open to us: it needs something to probe with."""
        row = await self._database.read(lambda connection: upkeep.read_breaker(connection, destination))
        return row.paused_by is not None or (row.open_until or 0) > now
