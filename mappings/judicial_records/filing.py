"""Leg A2: what VNeID files, as a dossier with its declaration (judicial_records §4.2).

The one direction in which official names come in. Invariant: what is not understood is refused with the element's name;
nothing is guessed, and a file is known by the digest of its bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.codec import Json
from gateway.domain.dossier import Dossier
from gateway.domain.errors import GatewayError
from gateway.mapping import VIETNAM, CodeTable
from gateway.mapping.formats import line

_DAYS = ("%d/%m/%Y", "%m/%Y", "%m-%Y", "%Y")
_ISO = {"%d/%m/%Y": "%Y-%m-%d", "%m/%Y": "%Y-%m", "%m-%Y": "%Y-%m", "%Y": "%Y"}
_PAYERS = {"1": "ordinary", "2": "reduced"}
_LONGEST = 4000


class NotTaken(GatewayError):
    """The message cannot be a dossier; VNeID is told which element is wrong."""


class House(msgspec.Struct, frozen=True, kw_only=True):
    """What the province adds: its unit, its procedure, its code tables, where files are found, how large they may be."""

    agency_code: str
    agency_name: str
    procedure_code: str
    procedure_name: str
    files_url: str
    max_file_bytes: int
    max_files: int
    codes: Mapping[str, CodeTable]


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """A dossier and the files that came with it, as bytes and media type."""

    dossier: Dossier
    files: tuple[tuple[bytes, str], ...]


def read(message: Mapping[str, Json], house: House) -> Filed:
    """The dossier in ``message``; NotTaken names the element that is wrong."""
    declared = _object(message, "toKhai")
    files = tuple(_files(declared, house))
    person = _person(declared, house)
    filed_at = _midnight(_text(message, "ngayTiepNhan", required=True))
    record = {
        "code": _text(message, "maHoSoMCDT", required=True),
        "version": 1,
        "procedure": {"code": house.procedure_code, "name": house.procedure_name},
        "agency": {"code": house.agency_code, "name": house.agency_name},
        "channel": "online",
        "applicant": {
            "kind": "citizen",
            "name": person["name"],
            "identities": [{"kind": "personal_id", "number": person["paper"]["number"]}],
            "phone": person["phone"][:30],
            "email": person["email"],
        },
        "summary": house.procedure_name,
        "status": "registered",
        "submitted_at": filed_at,
        "fees": _paid(_object(declared, "thongTinThanhToan"), filed_at),
        "documents": [_document(index, each, house) for index, each in enumerate(files)],
        "declaration": {"declared": "judicial_record", **_declaration(declared, person, house)},
    }
    try:
        dossier = msgspec.convert(record, Dossier)
    except msgspec.ValidationError as fault:
        raise NotTaken(f"Dữ liệu không hợp lệ: {str(fault)[:200]}") from fault
    return Filed(dossier=dossier, files=tuple((content, kind) for _, content, kind in files))


def _declaration(told: Mapping[str, Json], person: Mapping[str, Any], house: House) -> dict[str, Any]:
    paid = _object(told, "thongTinThanhToan")
    agent = _agent(told, house) if _text(told, "uyQuyen") == "1" else None
    return {
        "certificate": _code(told, "loaiPhieu", "LoaiPhieu", house),
        "filed_through": "vneid",
        "person": person,
        "confirm_prohibitions": _text(told, "yeuCauCDNCV") == "1",
        "purpose": _text(told, "maMucDich") or None,
        "purpose_name": _text(told, "tenMucDich"),
        "purpose_text": _text(told, "mucDichKhac"),
        "copies": _count(told, "soLuongCap"),
        "father": _relative(told, "nycHoTenCha", "chaNamSinh"),
        "mother": _relative(told, "nycHoTenMe", "meNamSinh"),
        "spouse": _relative(told, "nycHoTenVoChong", "voChongNamSinh"),
        "authorised": agent,
        "convictions": _text(told, "thongTinAnTich"),
        "sojourns": [_sojourn(each) for each in _list(told, "quaTrinhCTNNNLV")],
        "payer_group": "exempt"
        if _count(paid, "tongPhi") == 0
        else _PAYERS.get(_text(paid, "nhomDoiTuong"), "ordinary"),
        "paper_delivery": "post" if _text(paid, "hinhThucNhanBanGiay") == "2" else "counter",
        "deliver_to": _text(paid, "diaChiNhan"),
    }


def _paid(told: Mapping[str, Json], filed_at: datetime) -> list[dict[str, Any]]:
    """What the applicant has paid online before filing (judicial_records §4.2); of its time only the day is told."""
    amount = _count(told, "tongPhi")
    if not amount:
        return []
    return [
        {
            "id": "vneid",
            "name": "Phí cung cấp thông tin lý lịch tư pháp",
            "kind": "fee",
            "amount": amount,
            "method": "portal",
            "paid_at": filed_at,
        }
    ]


def _person(told: Mapping[str, Json], house: House) -> dict[str, Any]:
    temporary = told.get("nycTamTru")
    return {
        **_who(told, "nyc", house),
        "birthplace": _place(_object(told, "nycNoiSinh")),
        "residence": _place(_object(told, "nycThuongTru")),
        "temporary_residence": _place(temporary) if isinstance(temporary, dict) and temporary else None,
    }


def _agent(told: Mapping[str, Json], house: House) -> dict[str, Any]:
    agent = _object(told, "thongTinUyQuyen")
    signed = _text(agent, "nuqNgayKyVanBanUyQuyen")
    return {
        **_who(agent, "nuq", house),
        "relation": _text(_object(agent, "nuqQuanHe"), "ten", required=True),
        "residence": _place(_object(agent, "nuqNoiOHienTai")),
        "authorised_on": _day(signed) if signed else None,
    }


def _who(told: Mapping[str, Json], prefix: str, house: House) -> dict[str, Any]:
    """Elements that person and agent have alike. A Vietnamese nationality is the default of both."""
    issued = _text(told, f"{prefix}NgayCapGiayTo")
    return {
        "name": _text(told, f"{prefix}HoTen", required=True),
        "other_name": _text(told, f"{prefix}TenGoiKhac"),
        "gender": _code(told, f"{prefix}GioiTinh", "GioiTinh", house),
        "born_on": _day(_text(told, f"{prefix}NgaySinh", required=True)),
        "phone": _text(told, f"{prefix}DienThoai"),
        "email": _text(told, f"{prefix}Email"),
        "nationality": _text(told, f"{prefix}QuocTich") or "VN",
        "nationality_name": _text(told, f"{prefix}TenQuocTich") or "Việt Nam",
        "ethnicity": _text(told, f"{prefix}DanToc") or None,
        "ethnicity_name": _text(told, f"{prefix}TenDanToc"),
        "paper": {
            "kind": _code(told, f"{prefix}LoaiGiayTo", "LoaiGiayTo", house),
            "kind_name": _text(told, f"{prefix}TenLoaiGiayTo"),
            "number": _text(told, f"{prefix}SoGiayTo", required=True),
            "issued_on": _day(issued) if issued else None,
            "issued_by": _text(told, f"{prefix}NoiCapGiayTo"),
        },
    }


def _place(told: Mapping[str, Json]) -> dict[str, Any]:
    return {
        "country": _text(told, "maQuocGia") or "VN",
        "country_name": _text(told, "tenQuocGia") or "Việt Nam",
        "province": _text(told, "maTinhThanh") or None,
        "province_name": _text(told, "tenTinhThanh"),
        "district": _text(told, "maQuanHuyen") or None,
        "district_name": _text(told, "tenQuanHuyen"),
        "ward": _text(told, "maPhuongXa") or None,
        "ward_name": _text(told, "tenPhuongXa"),
        "detail": _text(told, "chiTiet") or _text(told, "dcChiTiet"),
    }


def _relative(told: Mapping[str, Json], name: str, born: str) -> dict[str, Any] | None:
    known = _text(told, name)
    year = _text(told, born)
    return {"name": known, "born_on": _day(year) if year else None} if known else None


def _sojourn(told: Json) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise NotTaken("quaTrinhCTNNNLV: dữ liệu không hợp lệ")
    return {
        "since": _day(_text(told, "tuThangNam", required=True)),
        "until": _day(_text(told, "denThangNam", required=True)),
        "kind": _text(told, "loaiCuTru"),
        "address": _place(_object(told, "diaChiCuTru")),
        "occupation": _text(told, "ngheNghiep"),
        "workplace": _text(told, "noiLamViec"),
    }


def _files(told: Mapping[str, Json], house: House) -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and media type of every attachment."""
    count = 0
    for paper in _list(told, "giayToDinhKem"):
        if not isinstance(paper, dict):
            raise NotTaken("giayToDinhKem: dữ liệu không hợp lệ")
        for each in _list(paper, "danhSach"):
            count += 1
            if count > house.max_files or not isinstance(each, dict):
                raise NotTaken(f"giayToDinhKem: tối đa {house.max_files} tệp")
            kind = _text(each, "loai", required=True)[:100]
            yield _text(paper, "ten") or _text(paper, "ma", required=True), _bytes(each, house), kind


