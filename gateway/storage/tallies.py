"""Counting everything that ever happened: deliveries by state, doubts and how they ended, attempts by outcome.

For judging a run as a whole (demo, chaos): these read whole tables. Invariant: every figure is a count of rows; an
estimate never stands in for one.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import attempt, delivery, dossier, lane

STREAMED_AT_ONCE = 500


class StateCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries of one operation are in one state."""

    destination: str
    operation: str
    state: str
    count: int


class DoubtCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries that were ever in doubt are in one state now, and by which code they got there."""

    operation: str
    state: str
    code: str
    count: int


class AttemptCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts ended in one way. ``kind``: send or query."""

    operation: str
    kind: str
    outcome: str
    code: str
    count: int


def states(connection: sa.Connection, name: str | None = None) -> list[StateCount]:
    """Every delivery ever made, by destination, operation and state."""
    columns = (delivery.c.destination, delivery.c.operation, delivery.c.state)
    query = sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
    if name is not None:
        query = query.where(delivery.c.destination == name)
    return [
        StateCount(destination=row[0], operation=row[1], state=row[2], count=row[3])
        for row in connection.execute(query)
    ]


def doubts(connection: sa.Connection, name: str) -> list[DoubtCount]:
    """What became of the deliveries of destination ``name`` that were in doubt at least once."""
    columns = (delivery.c.operation, delivery.c.state, sa.func.coalesce(delivery.c.code, ""))
    query = (
        sa.select(*columns, sa.func.count())
        .where(delivery.c.destination == name, delivery.c.doubts > 0)
        .group_by(*columns)
        .order_by(*columns)
    )
    return [
        DoubtCount(operation=row[0], state=row[1], code=row[2], count=row[3])
        for row in connection.execute(query)
    ]


def attempts(connection: sa.Connection, name: str) -> list[AttemptCount]:
    """Every ended attempt at destination ``name``, by how it ended."""
    columns = (attempt.c.operation, attempt.c.kind, attempt.c.outcome, sa.func.coalesce(attempt.c.code, ""))
    query = (
        sa.select(*columns, sa.func.count())
        .where(attempt.c.destination == name, attempt.c.ended_at.is_not(None))
        .group_by(*columns)
        .order_by(*columns)
    )
    return [
        AttemptCount(operation=row[0], kind=row[1], outcome=row[2] or "", code=row[3], count=row[4])
        for row in connection.execute(query)
    ]


def partner_codes(connection: sa.Connection, name: str) -> dict[str, str]:
    """Dossier number at destination ``name`` by our own, for dossiers that have one there."""
    rows = connection.execute(
        sa.select(lane.c.dossier_code, lane.c.partner_code).where(
            lane.c.destination == name, lane.c.partner_code.is_not(None)
        )
    )
    return {row[0]: row[1] for row in rows}


def dossier_records(connection: sa.Connection) -> Iterator[bytes]:
    """The canonical JSON of every dossier's newest version, by number, in bounded memory.

    Page by page: readers of PostgreSQL run without a transaction, where no cursor can stay open.
    """
    after = ""
    while True:
        page = (
            sa.select(dossier.c.code, dossier.c.record)
            .where(dossier.c.code > after)
            .order_by(dossier.c.code)
            .limit(STREAMED_AT_ONCE)
        )
        rows = connection.execute(page).all()
        yield from (bytes(row.record) for row in rows)
        if len(rows) < STREAMED_AT_ONCE:
            return
        after = rows[-1].code
