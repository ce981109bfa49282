"""The portal's stand-in: its checks in order, its answers as the contract prints them, its record, its faults."""

from __future__ import annotations

import base64
import json
import threading
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.national_portal.simulator import FAULTS, Account, PortalSimulator, SimulatorConfig
from adapters.national_portal.simulator_catalogue import (
    AGENCIES,
    DSTCODE,
    FIELDS,
    PROCEDURES,
    SMALL_TABLES,
)
from adapters.national_portal.simulator_inbound import PUSHES
from adapters.national_portal.simulator_indicators import LATE, NOT_COUNTED, ON_TIME, classify
from adapters.national_portal.simulator_reads import READS
from gateway.domain.errors import NotFoundError, RecordError
from gateway.port.simulator import SimulatedRequest, SimulatedResponse, Simulator

NOW = datetime(2024, 1, 31, 9, 0, tzinfo=UTC)
FORWARD = "/XrdAdapter/RestService/forward"
CODE = "H99.14-240115-0007"

CREATE: dict[str, Any] = {  # §12.5
    "MaHoSo": CODE,
    "MaTTHC": "1.009901.000.00.00.H99",
    "TenTTHC": "Cấp giấy xác nhận thử nghiệm",
    "MaLinhVuc": "G99-TN01",
    "TenLinhVuc": "Thử nghiệm",
    "KenhThucHien": "2",
    "NoiNopHoSo": "2",
    "ChuHoSo": "Nguyễn Văn Thử",
    "LoaiDoiTuong": "1",
    "MaDoiTuong": "tech-0000-demo",
    "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099000000001"}],
    "ThongTinKhac": "",
    "Email": "thu@example.invalid",
    "Fax": "",
    "SoDienThoai": "0900000001",
    "TrichYeuHoSo": "Đề nghị cấp giấy xác nhận",
    "NgayNopHoSo": "20240114213000",
    "NgayTiepNhan": "20240115080500",
    "NgayHenTra": "20240122080500",
    "TrangThaiHoSo": "2",
    "NgayTra": "",
    "ThongTinTra": "",
    "HinhThuc": "0",
    "NgayKetThucXuLy": "",
    "NgayTuChoi": "",
    "DonViXuLy": "Sở Thử nghiệm",
    "GhiChu": "",
    "TaiKhoanDuocXacThucVoiVNeID": "1",
    "DuocThanhToanTrucTuyen": "1",
    "HoSoCoThanhPhanSoHoa": "1",
    "DSKetNoiCSDL": [{"MaCSDL": "1"}],
    "TaiLieuNop": [
        {
            "TepDinhKemId": "700001",
            "TenTepDinhKem": "to-khai.pdf",
            "IsDeleted": "False",
            "MaThanhPhanHoSo": "000.00.00.H99-TP0001",
            "DuongDanTaiTepTin": "https://adapter.example.invalid/downloadfile/6666",
            "DuocSoHoa": "1",
            "DuocTaiSuDung": "0",
            "DuocLayTuKhoDMQG": "0",
            "MaKetQuaThayThe": "",
        },
        {
            "TepDinhKemId": "700002",
            "TenTepDinhKem": "chung-nhan-cu.pdf",
            "IsDeleted": "False",
            "MaThanhPhanHoSo": "000.00.00.H99-TP0002",
            "DuongDanTaiTepTin": "https://adapter.example.invalid/downloadfile/7777",
            "DuocSoHoa": "1",
            "DuocTaiSuDung": "2",
            "DuocLayTuKhoDMQG": "1",
            "MaKetQuaThayThe": "KQ.H99.000011",
        },
    ],
    "DanhSachLePhi": [
        {
            "TenPhiLePhi": "Lệ phí cấp giấy",
            "MaPhiLePhi": "LP.G99.000001",
            "HinhThucThu": "1",
            "Gia": "150000",
            "LoaiPhiLePhi": "1",
        }
    ],
    "DanhSachTepDinhKemKhac": [],
    "DanhSachHoSoBoSung": [],
    "DanhSachGiayToKetQua": [],
}
RESULT = {
    "TenGiayTo": "Giấy xác nhận số 12/GXN",
    "MaThanhPhanHoSo": "",
    "GiayToId": "800001",
    "DuongDanTepTinKetQua": "https://adapter.example.invalid/downloadfile/8888",
    "MaGiayToKetQua": "KQ.H99.000031",
}
ROUND = {
    "HoSoBoSungId": 501,
    "NguoiYeuCauBoSung": "Trần Thị Mẫu",
    "NoiDungBoSung": "Bổ sung ảnh 3x4",
    "NgayBoSung": "20240117090000",
    "NguoiTiepNhanBoSung": "Trần Thị Mẫu",
    "ThongTinTiepNhan": "Đủ giấy tờ",
    "NgayTiepNhanBoSung": "20240119090000",
    "TrangThaiBoSung": True,
    "DanhSachGiayToBoSung": [],
    "DanhSachLePhiBoSung": [],
    "NgayHenTraTruoc": "20240122080500",
    "NgayHenTraMoi": "20240124080500",
}
FINISHED = {  # §12.6
    "NgayHenTra": "20240124080500",
    "TrangThaiHoSo": "10",
    "NgayTra": "20240124091500",
    "NgayKetThucXuLy": "20240123150000",
    "TaiLieuNop": [],
    "DanhSachTepDinhKemKhac": [{"TenGiayTo": "Ảnh 3x4", "SoLuong": 2, "LoaiGiayTo": 1}],
    "DanhSachHoSoBoSung": [ROUND],
    "DanhSachGiayToKetQua": [RESULT],
}


def dossier(**changes: Any) -> dict[str, Any]:
    return {**deepcopy(CREATE), **changes}


def step(at: str = "20240115080500", status: str = "2", code: str = CODE, **changes: Any) -> dict[str, Any]:
    return {
        "MaHoSo": code,
        "NguoiXuLy": "Cán bộ một cửa",
        "ChucDanh": "",
        "ThoiDiemXuLy": at,
        "PhongBanXuLy": "",
        "NoiDungXuLy": "Tiếp nhận hồ sơ",
        "TrangThai": status,
        "NgayBatDau": "",
        "NgayKetThucTheoQuyDinh": "",
        **changes,
    }


class Province:
    """A client of the stand-in, without a socket."""

    def __init__(self, **config: Any) -> None:
        self.portal = PortalSimulator(SimulatorConfig(**config))
        self.now = NOW
        self.session = ""
        self.fault = ""

    def raw(
        self,
        path: str,
        body: bytes = b"",
        *,
        method: str = "POST",
        query: str = "",
        headers: tuple[tuple[str, str], ...] = (("dstcode", DSTCODE),),
    ) -> SimulatedResponse | None:
        request = SimulatedRequest(
            method=method, path=path, query=query, headers=headers, body=body, now=self.now
        )
        return self.portal.twist(self.fault, request) if self.fault else self.portal.handle(request)

    def send(self, path: str, document: Any = None, **options: Any) -> Any:
        body = b"" if document is None else json.dumps(document, ensure_ascii=False).encode()
        answer = self.raw(path, body, **options)
        return None if answer is None else json.loads(answer.body)

    def login(self) -> Province:
        answer = self.send(
            f"{FORWARD}/mapi/login", {"username": "h99_gateway", "password": "mat-khau-mo-phong"}
        )
        self.session = answer["session"]
        return self

    def envelope(self, service: str, **parameters: Any) -> dict[str, Any]:
        return {"session": self.session, "madonvi": "H99", "service": service, **parameters}

    def call(self, service: str, **parameters: Any) -> Any:
        return self.send(f"{FORWARD}/mapi/g", self.envelope(service, **parameters))

    def create(self, *items: dict[str, Any]) -> Any:
        return self.call("DongBoHoSoMC", isUpdating="False", data=list(items))

    def update(self, *items: dict[str, Any]) -> Any:
        return self.call("DongBoHoSoMC", isUpdating="True", data=list(items))

    def progress(self, *items: dict[str, Any]) -> Any:
        return self.call("CapNhatTienDoHoSoMC", data=list(items))

    def kept(self, code: str = CODE) -> dict[str, Any]:
        return self.portal.record()["dossiers"][code]

    def admin(self, action: str, **order: Any) -> Any:
        return self.portal.administer(action, json.dumps(order).encode())


