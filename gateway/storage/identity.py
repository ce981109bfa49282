"""Row identifiers made by the gateway: 63 bits, growing with time, unique across processes.

Layout: 41 bits milliseconds since 2025-01-01 UTC, 10 bits node, 12 bits counter. Nodes below 512 are workers
(``node_of``; no two that live at a time have the same one, see ``upkeep.register_worker``); a process that is no worker yet takes a random one above, since process numbers repeat
from container to container.
Invariant: identifiers of one process strictly grow, even when the wall clock is set back; ``follow`` carries that over
to the next process.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from datetime import UTC, datetime, timedelta

_EPOCH_MS = 1_735_689_600_000
_COUNTER_BITS = 12
_NODE_BITS = 10
HIGHEST = 2**63 - 1
_FARTHEST_MS = 86_400_000  # a clock that stood further ahead was plainly wrong
WORKER_NODES = 1 << (_NODE_BITS - 1)
WINDOW_OF_A_CALL = (2 * 3_600_000) << (_NODE_BITS + _COUNTER_BITS)
"""How far the identifiers of one call's entries lie apart at most: two hours, which no exchange lasts."""
_COUNTER_MASK = (1 << _COUNTER_BITS) - 1


class Identifiers:
    """A source of row identifiers for one node. Thread-safe."""

    def __init__(self, node: int) -> None:
        self._node = node % (1 << _NODE_BITS)
        self._last = self._stamp() << _COUNTER_BITS
        self._lock = threading.Lock()

    @classmethod
    def unregistered(cls) -> Identifiers:
        """The source of a process that has no number of its own."""
        return cls(WORKER_NODES + int.from_bytes(os.urandom(2), "big") % WORKER_NODES)

    def renew(self, worker: int) -> None:
        """Take the node of a registered worker."""
        with self._lock:
            self._node = node_of(worker)
            # the node stands above the counter: a lower one needs a later tick to keep identifiers growing
            self._last = ((self._last >> _COUNTER_BITS) + 1) << _COUNTER_BITS

    def follow(self, identifier: int) -> None:
        """Stay above ``identifier``, the newest of an earlier process: the wall clock may have been set back since."""
        tick = (identifier >> (_NODE_BITS + _COUNTER_BITS)) + 1
        with self._lock:
            if tick - (self._last >> _COUNTER_BITS) <= _FARTHEST_MS:
                self._last = max(self._last, tick << _COUNTER_BITS)

    @staticmethod
    def _stamp() -> int:
        return max(0, time.time_ns() // 1_000_000 - _EPOCH_MS)

    def next(self) -> int:
        """A new identifier, larger than every one before it from this source."""
        stamp = (time.time_ns() // 1_000_000 - _EPOCH_MS) << _COUNTER_BITS
        with self._lock:
            last = self._last + 1
            self._last = last = max(last, stamp)
        tick, counter = last >> _COUNTER_BITS, last & _COUNTER_MASK
        return (tick << (_NODE_BITS + _COUNTER_BITS)) | (self._node << _COUNTER_BITS) | counter

    def take(self, count: int) -> list[int]:
        """``count`` new identifiers, growing."""
        return [self.next() for _ in itertools.repeat(None, count)]


def node_of(worker: int) -> int:
    """The node of the worker with this number."""
    return worker % WORKER_NODES


def lowest_identifier(instant: datetime, shift: timedelta = timedelta()) -> int:
    """The lowest identifier that a clock showing ``instant`` (aware) plus ``shift`` can give out."""
    since_epoch = instant - datetime.fromtimestamp(_EPOCH_MS / 1000, UTC) + shift
    tick = max(0, since_epoch // timedelta(milliseconds=1))
    return min(tick << (_NODE_BITS + _COUNTER_BITS), HIGHEST)
