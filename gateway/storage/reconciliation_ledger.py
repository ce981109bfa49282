"""Both ledgers over a period, summed where they stand: a row a day and class.

Reads only. Invariant: a sum is over the same rows as the list of items, so that the two cannot tell different things.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.domain.reconciliation import Kind
from gateway.storage.instants import from_micros
from gateway.storage.schema_payment import payment_attempt, reconciliation


class DayClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of one day, in đồng. ``at``: the last look at one of its items."""

    day: int
    kind: Kind
    items: int
    open: int
    ours: int
    theirs: int
    difference: int
    at: datetime


def day_classes(connection: sa.Connection, first: int, last: int, destination: str | None) -> list[DayClass]:
    """Every class of every day from ``first`` to ``last``, by day."""
    columns = reconciliation.c
    is_open = sa.case((columns.state == "open", 1), else_=0)
    question = (
        sa.select(
            columns.day,
            columns.kind,
            sa.func.count(),
            sa.func.sum(is_open),
            sa.func.sum(columns.ours_amount),
            sa.func.sum(sa.func.coalesce(columns.theirs_amount, 0)),
            sa.func.sum(columns.difference),
            sa.func.max(columns.at),
        )
        .where(columns.day.between(first, last))
        .group_by(columns.day, columns.kind)
        .order_by(columns.day, columns.kind)
    )
    if destination is not None:
        question = question.where(columns.destination == destination)
    return [
        DayClass(
            day=int(day),
            kind=Kind(kind),
            items=int(count),
            open=int(opened),
            ours=int(ours),
            theirs=int(theirs),
            difference=int(difference),
            at=from_micros(int(at)),
        )
        for day, kind, count, opened, ours, theirs, difference, at in connection.execute(question)
    ]


def payments_of(connection: sa.Connection, attempts: set[int]) -> dict[int, int]:
    """Which payment each attempt belongs to."""
    columns = payment_attempt.c
    question = sa.select(columns.id, columns.request_id).where(columns.id.in_(attempts))
    return {int(row.id): int(row.request_id) for row in connection.execute(question)} if attempts else {}
