"""A clock for due times that never runs backwards inside a process.

The wall clock may be set back under a running gateway; waiting deliveries must not wait an hour longer for it. The
clock follows the wall forward and keeps its own pace when the wall falls behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SteadyClock:
    """``clock()`` is now, aware UTC."""

    def __init__(
        self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def __call__(self) -> datetime:
        self._offset = max(self._offset, self._wall() - self._monotonic())
        return _EPOCH + timedelta(seconds=self._offset + self._monotonic())

    def behind(self) -> float:
        """Seconds by which the wall clock was set back since the start; 0 when it was not."""
        return max(0.0, self._offset + self._monotonic() - self._wall())
