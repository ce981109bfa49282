"""A report as a sheet of paper: a title, what it was computed from, headings, rows in sections, notes.

Screens, CSV files and workbooks are made from it. Invariant: a cell holds a value, never a text that was made from a
number, so that each writer can write it in its own way; a text that a spreadsheet would run is made harmless.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

Cell: TypeAlias = str | int | float | datetime | None
Kind: TypeAlias = Literal["text", "number", "decimal", "percent", "instant"]
_RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Heading(msgspec.Struct, frozen=True):
    """One column. ``width``: in characters, on paper."""

    text: str
    kind: Kind = "text"
    width: int = 12


class Section(msgspec.Struct, frozen=True):
    """Rows that belong together; ``title`` stands over them on paper."""

    rows: list[tuple[Cell, ...]]
    title: str | None = None


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """``provenance``: what every figure was computed from; ``total``: the last row, in bold."""

    name: str
    title: str
    provenance: tuple[tuple[str, str], ...]
    headings: tuple[Heading, ...]
    sections: list[Section]
    total: tuple[Cell, ...] | None = None
    notes: list[str] = []

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        """Every row, the total last."""
        found = [row for section in self.sections for row in section.rows]
        return found if self.total is None else [*found, self.total]


def harmless(text: str) -> str:
    """``text`` as a spreadsheet shows it and does not run it: what begins like a formula gets an apostrophe."""
    return f"'{text}" if text.startswith(_RUN) else text
