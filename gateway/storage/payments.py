"""Payments in the tables: opening a request with its attempt and its delivery, and the one function that settles.

Invariants: nothing else writes a settlement or moves an attempt to paid; whatever evidence says is applied by
``gateway.domain.payment.decide`` under a lock on the request; a request, its attempt and the delivery that carries the
attempt to the platform come into being together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gateway.domain.errors import ConflictError, GatewayError, NotFoundError
from gateway.domain.payment import (
    OPEN,
    AttemptState,
    Decision,
    Evidence,
    Known,
    RequestState,
    decide,
    require_move,
)
from gateway.storage.instants import to_micros
from gateway.storage.intake import Filling, LanePlan, PlannedDelivery, fill_lane
from gateway.storage.payment_clock import Paid, note_payment
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

INIT = "init"
_OPEN_STATES = ", ".join(f"'{state}'" for state in sorted(OPEN))
FIRST_QUESTION_MICROS = 120_000_000


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """A request for money and the attempt to ask for it with. ``purpose``: what is paid for, asked for once.

    ``terms``: JSON of what the payer sees; ``payload``: that of the delivery that carries the attempt to the
    platform; ``asked_at``: ThoiGianGD, verbatim. ``now`` in microseconds.
    """

    destination: str
    dossier: str
    purpose: str
    amount: int
    currency: str
    terms: bytes
    partner: str
    reference: str
    asked_at: str
    payload: bytes
    by: str
    now: int


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """``begun``: a new attempt is on its way. ``going_on``: an earlier one is still open. ``paid``: nothing to do."""

    result: Literal["begun", "going_on", "paid"]
    request: int
    attempt: int
    reference: str


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What evidence did. ``request``, ``attempt``, ``dossier`` None: it fits no attempt."""

    decision: Decision
    request: int | None = None
    attempt: int | None = None
    dossier: str | None = None


