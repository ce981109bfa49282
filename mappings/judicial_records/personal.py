"""Elements that hold personal data (judicial_records §4): they can be taken out of a proof while the rest still proves."""

from __future__ import annotations

_APPLICANT = (
    *("nycHoTen", "nycTenGoiKhac", "nycNgaySinh", "nycThuongTru", "nycTamTru", "nycNoiSinh", "nycDienThoai"),
    *(
        "nycEmail",
        "nycSoGiayTo",
        "nycNgayCapGiayTo",
        "nycNoiCapGiayTo",
        "nycDanToc",
        "nycTenDanToc",
        "nycCuTru",
    ),
    *("nycGioiTinh", "nycTenGioiTinh", "nycQuocTich", "nycTenQuocTich", "nycNoiSinhNuocNgoai"),
    *("mucDich", "tenMucDich", "mucDichKhac", "maMucDich", "diaChiNhan", "quaTrinhCTNNNLV"),
)
_RELATIVES = (
    *("nycHoTenCha", "chaNgaySinh", "chaNamSinh", "chaSoGiayTo", "nycHoTenMe", "meNgaySinh", "meNamSinh"),
    *("meSoGiayTo", "nycHoTenVoChong", "voChongNgaySinh", "voChongNamSinh", "voChongSoGiayTo"),
)
_AGENT = (
    *("uyQuyenHoTen", "nuqHoTen", "nuqTenGoiKhac", "nuqGioiTinh", "nuqNgaySinh", "nuqTenDanToc", "nuqDanToc"),
    *("nuqTenQuocTich", "nuqQuocTich", "nuqEmail", "nyqQuanHe", "nuqQuanHe", "nuqThuongTruChiTiet"),
    *("nuqNoiDKKS", "nuqNoiOHienTai", "nuqDienThoai", "nuqSoGiayTo", "nuqNgayCapGiayTo", "nuqNoiCapGiayTo"),
)

PERSONAL_FIELDS = (*_APPLICANT, *_RELATIVES, *_AGENT)
