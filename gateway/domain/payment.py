"""A payment: a request for money, its attempts at the platform, and the one settlement that ends it.

Evidence about an attempt comes from callbacks, questions, settlement files and operators; ``decide`` is the only rule
of what it does. Invariants: a request is settled once; what is paid stays paid whatever comes later, except by a
recorded refund; money is integer đồng and is compared, never taken over from a partner (payment_platform §11, §13).
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.domain.errors import ConflictError

MOST_VND = 10**15 - 1  # fifteen digits, the platform's own limit (payment_platform §5.1, field 5)
CURRENCY = "VND"

Amount: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_VND, description="Đồng, integer.")]


class RequestState(StrEnum):
    """Where a request for money stands."""

    OPEN = "open"
    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


class AttemptState(StrEnum):
    """Where one attempt to pay stands (payment_platform §11.1).

    created         the platform may not have it yet
    init_unknown    sent, and nobody knows whether the platform has it; the payer has no address to pay at
    redirected      the payer can pay
    pending         the platform itself does not know yet (TrangThaiGD 3)
    paid            settled; final
    failed, expired ended without money; authenticated evidence may still turn it into paid
    quarantined     money that does not fit what was asked for: a person decides
    duplicate_paid  money for a request that another attempt has settled: to be refunded; final
    """

    CREATED = "created"
    INIT_UNKNOWN = "init_unknown"
    REDIRECTED = "redirected"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    QUARANTINED = "quarantined"
    DUPLICATE_PAID = "duplicate_paid"


S = AttemptState
_EVIDENCE = frozenset({S.PAID, S.DUPLICATE_PAID, S.QUARANTINED})
MOVES: dict[AttemptState, frozenset[AttemptState]] = {
    S.CREATED: _EVIDENCE | {S.REDIRECTED, S.INIT_UNKNOWN, S.PENDING, S.FAILED, S.EXPIRED},
    S.INIT_UNKNOWN: _EVIDENCE | {S.REDIRECTED, S.PENDING, S.FAILED, S.EXPIRED},
    S.REDIRECTED: _EVIDENCE | {S.PENDING, S.FAILED, S.EXPIRED},
    S.PENDING: _EVIDENCE | {S.FAILED, S.EXPIRED},  # expired: given up by two people
    S.FAILED: _EVIDENCE,
    S.EXPIRED: _EVIDENCE,
    S.QUARANTINED: frozenset(
        {S.PAID, S.DUPLICATE_PAID, S.PENDING, S.FAILED}
    ),  # by a person, with a second one
    S.PAID: frozenset(),
    S.DUPLICATE_PAID: frozenset(),
}
OPEN: frozenset[AttemptState] = frozenset({S.CREATED, S.INIT_UNKNOWN, S.REDIRECTED, S.PENDING})
"""States in which the payer could still pay, so that no other attempt may begin."""
ABANDONABLE: frozenset[AttemptState] = frozenset({S.INIT_UNKNOWN, S.REDIRECTED, S.PENDING})
"""States in which an attempt may be given up by two people, once its time is over: the platform may have it."""
GIVEN_UP = "given_up"
PATIENCE = timedelta(hours=72)  # payment_platform §11.6: after the schedule of questions a person decides
ENDED: frozenset[AttemptState] = frozenset({S.FAILED, S.EXPIRED})
SETTLED: frozenset[AttemptState] = frozenset({S.PAID, S.DUPLICATE_PAID})


def require_move(before: AttemptState, after: AttemptState, *, attempt: str) -> None:
    """Refuse a move that is not in the table; ConflictError names the attempt and the legal targets."""
    if after not in MOVES[before]:
        legal = ", ".join(sorted(MOVES[before])) or "none: the state is final"
        raise ConflictError(
            f"payment attempt {attempt}: cannot go from {before} to {after}; legal from here: {legal}"
        )


Source = Literal["callback", "query", "file", "operator"]
Claim = Literal["paid", "failed", "pending"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who may say so has said about an attempt. ``claimed_at``: the partner's own words for the time,
    verbatim; ``at``: when we learnt it, aware UTC. ``message``: the log entry that it stands in."""

    destination: str
    source: Source
    claim: Claim
    partner: str
    reference: str
    amount: int | None
    currency: str
    transaction: str
    bank: str
    at: datetime
    claimed_at: str = ""
    code: str = ""
    message: int | None = None
    actor: str = ""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is on record when evidence comes. ``transaction``: of the attempt's own settlement or duplicate.

    ``settled_elsewhere``: another attempt has settled the request. ``transaction_taken``: the partner's transaction
    number settles another attempt already. ``rejected``: two people have rejected this very transaction for the
    attempt. ``replaced``: the request was cancelled and the same purpose is asked for by another one.
    ``another_open``: somebody could pay through another attempt of the request.
    """

    state: AttemptState
    partner: str
    amount: int
    currency: str
    transaction: str | None = None
    settled_elsewhere: bool = False
    transaction_taken: bool = False
    rejected: bool = False
    replaced: bool = False
    another_open: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What evidence does. ``move`` None: the attempt stays as it is. ``alarm``: a person must be told, and why."""

    effect: Literal[
        "settled", "duplicate", "failed", "pending", "quarantined", "repeated", "ignored", "orphan"
    ]
    move: AttemptState | None = None
    alarm: str = ""


