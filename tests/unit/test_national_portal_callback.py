"""What the portal sends to the province: the documented notices, the modelled dossier, the inferred tax notice."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from gateway.domain.dossier import ApplicantKind, Channel, Dossier, IdentityKind, Portal
from gateway.domain.errors import ConfigurationError
from gateway.port import Callback, CallbackRequest, Refusal, Report, WireResponse
from tests.unit import portal

PDF = "JVBERi0xLjQ="
# §12.10
NOTICE: dict[str, Any] = {
    "MaHoSo": "G99.01-240201-0003",
    "MaTTHC": "2.009905",
    "SoVanBan": "05/TB",
    "NgayNopHoSo": "20240201093000",
    "TenThuongNhan": "Công ty TNHH Mô phỏng",
    "MaSoThue": "0109999999",
    "DiaChiDoanhNghiep": {"MaTinh": "99", "MaHuyen": "991", "MaXa": "99101", "DiaChiChiTiet": "Số 1 phố Thử"},
    "DienThoai": "0240000000",
    "Email": "dn@example.invalid",
    "TenChuongTrinhKhuyenMai": "Khuyến mại tháng Hai",
    "ThoiGianKhuyenMaiTu": "20240210000000",
    "ThoiGianKhuyenMaiDen": "20240228000000",
    "TenTepDonDangKy": "..\\..\\don.pdf",
    "TepDonDangKy": PDF,
    "TaiLieuNop": [{"TenTepDinhKem": "the-le.pdf", "Base64": PDF}],
}
# §7.4
CHANGE: dict[str, Any] = {
    "service": "NhanSuaDoi",
    "isUpdating": "False",
    "data": {
        "MaHoSoQG": "G99.01-240215-0001",
        "MaTTHC": "2.009905",
        "NgayNopHoSo": "20240215093000",
        "TenThuongNhan": "Công ty TNHH Mô phỏng",
        "MaSoThue": "0109999999",
        "ThongTinDaNop": {"MaHoSoQGDNP": "G99.01-240201-0003"},
        "LyDoDieuChinh": "Tăng nhu cầu",
        "TenTepDangKy": "dieu-chinh.pdf",
        "URLTepDangKy": "/tbkm/G99/2024/dieu-chinh.pdf",
    },
}
# §7.2
ONLINE: dict[str, Any] = {
    "service": "NhanHoSoDVCQG",
    "isUpdating": "False",
    "data": {
        "MaHoSo": "G22.99-240115-000123",
        "MaTTHC": "1.009901.000.00.00.H99",
        "TenTTHC": "Cấp giấy xác nhận thử nghiệm",
        "ChuHoSo": "Nguyễn Văn Thử",
        "LoaiDoiTuong": 1,
        "MaDoiTuong": "tech-0000-demo",
        "DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "099000000001"}],
        "TrichYeuHoSo": "Đề nghị cấp giấy xác nhận",
        "NgayNopHoSo": "20240114213000",
        "KenhThucHien": "2",
        "TaiKhoanDuocXacThucVoiVNeID": "1",
        "TaiLieuNop": [
            {"TenTepDinhKem": "to-khai.pdf", "DuongDanTaiTepTin": "https://portal.example.invalid/tep/1"},
            {"TenTepDinhKem": "cu.pdf", "Base64": PDF},
        ],
        "DuLieuEForm": '{"lyDo":"x"}',
    },
}
TAX: dict[str, Any] = {
    "MaHoSo": portal.CODE,
    "Nguon": "CCT",
    "MaSoThue": "0109999999",
    "SoTien": 1500000,
    "SoQuyetDinh": "12/QD",
    "NgayQuyetDinh": "20240120000000",
    "TenTieuMuc": "Tiền sử dụng đất",
}


def received(path: str, body: object, method: str = "POST", **changes: Any) -> Callback:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    call = CallbackRequest(method=method, path=path, headers=portal.JSON, body=content)
    return portal.adapter(**changes).read_callback(call, portal.context())


def report(path: str, body: object, **changes: Any) -> Report:
    found = received(path, body, **changes)
    assert isinstance(found, Report), found
    return found


def refusal(path: str, body: object, **changes: Any) -> tuple[int, dict[str, Any]]:
    found = received(path, body, **changes)
    assert isinstance(found, Refusal), found
    return found.answer.status, json.loads(found.answer.body)


def test_promotion_notice_becomes_a_dossier_of_the_portal() -> None:
    found = report("addtthcKhuyenMai", NOTICE)
    record = found.dossier
    assert record is not None
    assert (record.code, record.origin, record.status) == (
        "G99.01-240201-0003",
        Portal.NATIONAL,
        "registered",
    )
    assert (record.applicant.kind, record.applicant.identities[0].kind) == (
        ApplicantKind.ENTERPRISE,
        IdentityKind.TAX_CODE,
    )
    assert record.applicant.address == "Số 1 phố Thử, 99101, 991, 99"
    assert record.submitted_at == portal.at(1, 9, 30, month=2)
    assert [document.name for document in record.documents] == ["don.pdf", "the-le.pdf"]
    assert (found.key, found.kind) == ("promotion:G99.01-240201-0003", "promotion_notice")
    told = json.loads(found.data)
    assert (told["tax_code"], told["programme"]) == ("0109999999", "Khuyến mại tháng Hai")
    assert told["content"]["TaiLieuNop"][0]["Base64"] == PDF


def test_answers_are_the_contracts() -> None:
    found = report("addtthcKhuyenMai", NOTICE)
    assert json.loads(found.first.body) == {
        "error_code": 0,
        "message": "G99.01-240201-0003| create dossier success",
    }
    assert json.loads(found.again.body) == {"error_code": 1, "message": "G99.01-240201-0003| duplicate refId"}
    assert refusal("addtthcKhuyenMai", {**NOTICE, "MaSoThue": ""}) == (
        200,
        {"error_code": -1, "message": "MaSoThue empty"},
    )


def test_a_notice_is_known_by_its_number_and_an_amendment_by_what_it_says() -> None:
    first = report("addtthcKhuyenMai", NOTICE)
    assert report("addtthcKhuyenMai", {**NOTICE, "Fax": "1"}).key == first.key
    change = report("addtthcKhuyenMai", CHANGE)
    respelt = json.dumps(CHANGE, indent=2, ensure_ascii=True).encode()
    assert report("addtthcKhuyenMai", respelt).key == change.key
    other = {**CHANGE, "data": {**CHANGE["data"], "LyDoDieuChinh": "Khác"}}
    assert report("addtthcKhuyenMai", other).key != change.key


def test_amendment_names_what_it_changes_and_where_its_file_is() -> None:
    found = report("addtthcKhuyenMai", CHANGE)
    told = json.loads(found.data)
    assert found.kind == "promotion_change"
    assert (told["changes"], told["file_path"]) == ("G99.01-240201-0003", "/tbkm/G99/2024/dieu-chinh.pdf")
    assert found.dossier is not None
    assert found.dossier.code == "G99.01-240215-0001"


def test_online_dossier_becomes_a_record() -> None:
    found = report("nhanhsdvcqg", ONLINE)
    record = found.dossier
    assert isinstance(record, Dossier)
    assert (record.channel, record.applicant.account_verified, record.agency.code) == (
        Channel.ONLINE,
        True,
        "H99",
    )
    assert record.applicant.identities[0].kind is IdentityKind.PERSONAL_ID
    assert [document.file is not None for document in record.documents] == [True, False]
    assert (found.key, found.kind) == ("online:G22.99-240115-000123", "online_dossier")
    assert json.loads(found.data)["form"] == '{"lyDo":"x"}'


def test_resubmitted_online_dossier_is_another_message() -> None:
    changed = report("nhanhsdvcqg", {**ONLINE, "isUpdating": "True"})
    assert changed.kind == "online_dossier_changed"
    assert changed.key.startswith("online:G22.99-240115-000123:")
    assert report("nhanhsdvcqg", {**ONLINE, "isUpdating": True}).key == changed.key
    assert (changed.corrects, report("nhanhsdvcqg", ONLINE).corrects) == (True, False)


def test_tax_notice_and_voucher_are_told_in_our_words() -> None:
    notice = report("nhantbthuedvcqg", TAX)
    told = json.loads(notice.data)
    assert (notice.kind, notice.dossier, told["amount"], told["decision_number"]) == (
        "tax_notice",
        None,
        1500000,
        "12/QD",
    )
    voucher = report(
        "nhantbthuedvcqg", {"MaHoSo": portal.CODE, "MaThongBaoThue": "12/QD", "TrangThaiThanhToan": "1"}
    )
    assert (voucher.kind, json.loads(voucher.data)["notice"]) == ("tax_voucher", "12/QD")


def test_path_may_carry_the_access_layers_prefix() -> None:
    for path in (
        "/nhanhsdvcqg",
        "XrdAdapter/RestService/forward/nhanhsdvcqg",
        "VXPAdapter/RestService/forward/nhanhsdvcqg/",
    ):
        assert report(path, ONLINE).key == "online:G22.99-240115-000123"


REFUSED: list[tuple[str, object, str]] = [
    ("addtthcKhuyenMai", {}, "data empty"),
    ("addtthcKhuyenMai", {"data": {}}, "data empty"),
    ("addtthcKhuyenMai", {"data": []}, "data empty"),
    ("addtthcKhuyenMai", {**NOTICE, "MaHoSo": None}, "MaHoSo empty"),
    ("addtthcKhuyenMai", {**NOTICE, "MaHoSo": "a b/../c"}, "MaHoSo invalid"),
    ("addtthcKhuyenMai", {**NOTICE, "TenThuongNhan": "  "}, "TenThuongNhan empty"),
    ("addtthcKhuyenMai", {**NOTICE, "MaTTHC": ""}, "MaTTHC empty"),
    ("addtthcKhuyenMai", {**NOTICE, "NgayNopHoSo": "01/02/2024"}, "NgayNopHoSo invalid"),
    ("addtthcKhuyenMai", {**NOTICE, "TepDonDangKy": "không"}, "TepDonDangKy invalid base64"),
    ("addtthcKhuyenMai", {**NOTICE, "TepDonDangKy": 7}, "TepDonDangKy invalid"),
    ("addtthcKhuyenMai", {**NOTICE, "TaiLieuNop": "x"}, "TaiLieuNop invalid"),
    ("addtthcKhuyenMai", {**NOTICE, "TaiLieuNop": [{"Base64": "%%"}]}, "Base64 invalid base64"),
    ("addtthcKhuyenMai", {**NOTICE, "TenThuongNhan": "x" * 501}, "data invalid: "),
    ("nhanhsdvcqg", [], "data empty"),
    ("nhanhsdvcqg", {"data": None}, "data empty"),
    ("nhanhsdvcqg", {**ONLINE, "data": {**ONLINE["data"], "LoaiDoiTuong": "9"}}, "LoaiDoiTuong invalid"),
    ("nhanhsdvcqg", {**ONLINE, "data": {**ONLINE["data"], "ChuHoSo": None}}, "ChuHoSo empty"),
    ("nhantbthuedvcqg", {**TAX, "SoTien": ""}, "SoTien empty"),
    ("nhantbthuedvcqg", {**TAX, "SoTien": "1.5"}, "SoTien invalid"),
    ("nhantbthuedvcqg", {}, "data empty"),
    ("nhanhsdvcqg", b"\xff\xfe", "data invalid: "),
    ("nhanhsdvcqg", b"", "data invalid: "),
]


@pytest.mark.parametrize(("path", "body", "message"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_cannot_be_taken_is_refused_with_minus_one(path: str, body: object, message: str) -> None:
    status, told = refusal(path, body)
    assert (status, told["error_code"]) == (200, -1)
    assert told["message"].startswith(message)


def test_large_calls_and_files_are_refused_before_they_are_decoded() -> None:
    big = base64.b64encode(b"x" * 4000).decode()
    assert (
        refusal("addtthcKhuyenMai", {**NOTICE, "TepDonDangKy": big}, max_callback_bytes=2048)[1]["error_code"]
        == -1
    )
    body = {**NOTICE, "TepDonDangKy": big}
    assert refusal("addtthcKhuyenMai", body, max_inbound_file_bytes=2048) == (
        200,
        {"error_code": -1, "message": "TepDonDangKy too large"},
    )


def test_an_unmapped_procedure_is_refused() -> None:
    adapter = portal.adapter()
    call = CallbackRequest(method="POST", path="addtthcKhuyenMai", body=msgspec.json.encode(NOTICE))
    lent = portal.context(catalogues={"procedures": {"1.009901": {"MATTHC": "1.009901"}}})
    found = adapter.read_callback(call, lent)
    assert isinstance(found, Refusal)
    assert json.loads(found.answer.body) == {"error_code": -1, "message": "MaTTHC not mapped"}


def test_other_paths_and_methods_are_not_offered() -> None:
    assert refusal("search/call", {"MaHoSo": portal.CODE})[0] == 501
    assert refusal("downloadfile/0b8f7d0e-1111-4222-8333-444455556666", b"")[0] == 501
    assert refusal("no/such/path", {})[0] == 404
    assert refusal("nhanhsdvcqg", ONLINE, method="GET")[0] == 405


FILE = "0b8f7d0e-1111-4222-8333-444455556666"
STORE = {
    "store_base_url": "https://kho.h99.example/files/",
    "download_base_url": "https://adapter.h99.example/downloadfile/",
    "serve_files": "redirect",
}


def asked_for(path: str, *, method: str = "GET", **changes: Any) -> WireResponse:
    adapter = portal.adapter(**(STORE | changes))
    call = CallbackRequest(method=method, path=path)
    found = adapter.read_callback(call, portal.context())
    assert isinstance(found, Refusal), "nothing comes in with a call for a file"
    return found.answer


@pytest.mark.parametrize(
    "prefix", ["", "XrdAdapter/RestService/forward/", "/VXPAdapter/RestService/forward/"]
)
def test_file_is_shown_where_it_lies(prefix: str) -> None:
    answer = asked_for(f"{prefix}downloadfile/{FILE.upper()}")

    assert answer.status == 307
    assert dict(answer.headers)["location"] == f"https://kho.h99.example/files/{FILE}"
    assert answer.body == b""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../secret",
        f"{FILE}/../x",
        f"{FILE}?x=1",
        f"{FILE}\n",
        "0b8f7d0e",
        f"x{FILE}",
        "https://evil.example",
    ],
)
def test_nothing_but_a_file_s_name_leads_anywhere(name: str) -> None:
    answer = asked_for(f"downloadfile/{name}")

    assert answer.status == 404
    assert "location" not in dict(answer.headers)


def test_file_is_asked_for_and_not_sent() -> None:
    assert asked_for(f"downloadfile/{FILE}", method="POST").status == 405


def test_redirecting_without_a_store_is_refused_at_the_start() -> None:
    for store in ("", "ftp://kho.h99.example/"):
        with pytest.raises(ConfigurationError, match="store_base_url"):
            portal.adapter(serve_files="redirect", store_base_url=store, download_base_url=store)


def test_a_dossier_that_came_in_can_be_reported_back() -> None:
    record = report("addtthcKhuyenMai", NOTICE).dossier
    assert record is not None
    done = msgspec.structs.replace(
        record, version=2, status="returned", returned_at=portal.at(2, 10, month=2)
    )
    adapter = portal.adapter()
    assert adapter.wants(done)
    item = portal.item(adapter, done, "status", memory={"partner_code": record.code})
    assert (item["MaHoSo"], item["TrangThai"]) == ("G99.01-240201-0003", "10")


@given(
    st.sampled_from(["nhanhsdvcqg", "addtthcKhuyenMai", "nhantbthuedvcqg", "search/call", "x"]),
    st.sampled_from([NOTICE, CHANGE, ONLINE, TAX]),
    st.data(),
)
@effort(max_examples=400, deadline=None)
def test_no_call_raises(path: str, template: dict[str, Any], data: st.DataObject) -> None:
    body = json.loads(json.dumps(template))
    target = body["data"] if isinstance(body.get("data"), dict) and data.draw(st.booleans()) else body
    name = data.draw(st.sampled_from(sorted(target)))
    target[name] = data.draw(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=20)
        | st.lists(st.integers() | st.dictionaries(st.text(max_size=5), st.text(max_size=5)), max_size=2)
        | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
    )
    found = received(path, json.dumps(body).encode("utf-8", "surrogatepass"))
    assert isinstance(found, Report | Refusal)
