"""What one person proposes about an attempt and a second one decides: settle, accept, reject, adopt, count an excess,
give up; and what is to become of an orphan.

Invariants: nothing settles but ``apply_evidence`` with source ``operator``, which judges by the rule that holds for
everybody; no proposal is approved or declined by whoever made it; an order that is repeated does nothing again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import ConflictError
from gateway.domain.payment import MOST_VND, SETTLED, AttemptState, Evidence
from gateway.storage.instants import to_micros
from gateway.storage.payment_decisions import (
    DecisionFile,
    Whose,
    add_proposal,
    decide,
    decisions_of_attempt,
    done,
    find_decision,
    is_same,
    require_second,
    require_undecided,
)
from gateway.storage.payment_files import (
    AttemptFile,
    RequestFile,
    lock_attempt,
    note,
    require_words,
    wrong_value,
)
from gateway.storage.payment_giving_up import give_up, require_hopeless
from gateway.storage.payment_orders import Answer, DecisionDone, Proposal
from gateway.storage.payment_orphans import (
    answer_orphan_refund,
    counted_more,
    lock_orphan,
    propose_orphan_refund,
    require_unmatched,
)
from gateway.storage.payments import apply_evidence
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_MATCH = Statement("UPDATE payment_orphan SET matched_at = :now, attempt_id = :attempt WHERE id = :orphan")
_OWNER = Statement("""
    SELECT attempt_id FROM settlement
    WHERE partner = :partner AND transaction_no = :transaction AND attempt_id <> :attempt
    UNION ALL SELECT id FROM payment_attempt
    WHERE partner = :partner AND transaction_no = :transaction AND id <> :attempt AND state = 'duplicate_paid'
""")
_GIVEN_BACK = Statement("""
    SELECT id FROM payment_orphan
    WHERE partner = :partner AND transaction_no = :transaction AND refunded_at IS NOT NULL
""")
_WAITING_ORPHAN = Statement("""
    SELECT id FROM payment_orphan
    WHERE partner = :partner AND transaction_no = :transaction AND destination = :destination
        AND matched_at IS NULL AND refunded_at IS NULL
