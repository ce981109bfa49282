"""Reading a record of our own vocabulary from JSON bytes: fast when it is right, complete when it is wrong.

msgspec decodes and stops at its first error; on failure only, a JSON Schema validator over the same types lists all
of them, each with its pointer. Invariant: bytes in; a record or a RecordError with at least one violation out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import jsonschema_rs
import msgspec

from gateway.codec import Json, Unreadable
from gateway.codec.json import read
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


class RecordReader(Generic[T]):
    """Reads records of one type; make it once and keep it."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, body: bytes) -> T:
        """The record in ``body``; RecordError lists everything that is wrong with it."""
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, RecursionError) as fault:
            raise RecordError(
                f"the {self._kind.__name__.lower()} record cannot be accepted",
                self._violations(body, str(fault)),
            ) from fault

    def _violations(self, body: bytes, first: str) -> Sequence[Violation]:
        try:
            document = read(body)
        except Unreadable as fault:
            return [_unreadable(fault)]
        found = list(self._all(document))
        return found or [_from_first(first)]

    def _all(self, document: Json) -> Iterator[Violation]:
        for error in self._validator.iter_errors(document):
            yield from _from_schema(error)

    @functools.cached_property
    def _validator(self) -> Any:
        schema = msgspec.json.schema(self._kind)
        return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _unreadable(fault: Unreadable) -> Violation:
    return Violation(
        pointer="",
        code=fault.code,
        got=shown(str(fault)),
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
    keyword = str(error.schema_path[-1]) if error.schema_path else "schema"
    where = [str(part) for part in error.instance_path]
    if keyword == "additionalProperties":
        for name in error.kind.unexpected:
            yield _violation([*where, name], keyword, shown(error.instance.get(name)), "no such field")
    elif keyword == "required":
        yield _violation(
            [*where, error.kind.property.strip('"')], keyword, "nothing", "the field is mandatory"
        )
    else:
        yield _violation(where, keyword, shown(error.instance), error.verbose_message.split("\n")[0][:200])


def _violation(where: list[str], keyword: str, got: str, expected: str) -> Violation:
    pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in where)
    return Violation(
        pointer=pointer,
        code=keyword,
        got=got,
        expected=expected,
        advice=_ADVICE.get(keyword, "correct the value"),
    )
