"""How many attempts stand how, for metrics: counted from a partial index, so that what is over costs nothing."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import OPEN, AttemptState
from gateway.storage.schema_payment import payment_attempt

STANDING = (*sorted(OPEN), AttemptState.QUARANTINED, AttemptState.DUPLICATE_PAID)
"""States in which somebody still has to do something."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """At one destination: attempts by state, and when the oldest open one was made, in microseconds."""

    attempts: dict[AttemptState, int]
    oldest: int | None


def figures(connection: sa.Connection, destination: str) -> Figures:
    """Count what is not over."""
    columns = payment_attempt.c
    rows = connection.execute(
        sa.select(columns.state, sa.func.count(), sa.func.min(columns.created_at))
        .where(
            columns.destination == destination,
            sa.literal_column("state NOT IN ('expired', 'failed', 'paid')"),
        )
        .group_by(columns.state)
    ).all()
    counted = {AttemptState(row[0]): (int(row[1]), int(row[2])) for row in rows}
    return Figures(
        attempts={state: counted.get(state, (0, 0))[0] for state in STANDING},
        oldest=min((since for state, (_, since) in counted.items() if state in OPEN), default=None),
    )
