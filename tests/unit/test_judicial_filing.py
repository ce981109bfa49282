"""VNeID at the door of judicial records: numbers, requests, supplements, and everything that is no request."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.judicial_records import Settings, build, manifest
from adapters.judicial_records.settings import Centre, Filing
from gateway.domain.declarations import JudicialRecordDeclaration
from gateway.messagelog.redaction import redact_url
from gateway.port import CallbackRequest, Context, Refusal, Report, Secret

NOW = datetime(2026, 11, 23, 3, 4, 5, 678901, tzinfo=UTC)
KEY = "ma-mo-phong"
FILING = Filing(
    code_get=Secret(KEY),
    unit="H99.14",
    unit_name="Sở Thử nghiệm",
    files_url="https://lienthong.h99.example/v1/files",
)
SETTINGS = Settings(
    province_code="99",
    province_name="Tỉnh Mẫu",
    centre=Centre(base_url="https://lgsp.h99.example", auth_key=Secret("khoa-mo-phong")),
    filing=FILING,
)
PLACE = {"maTinhThanh": "99", "tenTinhThanh": "Tỉnh Mẫu", "maQuanHuyen": "", "chiTiet": "Số 1 đường Mẫu"}
PDF = b"%PDF-1.4 mau"
FILED: dict[str, Any] = {
    "maTinh": "99",
    "tenTinh": "Tỉnh Mẫu",
    "maHoSoMCDT": "H99.14-261123-0001",
    "ngayTiepNhan": "23/11/2026",
    "nguonDangKy": 2,
    "toKhai": {
        "loaiPhieu": 1,
        "yeuCauCDNCV": 0,
        "maMucDich": 1,
        "tenMucDich": "Xin việc làm",
        "soLuongCap": 2,
        "nycHoTen": "NGUYỄN VĂN MẪU",
        "nycGioiTinh": 1,
        "nycNgaySinh": "01/02/1990",
        "nycThuongTru": PLACE,
        "nycTamTru": None,
        "nycDienThoai": "0900000001",
        "nycEmail": " mau@example.invalid ",
        "nycLoaiGiayTo": 3,
        "nycSoGiayTo": "000000000001",
        "nycNgayCapGiayTo": "05/06/2022",
        "nycNoiCapGiayTo": "Cơ quan cấp mẫu",
        "nycQuocTich": "VN",
        "nycDanToc": "01",
        "nycHoTenCha": "NGUYỄN VĂN CHA",
        "chaNamSinh": 1960,
        "nycHoTenMe": "TRẦN THỊ MẸ",
        "meNamSinh": 1962,
        "nycHoTenVoChong": "",
        "voChongNamSinh": None,
        "nycNoiSinh": {"maQuocGia": "VN", "maTinhThanh": "99"},
        "uyQuyen": 0,
        "thongTinUyQuyen": None,
        "thongTinAnTich": "",
        "quaTrinhCTNNNLV": [{"tuThangNam": "02/2004", "denThangNam": "08-2012", "diaChiCuTru": PLACE}],
        "thongTinThanhToan": {
            "nhomDoiTuong": 1,
            "hinhThucNhanBanGiay": 2,
            "diaChiNhan": "Số 1",
            "tongPhi": "200000",
        },
        "giayToDinhKem": [
            {
                "ma": "CCCD",
                "ten": "Căn cước",
                "danhSach": [{"loai": "application/pdf", "duLieu": base64.b64encode(PDF).decode()}],
            }
        ],
    },
}


def call(service: str, message: object = None, key: str = KEY, method: str = "POST") -> Any:
    body = b"" if message is None else json.dumps(message, ensure_ascii=False).encode()
    request = CallbackRequest(method=method, path=service, query=f"CodeGet={key}", body=body)
    return build(SETTINGS).read_callback(request, Context(now=NOW))


def changed(**declared: Any) -> dict[str, Any]:
    message = copy.deepcopy(FILED)
    message["toKhai"].update(declared)
    return message


def told(answer: Refusal | Report) -> Any:
    return json.loads(answer.first.body if isinstance(answer, Report) else answer.answer.body)


def test_a_number_is_the_instant_of_the_unit_and_no_two_instants_share_one() -> None:
    first = call("LLTP/LayMaHoSo", method="GET")
    assert told(first) == {"succeeded": True, "data": "H99.14-261123-36245678901"}
    request = CallbackRequest(method="GET", path="LLTP/LayMaHoSo", query=f"CodeGet={KEY}")
    later = build(SETTINGS).read_callback(request, Context(now=NOW + timedelta(microseconds=1)))
    assert isinstance(later, Refusal)
    assert told(later) != told(first)


@pytest.mark.parametrize("service", ["LLTP/LayMaHoSo", "LLTP/TaoHoSo"])
@pytest.mark.parametrize("key", ["", "ma-mo-phon", "ma-mo-phong1", "%FF", "sai"])
def test_without_the_key_nothing_is_read(service: str, key: str) -> None:
    answer = call(service, FILED, key)
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.answer.status) == ("wrong_key", 400)
    assert told(answer)["message"] == "Mã xác thực không hợp lệ"


def test_the_key_stands_neither_in_what_is_reported_nor_in_the_message_log() -> None:
    assert KEY not in repr(call("LLTP/TaoHoSo", FILED))
    assert "CodeGet" in manifest.secret_fields
    address = f"/LLTP/TaoHoSo?CodeGet={KEY}"
    assert KEY not in redact_url(address, fields=manifest.secret_fields)


def test_a_request_becomes_a_dossier_with_its_declaration_and_its_files() -> None:
    report = call("LLTP/TaoHoSo", FILED)
    assert isinstance(report, Report)
    assert report.dossier is not None
    declared = report.dossier.declaration
    assert isinstance(declared, JudicialRecordDeclaration)
    assert told(report) == {"statusCode": "00", "data": None, "errorDetail": None}
    assert (declared.person.born_on, declared.person.email) == ("1990-02-01", "mau@example.invalid")
    assert (declared.father and declared.father.born_on, declared.spouse) == ("1960", None)
    assert (declared.sojourns[0].since, declared.sojourns[0].until) == ("2004-02", "2012-08")
    assert (declared.paper_delivery, declared.payer_group) == ("post", "ordinary")
    (document,), (file,) = report.dossier.documents, report.files
    assert document.file is not None
    assert document.file.url == f"{FILING.files_url}/{document.file.sha256}"
    assert file.content == PDF
    assert base64.b64encode(PDF) not in report.data
    assert list(build(SETTINGS).check(replace(report.dossier, received_at=NOW), {})) == []


def test_a_request_through_another_names_who_files() -> None:
    agent = {
        "nuqHoTen": "TRẦN VĂN ANH",
        "nuqGioiTinh": 1,
        "nuqNgaySinh": "31/01/1985",
        "nuqLoaiGiayTo": 3,
        "nuqSoGiayTo": "000000000002",
        "nuqNoiOHienTai": PLACE,
        "nuqQuanHe": {"ma": 4, "ten": "Anh ruột"},
        "nuqNgayKyVanBanUyQuyen": "20/09/2026",
    }
    report = call("LLTP/TaoHoSo", changed(uyQuyen=1, thongTinUyQuyen=agent))
    declared = report.dossier.declaration
    assert (declared.authorised.relation, declared.authorised.authorised_on) == ("Anh ruột", "2026-09-20")


def test_the_same_request_has_the_same_key_and_a_supplement_another() -> None:
    first, again = call("LLTP/TaoHoSo", FILED), call("LLTP/TaoHoSo", FILED)
    assert first.key == again.key != call("LLTP/TaoHoSo", changed(soLuongCap=3)).key
    assert json.loads(first.ignored.body)["errorDetail"].startswith("Hồ sơ không ở trạng thái bổ sung")


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            {name: None}
            for name in ("nycHoTen", "nycNgaySinh", "nycThuongTru", "nycNoiSinh", "thongTinThanhToan")
        ),
        {"nycNgaySinh": "1990-02-01"},
        {"nycGioiTinh": 7},
        {"loaiPhieu": "3"},
        {"uyQuyen": 1},
        {"soLuongCap": "hai"},
        {"quaTrinhCTNNNLV": [{"tuThangNam": "02/2004"}]},
        {"quaTrinhCTNNNLV": "x"},
        {"giayToDinhKem": [{"ma": "a", "danhSach": [{"loai": "application/pdf", "duLieu": "*"}]}]},
        {"giayToDinhKem": ["x"]},
        {"nycHoTen": {"a": 1}},
        {"yeuCauCDNCV": []},
        {"maMucDich": True},
        {"nycQuocTich": "Việt Nam"},
    ],
)
def test_what_is_no_request_is_refused_with_the_element(wrong: dict[str, Any]) -> None:
    answer = call("LLTP/TaoHoSo", changed(**wrong))
    assert isinstance(answer, Refusal)
    assert answer.answer.status == 200
    assert told(answer)["statusCode"] == "01"
    assert told(answer)["errorDetail"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    request = CallbackRequest(method="POST", path="LLTP/TaoHoSo", query=f"CodeGet={KEY}", body=body)
    answer = build(SETTINGS).read_callback(request, Context(now=NOW))
    assert isinstance(answer, Refusal)
    assert told(answer)["statusCode"] == "01"


def test_without_settings_the_door_is_closed() -> None:
    request = CallbackRequest(method="GET", path="LLTP/LayMaHoSo", query=f"CodeGet={KEY}")
    answer = build(replace(SETTINGS, filing=None)).read_callback(request, Context(now=NOW))
    assert isinstance(answer, Refusal)
    assert answer.answer.status == 404


@pytest.mark.parametrize(("total", "paid"), [("200000", [200_000]), ("0", [])])
def test_what_was_paid_before_filing_is_a_fee_of_the_dossier(total: str, paid: list[int]) -> None:
    payment = {**FILED["toKhai"]["thongTinThanhToan"], "tongPhi": total}
    report = call("LLTP/TaoHoSo", changed(thongTinThanhToan=payment))
    assert isinstance(report, Report)
    assert report.dossier is not None
    assert [each.amount for each in report.dossier.fees] == paid
    assert all(each.paid_at == datetime(2026, 11, 22, 17, tzinfo=UTC) for each in report.dossier.fees)
