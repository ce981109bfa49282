"""Rows of payments, written straight into the tables, for readers' tests."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.dossier import FeeKind
from gateway.domain.payment_order import OrderAgency, OrderItem, OrderPayer, OrderProcedure
from gateway.storage.payment_views import Terms
from gateway.storage.tables import metadata

T0 = 1_790_000_000_000_000
SECOND = 1_000_000
TERMS = msgspec.json.encode(
    Terms(
        items=[OrderItem(kind=FeeKind.FEE, name="Phí thẩm định", amount=250_000)],
        payer=OrderPayer(name="Nguyễn Văn Mẫu", identity="099000000001"),
        procedure=OrderProcedure(code="9.999001", name="Cấp giấy phép mẫu"),
        agency=OrderAgency(code="H99.15", name="Sở Xây dựng tỉnh Mẫu"),
    )
)


class Book:
    """Writes rows; a request's number is a hundred times its place, its attempts follow it."""

    def __init__(self, url: str) -> None:
        url = url.replace("postgresql://", "postgresql+psycopg://")
        self.engine = sa.create_engine(url)

    def put(self, table: str, *rows: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.insert(metadata.tables[table]), list(rows))

    def request(self, place: int, **changes: Any) -> int:
        """A request that is open; its number."""
        number = place * 100
        self.put("payment_request", request_row(number, place, **changes))
        return number

    def attempt(self, number: int, request: int, **changes: Any) -> int:
        """An attempt of a request; its number."""
        self.put("payment_attempt", attempt_row(number, request, **changes))
        return number

    def settled(self, request: int, attempt: int, **changes: Any) -> None:
        """What ended a request."""
        row = {
            "id": request + 50,
            "request_id": request,
            "attempt_id": attempt,
            "partner": "DEMOH99",
            "transaction_no": f"PP{request}",
            "amount": 250_000,
            "source": "callback",
            "actor": "",
            "claimed_at": "20260928143212",
            "message_id": 7,
            "at": T0 + 90 * SECOND,
        }
        self.put("settlement", {**row, **changes})

    def close(self) -> None:
        self.engine.dispose()


def request_row(number: int, place: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "destination": "payment_platform",
        "dossier_code": f"H99-{place}",
        "purpose": "fees",
        "amount": 250_000,
        "currency": "VND",
        "refunded": 0,
        "state": "open",
        "terms": TERMS,
        "created_at": T0 + place * SECOND,
        "created_by": "one-door",
        "ended_at": None,
    }
    return {**row, **changes}


def attempt_row(number: int, request: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": number,
        "request_id": request,
        "destination": "payment_platform",
        "dossier_code": f"H99-{request // 100}",
        "partner": "DEMOH99",
        "reference": f"PG{number}",
        "asked_at": "20260928143015",
        "amount": 250_000,
        "currency": "VND",
        "state": "redirected",
        "pay_url": "https://pay.example.test/t/7f3c1d",
        "transaction_no": None,
        "bank": None,
        "paid_at": None,
        "code": None,
        "reason": None,
        "delivery_id": None,
        "questions": 0,
        "next_question_at": None,
        "created_at": T0 + number * SECOND,
        "ended_at": None,
    }
    return {**row, **changes}
