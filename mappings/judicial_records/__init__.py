"""Tables of judicial record certificates: elements, codes, fees, answers (contract ``judicial_records``).

``ELEMENTS`` lists what the contract names, ``TABLES`` maps it, ``RESPONSES`` says what answers mean; the CSV files
beside this module are code tables that a province may replace. Invariant: every element is mapped or waived.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from gateway.mapping import CodeTable, Element, Table, Waiver, elements, read_tables
from mappings.judicial_records.responses import RESPONSES
from mappings.judicial_records.submit import ADDRESS, DECLARATION, FILE, SOJOURN, SUBMIT
from mappings.judicial_records.telling import OUTCOME, TELL

__all__ = ["ELEMENTS", "RESPONSES", "SECRET_FIELDS", "TABLES", "WAIVED", "code_tables"]

ELEMENTS: Mapping[str, tuple[Element, ...]] = {
    "nhanHoSoDangKyLLTP": elements(
        "judicial_records §4.3",
        mandatory="authKey maTinh tenTinh maHoSoMCDT nguonDangKy tenNguonDangKy ngayTiepNhan toKhai",
    ),
    "toKhai": elements(
        "judicial_records §4.3",
        mandatory="""loaiPhieu nycHoTen nycGioiTinh nycNgaySinh nycThuongTru nycLoaiGiayTo nycSoGiayTo
            nycNgayCapGiayTo nycNoiCapGiayTo nycQuocTich nycDanToc nycHoTenCha nycHoTenMe nycNoiSinh
            nycNoiSinhNuocNgoai uyQuyen nycCuTru soLuongCap""",
        optional="""ngayHenTra yeuCauCDNCV maMucDich mucDich tenMucDich mucDichKhac nycTenGoiKhac nycTenGioiTinh
            nycTamTru nycDienThoai nycEmail nycTenLoaiGiayTo nycTenQuocTich nycTenDanToc chaNgaySinh chaLoaiGiayTo
            chaSoGiayTo meNgaySinh meLoaiGiayTo meSoGiayTo nycHoTenVoChong voChongNgaySinh voChongLoaiGiayTo
            voChongSoGiayTo uyQuyenHoTen nuqTenGoiKhac nuqGioiTinh nuqNgaySinh nuqTenDanToc nuqDanToc
            nuqTenQuocTich nuqQuocTich nuqEmail nyqQuanHe nuqThuongTruChiTiet nuqDienThoai nuqLoaiGiayto
            thongTinAnTich nuqSoGiayTo nuqNgayCapGiayTo nuqNoiCapGiayTo fileHoSo""",
    ),
    "DiaChi": elements(
        "judicial_records §4.3",
        optional="maTinhThanh tenTinhThanh maQuanHuyen tenQuanHuyen maPhuongXa tenPhuongXa dcChiTiet",
    ),
    "nycCuTru": elements(
        "judicial_records §4.3", mandatory="tuNgay denNgay noiCuTru", optional="ngheNghiep noiLamViec"
    ),
    "fileHoSo": elements("judicial_records §4.3", mandatory="tenLoaiFile tenFile noiDungFile"),
    "traKetQuaHoSoLLTP": elements(
        "judicial_records §4.5",
        mandatory="maTinh tenTinh maHoSoMCDT trangThaiXuLy tenTrangThaiXuLy type",
        optional="lyDoTuChoi ngayHenTraKetQua ketQuaXuLy",
    ),
    "ketQuaXuLy": elements(
        "judicial_records §4.4",
        mandatory="soPhieuLLTP ngayCapPhieu loaiPhieu nguoiKy phieuLLTP",
        optional="""nguoiLapPhieu chucVu tinhTrangAnTich tenTinhTrangAnTich thongTinCDNCV tenThongTinCDNCV
            thongTinAn dsCDNCV quyetDinhThuHoi""",
    ),
}

TABLES: Mapping[str, Table] = {
    table.name: table for table in (SUBMIT, DECLARATION, ADDRESS, SOJOURN, FILE, TELL, OUTCOME)
}

_IN_THE_PDF = Waiver(
    reason="what a certificate says about convictions stays in its signed PDF and is kept nowhere else (§8.6)",
    on=date(2026, 11, 22),
)
WAIVED: Mapping[str, Mapping[str, Waiver]] = {
    "ketQuaXuLy": {"thongTinAn": _IN_THE_PDF, "dsCDNCV": _IN_THE_PDF}
}

SECRET_FIELDS = (
    *("authKey", "CodeGet", "phieuLLTP", "quyetDinhThuHoi", "noiDungFile", "duLieu", "thongTinAn", "dsCDNCV"),
    *("tinhTrangAnTich", "tenTinhTrangAnTich", "thongTinCDNCV", "tenThongTinCDNCV", "thongTinAnTich"),
)
"""Body fields that are blanked before anything is recorded: keys, files, criminal records (§8.6)."""


def code_tables(override: Path | None = None) -> Mapping[str, CodeTable]:
    """The code tables by name; files of the folder ``override`` replace the built-in ones."""
    return read_tables(Path(__file__).parent, override)
