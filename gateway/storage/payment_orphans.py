"""Orphans given back: money that fits nothing which was asked for, and that nobody adopts (payment_platform §11.5, §12).

Invariants: an orphan is adopted or given back, never both, and as a whole; two people and a paper stand for it; what was
given back settles nothing any more, and what has paid or was counted for an attempt is not given back as an orphan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.payment import MOST_VND
from gateway.storage.instants import to_micros
from gateway.storage.operator_log import lane_target, write_action
from gateway.storage.oversight import Action
from gateway.storage.payment_decisions import (
    DecisionFile,
    Whose,
    add_proposal,
    decide,
    decision_of_orphan,
    done,
    find_decision,
    is_same,
    require_second,
    require_undecided,
)
from gateway.storage.payment_files import wrong_value
from gateway.storage.payment_orders import Answer, DecisionDone, PaymentInstruction, Proposal
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_ORPHAN = Statement("""
    SELECT id, destination, partner, reference, transaction_no, amount, currency, evidence, matched_at, refunded_at
    FROM payment_orphan WHERE id = :orphan FOR_UPDATE
""")
_PAYS_FOR = Statement("""
    SELECT reference FROM payment_attempt
    WHERE partner = :partner AND transaction_no = :transaction AND state IN ('paid', 'duplicate_paid')
""")
_COUNTED_MORE = Statement("""
    SELECT d.id, d.attempt_id FROM payment_decision AS d JOIN payment_attempt AS a ON a.id = d.attempt_id
    WHERE a.partner = :partner AND d.transaction_no = :transaction AND d.kind = 'excess' AND d.state = 'approved'
""")
_GIVE_BACK = Statement("UPDATE payment_orphan SET refunded_at = :now WHERE id = :orphan")


class OrphanFile(msgspec.Struct, frozen=True, kw_only=True):
    """An orphan, locked."""

    id: int
    destination: str
    partner: str
    reference: str
    transaction: str
    amount: int | None
    currency: str
    evidence: bytes
    matched_at: int | None
    refunded_at: int | None


def lock_orphan(transaction: Transaction, orphan: int) -> OrphanFile:
    """The orphan; NotFoundError."""
    row = transaction.one(_ORPHAN, {"orphan": orphan})
    if row is None:
        raise NotFoundError(f"there is no orphan {orphan}")
    return OrphanFile(**dict(zip(OrphanFile.__struct_fields__, row, strict=True)))


def require_unmatched(orphan: OrphanFile) -> None:
    """ConflictError when the money has found its place already."""
    if orphan.matched_at is not None:
        raise ConflictError(f"orphan {orphan.id} has its attempt already")
    if orphan.refunded_at is not None:
        raise ConflictError(f"orphan {orphan.id} was given back already")


def counted_more(transaction: Transaction, partner: str, number: str) -> tuple[int, int] | None:
    """The proposal that has counted this payment as money once more, and for which attempt."""
    row = transaction.one(_COUNTED_MORE, {"partner": partner, "transaction": number})
    return None if row is None else (int(row[0]), int(row[1]))


def _require_nobodys(transaction: Transaction, orphan: OrphanFile) -> None:
    """ConflictError when an attempt has this money by its number: it goes back with that attempt, and once."""
    paid = transaction.one(_PAYS_FOR, {"partner": orphan.partner, "transaction": orphan.transaction})
    if paid is not None:
        raise ConflictError(
            f"transaction {orphan.transaction} of {orphan.partner} has settled attempt {paid[0]}; adopt the orphan there"
        )
    if counted := counted_more(transaction, orphan.partner, orphan.transaction):
        raise ConflictError(
            f"transaction {orphan.transaction} of {orphan.partner} was counted by proposal {counted[0]} already"
        )


def propose_orphan_refund(transaction: Transaction, order: Proposal) -> DecisionDone:
    """Put before a second person that an orphan is given back. The same proposal again is the one there is.

    ConflictError: it has found its place, or somebody wants something else done with it. RecordError, NotFoundError.
    """
    if order.orphan is None:
        raise wrong_value("/orphan", None, "the orphan to give back")
    if order.attempt is not None:
        raise wrong_value("/attempt", order.attempt, "none: an orphan belongs to no attempt")
    orphan = lock_orphan(transaction, order.orphan)
    order = _completed(order, orphan)
    standing = decision_of_orphan(transaction, orphan.id)
    if standing is not None and is_same(standing, order):
        return done(standing, None)
    require_unmatched(orphan)
    _require_nobodys(transaction, orphan)
    require_undecided(transaction, orphan.id)
    made = add_proposal(transaction, order, Whose(destination=orphan.destination))
    return done(made, _note(transaction, order, orphan, made, "payment.propose"))


def _completed(order: Proposal, orphan: OrphanFile) -> Proposal:
    amount = orphan.amount if order.amount is None else order.amount
    if orphan.amount is not None and amount != orphan.amount:
        raise wrong_value("/amount", amount, f"{orphan.amount}, all that came in")
    if amount is None or not 1 <= amount <= MOST_VND:
        raise wrong_value("/amount", amount, f"1 to {MOST_VND} đồng: what came in, as the paper says")
    if order.transaction not in {"", orphan.transaction}:
        raise wrong_value("/transaction", order.transaction, f"{orphan.transaction}, the orphan's own")
    return msgspec.structs.replace(order, amount=amount, transaction=orphan.transaction)


def answer_orphan_refund(transaction: Transaction, order: Answer, decision: DecisionFile) -> DecisionDone:
    """What the second person says to giving an orphan back; ConflictError when it has found its place meanwhile."""
    orphan = lock_orphan(transaction, decision.orphan or 0)
    decision = find_decision(transaction, decision.id)  # as it is now that nobody moves it
    if decision.state == order.verdict and decision.decided_by == order.actor:
        return done(decision, None)
    require_second(order, decision.requested_by, decision.state, f"proposal {decision.id}")
    if order.verdict == "declined":
        after = decide(transaction, order, decision, None)
        return done(after, _note(transaction, order, orphan, after, "payment.decline"))
    require_unmatched(orphan)
    _require_nobodys(transaction, orphan)
    transaction.run(_GIVE_BACK, {"now": to_micros(order.now), "orphan": orphan.id})
    after = decide(transaction, order, decision, "refunded")
    _tell(transaction, order, orphan, after)
    return done(after, _note(transaction, order, orphan, after, "payment.approve"))


def _note(
    transaction: Transaction, order: PaymentInstruction, orphan: OrphanFile, decision: DecisionFile, verb: str
) -> str:
    detail = {
        "orphan": str(orphan.id),
        "decision": str(decision.id),
        "kind": decision.kind,
        "amount": decision.amount,
        "document": decision.document,
        "effect": decision.effect,
    }
    action = Action(
        actor=order.actor,
        verb=verb,
        target=lane_target(orphan.destination, orphan.reference),
        reason=order.reason,
        now=order.now,
        detail=detail,
    )
    return write_action(transaction, action)


def _tell(transaction: Transaction, order: Answer, orphan: OrphanFile, decision: DecisionFile) -> None:
    data = {
        "orphan": str(orphan.id),
        "partner": orphan.partner,
        "reference": orphan.reference,
        "transaction": orphan.transaction,
        "amount": decision.amount,
        "document": decision.document,
    }
    row = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(order.now),
        kind="payment.orphan_refunded",
        data=msgspec.json.encode(data).decode(),
        dossier_code=None,
        destination=orphan.destination,
    )
    insert_events(transaction, [row])
