"""What the ministries' contenders get: construction permits, an application for a judicial record, keys to sign with.

Everybody is invented. The same arguments give the same records, in every process.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from adapters.judicial_records import Settings as JudicialSettings
from adapters.judicial_records import build as build_judicial
from adapters.judicial_records.settings import Centre
from gateway.codec.xsd import Schema
from gateway.domain.declarations import ConstructionDeclaration
from gateway.domain.declarations import construction as c
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    Fee,
    FeeKind,
    FileReference,
    Procedure,
    ReturnMethod,
)
from gateway.port import Adapter, Secret
from gateway.port.signing import Profile

ADAPTERS = Path(__file__).resolve().parents[1] / "adapters"
SPEC = ADAPTERS / "construction" / "spec"
WSDL = SPEC / "CapPhepXayDung.wsdl"
XSD = SPEC / "CapPhepXayDung.xsd"
JUDICIAL_SAMPLES = ADAPTERS / "judicial_records" / "spec" / "samples.jsonl"
KINDS = {"RSA-2048": "rsa", "P-256": "ec"}
SMALL, LARGE = 11, 1024 * 1024
SIZES = {"6 KB": SMALL, "1 MB": LARGE}
NOW = datetime(2026, 11, 25, 1, 5, tzinfo=UTC)
SUBMIT = "NopHoSo"
JSON = (("content-type", "application/json; charset=utf-8"),)
JUDICIAL_ANSWER = '{"status": 1, "statusDescription": "Gửi thông tin thành công"}'.encode()
_CALL = re.compile(rb"<(?:[A-Za-z0-9]+:)?MaYeuCau>([^<]+)<")
_ACKNOWLEDGED = """<?xml version='1.0' encoding='UTF-8'?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><NopHoSoResponse
xmlns="http://www.moc.gov.vn/capphepxaydung/1.0"><KetQua><MaYeuCau>%s</MaYeuCau><TrangThai>1</TrangThai>
<MoTa>Giao dịch thành công</MoTa><ThoiDiem>2026-11-25T08:05:01+07:00</ThoiDiem></KetQua>
<MaHoSoBXD>BXD-MAU-000001</MaHoSoBXD></NopHoSoResponse></soap:Body></soap:Envelope>"""
_BEFORE, _AFTER = (part.encode() for part in _ACKNOWLEDGED.split("%s"))
_NAME, _IDENTITY, _PHONE = "NGUYỄN VĂN MẪU", "000000000001", "0900000001"
_ADDRESS = c.SiteAddress(
    detail="Số 1",
    street="đường Mẫu",
    ward="00001",
    ward_name="phường Mẫu",
    province="99",
    province_name="Mẫu",
)
_PAPERS = (
    *(c.PaperKind.APPLICATION, c.PaperKind.LAND, c.PaperKind.HOUSE_DRAWINGS, c.PaperKind.COMMITMENT),
    *(
        c.PaperKind.DESIGNER_CAPACITY,
        c.PaperKind.DESIGN_REVIEW,
        c.PaperKind.APPRAISAL,
        c.PaperKind.FIRE_SAFETY,
    ),
)


def content(kind: c.PaperKind, size: int) -> bytes:
    """A file that no compression makes small: drawings of ``size`` bytes, everything else small."""
    return hashlib.shake_256(kind.encode()).digest(size if kind is c.PaperKind.HOUSE_DRAWINGS else SMALL)


def files(size: int) -> dict[str, bytes]:
    """The bytes of every attachment of ``permit``."""
    return {hashlib.sha256(each).hexdigest(): each for each in (content(kind, size) for kind in _PAPERS)}


def code(number: int) -> str:
    """Number of the dossier of ``permit``."""
    return f"H99.99.99-261125-{number:06d}"


def permit(number: int, size: int = SMALL) -> Dossier:
    """Application ``number`` for a private house, complete; its drawings have ``size`` bytes."""
    return Dossier(
        code=code(number),
        version=1,
        procedure=Procedure(code="1.013225", national_code="1.013225"),
        agency=Agency(code="H99.99.99", name="UBND phường Mẫu"),
        channel=Channel.ONLINE,
        applicant=Applicant(kind=ApplicantKind.CITIZEN, name=_NAME),
        summary="Cấp giấy phép xây dựng",
        status="received",
        received_at=datetime(2026, 11, 25, 1, 0, tzinfo=UTC),
        due_at=datetime(2026, 12, 4, 10, 0, tzinfo=UTC),
        return_method=ReturnMethod.ELECTRONIC,
        fees=[Fee(id="1", name="Lệ phí", kind=FeeKind.CHARGE, amount=75_000, paid_at=NOW)],
        declaration=_declaration(size),
    )


def _declaration(size: int) -> ConstructionDeclaration:
    return ConstructionDeclaration(
        kind=c.PermitKind.NEW,
        filed_at=c.FiledAt.PORTAL,
        addressed_to="UBND phường Mẫu, tỉnh Mẫu",
        submitter=c.Submitter(
            kind=c.PartyKind.PERSON,
            name=_NAME,
            number=_IDENTITY,
            phone=_PHONE,
            born_on=date(1980, 1, 1),
            email="mau@example.invalid",
            residence=_ADDRESS,
        ),
        investor=c.Investor(
            kind=c.PartyKind.PERSON, name=_NAME, number=_IDENTITY, phone=_PHONE, address=_ADDRESS
        ),
        site=c.Site(address=_ADDRESS, parcels=[_parcel(number) for number in range(3)]),
        designer=_designer(),
        request=c.PermitRequest(scope=c.PermitScope.WHOLE, works=[_house()], months=10),
        attachments=[_paper(kind, size) for kind in _PAPERS],
        applied_on=date(2026, 11, 24),
    )


def _parcel(number: int) -> c.Parcel:
    return c.Parcel(
        parcel=str(12 + number),
        map_sheet="34",
        area="120.50",
        issue_number=f"AA 00000{number}",
        land_use="ODT",
    )


def _designer() -> c.Designer:
    return c.Designer(
        kind=c.DesignerKind.ORGANISATION,
        name="CÔNG TY THIẾT KẾ MẪU",
        enterprise_number="0000000001",
        certificate="MAU-00000001",
        lead=c.Professional(name="TRẦN THỊ MẪU", certificate="MAU-00000002"),
        members=[
            c.Professional(discipline=discipline, name="LÊ VĂN MẪU", certificate="MAU-00000003")
            for discipline in ("Kiến trúc", "Kết cấu", "Điện", "Nước")
        ],
    )


def _house() -> c.Work:
    return c.Work(
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


def _paper(kind: c.PaperKind, size: int) -> c.Attachment:
    body = content(kind, size)
    return c.Attachment(
        id=kind,
        kind=kind,
        title="Giấy tờ mẫu",
        file_name=f"{kind}.pdf",
        file=FileReference(
            url=f"https://kho.mot-cua.example/{kind}.pdf",
            sha256=hashlib.sha256(body).hexdigest(),
            size=len(body),
            media_type="application/pdf",
        ),
    )


def call_of(request: bytes) -> bytes:
    """MaYeuCau of a submission, under whatever prefix."""
    found = _CALL.search(request)
    if found is None:
        raise ValueError("the request names no call")
    return found[1]


def acknowledgement(call: bytes) -> bytes:
    """The ministry's answer to a submission that it has taken."""
    return _BEFORE + call + _AFTER


