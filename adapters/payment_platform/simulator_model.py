"""The payment platform's stand-in as data: its settings, its partners, its transactions, its ledger of money.

Invariant: everything that changes lives in ``State``; ``State.payments`` is appended to when money moves and never
changed afterwards: it is the truth that another ledger is compared with.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

VIETNAM = timezone(timedelta(hours=7))
FALLBACK_URL = "https://pay.example.invalid"
REMEMBERED = 2_000

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1, le=100)]


class Partner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agency. ``secrets``: the one that the platform signs with first; all of them open (rotation).

    ``bearer``: what ``Authorization`` must carry; empty: nothing is asked. ``callback_url`` and ``return_url`` were handed over at onboarding (§3); without the first, notices are kept.
    """

    code: str
    secrets: Annotated[tuple[str, ...], Meta(min_length=1)]
    bearer: str = ""
    callback_url: str = ""
    return_url: str = ""


def seed_partners() -> tuple[Partner, ...]:
    """The partner of the contract's examples (Appendix A)."""
    return (Partner(code="DEMOH99", secrets=("S3cret-DEMO-2026",)),)


class SimulatorConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this platform behaves where the contract leaves a choice.

    base_url             where payers are sent; empty: to the host that was addressed. ``bill_url``: where receipts
                         are fetched, empty: at ``base_url``
    answers              flat, or in the LGSP's wrapper, at INIT or everywhere (§5.3)
    bill                 what GET_BILL gives (§5.7); ``bill_time``: whose time it wants (U6)
    bill_link_seconds    how long a receipt's address lives (§5.7)
    session_seconds      how long a payer may pay
    repeat_seconds       pauses before a notice is repeated (§15); times ``time_scale``, as are the next two
    late_seconds         how late ``late_callback`` is
    gap_seconds          between the two notices of a contradiction
    copies, parallel     of ``duplicate_callback``: how many, all at once or one after another
    spoilt_deliveries    how many deliveries of a notice a damaging fault spoils; the repeats after them are honest
    pending_times        how often ``query_pending`` says 3; ``not_ready_times``: how often a receipt is not ready
    skew_seconds         how far the clock of a ``clock_skew`` payment is off
    hold_seconds         how long ``init_timeout_after_accept`` keeps a caller waiting for nothing
    check_sums           refuse an INIT whose items do not add up (§5.2)
    *_path, security_key of what the portal sends by itself (§8, §9)
    """

    partners: tuple[Partner, ...] = msgspec.field(default_factory=seed_partners)
    base_url: str = FALLBACK_URL
    bill_url: str = ""
    answers: Literal["flat", "wrapper_init", "wrapper_all"] = "flat"
    bill: Literal["json_url", "pdf"] = "json_url"
    bill_time: Literal["init", "confirm", "either"] = "either"
    bill_link_seconds: Seconds = 300.0
    session_seconds: Seconds = 900.0
    repeat_seconds: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0)
    late_seconds: Seconds = 1800.0
    gap_seconds: Seconds = 30.0
    time_scale: Annotated[float, Meta(gt=0)] = 1.0
    copies: Count = 3
    parallel: bool = True
    spoilt_deliveries: Count = 1
    pending_times: Count = 2
    not_ready_times: Count = 2
    skew_seconds: float = 300.0
    hold_seconds: Seconds = 60.0
    check_sums: bool = True
    bank: str = "DEMOBANK"
    security_key: str = "khoa-chung-mo-phong"
    notice_path: str = "/land/notice"
    evidence_path: str = "/land/evidence"
    lookup_path: str = "/lookup"


class Transaction(msgspec.Struct, kw_only=True):
    """One accepted INIT and what became of it. ``faults``: name to parameter, or to how often it still strikes."""

    partner: str
    reference: str
    token: str
    message: dict[str, Any]
    opened_at: datetime
    state: Literal["open", "paid", "failed"] = "open"
    number: str = ""
    closed_at: datetime | None = None
    faults: dict[str, float] = {}
    bill_until: datetime | None = None
    inits: int = 1
    queries: int = 0

    @property
    def amount(self) -> int:
        return int(self.message["SoTien"])

    @property
    def bill(self) -> dict[str, Any]:
        """``ThongTinBienLai``."""
        return dict(self.message["ThongTinBienLai"])

    def use_up(self, fault: str) -> bool:
        """Whether a counted fault strikes now; one strike less is left."""
        left = self.faults.get(fault, 0)
        if left <= 1:
            self.faults.pop(fault, None)
        else:
            self.faults[fault] = left - 1
        return left > 0


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Money that moved: ``number`` is the platform's, ``second`` marks money for what was paid before."""

    partner: str
    reference: str
    number: str
    amount: int
    currency: str
    bank: str
    at: datetime
    second: bool = False


