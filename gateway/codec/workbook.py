"""Reading the first worksheet of an XLSX workbook, row by row, in flat memory.

A cell comes as it is stored: its text, whether it is a number, whether a formula made it. Invariants: no entity, no
macro and no formula is ever run; a workbook whose parts, or one row of it, unpack to more than the limit is refused while
it unpacks.
"""

from __future__ import annotations

import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import msgspec
from lxml import etree

from gateway.codec import Unreadable

MOST_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024
MOST_SHARED_BYTES = 256 * 1024 * 1024
# of one row or one text: whatever stands between the ends of two of them is held in memory
MOST_PIECE_BYTES = 2 * 1024 * 1024
MOST_SHARED = 2_000_000
MOST_COLUMNS = 256
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_COLUMN = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_BROKEN = (zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError, KeyError, EOFError, RuntimeError, ValueError)

CellKind: TypeAlias = Literal["text", "number", "formula", "error", "bool"]


class Cell(msgspec.Struct, frozen=True):
    """``text``: as it is stored; a number's digits are not touched."""

    text: str
    kind: CellKind = "text"


Row: TypeAlias = tuple[int, dict[int, Cell]]
"""A row's number as the workbook counts it, from 1, and its cells by column, from 0."""


def rows(path: Path) -> Iterator[Row]:
    """The rows of the first worksheet that have cells. Raises Unreadable for what is no workbook."""
    try:
        with zipfile.ZipFile(path) as book:
            if sum(part.file_size for part in book.infolist()) > MOST_UNPACKED_BYTES:
                raise Unreadable(
                    "too_large", f"the workbook unpacks to more than {MOST_UNPACKED_BYTES} bytes"
                )
            shared = _shared_texts(book)
            with book.open(_first_sheet(book)) as sheet:
                yield from _rows(_Bounded(sheet, MOST_UNPACKED_BYTES), shared)
    except _BROKEN as fault:
        raise Unreadable("not_a_workbook", str(fault)[:200]) from fault


class _Bounded:
    """A part of the package, refused once it has given more than ``most`` bytes, or ``MOST_PIECE_BYTES`` since the last
    ``forgotten``."""

    def __init__(self, part: IO[bytes], most: int) -> None:
        self._part, self._left, self._held = part, most, 0

    def read(self, size: int = -1) -> bytes:
        piece = self._part.read(size)
        self._left -= len(piece)
        self._held += len(piece)
        if self._left < 0 or self._held > MOST_PIECE_BYTES:
            raise Unreadable("too_large", "a part of the workbook unpacks to more than is read")
        return piece

    def forgotten(self) -> None:
        """What was read so far is not held any more."""
        self._held = 0


def _walk(part: _Bounded, *names: str) -> Iterator[Any]:
    """Whole elements of these names, each forgotten as soon as it was looked at."""
    events = etree.iterparse(
        part,
        events=("end",),
        tag=[_MAIN + name for name in names],
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    for _, element in events:
        if element.getroottree().docinfo.internalDTD is not None:
            raise Unreadable("document_type", "a document type is not accepted")
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
        part.forgotten()


def _first_sheet(book: zipfile.ZipFile) -> str:
    """The name of the part that holds the first worksheet."""
    with book.open("xl/workbook.xml") as part:
        link = next(
            (str(each.get(_LINK)) for each in _walk(_Bounded(part, MOST_SHARED_BYTES), "sheet")), None
        )
    with book.open("xl/_rels/workbook.xml.rels") as part:
        relations = etree.parse(
            _Bounded(part, MOST_SHARED_BYTES),  # type: ignore[arg-type] # a reader is all it needs
            etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False),
        )
    for relation in relations.getroot().iter(_RELATION):
        if relation.get("Id") == link:
            target = str(relation.get("Target"))
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    raise Unreadable("no_worksheet", "the workbook has no worksheet")


def _shared_texts(book: zipfile.ZipFile) -> list[str]:
    """Texts that cells point to by number; a workbook may have none."""
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    with book.open("xl/sharedStrings.xml") as part:
        found = [
            _text(each)
            for each in itertools.islice(_walk(_Bounded(part, MOST_SHARED_BYTES), "si"), MOST_SHARED + 1)
        ]
    if len(found) > MOST_SHARED:
        raise Unreadable("too_large", f"the workbook has more than {MOST_SHARED} texts")
    return found


def _text(element: Any) -> str:
    """All text of a rich text, without its phonetic reading."""
    parts = [*element.iterchildren(f"{_MAIN}t")]
    for run in element.iterchildren(f"{_MAIN}r"):
        parts += run.iterchildren(f"{_MAIN}t")
    return "".join(part.text or "" for part in parts)


def _rows(part: _Bounded, shared: list[str]) -> Iterator[Row]:
    number = 0
    for element in _walk(part, "row"):
        number = int(element.get("r") or number + 1)
        cells: dict[int, Cell] = {}
        for place, cell in enumerate(element.iterchildren(f"{_MAIN}c")):
            column = _column(cell.get("r"), place)
            if column >= MOST_COLUMNS:
                raise Unreadable("too_wide", f"row {number} has more than {MOST_COLUMNS} columns")
            found = _cell(cell, shared)
            if found.text or found.kind == "formula":
                cells[column] = found
        if cells:
            yield number, cells


def _column(name: str | None, place: int) -> int:
    match = _COLUMN.fullmatch(name or "")
    if match is None:
        return place
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _cell(cell: Any, shared: list[str]) -> Cell:
    value = cell.findtext(f"{_MAIN}v") or ""
    if cell.find(f"{_MAIN}f") is not None:
        return Cell(value, "formula")
    stored = cell.get("t", "n")
    if stored == "s":
        return Cell(_shared(value, shared))
    if stored == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return Cell("" if inline is None else _text(inline))
    return Cell(value, _KINDS.get(stored, "text"))


_KINDS: dict[str, CellKind] = {"n": "number", "b": "bool", "e": "error"}


def _shared(value: str, shared: list[str]) -> str:
    place = int(value) if value.isascii() and value.isdigit() else -1
    if not 0 <= place < len(shared):
        raise Unreadable("not_a_workbook", f"there is no shared text {value[:20]!r}")
    return shared[place]
