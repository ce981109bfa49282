"""``addtthcKhuyenMai``: a sales promotion notice and its amendment (national_portal §7.3, §7.4; example §12.10).

One portal client resolves the trader's account with ``TraCuuTechID`` while the portal waits; an adapter asks nobody, so
the tax code goes along and the account stays open. Invariant: files are checked here and handed on as they came.
"""

from __future__ import annotations

from typing import Any

from gateway.domain.dossier import ApplicantKind, Channel, IdentityKind, Portal
from mappings.national_portal.catalogue import agency_name, find_procedure
from mappings.national_portal.inbound import (
    Body,
    Filed,
    Household,
    NotTaken,
    dossier,
    field,
    file_bytes,
    file_name,
    fingerprint,
    identities,
    moment,
    needed,
    number,
    part,
    passage,
    rows,
    without_blanks,
)

PATH = "addtthcKhuyenMai"

# Official name to ours, for what has no place in the dossier record.
_CONTENT = (
    ("SoVanBan", "document_number"),
    ("NguoiLienHe", "contact_name"),
    ("SoDienThoaiNguoiLienHe", "contact_phone"),
    ("TenChuongTrinhKhuyenMai", "programme"),
    ("HinhThucKhuyenMai", "form"),
    ("HangHoaDichVuKhuyenMai", "promoted_goods"),
    ("SoLuongHangHoaDichVu", "quantity"),
    ("KhachHang", "customers"),
    ("CoCauGiaiThuong", "prizes"),
    ("TongGiaTriHangHoa", "total_value"),
    ("NoiDungChiTiet", "details"),
    ("TenCacThuongNhanCungThucHien", "partners"),
)


def read(body: Body, household: Household) -> Filed:
    """A new notice (flat object) or an amendment (with an envelope); NotTaken when it is neither."""
    if not body:
        raise NotTaken("data empty")
    data = body.get("data")
    if data is not None:
        if not isinstance(data, dict) or not data:
            raise NotTaken("data empty")
        return _amendment(body, data, household)
    return _notice(body, household)


def _notice(body: Body, household: Household) -> Filed:
    tax_code = needed(body, "MaSoThue")
    code = number(body, "MaHoSo")
    file_bytes(body, "TepDonDangKy", household.max_bytes)
    attachments = rows(body, "TaiLieuNop")
    for row in attachments:
        file_bytes(row, "Base64", household.max_bytes)
    names = [file_name(body, "TenTepDonDangKy"), *(file_name(row, "TenTepDinhKem") for row in attachments)]
    record = _record(body, code, tax_code, household) | {
        "summary": field(body, "TenChuongTrinhKhuyenMai") or field(body, "MaTTHC"),
        "documents": [
            {"id": f"{code}.{position}", "name": name}
            for position, name in enumerate(filter(None, names), start=1)
        ],
    }
    content = {ours: field(body, official) for official, ours in _CONTENT}
    return Filed(
        key=f"promotion:{code}",
        kind="promotion_notice",
        code=code,
        data={"tax_code": tax_code, **without_blanks(content), "period": _period(body), "content": body},
        dossier=dossier(without_blanks(record)),
    )


def _amendment(body: Body, data: Body, household: Household) -> Filed:
    tax_code = needed(data, "MaSoThue")
    code = number(data, "MaHoSoQG")
    submitted = part(data, "ThongTinDaNop")
    record = _record(data, code, tax_code, household) | {
        "summary": passage(data, "LyDoDieuChinh")
        or field(submitted, "TenChuongTrinhKhuyenMaiDNP")
        or field(data, "MaTTHC"),
        "other_information": passage(data, "NoiDungCamKetKhac"),
    }
    return Filed(
        # §7.4: a second delivery with the same number changes the dossier, so what it says makes it another message.
        key=f"promotion_change:{code}:{fingerprint(dict(data))}",
        kind="promotion_change",
        code=code,
        data=without_blanks(
            {
                "tax_code": tax_code,
                "service": field(body, "service"),
                "changes": field(submitted, "MaHoSoQGDNP"),
                "reason": passage(data, "LyDoDieuChinh"),
                "file_name": file_name(data, "TenTepDangKy"),
                # fetched by the province through the facade (§7.4)
                "file_path": field(data, "URLTepDangKy"),
                "content": data,
            }
        ),
        corrects=True,
        dossier=dossier(without_blanks(record)),
    )


def _record(data: Body, code: str, tax_code: str, household: Household) -> dict[str, Any]:
    national = needed(data, "MaTTHC")
    procedure = find_procedure(household.catalogues, national)
    if not procedure.listed:
        raise NotTaken("MaTTHC not mapped")
    unit = household.agency_code
    applicant = {
        "kind": ApplicantKind.ENTERPRISE,
        "name": needed(data, "TenThuongNhan"),
        "identities": identities([(IdentityKind.TAX_CODE, tax_code)]),
        "email": field(data, "Email"),
        "phone": field(data, "DienThoai")[:30],
        "fax": field(data, "Fax")[:30],
        "address": _address(part(data, "DiaChiDoanhNghiep")),
    }
    return {
        "code": code,
        "version": 1,
        "source": "national-portal",
        "origin": Portal.NATIONAL,
        "procedure": without_blanks(
            {"code": national, "national_code": procedure.code, "name": procedure.name}
        ),
        "agency": {"code": unit, "name": agency_name(household.catalogues, unit) or household.agency_name},
        "channel": Channel.ONLINE,
        "applicant": without_blanks(applicant),
        "status": "registered",
        "submitted_at": moment(data, "NgayNopHoSo"),
    }


def _address(place: Body) -> str:
    codes = (field(place, name) for name in ("MaXa", "MaHuyen", "MaTinh"))
    return ", ".join(filter(None, [field(place, "DiaChiChiTiet"), *codes]))


def _period(body: Body) -> dict[str, Any]:
    ends = {"from": moment(body, "ThoiGianKhuyenMaiTu"), "to": moment(body, "ThoiGianKhuyenMaiDen")}
    return {name: instant.isoformat() for name, instant in ends.items() if instant is not None}
