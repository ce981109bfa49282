"""Reading answers about civil status (judicial_records §9.1, §9.2, §9.4): envelopes, states, results.

Invariant: any bytes in; a structure or a shape that says why there is none out. A state that the contract does not name is
no state, and a certificate is a PDF or nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import msgspec

from gateway.codec import Json, Unreadable, json, xml
from gateway.domain.status import Status
from gateway.mapping import Answer, CodeTable, Shape
from gateway.mapping.formats import line
from gateway.port import WireResponse
from mappings.civil_status.responses import PORTAL
from mappings.judicial_records.answers import lowered, text

CERTIFICATES = ("giayKhaiSinh", "giayKhaiTu")
_NUMBERS = ("soDinhDanh", "ngayDangKy", "soDangKy", "quyenSo", "trangSo", "maGiayToKetQua")
_PDF = b"%PDF-"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. ``value``: what stands in it; None when nothing does."""

    answer: Answer
    value: Json = None


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dossier stands. ``numbers``: of its entry in the register, by official name; ``certificate``: a PDF."""

    code: str
    status: Status | None
    note: str = ""
    actor: str = ""
    numbers: Mapping[str, str] = {}
    certificate: bytes | None = None


def read(response: WireResponse, call: str, limit: int) -> Told:
    """The answer to ``call``, normalised. The portal is understood by its text alone (§9.2)."""
    body = response.body
    if call == PORTAL:
        words = line(body[:4000].decode("utf-8", "replace"))
        return _shaped(response, call, Shape.UNCODED, words)
    if not body.strip():
        return _shaped(response, call, Shape.EMPTY, "")
    words = line(body[:4000].decode("utf-8", "replace"))
    if xml.looks_like(body):
        return _shaped(response, call, Shape.MARKUP, words)
    try:
        document = json.read(body, limit=limit)
        fields = lowered(document) if isinstance(document, dict) else {}
    except Unreadable:
        return _shaped(response, call, Shape.UNREADABLE, words)
    code, message = _verdict(fields)
    if not code:
        return _shaped(response, call, Shape.UNCODED, words)
    answer = Answer(status=response.status, shape=Shape.ENVELOPE, call=call, code=code, message=message)
    return Told(answer=answer, value=fields.get("value"))


def linked_row(row: Json, states: CodeTable, most: int) -> Shown | None:
    """One row of the linked service's answer; None when it is none. Unreadable when its certificate is no PDF."""
    if not isinstance(row, dict):
        return None
    fields = lowered(row)
    result = _result(fields.get("ketquaxuly"))
    code = states.of_wire(text(fields, "trangthai"))
    return Shown(
        code=text(fields, "mahosomcdt"),
        status=None if code is None else Status(code),
        note=text(fields, "noidungxuly") or text(fields, "ghichu"),
        actor=text(fields, "nguoixuly"),
        numbers={name: text(result, name.lower())[:100] for name in _NUMBERS if text(result, name.lower())},
        certificate=_certificate(result, most),
    )


def direct_state(value: Json, states: CodeTable) -> Status | None:
    """The state that the direct service shows; None for 0, which is an error, and for what is not documented."""
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    code = states.of_wire(written) if isinstance(written, str) else None
    return None if code is None else Status(code)


def _verdict(fields: Mapping[str, Json]) -> tuple[str, str]:
    """Code and message: of the usual envelope, or of the one that errors have had since 2025 (§9.4)."""
    status = text(fields, "status")
    if "errors" in fields and status == "500":
        # Their messages are joined without blanks, so they are shown as they came and never taken apart.
        return "500", text(fields, "errors")[:1000] or text(fields, "title")
    message = " ".join(filter(None, (text(fields, "statusdescription"), text(fields, "errordescription"))))
    if status == "0":
        return text(fields, "errorcode")[:20] or "0", message
    return status[:20], message


def _result(value: Json) -> Mapping[str, Json]:
    """What a registration has brought, an object or a text that holds one."""
    if isinstance(value, str) and value.strip():
        value = json.read(value.encode())
    return lowered(value) if isinstance(value, dict) else {}


def _certificate(result: Mapping[str, Json], most: int) -> bytes | None:
    written = next((result[name.lower()] for name in CERTIFICATES if result.get(name.lower())), None)
    if written is None:
        return None
    if not isinstance(written, str) or len(written) > most * 3 // 2:
        raise Unreadable("file_too_large", f"a certificate is a text of at most {most} bytes in base64")
    try:
        content = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Unreadable("not_base64", "a certificate is not base64") from fault
    if len(content) > most:
        raise Unreadable("file_too_large", f"a certificate has more than {most} bytes")
    if not content.startswith(_PDF):
        raise Unreadable("not_a_pdf", "a certificate does not begin like a PDF")
    return content


def _shaped(response: WireResponse, call: str, shape: Shape, message: str) -> Told:
    return Told(answer=Answer(status=response.status, shape=shape, call=call, message=message))
