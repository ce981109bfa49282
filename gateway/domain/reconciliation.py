"""Reconciliation of payments: what our books say about one reference, what the platform and its files say, and what
the two make together.

``judge`` is the only rule. Invariants: a verdict is computed from what both sides say now, never from an earlier
verdict; no answer is no statement about money; the difference is ours minus theirs, in đồng, so that the differences of
a statement add up to the difference of its sums.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from gateway.domain.payment import ENDED, SETTLED, AttemptState


class Kind(StrEnum):
    """What a comparison found (payment_platform §12)."""

    MATCHED = "matched"
    PAID_HERE_NOT_THERE = "paid_here_not_there"
    PAID_THERE_NOT_HERE = "paid_there_not_here"
    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    ORPHAN = "orphan"
    REFUNDED = "refunded"
    UNANSWERED = "unanswered"


class Repair(StrEnum):
    """What would mend a difference. Only ``apply_evidence`` is ever done by a program, and only when it is told to.

    apply_evidence     settle by what the platform or its file says
    ask_again          nothing to do but to ask once more
    ask_platform       a person asks the platform or the bank where the money is
    give_back          money came twice: refund it
    record_refund      the platform has given money back that our books do not know of
    decide_quarantine  a person decides about money that does not fit
    adopt_orphan       a person gives the money to the request that it was meant for
    """

    NONE = "none"
    APPLY_EVIDENCE = "apply_evidence"
    ASK_AGAIN = "ask_again"
    ASK_PLATFORM = "ask_platform"
    GIVE_BACK = "give_back"
    RECORD_REFUND = "record_refund"
    DECIDE_QUARANTINE = "decide_quarantine"
    ADOPT_ORPHAN = "adopt_orphan"


Witness: TypeAlias = Literal["query", "file", "callback"]


class Paid(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payment as somebody tells it. ``paid_at``: in their own words. ``file``, ``line``: where a file says it."""

    transaction: str
    amount: int
    partner: str
    currency: str
    by: Witness = "query"
    bank: str = ""
    paid_at: str = ""
    file: str = ""
    line: int = 0


