"""Attempts that are due to be asked about, and what an answer does to their rows.

Invariants: evidence goes through ``apply_evidence``; an attempt is closed only after the platform has said twice, far
enough apart, that it does not know it (payment_platform §11.3, §11.4); whoever cannot be answered is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.domain.payment import OPEN, AttemptState, Decision, Evidence, Known, require_move
from gateway.storage.payments import apply_evidence
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.schema import delivery
from gateway.storage.schema_payment import payment_attempt, settlement
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt and what a question about it needs. Instants in microseconds; ``asked_at`` verbatim.

    ``since``: when the payer could first pay, as far as is known, or when the attempt ended. ``delivery_state`` None:
    nothing carries it.
    """

    id: int
    destination: str
    dossier: str
    partner: str
    reference: str
    asked_at: str
    amount: int
    currency: str
    state: AttemptState
    since: int
    next_question_at: int | None
    delivery: int | None
    delivery_state: str | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a question came to. ``evidence`` None: the platform does not know the attempt (``absent``), or has not
    answered. ``plan``: when to ask next, from the attempt's state and ``since`` afterwards. ``absent_after``,
    ``session``: microseconds, of the destination's terms."""

    attempt: int
    now: int
    plan: Callable[[AttemptState, int], int | None]
    evidence: Evidence | None = None
    absent: bool = False
    absent_after: int = 0
    session: int = 0


