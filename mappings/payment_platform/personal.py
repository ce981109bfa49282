"""Elements that hold personal data (payment_platform §5, §8, §9): they can be taken out of a proof while the rest still proves."""

from __future__ import annotations

PERSONAL_FIELDS = (
    "DIACHINGUOINOP",
    "DiaChiNguoiNop",
    "DiaChiNguoiNopTien",
    "HOTENNGUOINOP",
    "HUYENNGUOINOP",
    "HoTenNguoiNop",
    "HoTenNguoiNopTien",
    "HuyenNguoiNop",
    "HuyenNguoiNopTien",
    "MaSoThue",
    "SOCMNDNGUOINOP",
    "SoCMNDNguoiNop",
    "SoCMTNguoiNopTien",
    "TINHNGUOINOP",
    "TenNguoiViPham",
    "TinhNguoiNop",
    "TinhNguoiNopTien",
    "XaNguoiNopTien",
)
