"""Nested messages: one row per official element in the order of the schema, records in, a tree of texts out.

For XML, where the order of elements is part of the contract. A tree is (name, content, pointer): the content is a text,
the bytes of a file, or further trees; the pointer says which field it came from, seen from the tree around it. Invariant:
what is absent in the record is absent in the message; a row never invents a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from gateway.mapping.formats import VIETNAM, Unfit, text

Tree: TypeAlias = "tuple[str, str | bytes | tuple[Tree, ...], str]"
Source: TypeAlias = "str | Callable[[Any], object]"
_Compiled: TypeAlias = "tuple[str, Callable[[Any], Any], tuple[Row, ...], dict[Any, str], str]"
_MANY = (list, tuple)
_TABLES: dict[int, tuple[tuple[Row, ...], list[_Compiled]]] = {}
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
    """The element ``name`` with what ``rows`` make of ``record``, which stands at ``pointer``."""
    children: list[Tree] = []
    add = children.append
    for element, take, inner, codes, place in _compiled(rows):
        value = take(record)
        if value is None or value == "":
            continue
        if isinstance(value, _MANY):
            for number, item in enumerate(value):
                here = f"{place}/{number}"
                add(
                    tree(element, inner, item, here)
                    if inner
                    else (element, _leaf(element, codes, item), here)
                )
        elif inner:
            add(tree(element, inner, value, place))
        else:
            add((element, _leaf(element, codes, value), place))
    return (name, tuple(children), pointer)


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
    place, pointers = top, [top[2]]
    for step in path.split("/")[1:]:
        match = _STEP.fullmatch(step)
        if match is None or not isinstance(place[1], tuple):
            break
        same = [child for child in place[1] if child[0] == match[1]]
        number = int(match[2] or 1)
        if not 0 < number <= len(same):
            break
        place = same[number - 1]
        pointers.append(place[2])
    return "".join(f"/{each}" for each in pointers if each)


def _compiled(rows: tuple[Row, ...]) -> list[_Compiled]:
    """``rows`` as they are walked for every message: taken apart once. Tables live as long as the process."""
    known = _TABLES.get(id(rows))
    if known is None:
        made = [
            (row.name, _reader(row.source), row.rows, row.codes, row.pointer or _relative(row.source))
            for row in rows
        ]
        known = _TABLES[id(rows)] = (rows, made)  # the table itself is kept, so that nobody else gets its id
    return known[1]


def _reader(source: Source) -> Callable[[Any], Any]:
    if not isinstance(source, str):
        return source
    if "." not in source:
        return attrgetter(source)
    names = source.split(".")

    def read(record: Any) -> Any:
        value = record
        for name in names:
            value = getattr(value, name)
            if value is None:
                return None
        return value

    return read


def _relative(source: Source) -> str:
    return source.replace(".", "/") if isinstance(source, str) else ""


def _leaf(name: str, codes: dict[Any, str], value: object) -> str | bytes:
    if codes:
        return _code(name, codes, value)
    if type(value) is str:  # nine of ten values
        return text(value).strip()
    if isinstance(value, StrEnum):
        return _code(name, codes, value)
    return value if isinstance(value, bytes) else written(value)


def _code(name: str, codes: dict[Any, str], value: object) -> str:
    code = codes.get(value)
    if code is None:
        raise Unfit("no_code", f"a value that {name} has a code for", "extend the table of codes")
    return code


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise Unfit("not_an_instant", "an instant with its offset", "send the offset, such as +07:00")
    return value.astimezone(VIETNAM).replace(microsecond=0).isoformat()
