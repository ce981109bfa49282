"""Calls of VNeID: it reserves a number, then files or supplements a request (judicial_records §4.1, §4.2).

Invariant: the shared key is compared in constant time before anything else is read, and stands in no answer, reason or
report.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import parse_qs

import msgspec

from adapters.judicial_records.settings import Filing
from gateway.codec import Unreadable, canonical, json
from gateway.mapping import VIETNAM
from gateway.port import BroughtFile, Callback, CallbackRequest, Context, Refusal, Report, WireResponse
from mappings.judicial_records import filing

_JSON = (("content-type", "application/json; charset=utf-8"),)
_RESERVE, _FILE = "LLTP/LayMaHoSo", "LLTP/TaoHoSo"
NOT_AWAITED = "Hồ sơ không ở trạng thái bổ sung, không thể thực hiện cập nhật"


def read(
    request: CallbackRequest, context: Context, settings: Filing | None, house: filing.House | None
) -> Callback:
    """What a call means. Without settings for it the door is closed."""
    service = request.path.strip("/")
    if settings is None or house is None or service not in {_RESERVE, _FILE}:
        return _refused("not_offered", "no such service", _filed("01", "Không có dịch vụ này"), 404)
    if not _admitted(request.query, settings):
        told = {"succeeded": False, "data": None, "message": "Mã xác thực không hợp lệ"}
        return _refused("wrong_key", "the shared key is wrong", told, 400)
    method = request.method.upper()
    if service == _RESERVE:
        return _reserved(method, context.now, settings)
    if method != "POST":
        return _refused("method", "not a POST", _filed("01", "Phương thức không hợp lệ"), 405)
    return _taken(request.body, settings, house)


def _admitted(query: str, settings: Filing) -> bool:
    try:
        given = parse_qs(query, max_num_fields=20).get("CodeGet", [""])[0]
    except ValueError:
        return False
    return hmac.compare_digest(
        given.encode("utf-8", "replace"), settings.code_get.reveal().encode("utf-8", "replace")
    )


def _reserved(method: str, now: datetime, settings: Filing) -> Refusal:
    """Nothing comes in, so the answer is all there is. The number is the instant, so no counter is needed."""
    if method != "GET":
        return _refused("method", "not a GET", {"succeeded": False, "data": None}, 405)
    local = now.astimezone(VIETNAM)
    elapsed = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
    number = f"{settings.unit}-{local:%y%m%d}-{elapsed // type(elapsed)(microseconds=1):011}"
    return _refused("number_reserved", f"number {number}", {"succeeded": True, "data": number}, 200)


def _taken(body: bytes, settings: Filing, house: filing.House) -> Callback:
    try:
        message = json.read(body, limit=settings.max_body_bytes)
        filed = filing.read(message if isinstance(message, dict) else {}, house)
    except Unreadable as fault:
        return _refused(fault.code, "the body cannot be read", _filed("01", "Dữ liệu không đọc được"), 200)
    except filing.NotTaken as fault:
        return _refused("not_taken", "an element is missing or wrong", _filed("01", str(fault)), 200)
    done = _answer(_filed("00", None), 200)
    return Report(
        key=f"filed:{hashlib.sha256(body).hexdigest()}",
        kind="judicial_record.filed",
        dossier_code=filed.dossier.code,
        data=canonical.encode({"dossier": filed.dossier}),
        first=done,
        again=done,
        ignored=_answer(_filed("01", NOT_AWAITED), 200),
        dossier=filed.dossier,
        files=tuple(BroughtFile(content=content, media_type=kind) for content, kind in filed.files),
    )


def _filed(code: str, detail: str | None) -> dict[str, str | None]:
    return {"statusCode": code, "data": None, "errorDetail": detail}


def _refused(code: str, reason: str, told: object, status: int) -> Refusal:
    return Refusal(code=code, reason=reason, answer=_answer(told, status))


def _answer(told: object, status: int) -> WireResponse:
    return WireResponse(status=status, headers=_JSON, body=msgspec.json.encode(told))
