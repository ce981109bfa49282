"""The headline of the lag as metrics, so that an alarm can ring before anybody asks.

Invariant: every process shows the same figures, because they come from the tables and not from what it did itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from gateway.rounds.pausing import once_a_minute
from gateway.statussync.lag import Cause
from gateway.statussync.lag_report import headline, query_of
from gateway.statussync.lag_troubles import Policy
from gateway.statussync.lag_views import DestinationLag
from gateway.storage.database import Database
from gateway.telemetry import SHOWN_LATE, SHOWN_LATE_OURS


class LagGauges:
    """Reads the headline of ``destinations``."""

    def __init__(
        self,
        database: Database,
        destinations: Sequence[str],
        *,
        clock: Callable[[], datetime],
        policy: Policy,
    ) -> None:
        self._database = database
        self._destinations = list(destinations)
        self._clock = clock
        self._policy = policy

    async def run(self, stopping: asyncio.Event) -> None:
        """Refresh once a minute until ``stopping``. Raises StorageUnavailable; run it again then."""
        await once_a_minute(self.refresh, stopping)

    async def refresh(self) -> None:
        """Read the headline of the last days and show it. Raises StorageUnavailable."""
        query = query_of(self._destinations, now=self._clock(), policy=self._policy)
        for found in await self._database.read(partial(headline, query=query)):
            _show(found)


def _show(found: DestinationLag) -> None:
    count = found.now.by_date
    for cause in ("rightly", *Cause):
        SHOWN_LATE.labels(found.destination, cause).set(getattr(count, cause))
    SHOWN_LATE_OURS.labels(found.destination).set(found.late.by_date.ours or 0.0)
