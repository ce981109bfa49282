"""What officials read in the report of an evidence bundle, in Vietnamese.

Invariant: the wording stands here only, but for the names of form 06a and of the states, which are handed in from where
the reports have them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import msgspec

VIETNAM = timezone(timedelta(hours=7))

TITLE = "Hồ sơ chứng cứ điện tử"
SUBTITLE = "Hồ sơ {dossier}, tính đến {as_of}"
FOOTER = "Hồ sơ {dossier} – mọi số liệu trong báo cáo này đều có trong bundle.json, có chữ ký số"
CONCLUSION = "1. Kết luận về thời hạn giải quyết"
CHANGES = "2. Thay đổi ngày hẹn trả và căn cứ"
PAUSES = "3. Thời gian chờ người nộp hồ sơ"
PERIODS = "4. Các giai đoạn giải quyết"
OUTLOOK = "5. Bên nhận đang hiển thị gì"
STORY = "6. Diễn biến theo thời gian"
MESSAGES = "7. Thông điệp trong nhật ký"
PROOF = "8. Bằng chứng và cách kiểm tra"
NOTHING = "Không có."
UNKNOWN = "–"
NOT_JUDGED = "Chưa có phiên bản nào của hồ sơ được đánh giá về thời hạn."
LOG_ENTRY = "mục {}"
COMPUTED = "tính từ các mục đã nêu theo quy tắc {rules}, lịch làm việc {calendar}"
OF_GATEWAY = "cơ sở dữ liệu của cổng"
STILL = "đến nay"

CHANGE_HEADINGS = ("Ghi nhận lúc", "Từ", "Đến", "Căn cứ", "Văn bản", "Có hiệu lực", "Nguồn")
PAUSE_HEADINGS = ("Từ", "Đến", "Trạng thái", "Ảnh hưởng đến hạn", "Nguồn")
PERIOD_HEADINGS = ("Từ", "Đến", "Trạng thái", "Hẹn trả", "Phân loại", "Đơn vị", "Nguồn")
OUTLOOK_HEADINGS = ("Bên nhận", "Xác nhận lúc", "Nhận định")
STORY_HEADINGS = ("Thời điểm", "Việc", "Chi tiết", "Nguồn")
MESSAGE_HEADINGS = ("Mục", "Thời điểm", "Chiều", "Kênh", "Thông điệp", "Kết quả", "Nội dung")

CLASSES: Mapping[str, tuple[str, str]] = {
    # class -> column of form II.06a, and our own words where the form has no column
    "EARLY": ("8", ""),
    "ON_TIME": ("9", ""),
    "LATE": ("10", ""),
    "IN_TIME": ("12", ""),
    "OVERDUE": ("13", ""),
    "PAUSED": ("12", ""),
    "PAUSED_LATE": ("paused_late", ""),
    "WITHDRAWN": ("withdrawn", ""),
    "REFUSED": ("refused", ""),
    "DATA_ERROR": ("data_error", ""),
    "NOT_COUNTED": ("", "Chưa tiếp nhận, chưa đưa vào biểu"),
}
COLUMN = "Biểu số II.06a/VPCP/KSTT, cột {column}: {name}"
BESIDE = "Biểu số II.06a/VPCP/KSTT, ngoài cột: {name}"
BY_DATE, BY_INSTANT = "Phân loại chính thức (theo ngày)", "Phân loại cảnh báo (theo giờ, phút)"
ORIGINAL = "Phân loại theo ngày hẹn trả lần đầu"
DUES = (
    ("original", "Ngày hẹn trả lần đầu"),
    ("holds", "Ngày hẹn trả có hiệu lực"),
    ("declared", "Ngày hẹn trả do hệ thống một cửa khai sau cùng"),
)
CLAIMS = (
    ("submitted_at", "Ngày nộp"),
    ("received_at", "Ngày tiếp nhận"),
    ("finished_at", "Ngày kết thúc xử lý"),
)
LATENESS = "Trễ {calendar_days} ngày theo lịch, {working_days} ngày làm việc, {working_minutes} phút làm việc"
LATE = "Mức độ trễ"
FLAG = "Lưu ý"
EFFECTS = {
    "RESET": "tính lại từ đầu",
    "PAUSE_WORKING": "cộng thêm thời gian làm việc đã chờ",
    "PAUSE_CALENDAR": "cộng thêm số ngày đã chờ",
}
YES, NO = "có", "không"
WAYS = {"in": "đến", "out": "đi"}
KINDS = {"request": "yêu cầu", "response": "trả lời", "no_answer": "không có trả lời"}
SHOWN, SHOWN_WITHOUT = "đầy đủ", "đã loại bỏ: {}"
MISSING = {
    "erased": "đã xóa theo Luật Bảo vệ dữ liệu cá nhân; khóa giải mã đã hủy",
    "absent": "không còn lưu",
    "locked": "không có khóa giải mã",
    "damaged": "bị hỏng",
}
REMOVED = {"body": "đã loại bỏ toàn bộ nội dung", "attachments": "đã loại bỏ vì có tệp đính kèm"}
REMOVED_WHOLE = "đã loại bỏ toàn bộ: chứa giá trị phải loại bỏ"
STEPS = {
    "version": "Hệ thống một cửa gửi phiên bản hồ sơ",
    "message": "Thông điệp",
    "delivery": "Lập lệnh gửi",
    "attempt": "Trao đổi với bên nhận",
    "event": "Báo cho hệ thống một cửa",
    "action": "Người vận hành thao tác",
    "payment": "Yêu cầu thanh toán",
    "settlement": "Đã thanh toán",
}
VERSION = "phiên bản {version}, trạng thái {status}"
VALUES = {
    # states and outcomes, which are short English words everywhere else
    "accepted": "được chấp nhận",
    "rejected": "bị từ chối",
    "deferred": "bên nhận hẹn lại",
    "in_doubt": "chưa rõ kết quả",
    "delivered": "đã gửi xong",
    "pending": "chờ gửi",
    "waiting": "chờ gửi lại",
    "in_flight": "đang gửi",
    "parked": "dừng, chờ người xử lý",
    "superseded": "được thay bằng phiên bản sau",
    "skipped": "đã bỏ qua",
    "retry": "gửi lại",
    "skip": "bỏ qua",
    "resolve": "xác định kết quả",
    "hold": "giữ lại",
    "release": "thả ra",
    "paid": "đã trả",
    "open": "chưa trả",
}
DAYS = "{} ngày {}"
LAG = "từ sự kiện đến khi bên nhận xác nhận: {}"
REDACTED = "Đã loại bỏ khỏi hồ sơ chứng cứ này"
STAMPED = {True: "có, RFC 3161 (log/checkpoint.tst)", False: "chưa có"}
PROOF_TEXTS = (
    (
        "Mỗi mục nêu trên là một lá của cây Merkle (RFC 9162); bằng chứng đưa từng lá về gốc nêu ở đây, gốc được ký trong "
        "log/checkpoint.txt. Các tệp của hồ sơ chứng cứ được ký theo ETSI EN 319 162-1 (ASiC-E, XAdES)."
    ),
    (
        "Cách kiểm tra, không cần mạng, cơ sở dữ liệu hay lòng tin vào đơn vị vận hành: "
        "python lienthong_verify.py TỆP --keys KHÓA, với tệp khóa nhận từ nguồn tin cậy khác."
    ),
    (
        "Phần thời hạn và diễn biến là lời của cổng, được ký cùng hồ sơ; các mục nhật ký là bằng chứng gốc. Chứng cứ cho biết "
        "những mục này có thật và không bị sửa; nó không tự chứng minh rằng không còn mục nào khác về hồ sơ."
    ),
)


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """The names that reports use: columns of form 06a by their number, states by the name of the domain."""

    columns: Mapping[str, str]
    statuses: Mapping[str, str]

    def of_class(self, name: str) -> str:
        """Where form 06a counts a class."""
        column, own = CLASSES.get(name, ("", name))
        if not column:
            return own
        pattern = COLUMN if column.isdigit() else BESIDE
        return pattern.format(column=column, name=self.columns.get(column, name))

    def of_status(self, name: str | None) -> str:
        """A state."""
        return UNKNOWN if name is None else self.statuses.get(name, name)


def instant(value: str | None) -> str:
    """An instant of bundle.json as it is written in Viet Nam."""
    if value is None:
        return UNKNOWN
    return datetime.fromisoformat(value).astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def micros(value: int) -> str:
    """An instant of a header, microseconds since 1970."""
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
    return whole.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S")


def numbered(entries: list[int]) -> str:
    """The entries of the log that something stands in."""
    return LOG_ENTRY.format(", ".join(map(str, entries))) if entries else OF_GATEWAY
