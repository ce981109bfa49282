"""Elements that hold personal data (national_portal §3, §8): they can be taken out of a proof while the rest still proves."""

from __future__ import annotations

PERSONAL_FIELDS = (
    "Address",
    "ApplicantsId",
    "ChuHoSo",
    "CitizenName",
    "DiaChi",
    "DiaChiChiTiet",
    "DienThoai",
    "Email",
    "Fax",
    "HoTenNguoiYeuCau",
    "KhachHang",
    "MaDoiTuong",
    "NguoiLienHe",
    "Phone",
    "SoDienThoai",
    "SoDienThoaiNguoiLienHe",
    "SoDinhDanh",
    "SoDinhDanhChuSoHuu",
    "SoDinhDanhNguoiYeuCau",
    "SoGiayToChuHoSo",
    "ThongTinTra",
    "TrichYeuHoSo",
)
