"""What officials read on a report: Vietnamese headings, numbers, days and times as they are written in Viet Nam.

Invariant: the wording stands here only; figures and conditions stand elsewhere.
"""

from __future__ import annotations

from datetime import date, datetime

from gateway.deadlines.classes import Flag
from gateway.deadlines.instants import VIETNAM
from gateway.domain.status import Status
from gateway.reports.checks import FormCheck
from gateway.reports.dossiers import NO_RECEPTION, ListKind
from gateway.reports.terms import ReportStamp
from gateway.storage.queries_reports import Grouping
from gateway.storage.report_rules import Column

TITLE_06A = "Tình hình, kết quả giải quyết thủ tục hành chính (Biểu số II.06a/VPCP/KSTT)"
TITLE_766 = "Chỉ số tiến độ giải quyết hồ sơ (Quyết định 766/QĐ-TTg) và tỷ lệ đúng hạn"
LISTS: dict[ListKind, str] = {
    "overdue": "Danh sách hồ sơ đang giải quyết quá hạn",
    "near-due": "Danh sách hồ sơ sắp đến hạn trả kết quả",
    "paused-late": "Danh sách hồ sơ tạm dừng sau khi đã quá hạn",
    "withdrawn-after-due": "Danh sách hồ sơ công dân rút sau ngày hẹn trả",
    "no-due": "Danh sách hồ sơ không có ngày hẹn trả",
    "disputed": "Danh sách hồ sơ đúng hạn theo ngày, quá hạn theo giờ",
    "refused": "Danh sách hồ sơ không được tiếp nhận",
    "data-error": "Danh sách hồ sơ lỗi dữ liệu, chưa đưa vào biểu",
}
COLUMNS: dict[Column, str] = {
    "3": "Tiếp nhận: tổng số",
    "4": "Trong kỳ, trực tuyến",
    "5": "Trong kỳ, trực tiếp và bưu chính",
    "6": "Từ kỳ trước chuyển qua",
    "7": "Đã giải quyết: tổng số",
    "8": "Đã giải quyết trước hạn",
    "9": "Đã giải quyết đúng hạn",
    "10": "Đã giải quyết quá hạn",
    "11": "Đang giải quyết: tổng số",
    "12": "Đang giải quyết trong hạn",
    "13": "Đang giải quyết quá hạn",
    "withdrawn": "Trong đó công dân rút (ở cột 9)",
    "waiting": "Trong đó đang chờ bổ sung, nộp tiền, tạm dừng",
    "paused_late": "Tạm dừng khi đã quá hạn",
    "no_due": "Không có ngày hẹn trả",
    "disputed": "Đúng theo ngày, quá theo giờ",
    "refused": "Không tiếp nhận",
    "data_error": "Lỗi dữ liệu",
    "unplaced": "Không xếp được vào cột",
}
UNITS: dict[Grouping, str] = {
    "agency": "Cơ quan",
    "field": "Lĩnh vực",
    "procedure": "Thủ tục hành chính",
    "total": "Phạm vi",
}
STATUSES: dict[Status, str] = {
    Status.REGISTERED: "Mới đăng ký",
    Status.RECEIVED: "Được tiếp nhận",
    Status.REFUSED: "Không được tiếp nhận",
    Status.PROCESSING: "Đang xử lý",
    Status.SUPPLEMENT_REQUESTED: "Yêu cầu bổ sung giấy tờ",
    Status.PAYMENT_REQUESTED: "Yêu cầu thực hiện nghĩa vụ tài chính",
    Status.WITHDRAWN: "Công dân yêu cầu rút hồ sơ",
    Status.STOPPED: "Dừng xử lý",
    Status.FINISHED: "Đã xử lý xong",
    Status.RETURNED: "Đã trả kết quả",
}
REMARKS: dict[str, str] = {
    Flag.NO_DUE: "không có ngày hẹn trả",
    Flag.DUE_TODAY: "hẹn trả hôm nay",
    Flag.NEAR_DUE: "sắp đến hạn",
    Flag.DATE_INSTANT_DIFFER: "đúng hạn theo ngày, quá hạn theo giờ",
    Flag.MIDNIGHT_DUE: "hẹn trả theo ngày",
    Flag.WITHDRAWN_AFTER_DUE: "rút sau ngày hẹn trả",
    Flag.NO_WAIT_START: "không rõ chờ từ khi nào",
    Flag.CALENDAR_GAP: "ngoài phạm vi lịch làm việc",
    Flag.NO_END_TIME: "thiếu ngày kết thúc xử lý",
    Flag.END_BEFORE_RECEPTION: "kết thúc trước khi tiếp nhận",
    Flag.DUE_BEFORE_RECEPTION: "hẹn trả trước khi tiếp nhận",
    Flag.RECEPTION_IN_FUTURE: "ngày tiếp nhận ở tương lai",
    Flag.END_IN_FUTURE: "ngày kết thúc ở tương lai",
    Flag.WAIT_IN_FUTURE: "thời điểm bắt đầu chờ ở tương lai",
    Flag.WAIT_BEFORE_RECEPTION: "bắt đầu chờ trước khi tiếp nhận",
    NO_RECEPTION: "thiếu ngày tiếp nhận",
}
UNKNOWN = "(không rõ)"
TOTAL = "Tổng cộng"
COUNTING = {
    "date": "theo ngày (chính thức)",
    "instant": "theo giờ, phút (cảnh báo)",
    "date+instant": "theo ngày (chính thức) và theo giờ, phút (cảnh báo)",
}