@pytest.fixture
def province() -> Province:
    return Province().login()


# The seed


def test_seed_is_a_whole_catalogue() -> None:
    assert len(PROCEDURES) >= 25
    assert len(AGENCIES) >= 12
    codes = [entry["MATTHC"] for entry in PROCEDURES]
    assert len(set(codes)) == len(codes)
    assert {len(code.split(".")) for code in codes} == {2, 3, 6}  # short, short with org, long
    keys = set(PROCEDURES[0])
    assert all(set(entry) == keys for entry in PROCEDURES)
    agencies = {entry["MADONVI"] for entry in AGENCIES}
    fields = {entry["MALINHVUC"] for entry in FIELDS}
    for entry in PROCEDURES:
        assert entry["LINHVUCTHUCHIEN"][0]["MALINHVUC"] in fields
        assert {agency["MADONVI"] for agency in entry["COQUANTHUCHIEN"]} <= agencies
    papers = [paper["MAGIAYTO"] for entry in PROCEDURES for paper in entry["THANHPHANHOSO"][0]["GIAYTO"]]
    assert len(set(papers)) == len(papers)


def test_stand_in_fulfils_the_port() -> None:
    portal: Simulator = PortalSimulator()
    assert portal.record()["writes"] == 0


# Login and the order of checks (§13.1)


def test_login_hands_out_a_session() -> None:
    answer = Province().send(
        f"{FORWARD}/mapi/login", {"username": "h99_gateway", "password": "mat-khau-mo-phong"}
    )
    assert answer == {"error_code": 0, "message": "Thành công", "session": answer["session"]}
    assert len(answer["session"]) == 32


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"username": "h99_gateway", "password": "sai"},
            "Tài khoản hoặc mật khẩu không đúng",
        ),
        ({"username": "la", "password": "mat-khau-mo-phong"}, "Tài khoản hoặc mật khẩu không đúng"),
        ({"username": ["h99_gateway"], "password": None}, "Tài khoản hoặc mật khẩu không đúng"),
    ],
)
def test_login_with_wrong_credentials_is_refused(document: dict[str, Any], message: str) -> None:
    answer = Province().send(f"{FORWARD}/mapi/login", document)
    assert answer == {"error_code": -1, "message": message, "session": ""}


@pytest.mark.parametrize("prefix", ["XrdAdapter", "VXPAdapter"])
@pytest.mark.parametrize("tail", ["mapi/g", "mapi/share", "mapi/integrate"])
def test_every_service_is_served_on_every_data_path(prefix: str, tail: str, province: Province) -> None:
    path = f"/{prefix}/RestService/forward/{tail}"
    assert province.send(path, province.envelope("LayDanhMucCoQuan"))["error_code"] == 0
    written = province.send(path, province.envelope("DongBoHoSoMC", isUpdating="False", data=[dossier()]))
    assert written == {"error_code": "0", "message": "Đồng bộ thành công"}


def test_checks_come_in_the_documented_order(province: Province) -> None:
    """Each request is wrong in all the ways that follow; every cure brings out the next check."""
    path = f"{FORWARD}/mapi/g"
    body = {"session": "x", "madonvi": "H01", "service": "KhongCo", "data": 1}
    seen = [
        province.send(path, None, headers=()),
        json.loads(province.raw(path, b"{").body),  # type: ignore[union-attr]
        province.send(path, body),
        province.send(path, {**body, "session": province.session}),
        province.send(path, {**body, "session": province.session, "madonvi": "H99"}),
        province.send(path, {**body, **province.envelope("DongBoHoSoMC")}),
    ]
    words = ["dstcode", "JSON", "session", "H01", "KhongCo", "data"]
    assert [word in answer["message"] for word, answer in zip(words, seen, strict=True)] == [True] * 6
    assert all(str(answer["error_code"]) == "-1" for answer in seen)


@pytest.mark.parametrize(
    ("headers", "query", "let_in"),
    [
        ((("dstcode", DSTCODE),), "", True),
        ((("DstCode", DSTCODE),), "", True),
        ((), f"dstcode={DSTCODE}", True),
        ((("dstcode", DSTCODE),), f"dstcode={DSTCODE}", True),
        ((("dstcode", DSTCODE),), "dstcode=VN:GOV:000.00.00.G22:khac", False),
        ((("dstcode", "VN:GOV:000.00.00.G22:khac"),), "", False),
        ((), "", False),
    ],
)
def test_address_may_stand_in_header_or_query(
    headers: tuple[tuple[str, str], ...], query: str, let_in: bool, province: Province
) -> None:
    answer = province.send(
        f"{FORWARD}/mapi/g", province.envelope("LayDanhMucCoQuan"), headers=headers, query=query
    )
    assert ("result" in answer) is let_in


@pytest.mark.parametrize(
    ("unit", "let_in"),
    [("H99", True), ("H99.14", True), ("000.00.14.H99", True), ("H9", False), ("H991", False), ("", False)],
)
def test_account_speaks_for_its_units_only(unit: str, let_in: bool, province: Province) -> None:
    answer = province.send(f"{FORWARD}/mapi/g", {**province.envelope("LayDanhMucCoQuan"), "madonvi": unit})
    assert ("result" in answer) is let_in


def test_session_ends_after_its_lifetime_and_a_new_login_helps(province: Province) -> None:
    province.now = NOW + timedelta(seconds=600)
    assert province.call("LayDanhMucCoQuan")["error_code"] == 0
    province.now = NOW + timedelta(seconds=601)
    assert province.call("LayDanhMucCoQuan") == {
        "error_code": -1,
        "message": "Phiên làm việc (session) không hợp lệ hoặc đã hết hạn",
    }
    assert province.create(dossier())["error_code"] == "-1"
    assert province.login().call("LayDanhMucCoQuan")["error_code"] == 0
    assert province.portal.record()["logins"] == 2


# Reads (§4, §12)


def test_procedure_list_and_its_alias() -> None:
    province = Province().login()
    listed = province.call("LayDanhSachTTHC")
    assert listed["error_code"] == 0
    assert {"MATTHC": "2.009902.H99", "TENTTHC": "Đăng ký hộ mô phỏng"} in listed["result"]
    assert len(listed["result"]) == len(PROCEDURES)
    assert province.call("LayDanhMucTTHC") == listed


def test_procedure_detail_is_the_example_of_the_contract(province: Province) -> None:
    (entry,) = province.call("LayThuTuc", maTTHC="1.009901.000.00.00.H99")["result"]
    assert entry["LINHVUCTHUCHIEN"] == [{"MALINHVUC": "G99-TN01", "TENLINHVUC": "Thử nghiệm"}]
    assert entry["CACHTHUCTHUCHIEN"][0]["THOIGIAN"][0]["PHILEPHI"][0]["SOTIEN"] == "150000"
    assert entry["THANHPHANHOSO"][0]["GIAYTO"][1]["MA_KQ_THAYTHE"] == "KQ.H99.000011"
    assert entry["KETQUATHUCHIEN"][0]["MAKETQUA"] == "KQ.H99.000031"


