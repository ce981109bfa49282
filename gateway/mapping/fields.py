"""Field tables: one row per official element, compiled once into the function that fills it.

A ``Field`` says where a value comes from (a dotted path into the record, or a function of record and scope), how it
is written, when it must not be empty and how long it may be. Invariant: ``Encoder.encode`` fills every element of the
table or says in ``Scope.problems``, with a pointer into the local record, why it cannot; it finds everything that is
wrong, not only the first thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from operator import attrgetter
from typing import Any, Final
from unicodedata import is_normalized

import msgspec

from gateway.domain.violation import Violation, shown
from gateway.mapping.codes import CodeTable
from gateway.mapping.formats import Format, Unfit, as_string, line, shortened, text

Getter = Callable[[Any, Any], object]
Condition = Callable[[Any, Any], bool]
Emitter = Callable[[Any, Any, str], object]
Items = Iterable[tuple[str, object]]

ABSENT: Final = object()
"""What a field gives when its element is to be left out altogether."""


class Scope:
    """What a table may look at besides the record; adapters add their own. One per call, never shared.

    ``on`` is the day whose code tables hold; None means the newest. ``problems`` collects what cannot be encoded.
    """

    __slots__ = ("on", "problems")

    def __init__(self, on: date | None = None) -> None:
        self.on = on
        self.problems: list[Violation] = []


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One official element.

    name          the official name, spelt as in the contract
    source        dotted path into the record, or a function of (record, scope)
    format        how the value is written; not used with ``code``, ``rows`` and ``part``
    code          name of the code table that turns the value into the partner's code
    rows          table of the rows of an array; a function as ``source`` gives (pointer, row) pairs
    part          table of an object; ``source`` gives its record, None leaves the element empty
    required      must not be empty; ``required_when``: only where the condition holds
    max_length    in characters; ``shorten`` cuts with "..." where the contract's senders do, else it is refused
    omit_empty    the element is left out when empty, instead of ""
    variants      names of variants that have the element; empty: all
    pointer       where in the local record the value stands; follows from a dotted ``source``
    clause        section of the contract
    """

    name: str
    source: str | Getter
    format: Format = text
    code: str | None = None
    rows: Table | None = None
    part: Table | None = None
    required: bool = False
    required_when: Condition | None = None
    max_length: int | None = None
    shorten: bool = False
    omit_empty: bool = False
    variants: frozenset[str] = frozenset()
    pointer: str | None = None
    clause: str = ""

    def place(self) -> str:
        """JSON pointer of the value, relative to the record that the table is applied to."""
        if self.pointer is not None:
            return self.pointer
        return f"/{self.source.replace('.', '/')}" if isinstance(self.source, str) else ""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """What a table is compiled for. ``mandatory``: official names that this partner wants filled besides the table's
    own. ``strings``: write numbers and booleans as text."""

    codes: Mapping[str, CodeTable] = {}
    names: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    strings: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The elements of one official object, in the contract's order."""

    name: str
    fields: tuple[Field, ...]
    clause: str = ""

    def names(self) -> frozenset[str]:
        """Official names of the elements."""
        return frozenset(field.name for field in self.fields)

    def field(self, name: str) -> Field:
        """The element called ``name``; KeyError when the table has none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    def compile(self, variant: Variant) -> Encoder:
        """The encoder of this table for ``variant``."""
        return Encoder(self, variant)


class Encoder:
    """A compiled table: from a record to the official object."""

    __slots__ = ("_places", "_rows", "table")

    def __init__(self, table: Table, variant: Variant) -> None:
        fields = [field for field in table.fields if not field.variants or field.variants & variant.names]
        self.table = table
        self._rows = tuple((field.name, _emitter(field, variant)) for field in fields)
        self._places = {field.name: field for field in fields}

    def encode(self, record: object, scope: Scope, at: str = "") -> dict[str, Any]:
        """The official object for ``record``, which stands at pointer ``at`` in the local document."""
        filled: dict[str, Any] = {}
        for name, emit in self._rows:
            try:
                value = emit(record, scope, at)
            except Unfit as unfit:
                scope.problems.append(self._violation(name, unfit, record, scope, at))
                continue
            if value is not ABSENT:
                filled[name] = value
        return filled

    def _violation(self, name: str, unfit: Unfit, record: object, scope: Scope, at: str) -> Violation:
        field = self._places[name]
        try:
            value = _getter(field.source)(record, scope)
        except Unfit:  # the source itself found the fault, so what it looked at is shown
            value = _standing_at(record, field.place())
        return Violation(
            pointer=f"{at}{field.place()}",
            code=unfit.code,
            got="null" if value is None else shown(value),
            expected=f"{name}: {unfit.expected}",
            advice=unfit.advice,
        )


def _standing_at(record: object, pointer: str) -> object:
    """What a pointer into ``record`` leads to; None where it leads nowhere."""
    value: object = record
    for part in filter(None, pointer.split("/")):
        value = getattr(value, part, None)
    return value


# From here on: building the function that fills one element. A message has about a hundred and fifty elements, so
# what can be decided once is decided here, and each element costs one Python call and a few C calls.

_Read = Callable[[Any], Any]
_Empty = Callable[[Any, Any], object]
_TEXT_FORMATS = frozenset({text, line})


def _getter(source: str | Getter) -> Getter:
    if not isinstance(source, str):
        return source
    get = _follow(source)
    return lambda record, _scope: get(record)


def _follow(path: str) -> _Read:
    """Reads a dotted path; a null on the way makes the whole null."""
    get = attrgetter(path)
    if "." not in path:
        return get
    parts = path.split(".")

    def read(record: object) -> object:
        try:
            return get(record)
        except AttributeError:
            value: object = record
            for part in parts:
                if value is None:
                    return None
                value = getattr(value, part)
            return value

    return read


def _emitter(field: Field, variant: Variant) -> Emitter:
    required = field.required or field.name in variant.mandatory
    if field.rows is not None:
        return _array(field, field.rows.compile(variant), required=required)
    empty = _empty_value(field, required=required)
    if field.part is not None:
        return _object(field, field.part.compile(variant), empty)
    if field.code is not None:
        return _coded(field, variant.codes[field.code], empty)
    if field.format in _TEXT_FORMATS:
        return _textual(field, empty)
    return _formatted(field, empty, strings=variant.strings)


def _textual(field: Field, empty: _Empty) -> Emitter:
    """Text: most elements are that. A text that is clean already is passed on as it is."""
    get, read = _source(field)
    write, limit, shorten = field.format, field.max_length, field.shorten

    def emit(record: object, scope: object, _at: str) -> object:
        value: Any = get(record) if get is not None else read(record, scope)
        if value is None or value == "":
            return empty(record, scope)
        if value.__class__ is not str:
            value = str(value)
        if not (
            value.isprintable()
            and (value.isascii() or is_normalized("NFC", value))
            and "  " not in value
            and value.strip() == value
        ):
            value = write(value)
            if not value or value.isspace():
                return empty(record, scope)
        if limit is not None and len(value) > limit:
            return _limited(value, limit, shorten=shorten)
        return value

    return emit


def _coded(field: Field, table: CodeTable, empty: _Empty) -> Emitter:
    """A code of the partner's, through a code table."""
    get, read = _source(field)
    undated = table.undated

    def emit(record: object, scope: Scope, _at: str) -> object:
        value: Any = get(record) if get is not None else read(record, scope)
        if value is None or value == "":
            return empty(record, scope)
        wire = undated.get(value)
        if wire is None:
            wire = table.wire(str(value), scope.on)
        if wire is None:
            raise Unfit(
                "unmapped_code",
                f"a code of table {table.name}: {', '.join(table.codes())}",
                f"use a known code, or add a row to {table.name}.csv",
            )
        return wire

    return emit


