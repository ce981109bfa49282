"""What was seen before within a window of time.

Invariant: bounded memory; when it is full the oldest go, and what is older than the oldest kept is refused as too old
rather than believed to be new.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

MOST = 100_000


class ReplayWindow:
    """Marks (nonces) with the instants at which they were made, for ``seconds`` each."""

    def __init__(self, seconds: float, *, most: int = MOST) -> None:
        self._window = timedelta(seconds=seconds)
        self._most = most
        self._seen: OrderedDict[bytes, datetime] = OrderedDict()
        self._forgotten: datetime | None = None

    def refusal(self, mark: bytes, created: datetime, now: datetime) -> tuple[str, str] | None:
        """Code and words when ``mark`` was seen before or is too old to tell; else None, and it is remembered."""
        if now - created > self._window:
            return (
                "expired",
                f"made {created:%Y-%m-%dT%H:%M:%SZ}, more than {self._window.total_seconds():.0f} s ago",
            )
        if self._forgotten is not None and created <= self._forgotten:
            return "expired", "older than what is remembered"
        if mark in self._seen:
            return "replayed", "this nonce was used before"
        self._drop(now)
        self._seen[mark] = created
        return None

    def _drop(self, now: datetime) -> None:
        while self._seen:
            created = next(iter(self._seen.values()))
            if len(self._seen) < self._most and now - created <= self._window:
                return
            _, gone = self._seen.popitem(last=False)
            if now - gone <= self._window and (self._forgotten is None or gone > self._forgotten):
                self._forgotten = gone
