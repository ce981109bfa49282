"""Counting days that are over, once, so that a report of a month or a year is there at once.

Invariant: a day is counted from its rows; when a row comes late, the count is gone with the same commit and made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from gateway.deadlines.instants import day_number_of, to_micros
from gateway.statussync.lag import TARGET
from gateway.storage import lag_days
from gateway.storage.database import Database
from gateway.storage.lag import LagRow
from gateway.storage.lag_days import Day


class DayClosing:
    """Closes days in the name of the follower ``owner``, the newest first."""

    def __init__(
        self, database: Database, *, clock: Callable[[], datetime], owner: Callable[[], int]
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._looked_on = -1
        self._days: list[Day] = []

    def saw(self, rows: Iterable[LagRow]) -> None:
        """These rows are written: the days before today that they belong to are open again."""
        if any(row.day < self._looked_on for row in rows):
            self._looked_on = -1

    async def close_one(self) -> bool:
        """Close a day; False when none is open, or somebody else follows by now."""
        today = day_number_of(to_micros(self._clock()))
        if self._looked_on != today:
            self._days = await self._database.read(partial(lag_days.open_days, before=today))
            self._looked_on = today
        if not self._days:
            return False
        day = self._days.pop(0)
        found = await self._database.read(partial(lag_days.measure, day=day, target=TARGET))
        owner = self._owner()
        return await self._database.write(lambda tx: lag_days.keep(tx, owner, found))
