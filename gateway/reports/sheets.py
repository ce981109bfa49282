"""The three reports as sheets: form 06a, the progress indicator, lists of dossiers.

Invariant: both counting rules stand side by side wherever lateness is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from gateway.reports import words
from gateway.reports.dossiers import KINDS, DossierLine, Listed
from gateway.reports.form_06a import Form06a, FormColumns, FormRow
from gateway.reports.progress import ProgressRow, Report766
from gateway.reports.ratios import Ratio
from gateway.reports.sheet import Cell, Heading, Section, Sheet
from gateway.storage.report_rules import Column

_FORM: tuple[Column, ...] = ("3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13")
_LATENESS: tuple[Column, ...] = ("8", "9", "10", "12", "13")
_BESIDE: tuple[tuple[Column, str], ...] = (
    ("paused_late", "paused_late"),
    ("withdrawn", "withdrawn"),
    ("waiting", "waiting"),
    ("no_due", "no_due"),
    ("disputed", "disputed"),
    ("refused", "refused"),
    ("data_error", "data_errors"),
)


def sheet_06a(form: Form06a) -> Sheet:
    """Columns 1 to 13 by date, then the same by instant where it may differ, then what stands beside."""
    headings = (
        Heading("(1) STT", "number", 6),
        Heading("Mã", "text", 18),
        Heading(f"(2) {words.UNITS[form.by]}", "text", 36),
        *(Heading(f"({column}) {words.COLUMNS[column]}", "number", 11) for column in _FORM),
        *(Heading(f"({column}) theo giờ", "number", 9) for column in _LATENESS),
        *(Heading(words.COLUMNS[column], "number", 11) for column, _ in _BESIDE),
    )
    rows: list[tuple[Cell, ...]] = [
        (place, row.code or words.UNKNOWN, row.name, *_figures(row))
        for place, row in enumerate(form.rows, start=1)
    ]
    return Sheet(
        name="06a",
        title=words.TITLE_06A,
        provenance=words.provenance(form.stamp),
        headings=headings,
        sections=[Section(rows)],
        total=(None, words.TOTAL, None, *_figures(form.total)),
        notes=words.checks(form.checks),
    )


def _figures(row: FormRow) -> tuple[int, ...]:
    return (
        *(_column(row.by_date, column) for column in _FORM),
        *(_column(row.by_instant, column) for column in _LATENESS),
        *(getattr(row.beside, name) for _, name in _BESIDE),
    )


def _column(columns: FormColumns, column: Column) -> int:
    found: int = getattr(columns, f"c{column}")
    return found


def narrow_06a(form: Form06a) -> Sheet:
    """For a screen: the figure by instant in brackets, where it is another one."""
    wide = sheet_06a(form)
    headings = (
        Heading(words.UNITS[form.by]),
        *(Heading(f"({column})", "number") for column in _FORM),
        Heading("tạm dừng quá hạn", "number"),
        Heading("từ chối", "number"),
        Heading("lỗi dữ liệu", "number"),
    )
    legend = [f"({column}) {words.COLUMNS[column]}" for column in _FORM]
    return Sheet(
        name=wide.name,
        title=wide.title,
        provenance=wide.provenance,
        headings=headings,
        sections=[Section([_narrow(row, row.code or words.UNKNOWN) for row in form.rows])],
        total=_narrow(form.total, words.TOTAL),
        notes=[
            "; ".join(legend),
            "Trong ngoặc: tính theo giờ, phút, nơi khác với cách tính theo ngày.",
            *wide.notes,
        ],
    )


def _narrow(row: FormRow, label: str) -> tuple[Cell, ...]:
    def both(column: Column) -> str:
        date, instant = _column(row.by_date, column), _column(row.by_instant, column)
        return words.number(date) if date == instant else f"{words.number(date)} ({words.number(instant)})"

    beside = row.beside
    return (
        f"{label} {row.name}" if row.name else label,
        *(both(column) for column in _FORM),
        *(words.number(each) for each in (beside.paused_late, beside.refused, beside.data_errors)),
    )


def sheet_766(report: Report766) -> Sheet:
    """The indicator with every ratio as numerator, denominator and percentage."""
    ratios = (
        "Đúng hạn trên đã giải quyết",
        "Đúng hạn trên tiếp nhận",
        "766 theo biểu 06a",
        "766 theo biểu 06a, theo giờ",
        "766 theo Cổng quốc gia",
    )
    headings = (
        Heading("Mã", "text", 18),
        Heading(words.UNITS[report.by], "text", 36),
        *(
            heading
            for name in ratios
            for heading in (
                Heading(f"{name}: tử số", "number", 11),
                Heading(f"{name}: mẫu số", "number", 11),
                Heading(f"{name}: %", "percent", 9),
            )
        ),
        Heading("Điểm 766", "decimal", 9),
        Heading("Cảnh báo", "text", 14),
    )
    return Sheet(
        name="766",
        title=words.TITLE_766,
        provenance=words.provenance(report.stamp),
        headings=headings,
        sections=[Section([_progress(row, row.code or words.UNKNOWN) for row in report.rows])],
        total=_progress(report.total, words.TOTAL),
        notes=_notes_766(report),
    )


def _progress(row: ProgressRow, label: str) -> tuple[Cell, ...]:
    ratios = (
        row.on_time_of_resolved,
        row.on_time_of_received,
        row.balance,
        row.balance_by_instant,
        row.portal,
    )
    return (
        label,
        row.name,
        *(cell for ratio in ratios for cell in (ratio.numerator, ratio.denominator, ratio.percent)),
        row.points,
        "DƯỚI NGƯỠNG" if row.below else None,
    )


def narrow_766(report: Report766) -> Sheet:
    """For a screen: percentages with their fractions."""
    wide = sheet_766(report)

    def line(row: ProgressRow, label: str) -> tuple[Cell, ...]:
        ratios = (row.on_time_of_resolved, row.on_time_of_received, row.balance, row.portal)
        name = f"{label} {row.name}" if row.name else label
        warning = "DƯỚI NGƯỠNG" if row.below else ""
        return name, *map(_fraction, ratios), words.decimal(row.points), warning

    texts = (
        words.UNITS[report.by],
        "đúng hạn / đã giải quyết",
        "đúng hạn / tiếp nhận",
        "766 theo 06a",
        "766 theo Cổng",
    )
    return Sheet(
        name=wide.name,
        title=wide.title,
        provenance=wide.provenance,
        headings=(*map(Heading, texts), Heading("điểm", "number"), Heading("cảnh báo")),
        sections=[Section([line(row, row.code or words.UNKNOWN) for row in report.rows])],
        total=line(report.total, words.TOTAL),
        notes=wide.notes,
    )


def _fraction(ratio: Ratio) -> str:
    return (
        f"{words.percent(ratio.percent)} ({words.number(ratio.numerator)}/{words.number(ratio.denominator)})"
    )


def _notes_766(report: Report766) -> list[str]:
    formula = "biểu 06a: (8 + 9 + 12) / (7 + 11)" if report.formula == "balance" else "Cổng quốc gia"
    base = "đã giải quyết (cột 7)" if report.on_time_of == "resolved" else "tiếp nhận (cột 3)"
    return [
        f"Công thức tính điểm 766: {formula}; tối đa {words.decimal(report.most_points)} điểm.",
        f"Tỷ lệ đúng hạn: (8 + 9) / {base}; ngưỡng cảnh báo {words.percent(100 * report.least)}.",
        "Theo Cổng quốc gia: hồ sơ tiếp nhận trong kỳ, so theo giờ, phút; hồ sơ chưa xong tính đến lúc chốt số liệu.",
        "Các tiêu chí thành phần về thời gian trung bình của Quyết định 766 chưa có công thức chính thức, không tính.",
    ]


def sheet_of_list(listed: Listed) -> Sheet:
    """A list by agency and room, then officer and promise; ready to print."""
    headings = (
        Heading("STT", "number", 6),
        Heading("Mã hồ sơ", "text", 24),
        Heading("Thủ tục", "text", 14),
        Heading("Cơ quan", "text", 14),
        Heading("Phòng, bộ phận", "text", 20),
        Heading("Cán bộ", "text", 20),
        Heading("Trạng thái", "text", 22),
        Heading("Tiếp nhận", "instant", 16),
        Heading("Hẹn trả", "instant", 16),
        Heading("Kết thúc", "instant", 16),
        Heading("Quá hạn (ngày)", "number", 9),
        Heading("Quá hạn (ngày làm việc)", "number", 9),
        Heading("Quá hạn (phút làm việc)", "number", 10),
        Heading("Ghi chú", "text", 30),
    )
    sections = _sections(listed, _dossier)
    return _list_sheet(listed, headings, sections)


def narrow_list(listed: Listed) -> Sheet:
    """For a screen: agency and room stand over their dossiers, lateness is one cell."""
    headings = (
        Heading("STT", "number"),
        Heading("Mã hồ sơ"),
        Heading("Thủ tục"),
        Heading("Cán bộ"),
        Heading("Trạng thái"),
        Heading("Tiếp nhận", "instant"),
        Heading("Hẹn trả", "instant"),
        Heading("Kết thúc", "instant"),
        Heading("Quá hạn"),
        Heading("Ghi chú"),
    )
    return _list_sheet(listed, headings, _sections(listed, _narrow_dossier))


def _list_sheet(listed: Listed, headings: tuple[Heading, ...], sections: list[Section]) -> Sheet:
    more = ["Danh sách còn tiếp."] if listed.next else []
    return Sheet(
        name=listed.what,
        title=_TITLES[listed.what],
        provenance=words.provenance(listed.stamp),
        headings=headings,
        sections=sections,
        notes=[f"Tổng số: {words.number(len(listed.items))} hồ sơ.", *more],
    )


def _sections(listed: Listed, line: Callable[[DossierLine, int], tuple[Cell, ...]]) -> list[Section]:
    """A list for desks has a section for each room; what stands behind a figure is one page by number."""
    if listed.what not in KINDS:
        return [Section([line(item, place) for place, item in enumerate(listed.items, start=1)])]
    sections: list[Section] = []
    place = 0
    for (agency, unit), group in groupby(listed.items, key=lambda item: (item.agency, item.unit)):
        rows = [line(item, place + number) for number, item in enumerate(group, start=1)]
        place += len(rows)
        sections.append(Section(rows, f"{agency} – {unit or words.UNKNOWN}: {words.number(len(rows))} hồ sơ"))
    return sections


_TITLES: dict[str, str] = {
    **dict(words.LISTS.items()),
    **{column: f"Hồ sơ của cột ({column}) – {text}" for column, text in words.COLUMNS.items()},
}


def _dossier(item: DossierLine, place: int) -> tuple[Cell, ...]:
    return (
        place,
        item.code,
        item.procedure,
        item.agency,
        item.unit,
        item.officer,
        words.STATUSES[item.status],
        item.received_at,
        item.due_at,
        item.ended_at,
        item.late_calendar_days or None,
        item.late_working_days or None,
        item.late_working_minutes or None,
        words.remarks(item.flags) or None,
    )


def _narrow_dossier(item: DossierLine, place: int) -> tuple[Cell, ...]:
    return (
        place,
        item.code,
        item.procedure,
        item.officer,
        words.STATUSES[item.status],
        item.received_at,
        item.due_at,
        item.ended_at,
        words.late(item.late_calendar_days, item.late_working_days, item.late_working_minutes) or None,
        words.remarks(item.flags) or None,
    )
