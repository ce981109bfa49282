"""What one person proposes about an attempt and a second one decides: settle, accept, reject, adopt, count an excess.

Invariants: nothing settles but ``apply_evidence`` with source ``operator``, which judges by the rule that holds for
everybody; no proposal is approved or declined by whoever made it; an order that is repeated does nothing again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.payment import MOST_VND, SETTLED, AttemptState, Evidence
from gateway.domain.persons import same_person
from gateway.storage.instants import to_micros
from gateway.storage.payment_files import (
    AttemptFile,
    RequestFile,
    lock_attempt,
    note,
    require_words,
    wrong_value,
)
from gateway.storage.payment_orders import Answer, DecisionDone, DecisionKind, Proposal
from gateway.storage.payments import apply_evidence
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_COLUMNS = (
    *("id", "kind", "attempt_id", "orphan_id", "amount", "transaction_no", "bank", "claimed_at", "document"),
    *("state", "requested_by", "decided_by", "effect"),
)
_PROPOSED = Statement(f"""
    SELECT {", ".join(_COLUMNS)} FROM payment_decision
    WHERE attempt_id = :attempt AND (state = 'requested' OR document = :document) ORDER BY id
""")  # noqa: S608 - our own names
_COUNTED = Statement("""
    SELECT id FROM payment_decision
    WHERE attempt_id = :attempt AND kind = 'excess' AND transaction_no = :transaction AND state = 'approved'
""")
_DECISION = Statement(f"SELECT {', '.join(_COLUMNS)} FROM payment_decision WHERE id = :decision")  # noqa: S608 - as above
_PROPOSE = insert(
    "payment_decision",
    (
        *("id", "kind", "destination", "dossier_code", "request_id", "attempt_id", "orphan_id", "amount"),
        *("transaction_no", "bank", "claimed_at", "reason", "document", "state", "requested_by"),
        "requested_at",
    ),
)
_DECIDE = Statement("""
    UPDATE payment_decision SET state = :state, decided_by = :actor, decided_at = :now, decided_reason = :reason,
        effect = :effect WHERE id = :decision AND state = 'requested'
""")
_ORPHAN = Statement("""
    SELECT partner, transaction_no, amount, currency, matched_at, evidence FROM payment_orphan
    WHERE id = :orphan FOR_UPDATE
""")
_MATCH = Statement("UPDATE payment_orphan SET matched_at = :now, attempt_id = :attempt WHERE id = :orphan")
_OWNER = Statement("""
    SELECT attempt_id FROM settlement WHERE partner = :partner AND transaction_no = :transaction
