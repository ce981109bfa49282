"""Invented requests to ministries: a certificate of judicial record, a permit for a house.

Invariant: the same chance gives the same request; whoever a stand-in is to want more papers of has a number that says so.
"""

from __future__ import annotations

from datetime import date
from random import Random

import msgspec

from gateway.cli.demo.store import Store
from gateway.domain.declarations import (
    ConstructionDeclaration,
    Declaration,
    JudicialRecordDeclaration,
    PlanningDeclaration,
)
from gateway.domain.declarations.construction import (
    Attachment,
    Designer,
    DesignerKind,
    FiledAt,
    Investor,
    PaperKind,
    Parcel,
    PartyKind,
    PermitKind,
    PermitRequest,
    PermitScope,
    Professional,
    Site,
    SiteAddress,
    Submitter,
    Work,
    WorkGrade,
    WorkGroup,
    WorkKind,
)
from gateway.domain.declarations.judicial_record import (
    CertificateKind,
    FiledThrough,
    Gender,
    IdentityPaper,
    Person,
    Place,
    Relative,
    Sojourn,
)
from gateway.domain.dossier import Document, Dossier, FileReference

_NAMES = ("Nguyễn Văn Thử", "Trần Thị Mẫu", "Lê Minh Phỏng", "Phạm Thu Giả", "Hoàng Gia Ẩn", "Vũ Hồng Nháp")
_CLEAN = "012345"
_BUILT = (
    (PaperKind.APPLICATION, "Đơn đề nghị cấp giấy phép xây dựng"),
    (PaperKind.LAND, "Giấy chứng nhận quyền sử dụng đất"),
    (PaperKind.HOUSE_DRAWINGS, "Bản vẽ thiết kế nhà ở"),
    (PaperKind.COMMITMENT, "Bản cam kết"),
)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One request that is to be invented, filed ``on``. ``supplement``: the ministry will want more."""

    number: int
    supplement: bool
    on: date
    chance: Random
    store: Store


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: the form, the papers beside it, and who asks."""

    applicant: str
    paper: str
    declaration: Declaration
    documents: list[Document] = []


def scanned(case: Case, title: str) -> FileReference:
    """A paper in the one-door system's store."""
    body = case.chance.randbytes(2_000).hex()
    return case.store.put(f"%PDF-1.4\n% {title} {case.number}\n{body}\n%%EOF\n".encode())


def attachments(dossier: Dossier) -> frozenset[str]:
    """Digests of everything that the applicant has handed in."""
    brought = [each for supplement in dossier.supplements for each in supplement.documents]
    files = [each.file for each in (*dossier.documents, *brought) if each.file is not None]
    if isinstance(dossier.declaration, ConstructionDeclaration | PlanningDeclaration):
        files += [each.file for each in dossier.declaration.attachments]
    return frozenset(each.sha256 for each in files if each.sha256)


def certificate(case: Case) -> Wish:
    """A certificate of judicial record. A paper that ends in 9 is not clear enough for the stand-in."""
    chance = case.chance
    name, number = chance.choice(_NAMES), _number(case, "9")
    home = Place(
        province="99",
        province_name="Tỉnh Mô phỏng",
        ward="00001",
        ward_name="Phường Mẫu",
        detail=f"Số {chance.randrange(1, 300)} đường Mẫu",
    )
    person = Person(
        name=name.upper(),
        gender=chance.choice(list(Gender)),
        born_on=f"{chance.randrange(1960, 2007)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}",
        birthplace=home,
        residence=home,
        paper=IdentityPaper(
            kind="citizen_card", number=number, issued_on="2022-06-05", issued_by="Cơ quan cấp mẫu"
        ),
    )
    lived = Sojourn(address=home, kind="1", since="2010-01", until="2026-10", occupation="Lao động tự do")
    declaration = JudicialRecordDeclaration(
        certificate=chance.choice(list(CertificateKind)),
        filed_through=FiledThrough.PROVINCE_PORTAL,
        copies=chance.randrange(1, 4),
        person=person,
        father=Relative(name="NGUYỄN VĂN CHA"),
        mother=Relative(name="TRẦN THỊ MẸ"),
        purpose="1",
        purpose_name="Xin việc làm",
        sojourns=[lived],
    )
    title = "Bản sao căn cước"
    document = Document(id=f"can-cuoc-{case.number}", name=f"{title}.pdf", file=scanned(case, title))
    return Wish(applicant=name, paper=number, declaration=declaration, documents=[document])


def permit(case: Case) -> Wish:
    """A permit for a house. Of an investor whose number ends in 6 the stand-in wants another commitment."""
    chance = case.chance
    name, number, phone = chance.choice(_NAMES), _number(case, "6"), f"09{chance.randrange(10**8):08}"
    address = SiteAddress(
        street="đường Mẫu", ward="00001", ward_name="phường Mẫu", province="99", province_name="tỉnh Mô phỏng"
    )
    parcel = Parcel(area="120.50", map_sheet="34", parcel=str(case.number), issue_number="AA 000001")
    declaration = ConstructionDeclaration(
        kind=PermitKind.NEW,
        filed_at=FiledAt.PORTAL,
        addressed_to="Sở Xây dựng tỉnh Mô phỏng",
        submitter=Submitter(kind=PartyKind.PERSON, name=name.upper(), number=number, phone=phone),
        investor=Investor(kind=PartyKind.PERSON, name=name.upper(), number=number, phone=phone),
        site=Site(address=address, parcels=[parcel]),
        designer=_designer(),
        request=PermitRequest(scope=PermitScope.WHOLE, months=10, works=[_house(chance)]),
        attachments=[
            Attachment(
                id=kind.value, kind=kind, title=title, file_name=f"{kind}.pdf", file=scanned(case, title)
            )
            for kind, title in _BUILT
        ],
        applied_on=case.on,
    )
    return Wish(applicant=name, paper=number, declaration=declaration)


def _number(case: Case, supplement: str) -> str:
    ending = supplement if case.supplement else case.chance.choice(_CLEAN)
    return f"099{case.chance.randrange(10**5):05}{case.number % 1000:03}{ending}"


def _designer() -> Designer:
    return Designer(
        kind=DesignerKind.ORGANISATION,
        name="CÔNG TY THIẾT KẾ MẪU",
        enterprise_number="0000000001",
        certificate="MAU-00000001",
        lead=Professional(name="TRẦN THỊ MẪU", certificate="MAU-00000002"),
    )


def _house(chance: Random) -> Work:
    storeys = chance.randrange(1, 5)
    return Work(
        number=1,
        name="Nhà ở riêng lẻ",
        group=WorkGroup.HOUSE,
        kind=WorkKind.CIVIL,
        grade=WorkGrade.III,
        ground_area="80.00",
        level="0.450",
        setback="1.500",
        floor_area=f"{80 * storeys}.00",
        floor_area_detail="; ".join(f"tầng {storey}: 80" for storey in range(1, storeys + 1)),
        height=f"{3.8 * storeys:.3f}",
        storeys=storeys,
        basements=0,
    )
