"""Money given back by hand: asked for by one person, approved by another, with its paper (payment_platform §12).

Invariants: the request is locked before sums are made, and refunds that wait count, so that two of them together never
give back more than came in; what was settled stays settled, the request only says how much went back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.payment import MOST_VND, SETTLED, AttemptState, refund_state
from gateway.storage.instants import to_micros
from gateway.storage.payment_decisions import require_second
from gateway.storage.payment_files import (
    AttemptFile,
    RequestFile,
    lock_attempts,
    lock_request,
    note,
    require_words,
    tell,
    wrong_value,
)
from gateway.storage.payment_orders import Answer, RefundDone, RefundOrder
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_COLUMNS = "id, request_id, attempt_id, amount, document, requested_by, approved_by, declined_by"
_REFUND = Statement(f"SELECT {_COLUMNS} FROM refund WHERE id = :refund")  # noqa: S608 - our own names
_STANDING = Statement(f"""
    SELECT {_COLUMNS} FROM refund WHERE attempt_id = :attempt AND declined_at IS NULL ORDER BY id
""")  # noqa: S608 - our own names
_BESIDES = Statement("""
    SELECT COALESCE(SUM(amount), 0) FROM payment_decision
    WHERE attempt_id = :attempt AND state = 'approved' AND kind IN ('reject', 'excess')
""")
_ASK = insert(
    "refund",
    ("id", "request_id", "attempt_id", "amount", "reason", "document", "requested_by", "requested_at"),
)
_APPROVE = Statement("""
    UPDATE refund SET approved_by = :actor, approved_at = :now, decided_reason = :reason WHERE id = :refund
""")
_DECLINE = Statement("""
    UPDATE refund SET declined_by = :actor, declined_at = :now, decided_reason = :reason WHERE id = :refund