_FIND_DOSSIER = Statement("SELECT due_at FROM dossier WHERE code = :dossier")
_FIND_REQUEST = Statement("""
    SELECT id, amount, currency, state, terms FROM payment_request
    WHERE destination = :destination AND dossier_code = :dossier AND purpose = :purpose AND state <> 'cancelled'
    FOR_UPDATE
""")
_TAKEN = Statement("SELECT id FROM payment_attempt WHERE partner = :partner AND reference = :reference")
_LAST_ATTEMPT = Statement("""
    SELECT id, state, reference FROM payment_attempt WHERE request_id = :request ORDER BY id DESC LIMIT 1
""")
# rejected money may have made an earlier attempt open again
_OPEN_ATTEMPT = Statement(f"""
    SELECT id, reference FROM payment_attempt WHERE request_id = :request AND state IN ({_OPEN_STATES})
""")  # noqa: S608 - our own names
_STANDING_ATTEMPT = Statement("""
    SELECT id, state, reference FROM payment_attempt
    WHERE request_id = :request AND state IN ('quarantined', 'duplicate_paid') ORDER BY id LIMIT 1
""")
_INSERT_REQUEST = insert(
    "payment_request",
    (
        *("id", "destination", "dossier_code", "purpose", "amount", "currency", "state", "terms"),
        *("created_at", "created_by"),
    ),
)
_INSERT_ATTEMPT = insert(
    "payment_attempt",
    (
        *("id", "request_id", "destination", "dossier_code", "partner", "reference", "asked_at", "amount"),
        *("currency", "state", "delivery_id", "next_question_at", "created_at"),
    ),
)
# an attempt that the platform has refused must not keep the next one waiting, and one that has ended before its INIT
# left must not be asked for any more: the payer would have two addresses
_STEP_ASIDE = Statement("""
    UPDATE delivery SET state = 'skipped', settled_at = :now, code = 'payment_ended',
        reason = 'a new attempt has taken its place'
    WHERE operation = 'init' AND state IN ('pending', 'waiting', 'rejected', 'parked') AND id IN (
        SELECT delivery_id FROM payment_attempt WHERE request_id = :request AND state IN ('failed', 'expired'))
""")
# two platforms may know us by one code, each with its own secret: neither speaks for the other's attempts
_LOCK_REQUEST = Statement("""
    SELECT r.id, r.state FROM payment_request AS r WHERE r.id = (
        SELECT request_id FROM payment_attempt
        WHERE partner = :partner AND reference = :reference AND destination = :destination) FOR_UPDATE
""")
_FIND_ATTEMPT = Statement("""
    SELECT id, request_id, dossier_code, destination, partner, amount, currency, state, transaction_no, asked_at
    FROM payment_attempt
    WHERE partner = :partner AND reference = :reference AND destination = :destination FOR_UPDATE
""")
_REJECTED = Statement("""
    SELECT id FROM payment_decision
    WHERE attempt_id = :attempt AND kind = 'reject' AND state = 'approved' AND transaction_no = :transaction
""")
_REPLACEMENT = Statement("""
    SELECT other.id FROM payment_request AS r JOIN payment_request AS other
        ON other.destination = r.destination AND other.dossier_code = r.dossier_code AND other.purpose = r.purpose
    WHERE r.id = :request AND other.id <> r.id AND other.state <> 'cancelled'
""")
# what is to be given back, or was, pays for nothing else
_TRANSACTION_TAKEN = Statement("""
    SELECT attempt_id FROM settlement
    WHERE partner = :partner AND transaction_no = :transaction AND attempt_id <> :attempt
    UNION ALL SELECT id FROM payment_attempt
    WHERE partner = :partner AND transaction_no = :transaction AND id <> :attempt AND state = 'duplicate_paid'
    UNION ALL SELECT id FROM payment_orphan
    WHERE partner = :partner AND reference = :reference AND transaction_no = :transaction
        AND refunded_at IS NOT NULL
""")
_ANOTHER_OPEN = Statement(f"""
    SELECT id FROM payment_attempt WHERE request_id = :request AND id <> :attempt AND state IN ({_OPEN_STATES})
""")  # noqa: S608 - our own names
_SETTLED_BY = Statement("SELECT attempt_id FROM settlement WHERE request_id = :request")
_MOVE_ATTEMPT = Statement("""
    UPDATE payment_attempt SET state = :state, transaction_no = COALESCE(:transaction, transaction_no),
        bank = COALESCE(:bank, bank), paid_at = COALESCE(:paid_at, paid_at), code = :code, reason = :reason,
        ended_at = :ended_at, next_question_at = :next_question_at WHERE id = :attempt
""")
_INSERT_SETTLEMENT = insert(
    "settlement",
    (
        *("id", "request_id", "attempt_id", "partner", "transaction_no", "amount", "source", "actor"),
        *("claimed_at", "message_id", "at"),
    ),
)
_PAY_REQUEST = Statement("UPDATE payment_request SET state = 'paid', ended_at = :now WHERE id = :request")
_WANT_RECEIPT = insert(
    "receipt", ("attempt_id", "state", "next_at"), suffix="ON CONFLICT (attempt_id) DO NOTHING"
)
_KEEP_ORPHAN = insert(
    "payment_orphan",
    (
        *("id", "destination", "partner", "reference", "transaction_no", "amount", "currency", "source"),
        *("evidence", "at"),
    ),
    suffix="ON CONFLICT (partner, reference, transaction_no) DO NOTHING",
)
_ENDING = frozenset(
    {AttemptState.PAID, AttemptState.DUPLICATE_PAID, AttemptState.FAILED, AttemptState.EXPIRED}
)


def open_payments(transaction: Transaction, items: Sequence[Opening]) -> list[Opened | GatewayError]:
    """Open each request, or go on with the one there is; a refusal is that item's result."""
    return [_open(transaction, item) for item in items]


def _open(transaction: Transaction, item: Opening) -> Opened | GatewayError:
    dossier = transaction.one(_FIND_DOSSIER, {"dossier": item.dossier})
    if dossier is None:
        return NotFoundError(f"there is no dossier {item.dossier}")
    where = {"destination": item.destination, "dossier": item.dossier, "purpose": item.purpose}
    found = transaction.one(_FIND_REQUEST, where)
    going_on = None if found is None else _going_on(transaction, item, found)
    if going_on is not None:
        return going_on
    if transaction.one(_TAKEN, {"partner": item.partner, "reference": item.reference}) is not None:
        return ConflictError(
            f"the reference {item.reference} was used before; nothing was opened, ask again with another"
        )
    if found is None:
        request = transaction.identifiers.next()
        transaction.run(_INSERT_REQUEST, _request_row(request, item))
    else:
        request = int(found[0])
        transaction.run(_STEP_ASIDE, {"request": request, "now": item.now})
    return _begin(transaction, item, request, dossier[0])


