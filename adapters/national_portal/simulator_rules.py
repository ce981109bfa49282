"""What the portal's stand-in checks in a dossier or a processing step (national_portal §5, §6, §10, §13.2).

Invariant: ``dossier_problems`` and ``step_problems`` are pure and total: any decoded JSON in, a list of complaints
in the portal's language out, nothing raised. A value with no complaint is safe to store and to encode again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple, TypeAlias

import msgspec

Item: TypeAlias = dict[str, Any]
Check: TypeAlias = Callable[[str], str | None]

VIETNAM = timezone(timedelta(hours=7))
TOLERATED_FUTURE = timedelta(days=1)  # §13.2-3
SHOWN_PROBLEMS = 5

NEW_CODE = re.compile(r"[A-Z]\d{2}(\.\d+)*-\d{6}-\d{4,6}\Z", re.ASCII)
LEGACY_CODE = re.compile(r"\d{3}(\.\d{2})+\.[A-Z]\d{2}-\d{6}-\d{4,6}\Z", re.ASCII)
DATE14 = re.compile(r"[0-9]{14}\Z")

STATUSES = tuple(str(number) for number in range(1, 11))
NEVER_ACCEPTED = frozenset({"1", "3", "7"})  # §10.1: a dossier can be in these without a reception
WITH_RESULT = frozenset({"9", "10"})
FLAGS = ("0", "1")
TRUTHS = ("true", "false", "1", "0")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules need to know of the stand-in's settings and of the moment. ``now`` is aware UTC."""

    now: datetime
    procedures: Mapping[str, Any]
    profile: str = "2023"
    strict_codes: bool = True
    reception_always: bool = False
    identity_kinds: tuple[str, ...] = ("1", "2")


class Field(NamedTuple):
    """One element: whether it may be empty, how its text is checked, or what its rows are made of."""

    name: str
    required: bool = False
    check: Check | None = None
    rows: tuple[Field, ...] = ()


def text_of(value: object) -> str | None:
    """A scalar as text (§2.10: numbers and booleans are accepted where text is documented); None: not a scalar."""
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool() | int() | float():
            return str(value)
        case _:
            return None


def parse_date14(text: str) -> datetime | None:
    """``yyyyMMddHHmmss`` in Vietnam's time zone as aware UTC; None when it is not such a date."""
    if not DATE14.match(text):
        return None
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    try:
        return datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_true(value: object) -> bool:
    """The contract's booleans: ``True``/``true``/``1`` as text, number or boolean."""
    return (text_of(value) or "").lower() in {"true", "1"}


def rows_of(item: Item, name: str) -> list[Item]:
    """The objects of array ``name``; empty when it is absent or something else."""
    value = item.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _longest(limit: int) -> Check:
    return lambda text: f"dài quá {limit} ký tự" if len(text) > limit else None


def _one_of(*codes: str) -> Check:
    return lambda text: None if text.lower() in codes else f"không thuộc danh mục: {text[:40]}"


def _date(text: str) -> str | None:
    return None if parse_date14(text) else f"không đúng định dạng yyyyMMddHHmmss: {text[:40]}"


def _number(text: str) -> str | None:
    return None if text.isascii() and text.isdigit() else f"không phải số nguyên: {text[:40]}"


def _url(text: str) -> str | None:
    return None if text.startswith(("http://", "https://")) else f"không phải đường dẫn tải được: {text[:40]}"


