"""Following the event feed: one row of lag for every delivery that was acknowledged, beside the hot path.

Invariant: one worker of all processes follows at a time; whatever it leaves half done is done again from the stored
place, with the same rows.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from gateway.deadlines.instants import SECOND, to_micros
from gateway.domain.errors import StorageUnavailable
from gateway.statussync.lag_closing import DayClosing
from gateway.statussync.lag_judgement import Judged, judged, row
from gateway.statussync.lag_troubles import Policy, Rules
from gateway.storage import lag
from gateway.storage.database import Database
from gateway.storage.lag import Connection, Delivered, LagRow, Stretch
from gateway.telemetry import LAG_BEHIND, LAG_SECONDS

log = structlog.get_logger(__name__)
BATCH = 100
REST = 4  # times as long as the work: at most a fifth of the time
ROUND_SECONDS = 0.5
PAUSE_SECONDS = 1.0  # figures need not be younger, and batches grow meanwhile
TAKEOVER_SECONDS = 5.0
NOTED = 1000  # positions without a delivery that are read again at most after a crash


class Watch(Protocol):
    """Knows when there are new events (``gateway.inbound.watch``)."""

    async def beyond(self, position: int, seconds: float) -> int:
        """Wait until there is something after ``position``, at most ``seconds``; the newest position then."""


class LagFollower:
    """A task of the worker. ``owner``: this process's worker id, which holds the follower's place."""

    def __init__(
        self,
        database: Database,
        watch: Watch,
        *,
        clock: Callable[[], datetime],
        owner: Callable[[], int],
        policy: Policy,
    ) -> None:
        self._database = database
        self._watch = watch
        self._clock = clock
        self._owner = owner
        self._closing = DayClosing(database, clock=clock, owner=owner)
        self._policy = policy

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until ``stopping``. Raises StorageUnavailable; run it again then."""
        while not stopping.is_set():
            position = await self._take()
            if position is None:
                await _pause(stopping, TAKEOVER_SECONDS)
                continue
            try:
                await self._follow(position, stopping)
            finally:
                await self._leave()

    async def run_once(self) -> int | None:
        """Follow up to the newest event, close days; how many rows that gave, None when somebody else follows."""
        position = await self._take()
        if position is None:
            return None
        rows = 0
        try:
            while True:
                stretch, newest = await self._stretch(position)
                if not await self._write(stretch):
                    return None
                position, rows = stretch.upto, rows + len(stretch.rows)
                self._closing.saw(stretch.rows)
                if position >= newest:
                    break
            while await self._closing.close_one():
                continue
            return rows
        finally:
            await self._leave()

    async def _follow(self, position: int, stopping: asyncio.Event) -> None:
        """From ``position`` on until ``stopping``, or until somebody else has taken the place."""
        stored = position
        while not stopping.is_set():
            await self._watch.beyond(position, ROUND_SECONDS)
            began = time.monotonic()
            stretch, newest = await self._stretch(position, since=stored)
            position = stretch.upto
            LAG_BEHIND.set(newest - position)
            if stretch.rows or position - stored >= NOTED:
                if not await self._write(stretch):
                    log.info("lag_follower_was_replaced", position=stored)
                    return
                stored = position
                self._closing.saw(stretch.rows)
            if position >= newest:
                await self._closing.close_one()
                await _pause(stopping, PAUSE_SECONDS)
            else:  # much to do: leave most of the time to the deliveries themselves
                await _pause(stopping, min(PAUSE_SECONDS, REST * (time.monotonic() - began)))

    async def _stretch(self, position: int, *, since: int | None = None) -> tuple[Stretch, int]:
        """The next stretch after ``position``, and the newest position of the feed."""
        page = await self._database.read(partial(lag.page, after=position, limit=BATCH))
        rows: list[LagRow] = []
        if page.delivered:
            rules = self._policy.rules(to_micros(self._clock()))
            rows = await self._database.read(partial(_rows, deliveries=page.delivered, rules=rules))
        before = position if since is None else since
        return Stretch(owner=self._owner(), before=before, upto=page.upto, rows=rows), page.newest

    async def _take(self) -> int | None:
        """Where to read on from, if the place is free for this worker."""
        owner = self._owner()
        place = await self._database.read(partial(lag.place, owner=owner))
        if not place.free:
            return None
        return await self._database.write(lambda tx: lag.claim(tx, owner))

    async def _write(self, stretch: Stretch) -> bool:
        return await self._database.write(lambda tx: lag.advance(tx, stretch))

    async def _leave(self) -> None:
        try:
            await self._database.write(lambda tx: lag.release(tx, self._owner()))
        except StorageUnavailable:
            log.info("lag_follower_left_its_place_taken")  # free again when this worker's row is gone


def _rows(connection: Connection, deliveries: Sequence[Delivered], rules: Rules) -> list[LagRow]:
    """What is kept of ``deliveries``; counted here, in the reader's thread, where nobody waits."""
    items = judged(connection, deliveries, rules)
    _observe(items)
    return [row(item) for item in items]


def _observe(items: Sequence[Judged]) -> None:
    for item in items:
        delivery, acknowledged_at = item.delivery, item.delivery.settled_at
        if acknowledged_at is None:
            continue
        source, queue, wire, total = _observers(delivery.destination)
        if item.event_at is not None and not item.before_start:
            source(_between(item.event_at, item.received_at))
            total(_between(item.event_at, acknowledged_at))
        if delivery.sent_at is not None:
            queue(_between(item.received_at, delivery.sent_at))
            wire(_between(delivery.sent_at, acknowledged_at))


@functools.cache
def _observers(destination: str) -> list[Callable[[float], None]]:
    parts = ("source", "queue", "wire", "total")
    return [LAG_SECONDS.labels(destination, part).observe for part in parts]


def _between(start: int, stop: int) -> float:
    """Seconds; a source's clock that runs ahead of ours gives 0, not less."""
    return max(0, stop - start) / SECOND


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
