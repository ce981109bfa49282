"""How many attempts stand how, and how long the oldest has waited for an answer, as metrics.

Invariant: every process shows the same figures, because they come from the tables and not from what it did itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.storage.database import Database


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
        raise NotImplementedError
