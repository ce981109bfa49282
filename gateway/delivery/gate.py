"""Whether something may leave for a destination now: breaker, rate, maintenance, an operator's pause.

Each process has a gate of its own; the breaker's opening and the operator's pause are shared through the
destination's row. Invariant: while a breaker is open, one probe at a time leaves, whatever the number of processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from gateway.delivery.maintenance import resumes_at
from gateway.settings import BreakerSettings, Maintenance
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import from_micros, to_micros
from gateway.telemetry import BREAKER_OPEN

log = structlog.get_logger(__name__)
REFRESH_SECONDS = 0.5


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate keeps: the breaker's settings, deliveries a second (None: no limit), maintenance windows."""

    breaker: BreakerSettings
    rate: float | None = None
    maintenance: Sequence[Maintenance] = ()


class Halt(Protocol):
    """Whether all traffic with partners is stopped (``gateway.evidence.traffic``)."""

    @property
    def is_stopped(self) -> bool:
        """As it was found last."""

    async def stopped(self) -> bool:
        """As it is now."""


class _NoHalt:
    is_stopped = False

    async def stopped(self) -> bool:
        return False


class Permit(msgspec.Struct, frozen=True, kw_only=True):
    """``probe``: exactly one exchange may leave. ``wait``: seconds until asking again makes sense."""

    allowed: bool
    probe: bool = False
    wait: float = 0.0


