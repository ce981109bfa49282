"""Taking lanes away from workers that are gone, or from a turn whose last write is uncertain.

Invariant: what was in flight is in doubt afterwards, never failed and never sent; its attempt is closed in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import to_micros
from gateway.storage.lanes import END_ATTEMPT, follow_heads, lease_tokens
from gateway.storage.rows import MessageRow, insert_messages
from gateway.storage.schema import lane
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Reap(msgspec.Struct, frozen=True, kw_only=True):
    """Take the lanes of ``dead`` workers away; ``closing`` makes the log entry of an attempt that was lost."""

    dead: tuple[int, ...]
    now: datetime
    closing: Callable[[LostAttempt], MessageRow]


class Abandon(msgspec.Struct, frozen=True, kw_only=True):
    """Give up a lane whose last write may or may not have happened: like a reap of this one lane."""

    lane: int
    token: int
    now: datetime
    closing: Callable[[LostAttempt], MessageRow]


class LostAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt whose worker disappeared while it was in flight: its effect is unknown."""

    id: int
    lane: int
    destination: str
    dossier: str
    operation: str
    kind: str


ASK_AFTER_MICROS = (
    2_000_000  # the lost request may still be at work at the partner: too early an "absent" doubles it
)
_DEAD_LANES = Statement("""
    SELECT id FROM lane WHERE state = 'leased' AND lease_owner IN_ARRAY(:dead) ORDER BY id SKIP_LOCKED
""")
_DOUBT_FLYING = Statement("""
    UPDATE delivery SET state = 'in_doubt', due_at = :ask_at, code = 'worker_lost', doubts = doubts + 1,
        reason = 'the worker disappeared while the request was in flight'
    WHERE lane_id IN_ARRAY(:lanes) AND state = 'in_flight'
""")
_LOST_ATTEMPTS = Statement("""
    SELECT id, lane_id, destination, dossier_code, operation, kind FROM attempt
    WHERE lane_id IN_ARRAY(:lanes) AND ended_at IS NULL
""")


def reap_lanes(transaction: Transaction, reaps: Sequence[Reap]) -> list[list[LostAttempt]]:
    """Take lanes from dead workers: what was in flight is in doubt, never failed and never sent."""
    return [
        _take_away(
            transaction,
            [row[0] for row in transaction.all(_DEAD_LANES, {"dead": transaction.array(reap.dead)})],
            reap,
        )
        for reap in reaps
    ]


def leases_of(connection: sa.Connection, *, destination: str, worker: int) -> list[tuple[int, int]]:
    """(lane, token) of every lane of ``destination`` that is leased to ``worker``."""
    question = sa.select(lane.c.id, lane.c.lease_token).where(
        lane.c.state == "leased", lane.c.lease_owner == worker, lane.c.destination == destination
    )
    return [(int(row[0]), int(row[1])) for row in connection.execute(question)]


def abandon_lanes(transaction: Transaction, abandons: Sequence[Abandon]) -> list[list[LostAttempt]]:
    """Give up lanes that are still ours; what was in flight is in doubt."""
    tokens = lease_tokens(transaction, [item.lane for item in abandons])
    return [
        _take_away(transaction, [item.lane] if tokens.get(item.lane) == item.token else [], item)
        for item in abandons
    ]


def _take_away(transaction: Transaction, lanes: list[int], order: Reap | Abandon) -> list[LostAttempt]:
    if not lanes:
        return []
    now = to_micros(order.now)
    array = transaction.array(lanes)
    lost = [
        LostAttempt(id=row[0], lane=row[1], destination=row[2], dossier=row[3], operation=row[4], kind=row[5])
        for row in transaction.all(_LOST_ATTEMPTS, {"lanes": array})
    ]
    transaction.run(_DOUBT_FLYING, {"lanes": array, "ask_at": now + ASK_AFTER_MICROS})
    transaction.many(
        END_ATTEMPT,
        [
            {
                "now": now,
                "outcome": "in_doubt",
                "code": "worker_lost",
                "reason": "the worker disappeared while the request was in flight",
                "attempt": attempt.id,
            }
            for attempt in lost
        ],
    )
    insert_messages(transaction, [order.closing(attempt) for attempt in lost])
    follow_heads(transaction, lanes)
    return lost
