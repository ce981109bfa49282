"""Decisions about money as rows: what one person has proposed, and what a second one has said to it.

Invariant: a row is written once and decided once, by somebody else; what it does is done by whoever calls, in the same
transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.persons import same_person
from gateway.storage.instants import to_micros
from gateway.storage.payment_orders import Answer, DecisionDone, DecisionKind, Proposal
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

_COLUMNS = (
    *("id", "kind", "request_id", "attempt_id", "orphan_id", "amount", "transaction_no", "bank"),
    *("claimed_at", "document", "state", "requested_by", "decided_by", "effect"),
)
_DECISION = Statement(f"SELECT {', '.join(_COLUMNS)} FROM payment_decision WHERE id = :decision")  # noqa: S608 - our own names
_OF_ATTEMPT = Statement(f"""
    SELECT {", ".join(_COLUMNS)} FROM payment_decision
    WHERE attempt_id = :attempt AND (state = 'requested' OR document = :document) ORDER BY id
""")  # noqa: S608 - as above
_OF_ORPHAN = Statement(f"""
    SELECT {", ".join(_COLUMNS)} FROM payment_decision
    WHERE orphan_id = :orphan AND state <> 'declined' AND orphan_id IS NOT NULL
""")  # noqa: S608 - as above
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


class DecisionFile(msgspec.Struct, frozen=True, kw_only=True):
    """One decision. ``request`` and ``attempt`` None: it is about an orphan alone."""

    id: int
    kind: DecisionKind
    request: int | None
    attempt: int | None
    orphan: int | None
    amount: int
    transaction: str
    bank: str
    claimed_at: str
    document: str
    state: Literal["requested", "approved", "declined"]
    requested_by: str
    decided_by: str | None
    effect: str | None


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """Where the money of a proposal was asked for, as far as anybody knows."""

    destination: str
    dossier: str | None = None
    request: int | None = None


def find_decision(transaction: Transaction, decision: int) -> DecisionFile:
    """One decision; NotFoundError."""
    row = transaction.one(_DECISION, {"decision": decision})
    if row is None:
        raise NotFoundError(f"there is no proposal {decision}")
    return _read(row)


def decisions_of_attempt(transaction: Transaction, attempt: int, document: str) -> list[DecisionFile]:
    """Those about an attempt that wait, and those with the same paper."""
    return [_read(row) for row in transaction.all(_OF_ATTEMPT, {"attempt": attempt, "document": document})]


def decision_of_orphan(transaction: Transaction, orphan: int) -> DecisionFile | None:
    """The one about an orphan that waits or was approved."""
    row = transaction.one(_OF_ORPHAN, {"orphan": orphan})
    return None if row is None else _read(row)


def require_undecided(transaction: Transaction, orphan: int) -> None:
    """ConflictError when somebody wants something done with the orphan already, or it was done."""
    found = decision_of_orphan(transaction, orphan)
    if found is not None:
        raise ConflictError(f"orphan {orphan}: proposal {found.id} ({found.kind}) is {found.state} already")


def add_proposal(transaction: Transaction, order: Proposal, whose: Whose) -> DecisionFile:
    """Write down ``order``, complete."""
    made = DecisionFile(
        id=transaction.identifiers.next(),
        kind=order.kind,
        request=whose.request,
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
            "destination": whose.destination,
            "dossier_code": whose.dossier,
            "request_id": made.request,
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


def decide(
    transaction: Transaction, order: Answer, decision: DecisionFile, effect: str | None
) -> DecisionFile:
    """Write down what the second person said; the decision as it is then."""
    told = {"state": order.verdict, "actor": order.actor, "reason": order.reason, "effect": effect}
    transaction.run(_DECIDE, {**told, "now": to_micros(order.now), "decision": decision.id})
    return msgspec.structs.replace(decision, state=order.verdict, decided_by=order.actor, effect=effect)


def require_second(order: Answer, asked_by: str, state: str, name: str) -> None:
    """Four eyes, and once."""
    if state != "requested":
        raise ConflictError(f"{name} is {state} already")
    if why := same_person(asked_by, order.actor):
        raise ConflictError(f"{name}: {why}")


def is_same(found: DecisionFile, order: Proposal) -> bool:
    """Whether it is the same person's same proposal, and stands."""
    return found.state != "declined" and (
        found.kind,
        found.orphan,
        found.amount,
        found.transaction,
        found.document,
        found.requested_by,
    ) == (order.kind, order.orphan, order.amount, order.transaction, order.document, order.actor)


def done(decision: DecisionFile, action: str | None) -> DecisionDone:
    """What the one who gave the order is told."""

    def text(value: int | None) -> str | None:
        return None if value is None else str(value)

    return DecisionDone(
        decision=str(decision.id),
        payment=text(decision.request),
        attempt=text(decision.attempt),
        orphan=text(decision.orphan),
        kind=decision.kind,
        state=decision.state,
        effect=decision.effect,
        action=action,
    )


def _read(row: Row) -> DecisionFile:
    return msgspec.convert(dict(zip(DecisionFile.__struct_fields__, row, strict=True)), DecisionFile)