READ_CASES = {
    "LayDanhSachTTHCDonVi": ({"maDonVi": "H99.14"}, "MATTHC"),
    "LayQDCB": ({"idQDCB": "77001"}, "SOQUYETDINH"),
    "LayDanhMucCoQuan": ({}, "CAPDONVI"),
    "LayDanhMucLinhVuc": ({}, "MANGANH"),
    "TraCuuTechID": ({"provider": "wso2is", "mstorcmnd": "0109999999"}, "TECHNICALID"),
    "LayDanhSachTTHC": ({}, "TENTTHC"),
    "LayThuTuc": ({"maTTHC": "2.009902.H99"}, "KETQUATHUCHIEN"),
    "LayDanhMucLePhi": ({}, "MAPHILEPHI"),
    "LayDanhMucCanCuPhapLy": ({}, "SOVANBAN"),
}


@pytest.mark.parametrize("service", sorted(set(READS) - {"TraCuuHoSo", "LayDanhMucQuanHuyen"}))
def test_read_answers_with_entries(service: str, province: Province) -> None:
    parameters, key = READ_CASES.get(service, ({}, ""))
    answer = province.call(service, **parameters)
    assert str(answer["error_code"]) == "0"
    assert answer["result"]
    assert not key or all(key in entry for entry in answer["result"])


def test_every_catalogue_of_the_contract_is_served() -> None:
    named = (
        "CapThucHien TinhThanh QuanHuyen PhuongXa GioiTinh DanToc TonGiao QuocGia TinhTrangHonNhan "
        "DoiTuong CanCuPhapLy LePhi LoaiThuTuc NhomThuTuc ThuTucThuocLoai"
    )
    assert set(SMALL_TABLES) == {f"LayDanhMuc{name}" for name in named.split()}


@pytest.mark.parametrize(
    ("service", "parameters"),
    [
        ("LayThuTuc", {"maTTHC": "9.999999"}),
        ("LayThuTuc", {}),
        ("TraCuuHoSo", {"mahoso": "H99.14-240115-9999"}),
        ("TraCuuTechID", {"mstorcmnd": "0"}),
        ("LayQDCB", {"idQDCB": "1"}),
        ("LayDanhSachTTHCDonVi", {"maDonVi": "H01"}),
        ("LayDanhMucQuanHuyen", {}),
    ],
)
def test_read_of_something_unknown_is_empty(
    service: str, parameters: dict[str, Any], province: Province
) -> None:
    answer = province.call(service, **parameters)
    assert (str(answer["error_code"]), answer["result"]) == ("0", [])


def test_code_is_text_for_writes_and_technical_ids_and_a_number_for_other_reads(province: Province) -> None:
    answers = {
        "LayThuTuc": province.call("LayThuTuc"),
        "TraCuuHoSo": province.call("TraCuuHoSo", mahoso=CODE),
        "TraCuuTechID": province.call("TraCuuTechID", mstorcmnd="1"),
        "DongBoHoSoMC": province.create(dossier()),
        "CapNhatTienDoHoSoMC": province.progress(step()),
    }
    assert {name: type(answer["error_code"]) for name, answer in answers.items()} == {
        "LayThuTuc": int,
        "TraCuuHoSo": int,
        "TraCuuTechID": str,
        "DongBoHoSoMC": str,
        "CapNhatTienDoHoSoMC": str,
    }


def test_look_up_echoes_the_dossier_with_its_progress_in_order_of_time(province: Province) -> None:
    province.create(dossier())
    province.progress(step("20240119090000", "4"), step("20240117090000", "5"))
    (found,) = province.call("TraCuuHoSo", mahoso=CODE)["result"]
    progress = found.pop("TienDo")
    assert found == CREATE
    assert [each["ThoiDiemXuLy"] for each in progress] == ["20240117090000", "20240119090000"]
    assert "arrival" not in progress[0]


# DongBoHoSoMC (§5, §12.5, §12.6, §13.2)


def test_create_then_update(province: Province) -> None:
    assert province.create(dossier()) == {"error_code": "0", "message": "Đồng bộ thành công"}
    assert province.update(dossier(**FINISHED)) == {"error_code": "0", "message": "Cập nhật thành công"}
    kept = province.kept()
    assert kept["snapshots"] == 2
    assert kept["fields"] == {**CREATE, **FINISHED, "TaiLieuNop": CREATE["TaiLieuNop"]}


@pytest.mark.parametrize("code", ["0", "3", "-3"])
def test_create_of_an_existing_dossier_is_refused_by_text(code: str) -> None:
    province = Province(duplicate_code=code).login()
    province.create(dossier())
    assert province.create(dossier(GhiChu="khác")) == {
        "error_code": code,
        "message": f"Hồ sơ {CODE} đã tồn tại",
    }
    assert province.kept()["snapshots"] == 1
    assert province.kept()["fields"]["GhiChu"] == ""


def test_update_of_an_unknown_dossier_is_refused_unless_upsert_is_on(province: Province) -> None:
    assert province.update(dossier()) == {
        "error_code": "-1",
        "message": f"Hồ sơ {CODE} không tồn tại",
    }
    assert province.portal.record()["dossiers"] == {}
    assert Province(upsert=True).login().update(dossier())["error_code"] == "0"


def test_attachments_are_merged_by_their_id(province: Province) -> None:
    province.create(dossier())
    first, second = deepcopy(CREATE["TaiLieuNop"])
    renamed = {**first, "TenTepDinhKem": "to-khai-moi.pdf"}
    removed = {"TepDinhKemId": second["TepDinhKemId"], "IsDeleted": "True"}
    third = {**first, "TepDinhKemId": 700003}
    assert province.update(dossier(TaiLieuNop=[renamed, removed, third]))["error_code"] == "0"
    assert province.kept()["fields"]["TaiLieuNop"] == [renamed, third]


