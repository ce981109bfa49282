"""The history of one dossier, from every table that knows of it, in order of time.

Invariant: pages joined together give every entry exactly once, in the order of (instant, identifier).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.log import STORED_BODY, StoredBody, stored_body, with_body
from gateway.storage.operator_log import lane_target
from gateway.storage.payment_views import PaymentGlance, SettlementView
from gateway.storage.queries import lane_ids
from gateway.storage.queries_deliveries import (
    VIEW_COLUMNS as DELIVERY_COLUMNS,
)
from gateway.storage.queries_deliveries import (
    AttemptView,
    DeliveryView,
    attempt_view,
    delivery_view,
)
from gateway.storage.queries_messages import VIEW_COLUMNS as MESSAGE_COLUMNS
from gateway.storage.queries_messages import MessageView, listed_message
from gateway.storage.queries_payment import settlement_view
from gateway.storage.queries_payments import GLANCE_COLUMNS, glances
from gateway.storage.schema import attempt, delivery, event, lane, message, operator_action
from gateway.storage.schema_payment import payment_request, settlement
from gateway.storage.schema_status import sync_lag


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every entry has."""

    id: str
    at: datetime


class ReceivedVersion(Entry, frozen=True, kw_only=True, tag="version"):
    """A version came in, as a record of ``size`` bytes; ``stored``: as the log keeps it."""

    size: int
    stored: StoredBody


class LagView(msgspec.Struct, frozen=True, kw_only=True):
    """How long a delivery took, once it was acknowledged: from the event to us, to the sending, to the answer.

    ``event_at`` null: not known, or told before. Where it told the end of the dossier: what the partner showed until
    then (``in_time``, ``late``, or wrongly ``sync_late``), and through whom.
    """

    event_at: datetime | None
    received_at: datetime
    sent_at: datetime | None
    acknowledged_at: datetime
    by_date: str | None
    late_cause: str | None
    by_instant: str | None
    late_cause_by_instant: str | None


class DeliveryEntry(Entry, frozen=True, kw_only=True, tag="delivery"):
    """A delivery was planned; shown as it stands now. ``lag`` null: not acknowledged, or not measured yet."""

    delivery: DeliveryView
    lag: LagView | None = None


class AttemptEntry(Entry, frozen=True, kw_only=True, tag="attempt"):
    """An exchange with a partner began."""

    destination: str
    operation: str
    attempt: AttemptView


class MessageEntry(Entry, frozen=True, kw_only=True, tag="message"):
    """A request, an answer or the lack of one went into the message log."""

    message: MessageView


class EventEntry(Entry, frozen=True, kw_only=True, tag="event"):
    """Something was told to the one-door system. ``event`` names it."""

    event: str
    destination: str | None
    data: dict[str, Any]


class ActionEntry(Entry, frozen=True, kw_only=True, tag="action"):
    """A person did something."""

    action: str
    actor: str
    destination: str
    reason: str
    detail: dict[str, Any]


class PaymentEntry(Entry, frozen=True, kw_only=True, tag="payment"):
    """Money was asked for; shown as it stands now."""

    payment: PaymentGlance


class SettlementEntry(Entry, frozen=True, kw_only=True, tag="settlement"):
    """It was paid, and on whose word."""

    payment: str
    settlement: SettlementView


StoredEntry: TypeAlias = (
    ReceivedVersion
    | DeliveryEntry
    | AttemptEntry
    | MessageEntry
    | EventEntry
    | ActionEntry
    | PaymentEntry
    | SettlementEntry
)
TimelineKey: TypeAlias = tuple[int, int]
_Instant: TypeAlias = "sa.Column[Any]"


def timeline(
    connection: sa.Connection, code: str, after: TimelineKey | None, limit: int
) -> list[StoredEntry]:
    """Up to ``limit`` entries of a dossier's history after the key of ``timeline_key``, oldest first."""

    def page(question: sa.Select[Any], at: _Instant, row_id: _Instant) -> Iterable[sa.Row[Any]]:
        if after is not None:
            question = question.where(sa.tuple_(at, row_id) > sa.tuple_(*map(sa.literal, after)))
        return connection.execute(question.order_by(at, row_id).limit(limit))

    sources: tuple[Callable[[str, _Page], Iterator[StoredEntry]], ...] = (
        _versions,
        _deliveries,
        _attempts,
        _messages,
        _events,
    )
    parts = [source(code, page) for source in sources]
    parts += [_actions(connection, code, page), _payments(connection, code, page), _settlements(code, page)]
    merged = heapq.merge(*parts, key=timeline_key)
    return [entry for _, entry in zip(range(limit), merged, strict=False)]


_Page: TypeAlias = Callable[["sa.Select[Any]", _Instant, _Instant], Iterable["sa.Row[Any]"]]


def timeline_key(entry: StoredEntry) -> TimelineKey:
    """The place of ``entry``, to go on after it."""
    return to_micros(entry.at), int(entry.id)


_IS_VERSION = sa.and_(
    message.c.channel == "api", message.c.direction == "in", message.c.operation == "dossier"
)


