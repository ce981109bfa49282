"""What readers ask about dossiers: lists, one dossier with its lanes, its steps' deliveries.

Reads only, on read-only connections. Identifiers are handed out as decimal strings, since they exceed what every
JSON reader can hold. Invariant: no question reads a large table from end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.status import Status
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.lanes import memory_in
from gateway.storage.schema import delivery, dossier, lane

DossierOrder: TypeAlias = Literal["code", "updated_at", "due_at"]


class DossierFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers. ``prefix``: how the number begins. Instants: from (inclusive), before (exclusive). ``due_at`` order
    leaves out those without."""

    prefix: str | None = None
    status: Status | None = None
    procedure: str | None = None
    agency: str | None = None
    source: str | None = None
    channel: str | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    updated_from: datetime | None = None
    updated_before: datetime | None = None
    order: DossierOrder = "code"


class DossierGlance(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier in a list: no person's data."""

    code: str
    version: int
    source: str
    status: str
    procedure: str
    agency: str
    channel: str
    submitted_at: datetime | None
    received_at: datetime | None
    due_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    updated_at: datetime


class LaneView(msgspec.Struct, frozen=True, kw_only=True):
    """How one destination stands with one dossier. ``due_at`` only while the lane waits; ``open`` deliveries by
    state; ``acknowledged_*``: what the partner has confirmed."""

    destination: str
    state: LaneState
    partner_code: str | None
    due_at: datetime | None
    acknowledged_status: str | None
    acknowledged_version: int | None
    acknowledged_at: datetime | None
    held_by: str | None
    held_reason: str | None
    open: dict[DeliveryState, int]


class StoredDossier(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier as stored: ``record`` is its canonical JSON after translation."""

    code: str
    version: int
    record: bytes
    created_at: datetime
    updated_at: datetime
    lanes: list[LaneView]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a delivery of a dossier stands, by operation and key."""

    destination: str
    operation: str
    key: str
    delivery: str
    state: DeliveryState
    settled_at: datetime | None


class LaneMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What ``encode`` is told about a dossier at a partner."""

    lane: int
    memory: dict[str, str]


DossierKey: TypeAlias = tuple[int | str, ...]


def dossiers(
    connection: sa.Connection, wanted: DossierFilter, after: DossierKey | None, limit: int
) -> list[DossierGlance]:
    """Up to ``limit`` dossiers in order, those after the key of ``dossier_key``."""
    keys = _order_columns(wanted.order)
    question = sa.select(*(column for column in dossier.c if column.name not in {"record", "digest"}))
    question = question.where(*_conditions(wanted)).order_by(*keys).limit(limit)
    if after is not None:
        question = question.where(sa.tuple_(*keys) > sa.tuple_(*map(sa.literal, after)))
    if wanted.order != "due_at":
        return [_glance(row) for row in connection.execute(question)]
    question = question.where(dossier.c.due_at.is_not(None))
    if after is not None:
        question = question.where(dossier.c.due_at >= after[0])
    # promises are in order within a state (ix_dossier_status_due_at): the first of each state hold the first of all
    states = list(Status) if wanted.status is None else [wanted.status]
    found = [
        row for state in states for row in connection.execute(question.where(dossier.c.status == state.value))
    ]
    return [_glance(row) for row in sorted(found, key=lambda row: (row.due_at, row.code))[:limit]]


def dossier_key(order: DossierOrder, last: DossierGlance) -> DossierKey:
    """The place of ``last`` in the order, to go on after it."""
    match order:
        case "code":
            return (last.code,)
        case "updated_at":
            return to_micros(last.updated_at), last.code
        case "due_at":
            return to_micros(last.due_at or last.updated_at), last.code


def _order_columns(order: DossierOrder) -> list[sa.Column[Any]]:
    return [dossier.c.code] if order == "code" else [dossier.c[order], dossier.c.code]


def _conditions(wanted: DossierFilter) -> list[sa.ColumnElement[bool]]:
    columns = dossier.c
    equal = {
        columns.status: wanted.status,
        columns.procedure_code: wanted.procedure,
        columns.agency_code: wanted.agency,
        columns.source: wanted.source,
        columns.channel: wanted.channel,
    }
    conditions = [column == value for column, value in equal.items() if value is not None]
    if wanted.prefix is not None:
        # the first condition is the index's; the second one is exact in every collation
        conditions += [
            columns.code >= wanted.prefix,
            sa.func.substr(columns.code, 1, len(wanted.prefix)) == wanted.prefix,
        ]
    for column, start, end in (
        (columns.due_at, wanted.due_from, wanted.due_before),
        (columns.updated_at, wanted.updated_from, wanted.updated_before),
    ):
        conditions += within(column, start, end)
    return conditions


def within(
    column: sa.Column[Any], start: datetime | None, end: datetime | None
) -> list[sa.ColumnElement[bool]]:
    """``start <= column < end``, as far as given."""
    conditions: list[sa.ColumnElement[bool]] = []
    if start is not None:
        conditions.append(column >= to_micros(start))
    if end is not None:
        conditions.append(column < to_micros(end))
    return conditions


def _glance(row: sa.Row[Any]) -> DossierGlance:
    return DossierGlance(
        code=row.code,
        version=row.version,
        source=row.source,
        status=row.status,
        procedure=row.procedure_code,
        agency=row.agency_code,
        channel=row.channel,
        submitted_at=maybe_from_micros(row.submitted_at),
        received_at=maybe_from_micros(row.received_at),
        due_at=maybe_from_micros(row.due_at),
        finished_at=maybe_from_micros(row.finished_at),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
    )


def stored_dossier(connection: sa.Connection, code: str) -> StoredDossier | None:
    """One dossier with its lanes; None when there is none."""
    columns = dossier.c
    row = connection.execute(
        sa.select(
            columns.code, columns.version, columns.record, columns.created_at, columns.updated_at
        ).where(columns.code == code)
    ).one_or_none()
    if row is None:
        return None
    return StoredDossier(
        code=row.code,
        version=row.version,
        record=bytes(row.record),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        lanes=lanes_of(connection, code),
    )


def version_of(connection: sa.Connection, code: str) -> int | None:
    """The stored version of a dossier; None when there is none."""
    version = connection.execute(sa.select(dossier.c.version).where(dossier.c.code == code)).scalar()
    return None if version is None else int(version)


def lanes_of(connection: sa.Connection, code: str) -> list[LaneView]:
    """Every lane of a dossier, by destination."""
    rows = connection.execute(
        sa.select(lane).where(lane.c.dossier_code == code).order_by(lane.c.destination)
    ).all()
    counts = connection.execute(
        sa.select(delivery.c.lane_id, delivery.c.state, sa.func.count().label("count"))
        .where(delivery.c.lane_id.in_([row.id for row in rows]), delivery.c.settled_at.is_(None))
        .group_by(delivery.c.lane_id, delivery.c.state)
    ).all()
    open_by_lane: dict[int, dict[DeliveryState, int]] = {}
    for lane_id, state, count in counts:
        open_by_lane.setdefault(lane_id, {})[DeliveryState(state)] = count
    return [_lane(row, open_by_lane.get(row.id, {})) for row in rows]


def _lane(row: sa.Row[Any], open_by_state: dict[DeliveryState, int]) -> LaneView:
    state = LaneState(row.state)
    return LaneView(
        destination=row.destination,
        state=state,
        partner_code=row.partner_code,
        due_at=from_micros(row.due_at) if state is LaneState.WAITING else None,
        acknowledged_status=row.acknowledged_status,
        acknowledged_version=row.acknowledged_version,
        acknowledged_at=maybe_from_micros(row.acknowledged_at),
        held_by=row.held_by,
        held_reason=row.held_reason,
        open=open_by_state,
    )


def standings(connection: sa.Connection, code: str) -> Sequence[Standing]:
    """Every delivery of a dossier that was not superseded, in order of destination and place in the lane."""
    columns = delivery.c
    rows = connection.execute(
        sa.select(
            columns.destination,
            columns.operation,
            columns.key,
            columns.id,
            columns.state,
            columns.settled_at,
        )
        .where(columns.lane_id.in_(lane_ids(code)), columns.state != sa.literal_column("'superseded'"))
        .order_by(columns.destination, columns.position, columns.id)
    )
    return [
        Standing(
            destination=row.destination,
            operation=row.operation,
            key=row.key,
            delivery=str(row.id),
            state=DeliveryState(row.state),
            settled_at=maybe_from_micros(row.settled_at),
        )
        for row in rows
    ]


def lane_ids(code: str) -> sa.Select[tuple[int]]:
    """The lanes of a dossier, as a sub-question."""
    return sa.select(lane.c.id).where(lane.c.dossier_code == code)


def lane_memory(connection: sa.Connection, destination: str, code: str) -> LaneMemory | None:
    """What the lane has learnt; None when the dossier has no lane to ``destination`` yet."""
    row = connection.execute(
        sa.select(lane.c.id, lane.c.memory, lane.c.partner_code).where(
            lane.c.destination == destination, lane.c.dossier_code == code
        )
    ).one_or_none()
    if row is None:
        return None
    return LaneMemory(lane=row.id, memory=memory_in(row.memory, row.partner_code))