BAD_DOSSIERS = [
    ({"NgayTiepNhan": ""}, "thiếu trường bắt buộc NgayTiepNhan"),
    ({"MaHoSo": ""}, "thiếu trường bắt buộc MaHoSo"),
    ({"TrichYeuHoSo": "   "}, "thiếu trường bắt buộc TrichYeuHoSo"),
    ({"TenTTHC": None}, "thiếu trường bắt buộc TenTTHC"),
    ({"MaTTHC": "9.999999"}, "MaTTHC 9.999999 không có trong danh mục"),
    ({"MaHoSo": "BXD-260105-0001"}, "MaHoSo không đúng định dạng"),
    ({"MaHoSo": "H99.14-240115-0007" + "0" * 40}, "MaHoSo dài quá 50"),
    ({"NgayTiepNhan": "2024-01-15"}, "NgayTiepNhan không đúng định dạng"),
    ({"NgayTiepNhan": "20240230080500"}, "NgayTiepNhan không đúng định dạng"),
    ({"NgayHenTra": "20240114080500"}, "NgayHenTra (20240114080500) trước NgayTiepNhan"),
    ({"NgayKetThucXuLy": "20240114080500"}, "NgayKetThucXuLy (20240114080500) trước NgayTiepNhan"),
    ({"NgayTra": "20240114080500"}, "NgayTra (20240114080500) trước NgayTiepNhan"),
    ({"NgayNopHoSo": "20240202000000"}, "NgayNopHoSo ở tương lai"),
    ({"TrangThaiHoSo": "11"}, "TrangThaiHoSo không thuộc danh mục"),
    ({"TrangThaiHoSo": "0"}, "TrangThaiHoSo không thuộc danh mục"),
    ({"KenhThucHien": "4"}, "KenhThucHien không thuộc danh mục"),
    ({"LoaiDoiTuong": "5"}, "LoaiDoiTuong không thuộc danh mục"),
    ({"HinhThuc": "2"}, "HinhThuc không thuộc danh mục"),
    ({"NoiNopHoSo": "3"}, "NoiNopHoSo không thuộc danh mục"),
    ({"DuocThanhToanTrucTuyen": "4"}, "DuocThanhToanTrucTuyen không thuộc danh mục"),
    ({"HoSoCoThanhPhanSoHoa": "yes"}, "HoSoCoThanhPhanSoHoa không thuộc danh mục"),
    ({"TrichYeuHoSo": "x" * 1001}, "TrichYeuHoSo dài quá 1000"),
    ({"ChuHoSo": ["a"]}, "ChuHoSo sai kiểu"),
    ({"TaiLieuNop": "x"}, "TaiLieuNop phải là danh sách"),
    ({"TaiLieuNop": ["x"]}, "TaiLieuNop[0] phải là đối tượng"),
    (
        {"TaiLieuNop": [{**CREATE["TaiLieuNop"][0], "DuongDanTaiTepTin": "ftp://a"}]},
        "TaiLieuNop[0].DuongDanTaiTepTin không phải đường dẫn",
    ),
    (
        {"TaiLieuNop": [{**CREATE["TaiLieuNop"][0], "DuocTaiSuDung": "3"}]},
        "TaiLieuNop[0].DuocTaiSuDung không thuộc danh mục",
    ),
    (
        {"DanhSachLePhi": [{**CREATE["DanhSachLePhi"][0], "Gia": "150.000"}]},
        "DanhSachLePhi[0].Gia không phải số nguyên",
    ),
    (
        {"DanhSachTepDinhKemKhac": [{"TenGiayTo": "Ảnh", "SoLuong": "hai", "LoaiGiayTo": 1}]},
        "DanhSachTepDinhKemKhac[0].SoLuong không phải số nguyên",
    ),
    (
        {"DanhSachHoSoBoSung": [{**ROUND, "NgayHenTraTruoc": ""}]},
        "thiếu trường bắt buộc DanhSachHoSoBoSung[0].NgayHenTraTruoc",
    ),
    (
        {"DanhSachHoSoBoSung": [{**ROUND, "NgayBoSung": ""}]},
        "thiếu trường bắt buộc DanhSachHoSoBoSung[0].NgayBoSung",
    ),
    (
        {"DanhSachGiayToKetQua": [{**RESULT, "DuongDanTepTinKetQua": ""}]},
        "thiếu trường bắt buộc DanhSachGiayToKetQua[0].DuongDanTepTinKetQua",
    ),
    ({"DinhDanhCHS": []}, "thiếu trường bắt buộc DinhDanhCHS"),
    ({"DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "123"}]}, "phải có 12 chữ số"),
    ({"DinhDanhCHS": [{"LoaiDinhDanh": "9", "SoDinhDanh": "123"}]}, "LoaiDinhDanh không thuộc danh mục"),
    ({"KenhThucHien": ""}, "thiếu trường bắt buộc KenhThucHien"),
    ({"NgayNopHoSo": None}, "thiếu trường bắt buộc NgayNopHoSo"),
    ({"DSKetNoiCSDL": [{"MaCSDL": "x"}]}, "DSKetNoiCSDL[0].MaCSDL không phải số nguyên"),
    ({"TrangThaiHoSo": "9", "NgayKetThucXuLy": "20240120080500"}, "thiếu giấy tờ kết quả có MaGiayToKetQua"),
    (
        {"TrangThaiHoSo": "10", "DanhSachGiayToKetQua": [{**RESULT, "MaGiayToKetQua": ""}]},
        "thiếu giấy tờ kết quả có MaGiayToKetQua",
    ),
]


@pytest.mark.parametrize(("changes", "complaint"), BAD_DOSSIERS, ids=lambda value: str(value)[:60])
def test_bad_dossier_is_refused_with_its_reason(
    changes: dict[str, Any], complaint: str, province: Province
) -> None:
    answer = province.create(dossier(**changes))
    assert answer["error_code"] == "-1"
    assert complaint in answer["message"]
    assert province.portal.record()["dossiers"] == {}
    (line,) = province.portal.record()["rejected"]
    assert (line["result"], line["message"]) == ("rejected", answer["message"])
    assert province.create(dossier())["error_code"] == "0"


def test_refusal_reads_as_in_the_contract(province: Province) -> None:
    assert province.create(dossier(NgayTiepNhan=""))["message"] == (
        f"Hồ sơ {CODE}: thiếu trường bắt buộc NgayTiepNhan"
    )


GOOD_DOSSIERS = [
    {"NgayHenTra": ""},
    {"MaHoSo": "000.00.14.H99-240115-0007"},
    {"MaHoSo": "H99-240115-48213"},
    {"TrangThaiHoSo": "1", "NgayTiepNhan": "", "NgayHenTra": ""},
    {"TrangThaiHoSo": "3", "NgayTiepNhan": "", "NgayHenTra": "", "NgayTuChoi": "20240115093000"},
    {"TrangThaiHoSo": 4, "DuocThanhToanTrucTuyen": 0, "TaiKhoanDuocXacThucVoiVNeID": "0"},
    {"KhongAiBiet": {"a": [1]}},
    {"DanhSachHoSoBoSung": [{**ROUND, "HoSoBoSungId": "501", "TrangThaiBoSung": "True"}]},
    {"DanhSachHoSoBoSung": [{**ROUND, "NgayHenTraTruoc": ""}], "NgayHenTra": ""},
    {"TaiLieuNop": None, "DanhSachLePhi": ""},
    {"TrangThaiHoSo": "9", "DanhSachGiayToKetQua": [RESULT]},
    {"DinhDanhCHS": [{"LoaiDinhDanh": "2", "SoDinhDanh": "099000001"}]},
    {"NgayTiepNhan": "20240201080500", "NgayHenTra": "20240301080500"},  # less than a day ahead
]


@pytest.mark.parametrize("changes", GOOD_DOSSIERS, ids=lambda value: str(value)[:60])
def test_unusual_dossier_is_taken(changes: dict[str, Any], province: Province) -> None:
    assert province.create(dossier(**changes)) == {"error_code": "0", "message": "Đồng bộ thành công"}


def test_old_profile_asks_for_less_and_strictness_is_switchable() -> None:
    bare = dossier(KenhThucHien="", DinhDanhCHS=[], NgayNopHoSo="", TrangThaiHoSo="10", MaHoSo="BXD-7")
    assert Province(profile="2019", strict_codes=False).login().create(bare)["error_code"] == "0"
    assert Province(profile="2019").login().create(bare)["error_code"] == "-1"
    assert Province(strict_codes=False).login().create(bare)["error_code"] == "-1"
    never_accepted = dossier(TrangThaiHoSo="1", NgayTiepNhan="", NgayHenTra="")
    assert Province(reception_always=True).login().create(never_accepted)["error_code"] == "-1"


@pytest.mark.parametrize("updating", ["", "Yes", None, 1])
def test_is_updating_must_be_true_or_false(updating: Any, province: Province) -> None:
    answer = province.call("DongBoHoSoMC", isUpdating=updating, data=[dossier()])
    assert (answer["error_code"], "isUpdating" in answer["message"]) == ("-1", True)


@pytest.mark.parametrize("data", [None, [], {}, "x", [1], [None]])
def test_data_must_be_a_list_of_objects(data: Any, province: Province) -> None:
    for service in ("DongBoHoSoMC", "CapNhatTienDoHoSoMC"):
        answer = province.call(service, isUpdating="False", data=data)
        assert (answer["error_code"], "data" in answer["message"]) == ("-1", True)


def test_atomic_batch_stores_nothing_when_one_item_is_bad(province: Province) -> None:
    other = "H99.14-240115-0008"
    answer = province.create(dossier(), dossier(MaHoSo=other, TenTTHC=""))
    assert answer == {"error_code": "-1", "message": f"Hồ sơ {other}: thiếu trường bắt buộc TenTTHC"}
    record = province.portal.record()
    assert record["dossiers"] == {}
    assert [line["result"] for line in record["rejected"]] == ["undone", "rejected"]


def test_best_effort_batch_stores_the_good_items() -> None:
    province = Province(batch_mode="best_effort").login()
    other = "H99.14-240115-0008"
    answer = province.create(dossier(), dossier(MaHoSo=other, TenTTHC=""))
    assert (answer["error_code"], other in answer["message"]) == ("-1", True)
    assert list(province.portal.record()["dossiers"]) == [CODE]


def test_same_code_twice_in_one_create_is_a_duplicate(province: Province) -> None:
    assert "đã tồn tại" in province.create(dossier(), dossier())["message"]


# CapNhatTienDoHoSoMC (§6, §12.7)


def test_steps_are_kept_in_order_of_arrival(province: Province) -> None:
    province.create(dossier())
    assert province.progress(step(), step("20240117090000", "5")) == {
        "error_code": "0",
        "message": "Cập nhật tiến độ thành công",
    }
    province.progress(step("20240119090000", "4"))
    steps = province.kept()["steps"]
    assert [each["TrangThai"] for each in steps] == ["2", "5", "4"]
    assert [each["arrival"] for each in steps] == [2, 3, 4]
    assert province.portal.record()["out_of_order"] == []


def test_step_of_an_unknown_dossier_is_refused(province: Province) -> None:
    assert province.progress(step()) == {"error_code": "-1", "message": f"Hồ sơ {CODE} không tồn tại"}


BAD_STEPS = [
    ({"NguoiXuLy": ""}, "thiếu trường bắt buộc NguoiXuLy"),
    ({"NguoiXuLy": "x" * 51}, "NguoiXuLy dài quá 50"),
    ({"ThoiDiemXuLy": ""}, "thiếu trường bắt buộc ThoiDiemXuLy"),
    ({"ThoiDiemXuLy": "20240202080500"}, "ThoiDiemXuLy ở tương lai"),
    ({"TrangThai": "11"}, "TrangThai không thuộc danh mục"),
    ({"NgayBatDau": "hôm qua"}, "NgayBatDau không đúng định dạng"),
    ({"NoiDungXuLy": {"a": 1}}, "NoiDungXuLy sai kiểu"),
]


@pytest.mark.parametrize(("changes", "complaint"), BAD_STEPS)
def test_bad_step_is_refused_with_its_reason(
    changes: dict[str, Any], complaint: str, province: Province
) -> None:
    province.create(dossier())
    answer = province.progress(step("20240116080500", "4"), step(**changes))
    assert (answer["error_code"], complaint in answer["message"]) == ("-1", True)
    assert province.kept()["steps"] == []
    assert province.progress(step())["error_code"] == "0"


def test_more_than_ten_steps_in_a_call_are_refused(province: Province) -> None:
    province.create(dossier())
    eleven = [step(f"202401150805{second:02d}") for second in range(11)]
    assert "tối đa 10" in province.progress(*eleven)["message"]
    assert province.progress(*eleven[:10])["error_code"] == "0"
    unlimited = Province(step_limit=0).login()
    unlimited.create(dossier())
    assert unlimited.progress(*eleven)["error_code"] == "0"


def test_repeated_step_is_stored_once_and_counted(province: Province) -> None:
    province.create(dossier())
    province.progress(step())
    assert province.progress(step(ChucDanh="khác"))["error_code"] == "0"
    assert len(province.kept()["steps"]) == 1
    assert province.kept()["duplicate_steps"] == 1
    assert province.portal.record()["duplicates"] == [
        {"kind": "step", "MaHoSo": CODE, "arrival": 3, "ThoiDiemXuLy": "20240115080500"}
    ]


def test_late_step_is_stored_and_noted(province: Province) -> None:
    province.create(dossier())
    province.progress(step("20240117090000", "5"))
    province.progress(step())
    assert len(province.kept()["steps"]) == 2
    assert province.portal.record()["out_of_order"] == [
        {"MaHoSo": CODE, "ThoiDiemXuLy": "20240115080500", "after": "20240117090000", "arrival": 3}
    ]


# The record (§13.4)


def test_repeated_snapshot_is_a_duplicate(province: Province) -> None:
    province.create(dossier())
    province.update(dossier())
    assert province.kept()["duplicate_snapshots"] == 1
    assert province.portal.record()["duplicates"] == [{"kind": "snapshot", "MaHoSo": CODE, "arrival": 2}]


def test_update_after_a_refused_create_is_the_contracts_own_flip(province: Province) -> None:
    province.create(dossier())
    province.create(dossier())
    province.update(dossier())
    record = province.portal.record()
    assert record["duplicates"] == []
    assert [line["MaHoSo"] for line in record["flips"]] == [CODE]
    assert [line["message"] for line in record["rejected"]] == [f"Hồ sơ {CODE} đã tồn tại"]


def test_snapshot_that_goes_back_is_noted(province: Province) -> None:
    province.create(dossier())
    province.update(dossier(GhiChu="hai"))
    province.update(dossier())
    assert province.portal.record()["regressions"] == [{"MaHoSo": CODE, "arrival": 3}]


def test_replay_by_the_sandbox_is_not_the_clients_duplicate(province: Province) -> None:
    province.create(dossier())
    province.progress(step())
    body = json.dumps(province.envelope("CapNhatTienDoHoSoMC", data=[step()])).encode()
    province.raw(f"{FORWARD}/mapi/g", body, headers=(("dstcode", DSTCODE), ("x-sandbox-replay", "1")))
    record = province.portal.record()
    assert (record["duplicates"], len(record["replays"])) == ([], 1)


def test_journal_has_a_line_per_item_and_history_keeps_every_snapshot(province: Province) -> None:
    province.create(dossier())
    province.update(dossier(GhiChu="hai"))
    province.progress(step(), step("20240117090000", "5"))
    province.create(dossier(TenTTHC=""))
    lines = province.admin("journal")["lines"]
    assert [(line["arrival"], line["service"], line["result"]) for line in lines] == [
        (1, "DongBoHoSoMC", "stored"),
        (2, "DongBoHoSoMC", "stored"),
        (3, "CapNhatTienDoHoSoMC", "stored"),
        (4, "CapNhatTienDoHoSoMC", "stored"),
        (5, "DongBoHoSoMC", "rejected"),
    ]
    assert [line["isUpdating"] for line in lines[:2]] == ["False", "True"]
    assert province.admin("journal", after=4)["lines"] == lines[4:]
    history = province.admin("dossier", MaHoSo=CODE)["history"]
    assert [each["item"]["GhiChu"] for each in history] == ["", "hai"]
    assert [each["digest"] for each in history] == [line["digest"] for line in lines[:2]]
    assert province.portal.record()["writes"] == 5


def test_record_is_json(province: Province) -> None:
    province.create(dossier())
    province.progress(step())
    assert json.loads(msgspec.json.encode(province.portal.record())) == province.portal.record()


def test_two_runs_are_the_same_to_the_byte() -> None:
    def run() -> bytes:
        province = Province().login()
        province.create(dossier())
        province.progress(step(), step())
        return msgspec.json.encode([province.session, province.portal.record()])

    assert run() == run()


# DongBoTrangThaiHoSo (§7.5, §12.11)


def report(**changes: Any) -> dict[str, Any]:
    return {
        "TrangThai": "10",
        "MaHoSo": "G99.01-240201-0001",
        "MaHoSoDonVi": "G99.01-240201-0001",
        "MaDoiTuong": "",
        "NoiDung": "Đã xác nhận thông báo",
        "NgayXuLy": "20240131100000",
        "TaiLieuXuLy": [
            {
                "TepDinhKemId": None,
                "TenTepDinhKem": "xac-nhan.pdf",
                "IsDeleted": "False",
                "MaThanhPhanHoSo": "",
                "DuongDanTaiTepTin": "https://adapter.example.invalid/files/xac-nhan.pdf",
            }
        ],
        **changes,
    }


def test_status_of_a_portal_born_dossier_is_reported(province: Province) -> None:
    province.admin("push_promotion")
    answer = province.call("DongBoTrangThaiHoSo", type="2", data=report())
    assert answer == {"error_code": "0", "message": "Thành công"}
    reports = province.portal.record()["reports"]["G99.01-240201-0001"]
    assert [each["TrangThai"] for each in reports] == ["10"]
    assert province.call("DongBoTrangThaiHoSo", type="2", data=report(TrangThai="11"))["error_code"] == "0"


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"type": "2", "data": report(TrangThai="3")}, "TrangThai không thuộc danh mục"),
        ({"type": "2", "data": report(MaHoSo="G99.01-240201-0009")}, "không tồn tại"),
        ({"type": "2", "data": report(NgayXuLy="")}, "thiếu trường bắt buộc NgayXuLy"),
        ({"type": "2", "data": [report()]}, "đối tượng"),
        ({"data": report()}, "type"),
    ],
)
def test_bad_status_report_is_refused(parameters: dict[str, Any], complaint: str, province: Province) -> None:
    province.admin("push_promotion")
    answer = province.call("DongBoTrangThaiHoSo", **parameters)
    assert (answer["error_code"], complaint in answer["message"]) == ("-1", True)


