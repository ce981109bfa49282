"""What readers ask about the whole: health of destinations, backlog, dossiers by status, workers.

Invariant: counts of what is open cost as much as there is open, not as much as was ever stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.schema import (
    catalogue_fetch,
    delivery,
    destination,
    dossier,
    event,
    lane,
    message,
    worker,
)

_LATEST_MESSAGES = 2_000
_RUNNING_STATUSES = ("registered", "received", "processing", "supplement_requested", "payment_requested")


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination still has to be told. ``oldest_at``: when its oldest open delivery was planned."""

    deliveries: dict[DeliveryState, int] = {}
    oldest_at: datetime | None = None


class DestinationRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables say about one destination."""

    name: str
    paused_by: str | None = None
    paused_reason: str | None = None
    failures: int = 0
    open_until: datetime | None = None
    opened_at: datetime | None = None
    last_success_at: datetime | None = None
    last_failure: str | None = None


class CatalogueView(msgspec.Struct, frozen=True, kw_only=True):
    """Age of one cached catalogue. ``parameters`` is canonical JSON."""

    name: str
    parameters: str
    fetched_at: datetime | None
    entries: int | None
    failed_at: datetime | None
    failure: str | None


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that has registered."""

    id: int
    host: str
    pid: int
    started_at: datetime
    beat: int


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over everything. ``overdue``: still running and past the promised instant."""

    dossiers: dict[str, int]
    overdue: int
    messages: int
    events: int
    workers: list[WorkerView]


def backlogs(connection: sa.Connection) -> dict[str, Backlog]:
    """The backlog of every destination that has one."""
    columns = delivery.c
    rows = connection.execute(
        sa.select(
            columns.destination,
            columns.state,
            sa.func.count().label("count"),
            sa.func.min(columns.created_at).label("oldest"),
        )
        .where(columns.settled_at.is_(None))
        .group_by(columns.destination, columns.state)
    ).all()
    found: dict[str, Backlog] = {}
    for name, state, count, oldest in rows:
        before = found.get(name, Backlog())
        at = from_micros(oldest)
        found[name] = Backlog(
            deliveries={**before.deliveries, DeliveryState(state): count},
            oldest_at=at if before.oldest_at is None else min(before.oldest_at, at),
        )
    return found


# an expression, or SQLite groups leased lanes by walking all of them in the order of destinations
_NAME: sa.ColumnElement[str] = sa.literal_column("lane.destination || ''")


def lane_counts(connection: sa.Connection) -> dict[str, dict[LaneState, int]]:
    """Lanes that are not idle, by destination and state; one partial index for each state."""
    found: dict[str, dict[LaneState, int]] = {}
    for state in LaneState:
        if state is LaneState.IDLE:
            continue
        where = lane.c.state == sa.literal_column(f"'{state.value}'")
        if state in {LaneState.BLOCKED, LaneState.HELD}:
            where = sa.and_(
                where, lane.c.state.in_([sa.literal_column(f"'{s}'") for s in ("blocked", "held")])
            )
        rows = connection.execute(sa.select(_NAME, sa.func.count()).where(where).group_by(_NAME))
        for name, count in rows:
            found.setdefault(name, {})[state] = count
    return found


def destination_rows(connection: sa.Connection, names: Sequence[str]) -> dict[str, DestinationRow]:
    """The rows of ``names``; one that was never written to is as good as new."""
    columns = destination.c
    rows = connection.execute(sa.select(destination).where(columns.name.in_(names))).all()
    found = {
        name: DestinationRow(name=name, last_success_at=last_success(connection, name)) for name in names
    }
    for row in rows:
        found[row.name] = DestinationRow(
            name=row.name,
            paused_by=row.paused_by,
            paused_reason=row.paused_reason,
            failures=row.failures,
            open_until=maybe_from_micros(row.open_until),
            opened_at=maybe_from_micros(row.opened_at),
            last_success_at=found[row.name].last_success_at or maybe_from_micros(row.last_success_at),
            last_failure=row.last_failure,
        )
    return found


def last_success(connection: sa.Connection, name: str) -> datetime | None:
    """When ``name`` last accepted something, among its latest log entries."""
    latest = (
        sa.select(message.c.at, message.c.outcome)
        .where(message.c.channel == name)
        .order_by(message.c.id.desc())
        .limit(_LATEST_MESSAGES)
        .subquery()
    )
    question = sa.select(sa.func.max(latest.c.at)).where(latest.c.outcome == "accepted")
    return maybe_from_micros(connection.execute(question).scalar())


def catalogue_ages(connection: sa.Connection, name: str) -> list[CatalogueView]:
    """What was fetched from one destination, and when."""
    table = catalogue_fetch.c
    rows = connection.execute(
        sa.select(catalogue_fetch).where(table.destination == name).order_by(table.name, table.parameters)
    )
    return [
        CatalogueView(
            name=row.name,
            parameters=row.parameters,
            fetched_at=maybe_from_micros(row.fetched_at),
            entries=row.entries,
            failed_at=maybe_from_micros(row.failed_at),
            failure=row.failure,
        )
        for row in rows
    ]


def totals(connection: sa.Connection, now: datetime) -> Totals:
    """Counts over everything."""
    by_status = connection.execute(sa.select(dossier.c.status, sa.func.count()).group_by(dossier.c.status))
    overdue = connection.execute(
        sa.select(sa.func.count()).where(
            dossier.c.status.in_(_RUNNING_STATUSES), dossier.c.due_at < to_micros(now)
        )
    ).scalar_one()
    messages = sa.select(sa.func.max(message.c.seq)).where(message.c.seq.is_not(None))
    events = sa.select(sa.func.max(event.c.position)).where(event.c.position.is_not(None))
    return Totals(
        dossiers={row[0]: row[1] for row in by_status},
        overdue=overdue,
        messages=connection.execute(messages).scalar() or 0,
        events=connection.execute(events).scalar() or 0,
        workers=_workers(connection),
    )


def _workers(connection: sa.Connection) -> list[WorkerView]:
    return [
        WorkerView(
            id=row.id, host=row.host, pid=row.pid, started_at=from_micros(row.started_at), beat=row.beat
        )
        for row in connection.execute(sa.select(worker).order_by(worker.c.id))
    ]


def worker_beats(connection: sa.Connection) -> dict[int, int]:
    """How often each registered worker has given a sign of life."""
    return {row.id: row.beat for row in connection.execute(sa.select(worker.c.id, worker.c.beat))}


def answers(connection: sa.Connection) -> bool:
    """Whether the database answers at all."""
    return bool(connection.execute(sa.select(1)).scalar())
