"""What readers ask about one payment: its attempts, settlement, refunds, receipts, the platform's calls, decisions.

Reads only. Invariant: what is told of one payment is bounded, and found by its number or that of its attempts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import AttemptState, RequestState
from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.payment_views import (
    AttemptView,
    CallbackView,
    DecisionView,
    PaymentView,
    ReceiptView,
    RefundView,
    SettlementView,
    Terms,
)
from gateway.storage.schema_payment import (
    payment_attempt,
    payment_callback,
    payment_decision,
    payment_request,
    receipt,
    receipt_file,
    refund,
    settlement,
)

MOST_ATTEMPTS = 50
MOST_CALLBACKS = 100
MOST_DECISIONS = 100
_terms = msgspec.json.Decoder(Terms)


class ReceiptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt's file, and whose it is."""

    attempt: str
    dossier: str
    sha256: str
    body: bytes


def payment(connection: sa.Connection, identifier: int) -> PaymentView | None:
    """One payment with everything that became of it; None when there is none."""
    row = connection.execute(
        sa.select(payment_request).where(payment_request.c.id == identifier)
    ).one_or_none()
    if row is None:
        return None
    attempts = _attempts(connection, identifier)
    terms = _terms.decode(bytes(row.terms))
    numbers = [each.id for each in attempts]
    return PaymentView(
        id=str(row.id),
        destination=row.destination,
        dossier=row.dossier_code,
        purpose=row.purpose,
        amount=row.amount,
        currency=row.currency,
        refunded=row.refunded,
        state=RequestState(row.state),
        created_at=from_micros(row.created_at),
        created_by=row.created_by,
        ended_at=maybe_from_micros(row.ended_at),
        items=terms.items,
        payer=terms.payer,
        procedure=terms.procedure,
        agency=terms.agency,
        attempts=[attempt_view(each) for each in attempts],
        settlement=_settlement(connection, identifier),
        refunds=refunds_of(connection, identifier),
        receipts=_receipts(connection, numbers),
        callbacks=_callbacks(connection, attempts),
        decisions=_decisions(connection, identifier),
    )


def _attempts(connection: sa.Connection, request: int) -> list[sa.Row[Any]]:
    columns = payment_attempt.c
    rows = connection.execute(
        sa.select(payment_attempt)
        .where(columns.request_id == request)
        .order_by(columns.id.desc())
        .limit(MOST_ATTEMPTS)
    ).all()
    return list(reversed(rows))


def attempt_view(row: sa.Row[Any]) -> AttemptView:
    """One row as it is shown."""
    return AttemptView(
        id=str(row.id),
        reference=row.reference,
        partner=row.partner,
        asked_at=row.asked_at,
        amount=row.amount,
        currency=row.currency,
        state=AttemptState(row.state),
        created_at=from_micros(row.created_at),
        pay_url=row.pay_url,
        transaction=row.transaction_no,
        bank=row.bank,
        paid_at=row.paid_at,
        code=row.code,
        reason=row.reason,
        delivery=text_of(row.delivery_id),
        questions=row.questions,
        next_question_at=maybe_from_micros(row.next_question_at),
        ended_at=maybe_from_micros(row.ended_at),
    )


def _settlement(connection: sa.Connection, request: int) -> SettlementView | None:
    row = connection.execute(sa.select(settlement).where(settlement.c.request_id == request)).one_or_none()
    return None if row is None else settlement_view(row)


def settlement_view(row: sa.Row[Any]) -> SettlementView:
    """One row as it is shown."""
    return SettlementView(
        id=str(row.id),
        attempt=str(row.attempt_id),
        partner=row.partner,
        transaction=row.transaction_no,
        amount=row.amount,
        source=row.source,
        actor=row.actor,
        claimed_at=row.claimed_at,
        at=from_micros(row.at),
        message=text_of(row.message_id),
    )


def refunds_of(connection: sa.Connection, request: int) -> list[RefundView]:
    """Every refund of a payment, oldest first."""
    question = sa.select(refund).where(refund.c.request_id == request).order_by(refund.c.id)
    return [refund_view(row) for row in connection.execute(question)]


