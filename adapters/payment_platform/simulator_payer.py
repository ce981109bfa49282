"""What a payer does at the platform: looks at the page, pays, fails, or leaves (payment_platform §5.4, §15).

Invariant: who pays twice at the same address pays once; the browser's way back never says more than the ledger,
except where ``redirect_forged_success`` makes it lie.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from adapters.payment_platform import simulator_answers as words
from adapters.payment_platform.simulator_model import State, Transaction
from adapters.payment_platform.simulator_notices import return_url, settle
from gateway.port.simulator import SimulatedRequest, SimulatedResponse

ACTIONS = ("pay", "fail", "leave")
_TITLES = {
    "open": "Thanh toán phí, lệ phí",
    "paid": "Đã thanh toán",
    "failed": "Thanh toán không thành công",
    "over": "Phiên thanh toán đã hết hạn",
}


def look(transaction: Transaction, state: State, request: SimulatedRequest) -> SimulatedResponse:
    """The payer's page."""
    stage = "over" if state.is_over(transaction, request.now) else transaction.state
    rows = {
        "Mã tham chiếu": transaction.reference,
        "Hồ sơ": str(transaction.bill.get("MaHoSo", "")),
        "Nội dung": str(transaction.message["ThongTinGiaoDich"]),
        "Số tiền": f"{transaction.amount:,} đồng".replace(",", "."),
    }
    return words.page("page", _TITLES[stage], rows, buttons=stage == "open")


def press(transaction: Transaction, state: State, request: SimulatedRequest) -> SimulatedResponse:
    """One of the buttons; the browser is sent back to the agency, or told here when no page was registered."""
    action = button(request)
    if action is None:
        return words.plain("pay", 400, "action: pay, fail, leave")
    act(transaction, state, request, action)
    code = words.OK if transaction.state == "paid" else words.BAD
    forged = "redirect_forged_success" in transaction.faults and transaction.state != "paid"
    url = return_url(transaction, state, words.OK if forged else code, forged=forged)
    return words.redirect("pay", url) if url is not None else look(transaction, state, request)


def act(transaction: Transaction, state: State, request: SimulatedRequest, action: str) -> None:
    """Pay, fail or leave; only an open transaction changes."""
    if transaction.state != "open" or state.is_over(transaction, request.now) or action == "leave":
        return
    settle(transaction, state, request.now, paid=action == "pay")


def button(request: SimulatedRequest) -> str | None:
    """Which button the form names."""
    form = parse_qs(request.body.decode("utf-8", "replace"))
    action = (form.get("action") or [""])[0]
    return action if action in ACTIONS else None
