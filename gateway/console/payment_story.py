"""What became of a payment, in the order of time, and what each side says of the money.

Pure. Invariant: each side's word is shown with who said it; no word of ours is taken for the platform's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.api.actions import ActionPage
from gateway.api.messages import MessagePage
from gateway.domain.payment import SETTLED
from gateway.domain.reconciliation import Item
from gateway.payments.views import PaymentView, RefundView

_OWN_ACTIONS = frozenset(
    {
        *("payment.propose", "payment.approve", "payment.decline"),
        *("refund.request", "refund.approve", "refund.decline"),
    }
)  # told by what they are about

_EXCHANGED = frozenset({"out_request", "out_response", "out_no_answer", "in_request", "in_response"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything that is known of a payment. None: the reader may not see it."""

    payment: PaymentView
    items: list[Item]
    messages: MessagePage | None
    actions: ActionPage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened. ``says``: a key of the words, with ``values``; ``amount`` in đồng; ``code``: a key of
    words for a code, and what to show if it is unknown. ``href``: where more of it stands."""

    at: datetime
    says: str
    values: dict[str, Any] = field(default_factory=dict)
    kind: str = "plain"
    amount: int | None = None
    code: tuple[str, str] | None = None
    reason: str = ""
    href: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """One payment as somebody tells it."""

    amount: int
    transaction: str
    by: str
    paid_at: str = ""
    bank: str = ""
    file: str = ""
    line: int = 0
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides. ``theirs`` None: nobody has said anything about money. ``claim``: what they said last."""

    ours: int
    ours_paid: list[Money]
    theirs: int | None
    theirs_paid: list[Money]
    claim: str | None
    looked_at: datetime | None

    @property
    def difference(self) -> int | None:
        """Ours minus theirs; None while they have said nothing."""
        return None if self.theirs is None else self.ours - self.theirs


def both_sides(payment: PaymentView, items: list[Item]) -> Sides:
    """What our books say came in, and what the platform and its files say, whoever was told."""
    settled = payment.settlement
    ours = [
        Money(
            amount=each.amount,
            transaction=each.transaction or "",
            by=settled.source if settled is not None and settled.attempt == each.id else "",
            paid_at=each.paid_at or "",
            bank=each.bank or "",
            message=settled.message if settled is not None and settled.attempt == each.id else None,
        )
        for each in payment.attempts
        if each.state in SETTLED
    ]
    theirs = _theirs(payment, items)
    last = items[-1] if items else None
    claim = None if last is None else last.claim
    known = bool(theirs) or claim in {"failed", "absent"}
    return Sides(
        ours=sum(each.amount for each in ours),
        ours_paid=ours,
        theirs=sum(each.amount for each in theirs) if known else None,
        theirs_paid=theirs,
        claim="paid" if theirs else claim,
        looked_at=None if last is None else last.at,
    )


def _theirs(payment: PaymentView, items: list[Item]) -> list[Money]:
    """Each transaction once: what a reconciliation heard goes before what settled the payment at the time."""
    found: dict[str, Money] = {}
    for item in items:
        for paid in item.payments_there:
            found[paid.transaction] = Money(
                amount=paid.amount,
                transaction=paid.transaction,
                by=paid.by,
                paid_at=paid.paid_at,
                bank=paid.bank,
                file=paid.file,
                line=paid.line,
            )
    settled = payment.settlement
    if settled is not None and settled.source != "operator" and settled.transaction not in found:
        found[settled.transaction] = Money(
            amount=settled.amount,
            transaction=settled.transaction,
            by=settled.source,
            paid_at=settled.claimed_at,
            message=settled.message,
        )
    return list(found.values())


def story(told: Told) -> list[Happening]:
    """Everything that happened, oldest first."""
    parts = (
        _request(told.payment),
        _calls(told.payment),
        _people(told.payment),
        _exchanges(told),
        _looks(told),
    )
    return sorted((each for part in parts for each in part), key=lambda each: each.at)


