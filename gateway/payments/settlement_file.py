"""Reading a settlement file that an operator hands in, CSV or XLSX, line by line in flat memory.

Invariants: a bad line costs its neighbours nothing and is reported with line, column, what stands there and what was
expected; nothing of it is guessed. A file whose columns cannot be told apart is refused as a whole.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TypeAlias

import msgspec

from gateway.codec import Unreadable, workbook
from gateway.codec.workbook import Cell
from gateway.domain.payment import CURRENCY
from gateway.payments.settlement_columns import (
    BY_HEADING,
    REQUIRED,
    Claim,
    Column,
    Wrong,
    got,
    letters,
    sheet_amount,
)

MOST_LINE_BYTES = 64 * 1024
HEADING_ROWS = 30  # titles and blanks may stand above the headings
_PIECE = 1024 * 1024
_TOTALS = ("tong", "total", "sum", "cong")


class SettlementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line that could be read. ``partner`` empty: the file does not say it."""

    line: int
    reference: str
    transaction: str
    amount: int
    partner: str = ""
    currency: str = CURRENCY
    paid_at: str = ""
    bank: str = ""
    claim: Claim = "paid"


class BadLine(msgspec.Struct, frozen=True, kw_only=True):
    """One cell that cannot be read, so that its line is left out."""

    line: int
    column: str
    got: str
    expected: str


Read: TypeAlias = SettlementLine | BadLine
_Rows: TypeAlias = Iterator[tuple[int, Mapping[int, Cell]]]


def digest_of(path: Path) -> str:
    """SHA-256 of the file, hex: the same file twice has the same."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def read(path: Path) -> Iterator[Read]:
    """Every line below the headings. Raises Unreadable when it is no such file, OSError when it cannot be opened."""
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    rows: _Rows = workbook.rows(path) if zipped else _csv_rows(path)
    headings = _headings(rows)
    for number, cells in rows:
        if not _is_total(cells, headings):
            yield _line(number, cells, _Sheet(headings, strict=zipped))


class _Sheet:
    """The columns of one file. ``strict``: its cells know whether they are numbers."""

    def __init__(self, headings: Mapping[int, tuple[str, Column]], *, strict: bool) -> None:
        self.headings = headings
        self.strict = strict

    def value(self, column: Column, cell: Cell) -> str | int:
        """What a cell says; Wrong."""
        if self.strict and column.field == "amount" and cell.kind != "formula":
            return sheet_amount(cell)
        return column.read(cell)


def _headings(rows: _Rows) -> dict[int, tuple[str, Column]]:
    """Which column stands where, from the first row that names one that is needed."""
    for seen, (_, cells) in enumerate(rows):
        named = {
            place: (cell.text.strip(), BY_HEADING[letters(cell.text)])
            for place, cell in cells.items()
            if letters(cell.text) in BY_HEADING
        }
        fields = [column.field for _, column in named.values()]
        if len(named) > 1 and any(column.field in fields for column in REQUIRED):
            _require_whole(fields)
            return named
        if seen >= HEADING_ROWS:
            break
    wanted = ", ".join(column.headings[0] for column in REQUIRED)
    raise Unreadable("no_headings", f"no row with the headings {wanted} among the first {HEADING_ROWS} rows")


def _require_whole(fields: list[str]) -> None:
    missing = [f"{column.headings[0]} ({column.field})" for column in REQUIRED if column.field not in fields]
    if missing:
        raise Unreadable("missing_column", f"the file has no column {', '.join(missing)}")
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        raise Unreadable("column_twice", f"the file has more than one column for {', '.join(twice)}")


def _is_total(cells: Mapping[int, Cell], headings: Mapping[int, tuple[str, Column]]) -> bool:
    """Whether it is the sum under the table: it says that it is one, and names no payment."""
    places = [place for place, (_, column) in headings.items() if column.field in _NAMES]
    named = [cells[place].text.strip() for place in places if place in cells]
    if any(text and (not letters(text).startswith(_TOTALS) or _has_digit(text)) for text in named):
        return False
    return any(letters(cell.text).startswith(_TOTALS) for cell in cells.values())


_NAMES = frozenset({"reference", "transaction"})


def _has_digit(text: str) -> bool:
    return any(each.isdigit() for each in text)


def _line(number: int, cells: Mapping[int, Cell], sheet: _Sheet) -> Read:
    found: dict[str, str | int] = {}
    for place, (heading, column) in sheet.headings.items():
        cell = cells.get(place, Cell(""))
        if _TORN in cells or not _is_utf8(cell.text):
            return _torn(number, cells.get(_TORN, Cell("bytes that are not UTF-8")))
        try:
            value = sheet.value(column, cell) if cell.text or column.required else ""
        except Wrong as wrong:
            return BadLine(line=number, column=heading, got=got(cell), expected=wrong.expected)
        if column.required and value == "" and column.field != "transaction":
            return BadLine(line=number, column=heading, got="nothing", expected=column.expected)
        if value != "":
            found[column.field] = value
    claim = found.pop("state", "paid")
    if found.pop("type", "paid") == "refunded" and claim == "paid":
        claim = "refunded"
    if claim in {"paid", "refunded"} and "transaction" not in found:
        return _without_transaction(number, sheet)
    return msgspec.convert({"transaction": "", **found, "claim": claim, "line": number}, SettlementLine)


def _without_transaction(number: int, sheet: _Sheet) -> BadLine:
    heading, column = next(each for each in sheet.headings.values() if each[1].field == "transaction")
    return BadLine(line=number, column=heading, got="nothing", expected=column.expected)


_TORN = -1  # no column has this place


def _torn(number: int, cell: Cell) -> BadLine:
    return BadLine(line=number, column="*", got=cell.text, expected="a line of CSV in UTF-8")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _csv_rows(path: Path) -> _Rows:
    """Line by line: a quotation mark that is never closed spoils its own line, not the rest of the file."""
    with path.open("rb") as file:
        delimiter = None
        for number, line in _lines(file):
            if line is None:
                yield number, {_TORN: Cell(f"a line of more than {MOST_LINE_BYTES} bytes")}
                continue
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape").rstrip("\r\n")
            if not text.strip():
                continue
            delimiter = delimiter or _delimiter(text)
            try:
                (cells,) = csv.reader([text], delimiter=delimiter or ",", strict=True)
            except (csv.Error, ValueError) as fault:
                yield number, {_TORN: Cell(f"quotation marks that do not fit: {fault}")}
                continue
            yield number, {place: Cell(cell) for place, cell in enumerate(cells)}


def _delimiter(text: str) -> str | None:
    """What stands between the headings; None as long as the headings have not come."""
    for candidate in ",;\t|":
        names = [letters(part.strip(' "')) for part in text.split(candidate)]
        if sum(name in BY_HEADING for name in names) > 1:
            return candidate
    return None


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Lines by number; None for one that is too long, which is skipped to its end."""
    number, rest = 0, False
    while piece := file.readline(MOST_LINE_BYTES):
        whole = piece.endswith(b"\n") or len(piece) < MOST_LINE_BYTES
        if rest:
            rest = not whole
            continue
        number += 1
        rest = not whole
        yield number, piece if whole else None
