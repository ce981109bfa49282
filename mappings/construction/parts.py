"""The parts that messages share: addresses, parties, land, works, designers (construction, appendix A).

One tuple per complex type, named by it. Invariant: rows stand in the order of the schema's sequence, which a test
compares element by element.
"""

from __future__ import annotations

from gateway.mapping.tree import Row
from mappings.construction.codes import (
    DESIGNER_KINDS,
    GENDERS,
    PARTY_KINDS,
    SCOPES,
    WORK_GRADES,
    WORK_GROUPS,
    WORK_KINDS,
)

ADDRESS = (
    Row("ChiTiet", "detail"),
    Row("DuongPho", "street"),
    Row("ThonTo", "hamlet"),
    Row("MaXa", "ward"),
    Row("TenXa", "ward_name"),
    Row("MaTinh", "province"),
    Row("TenTinh", "province_name"),
)
SUBMITTER = (
    Row("LoaiDoiTuong", "kind", codes=PARTY_KINDS),
    Row("HoVaTen", "name"),
    Row("SoDinhDanh", "number"),
    Row("NgaySinh", "born_on"),
    Row("GioiTinh", "gender", codes=GENDERS),
    Row("NgayCapGiayTo", "number_issued_on"),
    Row("NoiCapGiayTo", "number_issued_by"),
    Row("TenToChuc", "organisation"),
    Row("MaSoDoanhNghiep", "enterprise_number"),
    Row("SoDienThoai", "phone"),
    Row("Email", "email"),
    Row("NoiCuTru", "residence", ADDRESS),
    Row("LaNguoiDuocUyQuyen", "authorised"),
)
INVESTOR = (
    Row("LoaiChuDauTu", "kind", codes=PARTY_KINDS),
    Row("Ten", "name"),
    Row("SoDinhDanh", "number"),
    Row("MaSoDoanhNghiep", "enterprise_number"),
    Row("NguoiDaiDien", "representative"),
    Row("ChucVu", "position"),
    Row("SoDinhDanhNguoiDaiDien", "representative_number"),
    Row("SoDienThoai", "phone"),
    Row("Email", "email"),
    Row("DiaChiLienHe", "address", ADDRESS),
    Row("DongSoHuu", "co_owners"),
)
PROFESSIONAL = (
    Row("BoMon", "discipline"),
    Row("HoVaTen", "name"),
    Row("MaSoChungChi", "certificate"),
)
DESIGNER = (
    Row("Loai", "kind", codes=DESIGNER_KINDS),
    Row("Ten", "name"),
    Row("MaSoDoanhNghiep", "enterprise_number"),
    Row("MaSoChungChi", "certificate"),
    Row("ChuNhiem", "lead", PROFESSIONAL),
    Row("ChuTri", "members", PROFESSIONAL),
)
POINT = (Row("X", "x"), Row("Y", "y"))
BOUNDARY = (
    Row("HeToaDo", "reference_system"),
    Row("KinhTuyenTruc", "meridian"),
    Row("Diem", "points", POINT),
)
PARCEL = (
    Row("LoDatSo", "plot"),
    Row("ThuaDatSo", "parcel"),
    Row("ToBanDoSo", "map_sheet"),
    Row("DienTich", "area"),
    Row("MucDichSuDungDat", "land_use"),
    Row("LoaiGiayToDat", "paper_kind"),
    Row("SoPhatHanh", "issue_number"),
    Row("SoVaoSo", "register_number"),
    Row("NgayCap", "issued_on"),
    Row("CoQuanCap", "issued_by"),
)
SITE = (
    Row("DiaChi", "address", ADDRESS),
    Row("ThuaDat", "parcels", PARCEL),
    Row("RanhGioi", "boundary", BOUNDARY),
)
SECTION = (
    Row("DiaBan", "address", ADDRESS),
    Row("ChieuDai", "length"),
    Row("Cot", "level"),
)
WORK = (
    Row("SoThuTu", "number"),
    Row("TenCongTrinh", "name"),
    Row("MaSoThongTinCongTrinh", "national_number"),
    Row("NhomCongTrinh", "group", codes=WORK_GROUPS),
    Row("LoaiCongTrinh", "kind", codes=WORK_KINDS),
    Row("CapCongTrinh", "grade", codes=WORK_GRADES),
    Row("DienTichXayDung", "ground_area"),
    Row("CotXayDung", "level"),
    Row("KhoangLui", "setback"),
    Row("TongDienTichSan", "floor_area"),
    Row("ChiTietDienTichSan", "floor_area_detail"),
    Row("ChieuCao", "height"),
    Row("ChiTietChieuCao", "height_detail"),
    Row("SoTang", "storeys"),
    Row("SoTangHam", "basements"),
    Row("CoTangLung", "mezzanine"),
    Row("CoTum", "roof_hut"),
    Row("ChiTietSoTang", "storeys_detail"),
    Row("MatDoXayDung", "density"),
    Row("HeSoSuDungDat", "floor_ratio"),
    Row("TongChieuDai", "length"),
    Row("ChieuCaoTinhKhong", "clearance"),
    Row("DoSauCongTrinh", "depth"),
    Row("DoanTuyen", "sections", SECTION),
    Row("GiaiDoan", "stage"),
)
PROJECT = (
    Row("TenDuAn", "name"),
    Row("CoQuanPheDuyet", "approved_by"),
    Row("SoQuyetDinh", "decision_number"),
    Row("NgayQuyetDinh", "decided_on"),
)
ISSUED_PERMIT = (
    Row("SoGiayPhep", "number"),
    Row("NgayCap", "issued_on"),
    Row("CoQuanCap", "issued_by"),
    Row("MaSoThongTinCongTrinh", "national_number"),
    Row("NgayHetHieuLucKhoiCong", "start_until"),
)
REQUEST = (
    Row("PhamViCap", "scope", codes=SCOPES),
    Row("DuAn", "project", PROJECT),
    Row("CongTrinh", "works", WORK),
    Row("NoiDungSuaChua", "repair"),
    Row("DiaDiemDiDoiDen", "destination", SITE),
    Row("GiayPhepGoc", "permit", ISSUED_PERMIT),
    Row("NoiDungDieuChinh", "adjustment"),
    Row("LyDo", "reason"),
    Row("LanGiaHan", "extension"),
    Row("ThoiHanTonTai", "term"),
    Row("ThoiGianHoanThanhThang", "months"),
)