def _going_on(transaction: Transaction, item: Opening, found: Row) -> Opened | GatewayError | None:
    """What there is already; None when a new attempt may begin."""
    request, amount, currency, state, terms = found
    if RequestState(state) is not RequestState.OPEN:
        owner = transaction.one(_SETTLED_BY, {"request": request})
        last = transaction.one(_LAST_ATTEMPT, {"request": request})
        attempt = int(owner[0]) if owner else int(last[0]) if last else 0
        return Opened(result="paid", request=int(request), attempt=attempt, reference=last[2] if last else "")
    if (int(amount), currency, bytes(terms)) != (item.amount, item.currency, item.terms):
        return ConflictError(
            f"dossier {item.dossier}: {item.purpose} was asked for with {amount} {currency} and other terms; "
            "cancel that request first"
        )
    stuck = transaction.one(_STANDING_ATTEMPT, {"request": request})
    if stuck is not None:
        return ConflictError(
            f"dossier {item.dossier}: attempt {stuck[2]} is {stuck[1]}; a person must decide about it first"
        )
    opened = transaction.one(_OPEN_ATTEMPT, {"request": request})
    if opened is not None:
        return Opened(result="going_on", request=int(request), attempt=int(opened[0]), reference=opened[1])
    return None


def _begin(transaction: Transaction, item: Opening, request: int, due_at: int | None) -> Opened:
    planned = PlannedDelivery(
        operation=INIT,
        key=item.reference,
        payload=item.payload,
        digest=item.reference.encode(),
        snapshot=False,
    )
    plan = LanePlan(destination=item.destination, partner_codes=(), deliveries=(planned,))
    filled = fill_lane(transaction, plan, Filling(code=item.dossier, promise_at=due_at, now=item.now))
    attempt = transaction.identifiers.next()
    transaction.run(
        _INSERT_ATTEMPT,
        {
            "id": attempt,
            "request_id": request,
            "destination": item.destination,
            "dossier_code": item.dossier,
            "partner": item.partner,
            "reference": item.reference,
            "asked_at": item.asked_at,
            "amount": item.amount,
            "currency": item.currency,
            "state": AttemptState.CREATED,
            "delivery_id": filled.deliveries[0],
            "next_question_at": item.now + FIRST_QUESTION_MICROS,
            "created_at": item.now,
        },
    )
    return Opened(result="begun", request=request, attempt=attempt, reference=item.reference)


def _request_row(request: int, item: Opening) -> dict[str, Any]:
    return {
        "id": request,
        "destination": item.destination,
        "dossier_code": item.dossier,
        "purpose": item.purpose,
        "amount": item.amount,
        "currency": item.currency,
        "state": RequestState.OPEN,
        "terms": item.terms,
        "created_at": item.now,
        "created_by": item.by,
    }


def apply_evidence(transaction: Transaction, items: Sequence[Evidence]) -> list[Applied]:
    """Let each piece of evidence do what it may; in the order of references, so that processes do not deadlock."""
    places = sorted(range(len(items)), key=lambda place: (items[place].partner, items[place].reference))
    results = {place: _apply(transaction, items[place]) for place in places}
    return [results[place] for place in range(len(items))]


def _apply(transaction: Transaction, evidence: Evidence) -> Applied:
    where = {name: getattr(evidence, name) for name in ("partner", "reference", "destination")}
    request = transaction.one(_LOCK_REQUEST, where)  # first: two attempts of one request are judged in turn
    attempt = transaction.one(_FIND_ATTEMPT, where)
    if request is None or attempt is None:
        decision = decide(evidence, None)
        if decision.alarm:
            _keep_orphan(transaction, evidence)
        return Applied(decision=decision)
    decision = decide(evidence, _known(transaction, evidence, request, attempt))
    applied = Applied(
        decision=decision, request=int(request[0]), attempt=int(attempt[0]), dossier=str(attempt[2])
    )
    if decision.move is not None:
        _move(transaction, evidence, decision.move, attempt)
    if decision.effect == "settled":
        _settle(transaction, evidence, attempt)
    _tell(transaction, evidence, applied)
    return applied


_REJECTABLE = frozenset({AttemptState.PENDING, AttemptState.FAILED, AttemptState.EXPIRED})