class Concluded(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt afterwards. ``closed``: this answer has ended it. ``decision`` None: there was no evidence."""

    state: AttemptState
    next_question_at: int | None
    decision: Decision | None = None
    closed: bool = False


_COLUMNS = (
    *("id", "destination", "dossier_code", "partner", "reference", "asked_at", "amount", "currency", "state"),
    *("created_at", "ended_at", "next_question_at", "delivery_id"),
)
_LOCK_REQUEST = Statement("""
    SELECT r.id FROM payment_request AS r WHERE r.id = (
        SELECT request_id FROM payment_attempt WHERE id = :attempt) FOR_UPDATE
""")
_ATTEMPT = Statement("""
    SELECT id, request_id, destination, dossier_code, reference, amount, currency, state, created_at, ended_at,
        next_question_at, absent_since, delivery_id
    FROM payment_attempt WHERE id = :attempt FOR_UPDATE
""")
# since when it can be paid: its INIT was answered, or, where nobody knows, has left, however long it waited before
_SENT_AT = Statement("""
    SELECT CASE WHEN state = 'delivered' THEN settled_at ELSE sent_at END FROM delivery WHERE id = :delivery
""")
_ABSENT_SINCE = Statement("UPDATE payment_attempt SET absent_since = :since WHERE id = :attempt")
_CLOSE = Statement("""
    UPDATE payment_attempt SET state = :state, code = :code, reason = :reason, ended_at = :now
    WHERE id = :attempt
""")
_NEXT = Statement("""
    UPDATE payment_attempt SET questions = questions + :asked, next_question_at = :next WHERE id = :attempt
""")
_POSTPONE = Statement("""
    UPDATE payment_attempt SET next_question_at = :next WHERE id = :attempt AND next_question_at IS NOT NULL
""")


def due(
    connection: sa.Connection, destination: str, now: int, limit: int, after: tuple[int, int] | None = None
) -> list[Pending]:
    """Attempts whose time has come, longest due first; ``after``: the (instant, id) of the last one seen."""
    columns = payment_attempt.c
    question = _pending().where(
        columns.destination == destination,
        columns.next_question_at.is_not(None),
        columns.next_question_at <= now,
    )
    if after is not None:
        question = question.where(sa.tuple_(columns.next_question_at, columns.id) > sa.tuple_(*after))
    rows = connection.execute(question.order_by(columns.next_question_at, columns.id).limit(limit)).all()
    return [_read(row) for row in rows]


def count_due(connection: sa.Connection, destination: str, now: int) -> int:
    """How many attempts ``due`` gives in all."""
    columns = payment_attempt.c
    question = sa.select(sa.func.count()).where(
        columns.destination == destination,
        columns.next_question_at.is_not(None),
        columns.next_question_at <= now,
    )
    return int(connection.execute(question).scalar() or 0)


def pending(connection: sa.Connection, attempt: int) -> Pending | None:
    """One attempt, due or not; None when there is none."""
    row = connection.execute(_pending().where(payment_attempt.c.id == attempt)).one_or_none()
    return None if row is None else _read(row)


def _pending() -> sa.Select[Any]:
    columns = [payment_attempt.c[name] for name in _COLUMNS]
    return sa.select(
        *columns, delivery.c.state.label("delivery_state"), delivery.c.settled_at, delivery.c.sent_at
    ).outerjoin(delivery, delivery.c.id == payment_attempt.c.delivery_id)


def _read(row: sa.Row[Any]) -> Pending:
    sent_at = row.settled_at if row.delivery_state == "delivered" else row.sent_at
    return Pending(
        id=row.id,
        destination=row.destination,
        dossier=row.dossier_code,
        partner=row.partner,
        reference=row.reference,
        asked_at=row.asked_at,
        amount=row.amount,
        currency=row.currency,
        state=AttemptState(row.state),
        since=row.ended_at or sent_at or row.created_at,
        next_question_at=row.next_question_at,
        delivery=row.delivery_id,
        delivery_state=row.delivery_state,
    )


def known(connection: sa.Connection, attempt: Pending, transaction: str) -> Known:
    """What ``decide`` would be given for evidence with this ``transaction`` number; for looking only."""
    columns, row = payment_attempt.c, settlement.c
    own = connection.execute(
        sa.select(columns.request_id, columns.transaction_no).where(columns.id == attempt.id)
    ).one()
    settled = connection.execute(sa.select(row.attempt_id).where(row.request_id == own.request_id)).scalar()
    owner = connection.execute(
        sa.select(row.attempt_id).where(row.partner == attempt.partner, row.transaction_no == transaction)
    ).scalar()
    return Known(
        state=attempt.state,
        partner=attempt.partner,
        amount=attempt.amount,
        currency=attempt.currency,
        transaction=own.transaction_no,
        settled_elsewhere=settled is not None and settled != attempt.id,
        transaction_taken=owner is not None and owner != attempt.id,
    )


def postpone(transaction: Transaction, attempt: int, until: int) -> None:
    """Ask later: its INIT has not left yet, so that nobody could know it."""
    transaction.run(_POSTPONE, {"attempt": attempt, "next": until})


def conclude(transaction: Transaction, item: Outcome) -> Concluded:
    """Let one answer do what it may, and say when the attempt is asked about next."""
    transaction.one(_LOCK_REQUEST, {"attempt": item.attempt})
    decision = None
    if item.evidence is not None:
        decision = apply_evidence(transaction, [item.evidence])[0].decision
    row = _attempt(transaction, item.attempt)
    closed = _absence(transaction, item, row)
    if closed:
        row = _attempt(transaction, item.attempt)
    state, before = AttemptState(row[7]), row[10]
    # money that two people have rejected is all that the platform has to tell; asking on would only repeat it
    told_all = decision is not None and decision.alarm == "rejected_before"
    following = None if told_all else item.plan(state, _since(transaction, row))
    answered = item.evidence is not None or item.absent
    transaction.run(_NEXT, {"asked": int(answered), "next": following, "attempt": item.attempt})
    if following is None and before is not None and state in OPEN:
        _tell(transaction, row, "payment.unresolved", {"state": state}, now=item.now)
    return Concluded(state=state, next_question_at=following, decision=decision, closed=closed)


def _attempt(transaction: Transaction, attempt: int) -> Row:
    row = transaction.one(_ATTEMPT, {"attempt": attempt})
    if row is None:
        raise LookupError(f"attempt {attempt} is gone; attempts are never deleted")
    return row


def _since(transaction: Transaction, row: Row) -> int:
    if row[9] is not None:
        return int(row[9])
    sent = transaction.one(_SENT_AT, {"delivery": row[12]})
    return int(row[8]) if sent is None or sent[0] is None else int(sent[0])


def _absence(transaction: Transaction, item: Outcome, row: Row) -> bool:
    """Remember that the platform does not know the attempt, or forget it; whether that has ended the attempt."""
    state, first = AttemptState(row[7]), row[11]
    if not item.absent:
        if item.evidence is not None and first is not None:
            transaction.run(_ABSENT_SINCE, {"since": None, "attempt": item.attempt})
        return False
    if state not in OPEN or state is AttemptState.CREATED:
        return False
    if first is None:
        transaction.run(_ABSENT_SINCE, {"since": item.now, "attempt": item.attempt})
        return False
    payable = state is not AttemptState.INIT_UNKNOWN  # else nobody has ever had its address
    age = item.now - _since(transaction, row)
    if item.now - int(first) < item.absent_after or (payable and age < item.session):
        return False
    _close(transaction, item, row, state)
    return True


def _close(transaction: Transaction, item: Outcome, row: Row, state: AttemptState) -> None:
    could_pay = state is AttemptState.REDIRECTED
    move = AttemptState.EXPIRED if could_pay else AttemptState.FAILED
    require_move(state, move, attempt=row[4])
    code = "expired" if could_pay else "init_unknown" if state is AttemptState.INIT_UNKNOWN else "absent"
    reason = "the platform said twice that it does not know the attempt"
    transaction.run(
        _CLOSE, {"state": move, "code": code, "reason": reason, "now": item.now, "attempt": item.attempt}
    )
    _tell(
        transaction,
        row,
        "payment.failed",
        {"source": "query", "code": code, "reason": reason},
        now=item.now,
    )


def _tell(transaction: Transaction, row: Row, kind: str, more: dict[str, Any], *, now: int) -> None:
    data = {
        "payment": str(row[1]),
        "attempt": str(row[0]),
        "reference": row[4],
        "amount": int(row[5]),
        "currency": row[6],
        **more,
    }
    event = EventRow(
        id=transaction.identifiers.next(),
        at=now,
        kind=kind,
        data=msgspec.json.encode(data).decode(),
        dossier_code=row[3],
        destination=row[2],
    )
    insert_events(transaction, [event])
