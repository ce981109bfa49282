"""The statement of a reconciliation of payments as sheets: totals by class, and every item with what is proposed.

Invariant: the totals of a sheet are those of the statement; amounts are whole đồng.
"""

from __future__ import annotations

from gateway.domain.reconciliation import Item, Statement
from gateway.reports.sheet import Cell, Heading, Section, Sheet

_TITLE = "Đối soát thanh toán trực tuyến ngày {day:%d/%m/%Y}"
_SOUND = "Chênh lệch tổng bằng tổng chênh lệch của các khoản, đến từng đồng."
_BROKEN = "LỖI: chênh lệch tổng không bằng tổng chênh lệch của các khoản; không dùng biểu này."
_STATES = {"open": "Chưa xử lý", "resolved": "Đã xử lý"}
CLASS_HEADINGS = (
    Heading("Loại", width=38),
    Heading("Số khoản", "number", 10),
    Heading("Chưa xử lý", "number", 10),
    Heading("Tỉnh ghi nhận (đồng)", "number", 20),
    Heading("Nền tảng (đồng)", "number", 20),
    Heading("Chênh lệch (đồng)", "number", 20),
)
ITEM_HEADINGS = (
    Heading("Số", width=22),
    Heading("Loại", width=30),
    Heading("Trạng thái", width=12),
    Heading("Đích", width=18),
    Heading("Mã tham chiếu", width=24),
    Heading("Mã hồ sơ", width=24),
    Heading("Tỉnh ghi nhận (đồng)", "number", 18),
    Heading("Nền tảng (đồng)", "number", 18),
    Heading("Chênh lệch (đồng)", "number", 18),
    Heading("Mã giao dịch (tỉnh)", width=20),
    Heading("Mã giao dịch (nền tảng)", width=24),
    Heading("Giải thích", width=50),
    Heading("Đề nghị", width=50),
    Heading("Lý do chưa có trả lời", width=30),
    Heading("Người xử lý", width=18),
    Heading("Lý do xử lý", width=30),
    Heading("Lần đối soát cuối", "instant", 18),
)
_ON_SCREEN = (0, 1, 2, 4, 5, 6, 7, 8, 12)


def sheets_of_statement(statement: Statement) -> list[Sheet]:
    """For files: the items first, then the totals by class."""
    return [item_sheet(statement), class_sheet(statement)]


def class_sheet(statement: Statement) -> Sheet:
    """Totals by class."""
    rows: list[tuple[Cell, ...]] = [
        (each.title, each.items, each.open, each.ours, each.theirs, each.difference)
        for each in statement.classes
    ]
    total: tuple[Cell, ...] = (
        "Tổng cộng",
        len(statement.items),
        statement.open,
        statement.ours,
        statement.theirs,
        statement.difference,
    )
    notes = [_SOUND if statement.sound else _BROKEN]
    if statement.unread:
        notes.append(f"{statement.unread} dòng của tệp đối soát không đọc được và không được tính.")
    return Sheet(
        name="Tổng hợp",
        title=_TITLE.format(day=statement.day),
        provenance=_provenance(statement),
        headings=CLASS_HEADINGS,
        sections=[Section(rows=rows)],
        total=total,
        notes=notes,
    )


def item_sheet(statement: Statement) -> Sheet:
    """Every item, open ones first."""
    titles = {each.kind: each.title for each in statement.classes}
    return Sheet(
        name="Chi tiết",
        title=_TITLE.format(day=statement.day),
        provenance=_provenance(statement),
        headings=ITEM_HEADINGS,
        sections=[Section(rows=[_row(item, titles[item.kind]) for item in statement.items])],
    )


def open_sheet(statement: Statement) -> Sheet:
    """What waits for somebody, for the screen."""
    titles = {each.kind: each.title for each in statement.classes}
    rows = [_row(item, titles[item.kind]) for item in statement.items if item.state == "open"]
    return Sheet(
        name="Chưa xử lý",
        title="Các khoản chưa xử lý",
        provenance=(),
        headings=tuple(ITEM_HEADINGS[place] for place in _ON_SCREEN),
        sections=[Section(rows=[tuple(row[place] for place in _ON_SCREEN) for row in rows])],
    )


def _row(item: Item, title: str) -> tuple[Cell, ...]:
    return (
        item.id,
        title,
        _STATES[item.state],
        item.destination,
        item.reference,
        item.dossier,
        item.ours,
        item.theirs,
        item.difference,
        item.transaction,
        ", ".join(item.their_transactions) or None,
        item.explanation,
        item.proposal,
        item.code or None,
        item.ended_by,
        item.ended_reason,
        item.at,
    )


def _provenance(statement: Statement) -> tuple[tuple[str, str], ...]:
    made = (("Đích", statement.destination or "tất cả"), ("Ngày", f"{statement.day:%d/%m/%Y}"))
    return (*made, ("Chạy thử", "có")) if statement.dry_run else made