# Facades, tokens, document store (§2.3, §2.5, §8.1)


def test_facade_read_is_encoded_twice() -> None:
    answer = Province().send(
        "/KetNoiMotCuaQuocGia/LayThuTuc", method="GET", query="maTTHC=1.009901.000.00.00.H99", headers=()
    )
    assert (set(answer), answer["error_code"]) == ({"error_code", "message"}, "0")
    inner = json.loads(answer["message"])
    assert (inner["error_code"], inner["result"][0]["MATTHC"]) == (0, "1.009901.000.00.00.H99")


def test_facade_takes_bare_arrays() -> None:
    province = Province()

    def post(name: str, document: Any, query: str = "") -> Any:
        return province.send(f"/KetNoiMotCuaQuocGia/{name}", document, query=query, headers=())

    assert post("ThemMoiHoSo", [dossier()]) == {"error_code": "0", "message": "Đồng bộ thành công"}
    assert "đã tồn tại" in post("DongBoHoSoMC", [dossier()])["message"]
    assert post("CapNhatHoSo", [dossier()])["message"] == "Cập nhật thành công"
    assert post("DongBoHoSoMC", [dossier(GhiChu="2")], "isUpdating=True")["error_code"] == "0"
    assert "thành công" in post("DongBoTienTrinh", [step()])["message"]
    assert "thành công" in post("CapNhatTienDoHoSoMC", [step()])["message"]
    assert post("DongBoTrangThaiHoSo", report(MaHoSo=CODE))["error_code"] == "0"
    assert post("getfile", {"DuongDan": "/tbkm/G99/2024/dieu-chinh.pdf"}) == "JVBERi0xLjQ="
    assert post("CapNhatHoSo", {"data": []})["error_code"] == "-1"
    found = province.send("/KetNoiMotCuaQuocGia/TraCuuHoSo", method="GET", query=f"mahoso={CODE}", headers=())
    assert len(json.loads(found["message"])["result"][0]["TienDo"]) == 1


