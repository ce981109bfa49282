"""One real-looking answer per row of the portal's response table, with what it must mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome, Rejected
from gateway.port import WireResponse
from tests.unit.portal import CODE, answer, raw

FAULT = (
    b'<?xml version="1.0" encoding="UTF-8"?><SOAP-ENV:Envelope '
    b'xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault>'
    b"<faultcode>Server.ServerProxy.ServiceFailed.HttpError</faultcode>"
    b"<faultstring>Server responded with error 500</faultstring>"
    b"</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
)
PAGE = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class Told(NamedTuple):
    """An answer to a call of ``operation`` in a lane that remembers ``memory``."""

    response: WireResponse
    meaning: type[Outcome]
    operation: str = "dossier"
    memory: Mapping[str, str] = MappingProxyType({})


KNOWN = {"exists": "yes"}
ANSWERS: dict[str, Told] = {
    "http_unauthorized": Told(raw(b"", 401), Deferred),
    "http_too_many": Told(raw(b"", 429, ("retry-after", "120")), Deferred),
    "http_unavailable_until": Told(
        raw(PAGE, 503, ("Retry-After", "Thu, 25 Jan 2024 03:10:00 GMT")), Deferred
    ),
    "http_request_refused": Told(raw(b"Request Entity Too Large", 413), Rejected),
    "http_not_reached": Told(answer("-1", "Không tìm thấy địa chỉ", 404), Deferred),
    "http_other": Told(raw(PAGE, 502), InDoubt),
    "empty_body": Told(raw(b""), InDoubt),
    "markup_body": Told(raw(FAULT), InDoubt),
    "unreadable_body": Told(raw(b'{"error_code": "0", "mess'), InDoubt),
    "uncoded_body": Told(raw(b"[]"), InDoubt),
    "duplicate_create": Told(answer("-3", f"Hồ sơ {CODE} đã tồn tại"), Deferred),
    "success_with_text": Told(answer("0", "Đồng bộ thành công"), Accepted),
    "success_silent": Told(answer(0, None), Accepted),
    "duplicate_update_success": Told(answer("0", f"Hồ sơ {CODE} đã tồn tại"), InDoubt, memory=KNOWN),
    "duplicate_step": Told(answer("-3", "Tiến độ đã tồn tại"), InDoubt, "step"),
    "duplicate_update": Told(answer("-3", f"Hồ sơ {CODE} đã tồn tại"), Rejected, memory=KNOWN),
    "dossier_missing": Told(answer("-1", f"Hồ sơ {CODE} không tồn tại"), Deferred, memory=KNOWN),
    "success_with_other_text": Told(answer("0", "Cập nhật không thành công"), InDoubt),
    "session_code": Told(answer("-401", "Unauthorized"), Deferred),
    "session_text": Told(answer("-1", "Phiên làm việc (session) không hợp lệ hoặc đã hết hạn"), Deferred),
    "token_text": Told(answer("-1", "Token không hợp lệ hoặc đã hết hạn"), Deferred),
    "partly_done": Told(
        answer("-1", "Lỗi hệ thống: đã ghi nhận 3/10 bản ghi, vui lòng thử lại sau"), InDoubt, "step"
    ),
    "failed_try_later": Told(
        answer("-1", "Cập nhật tiến độ không thành công do lỗi hệ thống, vui lòng thử lại sau"),
        Deferred,
        "step",
    ),
    "technical_text": Told(answer("99", "Lỗi hệ thống: Connection timed out"), InDoubt),
    "transient_code": Told(answer("-429", "Từ chối"), Deferred),
    "transient_text": Told(answer("-1", "Hệ thống đang bảo trì"), Deferred),
    "configuration_text": Told(answer("-1", "Dịch vụ DongBo không tồn tại"), Rejected),
    "validation_code": Told(answer("-1", f"Hồ sơ {CODE}: thiếu trường bắt buộc NgayTiepNhan"), Rejected),
    "anything_else": Told(answer("77", "Mã lỗi chưa được công bố"), Rejected),
}
# Words and codes that nobody documents are settings; these give two rows something to say.
WORDS = {"session_codes": ("-401",), "transient_codes": ("-429",)}
