"""A short memory of the health of all destinations, so that dashboards cost the database little.

Invariant: what is shown is at most ``REMEMBERED_SECONDS`` old, and is read once however many ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from gateway.domain.delivery import LaneState
from gateway.storage.database import Database
from gateway.storage.queries_status import (
    Backlog,
    DestinationRow,
    backlogs,
    destination_rows,
    lane_counts,
)

REMEMBERED_SECONDS = 2.0


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables say of every destination."""

    rows: Mapping[str, DestinationRow]
    backlogs: Mapping[str, Backlog]
    lanes: Mapping[str, dict[LaneState, int]]


class HealthMemory:
    """Reads the health of ``names`` and keeps it for a moment. ``clock``: monotonic seconds."""

    def __init__(self, database: Database, names: Sequence[str], clock: Callable[[], float]) -> None:
        self._database = database
        self._names = list(names)
        self._clock = clock
        self._known: Health | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def read(self) -> Health:
        """The health of every destination. Raises StorageUnavailable."""
        async with self._reading:
            if self._known is None or self._clock() - self._read_at >= REMEMBERED_SECONDS:
                self._known = Health(
                    rows=await self._database.read(partial(destination_rows, names=self._names)),
                    backlogs=await self._database.read(backlogs),
                    lanes=await self._database.read(lane_counts),
                )
                self._read_at = self._clock()
            return self._known

    def forget(self) -> None:
        """Read anew the next time: something was changed just now."""
        self._known = None
