"""What the ministry's stand-in decides: permits and their changes, refusals, planning information (construction §4.2, §7).

Invariant: a decision is built from what was filed and from the register of permits, and is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from adapters.construction.simulator_elements import inner, named, read_day, said, whole
from adapters.construction.simulator_files import issued
from adapters.construction.simulator_model import Case, World, works_of
from adapters.construction.simulator_words import day, leaf, local_day, node, option
from gateway.codec.tree import Tree

KINDS = {"1": "1", "2": "1", "3": "1", "4": "2", "5": "3", "6": "4", "7": "5"}
"""LoaiThuTuc to LoaiGiayPhep."""
CHANGES = frozenset({"5", "6", "7"})
SIGNER = "PHẠM VĂN MẪU"
_LARGEST = Decimal(10) ** 15
_TOPICS = (
    ("4", "HaTangKyThuat", "Cấp nước, thoát nước theo quy hoạch"),
    ("5", "KienTrucCanhQuan", "Theo quy chế quản lý kiến trúc"),
)


def grant(world: World, case: Case, at: datetime) -> None:
    """The permit, its appendix or its copy; a refusal where an extension is one too many (§2)."""
    request = _child(case.told, "NoiDungDeNghi")
    old = _child(request, "GiayPhepGoc")
    held = world.permits.get(said(old, "SoGiayPhep"))
    if case.request == "6":
        times = whole(said(request, "LanGiaHan"))
        if held is not None and times != whole(_of(held, "LanGiaHan")) + 1:
            refuse(world, case, at, "Số lần gia hạn không đúng")
            return
    permit = _permit(world, case, at, held)
    world.permits[said(permit, "SoGiayPhep")] = permit
    case.decision = permit
    world.move(case, "9", at)


def refuse(world: World, case: Case, at: datetime, reason: str) -> None:
    """A refusal after acceptance: state 9 with a document (§4)."""
    number = f"{world.next('refusal'):02d}/TB-TC"
    case.decision = node(
        "VanBanTuChoi",
        leaf("SoVanBan", number),
        leaf("NgayVanBan", day(at)),
        leaf("NguoiKy", SIGNER),
        leaf("LyDo", reason),
        issued("TepVanBan", "KHAC", "Văn bản từ chối", (f"TU CHOI {number}", case.number)),
    )
    world.move(case, "9", at, reason=reason)


def _permit(world: World, case: Case, at: datetime, held: Tree | None) -> Tree:
    request = _child(case.told, "NoiDungDeNghi")
    old = _child(request, "GiayPhepGoc")
    changes = case.request in CHANGES
    if changes:
        number = said(old, "SoGiayPhep")
        code = said(old, "MaSoThongTinCongTrinh") or _of(held, "MaSoThongTinCongTrinh")
    else:
        issued_before = world.next("permit")
        number = f"{issued_before:02d}/GPXD"
        province = said(case.told, "DiaDiem", "DiaChi", "MaTinh")
        code = f"XD-{province}-{local_day(at).year}-{issued_before:07d}"
    agency = said(case.told, "KinhGui")
    works = _works(case, held)
    return node(
        "GiayPhep",
        leaf("SoGiayPhep", number),
        leaf("LoaiGiayPhep", KINDS[case.request]),
        leaf("NgayCap", day(at)),
        leaf("CoQuanCap", agency),
        leaf("MaCoQuanCap", case.unit),
        leaf("NguoiKy", SIGNER),
        leaf("ChucVu", "Chủ tịch"),
        option("MaSoThongTinCongTrinh", code),
        named(_child(case.told, "ChuDauTu"), "CapCho"),
        _child(case.told, "DiaDiem"),
        _design(case),
        *works,
        leaf("ChiGioiDuongDo", "Theo hồ sơ thiết kế"),
        leaf("NgayHetHieuLucKhoiCong", _start_until(case, at, old, held).isoformat()),
        option("ThoiHanTonTai", said(request, "ThoiHanTonTai") or ("5 năm" if case.request == "4" else "")),
        option("LanGiaHan", said(request, "LanGiaHan") if case.request == "6" else _of(held, "LanGiaHan")),
        option("NoiDungKhac", said(request, "NoiDungDieuChinh")),
        issued("TepGiayPhep", "GPXD_DA_CAP", "Giấy phép xây dựng", (f"GPXD {number}", case.number)),
        None if changes else issued("TepBanVe", "BAN_VE_DU_AN", "Bản vẽ đã đóng dấu", (f"BAN VE {number}",)),
    )


def _works(case: Case, held: Tree | None) -> Sequence[Tree]:
    """What was applied for; a change that names none is about those of the permit (§3.3)."""
    if works := works_of(case):
        return works
    if held is not None:
        return inner(held, "CongTrinh")
    return [
        node(
            "CongTrinh",
            leaf("SoThuTu", "1"),
            leaf("TenCongTrinh", "Công trình theo giấy phép đã cấp"),
            leaf("NhomCongTrinh", "5"),
            leaf("CapCongTrinh", "III"),
        )
    ]


def _design(case: Case) -> Tree | None:
    parts = [each for name in ("LapThietKe", "ThamTraThietKe") for each in inner(case.told, name)]
    return node("HoSoThietKe", leaf("TenHoSo", "Hồ sơ thiết kế xây dựng"), *parts) if parts else None


def _start_until(case: Case, at: datetime, old: Tree, held: Tree | None) -> date:
    """Twelve months from the permit, and twelve more with an extension (§2)."""
    if case.request not in CHANGES:
        return _in_a_year(local_day(at))
    told = said(old, "NgayHetHieuLucKhoiCong") or _of(held, "NgayHetHieuLucKhoiCong")
    until = read_day(told) if told else _in_a_year(read_day(said(old, "NgayCap")))
    return _in_a_year(until) if case.request == "6" else until


def _in_a_year(on: date) -> date:
    return on.replace(year=on.year + 1, day=min(on.day, 28) if on.month == 2 else on.day)


def answer_planning(world: World, case: Case, at: datetime) -> None:
    """Planning information: an even parcel lies in a plan, an odd one in none, and one without a number outside (§7)."""
    wanted = {each[1] for each in inner(case.told, "NoiDungYeuCau")}
    everything = "6" in wanted
    state = _planned(said(case.told, "ViTri", "ThuaDat", "ThuaDatSo"))
    parts: list[Tree | None] = [leaf("TinhTrang", state)]
    if state == "1":
        parts.append(_scheme())
        parts.append(_lot(case, numbers=everything or "2" in wanted))
        parts.append(_road(case) if everything or "3" in wanted else None)
        for topic, name, words in _TOPICS:
            parts.append(leaf(name, words) if everything or topic in wanted else None)
    number = f"{world.next('planning'):02d}/SXD-QH"
    case.decision = node(
        "ThongTinQuyHoach",
        *parts,
        leaf("SoVanBan", number),
        leaf("NgayVanBan", day(at)),
        leaf("NguoiKy", "VÕ THỊ MẪU"),
        issued("TepVanBan", "VB_QUY_HOACH", "Văn bản cung cấp thông tin quy hoạch", (f"QUY HOACH {number}",)),
    )
    world.move(case, "9", at)


def _planned(parcel: str) -> str:
    if not parcel[-1:].isdecimal():
        return "3"
    return "1" if int(parcel[-1]) % 2 == 0 else "2"


def area(corners: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The area of a polygon in square metres, to the hundredth; 0 for fewer than three corners, and beyond the earth's."""
    if len(corners) < 3:
        return Decimal(0)
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    doubled = abs(sum((x * v - u * y for (x, y), (u, v) in pairs), Decimal(0)))
    return (doubled / 2).quantize(Decimal("0.01")) if doubled < _LARGEST else Decimal(0)


