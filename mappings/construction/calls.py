"""The thirteen requests, one table each (construction §4, appendix A).

A call is a ``Call``: who calls, and what this operation needs of it. Invariant: caller and correlation stand in the
body, because gateways drop and rewrite headers (construction §5); rows stand in the order of the schema.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from gateway.domain.declarations.construction import (
    ConstructionDeclaration,
    PaperKind,
    PermitRequest,
    PlanningDeclaration,
)
from gateway.domain.dossier import Fee, Procedure, ReturnMethod
from gateway.mapping.tree import Row, Tree, tree
from mappings.construction.codes import FILED_AT, PAPERS, PERMIT_KINDS, RETURN_METHODS, TOPICS
from mappings.construction.parts import ADDRESS, DESIGNER, INVESTOR, REQUEST, SITE, SUBMITTER

NAMESPACE = "http://www.moc.gov.vn/capphepxaydung/1.0"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """ThongTinChung. ``id`` is the same whenever the same thing is sent again: the partner answers it once."""

    id: str
    agency: str
    sent_at: datetime
    service: str = ""
    integration: str = ""
    officer: str = ""


class Enclosed(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it travels."""

    kind: PaperKind
    title: str
    file_name: str
    media_type: str
    size: int
    sha256: str
    content: bytes


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier with the bytes of its attachments; fields are named as in the dossier."""

    code: str
    procedure: Procedure
    received_at: datetime | None
    due_at: datetime | None
    return_method: ReturnMethod
    declaration: ConstructionDeclaration | PlanningDeclaration
    enclosed: tuple[Enclosed, ...]
    fees: tuple[Fee, ...] = ()
    national_code: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call; every operation uses the fields that its table names."""

    caller: Caller
    filing: Filing | None = None
    dossiers: tuple[str, ...] = ()
    cursor: str = ""
    most: int | None = None
    notice: str = ""
    explanation: str = ""
    request: PermitRequest | None = None
    enclosed: tuple[Enclosed, ...] = ()
    information: str = ""
    reason: str = ""
    permit_number: str = ""
    work_number: str = ""
    certificate: str = ""
    holder: str = ""
    catalogue: str = ""


class _Charge(msgspec.Struct, frozen=True, kw_only=True):
    amount: int
    paid: bool


def _charge(filing: Filing) -> _Charge | None:
    """LePhi: one sum; it counts as paid when everything is."""
    if not filing.fees:
        return None
    return _Charge(
        amount=sum(fee.amount for fee in filing.fees),
        paid=all(fee.paid_at is not None for fee in filing.fees),
    )


def _procedure(filing: Filing) -> str:
    return filing.procedure.national_code or filing.procedure.code


def _applied_on(filing: Filing) -> date | None:
    declaration = filing.declaration
    return declaration.applied_on if isinstance(declaration, ConstructionDeclaration) else None