def application(number: int) -> Dossier:
    """Application ``number`` for a judicial record: the first example of the adapter under a code of its own."""
    sample = msgspec.json.decode(JUDICIAL_SAMPLES.read_bytes().splitlines()[0], type=Dossier)
    return msgspec.structs.replace(sample, code=application_code(number), source="bench")


def application_code(number: int) -> str:
    """Number of the dossier of ``application``."""
    return f"H99.14-261123-{number:06d}"


def construction_adapter(url: str) -> Adapter:
    """The adapter for construction, SOAP 1.1 at ``url``, nothing in front of it; requests are signed with ``bench``."""
    from adapters.construction import Settings, build
    from adapters.construction.settings import Signing

    signing = Signing(profile=Profile.WSSE_X509, key="bench")
    return build(Settings(url=url, unit="H99.99.99", signing=signing, feed=None))


def judicial_adapter(url: str) -> Adapter:
    """The adapter for judicial records with its centre at ``url`` and nothing in front of it."""
    centre = Centre(base_url=url, auth_key=Secret("khoa-mo-phong"))
    return build_judicial(JudicialSettings(province_code="99", province_name="Tỉnh Mẫu", centre=centre))


def delivery(adapter: Adapter, dossier: Dossier) -> Delivery:
    """The one thing that ``dossier`` calls for."""
    (planned,) = adapter.plan(dossier)
    return Delivery(
        id=1,
        lane=1,
        destination="bench",
        dossier=dossier.code,
        operation=planned.operation,
        key=planned.key,
        position=0,
        payload=planned.payload,
    )


def schema() -> Schema:
    """The ministry's schema, compiled."""
    return Schema(XSD.read_bytes(), name=XSD.name)


class KeyFiles(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files of one key and its certificate."""

    key: Path
    certificate: Path


def keys_in(folder: str, kind: str) -> KeyFiles:
    """What ``key_files`` has put there."""
    return KeyFiles(key=Path(folder) / f"{kind}.key", certificate=Path(folder) / f"{kind}.pem")


def key_files(folder: Path, kind: str) -> KeyFiles:
    """A new key of ``kind`` (rsa or ec) with a certificate for two days."""
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if kind == "rsa":
        private = rsa.generate_private_key(65537, 2048)
    else:
        private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"bench {kind}")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    made = keys_in(str(folder), kind)
    made.key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    made.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return made
