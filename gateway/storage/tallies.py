"""Counting what stands where: deliveries by state, doubts and how they ended, attempts by outcome, destinations.

Cold reads for people (status, demo), never for the way of a delivery. Invariant: every figure is a count of rows; an
estimate never stands in for one.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import attempt, delivery, destination, dossier, lane

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


class DestinationState(msgspec.Struct, frozen=True, kw_only=True):
    """One destination as every process sees it. Instants in microseconds since the epoch, UTC."""

    name: str
    paused_by: str | None = None
    paused_reason: str | None = None
    failures: int = 0
    open_until: int | None = None
    opened_at: int | None = None
    last_success_at: int | None = None
    last_failure: str | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination has not finished. ``oldest_at``: when its oldest open delivery was accepted."""

    destination: str
    count: int
    oldest_at: int | None
    in_doubt: int
    for_operator: int


def all_states(connection: sa.Connection, name: str | None = None) -> list[StateCount]:
    """Every delivery ever made, by destination, operation and state."""
    return _states(connection, name, everything=True)


def open_states(connection: sa.Connection, name: str | None = None) -> list[StateCount]:
    """Deliveries that are not final, by destination, operation and state."""
    return _states(connection, name, everything=False)


def _states(connection: sa.Connection, name: str | None, *, everything: bool) -> list[StateCount]:
    columns = (delivery.c.destination, delivery.c.operation, delivery.c.state)
    query = sa.select(*columns, sa.func.count()).group_by(*columns).order_by(*columns)
    if not everything:
        query = query.where(delivery.c.settled_at.is_(None))
    if name is not None:
        query = query.where(delivery.c.destination == name)
    return [
        StateCount(destination=row[0], operation=row[1], state=row[2], count=row[3])
        for row in connection.execute(query)
    ]


def waiting(connection: sa.Connection) -> list[Waiting]:
    """What is open, per destination that has something open."""
    doubtful = delivery.c.state == "in_doubt"
    stuck = sa.or_(delivery.c.state.in_(("rejected", "parked")), doubtful & delivery.c.due_at.is_(None))
    query = (
        sa.select(
            delivery.c.destination,
            sa.func.count(),
            sa.func.min(delivery.c.created_at),
            sa.func.sum(sa.case((doubtful, 1), else_=0)),
            sa.func.sum(sa.case((stuck, 1), else_=0)),
        )
        .where(delivery.c.settled_at.is_(None))
        .group_by(delivery.c.destination)
    )
    return [
        Waiting(
            destination=row[0], count=row[1], oldest_at=row[2], in_doubt=int(row[3]), for_operator=int(row[4])
        )
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


def lane_states(connection: sa.Connection, name: str) -> dict[str, int]:
    """How many lanes of destination ``name`` are in each state."""
    query = sa.select(lane.c.state, sa.func.count()).where(lane.c.destination == name).group_by(lane.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def destination_states(connection: sa.Connection) -> dict[str, DestinationState]:
    """Every destination that something was ever noted about, by name."""
    columns = [destination.c[name] for name in DestinationState.__struct_fields__]
    rows = connection.execute(sa.select(*columns)).mappings()
    return {row["name"]: DestinationState(**row) for row in rows}


def partner_codes(connection: sa.Connection, name: str) -> dict[str, str]:
    """Dossier number at destination ``name`` by our own, for dossiers that have one there."""
    rows = connection.execute(
        sa.select(lane.c.dossier_code, lane.c.partner_code).where(
            lane.c.destination == name, lane.c.partner_code.is_not(None)
        )
    )
    return {row[0]: row[1] for row in rows}


def dossier_records(connection: sa.Connection) -> Iterator[bytes]:
    """The canonical JSON of every dossier's newest version, by number, in bounded memory."""
    query = sa.select(dossier.c.record).order_by(dossier.c.code)
    rows = connection.execution_options(yield_per=STREAMED_AT_ONCE).execute(query)
    return (bytes(row[0]) for row in rows)


def dossier_record(connection: sa.Connection, code: str) -> bytes | None:
    """The canonical JSON of one dossier's newest version; None when there is no such dossier."""
    row = connection.execute(sa.select(dossier.c.record).where(dossier.c.code == code)).first()
    return None if row is None else bytes(row[0])
