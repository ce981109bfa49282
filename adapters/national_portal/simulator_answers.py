"""How the portal's stand-in puts an answer on the wire: three dialects, and the words of national_portal §12.

Invariant: an ``Answer`` is decided before it is written, so that a fault can change the writing (type of the code,
nulls, unknown keys) without touching what was decided.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from gateway.port.simulator import SimulatedResponse

# §2.6, §12: writes and the TechID look-up answer with a code as text, reads and the login with a number.
TEXT_CODED = frozenset({"DongBoHoSoMC", "CapNhatTienDoHoSoMC", "DongBoTrangThaiHoSo", "TraCuuTechID"})

DONE = "Thành công"
CREATED = "Đồng bộ thành công"
UPDATED = "Cập nhật thành công"
PROGRESS_TAKEN = "Cập nhật tiến độ thành công"
LOGIN_REFUSED = "Tài khoản hoặc mật khẩu không đúng"
SESSION_REFUSED = "Phiên làm việc (session) không hợp lệ hoặc đã hết hạn"
UNIT_REFUSED = "Mã đơn vị {unit} không thuộc phạm vi của tài khoản"
ADDRESS_REFUSED = "Địa chỉ đích dstcode không hợp lệ hoặc chưa được khai báo"
NOT_JSON = "Dữ liệu gửi lên không đúng định dạng JSON"
NO_SERVICE = "Dịch vụ {service} không tồn tại"
NO_DATA = "Tham số data phải là danh sách khác rỗng"
NO_OBJECT = "Tham số data phải là một đối tượng"
NO_UPDATING = "Tham số isUpdating phải là True hoặc False"
TOO_MANY_STEPS = "Vượt quá số lượng cho phép: tối đa {limit} bước trong một lần gửi"
EXISTS = "Hồ sơ {code} đã tồn tại"
MISSING = "Hồ sơ {code} không tồn tại"
INVALID = "Hồ sơ {code}: {problems}"
NO_PARAMETER = "Thiếu tham số {name}"
# A trap on purpose: it contains "thành công", which some senders take for success whatever the code (§6).
PROGRESS_FAILED = "Cập nhật tiến độ không thành công do lỗi hệ thống, vui lòng thử lại sau"
MAINTENANCE = "Hệ thống đang bảo trì, vui lòng thử lại sau"
PARTIAL = "Lỗi hệ thống: đã ghi nhận {done}/{total} bản ghi, chưa ghi nhận bản ghi cuối của hồ sơ {code}"
TOKEN_REFUSED = "Token không hợp lệ hoặc đã hết hạn"  # noqa: S105 - a message, not a token
NO_ENDPOINT = "Không tìm thấy địa chỉ {path}"
NO_METHOD = "Phương thức {method} không được hỗ trợ"
NO_FILE = "Không tìm thấy tệp"

JSON_HEADERS = (("content-type", "application/json; charset=utf-8"),)
XML_HEADERS = (("content-type", "text/xml; charset=utf-8"),)
SOAP_FAULT = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>'
    b"<SOAP-ENV:Fault><faultcode>Server.ServerProxy.ServiceFailed.HttpError</faultcode>"
    b"<faultstring>Server responded with error 500: Internal Server Error</faultstring>"
    b"</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
)


class Dialect(StrEnum):
    """Who is spoken to: the portal itself, one of the two facades of §2.5, or the LGSP twin of §9."""

    MAPI = "mapi"
    FACADE = "facade"
    QUERY_FACADE = "query_facade"
    TWIN = "twin"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided. ``ok``: the stand-in did what it was asked. ``result`` None: the service returns none."""

    service: str
    ok: bool
    code: int | str = 0
    message: str | None = ""
    result: list[Any] | None = None
    extra: dict[str, Any] = {}
    status: int = 200
    swapped: bool = False


def success(service: str, message: str = "", result: list[Any] | None = None, **extra: object) -> Answer:
    """A good answer, with the code in the type that this service uses."""
    return Answer(
        service=service, ok=True, code=_typed(service, "0"), message=message, result=result, extra=extra
    )


def refusal(service: str, message: str, code: str = "-1", *, status: int = 200) -> Answer:
    """A refusal, with the code in the type that this service uses."""
    return Answer(service=service, ok=False, code=_typed(service, code), message=message, status=status)


def swapped(answer: Answer) -> Answer:
    """The same answer with its code as text instead of a number, or the other way round (U3)."""
    code = int(answer.code) if isinstance(answer.code, str) else str(answer.code)
    return msgspec.structs.replace(answer, code=code, swapped=True)


def double_zero(answer: Answer) -> Answer:
    """The same answer, success spelt ``"00"`` as the older product did (§2.7)."""
    return msgspec.structs.replace(answer, code="00") if answer.ok else answer


def nulled(answer: Answer) -> Answer:
    """The same answer with nulls where there is nothing to say and with keys that nobody documented."""
    result = None if answer.result is None else [_nulled_entry(entry) for entry in answer.result]
    extra = {"maTraCuu": None, "thoiGianXuLy": 17, "duLieuBoSung": {"phienBan": None}, **answer.extra}
    # The words of a refusal and of "đã tồn tại" carry meaning (§2.7); only plain success can do without.
    message = None if answer.ok else answer.message
    return msgspec.structs.replace(answer, result=result, extra=extra, message=message)


def write(answer: Answer, dialect: Dialect) -> SimulatedResponse:
    """The answer as bytes, in ``dialect``."""
    if dialect is Dialect.TWIN:
        return _document_result(answer)
    body: dict[str, Any] = {"error_code": answer.code, "message": answer.message}
    if answer.result is not None:
        body["result"] = answer.result
    body.update(answer.extra)
    if dialect is Dialect.FACADE and answer.result is not None:
        body = {"message": msgspec.json.encode(body).decode()}  # §2.5: a text that is itself JSON
    if dialect is not Dialect.MAPI:
        # §12.3: a facade gives its own code as text
        code = str(answer.code)
        body = {**body, "error_code": int(code) if answer.swapped else code}
    if dialect is Dialect.QUERY_FACADE:
        body.setdefault("session", "")
    return SimulatedResponse(
        status=answer.status, headers=JSON_HEADERS, body=msgspec.json.encode(body), service=answer.service
    )


def soap_fault(service: str, status: int) -> SimulatedResponse:
    """A fault of the access layer: XML where JSON was expected (§2.1)."""
    return SimulatedResponse(status=status, headers=XML_HEADERS, body=SOAP_FAULT, service=service)


def plain(service: str, body: object, status: int = 200) -> SimulatedResponse:
    """A JSON body outside the envelope of §2.6 (document store, token)."""
    return SimulatedResponse(
        status=status, headers=JSON_HEADERS, body=msgspec.json.encode(body), service=service
    )


def _document_result(answer: Answer) -> SimulatedResponse:
    """§9: ``MResult``, where 200 is the only success."""
    code = int(answer.code)
    status = 200 if answer.ok else answer.status if answer.status != 200 else code if code > 200 else 500
    body = {"Status": str(status) if answer.swapped else status, "Message": answer.message, **answer.extra}
    return plain(answer.service, body, answer.status)


def _typed(service: str, code: str) -> int | str:
    return code if service in TEXT_CODED else int(code)


def _nulled_entry(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    return {**{name: None if value == "" else value for name, value in entry.items()}, "TRUONGMOI": None}