def test_query_facade_takes_the_envelope_from_the_query() -> None:
    province = Province()
    path = "/api/SynsTTHCC/DongBoHoSoMC"
    query = "MaDinhDanhDV=000.00.14.H99&isUpdating="
    created = province.send(path, [dossier()], query=f"{query}False", headers=())
    assert created == {"error_code": "0", "message": "Đồng bộ thành công", "session": ""}
    assert province.send(path, [dossier()], query=f"{query}true", headers=())["error_code"] == "0"
    assert "H01" in province.send(path, [dossier()], query="MaDinhDanhDV=H01", headers=())["message"]
    assert province.send(path, None, query=f"{query}True", headers=())["error_code"] == "-1"


def token(province: Province, variant: str) -> SimulatedResponse:
    secret = "bi-mat-lgsp"
    if variant == "basic":
        basic = base64.b64encode(f"h99_lgsp:{secret}".encode()).decode()
        headers: tuple[tuple[str, str], ...] = (("authorization", f"Basic {basic}"),)
        answer = province.raw("/token", b"grant_type=client_credentials", headers=headers)
    else:
        form = f"grant_type=client_credentials&client_id=h99_lgsp&client_secret={secret}"
        answer = province.raw("/token", form.encode(), headers=())
    assert answer is not None
    return answer


@pytest.mark.parametrize("variant", ["basic", "form"])
def test_token_opens_a_facade_that_asks_for_one(variant: str) -> None:
    province = Province(bearer="facades", token_lifetime=60)
    grant = json.loads(token(province, variant).body)
    assert (grant["token_type"], grant["expires_in"], grant["scope"]) == ("Bearer", 60, "default")
    path = "/KetNoiMotCuaQuocGia/LayDanhMucCoQuan"
    bearer = (("authorization", f"Bearer {grant['access_token']}"),)
    assert province.raw(path, method="GET", headers=()).status == 401  # type: ignore[union-attr]
    assert province.raw(path, method="GET", headers=bearer).status == 200  # type: ignore[union-attr]
    province.now += timedelta(seconds=61)
    assert province.raw(path, method="GET", headers=bearer).status == 401  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"grant_type=client_credentials", (("authorization", "Basic %%%"),), 401),
        (b"grant_type=client_credentials", (("authorization", "Basic " + "/w=="),), 401),
        (b"grant_type=client_credentials&client_id=h99_lgsp", (), 401),
        (b"grant_type=password&client_id=h99_lgsp&client_secret=bi-mat-lgsp", (), 400),
        (b"\xff\xfe", (), 400),
    ],
)
def test_bad_token_request_is_refused(body: bytes, headers: tuple[tuple[str, str], ...], status: int) -> None:
    assert Province().raw("/token", body, headers=headers).status == status  # type: ignore[union-attr]


def test_bearer_may_be_asked_for_everywhere() -> None:
    province = Province(bearer="all")
    login = json.dumps({"username": "h99_gateway", "password": "mat-khau-mo-phong"}).encode()
    assert province.raw(f"{FORWARD}/mapi/login", login).status == 401  # type: ignore[union-attr]
    grant = json.loads(token(province, "form").body)
    headers = (("dstcode", DSTCODE), ("authorization", f"bearer {grant['access_token']}"))
    assert json.loads(province.raw(f"{FORWARD}/mapi/login", login, headers=headers).body)["session"]  # type: ignore[union-attr]


PAPERS = {
    "SoDinhDanhChuSoHuu": "099000000001",
    "HoTenNguoiYeuCau": "Nguyễn Văn Thử",
    "KenhThucHien": "2",
    "SoDinhDanhNguoiYeuCau": "099000000001",
    "MaThuTuc": "1.009901.000.00.00.H99",
    "DanhSachDanhMucKetQua": [{"MaKetQua": "KQ.H99.000011", "SoKyHieu": ""}],
}


def test_document_store_answers_in_its_own_envelope(province: Province) -> None:
    answer = province.send("/kho/GetKetQuaGiayTo", PAPERS, headers=())
    assert (answer["errorCode"], answer["signature"]) == ("0", "")
    (paper,) = answer["result"]["DanhSachGiayToKetQua"]
    assert paper["DanhSachTepDinhKem"] == [{"TenTep": "cn.pdf", "DuongDan": "/kho/H99/2023/cn.pdf"}]
    wanted = {"CoQuanChuQuan": paper["CoQuanChuQuan"], "DuongDan": "/kho/H99/2023/cn.pdf"}
    assert province.send("/kho/GetGiayToByUrl", wanted, headers=()) == "JVBERi0xLjQ="
    nothing = {**PAPERS, "SoDinhDanhChuSoHuu": "099000000099"}
    assert province.send("/kho/GetKetQuaGiayTo", nothing)["result"] == {"DanhSachGiayToKetQua": []}


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/kho/GetKetQuaGiayTo", {**PAPERS, "SoDinhDanhChuSoHuu": ""}),
        ("/kho/GetKetQuaGiayTo", [1]),
        ("/kho/GetGiayToByUrl", {"DuongDan": "/etc/passwd"}),
    ],
)
def test_document_store_refuses_in_its_own_envelope(path: str, document: Any) -> None:
    answer = Province().send(path, document)
    assert (answer["errorCode"], answer["result"]) == ("-1", None)
    assert answer["message"]