""")
_ASK_NOW = Statement("UPDATE payment_attempt SET next_question_at = :now WHERE id = :attempt")
_PAYING = frozenset({"settled", "duplicate", "repeated"})
_REJECTING = frozenset({"pending", "failed"})


def propose(transaction: Transaction, order: Proposal) -> DecisionDone:
    """Put ``order`` before a second person. The same proposal again is the one there is.

    ConflictError: the attempt is in no state for it, or something else is proposed about it. RecordError: a value
    that can never be right. NotFoundError: no such attempt or orphan.
    """
    require_words(order, document=order.document)
    if order.kind == "refund_orphan":
        return propose_orphan_refund(transaction, order)
    if order.attempt is None:
        raise wrong_value("/attempt", None, "the attempt that it is about")
    request, attempt = lock_attempt(transaction, order.attempt)
    order = _completed(transaction, order, request, attempt)
    standing = decisions_of_attempt(transaction, attempt.id, order.document)
    if (found := next((each for each in standing if is_same(each, order)), None)) is not None:
        return done(found, None)
    _require_fitting(transaction, order, attempt)
    if order.kind in {"settle", "excess"}:
        _require_no_orphan(transaction, order, request, attempt)
    if (waiting := next((each for each in standing if each.state == "requested"), None)) is not None:
        raise ConflictError(
            f"attempt {attempt.reference}: proposal {waiting.id} ({waiting.kind}) waits for a second person; decide "
            "it first"
        )
    whose = Whose(destination=request.destination, dossier=request.dossier, request=request.id)
    made = add_proposal(transaction, order, whose)
    detail = {"decision": str(made.id), "kind": order.kind, "amount": made.amount, "document": order.document}
    action = note(transaction, order, request, "payment.propose", {"attempt": attempt.reference, **detail})
    return done(made, action)


def _completed(
    transaction: Transaction, order: Proposal, request: RequestFile, attempt: AttemptFile
) -> Proposal:
    """``order`` with what the attempt or the orphan says; RecordError when a value cannot be right."""
    if order.kind == "adopt":
        order = _of_orphan(transaction, order, request, attempt)
    elif order.orphan is not None:
        raise wrong_value("/orphan", order.orphan, "none: only adopt names an orphan")
    if order.kind in {"settle", "accept", "adopt"}:
        amount = attempt.amount if order.amount is None else order.amount
        if amount != attempt.amount:
            expected = f"{attempt.amount}, what was asked for; other money is rejected and given back"
            raise wrong_value("/amount", amount, expected)
        order = msgspec.structs.replace(order, amount=amount)
    if order.kind == "give_up":
        return _without_money(order)
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


def _of_orphan(
    transaction: Transaction, order: Proposal, request: RequestFile, attempt: AttemptFile
) -> Proposal:
    if order.orphan is None:
        raise wrong_value("/orphan", None, "the orphan to adopt")
    found = lock_orphan(transaction, order.orphan)
    came = (found.partner, found.currency, found.amount, found.destination)
    if came != (attempt.partner, attempt.currency, attempt.amount, request.destination):
        raise ConflictError(
            f"orphan {found.id} is {found.amount} {found.currency} to {found.partner} at {found.destination}, attempt "
            f"{attempt.reference} asked for {attempt.amount} {attempt.currency} to {attempt.partner} at "
            f"{request.destination}"
        )
    said = msgspec.json.decode(bytes(found.evidence), type=Evidence)
    return msgspec.structs.replace(
        order,
        amount=found.amount,
        transaction=found.transaction,
        bank=said.bank,
        claimed_at=said.claimed_at,
    )


def _without_money(order: Proposal) -> Proposal:
    for pointer, value in (("/amount", order.amount), ("/transaction", order.transaction)):
        if value:
            raise wrong_value(pointer, value, "none: no money came in through what is given up")
    return msgspec.structs.replace(order, amount=0)


def _require_fitting(transaction: Transaction, order: Proposal, attempt: AttemptFile) -> None:
    """Whether the attempt is in a state for the proposal."""
    state, name = attempt.state, f"attempt {attempt.reference}"
    if order.kind in {"accept", "reject"} and state is not AttemptState.QUARANTINED:
        raise ConflictError(f"{name} is {state}; only what is in quarantine is accepted or rejected")
    if order.kind in {"settle", "adopt"} and state is AttemptState.QUARANTINED:
        raise ConflictError(f"{name} is in quarantine; accept or reject that money first")
    if (
        order.kind in {"settle", "adopt"}
        and state in SETTLED
        and not _is_its_own(transaction, order, attempt)
    ):
        raise ConflictError(
            f"{name} is {state} by transaction {attempt.transaction}; it is not settled again"
        )
    if order.kind == "excess" and (state not in SETTLED or order.transaction == attempt.transaction):
        raise ConflictError(
            f"{name} is {state} by transaction {attempt.transaction or 'none'}; more money through it needs a payment "
            "that counts, and another transaction"
        )
    if order.orphan is not None:
        require_unmatched(lock_orphan(transaction, order.orphan))
        require_undecided(transaction, order.orphan)
    if order.kind == "give_up":
        require_hopeless(attempt, order.now)
    elif order.kind != "reject":
        _require_free(transaction, order, attempt)


def _is_its_own(transaction: Transaction, order: Proposal | DecisionFile, attempt: AttemptFile) -> bool:
    """Whether an orphan is money that the attempt has by its number already, so that adopting it only says so."""
    if order.kind != "adopt" or attempt.state not in SETTLED:
        return False
    counted = counted_more(transaction, attempt.partner, order.transaction)
    return order.transaction == attempt.transaction or (counted is not None and counted[1] == attempt.id)


def _require_no_orphan(
    transaction: Transaction, order: Proposal, request: RequestFile, attempt: AttemptFile
) -> None:
    """Money that is among the orphans is taken from there, so that nobody gives it away a second time."""
    where = {"partner": attempt.partner, "transaction": order.transaction, "destination": request.destination}
    if orphan := transaction.one(_WAITING_ORPHAN, where):
        raise ConflictError(
            f"transaction {order.transaction} of {attempt.partner} is orphan {orphan[0]}: adopt it, or give it back"
        )


def _require_free(transaction: Transaction, order: Proposal | DecisionFile, attempt: AttemptFile) -> None:
    number = {"partner": attempt.partner, "transaction": order.transaction}
    owner = transaction.one(_OWNER, {**number, "attempt": attempt.id})
    if owner is not None:
        raise ConflictError(
            f"transaction {order.transaction} of {attempt.partner} has settled attempt {owner[0]}; money counts once"
        )
    if orphan := transaction.one(_GIVEN_BACK, number):
        raise ConflictError(
            f"transaction {order.transaction} of {attempt.partner} is orphan {orphan[0]}, which was given back"
        )
    counted = counted_more(transaction, attempt.partner, order.transaction)
    if counted is not None and not _is_its_own(transaction, order, attempt):
        raise ConflictError(f"transaction {order.transaction} was counted by proposal {counted[0]} already")


def answer_proposal(transaction: Transaction, order: Answer) -> DecisionDone:
    """Approve or decline a proposal; the same answer of the same person again does nothing.

    ConflictError: it was decided otherwise, the actor proposed it, or the attempt has moved on so that it cannot be
    carried out. NotFoundError: there is none.
    """
    require_words(order)
    decision = find_decision(transaction, order.target)
    if decision.kind == "refund_orphan":
        return answer_orphan_refund(transaction, order, decision)
    request, attempt = lock_attempt(transaction, decision.attempt or 0)
    decision = find_decision(transaction, order.target)  # as it is now that nobody moves it
    if decision.state == order.verdict and decision.decided_by == order.actor:
        return done(decision, None)
    require_second(order, decision.requested_by, decision.state, f"proposal {decision.id}")
    effect = (
        _carry_out(transaction, order, request, attempt, decision) if order.verdict == "approved" else None
    )
    after = decide(transaction, order, decision, effect)
    verb = "payment.approve" if order.verdict == "approved" else "payment.decline"
    detail = {
        "decision": str(decision.id),
        "kind": decision.kind,
        "attempt": attempt.reference,
        "effect": effect,
    }
    action = note(transaction, order, request, verb, detail)
    return done(after, action)


def _carry_out(
    transaction: Transaction,
    order: Answer,
    request: RequestFile,
    attempt: AttemptFile,
    decision: DecisionFile,
) -> str:
    """What the approved ``decision`` does; ConflictError when it cannot be done any more."""
    if decision.kind == "excess":
        _require_free(transaction, decision, attempt)
        return "recorded"
    if decision.kind == "give_up":
        return give_up(transaction, order, request, attempt)
    if decision.orphan is not None and _is_its_own(transaction, decision, attempt):
        _match(transaction, order, attempt, decision.orphan)
        return "repeated"
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
    require_unmatched(lock_orphan(transaction, orphan))
    transaction.run(_MATCH, {"now": to_micros(order.now), "attempt": attempt.id, "orphan": orphan})


def _evidence(order: Answer, request: RequestFile, attempt: AttemptFile, decision: DecisionFile) -> Evidence:
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