def _versions(code: str, page: _Page) -> Iterator[StoredEntry]:
    columns = message.c
    question = (
        sa.select(columns.id, columns.at, columns.body_size, *STORED_BODY)
        .select_from(with_body(message))
        .where(columns.dossier_code == code, _IS_VERSION)
    )
    for row in page(question, columns.at, columns.id):
        yield ReceivedVersion(
            id=str(row.id), at=from_micros(row.at), size=row.body_size, stored=stored_body(row)
        )


def _deliveries(code: str, page: _Page) -> Iterator[StoredEntry]:
    columns = delivery.c
    superseded = columns.state == sa.literal_column("'superseded'")
    of_dossier = columns.lane_id.in_(lane_ids(code))
    # two partial indexes, one for each half
    question = (
        sa.select(*DELIVERY_COLUMNS, *_LAG_COLUMNS)
        .outerjoin(sync_lag, sync_lag.c.delivery_id == columns.id)
        .where(
            columns.id.in_(
                sa.union_all(
                    sa.select(columns.id).where(
                        of_dossier, columns.state != sa.literal_column("'superseded'")
                    ),
                    sa.select(columns.id).where(of_dossier, superseded),
                )
            )
        )
    )
    for row in page(question, columns.created_at, columns.id):
        yield DeliveryEntry(
            id=str(row.id), at=from_micros(row.created_at), delivery=delivery_view(row), lag=_lag(row)
        )


_LAG_COLUMNS = tuple(sync_lag.c[name].label(f"lag_{name}") for name in LagView.__struct_fields__)


def _lag(row: sa.Row[Any]) -> LagView | None:
    if row.lag_acknowledged_at is None:
        return None
    return LagView(
        event_at=maybe_from_micros(row.lag_event_at),
        received_at=from_micros(row.lag_received_at),
        sent_at=maybe_from_micros(row.lag_sent_at),
        acknowledged_at=from_micros(row.lag_acknowledged_at),
        by_date=row.lag_by_date,
        late_cause=row.lag_late_cause,
        by_instant=row.lag_by_instant,
        late_cause_by_instant=row.lag_late_cause_by_instant,
    )


def _attempts(code: str, page: _Page) -> Iterator[StoredEntry]:
    question = sa.select(attempt).where(attempt.c.lane_id.in_(lane_ids(code)))
    for row in page(question, attempt.c.started_at, attempt.c.id):
        yield AttemptEntry(
            id=str(row.id),
            at=from_micros(row.started_at),
            destination=row.destination,
            operation=row.operation,
            attempt=attempt_view(row, []),
        )


def _messages(code: str, page: _Page) -> Iterator[StoredEntry]:
    # what people did stands in the history as actions
    question = sa.select(*MESSAGE_COLUMNS).where(
        message.c.dossier_code == code, sa.not_(_IS_VERSION), message.c.channel != "operator"
    )
    for row in page(question, message.c.at, message.c.id):
        yield MessageEntry(id=str(row.id), at=from_micros(row.at), message=listed_message(row))


def _events(code: str, page: _Page) -> Iterator[StoredEntry]:
    question = sa.select(event).where(event.c.dossier_code == code)
    for row in page(question, event.c.at, event.c.id):
        yield EventEntry(
            id=str(row.id),
            at=from_micros(row.at),
            event=row.kind,
            destination=row.destination,
            data=msgspec.json.decode(row.data, type=dict[str, Any]),
        )


def _payments(connection: sa.Connection, code: str, page: _Page) -> Iterator[StoredEntry]:
    columns = payment_request.c
    rows = list(
        page(sa.select(*GLANCE_COLUMNS).where(columns.dossier_code == code), columns.created_at, columns.id)
    )
    for row, glance in zip(rows, glances(connection, rows), strict=True):
        yield PaymentEntry(id=str(row.id), at=from_micros(row.created_at), payment=glance)


def _settlements(code: str, page: _Page) -> Iterator[StoredEntry]:
    columns = settlement.c
    of_dossier = sa.select(payment_request.c.id).where(payment_request.c.dossier_code == code)
    question = sa.select(settlement).where(columns.request_id.in_(of_dossier))
    for row in page(question, columns.at, columns.id):
        yield SettlementEntry(
            id=str(row.id),
            at=from_micros(row.at),
            payment=str(row.request_id),
            settlement=settlement_view(row),
        )


def _actions(connection: sa.Connection, code: str, page: _Page) -> Iterator[StoredEntry]:
    destinations = connection.execute(sa.select(lane.c.destination).where(lane.c.dossier_code == code))
    targets = [lane_target(name, code) for name in destinations.scalars()]
    columns = operator_action.c
    for row in page(sa.select(operator_action).where(columns.target.in_(targets)), columns.at, columns.id):
        yield ActionEntry(
            id=str(row.id),
            at=from_micros(row.at),
            action=row.action,
            actor=row.actor,
            destination=row.target.removesuffix(f"/{code}"),
            reason=row.reason,
            detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
        )
