"""What drift there is, and what the last pass saw, as metrics, so that an alarm can ring before anybody asks.

Invariant: every process shows the same figures, because they come from the tables and not from what it did itself; a
class that is not there any more reads 0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.rounds.pausing import once_a_minute
from gateway.statussync.compare import DriftKind
from gateway.storage.database import Database
from gateway.storage.drift import DriftState
from gateway.storage.drift_figures import Pass, Standing, last_pass, standing
from gateway.telemetry import DRIFT_FOUND, DRIFT_LAST_PASS, DRIFT_LOOKED, DRIFT_STANDING

STATES = tuple(state for state in DriftState if state is not DriftState.GONE)


class DriftGauges:
    """Reads the differences at ``destinations``, and the last pass."""

    def __init__(self, database: Database, destinations: Sequence[str]) -> None:
        self._database = database
        self._destinations = list(destinations)

    async def run(self, stopping: asyncio.Event) -> None:
        """Refresh once a minute until ``stopping``. Raises StorageUnavailable; run it again then."""
        await once_a_minute(self.refresh, stopping)

    async def refresh(self) -> None:
        """Count, and show it. Raises StorageUnavailable."""
        self._show_standing(await self._database.read(standing))
        found = await self._database.read(last_pass)
        if found is not None:
            _show_pass(found)

    def _show_standing(self, found: Sequence[Standing]) -> None:
        counts = {(each.destination, each.kind, each.state): each.count for each in found}
        for destination in self._destinations:
            for kind in DriftKind:
                for state in STATES:
                    count = counts.get((destination, kind.value, state.value), 0)
                    DRIFT_STANDING.labels(destination, kind.value, state.value).set(count)


def _show_pass(found: Pass) -> None:
    DRIFT_LAST_PASS.set(found.ended_at.timestamp())
    for result in ("looked", "in_step", "differing"):
        DRIFT_LOOKED.labels(result).set(getattr(found, result))
    for kind in DriftKind:
        DRIFT_FOUND.labels(kind.value).set(found.found.get(kind.value, 0))