class Gate:
    """The gate of one destination in this process.

    ``share``: how many processes share the rate. ``worker``: who takes probes here, so that they can be given back
    when it dies. ``halt``: what may stop everything, set by whoever knows of it.
    """

    def __init__(self, name: str, database: Database, limits: Limits, clock: Callable[[], datetime]) -> None:
        self._name = name
        self._database = database
        self._limits = limits
        self._clock = clock
        self._failures = 0
        self._open_until: datetime | None = None
        self._opening = False
        self._paused = False
        self._probing = False
        self._breathe_until: datetime | None = None
        self._refreshed_at = -REFRESH_SECONDS
        self._tokens = 1.0
        self._filled_at = asyncio.get_event_loop().time() if limits.rate else 0.0
        self.share = 1
        self.worker: int | None = None
        self.halt: Halt = _NoHalt()

    async def permit(self, *, probe_for: float, idle: bool) -> Permit:
        """Whether lanes may be claimed now. A probe keeps other processes from probing for ``probe_for`` s;
        it is taken only by a process that is ``idle``, so that it is the only exchange."""
        await self._refresh()
        now = self._clock()
        if self._paused or await self.halt.stopped():
            return Permit(allowed=False, wait=REFRESH_SECONDS)
        closed_until = resumes_at(self._limits.maintenance, now) or self._breathing(now)
        if closed_until is not None:
            return Permit(allowed=False, wait=min(5.0, (closed_until - now).total_seconds()))
        if self._open_until is None:
            return Permit(allowed=True)
        if now < self._open_until:
            return Permit(allowed=False, wait=min(1.0, (self._open_until - now).total_seconds()))
        if not idle:
            return Permit(allowed=False, wait=0.1)
        return await self._probe(now, probe_for)

    async def return_probe(self) -> None:
        """The probe was not used (nothing to send, the lane was lost): the next one need not wait for it."""
        if self._probing:
            self._probing = False
            now = to_micros(self._clock())
            await self._database.write(lambda tx: upkeep.return_probe(tx, self._name, now=now))

    def shut(self) -> bool:
        """Whether lanes at work should stop before their next delivery."""
        if self._paused or self.halt.is_stopped or self._open_until is not None:
            return True
        if not self._limits.maintenance and self._breathe_until is None:
            return False
        now = self._clock()
        return (resumes_at(self._limits.maintenance, now) or self._breathing(now)) is not None

    @property
    def paced(self) -> bool:
        """Whether there is a rate limit, so that ``pace`` may wait."""
        return self._limits.rate is not None

    async def pace(self, stopping: asyncio.Event | None = None) -> None:
        """Wait for the rate limit's next token, or until ``stopping``; the caller looks whether it is."""
        if self._limits.rate is None:
            return
        rate = self._limits.rate / max(1, self.share)
        loop = asyncio.get_running_loop()
        self._tokens = min(max(1.0, rate / 10), self._tokens + (loop.time() - self._filled_at) * rate)
        self._filled_at = loop.time()
        self._tokens -= 1.0
        if self._tokens >= 0:
            return
        try:
            async with asyncio.timeout(-self._tokens / rate):
                await (stopping or asyncio.Event()).wait()
        except TimeoutError:
            return
        self._tokens += 1.0  # not used

    def breathe(self, seconds: float) -> None:
        """The partner asked for a pause (Retry-After): nothing new leaves until it is over."""
        until = self._clock() + timedelta(seconds=seconds)
        self._breathe_until = max(until, self._breathe_until or until)

    async def succeeded(self) -> None:
        """The destination answered like a working system."""
        self._failures = 0
        self._probing = False
        if self._open_until is None:
            return
        self._open_until = None
        now = to_micros(self._clock())
        await self._database.write(lambda tx: upkeep.close_breaker(tx, self._name, now=now))
        BREAKER_OPEN.labels(self._name).set(0)
        hastened = await self._hasten(now)
        log.info("destination_is_back", destination=self._name, lanes_hastened=hastened)

    async def failed(self, reason: str, *, probe: bool = False) -> None:
        """The destination did not answer, or like a broken system."""
        self._failures += 1
        tripped = self._open_until is None and self._failures >= self._limits.breaker.failures
        if self._opening or not (probe or tripped):
            return  # other failures of an open breaker were in flight when it opened
        self._opening = True
        self._probing = False  # used up: nothing to give back
        try:
            await self._open(reason)
        finally:
            self._opening = False

    async def _hasten(self, now: int) -> int:
        """Hasten what waits, in slices: after a long outage it is a hundred thousand lanes, and others must write.

        What a crash leaves out waits for its own back-off.
        """
        hastened, slice_ = 0, upkeep.HASTENED_AT_ONCE
        while slice_ == upkeep.HASTENED_AT_ONCE:
            slice_ = await self._database.write(lambda tx: upkeep.hasten_lanes(tx, self._name, now=now))
            hastened += slice_
        return hastened

    async def _open(self, reason: str) -> None:
        first_time = self._open_until is None
        row = await self._database.write(lambda tx: upkeep.breaker(tx, self._name))
        settings = self._limits.breaker
        pause = min(settings.longest_pause, settings.first_pause * 2 ** min(row.openings, 32))
        now = self._clock()
        self._open_until = now + timedelta(seconds=pause)
        opening = upkeep.Opening(
            name=self._name,
            failures=self._failures,
            open_until=to_micros(self._open_until),
            failure=reason[:500],
            now=to_micros(now),
        )
        await self._database.write(lambda tx: upkeep.open_breaker(tx, opening))
        BREAKER_OPEN.labels(self._name).set(1)
        if first_time:
            log.warning("destination_was_lost", destination=self._name, reason=reason, next_probe_in=pause)

    async def _probe(self, now: datetime, probe_for: float) -> Permit:
        until = to_micros(now + timedelta(seconds=probe_for))
        mine = await self._database.write(
            lambda tx: upkeep.take_probe(tx, self._name, now=to_micros(now), until=until, owner=self.worker)
        )
        self._refreshed_at = -REFRESH_SECONDS
        self._probing = mine
        return Permit(allowed=mine, probe=mine, wait=0.2)

    async def _refresh(self) -> None:
        """Learn what other processes and operators have written, at most every half second."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._refreshed_at < REFRESH_SECONDS:
            return
        self._refreshed_at = loop.time()
        before = self._open_until
        row = await self._database.read(lambda connection: upkeep.read_breaker(connection, self._name))
        self._paused = row.paused_by is not None
        if self._opening or self._open_until is not before:
            return  # what was read may be older than what has happened here meanwhile
        self._open_until = None if row.open_until is None else from_micros(row.open_until)
        if before is not None and self._open_until is None:
            self._failures = 0  # another process has found the destination at work

    def _breathing(self, now: datetime) -> datetime | None:
        return self._breathe_until if self._breathe_until is not None and now < self._breathe_until else None
