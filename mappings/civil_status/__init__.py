"""Civil status (hộ tịch), as far as the contract is certain (judicial_records §9); README.md says where it ends.

There is no adapter for it: what goes inside a declaration is known in parts only. Invariant: every element that the
contract spells out is mapped or waived, and nothing is sent whose name had to be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from gateway.mapping import CodeTable, Element, Table, Waiver, elements, read_tables
from mappings.civil_status.messages import DIRECT, FILE, LINKED
from mappings.civil_status.people import ADDRESS, BIRTH, DEATH, PREFIXES, person
from mappings.civil_status.responses import RESPONSES

__all__ = ["ELEMENTS", "RESPONSES", "SECRET_FIELDS", "TABLES", "WAIVED", "code_tables"]

_PERSON = """HoTen NgaySinh DanToc DanTocKhac QuocTich LoaiCuTru NoiCuTru LoaiGiayToTuyThan GiayToKhac SoGiayToTuyThan
    SoDDCN XacThucThongTin"""

ELEMENTS: Mapping[str, tuple[Element, ...]] = {
    "dangKyHoTich": elements("judicial_records §9.1", mandatory="maDonVi module maHoSo ngayTiepNhan data"),
    "NhanDKHT": elements(
        "judicial_records §9.2",
        mandatory="maDonVi module maHoSoLT maHoSoMCDT ngayTiepNhan data",
        optional="fileDinhKem",
    ),
    "fileDinhKem": elements(
        "judicial_records §9.2",
        mandatory="id loaiGiayTo tenGiayTo tenTepDinhKem huyGiayTo duLieuTepDinhKem",
    ),
    "NoiCuTru": elements("judicial_records §9.3", optional="maTinh maHuyen maXa dcChiTiet"),
    "birth": elements(
        "judicial_records §9.3",
        optional="""maGCS ngayCapGCS loaiDangKy noiDangKy soLuongBanSao nksNgaySinhBangChu nksNoiSinh nksQueQuan
            nksLoaiKhaiSinh soDangKyNuocNgoai""",
    ),
    "death": elements(
        "judicial_records §9.3",
        mandatory="nktNgayChet",
        optional="nktGioPhutChet nktNoiChet nktNguyenNhanChet gbtLoai gbtSo gbtNgay gbtCoQuanCap",
    ),
    **{
        prefix: elements(
            "judicial_records §9.3", optional=" ".join(f"{prefix}{name}" for name in _PERSON.split())
        )
        for prefix in PREFIXES
    },
}

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (DIRECT, LINKED, FILE, ADDRESS, BIRTH, DEATH, *(person(prefix) for prefix in PREFIXES))
}

_UNPROVED = Waiver(
    reason="says that somebody has verified the person against the national register; nobody here has",
    on=date(2026, 11, 22),
)
WAIVED: Mapping[str, Mapping[str, Waiver]] = {
    prefix: {f"{prefix}XacThucThongTin": _UNPROVED} for prefix in PREFIXES
}

SECRET_FIELDS = ("duLieuTepDinhKem", "giayKhaiSinh", "giayKhaiTu", "password", "token", "refreshToken")
"""Body fields that must be blanked before anything is recorded: files, certificates, keys of the portal."""


def code_tables(override: Path | None = None) -> Mapping[str, CodeTable]:
    """The code tables by name; files of the folder ``override`` replace the built-in ones."""
    return read_tables(Path(__file__).parent, override)
