"""A report as PDF: A4, Open Sans, which has all of Vietnamese; headings of tables on every page.

Drawn line by line instead of by a layout engine, which took four times as long. Invariant: the same report gives the same
bytes; a sign that the font lacks is drawn as a box, never dropped.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import assert_never

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from gateway.evidence.paper import Block, Grid, Pairs, Paper, Text

REGULAR, BOLD = "OpenSans", "OpenSans-Bold"
_FILES = {REGULAR: "OpenSans-Regular.ttf", BOLD: "OpenSans-Bold.ttf"}
_WIDTH, _HEIGHT = A4
_SIDE, _TOP, _BOTTOM = 40.0, 48.0, 48.0
_INNER = _WIDTH - 2 * _SIDE
_PADDING = 3.0
_NAMES_SHARE = 0.3


def pdf(paper: Paper) -> bytes:
    """The report as PDF."""
    _load_fonts()
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1)
    canvas.setTitle(f"{paper.title}: {paper.subtitle}")
    canvas.setCreator("Lien Thong Gateway")
    pages = _Pages(canvas, paper.footer)
    pages.lines(paper.title, BOLD, 16)
    pages.lines(paper.subtitle, REGULAR, 10)
    for section in paper.sections:
        pages.heading(section.heading)
        for block in section.blocks:
            _draw(pages, block)
    pages.end()
    canvas.save()
    return out.getvalue()


@cache
def _load_fonts() -> None:
    folder = files("ttf_opensans") / "ttf"
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, str(folder / file)))


def _draw(pages: _Pages, block: Block) -> None:
    match block:
        case Text():
            pages.lines(block.text, BOLD if block.strong else REGULAR, 11 if block.strong else 9)
        case Pairs():
            for name, value in block.rows:
                pages.row((name, value), (_NAMES_SHARE, 1 - _NAMES_SHARE), (BOLD, REGULAR), ruled=False)
        case Grid():
            _draw_table(pages, block)
        case other:
            assert_never(other)


def _draw_table(pages: _Pages, grid: Grid) -> None:
    whole = sum(grid.widths)
    shares = tuple(width / whole for width in grid.widths)
    head = (grid.headings, shares, (BOLD,) * len(shares))
    pages.row(*head)
    for row in grid.rows:
        pages.row(row, shares, (REGULAR,) * len(shares), again=head)


_Row = tuple[Sequence[str], Sequence[float], Sequence[str]]


class _Pages:
    """Pages that are filled from the top."""

    def __init__(self, canvas: Canvas, footer: str) -> None:
        self._canvas = canvas
        self._footer = footer
        self._y = _HEIGHT - _TOP

    def heading(self, text: str) -> None:
        """A heading, with room for a few lines below it."""
        if self._y < _BOTTOM + 90:
            self._turn()
        self._y -= 10
        self.lines(text, BOLD, 12)
        self._canvas.setLineWidth(0.6)
        self._canvas.line(_SIDE, self._y, _WIDTH - _SIDE, self._y)
        self._y -= 4

    def lines(self, text: str, font: str, size: float) -> None:
        """A paragraph."""
        for line in wrapped(text, font, size, _INNER):
            if self._y < _BOTTOM + size:
                self._turn()
            self._y -= size * 1.35
            self._canvas.setFont(font, size)
            self._canvas.drawString(_SIDE, self._y, line)
        self._y -= 4

    def row(
        self,
        cells: Sequence[str],
        shares: Sequence[float],
        fonts: Sequence[str],
        *,
        ruled: bool = True,
        again: _Row | None = None,
    ) -> None:
        """A row of cells; one too high for a page goes on on the next. ``again``: the headings, for a new page."""
        size, leading = 7.5, 9.6
        columns = [
            wrapped(cell, font, size, _INNER * share - 2 * _PADDING)
            for cell, share, font in zip(cells, shares, fonts, strict=True)
        ]
        height = max(map(len, columns))
        done = 0
        while done < height:
            room = int((self._y - _BOTTOM - 2 * _PADDING) // leading)
            if room < min(height - done, 8):
                self._turn()
                if again is not None:
                    self.row(*again)
                room = int((self._y - _BOTTOM - 2 * _PADDING) // leading)
            part = [column[done : done + room] for column in columns]
            self._draw_cells(part, shares, fonts, (size, leading, ruled))
            done += room

    def end(self) -> None:
        """Finish the last page."""
        canvas = self._canvas
        canvas.setFont(REGULAR, 7)
        canvas.drawString(_SIDE, _BOTTOM - 20, self._footer)
        canvas.drawRightString(_WIDTH - _SIDE, _BOTTOM - 20, str(canvas.getPageNumber()))
        canvas.showPage()

    def _turn(self) -> None:
        self.end()
        self._y = _HEIGHT - _TOP

    def _draw_cells(
        self,
        columns: Sequence[Sequence[str]],
        shares: Sequence[float],
        fonts: Sequence[str],
        style: tuple[float, float, bool],
    ) -> None:
        size, leading, ruled = style
        high = max(map(len, columns)) * leading + 2 * _PADDING
        x = _SIDE
        for column, share, font in zip(columns, shares, fonts, strict=True):
            if ruled:
                self._canvas.setLineWidth(0.3)
                self._canvas.rect(x, self._y - high, _INNER * share, high)
            text = self._canvas.beginText(x + _PADDING, self._y - _PADDING - size)
            text.setFont(font, size, leading)
            for line in column:
                text.textLine(line)
            self._canvas.drawText(text)
            x += _INNER * share
        self._y -= high


def wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """``text`` in lines of at most ``width`` points; a word that is longer is broken."""
    if pdfmetrics.stringWidth(text, font, size) <= width and "\n" not in text:
        return [text]
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line, used = "", 0.0
        for word in paragraph.split(" "):
            for piece in _pieces(word, font, size, width):
                wide = pdfmetrics.stringWidth(f" {piece}", font, size)
                if line and used + wide > width:
                    lines.append(line)
                    line, used = "", 0.0
                line, used = (f"{line} {piece}", used + wide) if line else (piece, wide)
        lines.append(line)
    return lines


def _pieces(word: str, font: str, size: float, width: float) -> list[str]:
    if pdfmetrics.stringWidth(f" {word}", font, size) <= width:
        return [word]
    most = max(1, int(width / (size * 0.95)))  # no letter of the font is wider
    return [word[at : at + most] for at in range(0, len(word), most)]