_FEES = (
    Field("TenPhiLePhi", required=True),
    Field("MaPhiLePhi", required=True),
    Field("HinhThucThu", required=True, check=_one_of("1", "2")),
    Field("Gia", required=True, check=_number),
    Field("LoaiPhiLePhi", required=True, check=_one_of("1", "2")),
)
_PAPERS = (
    Field("TenGiayTo", required=True),
    Field("SoLuong", required=True, check=_number),
    Field("LoaiGiayTo", required=True, check=_number),
)
_DOCUMENTS = (
    Field("TepDinhKemId"),
    Field("TenTepDinhKem", required=True, check=_longest(4000)),
    Field("IsDeleted", check=_one_of(*TRUTHS)),
    Field("MaThanhPhanHoSo"),
    Field("DuongDanTaiTepTin", required=True, check=_url),
    Field("DuocSoHoa", check=_one_of(*FLAGS)),
    Field("DuocTaiSuDung", check=_one_of("0", "1", "2")),
    Field("DuocLayTuKhoDMQG", check=_one_of(*FLAGS)),
    Field("MaKetQuaThayThe"),
)
# §5.5 leaves open whether papers of a round look like §5.2 or §5.4, so both sets of keys are kept, unchecked.
_ROUND_PAPERS = tuple(Field(field.name) for field in (*_DOCUMENTS, *_PAPERS))
_ROUNDS = (
    Field("HoSoBoSungId", required=True, check=_number),
    Field("NguoiYeuCauBoSung", required=True),
    Field("NoiDungBoSung", required=True),
    Field("NgayBoSung", required=True, check=_date),
    Field("NguoiTiepNhanBoSung"),
    Field("ThongTinTiepNhan"),
    Field("NgayTiepNhanBoSung", check=_date),
    Field("TrangThaiBoSung", required=True, check=_one_of(*TRUTHS)),
    Field("DanhSachGiayToBoSung", rows=_ROUND_PAPERS),
    Field("DanhSachLePhiBoSung", rows=_FEES),
    Field("NgayHenTraTruoc", check=_date),
    Field("NgayHenTraMoi", check=_date),
)
_RESULTS = (
    Field("TenGiayTo", required=True, check=_longest(2000)),
    Field("MaThanhPhanHoSo"),
    Field("GiayToId"),
    Field("DuongDanTepTinKetQua", required=True, check=_url),
    Field("MaGiayToKetQua"),
)
_IDENTITIES = (Field("LoaiDinhDanh", required=True), Field("SoDinhDanh", required=True))

DOSSIER: tuple[Field, ...] = (
    Field("MaHoSo", required=True, check=_longest(50)),
    Field("MaTTHC", required=True, check=_longest(50)),
    Field("TenTTHC", required=True),
    Field("MaLinhVuc", required=True),
    Field("TenLinhVuc", required=True),
    Field("SoBienNhan"),
    Field("KenhThucHien", check=_one_of("1", "2", "3")),
    Field("SoGiayToChuHoSo"),
    Field("ChuHoSo"),
    Field("LoaiDoiTuong", required=True, check=_one_of("1", "2", "3", "4")),
    Field("MaDoiTuong"),
    Field("ThongTinKhac"),
    Field("Email"),
    Field("Fax"),
    Field("SoDienThoai"),
    Field("TrichYeuHoSo", required=True, check=_longest(1000)),
    Field("NgayTiepNhan", check=_date),
    Field("NgayHenTra", check=_date),
    Field("TrangThaiHoSo", required=True, check=_one_of(*STATUSES)),
    Field("NgayTra", check=_date),
    Field("ThongTinTra"),
    Field("HinhThuc", required=True, check=_one_of("0", "1")),
    Field("NgayKetThucXuLy", check=_date),
    Field("DonViXuLy", required=True),
    Field("GhiChu"),
    Field("TaiLieuNop", rows=_DOCUMENTS),
    Field("DanhSachLePhi", rows=_FEES),
    Field("DanhSachTepDinhKemKhac", rows=_PAPERS),
    Field("DanhSachHoSoBoSung", rows=_ROUNDS),
    Field("DanhSachGiayToKetQua", rows=_RESULTS),
    Field("NoiNopHoSo", check=_one_of("1", "2")),
    Field("HoSoCoThanhPhanSoHoa", check=_one_of(*FLAGS)),
    Field("TaiKhoanDuocXacThucVoiVNeID", check=_one_of(*FLAGS)),
    Field("DuocThanhToanTrucTuyen", check=_one_of("0", "1", "2", "3")),
    Field("NgayTuChoi", check=_date),
    Field("DinhDanhCHS", rows=_IDENTITIES),
    Field("NgayNopHoSo", check=_date),
    Field("DSKetNoiCSDL", rows=(Field("MaCSDL", required=True, check=_number),)),
)
STEP: tuple[Field, ...] = (
    Field("MaHoSo", required=True, check=_longest(50)),
    Field("NguoiXuLy", required=True, check=_longest(50)),
    Field("ChucDanh"),
    Field("ThoiDiemXuLy", required=True, check=_date),
    Field("PhongBanXuLy"),
    Field("NoiDungXuLy"),
    Field("TrangThai", required=True, check=_one_of(*STATUSES)),
    Field("NgayBatDau", check=_date),
    Field("NgayKetThucTheoQuyDinh", check=_date),
)
# §7.5; refusal travels as 11 here, so 3 is not in the list.
STATUS_REPORT: tuple[Field, ...] = (
    Field("TrangThai", required=True, check=_one_of(*(set(STATUSES) - {"3"}), "11")),
    Field("MaHoSo", required=True, check=_longest(50)),
    Field("MaHoSoDonVi", required=True),
    Field("MaDoiTuong"),
    Field("NoiDung"),
    Field("NgayXuLy", required=True, check=_date),
    Field(
        "TaiLieuXuLy",
        rows=(
            Field("TepDinhKemId"),
            Field("TenTepDinhKem", required=True),
            Field("IsDeleted", check=_one_of(*TRUTHS)),
            Field("MaThanhPhanHoSo"),
            Field("DuongDanTaiTepTin", required=True, check=_url),
        ),
    ),
)

