"""Reports on the screen and into files: tables for officials, CSV, workbooks, JSON.

Invariant: what is written to a file is whole or not there at all.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.screen import console, print_json
from gateway.reports import words
from gateway.reports.files import csv_of, workbook_of
from gateway.reports.sheet import Cell, Heading, Section, Sheet

if TYPE_CHECKING:
    from rich.console import RenderableType

FORMATS = ("table", "csv", "xlsx", "json")


def format_of(chosen: str | None, output: Path | None, *, as_json: bool) -> str:
    """The format that was asked for, or that the file's name asks for. ValueError when there is no such one."""
    if as_json:
        return "json"
    ending = output.suffix.removeprefix(".").lower() if output is not None else ""
    wanted = chosen or ending or "table"
    if wanted not in FORMATS:
        raise ValueError(f"--format: got {wanted}, expected one of {', '.join(FORMATS)}")
    if wanted == "table" and output is not None:
        raise ValueError("--output: a table is for the screen; choose --format csv, xlsx or json")
    return wanted


def put_out(document: Any, sheets: Sequence[Sheet], narrow: Sheet, chosen: str, output: Path | None) -> None:
    """Show or write a report. ``narrow``: for the screen; ``sheets``: for files."""
    from datetime import UTC

    match chosen:
        case "table":
            show(narrow)
        case "json" if output is None:
            print_json(document)
        case "json":
            import msgspec

            _write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n", output)
        case "csv":
            _write(csv_of(sheets[0]), output)
        case _:
            _write(workbook_of(sheets, made_at=datetime.now(UTC)), output)


def _write(content: bytes, output: Path | None) -> None:
    from gateway.domain.errors import ConfigurationError

    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    part = output.with_name(f".{output.name}.part")
    try:
        part.write_bytes(content)
        part.replace(output)
    except OSError as fault:
        raise ConfigurationError(f"--output: cannot write {output}: {fault}") from fault
    print(f"{output}", file=sys.stderr)


def show(sheet: Sheet) -> None:
    """Print a sheet: title, what it was computed from, its rows, notes."""
    out = console()
    out.print(sheet.title.upper(), style="bold", markup=False)
    for name, value in sheet.provenance:
        out.print(f"{name}: {value}", markup=False, soft_wrap=True)
    for section in sheet.sections:
        total = sheet.total if section is sheet.sections[-1] else None
        out.print(_table(sheet.headings, section, total))
    for note in sheet.notes:
        out.print(note, markup=False, soft_wrap=True)


def _table(headings: Sequence[Heading], section: Section, total: tuple[Cell, ...] | None) -> RenderableType:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    used = [
        place
        for place in range(len(headings))
        if total is not None or any(row[place] is not None for row in section.rows)
    ]
    shown = Table(
        title=escape(section.title) if section.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_footer=False,
    )
    for place in used:
        numeric = headings[place].kind in {"number", "decimal", "percent"}
        shown.add_column(escape(headings[place].text), justify="right" if numeric else "left")
    for row in section.rows:
        shown.add_row(*(escape(_text(row[place], headings[place])) for place in used))
    if total is not None:
        shown.add_section()
        shown.add_row(*(escape(_text(total[place], headings[place])) for place in used), style="bold")
    return shown


def _text(cell: Cell, heading: Heading) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return words.instant(cell)
        case int():
            return words.number(cell)
        case float() if heading.kind == "percent":
            return words.percent(cell)
        case float():
            return words.decimal(cell)
        case _:
            return str(cell)
