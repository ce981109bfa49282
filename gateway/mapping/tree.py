"""Nested messages: one row per official element in the order of the schema, records in, a tree of texts out.

For XML, where the order of elements is part of the contract. A tree is (name, content, pointer): the content is a text
or further trees, the pointer says which field of the record it came from. Invariant: what is absent in the record is
absent in the message; a row never invents a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from gateway.mapping.formats import VIETNAM, Unfit, text

Tree: TypeAlias = "tuple[str, str | tuple[Tree, ...], str]"
Source: TypeAlias = "str | Callable[[Any], object]"
_STEP = re.compile(r"(.+?)(?:\[([0-9]+)\])?$")


class Row(msgspec.Struct, frozen=True):
    """One official element.

    ``source``: dotted path of attributes from the record, or a function of it. ``rows``: of the elements inside, where
    the source gives a record, or a list of records for an element that repeats. ``codes``: official code of each
    member of an enumeration. ``pointer``: relative to the record, where it is not what the source says.
    """

    name: str
    source: Source
    rows: tuple[Row, ...] = ()
    codes: dict[Any, str] = {}
    pointer: str = ""


def tree(name: str, rows: tuple[Row, ...], record: object, pointer: str = "") -> Tree:
    """The element ``name`` with what ``rows`` make of ``record``, which stands at ``pointer`` in the document."""
    return (name, tuple(_children(rows, record, pointer)), pointer)


def written(value: object) -> str:
    """``value`` as XML Schema wants its type; instants in Vietnam time (construction §4.1)."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case _:
            return text(value).strip()


def pointer_at(top: Tree, path: str) -> str:
    """The pointer of the element at ``path`` (``HoSo/ThuaDat[2]``, the first step being ``top`` itself), or of the
    nearest one around it that there is."""
    place = top
    for step in path.split("/")[1:]:
        match = _STEP.fullmatch(step)
        if match is None or isinstance(place[1], str):
            break
        same = [child for child in place[1] if child[0] == match[1]]
        number = int(match[2] or 1)
        if not 0 < number <= len(same):
            break
        place = same[number - 1]
    return place[2]


def _children(rows: tuple[Row, ...], record: object, pointer: str) -> Iterator[Tree]:
    for row in rows:
        value = _value(row.source, record)
        if value is None or value == "":
            continue
        relative = _relative(row)
        place = f"{pointer}/{relative}" if relative else pointer
        many = isinstance(value, list | tuple)
        for number, item in enumerate(value if isinstance(value, list | tuple) else (value,)):
            here = f"{place}/{number}" if many else place
            if row.rows:
                yield tree(row.name, row.rows, item, here)
            else:
                yield (row.name, _coded(row, item), here)


def _relative(row: Row) -> str:
    if row.pointer or not isinstance(row.source, str):
        return row.pointer
    return row.source.replace(".", "/")


def _value(source: Source, record: object) -> Any:
    if not isinstance(source, str):
        return source(record)
    value: Any = record
    for name in source.split("."):
        value = getattr(value, name)
        if value is None:
            return None
    return value


def _coded(row: Row, value: object) -> str:
    if not isinstance(value, StrEnum) and not row.codes:
        return written(value)
    code = row.codes.get(value)
    if code is None:
        raise Unfit("no_code", f"a value that {row.name} has a code for", "extend the table of codes")
    return code


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise Unfit("not_an_instant", "an instant with its offset", "send the offset, such as +07:00")
    return value.astimezone(VIETNAM).replace(microsecond=0).isoformat()
