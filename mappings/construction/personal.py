"""Elements that hold personal data (construction, appendix A): they can be taken out of a proof while the rest still proves."""

from __future__ import annotations

PERSONAL_FIELDS = (
    "ChiTiet",
    "DongSoHuu",
    "DuongPho",
    "Email",
    "GioiTinh",
    "HoVaTen",
    "NgayCapGiayTo",
    "NgaySinh",
    "NguoiDaiDien",
    "NoiCapGiayTo",
    "NoiDung",
    "SoDienThoai",
    "SoDinhDanh",
    "SoDinhDanhNguoiDaiDien",
    "SoPhatHanh",
    "SoVaoSo",
    "Ten",
    "ThonTo",
)