""")
_GIVEN_BACK = Statement("UPDATE payment_request SET refunded = :refunded, state = :state WHERE id = :request")


class _Refund(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    request: int
    attempt: int
    amount: int
    document: str
    requested_by: str
    approved_by: str | None
    declined_by: str | None

    @property
    def state(self) -> str:
        if self.declined_by is not None:
            return "declined"
        return "requested" if self.approved_by is None else "approved"


def request_refund(transaction: Transaction, order: RefundOrder) -> RefundDone:
    """Ask for money to be given back; the same order again is the one there is.

    ConflictError: more than came in, counting refunds that wait; the paper gives something else back; nothing came in.
    RecordError, NotFoundError.
    """
    require_words(order, document=order.document)
    if not 1 <= order.amount <= MOST_VND:
        raise wrong_value("/amount", order.amount, f"1 to {MOST_VND} đồng")
    request = lock_request(transaction, order.payment)
    attempt = _attempt(order, request, lock_attempts(transaction, request))
    standing = _standing(transaction, attempt)
    for each in standing:
        if each.document == order.document:
            if (each.amount, each.requested_by) == (order.amount, order.actor):
                return _done(each, request, None)
            raise ConflictError(
                f"attempt {attempt.reference}: paper {order.document} gives back {each.amount} đồng already, refund "
                f"{each.id}; a further refund needs its own paper"
            )
    came, promised = _received(transaction, attempt), sum(each.amount for each in standing)
    if promised + order.amount > came:
        raise ConflictError(
            f"attempt {attempt.reference}: {came} đồng came in, refunds of {promised} are asked for or given; "
            f"{order.amount} more would be too much"
        )
    return _ask(transaction, order, request, attempt)


def _attempt(order: RefundOrder, request: RequestFile, attempts: list[AttemptFile]) -> AttemptFile:
    if order.attempt is not None:
        found = next((each for each in attempts if each.id == order.attempt), None)
        if found is None:
            raise NotFoundError(f"payment {request.id} has no attempt {order.attempt}")
        return found
    paid = next((each for each in attempts if each.state is AttemptState.PAID), None)
    if paid is None:
        raise ConflictError(
            f"payment {request.id} is {request.state}, nothing has settled it; name the attempt whose money goes back"
        )
    return paid


def _received(transaction: Transaction, attempt: AttemptFile) -> int:
    """What came in through an attempt: what it is paid with, and what two people found besides."""
    row = transaction.one(_BESIDES, {"attempt": attempt.id})
    return (attempt.amount if attempt.state in SETTLED else 0) + int(row[0] if row else 0)


def _standing(transaction: Transaction, attempt: AttemptFile) -> list[_Refund]:
    """Refunds of an attempt that are asked for or given."""
    return [_refund(row) for row in transaction.all(_STANDING, {"attempt": attempt.id})]


def _ask(
    transaction: Transaction, order: RefundOrder, request: RequestFile, attempt: AttemptFile
) -> RefundDone:
    made = _Refund(
        id=transaction.identifiers.next(),
        request=request.id,
        attempt=attempt.id,
        amount=order.amount,
        document=order.document,
        requested_by=order.actor,
        approved_by=None,
        declined_by=None,
    )
    transaction.run(
        _ASK,
        {
            "id": made.id,
            "request_id": made.request,
            "attempt_id": made.attempt,
            "amount": made.amount,
            "reason": order.reason,
            "document": made.document,
            "requested_by": made.requested_by,
            "requested_at": to_micros(order.now),
        },
    )
    detail = {
        "refund": str(made.id),
        "attempt": attempt.reference,
        "amount": made.amount,
        "document": made.document,
    }
    return _done(made, request, note(transaction, order, request, "refund.request", detail))


def answer_refund(transaction: Transaction, order: Answer) -> RefundDone:
    """Approve or decline a refund; the same answer of the same person again does nothing.

    ConflictError: it was decided otherwise, or the actor asked for it. NotFoundError: there is none.
    """
    require_words(order)
    row = transaction.one(_REFUND, {"refund": order.target})
    if row is None:
        raise NotFoundError(f"there is no refund {order.target}")
    request = lock_request(transaction, _refund(row).request)
    refund = _refund(transaction.one(_REFUND, {"refund": order.target}) or row)  # now that nobody moves it
    if refund.state == order.verdict and order.actor in {refund.approved_by, refund.declined_by}:
        return _done(refund, request, None)
    require_second(order, refund.requested_by, refund.state, f"refund {refund.id}")
    told = {"actor": order.actor, "now": to_micros(order.now), "reason": order.reason, "refund": refund.id}
    detail = {"refund": str(refund.id), "amount": refund.amount, "document": refund.document}
    if order.verdict == "declined":
        transaction.run(_DECLINE, told)
        after = msgspec.structs.replace(refund, declined_by=order.actor)
        return _done(after, request, note(transaction, order, request, "refund.decline", detail))
    transaction.run(_APPROVE, told)
    request = _give_back(transaction, request, refund)
    tell(transaction, order, request, "payment.refunded", {**detail, **_sums(request, refund)})
    after = msgspec.structs.replace(refund, approved_by=order.actor)
    return _done(after, request, note(transaction, order, request, "refund.approve", detail))


def _give_back(transaction: Transaction, request: RequestFile, refund: _Refund) -> RequestFile:
    """The request after ``refund`` was approved. What came in besides goes back before what was asked for does."""
    attempt = next(each for each in lock_attempts(transaction, request) if each.id == refund.attempt)
    given = sum(each.amount for each in _standing(transaction, attempt) if each.approved_by is not None)
    if given > _received(transaction, attempt):
        raise ConflictError(f"refund {refund.id}: {given} đồng would go back, more than came in")
    if attempt.state is not AttemptState.PAID:
        return request
    besides = _received(transaction, attempt) - attempt.amount
    refunded = max(0, given - besides)
    state = refund_state(request.amount, refunded)
    transaction.run(_GIVEN_BACK, {"refunded": refunded, "state": state, "request": request.id})
    return msgspec.structs.replace(request, refunded=refunded, state=state)


def _sums(request: RequestFile, refund: _Refund) -> dict[str, object]:
    return {"attempt": str(refund.attempt), "refunded": request.refunded, "state": request.state}


def _refund(row: tuple[object, ...]) -> _Refund:
    return msgspec.convert(dict(zip(_Refund.__struct_fields__, row, strict=True)), _Refund)


def _done(refund: _Refund, request: RequestFile, action: str | None) -> RefundDone:
    return msgspec.convert(
        {
            "refund": str(refund.id),
            "payment": str(refund.request),
            "attempt": str(refund.attempt),
            "amount": refund.amount,
            "state": refund.state,
            "payment_state": request.state,
            "refunded": request.refunded,
            "action": action,
        },
        RefundDone,
    )
