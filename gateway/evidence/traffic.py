"""Whether traffic with partners may go on: it stops when no evidence could be produced for longer than the grace period.

Every process looks for itself, in the tables and by its own clock, at most once a second; nobody has to tell it. So it
also stops when whoever should make checkpoints is gone or hangs. Invariant: traffic goes on by itself as soon as what
it is owed is proven; settings may let it go on without.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec
import structlog

from gateway.settings_evidence import EvidenceSettings
from gateway.storage.checkpoints import Connection, State, state
from gateway.storage.database import Database
from gateway.storage.instants import from_micros
from gateway.telemetry import EVIDENCE_DELAY, TRAFFIC_STOPPED

log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0
NOBODY = "no process makes checkpoints, or it hangs; see the workers' program logs"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """How evidence stands. ``delay``: seconds for which none could be produced; ``reason`` of that, empty without delay;
    ``proven``: entries that checkpoints cover; ``stopped``: traffic with partners is."""

    proven: int
    delay: float
    reason: str
    stopped: bool


class Traffic:
    """Evidence as this process sees it. ``wanted`` False: it has no folder of keys; where nobody else has one either, no
    log key is known, and nothing is to be proven."""

    def __init__(
        self,
        database: Database,
        settings: EvidenceSettings,
        clock: Callable[[], datetime],
        *,
        wanted: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._wanted = wanted
        self._monotonic = monotonic
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._owed: tuple[int, float] | None = None  # the oldest unproven entry, and since when it is
        self._known = Evidence(proven=0, delay=0.0, reason="", stopped=False)

    @property
    def known(self) -> Evidence:
        """What the last look has found."""
        return self._known

    @property
    def is_stopped(self) -> bool:
        """Whether traffic was stopped at the last look."""
        return self._known.stopped

    async def stopped(self) -> bool:
        """Whether traffic is stopped now. Raises StorageUnavailable."""
        return (await self.look()).stopped

    async def look(self) -> Evidence:
        """How evidence stands, at most a second old. Raises StorageUnavailable."""
        if self._is_recent():
            return self._known
        async with self._looking:
            if not self._is_recent():
                found = await self._database.read(
                    partial(state, anchored=self._settings.timestamps is not None)
                )
                self._looked_at = self._monotonic()
                if self._wanted or found.key:
                    self._take(_judged(found, self._waited(found), self._settings, self._clock()))
        return self._known

    def _is_recent(self) -> bool:
        return self._looked_at is not None and self._monotonic() - self._looked_at < LOOK_SECONDS

    def _waited(self, found: State) -> float:
        """For how long this process has seen the oldest unproven entry wait."""
        now = self._monotonic()
        if found.owed is None:
            self._owed = None
            return 0.0
        if self._owed is None or self._owed[0] != found.owed.id:
            self._owed = found.owed.id, now
        return now - self._owed[1]

    def _take(self, found: Evidence) -> None:
        before, self._known = self._known, found
        EVIDENCE_DELAY.set(found.delay)
        TRAFFIC_STOPPED.set(found.stopped)
        if found.stopped and not before.stopped:
            log.error("traffic_was_stopped", reason=found.reason[:500], delay=round(found.delay))
        elif before.stopped and not found.stopped:
            log.warning("traffic_goes_on", entries=found.proven)


def at_once(connection: Connection, settings: EvidenceSettings, now: datetime) -> Evidence:
    """How evidence stands, for somebody who looks once: by wall clocks, and as if a gateway were running."""
    found = state(connection, anchored=settings.timestamps is not None)
    waited = 0.0 if found.owed is None else (now - from_micros(found.owed.at)).total_seconds()
    return _judged(found, waited, settings, now)


def _judged(found: State, waited: float, settings: EvidenceSettings, now: datetime) -> Evidence:
    """``waited``: seconds for which the oldest unproven entry has waited."""
    delay, reason = waited, NOBODY
    if found.trouble is not None:
        failing = (now - from_micros(found.trouble.since)).total_seconds()
        delay, reason = max(delay, failing), found.trouble.reason
    if delay <= 2 * settings.patience and found.trouble is None:
        delay, reason = 0.0, ""  # as long as a checkpoint may take
    stopped = settings.stop_traffic and delay > settings.grace
    return Evidence(proven=found.proven, delay=max(0.0, delay), reason=reason, stopped=stopped)
