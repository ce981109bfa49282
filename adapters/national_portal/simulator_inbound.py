"""What the portal sends to the province: online dossiers, promotion notices, amendments, look-ups (§7.1-§7.4).

Invariant: a delivery is bytes that depend only on the order given, so a repeated delivery is repeated to the byte.
The stand-in builds them; the sandbox posts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from gateway.domain.errors import RecordError

Body: TypeAlias = dict[str, Any]

_FILE = "JVBERi0xLjQ="


class PushOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to deliver. ``fields`` replace those of the example; ``copies`` above 1 is a duplicate delivery (§13.3).

    ``first``, ``count``: dossier numbers are the example's with running numbers from ``first`` on.
    """

    count: int = 1
    first: int = 1
    copies: int = 1
    updating: bool = False
    fields: Body = {}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One call to the province: ``path`` follows the province's address (or its access layer's prefix)."""

    path: str
    body: bytes
    code: str
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json; charset=utf-8"),)


def deliveries(kind: str, order: PushOrder, prefix: str = "") -> list[Delivery]:
    """The calls that ``order`` asks for, copies directly after one another."""
    if kind not in _KINDS:
        raise RecordError(f"push: got {kind!r}, expected one of {', '.join(sorted(_KINDS))}")
    path, build = _KINDS[kind]
    built = []
    for number in range(order.first, order.first + order.count):
        code, body = build(number, order)
        delivery = Delivery(path=f"{prefix}{path}", body=msgspec.json.encode(body), code=code)
        built += [delivery] * order.copies
    return built


def _online(number: int, order: PushOrder) -> tuple[str, Body]:
    # §7.2 is a model, not evidence: a different schema means a change in this function only.
    data = {**_ONLINE, "MaHoSo": f"G22.99-240115-{number:06d}", **order.fields}
    body = {"service": "NhanHoSoDVCQG", "isUpdating": "True" if order.updating else "False", "data": data}
    return str(data["MaHoSo"]), body


def _promotion(number: int, order: PushOrder) -> tuple[str, Body]:
    body = {**_PROMOTION, "MaHoSo": f"G99.01-240201-{number:04d}", **order.fields}
    return str(body["MaHoSo"]), body


def _amendment(number: int, order: PushOrder) -> tuple[str, Body]:
    data = {**_AMENDMENT, "MaHoSoQG": f"G99.01-240215-{number:04d}", **order.fields}
    body = {"service": "NhanSuaDoiTBKM", "isUpdating": "True" if order.updating else "False", "data": data}
    return str(data["MaHoSoQG"]), body


def _search(number: int, order: PushOrder) -> tuple[str, Body]:
    body = {"MaHoSo": f"H99.14-240115-{number:04d}", **order.fields}
    return str(body["MaHoSo"]), body


_KINDS: Mapping[str, tuple[str, Callable[[int, PushOrder], tuple[str, Body]]]] = {
    "push_online": ("nhanhsdvcqg", _online),
    "push_promotion": ("addtthcKhuyenMai", _promotion),
    "push_amendment": ("addtthcKhuyenMai", _amendment),
    "push_search": ("search/call", _search),
}
PUSHES: tuple[str, ...] = tuple(_KINDS)

_ONLINE: Body = {
    "MaTTHC": "1.009901.000.00.00.H99",
    "TenTTHC": "Cấp giấy xác nhận thử nghiệm",
    "MaLinhVuc": "G99-TN01",
    "TenLinhVuc": "Thử nghiệm",
    "ChuHoSo": "Nguyễn Văn Thử",
    "LoaiDoiTuong": "1",
    "MaDoiTuong": "tech-0000-demo",
    "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099000000001"}],
    "ThongTinKhac": "",
    "Email": "thu@example.invalid",
    "Fax": "",
    "SoDienThoai": "0900000001",
    "TrichYeuHoSo": "Đề nghị cấp giấy xác nhận",
    "NgayNopHoSo": "20240114213000",
    "NoiNopHoSo": "1",
    "KenhThucHien": "2",
    "TaiKhoanDuocXacThucVoiVNeID": "1",
    "DonViXuLy": "Sở Thử nghiệm",
    "TaiLieuNop": [
        {
            "TenTepDinhKem": "to-khai.pdf",
            "MaThanhPhanHoSo": "000.00.00.H99-TP0001",
            "DuongDanTaiTepTin": "https://portal.example.invalid/tep/0b8f7d0e-1111-4222-8333-444455559999",
        },
        {
            "TenTepDinhKem": "chung-nhan-cu.pdf",
            "MaThanhPhanHoSo": "000.00.00.H99-TP0002",
            "Base64": _FILE,
        },
    ],
    "DuLieuEForm": '{"lyDo":"Bổ sung hồ sơ cá nhân"}',
}

# §12.10
_PROMOTION: Body = {
    "MaTTHC": "2.009905",
    "SoVanBan": "05/TB",
    "NgayNopHoSo": "20240201093000",
    "TenThuongNhan": "Công ty TNHH Mô phỏng",
    "MaSoThue": "0109999999",
    "DiaChiDoanhNghiep": {
        "MaTinh": "99",
        "MaHuyen": "991",
        "MaXa": "99101",
        "DiaChiChiTiet": "Số 1 phố Thử",
    },
    "DienThoai": "0240000000",
    "Fax": "",
    "Email": "dn@example.invalid",
    "NguoiLienHe": "Phạm Thị Giả",
    "SoDienThoaiNguoiLienHe": "0900000002",
    "TenChuongTrinhKhuyenMai": "Khuyến mại tháng Hai",
    "HinhThucKhuyenMai": "Giảm giá",
    "ThoiGianKhuyenMaiTu": "20240210000000",
    "ThoiGianKhuyenMaiDen": "20240228000000",
    "HangHoaDichVuKhuyenMai": "Đồ gia dụng",
    "SoLuongHangHoaDichVu": "100",
    "KhachHang": "Người tiêu dùng",
    "CoCauGiaiThuong": "",
    "TongGiaTriHangHoa": "100000000",
    "NoiDungChiTiet": "",
    "TenCacThuongNhanCungThucHien": "",
    "TenTepDonDangKy": "don.pdf",
    "TepDonDangKy": _FILE,
    "TaiLieuNop": [{"TenTepDinhKem": "the-le.pdf", "Base64": _FILE}],
}

# §7.4
_AMENDMENT: Body = {
    "MaTTHC": "2.009905",
    "SoVanBan": "09/TB",
    "NgayNopHoSo": "20240215093000",
    "TenThuongNhan": "Công ty TNHH Mô phỏng",
    "DiaChiDoanhNghiep": _PROMOTION["DiaChiDoanhNghiep"],
    "DienThoai": "0240000000",
    "Fax": "",
    "Email": "dn@example.invalid",
    "MaSoThue": "0109999999",
    "NguoiLienHe": "Phạm Thị Giả",
    "SoDienThoaiNguoiLienHe": "0900000002",
    "ThongTinDaNop": {
        "MaHoSoQGDNP": "G99.01-240201-0001",
        "SoVanBanDaNopDNP": "05/TB",
        "NgayNopHoSoDNP": "20240201093000",
        "TenChuongTrinhKhuyenMaiDNP": "Khuyến mại tháng Hai",
        "ThoiGianKhuyenMaiTuDNP": "20240210000000",
        "ThoiGianKhuyenMaiDenDNP": "20240228000000",
        "DiaBanKhuyenMaiDNP": "Tỉnh Mô phỏng",
    },
    "ThongTinSuaDoi": {
        "SoLuongHangHoaDichVuKM": "150",
        "HangHoaDichVuKM": "Đồ gia dụng",
        "CoCauGiaiThuongKM": "",
        "NoiDungChiTietKM": "Tăng số lượng",
        "HangHoaDichVuDungKM": "",
    },
    "LyDoDieuChinh": "Tăng nhu cầu",
    "NoiDungCamKetKhac": "",
    "TenTepDangKy": "dieu-chinh.pdf",
    "URLTepDangKy": "/tbkm/G99/2024/dieu-chinh.pdf",
}
