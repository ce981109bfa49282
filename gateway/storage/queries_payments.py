"""What readers ask about payments: lists of payments, orphans and decisions, and counts of what needs a person.

Reads only. Invariant: no question reads a table from end to end: what narrows a list has an index, and a list that
nothing narrows is walked from its newest row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import AttemptState, RequestState
from gateway.storage.instants import from_micros, maybe_from_micros, to_micros
from gateway.storage.payment_views import DecisionView, OrphanView, PaymentGlance, RefundView
from gateway.storage.queries import within
from gateway.storage.queries_payment import decision_view, refund_view, text_of
from gateway.storage.schema_payment import (
    payment_attempt,
    payment_decision,
    payment_orphan,
    payment_request,
    receipt,
    refund,
)

PaymentKey: TypeAlias = tuple[int, int]
LATE_QUESTION = timedelta(minutes=10)
# so many attempts end like this that looking for them from the newest request on is the short way
_USUAL = frozenset({AttemptState.PAID, AttemptState.FAILED})


GLANCE_COLUMNS = tuple(column for column in payment_request.c if column.name != "terms")


class PaymentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which payments. ``attempt``: one of its attempts stands so; ``transaction``: MaGiaoDich of an attempt.

    Instants of creation: from (inclusive), before (exclusive).
    """

    destination: str | None = None
    dossier: str | None = None
    state: RequestState | None = None
    attempt: AttemptState | None = None
    reference: str | None = None
    transaction: str | None = None
    amount: int | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None


class OrphanFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which orphans; without ``state`` all of them."""

    destination: str | None = None
    state: Literal["open", "matched", "refunded"] | None = None
    reference: str | None = None


class PaymentTroubles(msgspec.Struct, frozen=True, kw_only=True):
    """What a person must look at. ``open``: requests that are not paid yet, which is no trouble.

    ``quarantined``: money that does not fit; ``paid_twice``: money to give back; ``unknown``: nobody knows whether the
    platform has the attempt; ``unasked``: the platform should have been asked ten minutes ago; ``orphans``: money for
    nothing that is known; ``receipts``: given up; ``refunds``, ``decisions``: wait for a second person.
    """

    open: int = 0
    quarantined: int = 0
    paid_twice: int = 0
    unknown: int = 0
    unasked: int = 0
    orphans: int = 0
    receipts: int = 0
    refunds: int = 0
    decisions: int = 0


def payments(
    connection: sa.Connection, wanted: PaymentFilter, before: PaymentKey | None, limit: int
) -> list[PaymentGlance]:
    """Up to ``limit`` payments, newest first, behind the key of ``payment_key``."""
    columns = payment_request.c
    narrow = bool(wanted.dossier or wanted.reference or wanted.transaction) or _rare(wanted.attempt)
    # a computed order is not walked: few rows are found by their own index, then sorted
    order: tuple[sa.ColumnElement[Any], ...] = (
        columns.created_at + 0 if narrow else columns.created_at,
        columns.id,
    )
    question = sa.select(*GLANCE_COLUMNS).where(*_conditions(wanted))
    if before is not None:
        question = question.where(sa.tuple_(*order) < sa.tuple_(*map(sa.literal, before)))
    rows = connection.execute(question.order_by(*(each.desc() for each in order)).limit(limit)).all()
    return glances(connection, rows, wanted)


def glances(
    connection: sa.Connection, rows: Sequence[sa.Row[Any]], wanted: PaymentFilter | None = None
) -> list[PaymentGlance]:
    """Rows of requests as they are listed, with the attempt to name of each."""
    shown = _shown_attempts(connection, [row.id for row in rows], wanted or PaymentFilter())
    return [_glance(row, shown.get(row.id)) for row in rows]


def payment_key(last: PaymentGlance) -> PaymentKey:
    """The place of ``last``, to go on behind it."""
    return to_micros(last.created_at), int(last.id)


def _rare(state: AttemptState | None) -> bool:
    return state is not None and state not in _USUAL


def _conditions(wanted: PaymentFilter) -> list[sa.ColumnElement[bool]]:
    columns, attempt = payment_request.c, payment_attempt.c
    where = within(columns.created_at, wanted.created_from, wanted.created_before)
    for column, value in (
        (columns.destination, wanted.destination),
        (columns.dossier_code, wanted.dossier),
        (columns.state, wanted.state),
        (columns.amount, wanted.amount),
    ):
        if value is not None:
            where.append(column == value)
    for column, value in (
        (attempt.reference, wanted.reference),
        (attempt.transaction_no, wanted.transaction),
    ):
        if value is not None:
            where.append(columns.id.in_(sa.select(attempt.request_id).where(column == value)))
    if wanted.attempt is not None:
        of_state = attempt.state == sa.literal_column(f"'{wanted.attempt.value}'")
        if _rare(wanted.attempt):
            where.append(columns.id.in_(sa.select(attempt.request_id).where(of_state)))
        else:
            where.append(sa.exists().where(attempt.request_id == columns.id, of_state))
    return where


def _shown_attempts(
    connection: sa.Connection, requests: Sequence[int], wanted: PaymentFilter
) -> dict[int, sa.Row[Any]]:
    """By request, the attempt to name: the one that was looked for, else the newest."""
    columns = payment_attempt.c
    question: sa.Select[Any] = (
        sa.select(columns.request_id, columns.id, columns.state, columns.reference, columns.transaction_no)
        .where(columns.request_id.in_(requests))
        .order_by(columns.id)
    )
    found: dict[int, tuple[bool, sa.Row[Any]]] = {}
    for row in connection.execute(question).all():
        meant = any(
            value is not None and value == got
            for value, got in (
                (wanted.reference, row.reference),
                (wanted.transaction, row.transaction_no),
                (wanted.attempt, row.state),
            )
        )
        before = found.get(row.request_id)
        if before is None or meant or not before[0]:
            found[row.request_id] = (meant, row)
    return {request: row for request, (_, row) in found.items()}


def _glance(row: sa.Row[Any], attempt: sa.Row[Any] | None) -> PaymentGlance:
    return PaymentGlance(
        id=str(row.id),
        destination=row.destination,
        dossier=row.dossier_code,
        purpose=row.purpose,
        amount=row.amount,
        refunded=row.refunded,
        state=RequestState(row.state),
        created_at=from_micros(row.created_at),
        attempt=None if attempt is None else str(attempt.id),
        attempt_state=None if attempt is None else AttemptState(attempt.state),
        reference=None if attempt is None else attempt.reference,
        transaction=None if attempt is None else attempt.transaction_no,
    )


_OF_STATE: dict[str, tuple[sa.ColumnElement[bool], ...]] = {
    "open": (payment_orphan.c.matched_at.is_(None), payment_orphan.c.refunded_at.is_(None)),
    "matched": (payment_orphan.c.matched_at.is_not(None),),
    "refunded": (payment_orphan.c.refunded_at.is_not(None),),
}


def orphans(
    connection: sa.Connection, wanted: OrphanFilter, before: int | None, limit: int
) -> list[OrphanView]:
    """Up to ``limit`` orphans, newest first, older than ``before``."""
    columns = payment_orphan.c
    where: list[sa.ColumnElement[bool]] = []
    if wanted.destination is not None:
        where.append(columns.destination == wanted.destination)
    if wanted.reference is not None:
        where.append(columns.reference == wanted.reference)
    if wanted.state is not None:
        where += _OF_STATE[wanted.state]
    if before is not None:
        where.append(columns.id < before)
    kept = [column for column in columns if column.name != "evidence"]
    question = sa.select(*kept).where(*where).order_by(columns.id.desc()).limit(limit)
    return [
        OrphanView(
            id=str(row.id),
            destination=row.destination,
            partner=row.partner,
            reference=row.reference,
            transaction=row.transaction_no,
            amount=row.amount,
            currency=row.currency,
            source=row.source,
            at=from_micros(row.at),
            matched_at=maybe_from_micros(row.matched_at),
            refunded_at=maybe_from_micros(row.refunded_at),
            attempt=text_of(row.attempt_id),
        )
        for row in connection.execute(question)
    ]


def orphan_by_id(connection: sa.Connection, identifier: int) -> OrphanView | None:
    """One orphan; None when there is none."""
    found = orphans(connection, OrphanFilter(), identifier + 1, 1)
    return next((each for each in found if each.id == str(identifier)), None)


def waiting_decisions(connection: sa.Connection, limit: int) -> list[DecisionView]:
    """Up to ``limit`` decisions that a second person has not taken yet, oldest first."""
    columns = payment_decision.c
    waits = columns.state == sa.literal_column("'requested'")
    question = sa.select(payment_decision).where(waits).order_by(columns.id).limit(limit)
    return [decision_view(row) for row in connection.execute(question)]


def waiting_refunds(connection: sa.Connection, limit: int) -> list[RefundView]:
    """Up to ``limit`` refunds that a second person has not looked at yet, oldest first."""
    columns = refund.c
    waits = (columns.approved_by.is_(None), columns.declined_by.is_(None))
    question = sa.select(refund).where(*waits).order_by(columns.id).limit(limit)
    return [refund_view(row) for row in connection.execute(question)]


def payment_troubles(connection: sa.Connection, now: datetime) -> PaymentTroubles:
    """Counts of what a person must look at; each by an index of its own."""
    attempt = payment_attempt.c

    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        question = sa.select(sa.func.count()).select_from(table).where(*where)
        return int(connection.execute(question).scalar_one())

    def of_state(state: AttemptState) -> sa.ColumnElement[bool]:
        return attempt.state == sa.literal_column(f"'{state.value}'")

    given_back = sa.exists().where(refund.c.attempt_id == attempt.id, refund.c.approved_by.is_not(None))
    return PaymentTroubles(
        open=count(payment_request, payment_request.c.state == sa.literal_column("'open'")),
        quarantined=count(payment_attempt, of_state(AttemptState.QUARANTINED)),
        paid_twice=count(payment_attempt, of_state(AttemptState.DUPLICATE_PAID), sa.not_(given_back)),
        unknown=count(payment_attempt, of_state(AttemptState.INIT_UNKNOWN)),
        unasked=count(
            payment_attempt,
            attempt.next_question_at.is_not(None),
            attempt.next_question_at < to_micros(now - LATE_QUESTION),
        ),
        orphans=count(payment_orphan, *_OF_STATE["open"]),
        receipts=count(receipt, receipt.c.state == sa.literal_column("'given_up'")),
        refunds=count(refund, refund.c.approved_by.is_(None), refund.c.declined_by.is_(None)),
        decisions=count(payment_decision, payment_decision.c.state == sa.literal_column("'requested'")),
    )
