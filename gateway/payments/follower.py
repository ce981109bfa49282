"""What became of each INIT, learnt from the event feed: the payer's address, a doubt, a refusal.

Invariants: one worker follows at a time and goes on from the stored place; a state that evidence has given an attempt
meanwhile is never overwritten; what the one-door system is told here, it is told once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from gateway.storage.database import Database


class Watch(Protocol):
    """Knows when there are new events (``gateway.inbound.watch``)."""

    async def beyond(self, position: int, seconds: float) -> int:
        """Wait until there is something after ``position``, at most ``seconds``; the newest position then."""


class Follower:
    """A task of the worker. ``owner``: this process's worker id, which holds the follower's place."""

    def __init__(
        self,
        database: Database,
        watch: Watch,
        *,
        clock: Callable[[], datetime],
        owner: Callable[[], int],
    ) -> None:
        self._database = database
        self._watch = watch
        self._clock = clock
        self._owner = owner

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until ``stopping``. Raises StorageUnavailable; run it again then."""
        raise NotImplementedError

    async def run_once(self) -> int | None:
        """Follow up to the newest event; how many attempts moved, None when somebody else follows."""
        raise NotImplementedError