class Notice(msgspec.Struct, kw_only=True):
    """One CONFIRM on its way. ``bodies``: of the first delivery, the second …; the last one serves for the rest."""

    id: str
    partner: str
    reference: str
    code: str
    variant: str
    bodies: tuple[bytes, ...]
    due_at: datetime | None
    ahead: bool = False
    repeats: bool = True
    in_flight: bool = False
    accepted: bool = False
    deliveries: list[dict[str, Any]] = []


class State:
    """Everything that a running stand-in knows."""

    def __init__(self, config: SimulatorConfig) -> None:
        self.transactions: dict[tuple[str, str], Transaction] = {}
        self.tokens: dict[str, Transaction] = {}
        self.payments: list[Payment] = []
        self.refunds: list[dict[str, Any]] = []
        self.notices: dict[str, Notice] = {}
        self.waiting: dict[str, Notice] = {}
        self.requests: Counter[str] = Counter()
        self.refusals: deque[dict[str, str]] = deque(maxlen=REMEMBERED)
        self.refused = 0
        self.armed: deque[dict[str, float]] = deque()
        self.offset = timedelta()
        self.now: datetime | None = None
        self._numbers = 0
        self.use(config)

    def use(self, config: SimulatorConfig) -> None:
        """Go on with other settings; what is stored stays."""
        self.config = config
        self.partners = {partner.code: partner for partner in config.partners}

    def open(self, message: dict[str, Any], now: datetime) -> Transaction:
        """Store an accepted INIT."""
        key = (message["MaDoiTac"], message["MaThamChieu"])
        token = hashlib.blake2b("|".join(key).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        transaction = Transaction(
            partner=key[0], reference=key[1], token=token, message=message, opened_at=now
        )
        self.transactions[key] = self.tokens[token] = transaction
        if self.armed:
            transaction.faults.update(self.armed.popleft())
        return transaction

    def next_number(self, now: datetime) -> str:
        """§15: ``PP``, the day, eight digits."""
        self._numbers += 1
        return f"PP{now.astimezone(VIETNAM):%y%m%d}{self._numbers:08d}"

    def next_id(self) -> str:
        return f"cb-{len(self.notices) + 1:06d}"

    def take_money(self, transaction: Transaction, now: datetime, *, second: bool = False) -> Payment:
        """Money moves; the ledger grows by one line."""
        payment = Payment(
            partner=transaction.partner,
            reference=transaction.reference,
            number=self.next_number(now),
            amount=transaction.amount,
            currency=transaction.message["MaTienTe"],
            bank=self.config.bank,
            at=now,
            second=second,
        )
        self.payments.append(payment)
        return payment

    def is_over(self, transaction: Transaction, now: datetime) -> bool:
        """Whether nobody can pay any more."""
        age = (now - transaction.opened_at).total_seconds()
        return transaction.state == "open" and age > self.config.session_seconds

    def refuse(self, service: str, reason: str) -> None:
        self.refused += 1
        self.refusals.append({"service": service, "reason": reason})


def date14(instant: datetime) -> str:
    """§3: Vietnam local time without a zone."""
    return instant.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")
