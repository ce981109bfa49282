"""How often a client may ask: one token bucket for each, in this process.

Invariant: however many clients there are, the table of buckets stays bounded.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gateway.api.problem import Refused

MOST_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Buckets:
    """Token buckets by client. ``clock``: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str, *, rate: float, burst: float) -> None:
        """Take one token; Refused (429) says when there is one again. ``rate`` 0: no limit."""
        if rate <= 0:
            return
        now = self._clock()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(tokens=burst, filled_at=now)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(client)
            bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled_at) * rate)
            bucket.filled_at = now
        if bucket.tokens < 1:
            wait = math.ceil((1 - bucket.tokens) / rate)
            raise Refused(
                "too_many_requests",
                f"client {client} may make {rate:g} requests a second; wait {wait} s",
                headers=(("retry-after", str(wait)),),
            )
        bucket.tokens -= 1
