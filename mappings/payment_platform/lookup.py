"""The look-up model: the platform asks what must be paid for a dossier (payment_platform §8), both answers.

Invariant: the answer describes one debt, under the reference of one attempt; ``MaTraCuuTT`` is new with every
look-up, so nothing may be bound to it (§8.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.codec import Json
from mappings.payment_platform.reading import text_of

PAYABLE: Final = 1
NOTHING: Final = 0
FAILED: Final = -1

# §8.1: the receipt's elements, in the order of the look-up's answer
_SHARED = (
    *("MaHoSo", "MaDichVu", "MaDVC", "TenDVC", "MaTTHC", "TenTTHC", "MaDonVi", "TenDonVi", "PhiLePhi"),
    *("TKThuHuong", "MaNHThuHuong", "TenTKThuHuong", "MaLoaiHinhThuPhat", "TenLoaiHinhThuPhat"),
    *("MaCoQuanQD", "TenCoQuanQD", "KhoBac", "NgayQD", "SoQD", "ThoiGianViPham", "DiaDiemViPham"),
    *("TenNguoiViPham", "TaiKhoanThuNSNN", "NoiDungThanhToan", "HoTenNguoiNop", "SoCMNDNguoiNop"),
    *("DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop", "DSKhoanNop"),
)
# §8.1: on the wire as the platform needs them, never in a log
PERSONAL: Final = (
    *("HoTenNguoiNop", "SoCMNDNguoiNop", "DiaChiNguoiNop", "HuyenNguoiNop", "TinhNguoiNop"),
    *("TenNguoiViPham",),
)
# §8.2: what a receipt's element is called there
_UPPER = {
    "SOTAIKHOANKB": "TKThuHuong",
    "MAKHOBAC": "KhoBac",
    "MALOAIHINHTHU": "MaLoaiHinhThuPhat",
    "TENLOAIHINHTHU": "TenLoaiHinhThuPhat",
    "MACHICUC": "MaDonVi",
    "TENCHICUC": "TenDonVi",
    "SOTHONGBAO": "MaHoSo",
    "HOTENNGUOINOP": "HoTenNguoiNop",
    "SOCMNDNGUOINOP": "SoCMNDNguoiNop",
    "DIACHINGUOINOP": "DiaChiNguoiNop",
    "HUYENNGUOINOP": "HuyenNguoiNop",
    "TINHNGUOINOP": "TinhNguoiNop",
}


def asked_dossier(document: Json) -> str:
    """Which dossier (§8.1) or notice (§8.2) a look-up asks about; empty when it names none that can be."""
    fields = {key.lower(): value for key, value in document.items()} if isinstance(document, dict) else {}
    asked = (text_of(fields, "mahoso") or text_of(fields, "ma_thongbao")).strip()
    return asked if len(asked) <= 50 else ""


def payable(message: Mapping[str, Any], now14: str, *, form: str) -> dict[str, Json]:
    """The answer where there is something to pay; ``message`` is the INIT that would be sent for it."""
    info: Mapping[str, Any] = message["ThongTinBienLai"]
    if form == "tatc":
        told: dict[str, Json] = {
            "MATRACUUTT": f"{info['MaHoSo']}-{now14[2:]}",
            **{upper: info[name] for upper, name in _UPPER.items()},
            "TENKHOBAC": "",
            "NGAYTHONGBAO": now14[:8],
            "TENTOATHONGBAO": info["TenDonVi"],
            "TONGTIEN": message["SoTien"],
        }
        return {"ERROR_CODE": PAYABLE, "MESSAGE": told}
    shared = {name: info[name] for name in _SHARED}
    shared["NgayQD"] = shared["NgayQD"] or now14[:8]  # the source fills today's date (§8.1)
    told = {
        "transaction_id": message["MaThamChieu"],
        "client_id": message["MaDoiTac"],
        "MaTraCuuTT": f"{info['MaHoSo']}{now14}",
        **shared,
    }
    return {"error_code": PAYABLE, "message": told}


def without_debt(code: int, *, form: str) -> dict[str, Json]:
    """The answer where nothing is due (0) or nothing could be found (-1): the message is an empty list."""
    names = ("ERROR_CODE", "MESSAGE") if form == "tatc" else ("error_code", "message")
    return dict(zip(names, (code, []), strict=True))
