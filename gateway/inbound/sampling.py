"""So many a minute and no more: what a flood may cost is decided here, before anything is written.

Invariant: whatever is asked for, a name is granted at most its burst at once and its rate from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    passed_over: int = 0


class Sampler:
    """Token buckets by name. ``monotonic``: seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str, per_minute: float, at_once: float | None = None) -> int | None:
        """How many were passed over since the last one that was taken; None when this one is passed over, too.

        ``at_once``: the burst, else ``per_minute``. ``name`` is one of ours, never a caller's word.
        """
        now, most = self._monotonic(), per_minute if at_once is None else min(at_once, per_minute)
        bucket = self._buckets.setdefault(name, _Bucket(tokens=most, filled_at=now))
        bucket.tokens = min(most, bucket.tokens + (now - bucket.filled_at) * per_minute / 60)
        bucket.filled_at = now
        if bucket.tokens < 1:
            bucket.passed_over += 1
            return None
        bucket.tokens -= 1
        passed_over, bucket.passed_over = bucket.passed_over, 0
        return passed_over