class Ours(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt in our books. ``amount``: what was asked for; ``refunded``: given back with a second person's word.

    ``source``: who said that it was paid. ``excess``: further payments through it that two persons have recorded, by
    their numbers.
    """

    state: AttemptState
    partner: str
    amount: int
    currency: str
    transaction: str = ""
    refunded: int = 0
    source: str = ""
    excess: dict[str, int] = {}

    @property
    def received(self) -> int:
        """Đồng that our books say came in through this attempt, refunds aside."""
        return (self.amount if self.state in SETTLED else 0) + sum(self.excess.values())


class Theirs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the other side says about one reference. ``claim`` None: it gave no answer, ``why`` says why; absent: it says
    that it does not know the reference, which by itself proves nothing (payment_platform §5.6).

    ``missing``: a settlement file of the day does not have it. ``refunded``: what their file says was given back.
    """

    claim: Literal["paid", "failed", "pending", "absent"] | None = None
    paid: tuple[Paid, ...] = ()
    refunded: int = 0
    missing: bool = False
    why: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``theirs`` None: not known; it counts as nothing in sums. ``settled_by``: the payment to settle by."""

    kind: Kind
    ours: int
    theirs: int | None
    repair: Repair = Repair.NONE
    resolved: bool = False
    settled_by: Paid | None = None

    @property
    def difference(self) -> int:
        """Ours minus theirs."""
        return self.ours - (self.theirs or 0)


def judge(ours: Ours | None, theirs: Theirs, returned: Mapping[str, int] | None = None) -> Verdict:
    """What the two sides make together. ``ours`` None: no attempt has this reference; ``returned``: what two persons
    gave back of the money under it, by numbers."""
    told = _once(theirs.paid)
    if ours is None:
        return _strange(told, returned or {})
    if theirs.missing and ours.state in SETTLED and not any(each.by == "file" for each in told):
        return _nothing_there(ours)
    if told:
        return _paid_there(ours, theirs, told)
    if theirs.claim == "absent" and ours.state in ENDED:
        return _nothing_there(ours)
    match theirs.claim:
        case None | "pending" | "paid" | "absent":
            return Verdict(kind=Kind.UNANSWERED, ours=ours.received, theirs=None, repair=Repair.ASK_AGAIN)
        case "failed":
            return _nothing_there(ours)


def _strange(told: tuple[Paid, ...], returned: Mapping[str, int]) -> Verdict:
    """Money without an attempt. Nothing told: whatever was, is counted with the attempts that have it now."""
    back, total = sum(returned.values()), _sum(told)
    if not told:
        return Verdict(kind=Kind.MATCHED, ours=0, theirs=0, resolved=True)
    if any(each.transaction not in returned for each in told):
        return Verdict(kind=Kind.ORPHAN, ours=back, theirs=total, repair=Repair.ADOPT_ORPHAN)
    if back != total:
        return Verdict(kind=Kind.AMOUNT_DIFFERS, ours=back, theirs=total, repair=Repair.ASK_PLATFORM)
    return Verdict(kind=Kind.REFUNDED, ours=back, theirs=total, resolved=True)


def _nothing_there(ours: Ours) -> Verdict:
    if ours.state in SETTLED:
        return Verdict(
            kind=Kind.PAID_HERE_NOT_THERE, ours=ours.received, theirs=0, repair=Repair.ASK_PLATFORM
        )
    if ours.state is AttemptState.QUARANTINED:
        return Verdict(kind=Kind.AMOUNT_DIFFERS, ours=0, theirs=0, repair=Repair.DECIDE_QUARANTINE)
    return Verdict(kind=Kind.MATCHED, ours=0, theirs=0, resolved=True)


def _paid_there(ours: Ours, theirs: Theirs, told: tuple[Paid, ...]) -> Verdict:
    if ours.state not in SETTLED:
        return _not_paid_here(ours, told)
    # what made us settle was the platform's own word, too: another number now is another payment
    numbers = {each.transaction for each in told}
    heard = ours.source in {"callback", "query", "file"} and ours.transaction not in numbers
    total = _sum(told) + (ours.amount if heard else 0)
    if len(told) > 1 or heard or ours.transaction not in numbers or ours.excess:
        return _several(ours, theirs, total)
    (one,) = told
    if not _fits(one, ours):
        return Verdict(kind=Kind.AMOUNT_DIFFERS, ours=ours.received, theirs=total, repair=Repair.ASK_PLATFORM)
    return _both_paid(ours, theirs)


def _several(ours: Ours, theirs: Theirs, total: int) -> Verdict:
    """Money more than once through one attempt: ours to give back, unless that was done."""
    back = max(ours.refunded, theirs.refunded)
    if 0 < sum(ours.excess.values()) <= ours.refunded and ours.received == total:
        return Verdict(kind=Kind.REFUNDED, ours=ours.received, theirs=total, resolved=back == ours.refunded)
    return Verdict(kind=Kind.DUPLICATE, ours=ours.received, theirs=total, repair=Repair.GIVE_BACK)


def _both_paid(ours: Ours, theirs: Theirs) -> Verdict:
    both = ours.received
    if theirs.refunded > ours.refunded:
        return Verdict(kind=Kind.REFUNDED, ours=both, theirs=both, repair=Repair.RECORD_REFUND)
    if ours.state is AttemptState.DUPLICATE_PAID and ours.refunded < both:
        return Verdict(kind=Kind.DUPLICATE, ours=both, theirs=both, repair=Repair.GIVE_BACK)
    kind = Kind.REFUNDED if ours.refunded else Kind.MATCHED
    return Verdict(kind=kind, ours=both, theirs=both, resolved=True)


def _not_paid_here(ours: Ours, told: tuple[Paid, ...]) -> Verdict:
    good = next((each for each in told if _fits(each, ours)), None)
    if good is None:
        quarantined = ours.state is AttemptState.QUARANTINED
        repair = Repair.DECIDE_QUARANTINE if quarantined else Repair.ASK_PLATFORM
        return Verdict(kind=Kind.AMOUNT_DIFFERS, ours=0, theirs=_sum(told), repair=repair)
    if ours.state is AttemptState.QUARANTINED:
        repair = Repair.DECIDE_QUARANTINE
        return Verdict(kind=Kind.PAID_THERE_NOT_HERE, ours=0, theirs=_sum(told), repair=repair)
    return Verdict(
        kind=Kind.PAID_THERE_NOT_HERE,
        ours=0,
        theirs=_sum(told),
        repair=Repair.APPLY_EVIDENCE,
        settled_by=good,
    )


def _fits(paid: Paid, ours: Ours) -> bool:
    return (paid.partner, paid.amount, paid.currency) == (
        ours.partner,
        ours.amount,
        ours.currency,
    ) and bool(paid.transaction)


def _once(paid: tuple[Paid, ...]) -> tuple[Paid, ...]:
    """Each transaction once; what a file says of it goes before an answer, an answer before a callback."""
    order: dict[Witness, int] = {"file": 0, "query": 1, "callback": 2}
    found: dict[str, Paid] = {}
    for each in sorted(paid, key=lambda item: (order[item.by], item.transaction)):
        found.setdefault(each.transaction, each)
    return tuple(found.values())


def _sum(paid: tuple[Paid, ...]) -> int:
    return sum(each.amount for each in paid)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One reference of a statement. ``theirs`` null: not known. Sentences in Vietnamese and English.

    The evidence: ``claim``, what the platform said last; ``payments_there``, each payment as somebody tells it;
    ``missing``: a settlement file of the day does not have it. ``payment``: of ours, where one has this reference.
    """

    id: str
    day: date
    destination: str
    partner: str
    reference: str
    kind: Kind
    state: Literal["open", "resolved"]
    ours: int
    theirs: int | None
    difference: int
    repair: Repair
    explanation: str
    explanation_en: str
    proposal: str
    proposal_en: str
    at: datetime
    dossier: str | None = None
    attempt: str | None = None
    attempt_state: str | None = None
    transaction: str | None = None
    their_transactions: list[str] = []
    code: str = ""
    asked: int = 0
    applied: bool = False
    ended_by: str | None = None
    ended_reason: str | None = None
    ended_at: datetime | None = None
    payment: str | None = None
    claim: str | None = None
    missing: bool = False
    payments_there: list[Paid] = []
    refunded_here: int = 0
    refunded_there: int = 0


class ClassTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One class of a statement. Amounts in đồng; ``open``: how many wait for somebody."""

    kind: Kind
    title: str
    items: int = 0
    open: int = 0
    ours: int = 0
    theirs: int = 0
    difference: int = 0


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared for one day at one or all destinations. ``sound``: the differences of the items add up to the
    difference of the sums. ``unread``: lines of settlement files that could not be read."""

    day: date
    destination: str | None
    made_at: datetime
    items: list[Item]
    classes: list[ClassTotal]
    ours: int
    theirs: int
    difference: int
    open: int
    sound: bool
    dry_run: bool = False
    unread: int = 0


_TITLES: dict[Kind, str] = {
    Kind.MATCHED: "Khớp",
    Kind.PAID_HERE_NOT_THERE: "Có ở tỉnh, không có ở nền tảng",
    Kind.PAID_THERE_NOT_HERE: "Có ở nền tảng, chưa ghi nhận ở tỉnh",
    Kind.AMOUNT_DIFFERS: "Lệch số tiền",
    Kind.DUPLICATE: "Thanh toán trùng",
    Kind.ORPHAN: "Không rõ hồ sơ",
    Kind.REFUNDED: "Đã hoàn trả",
    Kind.UNANSWERED: "Chưa có trả lời",
}


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement is about."""

    day: date
    destination: str | None
    made_at: datetime
    dry_run: bool = False
    unread: int = 0


def no_totals() -> dict[Kind, ClassTotal]:
    """Every class, without an item."""
    return {kind: ClassTotal(kind=kind, title=_TITLES[kind]) for kind in Kind}


def statement_of(heading: Heading, items: list[Item]) -> Statement:
    """The statement over ``items``: every class, also those without an item."""
    totals = no_totals()
    for item in items:
        before = totals[item.kind]
        totals[item.kind] = ClassTotal(
            kind=item.kind,
            title=before.title,
            items=before.items + 1,
            open=before.open + (item.state == "open"),
            ours=before.ours + item.ours,
            theirs=before.theirs + (item.theirs or 0),
            difference=before.difference + item.difference,
        )
    ours = sum(item.ours for item in items)
    theirs = sum(item.theirs or 0 for item in items)
    return Statement(
        **msgspec.structs.asdict(heading),
        items=items,
        classes=list(totals.values()),
        ours=ours,
        theirs=theirs,
        difference=ours - theirs,
        open=sum(item.state == "open" for item in items),
        sound=ours - theirs == sum(item.difference for item in items),
    )