COMMON = (
    Row("MaYeuCau", "id"),
    Row("MaDVC", "service"),
    Row("MaTichHop", "integration"),
    Row("MaDonVi", "agency"),
    Row("MaCanBo", "officer"),
    Row("ThoiDiemGui", "sent_at"),
)
_CALLER = Row("ThongTinChung", "caller", COMMON)
_DOSSIER = Row("MaHoSo", "dossiers", pointer="code")
ENCLOSED = (
    Row("MaGiayTo", "kind", codes=PAPERS),
    Row("TenGiayTo", "title"),
    Row("TenTep", "file_name"),
    Row("LoaiTep", "media_type", pointer="file/media_type"),
    Row("KichThuoc", "size", pointer="file/size"),
    Row("MaBamSHA256", "sha256", pointer="file/sha256"),
    Row("NoiDung", "content", pointer="file"),
)
RETURN = (
    Row("HinhThuc", "return_method", codes=RETURN_METHODS),
    Row("DiaChiNhan", "declaration.return_address", ADDRESS),
)
CHARGE = (Row("SoTien", "amount"), Row("DaNop", "paid"))
HO_SO = (
    Row("MaHoSo", "code"),
    Row("MaHoSoQuocGia", "national_code", pointer="code"),
    Row("MaTTHC", _procedure, pointer="procedure/national_code"),
    Row("LoaiThuTuc", "declaration.kind", codes=PERMIT_KINDS),
    Row("NguonDangKy", "declaration.filed_at", codes=FILED_AT),
    Row("NgayTiepNhan", "received_at"),
    Row("NgayHenTra", "due_at"),
    Row("KinhGui", "declaration.addressed_to"),
    Row("NguoiNop", "declaration.submitter", SUBMITTER),
    Row("ChuDauTu", "declaration.investor", INVESTOR),
    Row("DiaDiem", "declaration.site", SITE),
    Row("LapThietKe", "declaration.designer", DESIGNER),
    Row("ThamTraThietKe", "declaration.reviewer", DESIGNER),
    Row("NoiDungDeNghi", "declaration.request", REQUEST),
    Row("NhanKetQua", lambda filing: filing, RETURN),
    Row("LePhi", _charge, CHARGE, pointer="fees"),
    Row("TepDinhKem", "enclosed", ENCLOSED, pointer="declaration/attachments"),
    Row("NgayLamDon", _applied_on, pointer="declaration/applied_on"),
)
YEU_CAU = (
    Row("MaHoSo", "code"),
    Row("MaTTHC", _procedure, pointer="procedure/national_code"),
    Row("NgayTiepNhan", "received_at"),
    Row("NgayHenTra", "due_at"),
    Row("NguoiYeuCau", "declaration.applicant", SUBMITTER),
    Row("ViTri", "declaration.site", SITE),
    Row("NoiDungYeuCau", "declaration.topics", codes=TOPICS),
    Row("MucDich", "declaration.purpose"),
    Row("NhanKetQua", lambda filing: filing, RETURN),
    Row("TepDinhKem", "enclosed", ENCLOSED, pointer="declaration/attachments"),
)
REQUESTS: dict[str, tuple[Row, ...]] = {
    "NopHoSo": (_CALLER, Row("HoSo", lambda call: call.filing, HO_SO)),
    "TraCuuTrangThai": (_CALLER, _DOSSIER),
    "LayDanhSachThayDoi": (_CALLER, Row("ConTro", "cursor"), Row("SoBanGhi", "most")),
    "LayYeuCauBoSung": (_CALLER, _DOSSIER),
    "NopBoSung": (
        _CALLER,
        _DOSSIER,
        Row("MaYeuCauBoSung", "notice"),
        Row("GiaiTrinh", "explanation"),
        Row("NoiDungDeNghi", "request", REQUEST, pointer="declaration/request"),
        Row("TepDinhKem", "enclosed", ENCLOSED, pointer="declaration/attachments"),
    ),
    "LayKetQua": (_CALLER, _DOSSIER),
    "XacNhanDaNhan": (_CALLER, Row("LoaiThongTin", "information"), _DOSSIER),
    "RutHoSo": (_CALLER, _DOSSIER, Row("LyDo", "reason", pointer="note")),
    "YeuCauThongTinQuyHoach": (_CALLER, Row("YeuCau", lambda call: call.filing, YEU_CAU)),
    "LayThongTinQuyHoach": (_CALLER, _DOSSIER),
    "TraCuuGiayPhep": (
        _CALLER,
        Row("SoGiayPhep", "permit_number"),
        Row("MaSoThongTinCongTrinh", "work_number"),
    ),
    "TraCuuChungChiHanhNghe": (_CALLER, Row("MaSoChungChi", "certificate"), Row("SoDinhDanh", "holder")),
    "LayDanhMuc": (_CALLER, Row("LoaiDanhMuc", "catalogue")),
}


def request(operation: str, call: Call) -> Tree:
    """The body of ``operation``."""
    return tree(operation, REQUESTS[operation], call)
