"""Rules R1 to R9 and R12 at the ministry's stand-in (construction §4.1), read from the contract over the message itself.

Invariant: a finding is a path of the message and a sentence for an official; no value of the message is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal

from adapters.construction.simulator_elements import every, is_true, text
from gateway.codec.xml import Element

Found = Iterator[tuple[str, str]]
MISSING = "Thiếu thông tin bắt buộc"
NOT_TWELVE = "Số định danh phải gồm 12 chữ số"
_PERSON = re.compile(r"[0-9]{12}|(?=.*[A-Z])[0-9A-Z]{6,20}")
_CERTIFICATE = re.compile(r"[A-Z]{3}[- ]?[0-9]{8}")
BUILDING = frozenset({"1", "2", "3", "4"})
HOUSE = "5"
_BUILT = ("DienTichXayDung", "CotXayDung", "TongDienTichSan", "ChieuCao", "SoTang")
WORKS: Mapping[str, tuple[str, ...]] = {  # R5, R6
    "1": (*_BUILT, "LoaiCongTrinh"),
    "2": ("LoaiCongTrinh", "TongChieuDai", "CotXayDung"),
    "3": (*_BUILT, "LoaiCongTrinh"),
    "4": ("LoaiCongTrinh", "DienTichXayDung", "CotXayDung", "ChieuCao"),
    HOUSE: _BUILT,
}
REQUESTS: Mapping[str, tuple[str, ...]] = {  # R3, R4
    "1": ("CongTrinh", "ThoiGianHoanThanhThang"),
    "2": ("CongTrinh", "ThoiGianHoanThanhThang", "NoiDungSuaChua"),
    "3": ("CongTrinh", "ThoiGianHoanThanhThang", "DiaDiemDiDoiDen"),
    "4": ("CongTrinh", "ThoiGianHoanThanhThang"),
    "5": ("GiayPhepGoc", "NoiDungDieuChinh"),
    "6": ("GiayPhepGoc", "LanGiaHan"),
    "7": ("GiayPhepGoc", "LyDo"),
}
_DRAWN = ("BAN_VE_NHA_O", "BAN_VE_DU_AN")
PAPERS: Mapping[str, tuple[tuple[str, ...], ...]] = {  # R9; one of each tuple
    "1": (("DON",), ("DAT",), _DRAWN),
    "2": (("DON",), ("DAT",), ("BAN_VE_HIEN_TRANG",), ("ANH_HIEN_TRANG",)),
    "3": (("DON",), ("DAT",), ("KHAO_SAT_HIEN_TRANG",), ("PHUONG_AN_DI_DOI",)),
    "4": (("DON",), ("DAT",), _DRAWN),
    "5": (("DON_DIEU_CHINH",), ("GPXD_DA_CAP",), _DRAWN),
    "6": (("DON_DIEU_CHINH",), ("GPXD_DA_CAP",)),
    "7": (("DON_DIEU_CHINH",), ("GPXD_DA_CAP",)),
}


def filing(record: Element, unit: str) -> list[tuple[str, str]]:
    """What is wrong with a HoSo; ``unit``: MaDonVi of the caller, whose depth says whether a commune decides."""
    return [(f"HoSo/{place}", words) for rule in _RULES for place, words in rule(record)] + [
        (f"HoSo/{place}", words) for place, words in _grades(record, unit)
    ]


def planning(record: Element) -> list[tuple[str, str]]:
    """What is wrong with a YeuCau for planning information."""
    found = _party(record, "NguoiYeuCau")
    return [(f"YeuCau/{place}", words) for place, words in found]


def amendment(request: Element | None, kind: str) -> list[tuple[str, str]]:
    """What is wrong with the NoiDungDeNghi of a supplement, for a dossier of ``kind``."""
    if request is None:
        return []
    found = [*_content(request, kind), *_works(request, kind), *_scope(request)]
    return [(f"NoiDungDeNghi/{place}", words) for place, words in found]


def doubts(record: Element) -> list[str]:
    """Places that are taken all the same (R11, R12)."""
    places = [
        f"NoiDungDeNghi/CongTrinh[{number}]/TongDienTichSan"
        for number, work in enumerate(every(record, "NoiDungDeNghi/CongTrinh"), start=1)
        if _number(work, "TongDienTichSan") < _number(work, "DienTichXayDung")
    ]
    shown = (text(each, "MaSoChungChi") for each in _designers(record))
    return places + ["MaSoChungChi" for number in shown if number and not _CERTIFICATE.fullmatch(number)]


def _designers(record: Element) -> Iterator[Element]:
    for place in ("LapThietKe", "ThamTraThietKe"):
        yield from every(record, place)
        yield from every(record, f"{place}/ChuNhiem")
        yield from every(record, f"{place}/ChuTri")


def _missing(element: Element, place: str, names: Collection[str]) -> Found:
    for name in names:
        if not every(element, name):
            yield (f"{place}/{name}" if place else name), MISSING


def _investor(record: Element) -> Found:
    """R1, R12."""
    (investor,) = every(record, "ChuDauTu")
    person = text(investor, "LoaiChuDauTu") == "1"
    yield from _missing(
        investor, "ChuDauTu", ("SoDinhDanh",) if person else ("MaSoDoanhNghiep", "NguoiDaiDien")
    )
    for name in ("SoDinhDanh", "SoDinhDanhNguoiDaiDien"):
        yield from _identity(investor, "ChuDauTu", name)


def _submitter(record: Element) -> Found:
    yield from _party(record, "NguoiNop")


def _party(record: Element, place: str) -> Found:
    """R2, R12."""
    (party,) = every(record, place)
    if text(party, "LoaiDoiTuong") == "2":
        yield from _missing(party, place, ("TenToChuc", "MaSoDoanhNghiep"))
    yield from _identity(party, place, "SoDinhDanh")
    if is_true(text(party, "LaNguoiDuocUyQuyen")) and "UY_QUYEN" not in _attached(record):
        yield "TepDinhKem", "Thiếu giấy tờ UY_QUYEN"


def _identity(element: Element, place: str, name: str) -> Found:
    number = text(element, name)
    if number and not _PERSON.fullmatch(number):
        yield f"{place}/{name}", NOT_TWELVE


def _requested(record: Element) -> Found:
    """R3 to R7."""
    (request,) = every(record, "NoiDungDeNghi")
    kind = text(record, "LoaiThuTuc")
    for place, words in (*_content(request, kind), *_works(request, kind), *_scope(request)):
        yield f"NoiDungDeNghi/{place}", words


def _content(request: Element, kind: str) -> Found:
    yield from _missing(request, "", REQUESTS[kind])


def _works(request: Element, kind: str) -> Found:
    if kind not in BUILDING:
        return
    works = every(request, "CongTrinh")
    for number, work in enumerate(works, start=1):
        place = f"CongTrinh[{number}]" if len(works) > 1 else "CongTrinh"
        yield from _missing(work, place, WORKS[text(work, "NhomCongTrinh")])


def _scope(request: Element) -> Found:
    scope = text(request, "PhamViCap")
    if scope == "2":
        for number, work in enumerate(every(request, "CongTrinh"), start=1):
            yield from _missing(work, f"CongTrinh[{number}]", ("GiaiDoan",))
    if scope == "3":
        yield from _missing(request, "", ("DuAn",))


def _designed(record: Element) -> Found:
    """R8."""
    if text(record, "LoaiThuTuc") not in BUILDING:
        return
    works = every(record, "NoiDungDeNghi/CongTrinh")
    if not every(record, "LapThietKe"):
        yield "LapThietKe", MISSING
    elif text(record, "LapThietKe/Loai") == "3" and not all(map(_is_small, works)):
        yield "LapThietKe/Loai", "Chủ hộ chỉ được tự thiết kế nhà ở nhóm A"


def _is_small(work: Element) -> bool:
    """Group A of Decree 207 (§2): under 3 storeys, 250 m² and 12 m, without a basement."""
    return (
        text(work, "NhomCongTrinh") == HOUSE
        and _number(work, "SoTang") < 3
        and _number(work, "SoTangHam") == 0
        and _number(work, "TongDienTichSan") < 250
        and _number(work, "ChieuCao") < 12
    )


def _papers(record: Element) -> Found:
    """R9."""
    attached = _attached(record)
    wanted = list(PAPERS[text(record, "LoaiThuTuc")])
    groups = (text(work, "NhomCongTrinh") for work in every(record, "NoiDungDeNghi/CongTrinh"))
    if HOUSE in groups:
        wanted.append(("CAM_KET",))
    for kinds in wanted:
        if attached.isdisjoint(kinds):
            yield "TepDinhKem", f"Thiếu giấy tờ {' hoặc '.join(kinds)}"


def _grades(record: Element, unit: str) -> Found:
    """R5: ``H99.99.99`` is a commune's committee, ``H99.17`` an agency of the province."""
    if unit.count(".") < 2:
        return
    works = every(record, "NoiDungDeNghi/CongTrinh")
    for number, work in enumerate(works, start=1):
        if text(work, "NhomCongTrinh") == HOUSE and text(work, "CapCongTrinh") not in {"III", "IV"}:
            place = f"CongTrinh[{number}]" if len(works) > 1 else "CongTrinh"
            yield f"NoiDungDeNghi/{place}/CapCongTrinh", "UBND cấp xã chỉ cấp phép nhà ở cấp III, IV"


def _attached(record: Element) -> set[str]:
    return {text(each, "MaGiayTo") for each in every(record, "TepDinhKem")}


def _number(element: Element, name: str) -> Decimal:
    return Decimal(text(element, name) or 0)


_RULES: tuple[Callable[[Element], Found], ...] = (_investor, _submitter, _requested, _designed, _papers)
