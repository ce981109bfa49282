"""What readers ask about lanes that stand still: which, behind what, for how long, and how much waits behind.

Invariant: stopped lanes are found by their own index, and a lane's queue by its own; nothing else is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.operator_log import lane_target
from gateway.storage.queries_deliveries import VIEW_COLUMNS, DeliveryView, delivery_view
from gateway.storage.schema import delivery, lane, operator_action
from gateway.storage.urgency import promise_of

Stopped: TypeAlias = Literal["blocked", "held"]
QUEUE_SHOWN = 100
_HISTORY_SHOWN = 30


class LaneStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One lane. ``head``: the delivery that everything behind it waits for; null: nothing is to be sent. ``since``: when
    its head was tried last, or when it was held. ``behind``: how many wait behind the head."""

    destination: str
    dossier: str
    state: LaneState
    held_by: str | None
    held_reason: str | None
    held_at: datetime | None
    promise_at: datetime | None
    since: datetime | None
    head: DeliveryView | None
    behind: int


class DeskAction(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to a lane or its deliveries."""

    id: str
    at: datetime
    actor: str
    action: str
    reason: str
    detail: dict[str, Any]


class LaneDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One lane with what waits in it, in order, and what people did to it, newest first. ``cut``: more waits."""

    lane: LaneStanding
    queue: list[DeliveryView]
    cut: bool
    history: list[DeskAction]


def stopped_lanes(
    connection: sa.Connection,
    *,
    state: Stopped | None,
    before: int | None,
    limit: int,
    destinations: Sequence[str],
) -> list[tuple[int, LaneStanding]]:
    """Some lanes that are blocked or held, newest first, with the number to go on from."""
    columns = lane.c
    both: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{each}'") for each in ("blocked", "held")]
    question = sa.select(lane).where(columns.state.in_(both), columns.destination.in_(destinations))
    if state is not None:
        question = question.where(columns.state == state)
    if before is not None:
        question = question.where(columns.id < before)
    rows = connection.execute(question.order_by(columns.id.desc()).limit(limit)).all()
    queues = _queues(connection, [row.id for row in rows])
    return [(row.id, _standing(connection, row, *queues.get(row.id, (None, 0)))) for row in rows]


def lane_detail(connection: sa.Connection, destination: str, dossier: str) -> LaneDetail | None:
    """One lane, in whatever state; None when there is none."""
    row = connection.execute(
        sa.select(lane).where(lane.c.destination == destination, lane.c.dossier_code == dossier)
    ).one_or_none()
    if row is None:
        return None
    waiting = connection.execute(
        sa.select(*VIEW_COLUMNS)
        .where(delivery.c.lane_id == row.id, delivery.c.settled_at.is_(None))
        .order_by(delivery.c.position)
        .limit(QUEUE_SHOWN + 1)
    ).all()
    head, behind = _queues(connection, [row.id]).get(row.id, (None, 0))
    return LaneDetail(
        lane=_standing(connection, row, head, behind),
        queue=[delivery_view(each) for each in waiting[:QUEUE_SHOWN]],
        cut=len(waiting) > QUEUE_SHOWN,
        history=lane_history(connection, destination, dossier),
    )


def lane_history(connection: sa.Connection, destination: str, dossier: str) -> list[DeskAction]:
    """What people did to a lane, newest first."""
    columns = operator_action.c
    rows = connection.execute(
        sa.select(operator_action)
        .where(columns.target == lane_target(destination, dossier))
        .order_by(columns.id.desc())
        .limit(_HISTORY_SHOWN)
    )
    return [
        DeskAction(
            id=str(row.id),
            at=from_micros(row.at),
            actor=row.actor,
            action=row.action,
            reason=row.reason,
            detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
        )
        for row in rows
    ]


def _queues(connection: sa.Connection, lanes: Sequence[int]) -> dict[int, tuple[DeliveryView, int]]:
    """The head of every lane that has one, and how many wait behind it."""
    columns = delivery.c
    counted = connection.execute(
        sa.select(columns.lane_id, sa.func.min(columns.position), sa.func.count())
        .where(columns.lane_id.in_(lanes), columns.settled_at.is_(None))
        .group_by(columns.lane_id)
    ).all()
    behind = {row[0]: int(row[2]) - 1 for row in counted}
    heads = connection.execute(
        sa.select(*VIEW_COLUMNS).where(
            columns.settled_at.is_(None),
            sa.tuple_(columns.lane_id, columns.position).in_([(row[0], row[1]) for row in counted]),
        )
    )
    return {row.lane_id: (delivery_view(row), behind[row.lane_id]) for row in heads}


def _standing(connection: sa.Connection, row: Any, head: DeliveryView | None, behind: int) -> LaneStanding:
    held_at = None if row.held_by is None else _held_at(connection, row.destination, row.dossier_code)
    tried = None if head is None else head.sent_at or head.created_at
    if head is not None and head.state is DeliveryState.PENDING:
        tried = None
    return LaneStanding(
        destination=row.destination,
        dossier=row.dossier_code,
        state=LaneState(row.state),
        held_by=row.held_by,
        held_reason=row.held_reason,
        held_at=held_at,
        promise_at=promise_of(row.promise_at),
        since=held_at or tried,
        head=head,
        behind=behind,
    )


def _held_at(connection: sa.Connection, destination: str, dossier: str) -> datetime | None:
    columns = operator_action.c
    at: int | None = connection.execute(
        sa.select(columns.at)
        .where(columns.target == lane_target(destination, dossier), columns.action == "hold")
        .order_by(columns.id.desc())
        .limit(1)
    ).scalar()
    return maybe_from_micros(at)
