"""Cancelling a request for money: asked for no more.

Invariant: nothing is cancelled that a payer could still pay, or that somebody must decide about; a payment that comes
all the same is settled, or set aside when the same purpose is asked for anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.domain.errors import ConflictError
from gateway.domain.payment import ENDED, OPEN, RequestState
from gateway.storage.instants import to_micros
from gateway.storage.payment_files import (
    AttemptFile,
    RequestFile,
    lock_attempts,
    lock_request,
    note,
    require_words,
    tell,
)
from gateway.storage.payment_orders import Cancel, CancelDone
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_CANCEL = Statement("UPDATE payment_request SET state = 'cancelled', ended_at = :now WHERE id = :request")
_UNDECIDED = Statement("""
    SELECT id FROM payment_decision WHERE request_id = :request AND state = 'requested'
""")


def cancel_payment(transaction: Transaction, order: Cancel) -> CancelDone:
    """Ask for this money no more. ConflictError while anybody could still pay it, or once somebody has."""
    require_words(order)
    request = lock_request(transaction, order.payment)
    if request.state is RequestState.CANCELLED:
        return CancelDone(payment=str(request.id), action=None)
    if request.state is not RequestState.OPEN:
        raise ConflictError(
            f"payment {request.id} is {request.state}; money that came in is given back by a refund"
        )
    for attempt in lock_attempts(transaction, request):
        _require_over(request, attempt)
    if found := transaction.one(_UNDECIDED, {"request": request.id}):
        raise ConflictError(
            f"payment {request.id}: proposal {found[0]} waits for a second person; decide it first"
        )
    transaction.run(_CANCEL, {"request": request.id, "now": to_micros(order.now)})
    tell(
        transaction,
        order,
        request,
        "payment.cancelled",
        {"purpose": request.purpose, "amount": request.amount},
    )
    action = note(transaction, order, request, "payment.cancel", {"purpose": request.purpose})
    return CancelDone(payment=str(request.id), action=action)


def _require_over(request: RequestFile, attempt: AttemptFile) -> None:
    if attempt.state in OPEN:
        raise ConflictError(
            f"payment {request.id}: attempt {attempt.reference} is {attempt.state}, so it could still be paid; wait "
            "until it has failed or expired"
        )
    if attempt.state not in ENDED:
        raise ConflictError(
            f"payment {request.id}: attempt {attempt.reference} is {attempt.state}; decide about that money first"
        )