def _formatted(field: Field, empty: _Empty, *, strings: bool) -> Emitter:
    """Whatever has a format of its own: instants, numbers, truth values."""
    get, read = _source(field)
    plain, limit, shorten = field.format, field.max_length, field.shorten
    write: Format = (lambda value: as_string(plain(value))) if strings else plain

    def emit(record: object, scope: object, _at: str) -> object:
        value: Any = get(record) if get is not None else read(record, scope)
        if value is None or value == "":
            return empty(record, scope)
        written = write(value)
        if limit is not None and isinstance(written, str) and len(written) > limit:
            return _limited(written, limit, shorten=shorten)
        return written

    return emit


def _source(field: Field) -> tuple[_Read | None, Getter]:
    """A path as a function of the record, or a function of record and scope; one of the two is used."""
    if isinstance(field.source, str):
        return _follow(field.source), _getter(field.source)
    return None, field.source


def _limited(value: str, limit: int, *, shorten: bool) -> str:
    if shorten:
        return shortened(value, limit)
    raise Unfit(
        "too_long", f"at most {limit} characters, not {len(value)}", "shorten the text in the source system"
    )


def _empty_value(field: Field, *, required: bool) -> _Empty:
    """What stands for an empty element, or why it must not be empty."""
    nothing: object = ABSENT if field.omit_empty else ""
    condition = field.required_when

    def nothing_there(_record: object, _scope: object) -> object:
        return nothing

    def demanded(record: object, scope: object) -> object:
        if required or (condition is not None and condition(record, scope)):
            raise Unfit("missing", "a value", "fill it in the source system")
        return nothing

    return demanded if required or condition is not None else nothing_there


def _array(field: Field, encoder: Encoder, *, required: bool) -> Emitter:
    place, condition = field.place(), field.required_when
    get = _getter(field.source)
    named = isinstance(field.source, str)
    nothing: object = ABSENT if field.omit_empty else None

    def emit(record: object, scope: Scope, at: str) -> object:
        items: Any = get(record, scope)
        if not items:
            if required or (condition is not None and condition(record, scope)):
                raise Unfit("missing", "at least one row", "fill it in the source system")
            return [] if nothing is None else nothing
        pairs: Items = ((f"{place}/{index}", item) for index, item in enumerate(items)) if named else items
        return [encoder.encode(item, scope, at + pointer) for pointer, item in pairs]

    return emit


def _object(field: Field, encoder: Encoder, empty: _Empty) -> Emitter:
    get, place = _getter(field.source), field.place()

    def emit(record: object, scope: Scope, at: str) -> object:
        item = get(record, scope)
        return empty(record, scope) if item is None else encoder.encode(item, scope, at + place)

    return emit
