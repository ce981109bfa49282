"""The rows that a person's decision about a payment rests on, locked, and what is written about it.

Invariants: the request is locked before anything is judged, and before its attempts, so that nobody settles meanwhile
and nobody waits for the other; what was done and who did it are in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.domain.errors import NotFoundError, RecordError
from gateway.domain.payment import AttemptState, RequestState
from gateway.domain.violation import Violation
from gateway.storage.instants import to_micros
from gateway.storage.operator_log import lane_target, write_action
from gateway.storage.oversight import Action
from gateway.storage.payment_orders import PaymentInstruction
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

LONGEST_TEXT = 1000

_LOCK_REQUEST = Statement("""
    SELECT id, destination, dossier_code, purpose, amount, currency, refunded, state FROM payment_request
    WHERE id = :request FOR_UPDATE
""")
_REQUEST_OF = Statement("SELECT request_id FROM payment_attempt WHERE id = :attempt")
_ATTEMPTS = Statement("""
    SELECT id, partner, reference, asked_at, amount, currency, state, transaction_no, bank, created_at,
        next_question_at
    FROM payment_attempt
    WHERE request_id = :request ORDER BY id FOR_UPDATE
""")


class RequestFile(msgspec.Struct, frozen=True, kw_only=True):
    """A request for money, locked."""

    id: int
    destination: str
    dossier: str
    purpose: str
    amount: int
    currency: str
    refunded: int
    state: RequestState


class AttemptFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of its attempts, locked."""

    id: int
    partner: str
    reference: str
    asked_at: str
    amount: int
    currency: str
    state: AttemptState
    transaction: str | None
    bank: str | None
    created_at: int
    next_question_at: int | None


def lock_request(transaction: Transaction, request: int) -> RequestFile:
    """The request; NotFoundError when there is none."""
    row = transaction.one(_LOCK_REQUEST, {"request": request})
    if row is None:
        raise NotFoundError(f"there is no payment {request}")
    return RequestFile(
        id=int(row[0]),
        destination=row[1],
        dossier=row[2],
        purpose=row[3],
        amount=int(row[4]),
        currency=row[5],
        refunded=int(row[6]),
        state=RequestState(row[7]),
    )


def lock_attempt(transaction: Transaction, attempt: int) -> tuple[RequestFile, AttemptFile]:
    """The attempt and its request; NotFoundError when there is none."""
    found = transaction.one(_REQUEST_OF, {"attempt": attempt})
    if found is None:
        raise NotFoundError(f"there is no payment attempt {attempt}")
    request = lock_request(transaction, int(found[0]))
    return request, next(each for each in lock_attempts(transaction, request) if each.id == attempt)


def lock_attempts(transaction: Transaction, request: RequestFile) -> list[AttemptFile]:
    """Every attempt of ``request``, oldest first."""
    return [
        AttemptFile(
            id=int(row[0]),
            partner=row[1],
            reference=row[2],
            asked_at=row[3],
            amount=int(row[4]),
            currency=row[5],
            state=AttemptState(row[6]),
            transaction=row[7],
            bank=row[8],
            created_at=int(row[9]),
            next_question_at=row[10],
        )
        for row in transaction.all(_ATTEMPTS, {"request": request.id})
    ]


def note(
    transaction: Transaction,
    order: PaymentInstruction,
    request: RequestFile,
    verb: str,
    detail: dict[str, Any],
) -> str:
    """Write down what somebody did to ``request``; the row's identifier."""
    action = Action(
        actor=order.actor,
        verb=verb,
        target=lane_target(request.destination, request.dossier),
        reason=order.reason,
        now=order.now,
        detail={"payment": str(request.id), **detail},
    )
    return write_action(transaction, action)


def tell(
    transaction: Transaction,
    order: PaymentInstruction,
    request: RequestFile,
    kind: str,
    data: dict[str, Any],
) -> None:
    """Tell the one-door system. Names of operators stay here: they are in the operator log."""
    row = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(order.now),
        kind=kind,
        data=msgspec.json.encode({"payment": str(request.id), **data}).decode(),
        dossier_code=request.dossier,
        destination=request.destination,
    )
    insert_events(transaction, [row])


def require_words(order: PaymentInstruction, **texts: str) -> None:
    """Refuse an order without an actor, a reason, or one of ``texts``; RecordError lists everything."""
    given = {"actor": order.actor, "reason": order.reason, **texts}
    wrong = [
        Violation(
            pointer=f"/{name}",
            code="payment_words",
            got=f"{len(text)} characters",
            expected=f"1 to {LONGEST_TEXT} characters",
            advice="say who does it, why, and by which paper",
        )
        for name, text in given.items()
        if not text.strip() or len(text) > LONGEST_TEXT
    ]
    if wrong:
        raise RecordError("what is done with money needs a name, a reason and its paper", wrong)


def wrong_value(pointer: str, got: object, expected: str) -> RecordError:
    """One value of an order that cannot be right."""
    violation = Violation(
        pointer=pointer, code="payment_value", got=str(got)[:80], expected=expected, advice="correct it"
    )
    return RecordError(f"{pointer}: got {str(got)[:80]}, expected {expected}", [violation])
