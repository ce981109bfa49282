"""Payments as people and systems see them.

Money is integer đồng, instants are aware UTC, identifiers are text. Invariant: no card data, no secret and nothing of a
payer but what the reader's scope allows; ``claimed_at`` and ``paid_at`` are the partner's own words, never our clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway.domain.payment import Amount, AttemptState, RequestState, Source
from gateway.domain.payment_order import Beneficiary, OrderAgency, OrderItem, OrderPayer, OrderProcedure

Money: TypeAlias = Annotated[int, Meta(ge=0, description="Đồng, integer.")]
PartnerTime: TypeAlias = Annotated[
    str, Meta(description="The partner's own words for the time, as they came.", examples=["20260928143212"])
]


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to pay. ``reference``: MaThamChieu; ``asked_at``: ThoiGianGD, both verbatim. ``pay_url``: where the
    payer pays. ``transaction``: MaGiaoDich. ``questions``: how often the platform was asked about it since the
    schedule began; ``next_question_at``: when it will be asked next, if at all."""

    id: str
    reference: str
    partner: str
    asked_at: str
    amount: Amount
    currency: str
    state: AttemptState
    created_at: datetime
    pay_url: str | None = None
    transaction: str | None = None
    bank: str | None = None
    paid_at: str | None = None
    code: str | None = None
    reason: str | None = None
    delivery: str | None = None
    questions: int = 0
    next_question_at: datetime | None = None
    ended_at: datetime | None = None


class SettlementView(msgspec.Struct, frozen=True, kw_only=True):
    """What ended a request: by which attempt, on whose word. ``message``: the log entry that the evidence stands in."""

    id: str
    attempt: str
    partner: str
    transaction: str
    amount: Amount
    source: Source
    actor: str
    claimed_at: str
    at: datetime
    message: str | None = None


class RefundView(msgspec.Struct, frozen=True, kw_only=True):
    """Money given back by hand: asked for by one person, decided by another, with its paper."""

    id: str
    payment: str
    attempt: str
    amount: Amount
    reason: str
    document: str
    state: Literal["requested", "approved", "declined"]
    requested_by: str
    requested_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_reason: str | None = None


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's receipt for one attempt; ``kept``: the file is here. ``sha256`` in hex."""

    attempt: str
    state: Literal["wanted", "kept", "given_up"]
    tries: int
    next_at: datetime | None = None
    sha256: str | None = None
    size: int | None = None
    failure: str | None = None
    at: datetime | None = None


class DecisionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants done with money, and what somebody else said to it. ``document``: the paper that shows it.

    ``settle`` by hand, ``accept`` or ``reject`` what is in quarantine, ``adopt`` an orphan, ``excess``: money once more
    through one attempt, ``give_up`` one that never ends, ``refund_orphan``: an orphan was given back, and there is no
    payment, attempt or dossier. ``effect``: what came of it.
    """

    id: str
    kind: Literal["settle", "accept", "reject", "adopt", "excess", "give_up", "refund_orphan"]
    state: Literal["requested", "approved", "declined"]
    payment: str | None
    destination: str
    dossier: str | None
    attempt: str | None
    amount: Money
    transaction: str
    reason: str
    document: str
    requested_by: str
    requested_at: datetime
    orphan: str | None = None
    bank: str = ""
    claimed_at: str = ""
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_reason: str | None = None
    effect: str | None = None


class CallbackView(msgspec.Struct, frozen=True, kw_only=True):
    """One distinct call of the platform about an attempt, its check code good. ``effect``, ``alarm``: what it did;
    ``deliveries``: how often it came; ``message``: its log entry."""

    attempt: str
    effect: str
    alarm: str
    deliveries: int
    at: datetime
    again_at: datetime | None = None
    message: str | None = None


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A request for money with everything that became of it. ``attempts`` in the order in which they were made: the
    last one is the one that a payer can be sent to, if any."""

    id: str
    destination: str
    dossier: str
    purpose: str
    amount: Amount
    currency: str
    refunded: Money
    state: RequestState
    created_at: datetime
    created_by: str
    ended_at: datetime | None = None
    items: list[OrderItem] = []
    payer: OrderPayer | None = None
    procedure: OrderProcedure | None = None
    agency: OrderAgency | None = None
    attempts: list[AttemptView] = []
    settlement: SettlementView | None = None
    refunds: list[RefundView] = []
    receipts: list[ReceiptView] = []
    callbacks: list[CallbackView] = []
    decisions: list[DecisionView] = []


class PaymentGlance(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list of payments; ``attempt``, ``reference``: those of the newest attempt, or of the one that was
    looked for."""

    id: str
    destination: str
    dossier: str
    purpose: str
    amount: Amount
    refunded: Money
    state: RequestState
    created_at: datetime
    attempt: str | None = None
    attempt_state: AttemptState | None = None
    reference: str | None = None
    transaction: str | None = None


class OrphanView(msgspec.Struct, frozen=True, kw_only=True):
    """Paid evidence that fits no attempt; ``matched_at``: when it was given to one; ``refunded_at``: when two people
    had given it back."""

    id: str
    destination: str
    partner: str
    reference: str
    transaction: str
    amount: int | None
    currency: str
    source: Source
    at: datetime
    matched_at: datetime | None = None
    refunded_at: datetime | None = None
    attempt: str | None = None


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a payer is asked to pay for: ``payment_request.terms``, written once and never changed."""

    items: list[OrderItem]
    payer: OrderPayer
    procedure: OrderProcedure
    agency: OrderAgency
    beneficiary: Beneficiary | None = None
