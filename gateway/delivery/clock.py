"""A clock for due times that never runs backwards, neither inside a process nor from one to the next.

The wall clock may be set back under a running gateway, or while it was down; waiting deliveries must not wait an hour
longer for it. The clock follows the wall forward and keeps its own pace when the wall falls behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A wall that stood further ahead than this was plainly wrong, and is not followed into the next process.
FARTHEST = timedelta(days=1)


class SteadyClock:
    """``clock()`` is now, aware UTC. ``not_before``: the newest instant that an earlier process has written down."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        not_before: datetime = _EPOCH,
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        start = wall()
        ahead = (not_before - _EPOCH).total_seconds() - start
        self._offset = start - monotonic() + (ahead if 0 < ahead <= FARTHEST.total_seconds() else 0.0)

    def __call__(self) -> datetime:
        ticks = self._monotonic()
        offset = self._wall() - ticks
        self._offset = max(self._offset, offset)
        return datetime.fromtimestamp(self._offset + ticks, UTC)

    def behind(self) -> float:
        """Seconds by which the wall clock stands behind this one; 0 when it was not set back."""
        return max(0.0, self._offset + self._monotonic() - self._wall())
