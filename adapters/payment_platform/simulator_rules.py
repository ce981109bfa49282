"""What the stand-in checks before it believes a message (payment_platform §4, §5.1, §5.2, §5.6, §5.7, §15).

Invariant: pure. A rule reads a message and the state, returns why it is refused or None, and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from adapters.payment_platform import simulator_answers as words
from adapters.payment_platform.simulator_mac import ORDER, genuine
from adapters.payment_platform.simulator_model import State, Transaction, date14

VERSION = "1.0.6"
_DIGITS = re.compile(r"[1-9][0-9]{0,14}")
_ITEM_DIGITS = re.compile(r"0|[1-9][0-9]{0,14}")
_UNSAFE = re.compile(r"[|\x00-\x1f\x7f]")  # §4, 9

# §5.1: the tightest limits seen; a reference of 32 is seen in production.
LIMITS: Mapping[str, int] = {
    "LoaiBanTin": 50,
    "PhienBan": 10,
    "MaDoiTac": 50,
    "MaThamChieu": 50,
    "SoTien": 15,
    "LoaiHinhThanhToan": 10,
    "MaKenhThanhToan": 10,
    "MaThietBi": 10,
    "NgonNgu": 10,
    "MaTienTe": 3,
    "MaNganHang": 50,
    "ThongTinGiaoDich": 210,
    "ThoiGianGD": 14,
    "Ip": 45,
}
# §5.2: mandatory whatever is paid for, for fees of a procedure, and for a decision.
ALWAYS = ("NoiDungThanhToan", "HoTenNguoiNop", "SoCMNDNguoiNop", "DiaChiNguoiNop")
FOR_FEES = (
    "MaDVC",
    "TenDVC",
    "MaTTHC",
    "TenTTHC",
    "MaDonVi",
    "TenDonVi",
    "MaHoSo",
    "TKThuHuong",
    "MaNHThuHuong",
    "TenTKThuHuong",
)
FOR_DECISION = (
    "MaLoaiHinhThuPhat",
    "TenLoaiHinhThuPhat",
    "MaCoQuanQD",
    "TenCoQuanQD",
    "KhoBac",
    "NgayQD",
    "SoQD",
    "ThoiGianViPham",
    "DiaDiemViPham",
    "TenNguoiViPham",
)
BILL_LIMITS: Mapping[str, int] = {
    "MaDichVu": 10,
    "MaDVC": 50,
    "TenDVC": 250,
    "MaTTHC": 50,
    "TenTTHC": 250,
    "MaDonVi": 50,
    "TenDonVi": 1000,
    "MaHoSo": 50,
    "TKThuHuong": 19,
    "MaNHThuHuong": 50,
    "TenTKThuHuong": 100,
    "MaCoQuanQD": 50,
    "TenCoQuanQD": 1000,
    "KhoBac": 8,
    "NoiDungThanhToan": 210,
    "HoTenNguoiNop": 100,
    "SoCMNDNguoiNop": 25,
    "DiaChiNguoiNop": 1000,
}


def refusal_of_envelope(kind: str, message: Mapping[str, object], state: State) -> str | None:
    """The checks that INIT, QUERY and GET_BILL share: version, partner, fields, code."""
    if message.get("PhienBan") != VERSION:
        return words.NO_VERSION
    partner = state.partners.get(str(message.get("MaDoiTac")))
    if partner is None:
        return words.NO_PARTNER
    for name in ORDER[kind]:
        if (reason := _refusal_of_text(name, message.get(name), LIMITS[name])) is not None:
            return reason
    return None if genuine(kind, message, partner.secrets) else words.BAD_MAC


def refusal_of_init(message: Mapping[str, object], state: State) -> str | None:
    """Why an INIT with a good envelope is refused."""
    amount = str(message["SoTien"])
    if not _DIGITS.fullmatch(amount) or message["MaTienTe"] != "VND":
        return words.BAD_AMOUNT
    if not is_date14(str(message["ThoiGianGD"])):
        return words.BAD_TIME
    if (reason := _refusal_of_bill(message.get("ThongTinBienLai"), int(amount), state)) is not None:
        return reason
    known = find(message, state)
    return words.TAKEN if known is not None and known.message != message else None


def find(message: Mapping[str, object], state: State) -> Transaction | None:
    """The transaction that a message names."""
    return state.transactions.get((str(message.get("MaDoiTac")), str(message.get("MaThamChieu"))))


def refusal_of_question(message: Mapping[str, object], state: State) -> str | None:
    """Why a QUERY is refused: the time must be INIT's, to the letter (§5.1, field 13; §13, 4)."""
    known = find(message, state)
    same = known is not None and known.message["ThoiGianGD"] == message["ThoiGianGD"]
    return None if same else words.NOT_FOUND


def refusal_of_bill_question(message: Mapping[str, object], state: State) -> str | None:
    """Why a GET_BILL is refused: whose time it must carry is a setting (§14, U6)."""
    known = find(message, state)
    if known is None:
        return words.NOT_FOUND
    of_init = {str(known.message["ThoiGianGD"])}
    of_confirm = {date14(known.closed_at)} if known.closed_at is not None else set[str]()
    legal = {"init": of_init, "confirm": of_confirm or of_init, "either": of_init | of_confirm}
    if message["ThoiGianGD"] not in legal[state.config.bill_time]:
        return words.NOT_FOUND
    return None if known.state == "paid" else words.NO_BILL


def is_date14(text: str) -> bool:
    """Whether ``text`` is yyyyMMddHHmmss and exists in the calendar."""
    if not re.fullmatch(r"[0-9]{14}", text):
        return False
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - only whether it is one
    except ValueError:
        return False
    return True


def _refusal_of_text(name: str, value: object, limit: int) -> str | None:
    if value is None or value == "":
        return words.NO_FIELD.format(name=name)
    if not isinstance(value, str):
        return words.NO_TEXT.format(name=name)
    if len(value) > limit:
        return words.TOO_LONG.format(name=name, limit=limit)
    return words.NOT_PLAIN.format(name=name) if _UNSAFE.search(value) else None


def _refusal_of_bill(bill: object, amount: int, state: State) -> str | None:
    if not isinstance(bill, dict):
        return words.NO_FIELD.format(name="ThongTinBienLai")
    kind = str(bill.get("MaDichVu", ""))
    if kind not in {"1", "2"}:
        return words.NO_FIELD.format(name="MaDichVu")
    for name in (*ALWAYS, *(FOR_FEES if kind == "2" else FOR_DECISION)):
        if (reason := _refusal_of_text(name, bill.get(name), BILL_LIMITS.get(name, 255))) is not None:
            return reason
    sums = [_sum(bill.get("DSKhoanNop"))]
    if kind == "2":
        sums.append(_sum(bill.get("PhiLePhi")))
    if None in sums:
        return words.BAD_AMOUNT
    return words.BAD_SUM if state.config.check_sums and set(sums) != {amount} else None


def _sum(items: object) -> int | None:
    """The sum of a list of items; None when an amount is not one."""
    if not isinstance(items, list) or not items:
        return None
    total = 0
    for item in items:
        amount = item.get("SoTien") if isinstance(item, dict) else None
        if isinstance(amount, bool) or not _ITEM_DIGITS.fullmatch(str(amount)):
            return None
        total += int(str(amount))
    return total
