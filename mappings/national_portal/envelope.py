"""The portal's envelopes: what goes around a message, and reading what comes back (national_portal §2.2-2.6).

Invariant: ``read`` takes any bytes and says what they look like; it decides nothing. What an answer means is in
``responses``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from gateway.codec import Json, Unreadable, http, json, xml
from gateway.mapping import Answer, Shape
from gateway.mapping.formats import line
from gateway.port import WireResponse

LONGEST_MESSAGE = 500
_SHOWN_CODE = 40


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with what it carries: the ``result`` of a read, the ``session`` of a login."""

    answer: Answer
    result: Any = None
    session: str = ""


def login(username: str, password: str) -> dict[str, Any]:
    """§2.2: user name and password."""
    return {"username": username, "password": password}


def call(session: str, unit: str, service: str) -> dict[str, Any]:
    """§2.4: the head of every call; parameters and data follow."""
    return {"session": session, "madonvi": unit, "service": service}


def dossiers(data: list[dict[str, Any]], *, updating: bool) -> dict[str, Any]:
    """§5: the parameters of ``DongBoHoSoMC``."""
    return {"isUpdating": updating_text(updating=updating), "data": data}


def steps(data: list[dict[str, Any]]) -> dict[str, Any]:
    """§6: the parameters of ``CapNhatTienDoHoSoMC``."""
    return {"data": data}


def status(data: dict[str, Any], kind: str) -> dict[str, Any]:
    """§7.5: the parameters of ``DongBoTrangThaiHoSo``; its data is an object, not an array."""
    return {"type": kind, "data": data}


def updating_text(*, updating: bool) -> str:
    """§10.10: a boolean as the contract spells it."""
    return "True" if updating else "False"


def facade_query(unit: str, *, updating: bool | None) -> dict[str, str]:
    """§2.5: what the query-string facade wants to know besides the array."""
    head = {"MaDinhDanhDV": unit}
    return head if updating is None else {**head, "isUpdating": updating_text(updating=updating)}


def read(response: WireResponse, kind: str, now: datetime | None) -> Reply:
    """``response`` as far as anybody can read it, as the answer to a call of ``kind``."""
    pause = http.retry_after(response.headers, now) if now is not None else None
    body = response.body
    if not body.strip():
        return Reply(answer=Answer(status=response.status, shape=Shape.EMPTY, call=kind, retry_after=pause))
    if xml.looks_like(body):
        return _plain(response, kind, pause, Shape.MARKUP, _markup(body))
    try:
        content = json.read(body)
    except Unreadable as fault:
        return _plain(response, kind, pause, Shape.UNREADABLE, fault.reason)
    return _envelope(response, kind, pause, content)


def text_reply(response: WireResponse, kind: str, now: datetime) -> Reply:
    """As ``read``, but a bare text (plain or as a JSON string) counts as the message of a success code: one facade
    answers a progress call so (§2.5)."""
    reply = read(response, kind, now)
    if reply.answer.shape not in {Shape.UNREADABLE, Shape.UNCODED} or response.status != 200:
        return reply
    try:
        content = json.read(response.body)
    except Unreadable:
        content = _utf8(response.body)
    if not isinstance(content, str) or content.lstrip()[:1] in {"{", "[", "<"}:
        return reply
    message = _words(content)
    if not message:  # silence is a success only beside a code
        return reply
    return Reply(
        answer=msgspec.structs.replace(reply.answer, shape=Shape.ENVELOPE, code="0", message=message)
    )


def document_reply(response: WireResponse, kind: str, now: datetime) -> Reply:
    """As ``read``, for the LGSP twin's ``{Status, Message}`` (§9)."""
    reply = read(response, kind, now)
    if reply.answer.shape is not Shape.UNCODED:
        return reply
    content = json.read(response.body)
    code = code_of(content.get("Status")) if isinstance(content, dict) else None
    if code is None or not isinstance(content, dict):
        return reply
    message = _words(content.get("Message"))
    return Reply(
        answer=msgspec.structs.replace(reply.answer, shape=Shape.ENVELOPE, code=code, message=message)
    )


def code_of(value: Json) -> str | None:
    """A result code as text (§2.6: its type is unstable); None when the value cannot be one."""
    match value:
        case bool() | None:
            return None  # false is no zero
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else str(value)
        case str():
            return line(value)[:_SHOWN_CODE] or None
        case _:
            return None


def _envelope(response: WireResponse, kind: str, pause: float | None, content: Json) -> Reply:
    code = code_of(content.get("error_code")) if isinstance(content, dict) else None
    if code is None or not isinstance(content, dict):
        return _plain(response, kind, pause, Shape.UNCODED, "")
    if code.strip("0") == "" and _is_nested(content.get("message")):
        # §2.5, §14.2: a facade wraps the portal's own answer as text; only the inner code tells how it went.
        inner = _inner(content["message"])
        if inner is None:
            return _plain(response, kind, pause, Shape.UNCODED, "")
        content, code = inner, code_of(inner["error_code"]) or ""
    answer = Answer(
        status=response.status,
        shape=Shape.ENVELOPE,
        call=kind,
        code=code,
        message=_words(content.get("message")),
        retry_after=pause,
    )
    session = content.get("session")
    return Reply(
        answer=answer, result=content.get("result"), session=session if isinstance(session, str) else ""
    )


def _is_nested(message: Json) -> bool:
    return isinstance(message, str) and message.lstrip().startswith("{")


def _inner(message: Json) -> dict[str, Json] | None:
    try:
        content = json.read_text(str(message))
    except Unreadable:
        return None
    if isinstance(content, dict) and code_of(content.get("error_code")) is not None:
        return content
    return None


def _plain(response: WireResponse, kind: str, pause: float | None, shape: Shape, message: str) -> Reply:
    return Reply(
        answer=Answer(
            status=response.status,
            shape=shape,
            call=kind,
            message=message[:LONGEST_MESSAGE],
            retry_after=pause,
        )
    )


def _markup(body: bytes) -> str:
    try:
        return xml.fault(xml.read(body)) or "a document instead of an answer"
    except Unreadable:
        return "a page instead of an answer"


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return ""


def _words(value: Json) -> str:
    """The text of a message on one line, bounded; a message that is no text is shown as it is."""
    match value:
        case None:
            return ""
        case str():
            return line(value[: 4 * LONGEST_MESSAGE])[:LONGEST_MESSAGE]
        case _:
            return line(str(value)[: 4 * LONGEST_MESSAGE])[:LONGEST_MESSAGE]
