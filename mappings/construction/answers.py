"""From an HTTP answer to what it says: envelope, schema, correlation, result code, fields that are wrong.

Invariant: never raises, whatever the bytes; content is handed on only when the schema allows it and the answer is to
this very call.
"""

from __future__ import annotations

import msgspec

from gateway.codec import Unreadable, soap
from gateway.codec.http import retry_after
from gateway.codec.soap import Fault, Version
from gateway.codec.xml import Element, local, looks_like
from gateway.codec.xsd import Schema
from gateway.mapping import Answer, Shape
from gateway.port import Context, WireResponse
from mappings.construction.calls import NAMESPACE
from mappings.construction.responses import CODES, KINDS, OK, TABLE, Call, Verdict

SPACE = f"{{{NAMESPACE}}}"
MOST_WORDS = 500
OK_STATUS = 200
_TABLE = TABLE.bind(CODES)


class WrongField(msgspec.Struct, frozen=True, kw_only=True):
    """TruongLoi: a field that the partner refuses, by its path in the message."""

    path: str
    reason: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The call: ``id`` is its MaYeuCau; empty where it is not known any more, and any is taken."""

    operation: str
    id: str
    version: Version


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer says. ``content``: the response element, only where the verdict is done. ``certain``: it came with
    HTTP 200, as every business answer does (construction §4.3), so that something may be concluded from a code."""

    verdict: Verdict
    row: str
    code: str
    reason: str
    certain: bool = False
    content: Element | None = None
    fields: tuple[WrongField, ...] = ()
    retry_after: float | None = None


def understand(asked: Asked, response: WireResponse, schema: Schema, context: Context) -> Understood:
    """The meaning of ``response`` by the table."""
    answer, content, fields = _answer(asked, response, schema)
    row = _TABLE.classify(msgspec.structs.replace(answer, status=response.status))
    verdict = Verdict(row.verdict)
    return Understood(
        verdict=verdict,
        row=row.name,
        code=answer.code or row.name,
        reason=_storable(f"{answer.message or row.why} ({row.name})")[:MOST_WORDS],
        certain=response.status == OK_STATUS,
        content=content if verdict is Verdict.DONE else None,
        fields=fields,
        retry_after=retry_after(response.headers, context.now),
    )


_Read = tuple[Answer, "Element | None", tuple[WrongField, ...]]


def _answer(asked: Asked, response: WireResponse, schema: Schema) -> _Read:
    if not response.body:
        return _bare(Shape.EMPTY, "the answer is empty"), None, ()
    try:
        found = soap.read(response.body, response.headers, asked.version).content
    except Unreadable as fault:
        shape = Shape.MARKUP if looks_like(response.body) else Shape.UNREADABLE
        return _bare(shape, str(fault)), None, ()
    if isinstance(found, Fault):
        return _of_fault(asked, found, schema)
    return _of_result(asked, found, schema)


def _bare(shape: Shape, message: str) -> Answer:
    return Answer(status=0, shape=shape, message=message[:MOST_WORDS])


def _of_fault(asked: Asked, fault: Fault, schema: Schema) -> _Read:
    """A fault counts by its LoiDichVu; without one nobody knows how far the call got."""
    words = f"{fault.code}: {fault.reason}"
    detail = fault.detail[0] if len(fault.detail) == 1 else None
    if detail is None or detail.tag != f"{SPACE}LoiDichVu" or schema.findings(detail):
        return _bare(Shape.UNCODED, words), None, ()
    call = _call(asked, detail.findtext(f"{SPACE}MaYeuCau", asked.id))
    fields = tuple(
        WrongField(path=_text(each, "DuongDan"), reason=_text(each, "MoTa"))
        for each in detail.iterchildren(f"{SPACE}TruongLoi")
    )
    message = "; ".join((_text(detail, "MoTaLoi"), *(f"{each.path}: {each.reason}" for each in fields)))
    return _coded(call, _text(detail, "MaLoi"), message), None, fields


def _of_result(asked: Asked, content: Element, schema: Schema) -> _Read:
    if content.tag != f"{SPACE}{asked.operation}Response":
        return (
            _bare(Shape.UNCODED, f"the answer is a {local(content)[:80]}, not to {asked.operation}"),
            None,
            (),
        )
    findings = schema.findings(content)
    if findings:
        return _bare(Shape.UNCODED, f"the schema forbids the answer: {findings[0]}"), None, ()
    result = content[0]
    state, error = _text(result, "TrangThai"), _text(result, "MaLoi")
    code = error if state == "0" else "" if error else OK
    words = _text(result, "MoTaLoi") or _text(result, "MoTa")
    return _coded(_call(asked, _text(result, "MaYeuCau")), code, words), content, ()


def _coded(call: Call, code: str, message: str) -> Answer:
    shape = Shape.ENVELOPE if code else Shape.UNCODED
    return Answer(status=0, shape=shape, call=call, code=code, message=message[:MOST_WORDS])


def _call(asked: Asked, answered: str) -> Call:
    return KINDS[asked.operation] if asked.id in {"", answered} else Call.FOREIGN


def _storable(words: str) -> str:
    """A header can hold what no database does."""
    return words.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _text(element: Element, name: str) -> str:
    return " ".join((element.findtext(SPACE + name) or "").split())
