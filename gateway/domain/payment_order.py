"""What a payment platform is asked to collect: one attempt, complete, and what it answers to questions about one.

An order is written once, stored as the payload of its delivery and sent as it is. Invariants: ``reference`` and
``asked_at`` are verbatim wire texts, made once and never again (payment_platform §11.2, §13 pitfalls 4 and 5); the
items add up to ``amount``.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.domain.dossier import FeeKind
from gateway.domain.payment import CURRENCY, MOST_VND, Amount

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
ItemAmount = Annotated[int, Meta(ge=0, le=MOST_VND, description="Đồng, integer.")]


class OrderItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fee (phí) or charge (lệ phí). ``code``: MAPHILEPHI of the portal's catalogue, where it is known."""

    kind: FeeKind
    name: Text
    amount: ItemAmount
    code: str | None = None


class OrderPayer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who pays. ``identity``: a number as text, with its leading zeros."""

    name: Text
    identity: str | None = None
    address: str | None = None
    province: str | None = None


class OrderProcedure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is paid for. ``service``: the public service's own code (MaDVC), where it differs from the rule."""

    code: Text
    name: Text
    service: str | None = None
    service_name: str | None = None


class OrderAgency(msgspec.Struct, frozen=True, kw_only=True):
    """For whom. ``code``, ``name``: as the national portal knows the agency."""

    code: Text
    name: Text


class Beneficiary(msgspec.Struct, frozen=True, kw_only=True):
    """The ``account`` that the money goes to, whose ``name`` it has, at ``bank``: the platform's code of the bank."""

    account: Text
    bank: Text
    name: Text


class PaymentOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt. ``reference`` is MaThamChieu, ``asked_at`` ThoiGianGD, ``partner`` MaDoiTac.

    ``beneficiary`` None: the account that the partner's settings name for the procedure. ``purpose``: the text that
    payer and bank see; empty: the text of the settings.
    """

    reference: str
    asked_at: str
    partner: str
    dossier: Text
    amount: Amount
    items: list[OrderItem]
    payer: OrderPayer
    procedure: OrderProcedure
    agency: OrderAgency
    currency: str = CURRENCY
    beneficiary: Beneficiary | None = None
    purpose: str = ""


class PaymentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform says about one attempt when it is asked (§5.6).

    ``claim`` unknown: a state that nobody has documented, to be treated as pending and told. ``claimed_at``: its own
    words for the time. ``proof``: what its check code proved (``confirm_order``, ``short``), else ``none``, ``wrong``.
    """

    claim: Literal["paid", "failed", "pending", "unknown"]
    partner: str
    reference: str
    amount: int | None = None
    currency: str = ""
    transaction: str = ""
    bank: str = ""
    claimed_at: str = ""
    code: str = ""
    state: str = ""
    proof: str = "none"


class BillAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt as the platform gives it (§5.7): the file itself, in base64, or an address that may be fetched."""

    file: str = ""
    size: int = 0
    sha256: str = ""
    url: str = ""