# Faults (§13.3)

OK = {"error_code": "0", "message": "Đồng bộ thành công"}


def struck(fault: str, province: Province) -> Any:
    """Send what the fault fits, under the fault."""
    province.fault = fault
    if fault in {"progress_rejected", "partial_failure", "session_expired_midway"}:
        answer = province.progress(step(), step("20240117090000", "5"))
    elif fault in {"soap_fault", "soap_fault_200"}:
        raw = province.raw(f"{FORWARD}/mapi/g", json.dumps(province.envelope("LayDanhMucCoQuan")).encode())
        answer = None if raw is None else (raw.status, raw.body)
    else:
        answer = province.create(dossier())
    province.fault = ""
    return answer


def test_every_fault_is_exercised_below() -> None:
    assert set(FAULTS) == {
        *("session_expired", "session_expired_midway", "int_vs_string", "code_00", "null_fields"),
        *("ok_but_exists", "progress_rejected", "partial_failure", "soap_fault", "soap_fault_200"),
        *("maintenance", "file_unreachable"),
    }
    assert PortalSimulator().faults == FAULTS


def test_unknown_fault_does_nothing(province: Province) -> None:
    assert struck("no_such_fault", province) is None
    assert province.portal.record()["writes"] == 0


def test_session_fault_really_drops_the_session(province: Province) -> None:
    assert "session" in struck("session_expired", province)["message"]
    assert "session" in province.create(dossier())["message"]
    assert province.login().create(dossier()) == OK


@pytest.mark.parametrize(("mode", "stored"), [("atomic", 0), ("best_effort", 1)])
def test_session_that_dies_midway_undoes_or_halves_a_batch(mode: str, stored: int) -> None:
    province = Province(batch_mode=mode).login()
    province.create(dossier())
    assert "session" in struck("session_expired_midway", province)["message"]
    assert len(province.kept()["steps"]) == stored
    assert province.login().progress(step(), step("20240117090000", "5"))["error_code"] == "0"
    assert len(province.kept()["steps"]) == 2


def test_code_changes_its_type_and_back(province: Province) -> None:
    assert struck("int_vs_string", province)["error_code"] == 0
    province.fault = "int_vs_string"
    assert province.call("LayDanhMucCoQuan")["error_code"] == "0"
    facade = province.send("/KetNoiMotCuaQuocGia/LayDanhMucCoQuan", method="GET", headers=())
    assert facade["error_code"] == 0
    assert province.create(dossier())["error_code"] == -3


def test_double_zero_is_for_success_only(province: Province) -> None:
    assert struck("code_00", province)["error_code"] == "00"
    assert struck("code_00", province)["error_code"] == "-3"


def test_nulls_and_unknown_keys_spare_what_carries_meaning(province: Province) -> None:
    answer = struck("null_fields", province)
    assert (answer["error_code"], answer["message"], answer["maTraCuu"]) == ("0", None, None)
    assert "đã tồn tại" in struck("null_fields", province)["message"]
    province.fault = "null_fields"
    (entry,) = province.call("LayThuTuc", maTTHC="1.009901.000.00.00.H99")["result"]
    assert (entry["MOTA"], entry["TRUONGMOI"]) == (None, None)
    login = province.send(
        f"{FORWARD}/mapi/login", {"username": "h99_gateway", "password": "mat-khau-mo-phong"}
    )
    assert login["session"]


def test_taken_code_becomes_a_dossier_by_update(province: Province) -> None:
    answer = struck("ok_but_exists", province)
    assert answer == {"error_code": "0", "message": f"Hồ sơ {CODE} đã tồn tại"}
    assert province.kept()["snapshots"] == 0
    assert province.call("TraCuuHoSo", mahoso=CODE)["result"] == [{"MaHoSo": CODE, "TienDo": []}]
    assert province.update(dossier())["error_code"] == "0"
    assert (province.kept()["snapshots"], province.portal.record()["duplicates"]) == (1, [])


def test_rejected_progress_leaves_the_dossier_alone(province: Province) -> None:
    province.create(dossier())
    answer = struck("progress_rejected", province)
    assert answer["error_code"] == "-1"
    assert "không thành công" in answer["message"]
    assert (province.kept()["snapshots"], province.kept()["steps"]) == (1, [])
    assert province.progress(step())["error_code"] == "0"


def test_partial_failure_keeps_all_but_the_last(province: Province) -> None:
    province.create(dossier())
    answer = struck("partial_failure", province)
    assert (answer["error_code"], "1/2" in answer["message"]) == ("-1", True)
    assert [each["TrangThai"] for each in province.kept()["steps"]] == ["2"]
    assert province.progress(step("20240117090000", "5"))["error_code"] == "0"


@pytest.mark.parametrize(("fault", "status"), [("soap_fault", 500), ("soap_fault_200", 200)])
def test_fault_of_the_access_layer_is_xml(fault: str, status: int, province: Province) -> None:
    answer = struck(fault, province)
    assert answer[0] == status
    assert answer[1].startswith(b"<?xml")
    assert b"<faultcode>" in answer[1]


def test_maintenance_stores_nothing(province: Province) -> None:
    answer = struck("maintenance", province)
    assert (answer["error_code"], "bảo trì" in answer["message"]) == ("-1", True)
    assert province.portal.record()["writes"] == 0
    assert province.create(dossier()) == OK


def test_unreachable_files_are_listed_and_the_dossier_is_kept(province: Province) -> None:
    assert struck("file_unreachable", province) == OK
    assert [each["url"][-4:] for each in province.portal.record()["unreachable_files"]] == ["6666", "7777"]
    province.admin("unreachable", parts=["8888"])
    province.update(dossier(DanhSachGiayToKetQua=[RESULT]))
    assert len(province.portal.record()["unreachable_files"]) == 3


@pytest.mark.parametrize(
    "fault", ["ok_but_exists", "progress_rejected", "partial_failure", "session_expired_midway"]
)
def test_fault_that_does_not_fit_changes_nothing(fault: str, province: Province) -> None:
    province.fault = fault
    requests = [
        province.call("LayDanhMucCoQuan"),
        province.call("DongBoHoSoMC", isUpdating="True", data=[1]),
        province.call("CapNhatTienDoHoSoMC", data=[]),
        province.send("/no/where", {}),
        province.send("/token", {}),
        json.loads(answer.body) if (answer := province.raw(f"{FORWARD}/mapi/g", b"{")) else None,
    ]
    assert requests == [None] * len(requests)
    assert province.portal.record()["writes"] == 0


# Deliveries to the province (§7)


@pytest.mark.parametrize(
    ("kind", "path", "where"),
    [
        ("push_online", "nhanhsdvcqg", "data"),
        ("push_promotion", "addtthcKhuyenMai", ""),
        ("push_amendment", "addtthcKhuyenMai", "data"),
        ("push_search", "search/call", ""),
    ],
)
def test_delivery_is_built_and_repeated_to_the_byte(kind: str, path: str, where: str) -> None:
    province = Province(inbound_prefix="VXPAdapter/RestService/forward/")
    built = province.admin(kind, count=2, copies=2, fields={"NguonThu": "x"})["deliveries"]
    assert [each["path"] for each in built] == [f"VXPAdapter/RestService/forward/{path}"] * 4
    assert built[0] == built[1]
    assert built[2] == built[3] != built[0]
    body = json.loads(built[0]["body"])
    assert (body[where] if where else body)["NguonThu"] == "x"
    assert set(PUSHES) == {"push_online", "push_promotion", "push_amendment", "push_search"}


