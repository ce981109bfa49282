"""Lanes that go before all others, and what a partner is known to know.

A lane's promise is its place in the queue; an urgent one's is moved below zero by a constant, so urgent lanes keep
their order among themselves and get their own promise back exactly. Invariant: what is urgent is in one small index,
and a lane that was filled again since somebody looked at it is not calmed by him.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros
from gateway.storage.schema import delivery, lane
from gateway.storage.schema_status import STILL, dossier_version, standing
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.storage.database import Transaction

SHIFT = STILL + 1
"""An urgent lane's promise is this much earlier, in microseconds: more than the farthest promise, so it is negative."""
_NEVER = 2**62
_RUNNING = ("registered", "received", "processing")
_LATE = ("LATE", "OVERDUE", "PAUSED_LATE", "DATA_ERROR")
# in the words of the partial indexes, so that both engines see that they may use them
_URGENT: sa.ColumnElement[bool] = sa.literal_column("lane.promise_at < 0")
_STOPPED: sa.ColumnElement[bool] = sa.literal_column("lane.state IN ('blocked', 'held')")
_OPEN: sa.ColumnElement[bool] = sa.literal_column(f"standing.effective_to = {STILL}")
_PORTION = 500
_ENDED, _WAITING = ("EARLY", "ON_TIME", "LATE", "WITHDRAWN"), ("PAUSED", "PAUSED_LATE")
_ENDS = ("finished", "returned", "withdrawn", "stopped", "refused")
_WAITS = ("supplement_requested", "payment_requested", "stopped")
# as ``gateway.statussync.risk`` has it: nothing is left to send, and what was acknowledged is where the dossier stands
_AWARE: sa.ColumnElement[bool] = sa.and_(
    lane.c.state == "idle",
    sa.or_(
        lane.c.acknowledged_status.is_(None),
        standing.c.by_date.not_in((*_ENDED, *_WAITING)),
        sa.and_(standing.c.by_date.in_(_ENDED), lane.c.acknowledged_status.in_(_ENDS)),
        sa.and_(standing.c.by_date.in_(_WAITING), lane.c.acknowledged_status.in_(_WAITS)),
    ),
)


Urge: TypeAlias = Literal["end", "news"]
"""Why a lane goes first."""


def promise_of(kept: int) -> datetime | None:
    """The dossier's own promise, of a lane's ``promise_at``; None when it has none."""
    own = kept + SHIFT if kept < 0 else kept
    return None if own >= _NEVER else from_micros(own)


