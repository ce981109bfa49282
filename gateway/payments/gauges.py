"""How many attempts stand how, and how long the oldest has waited for an answer, as metrics.

Invariant: every process shows the same figures, because they come from the tables and not from what it did itself.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.rounds.pausing import once_a_minute
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.payment_figures import figures
from gateway.telemetry import PAYMENT_ATTEMPTS, PAYMENT_OLDEST_UNANSWERED_SECONDS


class PaymentGauges:
    """Refreshes the metrics of this process."""

    def __init__(
        self, database: Database, destinations: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Refresh once a minute until ``stopping``. Raises StorageUnavailable; run it again then."""
        await once_a_minute(self.refresh, stopping)

    async def refresh(self) -> None:
        """Count, and show it."""
        for name in self._destinations:
            found = await self._database.read(functools.partial(figures, destination=name))
            for state, count in found.attempts.items():
                PAYMENT_ATTEMPTS.labels(name, state).set(count)
            age = 0 if found.oldest is None else to_micros(self._clock()) - found.oldest
            PAYMENT_OLDEST_UNANSWERED_SECONDS.labels(name).set(max(0, age) / 1e6)