def refund_view(row: sa.Row[Any]) -> RefundView:
    """One row as it is shown."""
    state: Literal["requested", "approved", "declined"] = "requested"
    if row.approved_by is not None:
        state = "approved"
    elif row.declined_by is not None:
        state = "declined"
    return RefundView(
        id=str(row.id),
        payment=str(row.request_id),
        attempt=str(row.attempt_id),
        amount=row.amount,
        reason=row.reason,
        document=row.document,
        state=state,
        requested_by=row.requested_by,
        requested_at=from_micros(row.requested_at),
        decided_by=row.approved_by or row.declined_by,
        decided_at=maybe_from_micros(row.approved_at or row.declined_at),
        decided_reason=row.decided_reason,
    )


def is_refund(connection: sa.Connection, identifier: int) -> bool:
    """Whether there is a refund of this number; refunds and decisions never share one."""
    return connection.execute(sa.select(refund.c.id).where(refund.c.id == identifier)).scalar() is not None


def decision_view(row: sa.Row[Any]) -> DecisionView:
    """One row as it is shown."""
    return DecisionView(
        id=str(row.id),
        kind=row.kind,
        state=row.state,
        payment=text_of(row.request_id),
        destination=row.destination,
        dossier=row.dossier_code,
        attempt=text_of(row.attempt_id),
        amount=row.amount,
        transaction=row.transaction_no,
        reason=row.reason,
        document=row.document,
        requested_by=row.requested_by,
        requested_at=from_micros(row.requested_at),
        orphan=text_of(row.orphan_id),
        bank=row.bank,
        claimed_at=row.claimed_at,
        decided_by=row.decided_by,
        decided_at=maybe_from_micros(row.decided_at),
        decided_reason=row.decided_reason,
        effect=row.effect,
    )


def _decisions(connection: sa.Connection, request: int) -> list[DecisionView]:
    columns = payment_decision.c
    question = sa.select(payment_decision).where(columns.request_id == request).order_by(columns.id.desc())
    rows = connection.execute(question.limit(MOST_DECISIONS)).all()
    return [decision_view(row) for row in reversed(rows)]


def _receipts(connection: sa.Connection, attempts: Sequence[int]) -> list[ReceiptView]:
    columns = [column for column in receipt.c if column.name != "body"]
    question = sa.select(*columns).where(receipt.c.attempt_id.in_(attempts)).order_by(receipt.c.attempt_id)
    return [
        ReceiptView(
            attempt=str(row.attempt_id),
            state=row.state,
            tries=row.tries,
            next_at=maybe_from_micros(row.next_at),
            sha256=None if row.sha256 is None else bytes(row.sha256).hex(),
            size=row.size,
            failure=row.failure,
            at=maybe_from_micros(row.at),
        )
        for row in connection.execute(question)
    ]


def _callbacks(connection: sa.Connection, attempts: Iterable[sa.Row[Any]]) -> list[CallbackView]:
    columns = payment_callback.c
    by_reference = {(row.partner, row.reference): str(row.id) for row in attempts}
    if not by_reference:
        return []
    places = [
        sa.and_(columns.partner == partner, columns.reference == name) for partner, name in by_reference
    ]
    rows = connection.execute(
        sa.select(*(column for column in columns if column.name not in {"digest", "answer"}))
        .where(sa.or_(*places))
        .order_by(columns.at)
        .limit(MOST_CALLBACKS)
    )
    return [
        CallbackView(
            attempt=by_reference[row.partner, row.reference],
            effect=row.effect,
            alarm=row.alarm,
            deliveries=row.deliveries,
            at=from_micros(row.at),
            again_at=maybe_from_micros(row.again_at),
            message=text_of(row.message_id),
        )
        for row in rows
    ]


def kept_receipt(connection: sa.Connection, identifier: int) -> ReceiptFile | None:
    """The receipt of a payment's newest attempt that has one; None: there is no payment, or no file yet."""
    columns = receipt.c
    row = connection.execute(
        sa.select(
            columns.attempt_id, payment_request.c.dossier_code, receipt_file.c.sha256, receipt_file.c.body
        )
        .join(receipt_file, receipt_file.c.sha256 == columns.sha256)
        .join(payment_attempt, payment_attempt.c.id == columns.attempt_id)
        .join(payment_request, payment_request.c.id == payment_attempt.c.request_id)
        .where(payment_attempt.c.request_id == identifier, columns.state == "kept")
        .order_by(columns.attempt_id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    return ReceiptFile(
        attempt=str(row.attempt_id),
        dossier=row.dossier_code,
        sha256=bytes(row.sha256).hex(),
        body=bytes(row.body),
    )


def text_of(number: int | None) -> str | None:
    """An identifier as it is shown."""
    return None if number is None else str(number)
