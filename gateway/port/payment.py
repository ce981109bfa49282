"""What a payment platform sends to us, and what an adapter for one adds to the adapter protocol.

Values carry everything that the hub stores and every answer that it may have to give, so that it needs to know no
contract. Invariant: whatever is in a report was proved to come from the platform, and holds no card data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from gateway.domain.land_tax import LandEvidence, LandNotice, RefusedRow
from gateway.domain.payment import Evidence
from gateway.domain.payment_order import PaymentOrder
from gateway.port.wire import WireResponse

UNAVAILABLE = "unavailable"


class PaymentReport(msgspec.Struct, frozen=True, kw_only=True):
    """A payment's result that the platform tells (CONFIRM), its check code verified.

    ``digest``: SHA-256 of the raw body, so that the same call again is known. ``data``: canonical JSON of what came,
    without card fields. ``answers``: by effect or alarm of a decision, or ``unavailable``.
    """

    claim: Literal["paid", "failed"]
    partner: str
    reference: str
    amount: int | None
    currency: str
    transaction: str
    bank: str
    claimed_at: str
    code: str
    digest: bytes
    data: bytes
    answers: Mapping[str, WireResponse]
    text: str = ""
    dossier: str = ""
    receipt_url: str = ""

    def evidence(self, destination: str, at: datetime, message: int | None = None) -> Evidence:
        """The report as evidence; ``at`` is when it came, ``message`` the log entry that it stands in."""
        return Evidence(
            destination=destination,
            source="callback",
            claim=self.claim,
            partner=self.partner,
            reference=self.reference,
            amount=self.amount,
            currency=self.currency,
            transaction=self.transaction,
            bank=self.bank,
            at=at,
            claimed_at=self.claimed_at,
            code=self.code,
            message=message,
        )

    def answer(self, effect: str, alarm: str = "") -> WireResponse:
        """How to answer when the report had this effect and raised this alarm; an alarm's own answer goes first."""
        return self.answers[alarm] if alarm in self.answers else self.answers[effect]


class PaymentLookup(msgspec.Struct, frozen=True, kw_only=True):
    """The platform asks what must be paid for a dossier (payment_platform §8). ``nothing``: no debt is known.

    ``masked``: fields of the answer that are not logged in clear.
    """

    dossier: str
    nothing: WireResponse
    failed: WireResponse
    masked: tuple[str, ...] = ()


class LandTaxReport(msgspec.Struct, frozen=True, kw_only=True):
    """Notices or evidence about obligations on land, authenticated. ``refused``: rows that could not be read.

    ``unavailable`` answers when nothing could be stored, so that the message is sent again.
    """

    unavailable: WireResponse
    notices: tuple[LandNotice, ...] = ()
    evidence: LandEvidence | None = None
    refused: tuple[RefusedRow, ...] = ()
    digest: bytes = b""
    updating: bool = False


class PaymentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub must know about one platform to ask it for money and about money.

    ``partner``: who asks for money where nobody else is named. ``schedule``: when an attempt is asked about, in seconds
    after the payer could pay; ``every``: from then on; ``until``: until a person looks at it, and how long an attempt
    that has ended is still watched. ``absent_after``: seconds between two answers that the platform does not know an
    attempt, before it is closed. ``session``: how long the payer's address can be used, in seconds.

    ``absent_codes``: codes of a ``CannotRead`` of ``payment`` with which the platform says that it does not know the
    attempt; any other says nothing about it.

    ``receipt_hosts``: hosts that a receipt may be fetched from; ``plain_http_hosts``: those for which http is enough;
    ``url_rewrites``: prefix of an address to the prefix that is reachable here.
    """

    partner: str
    schedule: tuple[float, ...]
    every: float
    until: float
    absent_after: float
    session: float
    absent_codes: tuple[str, ...] = ()
    receipt_hosts: tuple[str, ...] = ()
    plain_http_hosts: tuple[str, ...] = ()
    url_rewrites: Mapping[str, str] = {}


class AttemptName(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies one attempt on the wire, verbatim: MaThamChieu and ThoiGianGD in this contract."""

    reference: str
    asked_at: str


@runtime_checkable
class CollectsPayments(Protocol):
    """The part of an adapter that makes its destination a payment platform. Pure, as everything else."""

    @property
    def payment_terms(self) -> PaymentTerms:
        """As configured."""

    def name_attempt(self, now: datetime, chance: int) -> AttemptName:
        """A name for an attempt that is made at ``now``; ``chance``: 60 random bits that nobody else has."""


@runtime_checkable
class AnswersPayers(Protocol):
    """The part of a payment adapter that needs what only the hub knows."""

    def answer_lookup(self, order: PaymentOrder, now: datetime) -> WireResponse:
        """The answer to a ``PaymentLookup`` where ``order`` is to be paid. Raises CannotEncode and nothing else."""

    def answer_land(self, report: LandTaxReport, unknown: Sequence[str]) -> WireResponse:
        """The answer to a ``LandTaxReport`` that is stored; ``unknown``: its dossiers that nobody here knows."""


@runtime_checkable
class GivesReceipts(Protocol):
    """The part of a payment adapter that knows where receipts may be fetched from (payment_platform §5.7)."""

    @property
    def receipt_limit(self) -> int:
        """Most bytes of a receipt."""

    def receipt_address(self, written: str) -> str | None:
        """Where to fetch the receipt that the platform says is at ``written``, as it is reached from here; None when
        nobody may fetch from there."""

    def permits_receipt(self, url: str) -> bool:
        """Whether a receipt may be fetched from ``url``, as it stands."""

    def is_inside(self, host: str) -> bool:
        """Whether ``host`` may be at a private address: the local exchange adapter, a test stand. Without port."""
