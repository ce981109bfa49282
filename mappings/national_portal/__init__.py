"""Tables of the national public service portal: elements, codes, answers (contract ``national_portal``).

``ELEMENTS`` lists what the contract names, ``TABLES`` maps it, ``WAIVED`` says why something is not sent,
``RESPONSES`` what answers mean; the CSV files beside this module are the code tables of §10. Invariant: every
element is mapped or waived, and no code outside §10 is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from gateway.mapping import CodeTable, Element, Table, Waiver, elements, read_tables
from mappings.national_portal import lgsp_document as twin
from mappings.national_portal.cap_nhat_tien_do_ho_so_mc import STEP
from mappings.national_portal.dong_bo_ho_so_mc import DOSSIER
from mappings.national_portal.dong_bo_trang_thai_ho_so import PROCESSED, STATUS
from mappings.national_portal.dossier_parts import (
    DATABASE,
    DOCUMENT,
    FEE,
    IDENTITY,
    PAPER,
    RESULT,
    SUPPLEMENT,
)
from mappings.national_portal.responses import RESPONSES

__all__ = ["ELEMENTS", "RESPONSES", "TABLES", "WAIVED", "code_tables"]

ELEMENTS: Mapping[str, tuple[Element, ...]] = {
    "DongBoHoSoMC": (
        *elements(
            "national_portal §5.1",
            mandatory="""MaHoSo MaTTHC TenTTHC MaLinhVuc TenLinhVuc LoaiDoiTuong TrichYeuHoSo NgayTiepNhan
                         TrangThaiHoSo HinhThuc DonViXuLy""",
            optional="""SoBienNhan ChuHoSo MaDoiTuong ThongTinKhac Email Fax SoDienThoai NgayHenTra NgayTra
                        ThongTinTra NgayKetThucXuLy GhiChu TaiLieuNop DanhSachLePhi DanhSachTepDinhKemKhac
                        DanhSachHoSoBoSung DanhSachGiayToKetQua""",
        ),
        *elements(
            "national_portal §5.1, later profile",
            mandatory="""KenhThucHien NoiNopHoSo HoSoCoThanhPhanSoHoa TaiKhoanDuocXacThucVoiVNeID
                         DuocThanhToanTrucTuyen DinhDanhCHS NgayNopHoSo DSKetNoiCSDL""",
            optional="SoGiayToChuHoSo NgayTuChoi",
        ),
    ),
    "TaiLieuNop": (
        *elements(
            "national_portal §5.2",
            mandatory="TenTepDinhKem IsDeleted DuongDanTaiTepTin",
            optional="TepDinhKemId MaThanhPhanHoSo",
        ),
        *elements(
            "national_portal §5.2, later profile",
            optional="DuocSoHoa DuocTaiSuDung DuocLayTuKhoDMQG MaKetQuaThayThe",
        ),
    ),
    "DanhSachLePhi": elements(
        "national_portal §5.3", mandatory="TenPhiLePhi MaPhiLePhi HinhThucThu Gia LoaiPhiLePhi"
    ),
    "DanhSachTepDinhKemKhac": elements("national_portal §5.4", mandatory="TenGiayTo SoLuong LoaiGiayTo"),
    "DanhSachHoSoBoSung": elements(
        "national_portal §5.5",
        mandatory="HoSoBoSungId NguoiYeuCauBoSung NoiDungBoSung NgayBoSung TrangThaiBoSung NgayHenTraTruoc",
        optional="""NguoiTiepNhanBoSung ThongTinTiepNhan NgayTiepNhanBoSung DanhSachGiayToBoSung
                    DanhSachLePhiBoSung NgayHenTraMoi""",
    ),
    "DanhSachGiayToKetQua": elements(
        "national_portal §5.6",
        mandatory="TenGiayTo DuongDanTepTinKetQua",
        optional="MaThanhPhanHoSo GiayToId MaGiayToKetQua",
    ),
    "DinhDanhCHS": elements("national_portal §10.7", mandatory="LoaiDinhDanh SoDinhDanh"),
    "DSKetNoiCSDL": elements("national_portal §10.9", mandatory="MaCSDL"),
    "CapNhatTienDoHoSoMC": elements(
        "national_portal §6",
        mandatory="MaHoSo NguoiXuLy ThoiDiemXuLy TrangThai",
        optional="ChucDanh PhongBanXuLy NoiDungXuLy NgayBatDau NgayKetThucTheoQuyDinh",
    ),
    "DongBoTrangThaiHoSo": elements(
        "national_portal §7.5",
        mandatory="TrangThai MaHoSo MaHoSoDonVi NgayXuLy",
        optional="MaDoiTuong NoiDung TaiLieuXuLy",
    ),
    "TaiLieuXuLy": elements(
        "national_portal §7.5",
        mandatory="TenTepDinhKem IsDeleted DuongDanTaiTepTin",
        optional="TepDinhKemId MaThanhPhanHoSo",
    ),
    "MSyncDocument": elements(
        "national_portal §9",
        mandatory="""DocTypeCode DocTypeName DocCode CitizenName ApplicantsId ApplicantsType Phone DateReceived
                     DateAppointed IsSuccess SuccessDate IsReturned ReturnedDate ReturnedType Status
                     ProcessingOrganName Attachments DocFees DocPapers Supplementaries OrganInchargeIdLevel1
                     OrganInchargeName""",
        optional="""CitizenInfo Address Email Compendium ApproverName ApproverPosition SuccessNote ReturnNote
                    FinishedDate HasSupplementary RequireSupplementaryDate Note""",
    ),
    "DocFees": elements("national_portal §9", mandatory="FeeName FeeType Price"),
    "DocPapers": elements("national_portal §9", mandatory="PaperName Amount PaperType"),
    "Supplementaries": elements(
        "national_portal §9",
        mandatory="SupplementaryId SendUser SendComment SendDate ReceivedDate IsReceived OldDateAppointed",
        optional="ReceivedUser ReceivedComment Papers Fees NewDateAppointed",
    ),
    "MDocumentTraces": elements(
        "national_portal §9",
        mandatory="""DocumentId DocCode UserName UserPosition DateCreated OrganizationInchargeIdLevel1
                     OrganizationInchargeName""",
        optional="Comment Status",
    ),
}

TABLES: Mapping[str, Table] = {
    "DongBoHoSoMC": DOSSIER,
    "TaiLieuNop": DOCUMENT,
    "DanhSachLePhi": FEE,
    "DanhSachTepDinhKemKhac": PAPER,
    "DanhSachHoSoBoSung": SUPPLEMENT,
    "DanhSachGiayToKetQua": RESULT,
    "DinhDanhCHS": IDENTITY,
    "DSKetNoiCSDL": DATABASE,
    "CapNhatTienDoHoSoMC": STEP,
    "DongBoTrangThaiHoSo": STATUS,
    "TaiLieuXuLy": PROCESSED,
    "MSyncDocument": twin.SYNC_DOCUMENT,
    "DocFees": twin.FEE,
    "DocPapers": twin.PAPER,
    "Supplementaries": twin.SUPPLEMENTARY,
    "MDocumentTraces": twin.DOCUMENT_TRACES,
}

_DECIDED = date(2026, 11, 22)
_NOT_RECORDED = Waiver(
    reason="the local record has no such thing, and the schema does not demand it (§9)", on=_DECIDED
)

WAIVED: Mapping[str, Mapping[str, Waiver]] = {
    "DongBoHoSoMC": {
        "SoGiayToChuHoSo": Waiver(
            reason="seen in one province only and perhaps its own extra (§5.1); identities travel in DinhDanhCHS",
            on=_DECIDED,
        ),
    },
    "MSyncDocument": {
        "Attachments": Waiver(
            reason="wants the bytes of every file in base64; the record holds addresses and digests only (§14.10)",
            on=_DECIDED,
        ),
        "CitizenInfo": _NOT_RECORDED,
        "ApproverName": _NOT_RECORDED,
        "ApproverPosition": _NOT_RECORDED,
        "SuccessNote": _NOT_RECORDED,
    },
    "Supplementaries": {"Papers": _NOT_RECORDED, "Fees": _NOT_RECORDED},
}


def code_tables(override: Path | None = None) -> Mapping[str, CodeTable]:
    """The code tables by official name; files of the folder ``override`` replace the built-in ones."""
    return read_tables(Path(__file__).parent, override)
