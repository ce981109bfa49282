"""Builders for tests of the national portal adapter: the contract's example dossier, deliveries, answers.

Everything is invented; the dossier is the one of national_portal §12.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapters.national_portal.adapter import PortalAdapter, build
from adapters.national_portal.settings import Settings
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Document,
    Dossier,
    Fee,
    FeeKind,
    FileReference,
    Identity,
    IdentityKind,
    Paper,
    PaymentMethod,
    Procedure,
    Result,
    Reuse,
    Step,
    Supplement,
)
from gateway.port import Context, Secret, WireResponse

NOW = datetime(2024, 1, 25, 3, 0, tzinfo=UTC)
JSON = (("content-type", "application/json; charset=utf-8"),)
CODE = "H99.14-240115-0007"
FILES = "https://adapter.example.invalid/downloadfile/0b8f7d0e-1111-4222-8333-"


def at(day: int, hour: int, minute: int = 0, month: int = 1) -> datetime:
    """An instant of 2024 in Vietnam time, as aware UTC."""
    return datetime(2024, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=7)


def settings(**changes: Any) -> Settings:
    """Settings of an invented destination."""
    plain: dict[str, Any] = {
        "adapter_url": "https://adapter.h99.example/XrdAdapter/RestService/forward",
        "username": "h99_gateway",
        "password": Secret("mat-khau-mo-phong"),
        "madonvi": "H99",
        "province_code": "H99",
        "agency_name": "Ủy ban nhân dân tỉnh Mô phỏng",
    }
    return Settings(**{**plain, **changes})


def adapter(**changes: Any) -> PortalAdapter:
    """An adapter with these settings changed."""
    return build(settings(**changes))


def document(number: str, last: str, **changes: Any) -> Document:
    """A submitted file of the example."""
    plain: dict[str, Any] = {
        "id": number,
        "name": "to-khai.pdf",
        "component_code": "000.00.00.H99-TP0001",
        "file": FileReference(url=f"{FILES}{last}"),
        "digitised": True,
    }
    return Document(**{**plain, **changes})


def dossier(**changes: Any) -> Dossier:
    """The dossier of §12.5 as its source system would send it: just accepted, filed online, one result reused."""
    plain: dict[str, Any] = {
        "code": CODE,
        "version": 1,
        "procedure": Procedure(
            code="TN-01",
            national_code="1.009901.000.00.00.H99",
            name="Cấp giấy xác nhận thử nghiệm",
            field_code="G99-TN01",
            field_name="Thử nghiệm",
        ),
        "agency": Agency(code="H99.14", name="Sở Thử nghiệm"),
        "channel": Channel.ONLINE,
        "applicant": Applicant(
            kind=ApplicantKind.CITIZEN,
            name="Nguyễn Văn Thử",
            identities=[Identity(kind=IdentityKind.PERSONAL_ID, number="099000000001")],
            email="thu@example.invalid",
            phone="0900000001",
            account_id="tech-0000-demo",
            account_verified=True,
        ),
        "summary": "Đề nghị cấp giấy xác nhận",
        "status": "received",
        "submitted_at": at(14, 21, 30),
        "received_at": at(15, 8, 5),
        "due_at": at(22, 8, 5),
        "documents": [
            document("700001", "444455556666"),
            document(
                "700002",
                "444455557777",
                name="chung-nhan-cu.pdf",
                component_code="000.00.00.H99-TP0002",
                reuse=Reuse.RESULT,
                replaced_result_code="KQ.H99.000011",
                from_national_store=True,
            ),
        ],
        "fees": [
            Fee(
                id="1",
                name="Lệ phí cấp giấy",
                kind=FeeKind.CHARGE,
                amount=150_000,
                code="LP.G99.000001",
                method=PaymentMethod.PORTAL,
                paid_at=at(14, 21, 31),
            )
        ],
        "databases": ["population"],
    }
    return Dossier(**{**plain, **changes})


def returned(**changes: Any) -> Dossier:
    """The dossier of §12.6: one supplement round done, finished, result handed over."""
    plain: dict[str, Any] = {
        "version": 6,
        "status": "returned",
        "due_at": at(24, 8, 5),
        "finished_at": at(23, 15),
        "returned_at": at(24, 9, 15),
        "return_note": "Trả kết quả điện tử",
        "papers": [Paper(name="Ảnh 3x4", quantity=2)],
        "supplements": [
            Supplement(
                id=501,
                requested_at=at(17, 9),
                requested_by="Trần Thị Mẫu",
                reason="Bổ sung ảnh 3x4",
                old_due_at=at(22, 8, 5),
                received_at=at(19, 9),
                received_by="Trần Thị Mẫu",
                received_note="Đủ giấy tờ",
                new_due_at=at(24, 8, 5),
            )
        ],
        "results": [
            Result(
                id="800001",
                name="Giấy xác nhận số 12/GXN",
                code="KQ.H99.000031",
                file=FileReference(url=f"{FILES}444455558888"),
            )
        ],
        "steps": steps(),
    }
    return dossier(**{**plain, **changes})


def steps() -> list[Step]:
    """The five steps of §12.7."""
    return [
        Step(id="s1", at=at(15, 8, 5), status="received", actor="Cán bộ một cửa", note="Tiếp nhận hồ sơ"),
        Step(
            id="s2",
            at=at(17, 9),
            status="supplement_requested",
            actor="Trần Thị Mẫu",
            title="Chuyên viên",
            unit="Phòng Thử nghiệm",
            note="Yêu cầu bổ sung ảnh",
            started_at=at(15, 8, 5),
            due_at=at(18, 8, 5),
        ),
        Step(
            id="s3",
            at=at(19, 9),
            status="processing",
            actor="Trần Thị Mẫu",
            note="Đã bổ sung, tiếp tục xử lý",
        ),
        Step(
            id="s4",
            at=at(23, 15),
            status="finished",
            actor="Lê Văn Giả",
            title="Lãnh đạo",
            note="Ký kết quả",
        ),
        Step(id="s5", at=at(24, 9, 15), status="returned", actor="Cán bộ một cửa", note="Trả kết quả"),
    ]


def deliveries(portal: PortalAdapter, record: Dossier, operation: str) -> list[Delivery]:
    """The deliveries of one operation that ``record`` calls for."""
    return [
        Delivery(
            id=number,
            lane=1,
            destination="national_portal",
            dossier=record.code,
            operation=planned.operation,
            key=planned.key,
            position=number,
            payload=planned.payload,
        )
        for number, planned in enumerate(portal.plan(record), start=1)
        if planned.operation == operation
    ]


def context(**changes: Any) -> Context:
    """What the hub lends for a call."""
    plain: dict[str, Any] = {
        "now": NOW,
        "credentials": {"session": "5d1b0c6e"},
        "memory": {"partner_code": CODE},
    }
    return Context(**{**plain, **changes})


def remembering(**memory: str) -> Context:
    """A context whose lane remembers ``memory``."""
    return context(memory={"partner_code": CODE, **memory})


def sent(portal: PortalAdapter, record: Dossier, operation: str = "dossier", **changes: Any) -> Any:
    """The decoded body of the call that carries ``record``."""
    request = portal.encode(deliveries(portal, record, operation), context(**changes))
    return msgspec.json.decode(request.body)


def item(
    portal: PortalAdapter, record: Dossier, operation: str = "dossier", **changes: Any
) -> dict[str, Any]:
    """The first official object in the call that carries ``record``."""
    data = sent(portal, record, operation, **changes)["data"]
    return data if isinstance(data, dict) else data[0]


def answer(
    code: object = "0", message: object = "Đồng bộ thành công", status: int = 200, **more: Any
) -> WireResponse:
    """The portal's answer."""
    body = {"error_code": code, "message": message, **more}
    return WireResponse(status=status, headers=JSON, body=msgspec.json.encode(body))


def raw(body: bytes, status: int = 200, *headers: tuple[str, str]) -> WireResponse:
    """An answer as bytes."""
    return WireResponse(status=status, headers=headers or JSON, body=body)
