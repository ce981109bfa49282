"""Reading path, query and headers into the types that a row declares, with every finding at once.

A violation of an input has a pointer like ``/query/limit``: the request seen as one document. Invariant: nothing
unknown, repeated or of the wrong type is quietly left out, since a filter that is not applied does harm.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from gateway.api.problem import Refused, invalid
from gateway.domain.dossier import NO_NUL, DossierCode, Sha256
from gateway.domain.violation import Violation, shown

_T = TypeVar("_T", bound=msgspec.Struct)
MOST_PARAMETERS = 50
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_PLACE = " - at `"  # where msgspec begins to say at which place of the document
_PLACE_OF_PLUS = re.compile(r" (?=\d\d:\d\d$)")

HIGHEST_IDENTIFIER = 2**63 - 1
Identifier = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,18}$(?!\n)")]
Size = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})$(?!\n)")]
ExportWord = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Word = Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPart:
    """A part of an address that varies. ``number``: handlers get the identifier as a number."""

    kind: Any
    description: str
    example: str
    number: bool = False


PATH_PARTS: dict[str, PathPart] = {
    "code": PathPart(kind=DossierCode, description="Dossier number.", example="H99.14-260928-0007"),
    "dossier": PathPart(kind=DossierCode, description="Dossier number.", example="H99.14-260928-0007"),
    "approval": PathPart(
        kind=Identifier,
        description="Identifier of what needs a second person.",
        example="250367648418762752",
        number=True,
    ),
    "delivery": PathPart(
        kind=Identifier, description="Identifier of a delivery.", example="4031", number=True
    ),
    "message": PathPart(
        kind=Identifier, description="Identifier of a log entry.", example="4032", number=True
    ),
    "entry": PathPart(kind=Identifier, description="Identifier of a log entry.", example="4032", number=True),
    "size": PathPart(kind=Size, description="Entries that the log had.", example="20852163", number=True),
    "destination": PathPart(
        kind=Word, description="Name of a destination, as in the configuration.", example="national_portal"
    ),
    "catalogue": PathPart(
        kind=Word, description="Name of a catalogue of the destination.", example="procedures"
    ),
    "job": PathPart(kind=Word, description="Name of a job.", example="catalogues"),
    "run": PathPart(kind=Identifier, description="Identifier of a run.", example="4033", number=True),
    "drift": PathPart(
        kind=Identifier, description="Identifier of a difference.", example="4034", number=True
    ),
    "payment": PathPart(kind=Identifier, description="Identifier of a payment.", example="4035", number=True),
    "refund": PathPart(kind=Identifier, description="Identifier of a refund.", example="4036", number=True),
    "decision": PathPart(
        kind=Identifier, description="Identifier of a decision.", example="4037", number=True
    ),
    "orphan": PathPart(kind=Identifier, description="Identifier of an orphan.", example="4039", number=True),
    "item": PathPart(
        kind=Identifier, description="Identifier of an item of a reconciliation.", example="4038", number=True
    ),
    "sha256": PathPart(
        kind=Sha256,
        description="SHA-256 of a file, lower-case hexadecimal.",
        example="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    "export": PathPart(
        kind=ExportWord,
        description="Identifier of an exported file.",
        example="0f6a1c6f4e0b4d0f9a5c7b1d2e3f4a5b",
    ),
    "webhook": PathPart(kind=Word, description="Identifier of an endpoint.", example="wh_5c1f"),
    "account": PathPart(kind=Word, description="Name of an account of the console.", example="tran.thi.mau"),
    "session": PathPart(kind=Identifier, description="Identifier of a session.", example="4041"),
    "client": PathPart(kind=Word, description="Identifier of a client.", example="one-door"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One input of a struct: its name on the wire, its type, and how its text is read."""

    name: str
    kind: Any
    required: bool
    instant: bool
    read: Callable[[str], Any]


@functools.cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, Field]:
    """The inputs that ``kind`` declares, by their name on the wire."""
    return {
        item.encode_name: Field(
            name=item.encode_name,
            kind=item.type,
            required=item.required,
            instant=_is_instant(msgspec.json.schema(item.type)),
            read=_reader(item.type),
        )
        for item in msgspec.structs.fields(kind)
    }


def _json_types(schema: Mapping[str, Any]) -> list[str]:
    if "anyOf" in schema:
        return [name for part in schema["anyOf"] for name in _json_types(part)]
    return [schema["type"]] if "type" in schema else []


def _is_instant(schema: Mapping[str, Any]) -> bool:
    return any(part.get("format") == "date-time" for part in (schema, *schema.get("anyOf", ())))


