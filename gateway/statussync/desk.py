"""What the assessor, the sweep and the list of risks share: a database, a clock, the rules, and whom they ask about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from gateway.deadlines.instants import to_micros
from gateway.deadlines.judge import Moment
from gateway.statussync.rules import Rules
from gateway.storage import urgency
from gateway.storage.database import Database
from gateway.storage.presence import first_run
from gateway.storage.urgency import LaneGlance


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """``destinations``: those that are switched on; a lane of another one is nobody's risk.

    ``counts_from``: before it nobody had to synchronise anything; None: before the gateway's first run.
    """

    database: Database
    clock: Callable[[], datetime]
    rules: Rules
    destinations: frozenset[str]
    counts_from: int | None = None

    def now(self) -> int:
        """Now, in microseconds."""
        return to_micros(self.clock())

    async def start(self) -> int | None:
        """Before it (microseconds) nobody had to synchronise anything."""
        return self.counts_from or await self.database.read(first_run)

    def horizon(self, now: int) -> int:
        """What is due by then is near (R24)."""
        return Moment(now, self.rules.calendar, self.rules.options).near_until

    async def lanes(self, codes: Sequence[str]) -> dict[str, list[LaneGlance]]:
        """What destinations know of each dossier; one without lanes is missing."""
        if not codes:
            return {}
        found = await self.database.read(functools.partial(urgency.lanes_of, codes=codes))
        return {
            code: [lane for lane in lanes if lane.destination in self.destinations]
            for code, lanes in found.items()
        }
