"""Reading a record of our own vocabulary from JSON bytes: fast when it is right, complete when it is wrong.

msgspec decodes and stops at its first error; on failure only, a JSON Schema validator over the same types lists all
of them, each with its pointer. No decoder tells that a key stands twice, so that is looked for in every document: it
costs about a twentieth of accepting a record of 4 KB, and a record that two readers read differently is worse.
Invariant: bytes in; a record or a RecordError with at least one violation out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec

from gateway.codec import Json, Unreadable
from gateway.codec.json import read
from gateway.codec.repeats import repeated_keys
from gateway.domain.errors import RecordError
from gateway.domain.violation import Violation, shown

T = TypeVar("T")

_ADVICE = {
    "required": "add the field",
    "additionalProperties": "remove the field, or spell it as in the schema",
    "type": "send the expected JSON type",
    "enum": "use one of the listed values",
    "pattern": "write the value in the expected form",
    "format": "write an instant with an offset, like 2026-09-28T08:05:00+07:00",
    "maxLength": "shorten the text",
    "minLength": "fill the field, or leave it out",
    "maximum": "send a smaller number",
    "minimum": "send a larger number",
    "maxItems": "send fewer items",
    "anyOf": "send one of the allowed forms",
}

TAG_FIELD = "declared"  # of every union of records that a document of ours can hold
_TAGGING = frozenset({"const", "enum"})


class RecordReader(Generic[T]):
    """Reads records of one type; make it once and keep it. ``what``: what people call such a record."""

    def __init__(self, kind: type[T], *, what: str) -> None:
        self._kind = kind
        self._what = what
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, body: bytes) -> T:
        """The record in ``body``; RecordError lists everything that is wrong with it."""
        try:
            record = self._decoder.decode(body)
        except msgspec.ValidationError as fault:
            raise self._refused(self._violations(body, str(fault))) from fault
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise self._refused([_unreadable(body, str(fault))]) from fault
        repeated = repeated_keys(body)
        if repeated:
            raise self._refused([_repeated(pointer) for pointer in repeated])
        return record

    def _refused(self, violations: Sequence[Violation]) -> RecordError:
        return RecordError(f"the {self._what} cannot be accepted", violations)

    def _violations(self, body: bytes, first: str) -> Sequence[Violation]:
        try:
            document = read(body)
        except Unreadable:
            # JSON all the same, or msgspec would have said so: a number that no float holds, a repeated key.
            return [*map(_repeated, repeated_keys(body)), _from_first(first)]
        try:
            return list(self._all(document)) or [_from_first(first)]
        except ValueError:
            # the validator has its own limit of nesting, below the decoder's
            return [_from_first(first)]

    def _all(self, document: Json) -> Iterator[Violation]:
        for error in self._validator.iter_errors(document):
            yield from _from_schema(error)

    @functools.cached_property
    def _validator(self) -> Any:
        schema = msgspec.json.schema(self._kind)
        return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _repeated(pointer: str) -> Violation:
    return Violation(
        pointer=pointer,
        code="repeated_key",
        got="the same key again",
        expected="each key once in an object",
        advice="send the field once; readers disagree about which of the values counts",
    )


def _unreadable(body: bytes, first: str) -> Violation:
    """Why ``body`` is no JSON. The lenient reader names more kinds, but forgives what a record must not contain."""
    code, reason = "not_json", first
    try:
        read(body)
    except Unreadable as fault:
        code, reason = fault.code, str(fault)
    return Violation(
        pointer="",
        code=code,
        got=shown(reason),
        expected="one JSON document in UTF-8",
        advice="check how the record is serialised",
    )


def _from_first(message: str) -> Violation:
    """Msgspec's own error, for what JSON Schema does not see (an instant without an offset, a huge number)."""
    text, _, path = message.partition(" - at `")
    return Violation(
        pointer=_pointer_of(path.rstrip("`")),
        code="invalid",
        got="another value",
        expected=text,
        advice="correct the value",
    )


def _pointer_of(path: str) -> str:
    """``$.steps[0].at`` as ``/steps/0/at``; msgspec writes ``[...]`` where it does not say which item."""
    return path.removeprefix("$").replace("[...]", "/*").replace("[", "/").replace("]", "").replace(".", "/")


def _from_schema(error: Any) -> Iterator[Violation]:
    keyword = _keyword(error)
    where = [str(part) for part in error.instance_path]
    if keyword == "anyOf" and (meant := _meant(error)):
        for inner in meant:
            yield from _from_schema(inner)
    elif keyword == "additionalProperties":
        for name in error.kind.unexpected:
            yield _violation([*where, name], keyword, shown(error.instance.get(name)), "no such field")
    elif keyword == "required":
        yield _violation(
            [*where, error.kind.property.strip('"')], keyword, "nothing", "the field is mandatory"
        )
    else:
        yield _violation(where, keyword, shown(error.instance), error.verbose_message.split("\n")[0][:200])


def _keyword(error: Any) -> str:
    return str(error.schema_path[-1]) if error.schema_path else "schema"


def _meant(error: Any) -> list[Any]:
    """What is wrong in the one alternative that has the right JSON type (an object or null, an object was sent) and,
    where alternatives are told apart by a tag, the right tag."""
    place = list(error.instance_path)
    fitting = [
        found
        for found in error.kind.context
        if not any(
            (list(inner.instance_path) == place and _keyword(inner) == "type")
            or (list(inner.instance_path) == [*place, TAG_FIELD] and _keyword(inner) in _TAGGING)
            for inner in found
        )
    ]
    return fitting[0] if len(fitting) == 1 else []


def _violation(where: list[str], keyword: str, got: str, expected: str) -> Violation:
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in where)
    return Violation(
        pointer=pointer,
        code=keyword,
        got=got,
        expected=expected,
        advice=_ADVICE.get(keyword, "correct the value"),
    )
