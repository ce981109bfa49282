"""Payments on the screen: tables, with what they mean in Vietnamese.

Invariant: amounts are whole đồng as they are written in Viet Nam, instants are Viet Nam's; a payer's name stays in the
JSON output.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from gateway.cli.paying.words import ALARM, ATTEMPT, DECISION, RECEIPT, REQUEST, SOURCE, STAND, dong
from gateway.cli.screen import console, pretty, table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gateway.api.payments import PaymentOrderPreview
    from gateway.payments.questions import Questioned
    from gateway.storage.payment_views import (
        AttemptView,
        CallbackView,
        DecisionView,
        OrphanView,
        PaymentGlance,
        PaymentView,
        RefundView,
    )
    from gateway.storage.queries_payments import PaymentTroubles

_TROUBLES = (
    ("quarantined", "tiền không khớp với yêu cầu", "lienthong payments list --attempt quarantined"),
    ("paid_twice", "nộp trùng, chưa hoàn trả", "lienthong payments list --attempt duplicate_paid"),
    (
        "unknown",
        "chưa rõ nền tảng đã nhận yêu cầu hay chưa",
        "lienthong payments list --attempt init_unknown",
    ),
    ("unasked", "lẽ ra đã phải hỏi lại nền tảng", "lienthong sync list"),
    ("orphans", "tiền không rõ thuộc yêu cầu nào", "lienthong payments orphans --state open"),
    ("receipts", "không lấy được biên lai", "lienthong payments fetch-receipt"),
    ("refunds", "hoàn trả chờ người thứ hai", "lienthong payments approve"),
    ("decisions", "quyết định chờ người thứ hai", "lienthong payments approve"),
)


def glance_table(found: Iterable[PaymentGlance]) -> RenderableType:
    """A list of payments."""
    headings = ("id", "dossier", "purpose", "amount", "state", "reference", "asked for", "what it means")
    return table(headings, map(_glance, found))


def _glance(each: PaymentGlance) -> tuple[Any, ...]:
    of_attempt = ATTEMPT[each.attempt_state] if each.attempt_state and each.state == "open" else ""
    meaning = of_attempt or REQUEST[each.state]
    return (
        *(each.id, each.dossier, each.purpose, dong(each.amount), each.state, each.reference),
        *(each.created_at, meaning),
    )


def print_payment(found: PaymentView) -> None:
    """One payment with everything that became of it."""
    out = console()
    out.print(
        f"payment {found.id} of dossier {found.dossier}: {dong(found.amount)}, {found.state} "
        f"({REQUEST[found.state]}); asked for by {found.created_by}",
        markup=False,
        soft_wrap=True,
    )
    if found.refunded:
        out.print(f"given back: {dong(found.refunded)}", markup=False)
    out.print(
        table(("kind", "what", "amount"), [(each.kind, each.name, dong(each.amount)) for each in found.items])
    )
    out.print(
        table(
            ("attempt", "reference", "state", "what it means", "transaction", "asked", "next"),
            map(_attempt, found.attempts),
        )
    )
    last = found.attempts[-1] if found.attempts else None
    if last is not None and last.pay_url and found.state == "open":
        out.print(f"the payer pays at: {last.pay_url}", markup=False, soft_wrap=True)
    if found.settlement is not None:
        each = found.settlement
        out.print(
            f"paid: {dong(each.amount)}, transaction {each.transaction}, {SOURCE[each.source]}"
            f"{f' ({each.actor})' if each.actor else ''}; the platform's own time {each.claimed_at or 'unknown'}",
            markup=False,
            soft_wrap=True,
        )
    _print_rest(found)


def _attempt(each: AttemptView) -> tuple[Any, ...]:
    return (
        *(each.id, each.reference, each.state, ATTEMPT[each.state], each.transaction),
        *(each.questions, each.next_question_at),
    )


def _print_rest(found: PaymentView) -> None:
    out = console()
    rows = [
        (each.state, RECEIPT[each.state], each.tries, each.sha256, each.failure) for each in found.receipts
    ]
    for title, headings, given in (
        (
            "calls of the platform",
            ("came", "effect", "alarm", "times", "log entry"),
            map(_call, found.callbacks),
        ),
        ("receipts", ("state", "what it means", "tries", "SHA-256", "failure"), rows),
        ("refunds", _DECIDED, map(_refund, found.refunds)),
        ("decisions", _DECIDED, map(_decision, found.decisions)),
    ):
        _print_some(out, title, headings, list(given))


def _print_some(out: Any, title: str, headings: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        out.print(table(headings, rows, title=title))


_DECIDED = ("id", "what", "amount", "state", "asked for by", "paper", "reason", "decided by")


def _call(each: CallbackView) -> tuple[Any, ...]:
    return each.at, each.effect, ALARM.get(each.alarm, each.alarm), each.deliveries, each.message


def _refund(each: RefundView) -> tuple[Any, ...]:
    return (
        *(each.id, "hoàn trả", dong(each.amount), STAND[each.state], each.requested_by),
        *(each.document, each.reason, each.decided_by),
    )


def _decision(each: DecisionView) -> tuple[Any, ...]:
    return (
        *(each.id, DECISION[each.kind], dong(each.amount), STAND[each.state], each.requested_by),
        *(each.document, each.reason, each.decided_by),
    )


def orphan_table(found: Iterable[OrphanView]) -> RenderableType:
    """Money that fits nothing."""
    headings = (
        "id",
        "came",
        "partner",
        "reference",
        "transaction",
        "amount",
        "source",
        "given to attempt",
        "given back",
    )
    rows = [
        (
            *(each.id, each.at, each.partner, each.reference, each.transaction, dong(each.amount)),
            *(SOURCE[each.source], each.attempt, each.refunded_at),
        )
        for each in found
    ]
    return table(headings, rows)


def print_waiting(
    troubles: PaymentTroubles, refunds: list[RefundView], decisions: list[DecisionView]
) -> None:
    """What waits for a person, and what shows it."""
    out = console()
    rows = [(getattr(troubles, name), meaning, command) for name, meaning, command in _TROUBLES]
    standing = [row for row in rows if row[0]]
    if not standing:
        out.print("nothing waits for a person")
        return
    out.print(table(("how many", "what", "see"), standing))
    _print_some(out, "refunds", _DECIDED, [_refund(each) for each in refunds])
    _print_some(out, "decisions", _DECIDED, [_decision(each) for each in decisions])


def print_preview(preview: PaymentOrderPreview) -> None:
    """What would leave, byte for byte."""
    words = {
        "begun": "a new attempt would begin; its reference, time and check code are made anew then",
        "going_on": "an attempt is open already; nothing new would be sent than this",
        "paid": "it is paid; nothing would be sent",
    }
    out = console()
    out.print(
        f"{preview.destination}: {dong(preview.amount)}; {words[preview.result]}",
        markup=False,
        soft_wrap=True,
    )
    if preview.request is None:
        out.print("the message is shown only to clients with scope dossiers:read")
        return
    out.print(f"\n{preview.request.method} {preview.request.url}", markup=False, soft_wrap=True)
    for name, value in preview.request.headers:
        out.print(f"{name}: {value}", markup=False, soft_wrap=True)
    body = (preview.request.body_text or preview.request.body_base64 or "").encode()
    out.print(f"\n{pretty(body)}", markup=False, soft_wrap=True)


def answer_line(answer: Questioned) -> str:
    """What the platform said about one attempt."""
    told = f"{answer.reference}: {answer.effect}; now {answer.state} ({ATTEMPT[answer.state]})"
    alarm = f"; {ALARM.get(answer.alarm, answer.alarm)}" if answer.alarm else ""
    why = f"; {answer.code} {answer.reason}".rstrip() if answer.code or answer.reason else ""
    return f"{told}{alarm}{why}"