""")
_ASK_NOW = Statement("UPDATE payment_attempt SET next_question_at = :now WHERE id = :attempt")
_PAYING = frozenset({"settled", "duplicate", "repeated"})
_REJECTING = frozenset({"pending", "failed"})


class _Decision(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    kind: DecisionKind
    attempt: int
    orphan: int | None
    amount: int
    transaction: str
    bank: str
    claimed_at: str
    document: str
    state: str
    requested_by: str
    decided_by: str | None
    effect: str | None


def propose(transaction: Transaction, order: Proposal) -> DecisionDone:
    """Put ``order`` before a second person. The same proposal again is the one there is.

    ConflictError: the attempt is in no state for it, or something else is proposed about it. RecordError: a value
    that can never be right. NotFoundError: no such attempt or orphan.
    """
    require_words(order, document=order.document)
    request, attempt = lock_attempt(transaction, order.attempt)
    order = _completed(transaction, order, attempt)
    about = {"attempt": attempt.id, "document": order.document}
    standing = [_decision(row) for row in transaction.all(_PROPOSED, about)]
    same = (each for each in standing if each.state != "declined" and _is_same(each, order))
    if (found := next(same, None)) is not None:
        return _done(found, request, None)
    _require_fitting(transaction, order, attempt)
    if (waiting := next((each for each in standing if each.state == "requested"), None)) is not None:
        raise ConflictError(
            f"attempt {attempt.reference}: proposal {waiting.id} ({waiting.kind}) waits for a second person; decide "
            "it first"
        )
    made = _propose(transaction, order, request)
    detail = {"decision": str(made.id), "kind": order.kind, "amount": made.amount, "document": order.document}
    action = note(transaction, order, request, "payment.propose", {"attempt": attempt.reference, **detail})
    return _done(made, request, action)


def _completed(transaction: Transaction, order: Proposal, attempt: AttemptFile) -> Proposal:
    """``order`` with what the attempt or the orphan says; RecordError when a value cannot be right."""
    if order.kind == "adopt":
        order = _of_orphan(transaction, order, attempt)
    elif order.orphan is not None:
        raise wrong_value("/orphan", order.orphan, "none: only adopt names an orphan")
    if order.kind in {"settle", "accept", "adopt"}:
        amount = attempt.amount if order.amount is None else order.amount
        if amount != attempt.amount:
            expected = f"{attempt.amount}, what was asked for; other money is rejected and given back"
            raise wrong_value("/amount", amount, expected)
        order = msgspec.structs.replace(order, amount=amount)
    least = 0 if order.kind == "reject" else 1
    if order.amount is None or not least <= order.amount <= MOST_VND:
        raise wrong_value("/amount", order.amount, f"{least} to {MOST_VND} đồng: what came in")
    if order.kind in {"accept", "reject"} and not order.transaction:
        order = msgspec.structs.replace(order, transaction=attempt.transaction or "")
    if not order.transaction.strip() and order.kind != "reject":
        raise wrong_value(
            "/transaction", order.transaction, "the platform's or the bank's number of the payment"
        )
    return order


def _of_orphan(transaction: Transaction, order: Proposal, attempt: AttemptFile) -> Proposal:
    if order.orphan is None:
        raise wrong_value("/orphan", None, "the orphan to adopt")
    row = transaction.one(_ORPHAN, {"orphan": order.orphan})
    if row is None:
        raise NotFoundError(f"there is no orphan {order.orphan}")
    partner, number, amount, currency, _, evidence = row
    if (partner, currency, amount) != (attempt.partner, attempt.currency, attempt.amount):
        raise ConflictError(
            f"orphan {order.orphan} is {amount} {currency} to {partner}, attempt {attempt.reference} asked for "
            f"{attempt.amount} {attempt.currency} to {attempt.partner}"
        )
    said = msgspec.json.decode(bytes(evidence), type=Evidence)
    return msgspec.structs.replace(
        order, amount=int(amount), transaction=number, bank=said.bank, claimed_at=said.claimed_at
    )


def _require_fitting(transaction: Transaction, order: Proposal, attempt: AttemptFile) -> None:
    """Whether the attempt is in a state for the proposal."""
    state, name = attempt.state, f"attempt {attempt.reference}"
    if order.kind in {"accept", "reject"} and state is not AttemptState.QUARANTINED:
        raise ConflictError(f"{name} is {state}; only what is in quarantine is accepted or rejected")
    if order.kind in {"settle", "adopt"} and state is AttemptState.QUARANTINED:
        raise ConflictError(f"{name} is in quarantine; accept or reject that money first")
    if order.kind in {"settle", "adopt"} and state in SETTLED:
        raise ConflictError(
            f"{name} is {state} by transaction {attempt.transaction}; it is not settled again"
        )
    if order.kind == "excess" and (state not in SETTLED or order.transaction == attempt.transaction):
        raise ConflictError(
            f"{name} is {state} by transaction {attempt.transaction or 'none'}; more money through it needs a payment "
            "that counts, and another transaction"
        )
    if order.orphan is not None:
        _require_unmatched(transaction, order.orphan)
    if order.kind != "reject":
        _require_free(transaction, order, attempt)


def _require_free(transaction: Transaction, order: Proposal | _Decision, attempt: AttemptFile) -> None:
    owner = transaction.one(_OWNER, {"partner": attempt.partner, "transaction": order.transaction})
    if owner is not None and int(owner[0]) != attempt.id:
        raise ConflictError(
            f"transaction {order.transaction} of {attempt.partner} has settled attempt {owner[0]}; money counts once"
        )
    counted = transaction.one(_COUNTED, {"attempt": attempt.id, "transaction": order.transaction})
    if counted is not None:
        raise ConflictError(f"transaction {order.transaction} was counted by proposal {counted[0]} already")


def _propose(transaction: Transaction, order: Proposal, request: RequestFile) -> _Decision:
    made = _Decision(
        id=transaction.identifiers.next(),
        kind=order.kind,
        attempt=order.attempt,
        orphan=order.orphan,
        amount=order.amount or 0,
        transaction=order.transaction,
        bank=order.bank,
        claimed_at=order.claimed_at,
        document=order.document,
        state="requested",
        requested_by=order.actor,
        decided_by=None,
        effect=None,
    )
    transaction.run(
        _PROPOSE,
        {
            "id": made.id,
            "kind": made.kind,
            "destination": request.destination,
            "dossier_code": request.dossier,
            "request_id": request.id,
            "attempt_id": made.attempt,
            "orphan_id": made.orphan,
            "amount": made.amount,
            "transaction_no": made.transaction,
            "bank": made.bank,
            "claimed_at": made.claimed_at,
            "reason": order.reason,
            "document": made.document,
            "state": made.state,
            "requested_by": made.requested_by,
            "requested_at": to_micros(order.now),
        },
    )
    return made


def answer_proposal(transaction: Transaction, order: Answer) -> DecisionDone:
    """Approve or decline a proposal; the same answer of the same person again does nothing.

    ConflictError: it was decided otherwise, the actor proposed it, or the attempt has moved on so that it cannot be
    carried out. NotFoundError: there is none.
    """
    require_words(order)
    row = transaction.one(_DECISION, {"decision": order.target})
    if row is None:
        raise NotFoundError(f"there is no proposal {order.target}")
    request, attempt = lock_attempt(transaction, _decision(row).attempt)
    # as it is now that nobody moves it
    decision = _decision(transaction.one(_DECISION, {"decision": order.target}) or row)
    if decision.state == order.verdict and decision.decided_by == order.actor:
        return _done(decision, request, None)
    require_second(order, decision.requested_by, decision.state, f"proposal {decision.id}")
    effect = (
        _carry_out(transaction, order, request, attempt, decision) if order.verdict == "approved" else None
    )
    told = {"state": order.verdict, "actor": order.actor, "reason": order.reason, "effect": effect}
    transaction.run(_DECIDE, {**told, "now": to_micros(order.now), "decision": decision.id})
    verb = "payment.approve" if order.verdict == "approved" else "payment.decline"
    detail = {
        "decision": str(decision.id),
        "kind": decision.kind,
        "attempt": attempt.reference,
        "effect": effect,
    }
    action = note(transaction, order, request, verb, detail)
    after = msgspec.structs.replace(decision, state=order.verdict, decided_by=order.actor, effect=effect)
    return _done(after, request, action)


def require_second(order: Answer, asked_by: str, state: str, name: str) -> None:
    """Four eyes, and once."""
    if state != "requested":
        raise ConflictError(f"{name} is {state} already")
    if why := same_person(asked_by, order.actor):
        raise ConflictError(f"{name}: {why}")


def _carry_out(
    transaction: Transaction,
    order: Answer,
    request: RequestFile,
    attempt: AttemptFile,
    decision: _Decision,
) -> str:
    """What the approved ``decision`` does; ConflictError when it cannot be done any more."""
    if decision.kind == "excess":
        _require_free(transaction, decision, attempt)
        return "recorded"
    evidence = _evidence(order, request, attempt, decision)
    (applied,) = apply_evidence(transaction, [evidence])
    effect = applied.decision.effect
    wanted = _REJECTING if decision.kind == "reject" else _PAYING
    if effect not in wanted:
        raise ConflictError(
            f"attempt {attempt.reference} is {attempt.state} and cannot be changed so "
            f"({applied.decision.alarm or effect}); decline the proposal and look at the attempt again"
        )
    if decision.kind == "reject":  # only the platform knows whether it can still be paid, or was paid since
        transaction.run(_ASK_NOW, {"attempt": attempt.id, "now": to_micros(order.now)})
    if decision.orphan is not None:
        _match(transaction, order, attempt, decision.orphan)
    return effect


def _match(transaction: Transaction, order: Answer, attempt: AttemptFile, orphan: int) -> None:
    _require_unmatched(transaction, orphan)
    transaction.run(_MATCH, {"now": to_micros(order.now), "attempt": attempt.id, "orphan": orphan})


def _require_unmatched(transaction: Transaction, orphan: int) -> None:
    row = transaction.one(_ORPHAN, {"orphan": orphan})
    if row is None or row[4] is not None:
        raise ConflictError(f"orphan {orphan} has its attempt already")


def _evidence(order: Answer, request: RequestFile, attempt: AttemptFile, decision: _Decision) -> Evidence:
    return Evidence(
        destination=request.destination,
        source="operator",
        claim="failed" if decision.kind == "reject" else "paid",
        partner=attempt.partner,
        reference=attempt.reference,
        amount=decision.amount,
        currency=attempt.currency,
        transaction=decision.transaction,
        bank=decision.bank or attempt.bank or "",
        at=order.now,
        claimed_at=decision.claimed_at,
        code=f"decision {decision.id}",
        actor=f"{decision.requested_by}, {order.actor}",
    )


def _is_same(found: _Decision, order: Proposal) -> bool:
    """Whether it is the same person's same proposal."""
    return (
        found.kind,
        found.orphan,
        found.amount,
        found.transaction,
        found.document,
        found.requested_by,
    ) == (order.kind, order.orphan, order.amount, order.transaction, order.document, order.actor)


def _decision(row: tuple[object, ...]) -> _Decision:
    return msgspec.convert(dict(zip(_Decision.__struct_fields__, row, strict=True)), _Decision)


def _done(decision: _Decision, request: RequestFile, action: str | None) -> DecisionDone:
    return msgspec.convert(
        {
            "decision": str(decision.id),
            "payment": str(request.id),
            "attempt": str(decision.attempt),
            "kind": decision.kind,
            "state": decision.state,
            "effect": decision.effect,
            "action": action,
        },
        DecisionDone,
    )
