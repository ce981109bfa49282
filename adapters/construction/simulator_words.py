"""How the ministry's stand-in says things: codes with their texts, results of calls, fault details, times on the wire.

Written from the contract (construction §4.3, §C) and from no mapping of ours. Invariant: a code is said either in a
business answer or in a fault, never in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone

from msgspec import Struct

from gateway.codec.soap import FaultSide
from gateway.codec.tree import Tree

SPACE = "http://www.moc.gov.vn/capphepxaydung/1.0"
Q = f"{{{SPACE}}}"
VIETNAM = timezone(timedelta(hours=7))
DONE = "Giao dịch thành công"
NOT_DONE = "Giao dịch không thành công"


class Code(Struct, frozen=True):
    """One row of §4.3. ``side``: whom the fault blames; None for a business answer."""

    token: str
    text: str
    side: FaultSide | None = None


_CLIENT, _SERVER = FaultSide.SENDER, FaultSide.RECEIVER
CODES: Mapping[str, Code] = {
    "100": Code("AUTHEN_ERROR", "Sai thông tin xác thực", _CLIENT),
    "101": Code("IP_DISALLOWED", "Địa chỉ không được phép truy cập", _CLIENT),
    "106": Code("AGENCY_ID_INCORRECT", "Mã đơn vị không hợp lệ"),
    "108": Code("PROVINCE_ID_INCORRECT", "Mã tỉnh không hợp lệ"),
    "200": Code("RECORD_UNCOMPLETE", "Hồ sơ chưa xử lý xong"),
    "201": Code("RECORD_NOT_FOUND", "Không tìm thấy hồ sơ"),
    "202": Code("RECORD_DUPLICATE", "Hồ sơ đã tồn tại"),
    "203": Code("STATE_NOT_ALLOWED", "Trạng thái hồ sơ không cho phép"),
    "204": Code("NO_SUPPLEMENT_REQUEST", "Không có yêu cầu bổ sung"),
    "301": Code("CHECKSUM_MISMATCH", "Mã băm của tệp không khớp", _CLIENT),
    "302": Code("DATA_TYPE_INVALID", "Kiểu dữ liệu không hợp lệ"),
    "303": Code("FILE_TOO_LARGE", "Tệp vượt quá dung lượng cho phép", _CLIENT),
    "401": Code("SIGNATURE_INVALID", "Chữ ký số không hợp lệ", _CLIENT),
    "500": Code("DATA_INCORRECT", "Dữ liệu không hợp lệ", _CLIENT),
    "503": Code("SERVICE_UNAVAILABLE", "Dịch vụ tạm ngừng", _SERVER),
}
STATES: Mapping[str, str] = {
    "1": "Mới đăng ký",
    "2": "Được tiếp nhận",
    "3": "Không được tiếp nhận",
    "4": "Đang xử lý",
    "5": "Yêu cầu bổ sung giấy tờ",
    "6": "Yêu cầu thực hiện nghĩa vụ tài chính",
    "7": "Công dân rút hồ sơ",
    "8": "Dừng xử lý",
    "9": "Đã xử lý xong",
    "10": "Đã trả kết quả",
}


class Refused(Exception):
    """A call that gets no success. ``fields``: pairs of a path below the operation and what is wrong there."""

    def __init__(self, code: str, reason: str = "", fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.fields = tuple(fields)

    @property
    def sentence(self) -> str:
        """The token, and what is behind it: the reason, or the text of the code."""
        row = CODES[self.code]
        return f"{row.token} - {self.reason or row.text}"[:4000]


def leaf(name: str, text: str) -> Tree:
    """An element with a text."""
    return (name, text, "")


def node(name: str, *inner: Tree | None) -> Tree:
    """An element with those of ``inner`` that are there."""
    return (name, tuple(each for each in inner if each is not None), "")


def option(name: str, text: str) -> Tree | None:
    """An element for a text that is not empty."""
    return leaf(name, text) if text else None


def outcome(call: str, now: datetime, refused: Refused | None = None) -> Tree:
    """KetQua."""
    if refused is None:
        told = [leaf("TrangThai", "1"), leaf("MoTa", DONE)]
    else:
        code, words = leaf("MaLoi", refused.code), leaf("MoTaLoi", refused.sentence)
        told = [leaf("TrangThai", "0"), leaf("MoTa", NOT_DONE), code, words]
    return node("KetQua", leaf("MaYeuCau", call), *told, leaf("ThoiDiem", instant(now)))


def detail(refused: Refused, call: str) -> Tree:
    """LoiDichVu; a call id that the schema would not allow is left out."""
    fields = [
        node("TruongLoi", leaf("DuongDan", path[:255]), leaf("MoTa", words[:4000]))
        for path, words in refused.fields
    ]
    known = call if 8 <= len(call) <= 64 else ""
    return node(
        "LoiDichVu",
        option("MaYeuCau", known),
        leaf("MaLoi", refused.code),
        leaf("MoTaLoi", refused.sentence),
        *fields,
    )


def instant(at: datetime) -> str:
    """xs:dateTime at +07:00 (§4.1)."""
    local = at.astimezone(VIETNAM)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


def day(at: datetime) -> str:
    """xs:date in Vietnam."""
    return local_day(at).isoformat()


def local_day(at: datetime) -> date:
    """The day in Vietnam."""
    return at.astimezone(VIETNAM).date()
