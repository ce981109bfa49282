"""The messages of national_portal §12, as the adapter writes them from the local record."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from gateway.domain.dossier import FileReference, Portal, Result
from tests.unit import portal

CREATE = """
{"session": "5d1b0c6e", "madonvi": "H99", "service": "DongBoHoSoMC", "isUpdating": "False", "data": [{
  "MaHoSo": "H99.14-240115-0007", "MaTTHC": "1.009901.000.00.00.H99", "TenTTHC": "Cấp giấy xác nhận thử nghiệm",
  "MaLinhVuc": "G99-TN01", "TenLinhVuc": "Thử nghiệm", "KenhThucHien": "2", "NoiNopHoSo": "2",
  "ChuHoSo": "Nguyễn Văn Thử", "LoaiDoiTuong": "1", "MaDoiTuong": "tech-0000-demo",
  "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099000000001"}],
  "ThongTinKhac": "", "Email": "thu@example.invalid", "Fax": "", "SoDienThoai": "0900000001",
  "TrichYeuHoSo": "Đề nghị cấp giấy xác nhận", "NgayNopHoSo": "20240114213000",
  "NgayTiepNhan": "20240115080500", "NgayHenTra": "20240122080500", "TrangThaiHoSo": "2",
  "NgayTra": "", "ThongTinTra": "", "HinhThuc": "0", "NgayKetThucXuLy": "", "NgayTuChoi": "",
  "DonViXuLy": "Sở Thử nghiệm", "GhiChu": "",
  "TaiKhoanDuocXacThucVoiVNeID": "1", "DuocThanhToanTrucTuyen": "1", "HoSoCoThanhPhanSoHoa": "1",
  "DSKetNoiCSDL": [{"MaCSDL": "1"}],
  "TaiLieuNop": [
    {"TepDinhKemId": "700001", "TenTepDinhKem": "to-khai.pdf", "IsDeleted": "False",
     "MaThanhPhanHoSo": "000.00.00.H99-TP0001",
     "DuongDanTaiTepTin": "https://adapter.example.invalid/downloadfile/0b8f7d0e-1111-4222-8333-444455556666",
     "DuocSoHoa": "1", "DuocTaiSuDung": "0", "DuocLayTuKhoDMQG": "0", "MaKetQuaThayThe": ""},
    {"TepDinhKemId": "700002", "TenTepDinhKem": "chung-nhan-cu.pdf", "IsDeleted": "False",
     "MaThanhPhanHoSo": "000.00.00.H99-TP0002",
     "DuongDanTaiTepTin": "https://adapter.example.invalid/downloadfile/0b8f7d0e-1111-4222-8333-444455557777",
     "DuocSoHoa": "1", "DuocTaiSuDung": "2", "DuocLayTuKhoDMQG": "1", "MaKetQuaThayThe": "KQ.H99.000011"}],
  "DanhSachLePhi": [{"TenPhiLePhi": "Lệ phí cấp giấy", "MaPhiLePhi": "LP.G99.000001", "HinhThucThu": "1",
     "Gia": "150000", "LoaiPhiLePhi": "1"}],
  "DanhSachTepDinhKemKhac": [], "DanhSachHoSoBoSung": [], "DanhSachGiayToKetQua": []
}]}
"""
UPDATE = """
{"session": "5d1b0c6e", "madonvi": "H99", "service": "DongBoHoSoMC", "isUpdating": "True", "data": [{
  "MaHoSo": "H99.14-240115-0007", "MaTTHC": "1.009901.000.00.00.H99", "TenTTHC": "Cấp giấy xác nhận thử nghiệm",
  "MaLinhVuc": "G99-TN01", "TenLinhVuc": "Thử nghiệm", "KenhThucHien": "2", "NoiNopHoSo": "2",
  "ChuHoSo": "Nguyễn Văn Thử", "LoaiDoiTuong": "1", "MaDoiTuong": "tech-0000-demo",
  "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099000000001"}],
  "ThongTinKhac": "", "Email": "thu@example.invalid", "Fax": "", "SoDienThoai": "0900000001",
  "TrichYeuHoSo": "Đề nghị cấp giấy xác nhận", "NgayNopHoSo": "20240114213000",
  "NgayTiepNhan": "20240115080500", "NgayHenTra": "20240124080500", "TrangThaiHoSo": "10",
  "NgayTra": "20240124091500", "ThongTinTra": "Trả kết quả điện tử", "HinhThuc": "0",
  "NgayKetThucXuLy": "20240123150000", "NgayTuChoi": "",
  "DonViXuLy": "Sở Thử nghiệm", "GhiChu": "",
  "TaiKhoanDuocXacThucVoiVNeID": "1", "DuocThanhToanTrucTuyen": "1", "HoSoCoThanhPhanSoHoa": "1",
  "DSKetNoiCSDL": [{"MaCSDL": "1"}],
  "TaiLieuNop": [], "DanhSachLePhi": [],
  "DanhSachTepDinhKemKhac": [{"TenGiayTo": "Ảnh 3x4", "SoLuong": 2, "LoaiGiayTo": 1}],
  "DanhSachHoSoBoSung": [{
    "HoSoBoSungId": 501, "NguoiYeuCauBoSung": "Trần Thị Mẫu", "NoiDungBoSung": "Bổ sung ảnh 3x4",
    "NgayBoSung": "20240117090000", "NguoiTiepNhanBoSung": "Trần Thị Mẫu", "ThongTinTiepNhan": "Đủ giấy tờ",
    "NgayTiepNhanBoSung": "20240119090000", "TrangThaiBoSung": true,
    "DanhSachGiayToBoSung": [], "DanhSachLePhiBoSung": [],
    "NgayHenTraTruoc": "20240122080500", "NgayHenTraMoi": "20240124080500"}],
  "DanhSachGiayToKetQua": [{"TenGiayTo": "Giấy xác nhận số 12/GXN", "MaThanhPhanHoSo": "", "GiayToId": "800001",
    "DuongDanTepTinKetQua": "https://adapter.example.invalid/downloadfile/0b8f7d0e-1111-4222-8333-444455558888",
    "MaGiayToKetQua": "KQ.H99.000031"}]
}]}
"""
STEPS = """
{"session": "5d1b0c6e", "madonvi": "H99", "service": "CapNhatTienDoHoSoMC", "data": [
  {"MaHoSo": "H99.14-240115-0007", "NguoiXuLy": "Cán bộ một cửa", "ChucDanh": "", "ThoiDiemXuLy": "20240115080500",
   "PhongBanXuLy": "", "NoiDungXuLy": "Tiếp nhận hồ sơ", "TrangThai": "2", "NgayBatDau": "",
   "NgayKetThucTheoQuyDinh": ""},
  {"MaHoSo": "H99.14-240115-0007", "NguoiXuLy": "Trần Thị Mẫu", "ChucDanh": "Chuyên viên",
   "ThoiDiemXuLy": "20240117090000", "PhongBanXuLy": "Phòng Thử nghiệm", "NoiDungXuLy": "Yêu cầu bổ sung ảnh",
   "TrangThai": "5", "NgayBatDau": "20240115080500", "NgayKetThucTheoQuyDinh": "20240118080500"},
  {"MaHoSo": "H99.14-240115-0007", "NguoiXuLy": "Trần Thị Mẫu", "ChucDanh": "", "ThoiDiemXuLy": "20240119090000",
   "PhongBanXuLy": "", "NoiDungXuLy": "Đã bổ sung, tiếp tục xử lý", "TrangThai": "4", "NgayBatDau": "",
   "NgayKetThucTheoQuyDinh": ""},
  {"MaHoSo": "H99.14-240115-0007", "NguoiXuLy": "Lê Văn Giả", "ChucDanh": "Lãnh đạo",
   "ThoiDiemXuLy": "20240123150000", "PhongBanXuLy": "", "NoiDungXuLy": "Ký kết quả", "TrangThai": "9",
   "NgayBatDau": "", "NgayKetThucTheoQuyDinh": ""},
  {"MaHoSo": "H99.14-240115-0007", "NguoiXuLy": "Cán bộ một cửa", "ChucDanh": "", "ThoiDiemXuLy": "20240124091500",
   "PhongBanXuLy": "", "NoiDungXuLy": "Trả kết quả", "TrangThai": "10", "NgayBatDau": "",
   "NgayKetThucTheoQuyDinh": ""}
]}
"""
STATUS = """
{"session": "5d1b0c6e", "madonvi": "H99.20", "service": "DongBoTrangThaiHoSo", "type": "2", "data": {
  "TrangThai": "10", "MaHoSo": "G99.01-240201-0003", "MaHoSoDonVi": "G99.01-240201-0003", "MaDoiTuong": "",
  "NoiDung": "Đã xác nhận thông báo", "NgayXuLy": "20240202100000",
  "TaiLieuXuLy": [{"TepDinhKemId": null, "TenTepDinhKem": "xac-nhan.pdf", "IsDeleted": "False",
    "MaThanhPhanHoSo": "", "DuongDanTaiTepTin": "https://adapter.example.invalid/files/xac-nhan.pdf"}]}}
