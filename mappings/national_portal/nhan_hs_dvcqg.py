"""``nhanhsdvcqg``: an online dossier, in the form that national_portal §7.2 models.

The true schema is not public (U17): it must come from the portal's operator, and then only this module changes.
"""

from __future__ import annotations

from typing import Any

from gateway.domain.dossier import Portal
from mappings.national_portal.catalogue import agency_name
from mappings.national_portal.inbound import (
    Body,
    Filed,
    Household,
    NotTaken,
    dossier,
    field,
    file_bytes,
    file_fingerprint,
    file_name,
    fingerprint,
    identities,
    kind_of,
    moment,
    needed,
    number,
    passage,
    rows,
    without_blanks,
)

PATH = "nhanhsdvcqg"
_YES = frozenset({"1", "true", "True"})


def read(body: Body, household: Household) -> Filed:
    """The dossier in an inbound call; NotTaken when there is none."""
    data = body.get("data")
    if not isinstance(data, dict) or not data:
        raise NotTaken("data empty")
    code = number(data, "MaHoSo")
    updating = field(body, "isUpdating").lower() in {"true", "1"}
    # The first delivery is known by its number (§14.12); a resubmission by what it says.
    key = f"online:{code}:{fingerprint(data)}" if updating else f"online:{code}"
    record = dossier(_record(data, code, household))
    return Filed(
        key=key,
        kind="online_dossier_changed" if updating else "online_dossier",
        code=code,
        data={"updating": updating, "form": passage(data, "DuLieuEForm"), "content": data},
        dossier=record,
        corrects=updating,
    )


def _record(data: Body, code: str, household: Household) -> dict[str, Any]:
    national = needed(data, "MaTTHC")
    kind = household.codes["LoaiDoiTuong"].of_wire(field(data, "LoaiDoiTuong") or "1")
    if kind is None:
        raise NotTaken("LoaiDoiTuong invalid")
    procedure = {
        "code": national,
        "national_code": national,
        "name": field(data, "TenTTHC"),
        "field_code": field(data, "MaLinhVuc"),
        "field_name": field(data, "TenLinhVuc"),
    }
    submitted = moment(data, "NgayNopHoSo")
    unit = household.agency_code
    unit_name = field(data, "DonViXuLy") or agency_name(household.catalogues, unit) or household.agency_name
    return without_blanks(
        {
            "code": code,
            "version": 1,
            "source": "national-portal",
            "origin": Portal.NATIONAL,
            "procedure": without_blanks(procedure),
            "agency": {"code": unit, "name": unit_name},
            "channel": household.codes["KenhThucHien"].of_wire(field(data, "KenhThucHien")) or "online",
            "applicant": _applicant(data, kind, household),
            "summary": passage(data, "TrichYeuHoSo") or field(data, "TenTTHC") or national,
            "status": "registered",
            "submitted_at": submitted,
            "other_information": passage(data, "ThongTinKhac"),
            "note": passage(data, "GhiChu"),
            "documents": _documents(data, code, household.max_bytes),
        }
    )


def _applicant(data: Body, kind: str, household: Household) -> dict[str, Any]:
    pairs = [
        (kind_of(household, field(row, "LoaiDinhDanh"), field(row, "SoDinhDanh")), field(row, "SoDinhDanh"))
        for row in rows(data, "DinhDanhCHS")
    ]
    return without_blanks(
        {
            "kind": kind,
            "name": needed(data, "ChuHoSo"),
            "identities": identities(pairs),
            "email": field(data, "Email"),
            "phone": field(data, "SoDienThoai")[:30],
            "fax": field(data, "Fax")[:30],
            "account_id": field(data, "MaDoiTuong"),
            "account_verified": field(data, "TaiKhoanDuocXacThucVoiVNeID") in _YES,
        }
    )


def _documents(data: Body, code: str, limit: int) -> list[dict[str, Any]]:
    documents = []
    for position, row in enumerate(rows(data, "TaiLieuNop"), start=1):
        url, size = field(row, "DuongDanTaiTepTin"), file_bytes(row, "Base64", limit)
        reference = {"url": url} if url.startswith(("http://", "https://")) else None
        if reference is not None and size:
            reference |= {"sha256": file_fingerprint(row, "Base64")}
        documents.append(
            without_blanks(
                {
                    "id": field(row, "TepDinhKemId")[:100] or f"{code}.{position}",
                    "name": file_name(row, "TenTepDinhKem") or f"{code}.{position}",
                    "component_code": field(row, "MaThanhPhanHoSo"),
                    "file": reference,
                }
            )
        )
    return documents
