"""Tables of the payment platform of the national portal, generation 1.0.6 (contract ``payment_platform``).

``ELEMENTS`` lists what the contract names, ``TABLES`` maps it, ``RESPONSES`` says what answers mean. Invariant: every
element is sent, blank where it has no use (§5: both sources always send every key).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.mapping import Element, Table, Waiver, elements
from mappings.payment_platform import init
from mappings.payment_platform.responses import RESPONSES

__all__ = ["ELEMENTS", "RESPONSES", "TABLES", "WAIVED"]

ELEMENTS: Mapping[str, tuple[Element, ...]] = {
    "INIT": elements(
        "payment_platform §5.1",
        mandatory="""LoaiBanTin PhienBan MaDoiTac MaThamChieu SoTien LoaiHinhThanhToan MaKenhThanhToan MaThietBi
                     NgonNgu MaTienTe MaNganHang ThongTinGiaoDich ThoiGianGD Ip MaXacThuc ThongTinBienLai""",
    ),
    "ThongTinBienLai": elements(
        "payment_platform §5.2",
        mandatory="""MaDichVu MaDVC TenDVC MaTTHC TenTTHC MaDonVi TenDonVi MaHoSo TKThuHuong MaNHThuHuong
                     TenTKThuHuong NoiDungThanhToan HoTenNguoiNop SoCMNDNguoiNop DiaChiNguoiNop PhiLePhi DSKhoanNop""",
        optional="""MaLoaiHinhThuPhat TenLoaiHinhThuPhat MaCoQuanQD TenCoQuanQD KhoBac NgayQD SoQD ThoiGianViPham
                    DiaDiemViPham TenNguoiViPham TaiKhoanThuNSNN HuyenNguoiNop TinhNguoiNop""",
    ),
    "PhiLePhi": elements("payment_platform §5.2", mandatory="LoaiPhiLePhi MaPhiLePhi TenPhiLePhi SoTien"),
    "DSKhoanNop": elements("payment_platform §5.2", mandatory="NoiDung SoTien"),
    "QUERY": elements(
        "payment_platform §5.6, §5.7",
        mandatory="LoaiBanTin PhienBan MaDoiTac MaThamChieu ThoiGianGD MaXacThuc",
    ),
}

TABLES: Mapping[str, Table] = {
    "INIT": init.INIT,
    "ThongTinBienLai": init.RECEIPT,
    "PhiLePhi": init.FEE,
    "DSKhoanNop": init.TO_PAY,
    "QUERY": init.ASK,
}

WAIVED: Mapping[str, Mapping[str, Waiver]] = {}
