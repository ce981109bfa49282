"""A report as what stands on paper: a title, and blocks of texts, pairs and tables. Pages and prints are made from it.

Invariant: everything is text that is shown as it is; nothing in it is markup.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Text(msgspec.Struct, frozen=True):
    """A paragraph. ``strong``: it is what a reader looks for."""

    text: str
    strong: bool = False


class Pairs(msgspec.Struct, frozen=True):
    """Names and their values."""

    rows: list[tuple[str, str]]


class Grid(msgspec.Struct, frozen=True):
    """A table. ``widths``: the share of each column."""

    headings: tuple[str, ...]
    widths: tuple[int, ...]
    rows: list[tuple[str, ...]]


Block: TypeAlias = Text | Pairs | Grid


class Section(msgspec.Struct, frozen=True):
    """Blocks under one heading."""

    heading: str
    blocks: list[Block]


class Paper(msgspec.Struct, frozen=True):
    """A report. ``footer`` stands on every page."""

    title: str
    subtitle: str
    footer: str
    sections: list[Section]