"""


@pytest.fixture
def as_in_the_contract(tmp_path: Path) -> portal.PortalAdapter:
    """§12.5 sends 1 for a fee paid at the portal; U11 recommends 2. The code table is replaceable, so replace it."""
    (tmp_path / "HinhThucThu.csv").write_text(
        "code,wire\nportal,1\ncounter,1\nprovince_gateway,2\n", encoding="utf-8"
    )
    return portal.adapter(tables_dir=str(tmp_path))


def test_create_is_the_contracts_message(as_in_the_contract: portal.PortalAdapter) -> None:
    assert portal.sent(as_in_the_contract, portal.dossier()) == json.loads(CREATE)


def test_elements_stand_in_the_contracts_order(as_in_the_contract: portal.PortalAdapter) -> None:
    assert list(portal.item(as_in_the_contract, portal.dossier())) == list(json.loads(CREATE)["data"][0])


def test_body_is_the_contracts_message_byte_for_byte(as_in_the_contract: portal.PortalAdapter) -> None:
    request = as_in_the_contract.encode(
        portal.deliveries(as_in_the_contract, portal.dossier(), "dossier"), portal.context()
    )
    assert request.body == json.dumps(json.loads(CREATE), ensure_ascii=False, separators=(",", ":")).encode()


def test_update_is_the_contracts_message() -> None:
    adapter = portal.adapter()
    record = portal.returned()
    body = portal.sent(adapter, record, memory={"partner_code": portal.CODE, "exists": "yes"})
    expected = json.loads(UPDATE)
    # The example leaves documents and fees out but keeps the flags that follow from them; ours follow from the record.
    for array in ("TaiLieuNop", "DanhSachLePhi"):
        expected["data"][0][array] = body["data"][0][array]
        assert body["data"][0][array]
    assert body == expected


def test_progress_is_the_contracts_message() -> None:
    assert portal.sent(portal.adapter(), portal.returned(), "step") == json.loads(STEPS)


def test_status_report_is_the_contracts_message() -> None:
    record = portal.dossier(
        code="G99.01-240201-0003",
        origin=Portal.NATIONAL,
        status="returned",
        returned_at=portal.at(2, 10, month=2),
        applicant=msgspec.structs.replace(portal.dossier().applicant, account_id=None),
        steps=[
            msgspec.structs.replace(
                portal.steps()[4], at=portal.at(2, 10, month=2), note="Đã xác nhận thông báo"
            )
        ],
        results=[
            Result(
                id="xn-1",
                name="xac-nhan.pdf",
                file=FileReference(url="https://adapter.example.invalid/files/xac-nhan.pdf"),
            )
        ],
    )
    body = portal.sent(
        portal.adapter(madonvi="H99.20"), record, "status", memory={"partner_code": "G99.01-240201-0003"}
    )
    assert body == json.loads(STATUS)


def test_refusal_of_a_portal_dossier_is_11_with_its_reason() -> None:
    refused = portal.dossier(
        origin=Portal.NATIONAL,
        status="refused",
        refused_at=portal.at(16, 9),
        steps=[
            msgspec.structs.replace(
                portal.steps()[0], status="refused", at=portal.at(16, 9), note="Không thuộc thẩm quyền"
            )
        ],
    )
    report = portal.item(portal.adapter(), refused, "status")
    assert (report["TrangThai"], report["NoiDung"], report["NgayXuLy"]) == (
        "11",
        "Không thuộc thẩm quyền",
        "20240116090000",
    )


def test_login_is_the_contracts_message() -> None:
    layer = portal.adapter().credentials[0]
    request = layer.request({})
    assert json.loads(request.body) == {"username": "h99_gateway", "password": "mat-khau-mo-phong"}
    assert request.url == (
        "https://adapter.h99.example/XrdAdapter/RestService/forward/mapi/login"
        "?dstcode=VN:GOV:000.00.00.G22:vpcpdvcprovider"
    )
    assert dict(request.headers)["dstcode"] == "VN:GOV:000.00.00.G22:vpcpdvcprovider"


@pytest.mark.parametrize(
    ("read", "parameters", "expected"),
    [
        ("procedures", {}, {"service": "LayDanhSachTTHC"}),
        (
            "procedure",
            {"procedure": "1.009901.000.00.00.H99"},
            {"service": "LayThuTuc", "maTTHC": "1.009901.000.00.00.H99"},
        ),
        ("lookup", {"code": portal.CODE}, {"service": "TraCuuHoSo", "mahoso": portal.CODE}),
        (
            "portal_account",
            {"number": "0109999999"},
            {"service": "TraCuuTechID", "provider": "wso2is", "mstorcmnd": "0109999999"},
        ),
        ("agencies", {}, {"service": "LayDanhMucCoQuan"}),
    ],
)
def test_read_is_the_contracts_message(
    read: str, parameters: dict[str, str], expected: dict[str, str]
) -> None:
    request = portal.adapter().encode_read(read, parameters, portal.context())
    assert json.loads(request.body) == {"session": "5d1b0c6e", "madonvi": "H99", **expected}


def test_document_store_is_asked_as_in_the_contract() -> None:
    adapter = portal.adapter(
        document_store=msgspec.convert({"url": "https://kho.h99.example/kho"}, _store_type())
    )
    asked = adapter.encode_read(
        "stored_results",
        {
            "owner": "099000000001",
            "requester": "099000000001",
            "requester_name": "Nguyễn Văn Thử",
            "channel": "2",
            "procedure_code": "1.009901.000.00.00.H99",
            "results": "KQ.H99.000011",
        },
        portal.context(),
    )
    assert asked.url == "https://kho.h99.example/kho/GetKetQuaGiayTo"
    assert json.loads(asked.body) == {
        "SoDinhDanhChuSoHuu": "099000000001",
        "HoTenNguoiYeuCau": "Nguyễn Văn Thử",
        "KenhThucHien": "2",
        "SoDinhDanhNguoiYeuCau": "099000000001",
        "MaThuTuc": "1.009901.000.00.00.H99",
        "DanhSachDanhMucKetQua": [{"MaKetQua": "KQ.H99.000011", "SoKyHieu": ""}],
    }
    fetched = adapter.encode_read(
        "stored_file", {"agency": "H99.14", "path": "/kho/H99/2023/cn.pdf"}, portal.context()
    )
    assert json.loads(fetched.body) == {"CoQuanChuQuan": "H99.14", "DuongDan": "/kho/H99/2023/cn.pdf"}


def _store_type() -> type[msgspec.Struct]:
    from adapters.national_portal.settings import DocumentStore

    return DocumentStore