def _known(transaction: Transaction, evidence: Evidence, request: Row, attempt: Row) -> Known:
    taken = {name: getattr(evidence, name) for name in ("partner", "reference", "transaction")}
    settled = transaction.one(_SETTLED_BY, {"request": request[0]})
    state = AttemptState(attempt[7])
    told = {"attempt": attempt[0], "transaction": evidence.transaction}
    return Known(
        state=state,
        partner=attempt[4],
        amount=int(attempt[5]),
        currency=attempt[6],
        transaction=attempt[8],
        settled_elsewhere=settled is not None and int(settled[0]) != int(attempt[0]),
        transaction_taken=evidence.claim == "paid"
        and transaction.one(_TRANSACTION_TAKEN, {**taken, "attempt": attempt[0]}) is not None,
        rejected=state in _REJECTABLE and transaction.one(_REJECTED, told) is not None,
        replaced=request[1] == RequestState.CANCELLED
        and transaction.one(_REPLACEMENT, {"request": request[0]}) is not None,
        another_open=state is AttemptState.QUARANTINED
        and transaction.one(_ANOTHER_OPEN, {"request": request[0], "attempt": attempt[0]}) is not None,
    )


def _move(transaction: Transaction, evidence: Evidence, move: AttemptState, attempt: Row) -> None:
    require_move(AttemptState(attempt[7]), move, attempt=evidence.reference)
    now = to_micros(evidence.at)
    paid = evidence.claim == "paid"
    transaction.run(
        _MOVE_ATTEMPT,
        {
            "state": move,
            "transaction": evidence.transaction if paid and evidence.transaction else None,
            "bank": evidence.bank if paid and evidence.bank else None,
            "paid_at": evidence.claimed_at if paid and evidence.claimed_at else None,
            "code": evidence.code,
            "reason": evidence.source,
            "ended_at": now if move in _ENDING else None,
            # a failure is watched on: the bank's money may still come (§11.1)
            "next_question_at": None if move in _SETTLED else now + FIRST_QUESTION_MICROS,
            "attempt": attempt[0],
        },
    )


_SETTLED = frozenset({AttemptState.PAID, AttemptState.DUPLICATE_PAID})


def _settle(transaction: Transaction, evidence: Evidence, attempt: Row) -> None:
    now = to_micros(evidence.at)
    settlement = transaction.identifiers.next()
    transaction.run(
        _INSERT_SETTLEMENT,
        {
            "id": settlement,
            "request_id": attempt[1],
            "attempt_id": attempt[0],
            "partner": evidence.partner,
            "transaction_no": evidence.transaction,
            "amount": evidence.amount,
            "source": evidence.source,
            "actor": evidence.actor,
            "claimed_at": evidence.claimed_at,
            "message_id": evidence.message,
            "at": now,
        },
    )
    transaction.run(_PAY_REQUEST, {"now": now, "request": attempt[1]})
    paid = Paid(settlement=settlement, request=attempt[1], dossier=attempt[2], asked_at=attempt[9])
    note_payment(transaction, paid, evidence)
    transaction.run(_WANT_RECEIPT, {"attempt_id": attempt[0], "state": "wanted", "next_at": now})


def _keep_orphan(transaction: Transaction, evidence: Evidence) -> None:
    kept = transaction.run(
        _KEEP_ORPHAN,
        {
            "id": transaction.identifiers.next(),
            "destination": evidence.destination,
            "partner": evidence.partner,
            "reference": evidence.reference,
            "transaction_no": evidence.transaction,
            "amount": evidence.amount,
            "currency": evidence.currency,
            "source": evidence.source,
            "evidence": msgspec.json.encode(evidence),
            "at": to_micros(evidence.at),
        },
    )
    if kept:
        data = {"partner": evidence.partner, "reference": evidence.reference, "amount": evidence.amount}
        _event(transaction, evidence, "payment.orphan", data, None)


_TOLD = {
    "settled": "payment.settled",
    "duplicate": "payment.paid_twice",
    "failed": "payment.failed",
    "quarantined": "payment.quarantined",
}


def _tell(transaction: Transaction, evidence: Evidence, applied: Applied) -> None:
    """One event per effect; an alarm without an effect is a conflict. A repetition tells nothing."""
    decision = applied.decision
    kind = _TOLD.get(decision.effect) or ("payment.conflict" if decision.alarm else None)
    if kind is None:
        return
    data = {
        "payment": str(applied.request),
        "attempt": str(applied.attempt),
        "reference": evidence.reference,
        "amount": evidence.amount,
        "currency": evidence.currency,
        "transaction": evidence.transaction,
        "source": evidence.source,
        "alarm": decision.alarm,
    }
    _event(transaction, evidence, kind, data, applied.dossier)


def _event(
    transaction: Transaction,
    evidence: Evidence,
    kind: str,
    data: dict[str, Any],
    dossier: str | None,
) -> None:
    row = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(evidence.at),
        kind=kind,
        data=msgspec.json.encode(data).decode(),
        dossier_code=dossier,
        destination=evidence.destination,
    )
    insert_events(transaction, [row])
