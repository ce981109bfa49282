"""What a finding of a reconciliation means, and what is proposed, in Vietnamese for officials and in English.

Invariant: every class and every repair has its sentence in both languages; a sentence says amounts in đồng, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from gateway.deadlines.instants import day_of_number
from gateway.domain.reconciliation import Heading, Item, Kind, Repair, Statement, statement_of
from gateway.storage.reconciliation import Kept

Both: TypeAlias = tuple[str, str]

EXPLANATIONS: Mapping[Kind, Both] = {
    Kind.MATCHED: (
        "Hai bên khớp: {ours}.",
        "Both sides agree: {ours}.",
    ),
    Kind.PAID_HERE_NOT_THERE: (
        "Tỉnh đã ghi nhận {ours}, nhưng nền tảng hoặc tệp đối soát không có khoản này.",
        "Our books have {ours}; the platform, or its settlement file, does not have it.",
    ),
    Kind.PAID_THERE_NOT_HERE: (
        "Nền tảng báo đã thu {theirs}, nhưng tỉnh chưa ghi nhận.",
        "The platform has taken {theirs}; our books do not have it yet.",
    ),
    Kind.AMOUNT_DIFFERS: (
        "Lệch: tỉnh {ours}, nền tảng {theirs} (số tiền, loại tiền hoặc đối tác không đúng yêu cầu).",
        "They differ: ours {ours}, theirs {theirs} (amount, currency or partner is not what was asked for).",
    ),
    Kind.DUPLICATE: (
        "Người nộp đã trả tiền nhiều lần cho cùng một khoản: nền tảng {theirs}, tỉnh ghi nhận {ours}.",
        "The payer has paid for the same thing more than once: theirs {theirs}, ours {ours}.",
    ),
    Kind.ORPHAN: (
        "Nền tảng thu {theirs} với mã tham chiếu mà tỉnh không có.",
        "The platform has {theirs} under a reference that nobody here has.",
    ),
    Kind.REFUNDED: (
        "Đã thu {ours} và có hoàn trả cho người nộp.",
        "{ours} came in, and money was given back to the payer.",
    ),
    Kind.UNANSWERED: (
        "Nền tảng chưa cho biết kết quả; lần đối soát sau sẽ hỏi lại.",
        "The platform has not said what became of it; the next run asks again.",
    ),
}
PROPOSALS: Mapping[Repair, Both] = {
    Repair.NONE: ("Không cần làm gì.", "Nothing to do."),
    Repair.APPLY_EVIDENCE: (
        "Ghi nhận thanh toán theo bằng chứng của nền tảng: chạy lại với --apply.",
        "Settle by the platform's evidence: run again with --apply.",
    ),
    Repair.ASK_AGAIN: ("Chờ: lần sau sẽ hỏi lại.", "Wait: it is asked again in the next run."),
    Repair.ASK_PLATFORM: (
        "Cán bộ tra soát với nền tảng hoặc ngân hàng; không tự sửa sổ.",
        "A person asks the platform or the bank; nothing is changed by itself.",
    ),
    Repair.GIVE_BACK: (
        "Hoàn trả khoản thừa cho người nộp (hai người duyệt).",
        "Give the surplus back to the payer (with a second person's approval).",
    ),
    Repair.RECORD_REFUND: (
        "Ghi nhận khoản nền tảng đã hoàn trả, kèm chứng từ (hai người duyệt).",
        "Record the refund that the platform has made, with its paper (and a second person's approval).",
    ),
    Repair.DECIDE_QUARANTINE: (
        "Cán bộ xem xét khoản đang tạm giữ: chấp nhận hoặc từ chối (hai người duyệt).",
        "A person decides about the quarantined payment: accept or reject (with a second person's approval).",
    ),
    Repair.ADOPT_ORPHAN: (
        "Cán bộ xác định hồ sơ và gán khoản tiền (hai người duyệt), hoặc hoàn trả.",
        "A person finds the dossier and assigns the money (with a second person's approval), or gives it back.",
    ),
}


def dong(amount: int | None) -> Both:
    """An amount in words of both languages."""
    if amount is None:
        return "chưa rõ", "unknown"
    return f"{amount:,} đồng".replace(",", "."), f"{amount:,} VND"


def item_of(kept: Kept) -> Item:
    """A row as people and systems read it."""
    ours, theirs = dong(kept.ours_amount), dong(kept.theirs_amount)
    vietnamese, english = EXPLANATIONS[kept.kind]
    proposal, proposal_en = PROPOSALS[kept.repair]
    own = kept.ours.transaction if kept.ours is not None else ""
    return Item(
        id=str(kept.id),
        day=day_of_number(kept.day),
        destination=kept.destination,
        partner=kept.partner,
        reference=kept.reference,
        kind=kept.kind,
        state=kept.state,
        ours=kept.ours_amount,
        theirs=kept.theirs_amount,
        difference=kept.difference,
        repair=kept.repair,
        explanation=vietnamese.format(ours=ours[0], theirs=theirs[0]),
        explanation_en=english.format(ours=ours[1], theirs=theirs[1]),
        proposal=proposal,
        proposal_en=proposal_en,
        at=kept.at,
        dossier=kept.dossier,
        attempt=None if kept.attempt is None else str(kept.attempt),
        attempt_state=None if kept.ours is None else kept.ours.state.value,
        transaction=own or None,
        their_transactions=[each.transaction for each in kept.theirs.paid],
        code=kept.code,
        asked=kept.asked,
        applied=kept.applied,
        ended_by=kept.ended_by,
        ended_reason=kept.ended_reason,
        ended_at=kept.ended_at,
        claim=kept.theirs.claim,
        missing=kept.theirs.missing,
        payments_there=list(kept.theirs.paid),
        refunded_here=0 if kept.ours is None else kept.ours.refunded,
        refunded_there=kept.theirs.refunded,
    )


def statement(heading: Heading, rows: list[Kept]) -> Statement:
    """The statement over these rows, open ones first."""
    ordered = sorted(rows, key=lambda row: (row.state != "open", row.destination, row.kind, row.id))
    return statement_of(heading, [item_of(row) for row in ordered])