def number(value: int) -> str:
    """4915 as ``4.915``."""
    return f"{value:,}".replace(",", ".")


def percent(value: float | None) -> str:
    """98.5 as ``98,50 %``; nothing as ``–``."""
    if value is None:
        return "–"
    return f"{decimal(value)} %"


def decimal(value: float | None) -> str:
    """1234.5 as ``1.234,50``; nothing as ``–``."""
    if value is None:
        return "–"
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def day(value: date) -> str:
    """``31/03/2026``."""
    return value.strftime("%d/%m/%Y")


def instant(value: datetime | None) -> str:
    """``31/03/2026 16:30`` in Viet Nam's time; nothing as nothing."""
    return "" if value is None else value.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")


def remarks(flags: list[str]) -> str:
    """Flags in words."""
    return "; ".join(REMARKS.get(flag, flag) for flag in flags)


def late(days: int, working_days: int, working_minutes: int) -> str:
    """How late: in days, or in minutes of the day that was promised."""
    if days:
        return f"{number(days)} ngày ({number(working_days)} ngày làm việc)"
    return f"{number(working_minutes)} phút làm việc" if working_minutes else ""


def scope(stamp: ReportStamp) -> str:
    """Which dossiers a report covers."""
    chosen = (
        ("cơ quan", stamp.scope.agency),
        ("lĩnh vực", stamp.scope.field),
        ("thủ tục", stamp.scope.procedure),
    )
    named = [f"{what} {code}" for what, code in chosen if code is not None]
    return ", ".join(named) or "toàn bộ hồ sơ của tỉnh"


def provenance(stamp: ReportStamp) -> tuple[tuple[str, str], ...]:
    """What every figure was computed from: headings and values."""
    unfinished = "" if stamp.complete else " (kỳ chưa kết thúc)"
    name = f" ({stamp.period})" if stamp.period else ""
    under = "; ".join(f"{each.rules} / {each.calendar}" for each in stamp.assessed_under)
    return (
        ("Phạm vi", scope(stamp)),
        ("Kỳ báo cáo", f"từ {day(stamp.first)} đến {day(stamp.last)}{name}"),
        ("Chốt số liệu", f"{seconds(stamp.cutoff)}{unfinished}"),
        ("Cách tính", COUNTING[stamp.counting]),
        ("Hồ sơ tạm dừng khi đã quá hạn", "tính vào cột 13" if stamp.strict_waiting else "tính vào cột 12"),
        ("Phiên bản quy tắc", stamp.rule_version),
        ("Phiên bản lịch làm việc", stamp.calendar_version),
        ("Quy tắc / lịch của hồ sơ đã đánh giá", under or "–"),
        ("Thời điểm tính", seconds(stamp.computed_at)),
    )


def seconds(value: datetime) -> str:
    """``31/03/2026 23:59:59 (+07:00)``."""
    return value.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S (+07:00)")


def checks(found: list[FormCheck]) -> list[str]:
    """What holds and what does not, one line each."""
    broken = [check for check in found if not check.holds]
    lines = [f"Kiểm tra số liệu: {len(found) - len(broken)}/{len(found)} đẳng thức đúng."]
    for check in broken:
        rule = f" ({COUNTING[check.rule]})" if check.rule else ""
        for breach in check.breaches:
            where = f" tại {breach.unit}" if breach.unit else ""
            text = f"SAI: {check.title_vi}{rule}{where}: {number(breach.left)} và {number(breach.right)}"
            if breach.dossiers:
                text += f"; chỉ có ở vế trái: {', '.join(breach.dossiers)}"
            if breach.others:
                text += f"; chỉ có ở vế phải: {', '.join(breach.others)}"
            lines.append(text)
    return lines