def test_pushed_dossiers_are_known_to_the_portal() -> None:
    province = Province()
    (built,) = province.admin("push_online", first=12)["deliveries"]
    assert province.portal.record()["online"] == [built["MaHoSo"]] == ["G22.99-240115-000012"]
    assert Province(online=("G22.99-240115-000001",)).portal.record()["online"] == ["G22.99-240115-000001"]
    province.admin("online", codes=["G22.99-240115-000013"])
    assert len(province.portal.record()["online"]) == 2


# Administration


def test_admin_actions(province: Province) -> None:
    assert province.admin("expire_sessions") == {"sessions": 1, "tokens": 0}
    assert "session" in province.call("LayDanhMucCoQuan")["message"]
    province.login().create(dossier())
    province.admin("configure", duplicate_code="3", batch_mode="best_effort")
    assert province.create(dossier())["error_code"] == "3"
    assert province.admin("reset") == {"reset": True}
    assert province.portal.record()["writes"] == 0
    province.login().create(dossier())
    assert province.create(dossier())["error_code"] == "-3"


@pytest.mark.parametrize(
    ("action", "body", "error"),
    [
        ("no_such_action", b"", NotFoundError),
        ("dossier", b'{"MaHoSo":"la"}', NotFoundError),
        ("dossier", b"{}", RecordError),
        ("dossier", b"\xff", RecordError),
        ("journal", b"[" * 100_000, RecordError),
        ("configure", b'{"duplicate_code":"7"}', RecordError),
        ("configure", b'{"no_such_key":1}', RecordError),
        ("indicators", b'{"period_end":"2024"}', RecordError),
        ("push_online", b'{"count":"x"}', RecordError),
    ],
)
def test_bad_admin_order_is_refused(action: str, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        PortalSimulator().administer(action, body)


# The portal's own view of punctuality (§11.7)

GOLDEN = [
    ("G1", "2@15080500 9@19160000 10@22090000", "22080500", ON_TIME),
    ("G2", "2@15080500 9@22080500", "22080500", ON_TIME),
    ("G3", "2@15080500 9@22140000", "22080500", LATE),
    ("G4", "2@15080500 9@24090000", "22080500", LATE),
    ("G5", "2@15080500 5@17090000 4@19090000 9@23150000", "22080500", ON_TIME),
    ("G6", "2@15080500 5@17090000", "22080500", ON_TIME),
    ("G7", "2@15080500 5@17090000 4@18090000 5@19090000", "22080500", LATE),
    ("G8", "2@15080500", "22080500", LATE),
    ("G9", "2@29080500", "20240205080500", ON_TIME),
    ("G10", "2@15080500 10@22070000", "22080500", ON_TIME),
    ("G11", "1@15080500", "", NOT_COUNTED),
    ("G12", "2@15080500 7@18080500", "22080500", ON_TIME),
    ("G13", "2@15080500 9@19080500", "", ON_TIME),
    ("late by law", "2@15080500 9@20090000", "", LATE),
]


@pytest.mark.parametrize(("name", "history", "due", "verdict"), GOLDEN, ids=[row[0] for row in GOLDEN])
def test_golden_cases_of_the_portals_rule(name: str, history: str, due: str, verdict: str) -> None:
    province = Province().login()
    steps = [
        step(f"202401{at}", status) for status, _, at in (each.partition("@") for each in history.split())
    ]
    received = "" if name == "G11" else steps[0]["ThoiDiemXuLy"]
    due14 = due if len(due) in {0, 14} else f"202401{due}"
    status = "1" if name == "G11" else "2"
    created = province.create(dossier(NgayTiepNhan=received, NgayHenTra=due14, TrangThaiHoSo=status))
    assert created["error_code"] == "0"
    province.progress(*steps)
    verdicts = province.admin("indicators", period_end="20240131235959")["verdicts"]
    assert verdicts == {CODE: verdict}


def test_moved_appointment_is_not_credited_twice() -> None:
    fields = {"NgayTiepNhan": "20240115080500", "NgayHenTra": "20240124080500", "DanhSachHoSoBoSung": [ROUND]}
    end = datetime(2024, 1, 31, tzinfo=UTC)
    assert classify(fields, [step("20240124080500", "9")], end, None) == ON_TIME
    assert classify(fields, [step("20240124080501", "9")], end, None) == LATE


# Hostile input, threads, speed

PATHS = [
    f"{FORWARD}/mapi/login",
    f"{FORWARD}/mapi/g",
    "/KetNoiMotCuaQuocGia/ThemMoiHoSo",
    "/KetNoiMotCuaQuocGia/LayThuTuc",
    "/api/SynsTTHCC/DongBoHoSoMC",
    "/kho/GetKetQuaGiayTo",
    "/token",
    "/%ff/..//",
    "",
]
SCRAPS = [
    b"",
    b"[]",
    b"null",
    b"{",
    b"[" * 100_000,
    b"\xff\xfe\x00",
    b'"\\ud800"',
    b"9" * 6000,
    '{"session":{},"madonvi":[],"service":{"a":1},"data":[{}]}'.encode("utf-16"),
    b'{"service":"DongBoHoSoMC","data":{"a":' + b"[" * 400 + b"]" * 400 + b"}}",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "\x00"])
def test_hostile_bytes_get_the_documented_shape(path: str, method: str, province: Province) -> None:
    for body in SCRAPS:
        for fault in ("", *FAULTS):
            province.fault = fault
            answer = province.raw(path, body, method=method, query="a=%ff&a;b&isUpdating=%00")
            if answer is None:
                continue
            assert 200 <= answer.status < 600
            if not answer.body.startswith(b"<?xml"):
                document = json.loads(answer.body)
                assert {"error_code", "errorCode", "error"} & set(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(
    name=st.sampled_from(sorted(CREATE)),
    value=json_values,
    updating=st.sampled_from(["True", "False"]),
)
def test_any_value_in_any_element_is_answered_and_recorded(name: str, value: Any, updating: str) -> None:
    province = Province(upsert=True).login()
    answer = province.call("DongBoHoSoMC", isUpdating=updating, data=[dossier(**{name: value})])
    record = province.portal.record()
    assert len(record["dossiers"]) + len(record["rejected"]) == 1
    assert (answer["error_code"] == "0") is bool(record["dossiers"])
    msgspec.json.encode(record)


@pytest.mark.parametrize("depth", [300, 900, 990, 2000])
def test_deeply_nested_values_are_refused_not_fatal(depth: int, province: Province) -> None:
    nested = b"[" * depth + b"]" * depth
    template = json.dumps(province.envelope("DongBoHoSoMC", isUpdating="False", data=[dossier(ChuHoSo="@")]))
    answer = province.raw(f"{FORWARD}/mapi/g", template.encode().replace(b'"@"', nested))
    assert answer is not None
    assert str(json.loads(answer.body)["error_code"]) == "-1"
    msgspec.json.encode(province.portal.record())


def test_several_threads_lose_nothing() -> None:
    province = Province(accounts={"h99_gateway": Account(password="mat-khau-mo-phong")}).login()

    def work(worker: int) -> None:
        for number in range(50):
            code = f"H99.14-240115-{worker}{number:04d}"
            province.create(dossier(MaHoSo=code))
            province.progress(step(code=code))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = province.portal.record()
    assert len(record["dossiers"]) == 200
    assert record["writes"] == 400
    assert sorted(line["arrival"] for line in province.admin("journal")["lines"]) == list(range(1, 401))
