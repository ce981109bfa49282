"""The day's settlement file in 22 columns (payment_platform §12), written from the ledger of money alone.

Invariant: one line per payment, in the order in which the money moved; the last line's count, sum and digest fit.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.payment_platform.simulator_model import VIETNAM, Partner, Payment, State, date14

CHANNEL = "1"


def settlement_file(state: State, partner: Partner, day: str, kind: str = "PAY") -> dict[str, Any]:
    """The file of ``day`` (yyyyMMdd, Vietnam) as the JSON that carries it. ``kind``: PAY or REFUND."""
    if kind == "REFUND":
        rows = [
            _row(state, _find(state, refund["MaGiaoDich"]), refund["SoTien"], refund["at"])
            for refund in state.refunds
            if refund["MaDoiTac"] == partner.code and _day(refund["at"]) == day
        ]
    else:
        payments = [each for each in state.payments if each.partner == partner.code and _day(each.at) == day]
        rows = [_row(state, payment, payment.amount, payment.at) for payment in payments]
    text = render(rows, partner.secrets[0])
    return {
        "MaLoi": "00",
        "MaDoiTac": partner.code,
        "NgayDoiSoat": day,
        "TenTep": f"{day}_2_{kind}_{CHANNEL}.txt",
        "NoiDung": base64.b64encode(text.encode()).decode("ascii"),
    }


def render(rows: Sequence[Sequence[str]], secret: str) -> str:
    """Lines and the summary line, joined by LF, none at the end. A row begins with the second column."""
    lines = ["|".join((str(number), *row)) for number, row in enumerate(rows, start=1)]
    summary = f"{len(rows)}|{sum(int(row[12]) for row in rows)}|"
    check = hashlib.sha256("\n".join([*lines, summary + secret]).encode()).hexdigest()
    return "\n".join([*lines, summary + check])


def _row(state: State, payment: Payment, amount: int, at: datetime) -> list[str]:
    transaction = state.transactions[payment.partner, payment.reference]
    bill = {name: str(value) for name, value in transaction.bill.items() if isinstance(value, str | int)}
    return [
        payment.reference,
        payment.number,
        payment.partner,
        bill.get("MaDonVi", ""),
        bill.get("MaHoSo", ""),
        bill.get("MaDichVu", ""),
        bill.get("MaTTHC", ""),
        bill.get("MaDVC", ""),
        payment.bank,
        transaction.message["ThoiGianGD"],
        date14(payment.at),
        date14(at),
        str(amount),
        "0",
        str(amount),
        payment.currency,
        bill.get("MaNHThuHuong", ""),
        bill.get("TKThuHuong", ""),
        "1",
        "00",
        "",
    ]


def _find(state: State, number: str) -> Payment:
    return next(payment for payment in state.payments if payment.number == number)


def _day(instant: datetime) -> str:
    return instant.astimezone(VIETNAM).strftime("%Y%m%d")
