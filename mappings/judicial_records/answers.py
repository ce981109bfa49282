"""Reading what the judicial record centre and VNeID answer (judicial_records §4.3-§4.5): keys in any case.

Invariant: any bytes in; a structure or a shape that says why there is none out. Texts are bounded and storable.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from gateway.codec import Json, Unreadable, json, xml
from gateway.domain.violation import shown
from gateway.mapping import Answer, Shape
from gateway.mapping.formats import line
from gateway.port import WireResponse
from mappings.judicial_records.responses import OK, TELL

_LONGEST_CODE = 20


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. ``rows``: what a poll shows; None when it shows nothing that can be read."""

    answer: Answer
    rows: tuple[Mapping[str, Json], ...] | None = None


def read(response: WireResponse, call: str, limit: int) -> Told:
    """The answer to ``call``, normalised."""
    body = response.body
    if not body.strip():
        return _shaped(response, call, Shape.EMPTY, "")
    if xml.looks_like(body):
        return _shaped(response, call, Shape.MARKUP, words(body))
    try:
        document = json.read(body, limit=limit)
        fields = lowered(document) if isinstance(document, dict) else {}
    except Unreadable as fault:
        return _shaped(response, call, Shape.UNREADABLE, words(body) or fault.code)
    code = _tell_code(fields) if call == TELL else _centre_code(fields)
    if not code:
        return _shaped(response, call, Shape.UNCODED, words(body))
    answer = Answer(
        status=response.status, shape=Shape.ENVELOPE, call=call, code=code, message=_message(fields)
    )
    return Told(answer=answer, rows=rows_in(fields.get("value")))


def lowered(document: Mapping[str, Json]) -> dict[str, Json]:
    """``document`` with keys in lower case (judicial_records §8.5); Unreadable when two are the same then."""
    found = {key.lower(): value for key, value in document.items()}
    if len(found) != len(document):
        raise Unreadable("repeated_key", "a key stands twice, in different case")
    return found


def text(fields: Mapping[str, Json], name: str) -> str:
    """A text or whole number of ``fields``; empty when it is anything else. ``name``: lower-case."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)[:_LONGEST_CODE]
    return line(value) if isinstance(value, str) and len(value) <= 4000 else ""


def day(written: str, again: str = "%d/%m/%Y") -> str:
    """``written`` if it is a day as the contract writes it, written ``again``; else nothing: no date is guessed."""
    try:
        return datetime.strptime(written, "%d/%m/%Y").strftime(again)  # noqa: DTZ007 - a day, no instant
    except ValueError:
        return ""


def told(message: str) -> str:
    """A partner's words as they may be stored and shown."""
    return shown(line(message))


def _centre_code(fields: Mapping[str, Json]) -> str:
    status = text(fields, "status")
    if status == OK:
        return OK
    return (text(fields, "errorcode") or "0")[:_LONGEST_CODE] if status == "0" else ""


def _tell_code(fields: Mapping[str, Json]) -> str:
    return text(fields, "statuscode")[:_LONGEST_CODE]


def _message(fields: Mapping[str, Json]) -> str:
    parts = (text(fields, name) for name in ("statusdescription", "errordescription", "errordetail"))
    return " ".join(part for part in parts if part)


def rows_in(value: Json) -> tuple[Mapping[str, Json], ...] | None:
    """The objects of a list, their keys in lower case; None when it is anything else."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        return None
    try:
        return tuple(lowered(row) for row in value if isinstance(row, dict))
    except Unreadable:
        return None


def words(body: bytes) -> str:
    """The beginning of an answer that is not the agreed structure, as one line."""
    return line(body[:4000].decode("utf-8", "replace"))


def _shaped(response: WireResponse, call: str, shape: Shape, message: str) -> Told:
    return Told(answer=Answer(status=response.status, shape=shape, call=call, message=message))
