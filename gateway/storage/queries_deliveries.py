"""What readers ask about deliveries and their attempts.

Invariant: every way to filter has an index to follow; what needs one more filter to be cheap is narrowed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import OPEN, DeliveryState
from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.queries import lane_ids
from gateway.storage.schema import STUCK, attempt, delivery, message


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries. ``code`` without ``state``: among those that are not final."""

    destination: str | None = None
    state: DeliveryState | None = None
    dossier: str | None = None
    operation: str | None = None
    code: str | None = None


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery. ``code`` and ``reason``: its last outcome; ``actor``: who must act.

    ``retried_at``: when a person last had it sent again; ``edited_at``: when one last corrected what it says.
    """

    id: str
    destination: str
    dossier: str
    operation: str
    key: str
    position: int
    state: DeliveryState
    attempts: int
    doubts: int
    due_at: datetime | None
    code: str | None
    reason: str | None
    actor: str | None
    created_at: datetime
    sent_at: datetime | None
    retried_at: datetime | None
    settled_at: datetime | None
    edited_at: datetime | None = None


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange: a sending or a question. ``ended_at`` null: under way. ``messages``: its log entries."""

    id: str
    kind: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    code: str | None
    reason: str | None
    deliveries: list[str]
    messages: list[str]


class DeliveryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its attempts, oldest first. ``attempts_cut``: only the latest are listed."""

    delivery: DeliveryView
    attempts: list[AttemptView]
    attempts_cut: bool


VIEW_COLUMNS = tuple(column for column in delivery.c if column.name not in {"payload", "digest"})
_ATTEMPTS_SHOWN = 200


def deliveries(
    connection: sa.Connection,
    wanted: DeliveryFilter,
    *,
    before: int | None,
    limit: int,
    destinations: Sequence[str],
) -> list[DeliveryView]:
    """Up to ``limit`` deliveries, newest first, older than ``before``; ``destinations``: all there are."""
    where, order = _conditions(wanted, destinations)
    if before is not None:
        where.append(order < before)
    question = sa.select(*VIEW_COLUMNS).where(*where).order_by(order.desc()).limit(limit)
    return [delivery_view(row) for row in connection.execute(question)]


def _conditions(
    wanted: DeliveryFilter, destinations: Sequence[str]
) -> tuple[list[sa.ColumnElement[bool]], sa.ColumnElement[int]]:
    """The conditions, and the expression to order by: the bare id only where walking the newest is cheap."""
    columns = delivery.c
    where: list[sa.ColumnElement[bool]] = []
    order: sa.ColumnElement[int] = columns.id
    if wanted.dossier is not None:
        where.append(columns.lane_id.in_(lane_ids(wanted.dossier)))
        if wanted.state is not DeliveryState.SUPERSEDED:
            where.append(columns.state != sa.literal_column("'superseded'"))
        order = columns.id + 0
    elif wanted.state in STUCK:
        where.append(sa.or_(*(columns.state == sa.literal_column(f"'{state}'") for state in STUCK)))
        if wanted.destination is None:
            where.append(columns.destination.in_(destinations))
    elif wanted.state in OPEN or (wanted.state is None and wanted.code is not None):
        where.append(columns.settled_at.is_(None))
        order = columns.id + 0  # not walked by id: few deliveries are open, and only they are in that index
    elif wanted.state is DeliveryState.SUPERSEDED:
        where.append(columns.state == sa.literal_column("'superseded'"))
        order = columns.id + 0
    for column, value in (
        (columns.destination, wanted.destination),
        (columns.state, wanted.state),
        (columns.operation, wanted.operation),
        (columns.code, wanted.code),
    ):
        if value is not None:
            where.append(column == value)
    return where, order


def delivery_view(row: sa.Row[Any]) -> DeliveryView:
    """One row as it is shown."""
    return DeliveryView(
        id=str(row.id),
        destination=row.destination,
        dossier=row.dossier_code,
        operation=row.operation,
        key=row.key,
        position=row.position,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        doubts=row.doubts,
        due_at=maybe_from_micros(row.due_at),
        code=row.code,
        reason=row.reason,
        actor=row.actor,
        created_at=from_micros(row.created_at),
        sent_at=maybe_from_micros(row.sent_at),
        retried_at=maybe_from_micros(row.retried_at),
        settled_at=maybe_from_micros(row.settled_at),
        edited_at=maybe_from_micros(row.edited_at),
    )


def delivery_detail(connection: sa.Connection, delivery_id: int) -> DeliveryDetail | None:
    """One delivery with its attempts; None when there is none."""
    found = connection.execute(sa.select(*VIEW_COLUMNS).where(delivery.c.id == delivery_id)).one_or_none()
    if found is None:
        return None
    rows = connection.execute(
        sa.select(attempt)
        .where(attempt.c.lane_id == found.lane_id, attempt.c.deliveries.contains(str(delivery_id)))
        .order_by(attempt.c.id.desc())
        .limit(_ATTEMPTS_SHOWN + 1)
    ).all()
    shown = list(reversed(rows[:_ATTEMPTS_SHOWN]))
    entries = _messages(connection, found.dossier_code, [row.id for row in shown])
    return DeliveryDetail(
        delivery=delivery_view(found),
        attempts=[attempt_view(row, entries.get(row.id, [])) for row in shown],
        attempts_cut=len(rows) > _ATTEMPTS_SHOWN,
    )


def _messages(connection: sa.Connection, dossier: str, attempts: Sequence[int]) -> dict[int, list[str]]:
    columns = message.c
    rows = connection.execute(
        sa.select(columns.id, columns.attempt_id)
        .where(columns.dossier_code == dossier, columns.attempt_id.in_(attempts))
        .order_by(columns.id)
    )
    found: dict[int, list[str]] = {}
    for message_id, attempt_id in rows:
        found.setdefault(attempt_id, []).append(str(message_id))
    return found


def attempt_view(row: sa.Row[Any], messages: list[str]) -> AttemptView:
    """One row as it is shown."""
    return AttemptView(
        id=str(row.id),
        kind=row.kind,
        started_at=from_micros(row.started_at),
        ended_at=maybe_from_micros(row.ended_at),
        outcome=row.outcome,
        code=row.code,
        reason=row.reason,
        deliveries=[str(item) for item in msgspec.json.decode(row.deliveries, type=list[int])],
        messages=messages,
    )
