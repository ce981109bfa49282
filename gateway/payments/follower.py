"""What became of each INIT, learnt from the event feed: the payer's address, a doubt, a refusal.

Invariants: a state that evidence has given an attempt meanwhile is never overwritten; what the one-door system is told
here, it is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from gateway.rounds.following import Follower, Found, Rhythm, Watch
from gateway.storage import payment_following
from gateway.storage.database import Database, Transaction
from gateway.storage.instants import to_micros
from gateway.storage.payments import FIRST_QUESTION_MICROS

log = structlog.get_logger(__name__)
BATCH = 100
RHYTHM = Rhythm(pause=0.2)  # a payer waits for the address


def payment_follower(
    database: Database,
    watch: Watch,
    *,
    clock: Callable[[], datetime],
    owner: Callable[[], int],
    schedules: Mapping[str, tuple[float, ...]],
) -> Follower[int]:
    """A task of the worker. ``owner``: this process's worker id, which holds the follower's place. ``schedules``: when
    attempts of each destination are asked about, in seconds."""
    return Follower(database, watch, _Inits(database, clock, schedules), owner=owner, rhythm=RHYTHM)


class _Inits:
    """The deliveries that carry an INIT."""

    name = payment_following.NAME

    def __init__(
        self, database: Database, clock: Callable[[], datetime], schedules: Mapping[str, tuple[float, ...]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._first = {
            name: int(schedule[0] * 1e6) if schedule else FIRST_QUESTION_MICROS
            for name, schedule in schedules.items()
        }

    async def read(self, after: int) -> Found[int]:
        page = await self._database.read(partial(payment_following.page, after=after, limit=BATCH))
        return Found(items=page.deliveries, upto=page.upto, newest=page.newest)

    def write(self, transaction: Transaction, items: Sequence[int]) -> int:
        now = to_micros(self._clock())
        return payment_following.follow(transaction, items, now=now, first_question=self._first)

    def written(self, items: Sequence[int]) -> None:
        """Nothing is kept of ``items`` here."""

    async def at_leisure(self) -> bool:
        return False

    def replaced(self, position: int) -> None:
        log.info("payment_follower_was_replaced", position=position)

    def left_taken(self) -> None:
        log.info("payment_follower_left_its_place_taken")