def _request(payment: PaymentView) -> Iterator[Happening]:
    yield Happening(
        at=payment.created_at, says="asked_for", values={"by": payment.created_by}, amount=payment.amount
    )
    for each in payment.attempts:
        yield Happening(
            at=each.created_at,
            says="attempt",
            values={"reference": each.reference},
            amount=each.amount,
            href=f"/console/deliveries/{each.delivery}" if each.delivery else "",
            link="delivery",
        )
        if each.ended_at is not None:
            code = (f"payments.attempt_{each.state}", each.state)
            kind = "good" if each.state == "paid" else "plain"
            reason = " ".join(filter(None, (each.code, each.reason)))
            yield Happening(
                at=each.ended_at,
                says="attempt_ended",
                values={"reference": each.reference},
                code=code,
                kind=kind,
                reason=reason,
            )
    if payment.settlement is not None:
        one = payment.settlement
        yield Happening(
            at=one.at,
            says="settled",
            values={"transaction": one.transaction},
            reason=one.actor,
            code=(f"payments.source_{one.source}", one.source),
            kind="good",
            amount=one.amount,
            **_entry(one.message),
        )
    for file in payment.receipts:
        if file.at is not None:
            stands = (f"payments.receipt_{file.state}", file.state)
            yield Happening(at=file.at, says="receipt", code=stands, reason=file.failure or "")


def _calls(payment: PaymentView) -> Iterator[Happening]:
    for each in payment.callbacks:
        yield Happening(
            at=each.at,
            says="callback",
            values={"count": each.deliveries},
            code=(f"payments.effect_{each.effect}", each.effect),
            kind="bad" if each.alarm else "good" if each.effect == "settled" else "plain",
            reason=each.alarm,
            **_entry(each.message),
        )


def _people(payment: PaymentView) -> Iterator[Happening]:
    for refund in payment.refunds:
        yield from _asked_and_decided(refund, "refund", refund.amount)
    for each in payment.decisions:
        code = (f"payments.decision_{each.kind}", each.kind)
        where: dict[str, Any] = {"href": f"/console/approvals/{each.id}", "link": "approval", "code": code}
        yield Happening(
            at=each.requested_at,
            says="proposed",
            values={"by": each.requested_by},
            amount=each.amount,
            reason=each.reason,
            **where,
        )
        if each.decided_at is not None:
            yield Happening(
                at=each.decided_at,
                says=f"decision_{each.state}",
                values={"by": each.decided_by or ""},
                reason=each.decided_reason or "",
                kind="good" if each.state == "approved" else "plain",
                **where,
            )


def _asked_and_decided(refund: RefundView, name: str, amount: int) -> Iterator[Happening]:
    where: dict[str, Any] = {"href": f"/console/approvals/{refund.id}", "link": "approval"}
    yield Happening(
        at=refund.requested_at,
        says=f"{name}_asked",
        values={"by": refund.requested_by, "document": refund.document},
        amount=amount,
        reason=refund.reason,
        **where,
    )
    if refund.decided_at is not None:
        yield Happening(
            at=refund.decided_at,
            says=f"{name}_{refund.state}",
            values={"by": refund.decided_by or ""},
            amount=amount,
            reason=refund.decided_reason or "",
            **where,
        )


def _exchanges(told: Told) -> Iterator[Happening]:
    """Log entries that no other part of the story links to."""
    linked = {each.message for each in told.payment.callbacks}
    for each in told.messages.items if told.messages is not None else ():
        if each.id not in linked:
            status = f"HTTP {each.status}" if each.status else ""
            outcome = each.outcome if each.outcome != each.code else None
            name = f"{each.direction}_{each.kind}"
            yield Happening(
                at=each.at,
                says=name if name in _EXCHANGED else "exchange",
                code=(f"payments.operation_{each.operation}", each.operation),
                reason=" ".join(filter(None, (status, outcome, each.code))),
                kind={"accepted": "good", "rejected": "bad", "in_doubt": "warn"}.get(
                    each.outcome or "", "plain"
                ),
                **_entry(each.id),
            )
    for action in told.actions.items if told.actions is not None else ():
        if action.detail.get("payment") == told.payment.id and action.action not in _OWN_ACTIONS:
            yield Happening(
                at=action.at,
                says="action",
                values={"by": action.actor},
                code=(f"actions.verb_{action.action}", action.action),
                reason=action.reason,
                **_entry(action.message),
            )


def _looks(told: Told) -> Iterator[Happening]:
    for item in told.items:
        yield Happening(
            at=item.at,
            says="compared",
            code=(f"reconciliation.kind_{item.kind}", item.kind),
            kind="good" if item.state == "resolved" else "bad",
            href=f"/console/payments/reconciliation/items/{item.id}",
            link="item",
        )


def _entry(message: str | None) -> dict[str, Any]:
    return {} if message is None else {"href": f"/console/log/{message}", "link": "entry"}