def read_path(given: Mapping[str, str]) -> dict[str, str | int]:
    """The varying parts of an address; what cannot be one of ours is not found."""
    return {name: _part(name, text) for name, text in given.items()}


def _part(name: str, text: str) -> str | int:
    part = PATH_PARTS.get(name)
    if part is None:
        return text
    try:
        _part_reader(name)(text)
    except msgspec.ValidationError as fault:
        expected = str(fault).partition(_PLACE)[0]
        raise Refused("not_found", f"there is no {name} {shown(text)!r}: {expected}") from fault
    if not part.number:
        return text
    if int(text) > HIGHEST_IDENTIFIER:
        raise Refused("not_found", f"there is no {name} {text}")
    return int(text)


def read_query(kind: type[_T], query: bytes) -> _T:
    """The query parameters; Refused lists everything that is wrong with them."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError as fault:
        raise invalid(f"at most {MOST_PARAMETERS} query parameters are read") from fault
    return _read(kind, pairs, "query", forbid_unknown=True)


def read_headers(kind: type[_T], headers: Sequence[tuple[str, str]]) -> _T:
    """The headers that ``kind`` declares; others are not looked at."""
    names = {name.lower(): name for name in fields_of(kind)}
    if not names:
        return kind()
    pairs = [(names[name], value) for name, value in headers if name in names]
    return _read(kind, pairs, "header", forbid_unknown=False)


def _read(kind: type[_T], pairs: Sequence[tuple[str, str]], place: str, *, forbid_unknown: bool) -> _T:
    known = fields_of(kind)
    violations: list[Violation] = []
    values: dict[str, Any] = {}
    for name, text in pairs:
        field = known.get(name)
        if field is None:
            if forbid_unknown:
                violations.append(_unknown(place, name, known))
        elif name in values:
            violations.append(_repeated(place, name, text))
        else:
            try:
                values[name] = field.read(_mended(text, field))
            except msgspec.ValidationError as fault:
                violations.append(_wrong(place, name, text, str(fault)))
                values[name] = None
    violations += [
        _missing(place, item) for item in known.values() if item.required and item.name not in values
    ]
    if violations:
        raise Refused(
            "invalid", f"{len(violations)} of the {place} parameters cannot be taken", violations=violations
        )
    return kind(**{_attribute(kind, name): value for name, value in values.items()})


@functools.cache
def _attribute_names(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {item.encode_name: item.name for item in msgspec.structs.fields(kind)}


def _attribute(kind: type[msgspec.Struct], name: str) -> str:
    return _attribute_names(kind)[name]


@functools.cache
def _part_reader(name: str) -> Callable[[str], Any]:
    return _reader(PATH_PARTS[name].kind)


def _reader(kind: Any) -> Callable[[str], Any]:
    """Reads a text as ``kind``: as a number or truth value only where the type wants one."""
    reads = _json_types(msgspec.json.schema(kind))
    # msgspec looks through the annotations of a bare type at every call, through those of a struct once
    holder = msgspec.defstruct("Holder", [("value", kind)], frozen=True)

    def read(text: str) -> Any:
        value: object = text
        if "integer" in reads and _INTEGER.fullmatch(text):
            value = int(text)
        elif "number" in reads and _NUMBER.fullmatch(text):
            value = float(text)
        elif "boolean" in reads:
            value = _BOOLEANS.get(text, text)
        held: Any = msgspec.convert({"value": value}, holder)
        return held.value

    return read


def _mended(text: str, field: Field) -> str:
    """An instant's ``+07:00`` arrives as `` 07:00`` where the plus was not written as %2B."""
    return _PLACE_OF_PLUS.sub("+", text) if field.instant else text


def _unknown(place: str, name: str, known: Mapping[str, Field]) -> Violation:
    """Its value is not repeated: nobody knows what was put there, perhaps a key."""
    return Violation(
        pointer=f"/{place}/{shown(name)}",
        code="unknown",
        got=shown(name),
        expected="one of " + (", ".join(sorted(known)) or "none at all"),
        advice="remove it, or spell it as in the document for readers",
    )


def _repeated(place: str, name: str, text: str) -> Violation:
    return Violation(
        pointer=f"/{place}/{name}",
        code="repeated",
        got=shown(text),
        expected="one value",
        advice="send it once",
    )


def _missing(place: str, field: Field) -> Violation:
    return Violation(
        pointer=f"/{place}/{field.name}",
        code="required",
        got="nothing",
        expected="a value",
        advice="add the parameter",
    )


def _wrong(place: str, name: str, text: str, fault: str) -> Violation:
    return Violation(
        pointer=f"/{place}/{name}",
        code="invalid",
        got=shown(text),
        expected=fault.partition(_PLACE)[0],
        advice="correct the value",
    )
