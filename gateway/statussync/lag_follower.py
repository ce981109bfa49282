"""Following the event feed: one row of lag for every delivery that was acknowledged, beside the hot path.

Invariant: whatever a follower leaves half done is done again from the stored place, with the same rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from gateway.deadlines.instants import SECOND, to_micros
from gateway.rounds.following import Follower, Found, Rhythm, Watch
from gateway.statussync.lag_closing import DayClosing
from gateway.statussync.lag_judgement import Judged, judged, row
from gateway.statussync.lag_troubles import Policy, Rules
from gateway.storage import lag
from gateway.storage.database import Database, Transaction
from gateway.storage.lag import Connection, Delivered, LagRow
from gateway.telemetry import LAG_BEHIND, LAG_SECONDS

log = structlog.get_logger(__name__)
BATCH = 100
# figures need not be younger, and batches grow meanwhile; at most a fifth of the time is theirs
RHYTHM = Rhythm(pause=1.0, rest=4)


def lag_follower(
    database: Database,
    watch: Watch,
    *,
    clock: Callable[[], datetime],
    owner: Callable[[], int],
    policy: Policy,
) -> Follower[LagRow]:
    """A task of the worker. ``owner``: this process's worker id, which holds the follower's place."""
    closing = DayClosing(database, clock=clock, owner=owner)
    subject = _Lag(database, closing, clock=clock, policy=policy)
    return Follower(database, watch, subject, owner=owner, rhythm=RHYTHM)


class _Lag:
    """What was acknowledged, and the days that are over, which are closed when there is nothing else to do."""

    name = lag.NAME

    def __init__(
        self, database: Database, closing: DayClosing, *, clock: Callable[[], datetime], policy: Policy
    ) -> None:
        self._database = database
        self._closing = closing
        self._clock = clock
        self._policy = policy

    async def read(self, after: int) -> Found[LagRow]:
        page = await self._database.read(partial(lag.page, after=after, limit=BATCH))
        LAG_BEHIND.set(page.newest - page.upto)
        rows: list[LagRow] = []
        if page.delivered:
            rules = self._policy.rules(to_micros(self._clock()))
            rows = await self._database.read(partial(_rows, deliveries=page.delivered, rules=rules))
        return Found(items=rows, upto=page.upto, newest=page.newest)

    def write(self, transaction: Transaction, items: Sequence[LagRow]) -> int:
        return lag.keep(transaction, items)

    def written(self, items: Sequence[LagRow]) -> None:
        self._closing.saw(items)

    async def at_leisure(self) -> bool:
        return await self._closing.close_one()

    def replaced(self, position: int) -> None:
        log.info("lag_follower_was_replaced", position=position)

    def left_taken(self) -> None:
        log.info("lag_follower_left_its_place_taken")


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
