"""The payment platform's adapter with the contract's own example: partner DEMOH99, order of V01."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from adapters.payment_platform import Settings, build
from adapters.payment_platform.adapter import PaymentPlatformAdapter
from gateway.codec import canonical
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import FeeKind
from gateway.domain.payment_order import (
    Beneficiary,
    OrderAgency,
    OrderItem,
    OrderPayer,
    OrderProcedure,
    PaymentOrder,
)
from gateway.port import CallbackRequest, Context, Secret, WireRequest, WireResponse

VECTORS = Path(__file__).parents[1] / "vectors"
SECRET = "S3cret-DEMO-2026"
REFERENCE = "PG2609280000A7K3M9QX"
NOW = datetime(2026, 9, 28, 7, 30, 15, tzinfo=UTC)
ASKED_AT = "20260928143015"
PAY_URL = "https://pay.example.test/t/7f3c1d"


@cache
def vector(name: str) -> dict[str, Any]:
    """One vector of Appendix B."""
    return {each["id"]: each for each in json.loads((VECTORS / "payment_platform.json").read_text())}[name]


def partner(**changes: Any) -> dict[str, Any]:
    """Settings of one MaDoiTac."""
    return {
        "secret": Secret(SECRET),
        "init_url": "https://lgsp.h99.example/platform/init",
        "query_url": "https://lgsp.h99.example/platform/query",
        "bill_url": "https://lgsp.h99.example/platform/bill",
        "ip": "203.0.113.10",
        "account": Beneficiary(account="1180000000001", bank="DEMO01", name="SO XAY DUNG TINH MAU"),
        **changes,
    }


def settings(*, of_partner: dict[str, Any] | None = None, **changes: Any) -> Settings:
    """Settings of a destination with the contract's partner."""
    given: dict[str, Any] = {
        "partners": {"DEMOH99": partner(**(of_partner or {}))},
        "payment_hosts": ["pay.example.test"],
        "receipt_hosts": ["pay.example.test"],
        **changes,
    }
    return msgspec.convert(given, Settings, dec_hook=lambda _kind, value: value)


def adapter(*, of_partner: dict[str, Any] | None = None, **changes: Any) -> PaymentPlatformAdapter:
    return build(settings(of_partner=of_partner, **changes))


def order(**changes: Any) -> PaymentOrder:
    """The order of V01."""
    plain = PaymentOrder(
        reference=REFERENCE,
        asked_at=ASKED_AT,
        partner="DEMOH99",
        dossier="H99.15-260928-0007",
        amount=250_000,
        items=[
            OrderItem(kind=FeeKind.FEE, name="Phí thẩm định", amount=200_000),
            OrderItem(kind=FeeKind.CHARGE, name="Lệ phí cấp phép", amount=50_000),
        ],
        payer=OrderPayer(
            name="Nguyễn Văn Mẫu", identity="099000000001", address="Số 1 đường Mẫu", province="Tỉnh Mẫu"
        ),
        procedure=OrderProcedure(code="9.999001", name="Cấp giấy phép mẫu"),
        agency=OrderAgency(code="H99.15", name="Sở Xây dựng tỉnh Mẫu"),
    )
    return msgspec.structs.replace(plain, **changes)


def single(amount: int, **changes: Any) -> PaymentOrder:
    """An order with one fee of ``amount``."""
    return order(amount=amount, items=[OrderItem(kind=FeeKind.FEE, name="Phí", amount=amount)], **changes)


def delivery(of: PaymentOrder | None = None, **changes: Any) -> Delivery:
    wanted = of or order()
    plain = Delivery(
        id=1,
        lane=1,
        destination="payment_platform",
        dossier=wanted.dossier,
        operation="init",
        key=wanted.reference,
        position=1,
        payload=canonical.encode(wanted),
        attempts=1,
    )
    return msgspec.structs.replace(plain, **changes)


def context(**memory: str) -> Context:
    return Context(now=NOW, memory=memory)


def body_of(request: WireRequest) -> dict[str, Any]:
    return json.loads(request.body)


def reply(document: Any, status: int = 200) -> WireResponse:
    body = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    return WireResponse(status=status, headers=(("content-type", "application/json"),), body=body)


def call(document: Any, path: str = "confirm", method: str = "POST") -> CallbackRequest:
    body = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    return CallbackRequest(method=method, path=path, body=body)


# §5.5, V05
CONFIRM: dict[str, Any] = {
    "LoaiBanTin": "CONFIRM",
    "MaLoi": "00",
    "MaDoiTac": "DEMOH99",
    "MaThamChieu": REFERENCE,
    "SoTien": 250000,
    "MaTienTe": "VND",
    "MaGiaoDich": "PP26092800012345",
    "MaNganHang": "DEMOBANK",
    "ThoiGianGD": ASKED_AT,
    "ThongTinGiaoDich": "THANH TOAN HO SO H99.15-260928-0007",
    "MaXacThuc": "7708bc3598384098224e7a65f55255ea97c1a890374e8f44a525c2254d3e5fdf",
}
# §5.6, V13
QUERIED: dict[str, Any] = {
    **CONFIRM,
    "LoaiBanTin": "QUERY",
    "MoTaLoi": "Thành công",
    "TrangThaiGD": "1",
    "MaXacThuc": "da0082710cede79a0215fe90ec10aa6e2027412d060f752134214c56e0895d1e",
}
# §5.3, V15
TAKEN: dict[str, Any] = {
    "MaLoi": "00",
    "MoTaLoi": "Thành công",
    "MaDoiTac": "DEMOH99",
    "MaThamChieu": REFERENCE,
    "UrlThanhToan": PAY_URL,
    "MaXacThuc": "9cb894dff577c51d2d58e8840e18c11f48cc34ffcfd57725122d0ac00aa1184a",
}
