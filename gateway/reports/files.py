"""Sheets as files: CSV for spreadsheets and programs, workbooks for paper.

Invariant: no cell can run in a spreadsheet, whatever a dossier's record contains; every row of a CSV file, and every
page of a workbook, says what its figures were computed from.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import xlsxwriter  # type: ignore[import-untyped] # it has no types

from gateway.deadlines.instants import VIETNAM
from gateway.reports.sheet import Cell, Heading, Kind, Sheet, harmless

_SHEET_NAME = 31  # the most that a workbook allows
_FORMATS: dict[Kind, str] = {
    "text": "@",
    "number": "#,##0",
    "decimal": "#,##0.00",
    "percent": '0.00" %"',
    "instant": "dd/mm/yyyy hh:mm",
}
_PAPER_A3, _PAPER_A4 = 8, 9
_WIDE = 20


def csv_of(sheet: Sheet) -> bytes:
    """UTF-8 with a byte order mark, so that Excel reads Vietnamese; the first line is the headings."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    stamped = [value for _, value in sheet.provenance]
    writer.writerow([*(heading.text for heading in sheet.headings), *(name for name, _ in sheet.provenance)])
    for row in sheet.rows:
        writer.writerow([_plain(cell) for cell in (*row, *stamped)])
    return out.getvalue().encode("utf-8-sig")


def _plain(cell: Cell) -> str | int | float:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.astimezone(VIETNAM).strftime("%Y-%m-%d %H:%M:%S")
        case str():
            return harmless(cell)
        case _:
            return cell


def workbook_of(sheets: Sequence[Sheet], *, made_at: datetime) -> bytes:
    """A workbook with one worksheet a sheet: title and stamp on top, headings on every printed page."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"created": made_at.astimezone(VIETNAM).replace(tzinfo=None)})
        styles = _Styles(book)
        for sheet in sheets:
            _write(book.add_worksheet(sheet.name[:_SHEET_NAME]), sheet, styles)
    return out.getvalue()


class _Styles:
    """The formats of a workbook."""

    def __init__(self, book: Any) -> None:
        self.title = book.add_format({"bold": True, "font_size": 13})
        self.plain = book.add_format({})
        self.heading = book.add_format(
            {"bold": True, "text_wrap": True, "border": 1, "align": "center", "valign": "vcenter"}
        )
        self.section = book.add_format({"bold": True, "bg_color": "#EEEEEE"})
        self.cells = {
            kind: book.add_format({"num_format": code, "border": 1}) for kind, code in _FORMATS.items()
        }
        self.bold = {
            kind: book.add_format({"num_format": code, "border": 1, "bold": True})
            for kind, code in _FORMATS.items()
        }


def _write(page: Any, sheet: Sheet, styles: _Styles) -> None:
    _set_up(page, sheet)
    page.write_string(0, 0, harmless(sheet.title), styles.title)
    line = 1
    for name, value in sheet.provenance:
        page.write_string(line, 0, harmless(f"{name}: {value}"), styles.plain)
        line += 1
    line += 1
    for place, heading in enumerate(sheet.headings):
        page.write_string(line, place, harmless(heading.text), styles.heading)
    page.repeat_rows(line)
    page.freeze_panes(line + 1, 0)
    for section in sheet.sections:
        if section.title is not None:
            line += 1
            page.write_string(line, 0, harmless(section.title), styles.section)
        for row in section.rows:
            line += 1
            _write_row(page, line, row, (sheet.headings, styles.cells))
    if sheet.total is not None:
        line += 1
        _write_row(page, line, sheet.total, (sheet.headings, styles.bold))
    line += 2
    for note in sheet.notes:
        page.write_string(line, 0, harmless(note), styles.plain)
        line += 1


def _set_up(page: Any, sheet: Sheet) -> None:
    page.set_landscape()
    page.set_paper(_PAPER_A3 if len(sheet.headings) > _WIDE else _PAPER_A4)
    page.fit_to_pages(1, 0)
    page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    page.set_footer("&L&A&RTrang &P/&N")
    for place, heading in enumerate(sheet.headings):
        page.set_column(place, place, heading.width)


def _write_row(
    page: Any, line: int, row: Sequence[Cell], dress: tuple[Sequence[Heading], dict[Kind, Any]]
) -> None:
    headings, formats = dress
    for place, (cell, heading) in enumerate(zip(row, headings, strict=True)):
        style = formats[heading.kind]
        match cell:
            case None:
                page.write_blank(line, place, None, style)
            case datetime():
                page.write_datetime(line, place, cell.astimezone(VIETNAM).replace(tzinfo=None), style)
            case str():
                page.write_string(line, place, harmless(cell), formats["text"])
            case _:
                page.write_number(line, place, cell, style)
