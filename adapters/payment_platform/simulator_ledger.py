"""The stand-in's record: what was really paid, what was asked for, what the agency was told and answered.

Invariant: ``paid`` follows from the payments alone, never from notices or questions.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from adapters.payment_platform.simulator_model import Notice, Payment, State, Transaction


def record(state: State) -> dict[str, Any]:
    """Everything received and kept, as JSON; amounts in đồng."""
    paid: Counter[str] = Counter()
    for payment in state.payments:
        paid[payment.reference] += payment.amount
    return {
        "paid": dict(paid),
        "total": sum(paid.values()),
        "payments": [payment_row(payment) for payment in state.payments],
        "refunds": [{**refund, "at": refund["at"].isoformat()} for refund in state.refunds],
        "transactions": {
            f"{partner}/{reference}": transaction_row(each)
            for (partner, reference), each in state.transactions.items()
        },
        "callbacks": [notice_row(notice) for notice in state.notices.values()],
        "requests": dict(state.requests),
        "refused": state.refused,
        "refusals": list(state.refusals),
    }


def payment_row(payment: Payment) -> dict[str, Any]:
    """One movement of money."""
    return {
        "MaDoiTac": payment.partner,
        "MaThamChieu": payment.reference,
        "MaGiaoDich": payment.number,
        "SoTien": payment.amount,
        "MaTienTe": payment.currency,
        "MaNganHang": payment.bank,
        "at": payment.at.isoformat(),
        "second": payment.second,
    }


def transaction_row(transaction: Transaction) -> dict[str, Any]:
    """One accepted INIT, without the payer."""
    return {
        "MaHoSo": transaction.bill.get("MaHoSo", ""),
        "SoTien": transaction.amount,
        "ThoiGianGD": transaction.message["ThoiGianGD"],
        "MaGiaoDich": transaction.number,
        "state": transaction.state,
        "token": transaction.token,
        "opened_at": transaction.opened_at.isoformat(),
        "closed_at": transaction.closed_at.isoformat() if transaction.closed_at else None,
        "faults": dict(transaction.faults),
        "inits": transaction.inits,
        "queries": transaction.queries,
    }


def notice_row(notice: Notice) -> dict[str, Any]:
    """One CONFIRM and what came back."""
    return {
        "id": notice.id,
        "MaDoiTac": notice.partner,
        "MaThamChieu": notice.reference,
        "MaLoi": notice.code,
        "variant": notice.variant,
        "accepted": notice.accepted,
        "due_at": notice.due_at.isoformat() if notice.due_at else None,
        "deliveries": list(notice.deliveries),
    }