def boundary(case: Case) -> list[tuple[Decimal, Decimal]]:
    """The corners that were asked about."""
    drawn = [each for place in inner(case.told, "ViTri") for each in inner(place, "RanhGioi")]
    return [(Decimal(said(p, "X")), Decimal(said(p, "Y"))) for each in drawn for p in inner(each, "Diem")]


def _lot(case: Case, *, numbers: bool) -> Tree:
    measured = area(boundary(case))
    limits = (
        leaf("MatDoXayDungToiDa", "80"),
        leaf("HeSoSuDungDatToiDa", "4.0"),
        leaf("SoTangToiDa", "5"),
        leaf("ChieuCaoToiDa", "20"),
    )
    return node(
        "ODat",
        leaf("KyHieu", "OĐT-05"),
        leaf("MaChucNang", "ODT"),
        leaf("TenChucNang", "Đất ở hiện hữu cải tạo"),
        leaf("DienTich", str(measured) if measured else said(case.told, "ViTri", "ThuaDat", "DienTich")),
        *(limits if numbers else ()),
    )


def _scheme() -> Tree:
    return node(
        "DoAn",
        leaf("MaDoAn", "QHPK-01"),
        leaf("TenDoAn", "Quy hoạch phân khu Mẫu"),
        leaf("LoaiQuyHoach", "2"),
        leaf("TyLe", "1/2000"),
        leaf("SoQuyetDinh", "01/QĐ-UBND"),
        leaf("NgayQuyetDinh", "2025-09-01"),
        leaf("CoQuanPheDuyet", "UBND tỉnh Mẫu"),
    )


def _road(case: Case) -> Tree:
    return node(
        "Duong",
        leaf("TenDuong", said(case.told, "ViTri", "DiaChi", "DuongPho") or "đường Mẫu"),
        leaf("LoGioi", "15"),
        leaf("ChiGioiDuongDo", "7,5 m từ tim đường"),
    )


def _child(tree: Tree, name: str) -> Tree:
    found = inner(tree, name)
    return found[0] if found else (name, (), "")


def _of(tree: Tree | None, name: str) -> str:
    return "" if tree is None else said(tree, name)