_NEW_PROFILE = ("KenhThucHien", "NoiNopHoSo", "DinhDanhCHS", "NgayNopHoSo", "DuocThanhToanTrucTuyen")
_NOT_BEFORE_RECEPTION = ("NgayHenTra", "NgayKetThucXuLy", "NgayTra")
_NOT_FUTURE = ("NgayNopHoSo", "NgayTiepNhan", "NgayKetThucXuLy", "NgayTra", "NgayTuChoi", "ThoiDiemXuLy")
_ID_LENGTH = {"1": 12, "2": 9}


def kept(item: Item, fields: tuple[Field, ...]) -> Item:
    """``item`` with its documented elements only; unknown keys are tolerated and dropped (§2.4).

    What has the wrong shape becomes an empty object, which every rule refuses and every encoder can write.
    """
    return {field.name: _shaped(item[field.name], field) for field in fields if field.name in item}


def _shaped(value: object, field: Field) -> object:
    if field.rows and isinstance(value, list):
        return [kept(row, field.rows) if isinstance(row, dict) else None for row in value]
    return value if text_of(value) is not None else {}


def dossier_problems(item: Item, terms: Terms) -> list[str]:
    """Complaints about one item of ``DongBoHoSoMC``; empty when it is good."""
    problems = list(_field_problems(item, DOSSIER))
    if problems:
        return problems[:SHOWN_PROBLEMS]
    problems += _code_problems(item, terms)
    problems += _reception_problems(item, terms)
    problems += _date_problems(item, terms.now)
    problems += _round_problems(item)
    if terms.profile == "2023":
        problems += _profile_problems(item, terms)
    return problems[:SHOWN_PROBLEMS]


def step_problems(item: Item, terms: Terms) -> list[str]:
    """Complaints about one item of ``CapNhatTienDoHoSoMC``; empty when it is good."""
    problems = list(_field_problems(item, STEP)) or list(_date_problems(item, terms.now))
    return problems[:SHOWN_PROBLEMS]


def report_problems(item: Item) -> list[str]:
    """Complaints about the ``data`` object of ``DongBoTrangThaiHoSo``; empty when it is good."""
    return list(_field_problems(item, STATUS_REPORT))[:SHOWN_PROBLEMS]


