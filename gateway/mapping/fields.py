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

import msgspec

from gateway.domain.violation import Violation, shown
from gateway.mapping.codes import CodeTable
from gateway.mapping.formats import Format, Unfit, as_string, shortened, text

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
        value = _getter(field.source)(record, scope)
        return Violation(
            pointer=f"{at}{field.place()}",
            code=unfit.code,
            got="null" if value is None else shown(value),
            expected=f"{name}: {unfit.expected}",
            advice=unfit.advice,
        )


def _getter(source: str | Getter) -> Getter:
    if not isinstance(source, str):
        return source
    if "." not in source:
        get = attrgetter(source)
        return lambda record, _scope: get(record)
    parts = source.split(".")

    def follow(record: object, _scope: object) -> object:
        value: object = record
        for part in parts:
            if value is None:
                return None
            value = getattr(value, part)
        return value

    return follow


def _emitter(field: Field, variant: Variant) -> Emitter:
    required = field.required or field.name in variant.mandatory
    if field.rows is not None:
        emit = _array(field, field.rows.compile(variant))
    elif field.part is not None:
        emit = _object(field, field.part.compile(variant))
    elif field.code is not None:
        emit = _coded(field, variant.codes[field.code])
    else:
        emit = _scalar(field)
    if variant.strings and field.rows is None and field.part is None:
        emit = _stringly(emit)
    if required or field.required_when is not None:
        emit = _demanded(emit, None if required else field.required_when)
    return _left_out(emit) if field.omit_empty else emit


def _scalar(field: Field) -> Emitter:
    get, form, limit, shorten = _getter(field.source), field.format, field.max_length, field.shorten

    def emit(record: object, scope: object, _at: str) -> object:
        value = get(record, scope)
        return "" if value is None or value == "" else form(value)

    def emit_limited(record: object, scope: object, _at: str) -> object:
        value = get(record, scope)
        if value is None or value == "":
            return ""
        written = form(value)
        if limit is not None and isinstance(written, str) and len(written) > limit:
            if shorten:
                return shortened(written, limit)
            raise Unfit(
                "too_long",
                f"at most {limit} characters, not {len(written)}",
                "shorten the text in the source system",
            )
        return written

    return emit if limit is None else emit_limited


def _coded(field: Field, table: CodeTable) -> Emitter:
    get, undated = _getter(field.source), table.undated

    def emit(record: object, scope: Scope, _at: str) -> object:
        value = get(record, scope)
        if value is None:
            return ""
        wire = undated.get(value)  # type: ignore[call-overload]  # enum members are their strings
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


def _array(field: Field, encoder: Encoder) -> Emitter:
    get, place = _getter(field.source), field.place()
    named = isinstance(field.source, str)

    def emit(record: object, scope: Scope, at: str) -> object:
        items: Any = get(record, scope)
        if not items:
            return []
        pairs: Items = ((f"{place}/{index}", item) for index, item in enumerate(items)) if named else items
        return [encoder.encode(item, scope, f"{at}{pointer}") for pointer, item in pairs]

    return emit


def _object(field: Field, encoder: Encoder) -> Emitter:
    get, place = _getter(field.source), field.place()

    def emit(record: object, scope: Scope, at: str) -> object:
        item = get(record, scope)
        return "" if item is None else encoder.encode(item, scope, f"{at}{place}")

    return emit


def _stringly(emit: Emitter) -> Emitter:
    return lambda record, scope, at: as_string(emit(record, scope, at))


def _demanded(emit: Emitter, condition: Condition | None) -> Emitter:
    def demand(record: object, scope: object, at: str) -> object:
        value = emit(record, scope, at)
        if _empty(value) and (condition is None or condition(record, scope)):
            raise Unfit("missing", "a value", "fill it in the source system")
        return value

    return demand


def _left_out(emit: Emitter) -> Emitter:
    def leave_out(record: object, scope: object, at: str) -> object:
        value = emit(record, scope, at)
        return ABSENT if _empty(value) else value

    return leave_out


def _empty(value: object) -> bool:
    return value in ("", []) or (isinstance(value, str) and value.isspace())
