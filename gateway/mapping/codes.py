"""Code tables: what a partner calls a thing that we call something else, from CSV, with validity dates.

A file has the columns ``code,wire`` and, where wanted, ``label,valid_from,valid_to`` (both days included, an empty
one is open). Rows of one code must not overlap. Invariant: a lookup gives the one row valid on the day asked for, or
None; a file that could give two is refused when it is read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

import msgspec

from gateway.domain.errors import ConfigurationError


class CodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row: our ``code`` is written as ``wire``. ``label`` is what a Vietnamese official reads."""

    code: str
    wire: str
    label: str = ""
    valid_from: date | None = None
    valid_to: date | None = None

    def holds(self, on: date | None) -> bool:
        """Whether the row is valid on a day; without a day, whether it is not closed."""
        if on is None:
            return self.valid_to is None
        after = self.valid_from is None or self.valid_from <= on
        return after and (self.valid_to is None or on <= self.valid_to)


class CodeTable:
    """Rows by our code. Immutable after construction."""

    def __init__(self, name: str, rows: list[CodeRow]) -> None:
        self.name = name
        self.rows = tuple(rows)
        self._by_code: dict[str, tuple[CodeRow, ...]] = {}
        for row in rows:
            self._by_code[row.code] = (*self._by_code.get(row.code, ()), row)
        for code, known in self._by_code.items():
            _require_apart(name, code, known)
        # Nearly every code has one row without dates; that lookup is one dictionary access.
        self._always = {
            code: known[0]
            for code, known in self._by_code.items()
            if len(known) == 1 and known[0].valid_from is None and known[0].valid_to is None
        }
        self.undated = {code: row.wire for code, row in self._always.items()}

    def row(self, code: str, on: date | None = None) -> CodeRow | None:
        """The row of ``code`` that holds on a day (without a day: the newest), or None."""
        always = self._always.get(code)
        if always is not None:
            return always
        known = self._by_code.get(code, ())
        holding = [row for row in known if row.holds(on)]
        return holding[-1] if holding else (known[-1] if on is None and known else None)

    def wire(self, code: str, on: date | None = None) -> str | None:
        """How ``code`` is written on a day, or None."""
        row = self.row(code, on)
        return None if row is None else row.wire

    def codes(self) -> list[str]:
        """Every code of the table, in its order."""
        return list(self._by_code)

    def of_wire(self, wire: str) -> str | None:
        """Our code for what the partner wrote: the first row with that ``wire``, or None."""
        return next((row.code for row in self.rows if row.wire == wire), None)

    def nearest(self, code: str, count: int = 3) -> list[str]:
        """Codes of the table that look like ``code``, for advice."""
        return get_close_matches(code, self._by_code, n=count, cutoff=0.4) or self.codes()[:count]


def read_table(path: Path) -> CodeTable:
    """The code table in ``path``; ConfigurationError names file and line."""
    return CodeTable(path.stem, [_row(path, number, cells) for number, cells in read_rows(path)])


def read_tables(folder: Path, override: Path | None = None) -> Mapping[str, CodeTable]:
    """Every ``*.csv`` of ``folder`` by its stem; a file of the same name in ``override`` takes its place."""
    paths = {path.stem: path for path in sorted(folder.glob("*.csv"))}
    if override is not None:
        if not override.is_dir():
            raise ConfigurationError(f"code tables: {override} is not a folder")
        unknown = {path.stem for path in override.glob("*.csv")} - set(paths)
        if unknown:
            raise ConfigurationError(
                f"code tables: {override}: no such table {', '.join(sorted(unknown))}; "
                f"tables are {', '.join(paths)}"
            )
        paths |= {path.stem: path for path in sorted(override.glob("*.csv"))}
    return {stem: read_table(path) for stem, path in paths.items()}


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of every row of a CSV file with a header; ``#`` begins a comment line."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigurationError(f"{path}: cannot be read as UTF-8 text: {fault}") from fault
    lines = [(number, each) for number, each in enumerate(io.StringIO(content), start=1) if each.strip()]
    lines = [(number, each) for number, each in lines if not each.lstrip().startswith("#")]
    reader = csv.DictReader([each for _, each in lines], restkey="", strict=True)
    try:
        for (number, _), cells in zip(lines[1:], reader, strict=False):
            if "" in cells or None in cells.values():
                raise ConfigurationError(f"{path}:{number}: has another number of cells than the header")
            yield number, {name: (cell or "").strip() for name, cell in cells.items()}
    except csv.Error as fault:
        raise ConfigurationError(f"{path}: {fault}") from fault


def read_day(cell: str, where: str) -> date | None:
    """A day of a table (``yyyy-mm-dd``), or None for an empty cell."""
    if not cell:
        return None
    try:
        return date.fromisoformat(cell)
    except ValueError as fault:
        raise ConfigurationError(f"{where}: {cell!r} is not a day; write yyyy-mm-dd") from fault


def _row(path: Path, number: int, cells: Mapping[str, str]) -> CodeRow:
    where = f"{path}:{number}"
    if not cells.get("code") or "wire" not in cells:
        raise ConfigurationError(f"{where}: the columns code and wire are needed")
    row = CodeRow(
        code=cells["code"],
        wire=cells["wire"],
        label=cells.get("label", ""),
        valid_from=read_day(cells.get("valid_from", ""), where),
        valid_to=read_day(cells.get("valid_to", ""), where),
    )
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        raise ConfigurationError(f"{where}: valid_to lies before valid_from")
    return row


def _require_apart(name: str, code: str, rows: tuple[CodeRow, ...]) -> None:
    ordered = sorted(rows, key=lambda row: row.valid_from or date.min)
    for before, after in pairwise(ordered):
        if before.valid_to is None or (after.valid_from or date.min) <= before.valid_to:
            raise ConfigurationError(
                f"code table {name}: two rows of {code!r} hold on the same day; close one with valid_to"
            )
