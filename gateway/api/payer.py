"""The page to which the payment platform sends the payer's browser back: how the payment stands with us, nothing else.

Whatever the address says about success is a stranger's word (payment_platform §5.4, §13 pitfall 21). Invariants: of all
parameters only the reference is read, and only to find our own row; nothing of the request is written into the page;
nothing is settled, changed or asked; no name, dossier or amount is shown.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from functools import partial
from urllib.parse import parse_qs

from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import StorageUnavailable
from gateway.domain.payment import AttemptState
from gateway.storage.payment_lookup import attempt_state

HTML = "text/html; charset=utf-8"
RATE, BURST = 50.0, 200.0
_REFERENCE = re.compile(r"[A-Za-z0-9._\-]{8,50}", re.ASCII)
_PARTNER = re.compile(r"[A-Za-z0-9._\-]{1,50}", re.ASCII)
_REFERENCE_PARAMETER = "data"  # payment_platform §5.4: MaThamChieu

_STYLE = (
    ":root{color-scheme:light dark}body{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:4rem auto;"
    "padding:0 1.2rem}h1{font-size:1.5rem}p{margin:.6rem 0}.q{opacity:.75;font-size:.9rem}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = (
    ("content-security-policy", _POLICY),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("x-robots-tag", "noindex, nofollow"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a payer reads. ``again``: the page looks by itself again, since more may come."""

    title: str
    text: str
    again: bool = False


_WAITING = Notice(
    title="Đang chờ xác nhận thanh toán",
    text="Chưa có xác nhận của Nền tảng thanh toán quốc gia. Nếu đã bị trừ tiền, đừng thanh toán lại: "
    "kết quả sẽ được cập nhật tự động. Trang này tự tải lại.",
    again=True,
)
_NOT_PAID = Notice(
    title="Chưa thanh toán",
    text="Lần thanh toán này không thành công hoặc đã hết hạn. Nếu đã bị trừ tiền, đừng thanh toán lại; "
    "hãy liên hệ Bộ phận Một cửa.",
)
NOTICES: dict[AttemptState, Notice] = {
    AttemptState.CREATED: _WAITING,
    AttemptState.INIT_UNKNOWN: _WAITING,
    AttemptState.REDIRECTED: _WAITING,
    AttemptState.PENDING: _WAITING,
    AttemptState.PAID: Notice(
        title="Đã thanh toán",
        text="Cơ quan đã ghi nhận khoản thanh toán. Có thể đóng trang này; biên lai được gửi kèm hồ sơ.",
    ),
    AttemptState.DUPLICATE_PAID: Notice(
        title="Khoản thanh toán trùng",
        text="Khoản phải nộp đã được thanh toán trước đó. Số tiền của lần này sẽ được xem xét hoàn trả; "
        "đừng thanh toán lại.",
    ),
    AttemptState.FAILED: _NOT_PAID,
    AttemptState.EXPIRED: _NOT_PAID,
    AttemptState.QUARANTINED: Notice(
        title="Đang đối chiếu",
        text="Khoản thanh toán đang được đối chiếu. Đừng thanh toán lại; Bộ phận Một cửa sẽ thông báo kết quả.",
    ),
}
UNKNOWN = Notice(
    title="Không có thông tin thanh toán",
    text="Không tìm thấy lần thanh toán này. Xem tình trạng hồ sơ trên Cổng Dịch vụ công "
    "hoặc liên hệ Bộ phận Một cửa.",
)
UNAVAILABLE = Notice(
    title="Tạm thời chưa xem được",
    text="Hệ thống tạm gián đoạn. Việc thanh toán không bị ảnh hưởng; đừng thanh toán lại. Trang này tự tải lại.",
    again=True,
)


async def show_return(api: Api, call: Call) -> Answer:
    """The page for the payment that the address names; the same page for every reference that is none of ours."""
    api.limit(f"payer {call.peer}", rate=RATE, burst=BURST)
    partner, reference = str(call.path["partner"]), _reference(call.address)
    if not reference or not _PARTNER.fullmatch(partner):
        return _page(UNKNOWN, 404)
    question = partial(attempt_state, partner=partner, reference=reference)
    try:
        state = await api.gateway.database.read(question)
    except StorageUnavailable:
        return _page(UNAVAILABLE, 503)
    return _page(UNKNOWN, 404) if state is None else _page(NOTICES[state], 200)


def _reference(address: str) -> str:
    """The reference that the address names once; empty when it names none that could be ours."""
    try:
        given = parse_qs(address.partition("?")[2], max_num_fields=20).get(_REFERENCE_PARAMETER, [])
    except ValueError:
        return ""
    return given[0] if len(given) == 1 and _REFERENCE.fullmatch(given[0]) else ""


def _page(notice: Notice, status: int) -> Answer:
    again = '<meta http-equiv="refresh" content="15">' if notice.again else ""
    text = (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{again}'
        f"<title>{html.escape(notice.title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{html.escape(notice.title)}</h1><p>{html.escape(notice.text)}</p>"
        '<p class="q">Trang này chỉ để xem; kết quả chính thức là trạng thái trong hồ sơ.</p>'
        "</main></body></html>"
    )
    return Answer(content=text.encode(), status=status, media_type=HTML, headers=_HEADERS)
