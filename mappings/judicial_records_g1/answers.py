"""Reading what the older interface answers (judicial_records §5): keys in both spellings, in any case.

Invariant: any bytes in; a structure or a shape that says why there is none out. Texts are bounded and storable.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.codec import Json, Unreadable, json, xml
from gateway.domain.status import Status
from gateway.mapping import Answer, CodeTable, Shape
from gateway.port import WireResponse
from mappings.judicial_records.answers import day, lowered, rows_in, text, told, words
from mappings.judicial_records_g1.responses import CATALOGUE

__all__ = ["Standing", "Told", "identifier", "read", "standing", "text", "told"]

_LONGEST_CODE = 20
_LONGEST_ID = 200


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. ``fields``: its elements, names in lower case; ``rows``: the list in it; None where there is none."""

    answer: Answer
    fields: Mapping[str, Json] = {}
    rows: tuple[Mapping[str, Json], ...] | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dossier stands at the centre. ``status``: None for a state that the contract does not name."""

    status: Status | None
    name: str
    approved_on: str
    issued_on: str


def read(response: WireResponse, call: str, limit: int) -> Told:
    """The answer to ``call``, normalised. A catalogue is a bare list, or an envelope with one."""
    body = response.body
    if not body.strip():
        return _shaped(response, call, Shape.EMPTY, "")
    if xml.looks_like(body):
        return _shaped(response, call, Shape.MARKUP, words(body))
    try:
        document = json.read(body, limit=limit)
        if call == CATALOGUE and isinstance(document, list):
            return Told(
                answer=Answer(status=response.status, shape=Shape.UNCODED, call=call), rows=rows_in(document)
            )
        fields = lowered(document) if isinstance(document, dict) else {}
    except Unreadable as fault:
        return _shaped(response, call, Shape.UNREADABLE, words(body) or fault.code)
    code = text(fields, "status")[:_LONGEST_CODE]
    if not code:
        return _shaped(response, call, Shape.UNCODED, words(body))
    message = text(fields, "description")
    answer = Answer(status=response.status, shape=Shape.ENVELOPE, call=call, code=code, message=message)
    return Told(answer=answer, fields=fields, rows=rows_in(fields.get("listcontent")))


def identifier(fields: Mapping[str, Json], name: str) -> str:
    """The centre's own id in ``fields``, which is opaque; empty when there is none that can be kept."""
    value = text(fields, name)
    return value if len(value) <= _LONGEST_ID and ";" not in value else ""


def standing(fields: Mapping[str, Json], states: CodeTable) -> Standing | None:
    """Where the dossier in ``fields`` stands; None when they show no state at all."""
    written = text(fields, "dec_status_id")
    if not written:
        return None
    code = states.of_wire(written)
    return Standing(
        status=None if code is None else Status(code),
        name=text(fields, "dec_status_name")[:200],
        approved_on=day(text(fields, "approve_date"), "%Y-%m-%d"),
        issued_on=day(text(fields, "issue_date"), "%Y-%m-%d"),
    )


def _shaped(response: WireResponse, call: str, shape: Shape, message: str) -> Told:
    return Told(answer=Answer(status=response.status, shape=shape, call=call, message=message))
