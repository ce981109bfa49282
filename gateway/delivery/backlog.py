"""Looking at the backlog once a minute, so that its trend can be shown.

Invariant: it costs as much as there is open, once a minute for all processes together: whoever comes second in a minute
only sees that it was done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.storage import samples
from gateway.storage.database import Database
from gateway.storage.queries_status import Backlog, backlogs


class BacklogWatch:
    """Samples of the backlog of ``names``; ``look`` is a round of the worker."""

    def __init__(self, database: Database, names: Sequence[str], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._names = sorted(names)
        self._clock = clock

    async def look(self) -> None:
        """Write down this minute's backlog unless somebody has. Raises StorageUnavailable."""
        at = samples.minute_of(self._clock())
        done = functools.partial(samples.sampled, names=self._names, at=at)
        if not self._names or await self._database.read(done):
            return
        found = await self._database.read(backlogs)
        mine = {name: found.get(name, Backlog()) for name in self._names}
        await self._database.write(lambda tx: samples.record_samples(tx, at, mine))