def _field_problems(item: Item, fields: tuple[Field, ...], where: str = "") -> Iterator[str]:
    for field in fields:
        value = item.get(field.name)
        if field.rows:
            yield from _row_problems(value, field, where)
            continue
        text = text_of(value)
        if text is None:
            yield f"trường {where}{field.name} sai kiểu dữ liệu"
        elif not text:
            if field.required:
                yield f"thiếu trường bắt buộc {where}{field.name}"
        elif field.check is not None and (complaint := field.check(text)):
            yield f"trường {where}{field.name} {complaint}"


def _row_problems(value: object, field: Field, where: str) -> Iterator[str]:
    if value is None or value == "":
        return
    if not isinstance(value, list):
        yield f"trường {where}{field.name} phải là danh sách"
        return
    for index, row in enumerate(value):
        place = f"{where}{field.name}[{index}]"
        if not isinstance(row, dict):
            yield f"trường {place} phải là đối tượng"
        else:
            # §5.2: a removal only has to say which file is meant.
            removed = is_true(row.get("IsDeleted"))
            known = tuple(field._replace(required=False) for field in field.rows) if removed else field.rows
            yield from _field_problems(row, known, f"{place}.")


def _code_problems(item: Item, terms: Terms) -> Iterator[str]:
    code = text_of(item["MaHoSo"]) or ""
    if terms.strict_codes and not (NEW_CODE.match(code) or LEGACY_CODE.match(code)):
        yield f"trường MaHoSo không đúng định dạng: {code}"
    procedure = text_of(item["MaTTHC"]) or ""
    if procedure not in terms.procedures:
        yield f"MaTTHC {procedure} không có trong danh mục thủ tục hành chính"


def _reception_problems(item: Item, terms: Terms) -> Iterator[str]:
    needed = terms.reception_always or text_of(item["TrangThaiHoSo"]) not in NEVER_ACCEPTED
    if needed and not text_of(item.get("NgayTiepNhan")):
        yield "thiếu trường bắt buộc NgayTiepNhan"


def _date_problems(item: Item, now: datetime) -> Iterator[str]:
    received = text_of(item.get("NgayTiepNhan"))
    for name in _NOT_BEFORE_RECEPTION:
        text = text_of(item.get(name))
        # date14 sorts as text
        if received and text and text < received:
            yield f"{name} ({text}) trước NgayTiepNhan ({received})"
    for name in _NOT_FUTURE:
        moment = parse_date14(text_of(item.get(name)) or "")
        if moment is not None and moment > now + TOLERATED_FUTURE:
            yield f"{name} ở tương lai: {text_of(item.get(name))}"


def _round_problems(item: Item) -> Iterator[str]:
    if not text_of(item.get("NgayHenTra")):
        return  # without an appointment there is no earlier one to name
    for index, row in enumerate(rows_of(item, "DanhSachHoSoBoSung")):
        if not text_of(row.get("NgayHenTraTruoc")):
            yield f"thiếu trường bắt buộc DanhSachHoSoBoSung[{index}].NgayHenTraTruoc"


def _profile_problems(item: Item, terms: Terms) -> Iterator[str]:
    for name in _NEW_PROFILE:
        if item.get(name) in ([], None) or text_of(item[name]) == "":
            yield f"thiếu trường bắt buộc {name}"
    for index, row in enumerate(rows_of(item, "DinhDanhCHS")):
        kind, number = text_of(row.get("LoaiDinhDanh")) or "", text_of(row.get("SoDinhDanh")) or ""
        place = f"DinhDanhCHS[{index}]"
        if kind not in terms.identity_kinds:
            yield f"trường {place}.LoaiDinhDanh không thuộc danh mục: {kind}"
        elif kind in _ID_LENGTH and (len(number) != _ID_LENGTH[kind] or _number(number)):
            yield f"trường {place}.SoDinhDanh phải có {_ID_LENGTH[kind]} chữ số"
    coded = any(text_of(row.get("MaGiayToKetQua")) for row in rows_of(item, "DanhSachGiayToKetQua"))
    if text_of(item["TrangThaiHoSo"]) in WITH_RESULT and not coded:
        yield "thiếu giấy tờ kết quả có MaGiayToKetQua"