def decide(evidence: Evidence, known: Known | None) -> Decision:
    """The rule (payment_platform §5.5 answer table, §11.5). ``known`` None: no attempt has this reference."""
    if known is None:
        return Decision(effect="orphan", alarm="unknown_reference" if evidence.claim == "paid" else "")
    match evidence.claim:
        case "paid":
            return _paid(evidence, known)
        case "failed":
            return _failed(evidence, known)
        case "pending":
            move = S.PENDING if S.PENDING in MOVES[known.state] else None
            return Decision(effect="pending" if move else "ignored", move=move)


def _paid(evidence: Evidence, known: Known) -> Decision:
    if wrong := "rejected_before" if known.rejected else mismatch(evidence, known):
        return _set_aside(known, wrong)
    if known.state in SETTLED:
        if evidence.transaction in {"", known.transaction}:
            return Decision(effect="repeated")
        return Decision(effect="ignored", alarm="second_transaction")  # money twice through one attempt
    if known.state is S.QUARANTINED and evidence.source != "operator":
        return Decision(effect="ignored", alarm="quarantined")
    if known.settled_elsewhere:
        return Decision(effect="duplicate", move=S.DUPLICATE_PAID, alarm="paid_twice")
    return (
        _set_aside(known, "request_replaced") if known.replaced else Decision(effect="settled", move=S.PAID)
    )


def _set_aside(known: Known, alarm: str) -> Decision:
    """Money that a person decides about; what is settled, set aside or rejected already stays as it is.

    An attempt whose only money was rejected has ended: the platform takes none a second time.
    """
    if known.rejected and known.state in OPEN:
        return Decision(effect="failed", move=S.FAILED, alarm=alarm)
    if known.rejected or known.state in SETTLED | {S.QUARANTINED}:
        return Decision(effect="ignored", alarm=alarm)
    return Decision(effect="quarantined", move=S.QUARANTINED, alarm=alarm)


def _failed(evidence: Evidence, known: Known) -> Decision:
    if known.state is S.QUARANTINED and evidence.source == "operator":
        # rejected, by two people: that money was none of this attempt. Whether it can still be paid, only the platform
        # knows; until it has told, nobody else is given an address (§11.3)
        if known.settled_elsewhere or known.another_open:
            return Decision(effect="failed", move=S.FAILED)
        return Decision(effect="pending", move=S.PENDING)
    if known.state in SETTLED:
        return Decision(effect="ignored", alarm="failed_after_paid")  # no downgrade (§5.5)
    if known.state in ENDED:
        return Decision(effect="repeated")
    if S.FAILED in MOVES[known.state] and known.state is not S.QUARANTINED:
        return Decision(effect="failed", move=S.FAILED)
    return Decision(effect="ignored")


def mismatch(evidence: Evidence, known: Known) -> str:
    """Why paid evidence does not fit what was asked for; empty when it does (§13, pitfall 2)."""
    if evidence.partner != known.partner:
        return "other_partner"
    if evidence.currency != known.currency:
        return "other_currency"
    if evidence.amount != known.amount:
        return "other_amount"
    if not evidence.transaction:
        return "no_transaction"
    if known.transaction_taken:
        return "transaction_of_another"
    return ""


_LOCAL = timezone(timedelta(hours=7))  # the platform's clock (payment_platform §3)
_TIME_DIGITS = 14


def paid_at(evidence: Evidence, asked_at: str) -> datetime:
    """When the money moved, as far as the partner's words can be right; else when we learnt of it.

    ``asked_at``: ThoiGianGD of the attempt. A CONFIRM may merely repeat it (payment_platform §5.5 field 9, §14 U6),
    which says nothing; neither does a time before it, nor one still to come.
    """
    claimed, asked = _instant(evidence.claimed_at), _instant(asked_at)
    if claimed is None or claimed > evidence.at or (asked is not None and claimed <= asked):
        return evidence.at
    return claimed


def _instant(words: str) -> datetime | None:
    if len(words) != _TIME_DIGITS or not (words.isascii() and words.isdecimal()):
        return None
    parts = (words[:4], *(words[at : at + 2] for at in range(4, _TIME_DIGITS, 2)))
    try:
        year, month, day, hour, minute, second = map(int, parts)  # strptime would take ten times as long
        return datetime(year, month, day, hour, minute, second, tzinfo=_LOCAL)
    except ValueError:
        return None


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Money given back by hand: asked for by one person, approved by another, with its paper (§12)."""

    amount: Amount
    reason: str
    document: str
    requested_by: str
    approved_by: str | None = None


def refund_state(paid: int, refunded: int) -> RequestState:
    """The state of a paid request after refunds of ``refunded`` in all; ConflictError when that is too much."""
    if refunded > paid:
        raise ConflictError(f"refunds would come to {refunded} đồng, more than the {paid} that were paid")
    if refunded == 0:
        return RequestState.PAID
    return RequestState.REFUNDED if refunded == paid else RequestState.PARTLY_REFUNDED