def _bytes(told: Mapping[str, Json], house: House) -> bytes:
    written = told.get("duLieu")
    if not isinstance(written, str) or not written or len(written) > house.max_file_bytes * 3 // 2:
        raise NotTaken(f"duLieu: cần một tệp tối đa {house.max_file_bytes} byte")
    try:
        content = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError) as fault:
        raise NotTaken("duLieu: không phải base64") from fault
    if len(content) > house.max_file_bytes:
        raise NotTaken(f"duLieu: cần một tệp tối đa {house.max_file_bytes} byte")
    return content


def _document(index: int, file: tuple[str, bytes, str], house: House) -> dict[str, Any]:
    name, content, kind = file
    digest = hashlib.sha256(content).hexdigest()
    where = {"url": f"{house.files_url}/{digest}", "sha256": digest, "size": len(content), "media_type": kind}
    return {"id": f"vneid-{index + 1}-{digest[:12]}", "name": name, "file": where}


def _object(told: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = told.get(name)
    if not isinstance(value, dict):
        raise NotTaken(f"Thiếu thông tin {name}")
    return value


def _list(told: Mapping[str, Json], name: str) -> list[Json]:
    value = told.get(name)
    if value is not None and not isinstance(value, list):
        raise NotTaken(f"{name}: dữ liệu không hợp lệ")
    return value or []


def _text(told: Mapping[str, Json], name: str, *, required: bool = False) -> str:
    value = told.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**15:
        value = str(value)
    written = line(value) if isinstance(value, str) and len(value) <= _LONGEST else ""
    if not written and not _blank(value):
        raise NotTaken(f"{name}: dữ liệu không hợp lệ")
    if required and not written:
        raise NotTaken(f"Thiếu thông tin {name}")
    return written


def _blank(value: Json) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _count(told: Mapping[str, Json], name: str) -> int:
    written = _text(told, name, required=True)
    if not (written.isascii() and written.isdecimal() and len(written) <= 12):
        raise NotTaken(f"{name}: cần một số nguyên")
    return int(written)


def _code(told: Mapping[str, Json], name: str, table: str, house: House) -> str:
    written = _text(told, name, required=True)
    code = house.codes[table].of_wire(written)
    if code is None:
        raise NotTaken(f"{name}: mã {written[:20]} không có trong danh mục")
    return code


def _day(written: str) -> str:
    """A day, month or year as the record writes it."""
    for pattern in _DAYS:
        try:
            return datetime.strptime(written, pattern).strftime(_ISO[pattern])  # noqa: DTZ007 - a day
        except ValueError:
            continue
    raise NotTaken(f"{written[:20]}: cần ngày dd/MM/yyyy")


def _midnight(written: str) -> datetime:
    try:
        return datetime.strptime(written, "%d/%m/%Y").replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError) as fault:
        raise NotTaken("ngayTiepNhan: cần ngày dd/MM/yyyy") from fault
