"""How many dossiers stand how, as metrics: counted from indexes, once a minute.

Invariant: every process shows the same figures, because they come from the tables and not from what it did itself.
"""

from __future__ import annotations

import asyncio
import functools

import msgspec

from gateway.deadlines.instants import day_number_of, start_of_day
from gateway.rounds.pausing import once_a_minute
from gateway.statussync.desk import Desk
from gateway.storage import crossings, queries_standings, urgency
from gateway.storage.crossings import Moments
from gateway.telemetry import DOSSIERS_AT_RISK, DOSSIERS_PENDING, UNASSESSED


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """``pending``: being worked on, by class. ``near_due`` and ``due_today`` are in time, too, and may be both.

    ``at_risk``: by destination, ends and waits that it has not acknowledged though the promise is near or over.
    """

    pending: dict[str, int]
    at_risk: dict[str, int]


async def measure(desk: Desk, now: int) -> Measured:
    """Count as of ``now``."""
    today = day_number_of(now)
    moments = Moments(
        today=start_of_day(today), tomorrow=start_of_day(today + 1), now=now, horizon=desk.horizon(now)
    )
    pending = await desk.database.read(functools.partial(crossings.pending, moments=moments))
    found = await desk.database.read(functools.partial(urgency.counts, horizon=moments.horizon))
    return Measured(
        pending=msgspec.structs.asdict(pending),
        at_risk={name: found.get(name, 0) for name in sorted(desk.destinations)},
    )


class DeadlineGauges:
    """Refreshes the metrics of this process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, stopping: asyncio.Event) -> None:
        """Refresh once a minute until ``stopping``. Raises StorageUnavailable; run it again then."""
        await once_a_minute(self.refresh, stopping)

    async def refresh(self) -> None:
        """Count, and show it. Raises StorageUnavailable."""
        measured = await measure(self._desk, self._desk.now())
        for kind, count in measured.pending.items():
            DOSSIERS_PENDING.labels(kind).set(count)
        for destination, count in measured.at_risk.items():
            DOSSIERS_AT_RISK.labels(destination).set(count)
        backlog = await self._desk.database.read(queries_standings.backlog)
        UNASSESSED.set(backlog.waiting)