class LaneGlance(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination is known to know of a dossier.

    ``behind``: something is still to be told that was planned with the acknowledged version, or before it.
    ``next_position`` changes whenever the lane is filled.
    """

    id: int
    destination: str
    dossier_code: str
    state: str
    urgent: bool
    next_position: int
    acknowledged_status: str | None
    acknowledged_version: int | None
    acknowledged_at: int | None
    held_by: str | None
    behind: bool


class Calming(msgspec.Struct, frozen=True, kw_only=True):
    """Give a lane its own place back, if it was not filled since it was looked at."""

    lane: int
    next_position: int


# who has nothing to send is told nothing sooner; an end that was skipped must still be seen
_UNAWARE = {
    "end": """state <> 'idle' OR acknowledged_status IN ('registered', 'received', 'processing',
        'supplement_requested', 'payment_requested')""",
    "news": "state <> 'idle'",
}
_FIND = {
    kind: Statement(f"""
        SELECT id FROM lane WHERE dossier_code IN_ARRAY(:codes) AND promise_at >= 0 AND ({unaware})
        ORDER BY id FOR_UPDATE
    """)  # noqa: S608 - constants
    for kind, unaware in _UNAWARE.items()
}
_URGE = Statement(f"UPDATE lane SET promise_at = promise_at - {SHIFT} WHERE id IN_ARRAY(:lanes)")  # noqa: S608 - a constant
_LOCK_URGENT = Statement("""
    SELECT id, next_position FROM lane WHERE id IN_ARRAY(:lanes) AND promise_at < 0 ORDER BY id FOR_UPDATE
""")
_CALM = Statement(f"UPDATE lane SET promise_at = promise_at + {SHIFT} WHERE id IN_ARRAY(:lanes)")  # noqa: S608 - a constant


def urge(transaction: Transaction, codes: Mapping[str, Urge]) -> None:
    """Let the lanes of dossiers go first in which partners still have to learn of it.

    ``end``: the dossier has ended. ``news``: it waits, or its promise has moved.
    """
    for kind, find in _FIND.items():
        wanted = [code for code, urgency in codes.items() if urgency == kind]
        if wanted and (found := transaction.all(find, {"codes": transaction.array(wanted)})):
            transaction.run(_URGE, {"lanes": transaction.array(row[0] for row in found)})


def calm_lanes(transaction: Transaction, items: Sequence[Calming]) -> list[None]:
    """Give lanes their own place back."""
    rows = transaction.all(_LOCK_URGENT, {"lanes": transaction.array({item.lane for item in items})})
    now = {int(row[0]): int(row[1]) for row in rows}
    found = {item.lane for item in items if now.get(item.lane) == item.next_position}
    if found:
        transaction.run(_CALM, {"lanes": transaction.array(found)})
    return [None] * len(items)


def _behind() -> sa.ColumnElement[bool]:
    """Whether anything is open in the lane that was there when the acknowledged version came in."""
    acknowledged = (
        sa.select(dossier_version.c.at)
        .where(
            dossier_version.c.dossier_code == lane.c.dossier_code,
            dossier_version.c.version == lane.c.acknowledged_version,
        )
        .correlate(lane)
        .scalar_subquery()
    )
    return (
        sa.exists()
        .where(
            delivery.c.lane_id == lane.c.id,
            delivery.c.settled_at.is_(None),
            delivery.c.created_at <= sa.func.coalesce(acknowledged, sa.literal_column(str(_NEVER))),
        )
        .correlate(lane)
    )


_GLANCE: tuple[sa.ColumnElement[Any], ...] = (
    lane.c.id,
    lane.c.destination,
    lane.c.dossier_code,
    lane.c.state,
    (lane.c.promise_at < 0).label("urgent"),
    lane.c.next_position,
    lane.c.acknowledged_status,
    lane.c.acknowledged_version,
    lane.c.acknowledged_at,
    lane.c.held_by,
    _behind().label("behind"),
)


def lanes_of(connection: sa.Connection, codes: Iterable[str]) -> dict[str, list[LaneGlance]]:
    """Every lane of each dossier; a dossier without lanes is missing."""
    wanted = list(codes)
    found: dict[str, list[LaneGlance]] = {}
    for start in range(0, len(wanted), _PORTION):
        some = wanted[start : start + _PORTION]
        question = sa.select(*_GLANCE).where(lane.c.dossier_code.in_(some)).order_by(lane.c.destination)
        for row in connection.execute(question):
            found.setdefault(row.dossier_code, []).append(_glance(row))
    return found


def calmable_codes(connection: sa.Connection, after: str, most: int) -> list[str]:
    """The next dossiers after ``after`` with an urgent lane whose partner may know by now what it had to learn.

    While a partner is away its urgent lanes are many and none of them is found here.
    """
    newest = sa.exists().where(
        standing.c.dossier_code == lane.c.dossier_code,
        _OPEN,
        standing.c.version <= lane.c.acknowledged_version,
    )
    question = (
        sa.select(lane.c.dossier_code)
        .where(
            _URGENT,
            lane.c.dossier_code > after,
            sa.or_(lane.c.state == "idle", lane.c.acknowledged_status.not_in(_RUNNING), newest),
        )
        .order_by(lane.c.dossier_code)
        .limit(most)
    )
    return sorted(set(connection.execute(question).scalars()))


def candidates(connection: sa.Connection, horizon: int) -> list[tuple[int, str]]:
    """Every (promise, dossier), nearest promise first, that a partner may show late: with an urgent lane whose partner may
    not know yet, or due by ``horizon`` with a lane in which nothing moves. Dossiers without a promise are left out."""
    both = (
        sa.select(standing.c.due_at, standing.c.dossier_code)
        .join_from(lane, standing, standing.c.dossier_code == lane.c.dossier_code)
        .where(_OPEN, standing.c.due_at.is_not(None))
    )
    unaware = both.where(_URGENT, sa.not_(_AWARE))
    stopped = both.where(_STOPPED, standing.c.status.in_((2, 4)), standing.c.due_at <= horizon)
    return sorted((int(row[0]), row[1]) for row in connection.execute(unaware.union(stopped)))


def counts(connection: sa.Connection, horizon: int) -> dict[str, int]:
    """By destination, urgent lanes of dossiers that are not late and whose promise is near, or over."""
    question = (
        sa.select(lane.c.destination, sa.func.count())
        .join(standing, standing.c.dossier_code == lane.c.dossier_code)
        .where(_URGENT, _OPEN, standing.c.due_at <= horizon, standing.c.by_date.not_in(_LATE))
        .group_by(lane.c.destination)
    )
    return {name: int(count) for name, count in connection.execute(question)}


def stopped_codes(connection: sa.Connection, after: str, horizon: int, most: int) -> list[str]:
    """The next dossiers after ``after`` that are being worked on, are due by ``horizon``, and have a lane in which
    nothing moves until somebody acts."""
    question = (
        sa.select(lane.c.dossier_code)
        .distinct()
        .join(standing, standing.c.dossier_code == lane.c.dossier_code)
        .where(
            _STOPPED,
            lane.c.dossier_code > after,
            _OPEN,
            standing.c.status.in_((2, 4)),
            standing.c.due_at <= horizon,
        )
        .order_by(lane.c.dossier_code)
        .limit(most)
    )
    return list(connection.execute(question).scalars())


def _glance(row: sa.Row[Any]) -> LaneGlance:
    values = dict(row._mapping)  # noqa: SLF001 - its public name
    return LaneGlance(**{**values, "urgent": bool(row.urgent), "behind": bool(row.behind)})
