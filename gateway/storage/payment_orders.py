"""What an operator may order about payments, and what the answer says: values only.

Invariant: every order carries its actor and a reason; what moves money also names the paper that shows it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from gateway.domain.payment import RequestState
from gateway.storage.orders import Instruction

DecisionKind: TypeAlias = Literal["settle", "accept", "reject", "adopt", "excess", "give_up", "refund_orphan"]
Verdict: TypeAlias = Literal["approved", "declined"]


PaymentInstruction: TypeAlias = Instruction
"""Who does it, why and when: as of any other order."""


class Cancel(PaymentInstruction, frozen=True, kw_only=True):
    """Ask for this money no more."""

    payment: int


class Proposal(PaymentInstruction, frozen=True, kw_only=True):
    """What is to be done about an attempt, for a second person to approve.

    ``settle``: it was paid, by ``document``, although the platform does not say so. ``accept``: what is in quarantine
    is this payment. ``reject``: it is not; ``amount`` came in and goes back. ``adopt``: orphan ``orphan`` is this
    payment. ``excess``: ``amount`` came in once more, by another transaction than the one that counts. ``give_up``:
    nobody will ever say how it ended. ``refund_orphan``: orphan ``orphan`` was given back; no attempt is named then.

    ``amount`` None: what was asked for (settle, accept), what the orphan says (adopt); ``transaction`` empty: that of
    the attempt or the orphan. ``claimed_at``: the partner's words for the time, fourteen digits where they are known.
    """

    attempt: int | None = None
    kind: DecisionKind
    document: str
    amount: int | None = None
    transaction: str = ""
    bank: str = ""
    claimed_at: str = ""
    orphan: int | None = None


class Answer(PaymentInstruction, frozen=True, kw_only=True):
    """What the second person says to proposal or refund ``target``."""

    target: int
    verdict: Verdict


class RefundOrder(PaymentInstruction, frozen=True, kw_only=True):
    """Give ``amount`` back, by ``document``. ``attempt`` None: the one that settled the request."""

    payment: int
    amount: int
    document: str
    attempt: int | None = None


class CancelDone(msgspec.Struct, frozen=True, kw_only=True):
    """``action``: its record; None: it was cancelled before."""

    payment: str
    action: str | None


class DecisionDone(msgspec.Struct, frozen=True, kw_only=True):
    """``effect``: what an approval did; None before one. ``action``: its record; None: it was done before.

    ``payment`` and ``attempt`` None: it is about ``orphan`` alone.
    """

    decision: str
    payment: str | None
    attempt: str | None
    kind: DecisionKind
    state: Literal["requested", "approved", "declined"]
    effect: str | None
    action: str | None
    orphan: str | None = None


class RefundDone(msgspec.Struct, frozen=True, kw_only=True):
    """``payment_state``, ``refunded``: of the request, afterwards. ``action``: its record; None: it was done before."""

    refund: str
    payment: str
    attempt: str
    amount: int
    state: Literal["requested", "approved", "declined"]
    payment_state: RequestState
    refunded: int
    action: str | None


class AskAgain(PaymentInstruction, frozen=True, kw_only=True):
    """Fetch the receipt of a paid attempt, whatever became of it before."""

    attempt: int


class AskedAgain(msgspec.Struct, frozen=True, kw_only=True):
    """``kept``: it is here already, and nothing was done."""

    attempt: str
    state: Literal["wanted", "kept"]
    action: str | None
