"""Invented applications for construction permits and planning information; nobody and no place in them exists."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from gateway.codec import xml
from gateway.codec.tree import build
from gateway.codec.xsd import Schema
from gateway.domain.declarations import ConstructionDeclaration, PlanningDeclaration
from gateway.domain.declarations import construction as c
from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    Fee,
    FeeKind,
    Procedure,
    ReturnMethod,
)
from gateway.domain.record import FileReference
from mappings.construction import calls

SPEC = Path(__file__).resolve().parents[2] / "adapters" / "construction" / "spec"
NOW = datetime(2026, 11, 25, 1, 5, tzinfo=UTC)
CONTENT = b"PDF-GIA-LAP"
ADDRESS = c.SiteAddress(
    street="đường Mẫu", ward="00001", ward_name="phường Mẫu", province="99", province_name="tỉnh Mẫu"
)
PARCEL = c.Parcel(parcel="12", map_sheet="34", area="120.50", issue_number="AA 000001")
SITE = c.Site(address=ADDRESS, parcels=[PARCEL])
PERSON = c.Submitter(
    kind=c.PartyKind.PERSON,
    name="NGUYỄN VĂN MẪU",
    number="000000000001",
    born_on=date(1980, 1, 1),
    phone="0900000001",
)
OWNER = c.Investor(kind=c.PartyKind.PERSON, name="NGUYỄN VĂN MẪU", number="000000000001", phone="0900000001")
COMPANY = c.Designer(
    kind=c.DesignerKind.ORGANISATION,
    name="CÔNG TY THIẾT KẾ MẪU",
    enterprise_number="0000000001",
    certificate="XXX-00000001",
    lead=c.Professional(name="TRẦN THỊ MẪU", certificate="XXX-00000002"),
    members=[c.Professional(discipline="Kết cấu", name="LÊ VĂN MẪU", certificate="XXX-00000003")],
)
HOUSE = c.Work(
    number=1,
    name="Nhà ở riêng lẻ",
    group=c.WorkGroup.HOUSE,
    kind=c.WorkKind.CIVIL,
    grade=c.WorkGrade.III,
    ground_area="80.00",
    level="0.450",
    setback="1.500",
    floor_area="240.00",
    floor_area_detail="tầng 1: 80; tầng 2: 80; tầng 3: 80",
    height="11.400",
    storeys=3,
    basements=0,
    roof_hut=False,
)
PERMIT = c.IssuedPermit(number="43/GPXD", issued_on=date(2026, 1, 5), issued_by="UBND phường Mẫu")


def paper(kind: c.PaperKind, **changes: Any) -> c.Attachment:
    """An attachment of eleven bytes."""
    file = FileReference(
        url=f"https://kho.mot-cua.example/{kind}.pdf",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        media_type="application/pdf",
    )
    return c.Attachment(
        id=kind,
        kind=kind,
        title="Giấy tờ mẫu",
        file_name=f"{kind}.pdf",
        file=msgspec.structs.replace(file, **changes),
    )


def papers(*kinds: c.PaperKind) -> list[c.Attachment]:
    return [paper(kind) for kind in kinds]


HOUSE_PAPERS = (c.PaperKind.APPLICATION, c.PaperKind.LAND, c.PaperKind.HOUSE_DRAWINGS, c.PaperKind.COMMITMENT)


def declared(**changes: Any) -> ConstructionDeclaration:
    """A new permit for a private house, complete."""
    fields: dict[str, Any] = {
        "kind": c.PermitKind.NEW,
        "filed_at": c.FiledAt.PORTAL,
        "addressed_to": "UBND phường Mẫu, tỉnh Mẫu",
        "submitter": PERSON,
        "investor": OWNER,
        "site": SITE,
        "designer": COMPANY,
        "request": c.PermitRequest(scope=c.PermitScope.WHOLE, works=[HOUSE], months=10),
        "attachments": papers(*HOUSE_PAPERS),
        "applied_on": date(2026, 11, 24),
    }
    return ConstructionDeclaration(**{**fields, **changes})


def planning(**changes: Any) -> PlanningDeclaration:
    """A question about one parcel, with its outline."""
    corners = [("2190000.000", "580000.000"), ("2190010.000", "580000.000"), ("2190010.000", "580012.050")]
    boundary = c.Boundary(
        reference_system="VN-2000",
        meridian="105-00",
        points=[c.BoundaryPoint(x=x, y=y) for x, y in corners],
    )
    fields: dict[str, Any] = {
        "applicant": PERSON,
        "site": msgspec.structs.replace(SITE, boundary=boundary),
        "topics": [c.PlanningTopic.LAND_USE, c.PlanningTopic.INDICATORS, c.PlanningTopic.BOUNDARIES],
    }
    return PlanningDeclaration(**{**fields, **changes})


def dossier(declaration: ConstructionDeclaration | PlanningDeclaration, **changes: Any) -> Dossier:
    """A dossier around it."""
    fields: dict[str, Any] = {
        "code": "H99.99.99-261125-0001",
        "version": 1,
        "procedure": Procedure(code="1.013225", national_code="1.013225"),
        "agency": Agency(code="H99.99.99", name="UBND phường Mẫu"),
        "channel": Channel.ONLINE,
        "applicant": Applicant(kind=ApplicantKind.CITIZEN, name="NGUYỄN VĂN MẪU"),
        "summary": "Cấp giấy phép xây dựng",
        "status": "received",
        "received_at": datetime(2026, 11, 25, 1, 0, tzinfo=UTC),
        "due_at": datetime(2026, 12, 4, 10, 0, tzinfo=UTC),
        "return_method": ReturnMethod.ELECTRONIC,
        "fees": [Fee(id="1", name="Lệ phí", kind=FeeKind.CHARGE, amount=75_000, paid_at=NOW)],
        "declaration": declaration,
    }
    return Dossier(**{**fields, **changes})


def enclosed(attachments: list[c.Attachment]) -> tuple[calls.Enclosed, ...]:
    return tuple(
        calls.Enclosed(
            kind=each.kind,
            title=each.title,
            file_name=each.file_name,
            media_type=each.file.media_type or "",
            size=len(CONTENT),
            sha256=each.file.sha256 or "",
            content=CONTENT,
        )
        for each in attachments
    )


def filing(record: Dossier) -> calls.Filing:
    declaration = record.declaration
    assert isinstance(declaration, ConstructionDeclaration | PlanningDeclaration)
    return calls.Filing(
        code=record.code,
        procedure=record.procedure,
        received_at=record.received_at,
        due_at=record.due_at,
        return_method=record.return_method,
        declaration=declaration,
        enclosed=enclosed(declaration.attachments),
        fees=tuple(record.fees),
    )


CALLER = calls.Caller(
    id="3f0c2b5e-7a51-4a0e-9a10-000000000001",
    agency="H99.99.99",
    sent_at=NOW,
    service="1.013225",
    integration="MAU",
    officer="canbo.mau",
)


def call(**changes: Any) -> calls.Call:
    return calls.Call(**{"caller": CALLER, "dossiers": ("H99.99.99-261125-0001",), **changes})


def schema() -> Schema:
    return Schema((SPEC / "CapPhepXayDung.xsd").read_bytes(), name="CapPhepXayDung.xsd")


def element(operation: str, made: calls.Call) -> xml.Element:
    return build(calls.request(operation, made), calls.NAMESPACE)


def _richest() -> c.PermitRequest:
    section = c.LineSection(address=ADDRESS, length="120.000", level="-0.100")
    work = msgspec.structs.replace(
        HOUSE,
        national_number="XD-99-2026-0000001",
        height_detail="tầng 1: 3,8 m",
        mezzanine=True,
        storeys_detail="3 tầng",
        density="66.40",
        floor_ratio="1.99",
        length="240.000",
        clearance="4.5",
        depth="2",
        sections=[section, section],
        stage=1,
    )
    return c.PermitRequest(
        scope=c.PermitScope.STAGE,
        project=c.InvestmentProject(
            name="Dự án Mẫu",
            approved_by="UBND tỉnh Mẫu",
            decision_number="01/QĐ",
            decided_on=date(2026, 1, 2),
        ),
        works=[work, msgspec.structs.replace(work, number=2)],
        repair="Gia cố móng",
        destination=SITE,
        permit=msgspec.structs.replace(PERMIT, national_number="XD-1", start_until=date(2027, 1, 5)),
        adjustment="Thêm tầng",
        reason="Rách",
        extension=2,
        term="5 năm",
        months=12,
    )


def richest() -> ConstructionDeclaration:
    """Every field filled, whether or not it makes sense together."""
    address = msgspec.structs.replace(ADDRESS, detail="Số 1", hamlet="Tổ 2")
    return declared(
        submitter=msgspec.structs.replace(
            PERSON,
            gender=c.SubmitterGender.OTHER,
            number_issued_on=date(2020, 1, 1),
            number_issued_by="Bộ Mẫu",
            organisation="CÔNG TY MẪU",
            enterprise_number="0000000001-001",
            email="mau@example.invalid",
            residence=address,
            authorised=True,
        ),
        investor=msgspec.structs.replace(
            OWNER,
            enterprise_number="0000000001",
            representative="LÊ VĂN MẪU",
            position="Giám đốc",
            representative_number="000000000002",
            email="mau@example.invalid",
            address=address,
            co_owners=["A MẪU", "B MẪU"],
        ),
        site=msgspec.structs.replace(
            planning().site,
            parcels=[
                PARCEL,
                msgspec.structs.replace(
                    PARCEL,
                    plot="LK-1",
                    land_use="ODT",
                    paper_kind="GCN",
                    register_number="CS1",
                    issued_on=date(2019, 5, 5),
                    issued_by="Sở Mẫu",
                ),
            ],
        ),
        reviewer=COMPANY,
        request=_richest(),
        return_address=address,
        attachments=papers(*c.PaperKind),
    )


def every_call() -> dict[str, list[calls.Call]]:
    """Calls of every operation, the barest and the richest."""
    permit, rich = filing(dossier(declared())), filing(dossier(richest()))
    return {
        "NopHoSo": [call(filing=permit), call(filing=rich)],
        "TraCuuTrangThai": [call(), call(dossiers=("H99-261125-0001", "H99.1-261125-000002"))],
        "LayDanhSachThayDoi": [call(), call(cursor="abc==", most=500)],
        "LayYeuCauBoSung": [call()],
        "NopBoSung": [
            call(notice="BS-0001"),
            call(notice="BS-0001", explanation="Đã bổ sung", request=_richest(), enclosed=rich.enclosed),
        ],
        "LayKetQua": [call()],
        "XacNhanDaNhan": [call(information=kind) for kind in "1234"],
        "RutHoSo": [call(reason="Không còn nhu cầu")],
        "YeuCauThongTinQuyHoach": [
            call(filing=filing(dossier(planning()))),
            call(
                filing=filing(
                    dossier(
                        planning(
                            topics=list(c.PlanningTopic),
                            purpose="Lập dự án",
                            return_address=ADDRESS,
                            attachments=papers(c.PaperKind.PLANNING_PAPER),
                        )
                    )
                )
            ),
        ],
        "LayThongTinQuyHoach": [call()],
        "TraCuuGiayPhep": [call(permit_number="43/GPXD"), call(work_number="XD-99-2026-0000001")],
        "TraCuuChungChiHanhNghe": [call(certificate="XXX-00000001"), call(holder="000000000001")],
        "LayDanhMuc": [call(catalogue=kind) for kind in "123456"],
    }
