"""What states of payments mean, as officials read them.

Invariant: every state has its words; a test holds the tables against the domain.
"""

from __future__ import annotations

REQUEST = {
    "open": "đang chờ nộp tiền",
    "paid": "đã nộp đủ",
    "partly_refunded": "đã hoàn trả một phần",
    "refunded": "đã hoàn trả toàn bộ",
    "cancelled": "đã hủy yêu cầu",
}
ATTEMPT = {
    "created": "chưa gửi tới nền tảng thanh toán",
    "init_unknown": "chưa rõ nền tảng đã nhận hay chưa; hệ thống tự hỏi lại, không gửi lần hai",
    "redirected": "người nộp có thể thanh toán theo đường dẫn",
    "pending": "nền tảng đang xử lý; hệ thống tự hỏi lại",
    "paid": "đã thanh toán",
    "failed": "không thành công; có thể lập lại yêu cầu",
    "expired": "hết hạn; vẫn được theo dõi trong 3 ngày",
    "quarantined": "tiền không khớp với yêu cầu: cần cán bộ quyết định",
    "duplicate_paid": "nộp trùng cho khoản đã thu: phải hoàn trả",
}
ALARM = {
    "other_partner": "sai mã đối tác",
    "other_currency": "sai loại tiền",
    "other_amount": "sai số tiền",
    "no_transaction": "thiếu mã giao dịch",
    "transaction_of_another": "mã giao dịch đã thuộc khoản thu khác",
    "second_transaction": "nộp thêm một lần qua cùng mã tham chiếu",
    "paid_twice": "khoản này đã được nộp qua mã tham chiếu khác",
    "failed_after_paid": "báo không thành công sau khi đã thanh toán; vẫn giữ là đã thanh toán",
    "quarantined": "đang chờ cán bộ quyết định",
    "rejected_before": "khoản tiền này đã bị hai cán bộ từ chối; đánh giá như cũ",
    "unknown_reference": "không có mã tham chiếu này",
}
DECISION = {
    "settle": "ghi nhận đã nộp bằng chứng từ",
    "accept": "chấp nhận khoản tiền không khớp",
    "reject": "không chấp nhận khoản tiền không khớp",
    "adopt": "gán khoản tiền chưa rõ nguồn",
    "excess": "khoản nộp thừa phải hoàn trả",
    "give_up": "thôi chờ lần thanh toán không có kết quả",
    "refund_orphan": "đã hoàn trả khoản tiền chưa rõ nguồn",
}
RECEIPT = {
    "wanted": "đang lấy biên lai",
    "kept": "đã lưu biên lai",
    "given_up": "không lấy được biên lai; có thể yêu cầu lấy lại",
}
STAND = {"requested": "chờ người thứ hai", "approved": "đã duyệt", "declined": "không duyệt"}
SOURCE = {
    "callback": "nền tảng thông báo",
    "query": "nền tảng trả lời khi hỏi",
    "file": "tệp đối soát",
    "operator": "cán bộ, hai người",
}


def dong(amount: int | None) -> str:
    """An amount as it is written in Viet Nam: ``1.250.000 đ``."""
    return "" if amount is None else f"{amount:,} đ".replace(",", ".")
