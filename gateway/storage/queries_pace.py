"""How fast something is sent to a destination now, and what a pause of it would stop.

Invariant: it costs as much as was exchanged in a few seconds and as much as waits there now.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from gateway.storage.identity import lowest_identifier
from gateway.storage.instants import to_micros
from gateway.storage.schema import lane, message
from gateway.storage.urgency import SHIFT

WATCHED_SECONDS = 10
_MOVING = ("ready", "waiting", "leased")


class PauseEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What a pause stops. ``lanes``: of dossiers with something to tell, ``under_way`` of them at work now, which is
    finished; ``due_soon``: promised within ``soon_hours``; ``overdue``: whose promise is over already."""

    destination: str
    lanes: int
    under_way: int
    due_soon: int
    overdue: int
    soon_hours: int


def pace(connection: sa.Connection, name: str, now: datetime) -> float:
    """Requests a second to ``name`` in the last ten seconds."""
    columns, since = message.c, now - timedelta(seconds=WATCHED_SECONDS)
    question = sa.select(sa.func.count()).where(
        columns.channel == name,
        columns.id >= lowest_identifier(since),
        columns.at >= to_micros(since),
        columns.kind == "request",
    )
    return float(connection.execute(question).scalar_one()) / WATCHED_SECONDS


def pause_effect(connection: sa.Connection, name: str, now: datetime, *, soon_hours: int = 24) -> PauseEffect:
    """What would not leave for ``name`` while it is paused."""
    instant = to_micros(now)
    soon = instant + soon_hours * 3_600_000_000
    promise = sa.case((lane.c.promise_at < 0, lane.c.promise_at + SHIFT), else_=lane.c.promise_at)
    counts = [0, 0, 0, 0]
    for state in _MOVING:  # one partial index for each state
        rows = connection.execute(
            sa.select(
                sa.func.count(),
                sa.func.coalesce(sa.func.sum(sa.case((promise < instant, 1), else_=0)), 0),
                sa.func.coalesce(sa.func.sum(sa.case((promise.between(instant, soon), 1), else_=0)), 0),
            ).where(lane.c.destination == name, lane.c.state == sa.literal_column(f"'{state}'"))
        ).one()
        count, over, near = (int(each) for each in rows)
        counts = [
            counts[0] + count,
            counts[1] + (count if state == "leased" else 0),
            counts[2] + near,
            counts[3] + over,
        ]
    lanes, under_way, due_soon, overdue = counts
    return PauseEffect(
        destination=name,
        lanes=lanes,
        under_way=under_way,
        due_soon=due_soon,
        overdue=overdue,
        soon_hours=soon_hours,
    )
