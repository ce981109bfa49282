"""The payment platform's stand-in: strict codes, one ledger of money, notices and their repeats, every fault of §15."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import unicodedata
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.payment_platform.simulator import FAULTS, Partner, PaymentSimulator, SimulatorConfig
from adapters.payment_platform.simulator_answers import pdf
from adapters.payment_platform.simulator_land import EVIDENCE_VARIANTS, NOTICE_VARIANTS
from adapters.payment_platform.simulator_mac import digest, genuine, sealed
from adapters.payment_platform.simulator_variants import SPOILING, VARIANTS
from gateway.domain.errors import NotFoundError, RecordError
from gateway.port.simulator import CallsOut, OutgoingCall, SimulatedRequest, SimulatedResponse, Simulator

NOW = datetime(2026, 9, 28, 7, 32, 12, tzinfo=UTC)  # 14:32:12 in Vietnam
SECRET = "S3cret-DEMO-2026"
REFERENCE = "PG2609280000A7K3M9QX"
CALLBACK = "http://127.0.0.1:9/in/payment_platform/confirm"
RETURN = "http://127.0.0.1:9/return"

INIT: dict[str, Any] = {  # §5.2, V01
    "LoaiBanTin": "INIT",
    "PhienBan": "1.0.6",
    "MaDoiTac": "DEMOH99",
    "MaThamChieu": REFERENCE,
    "SoTien": "250000",
    "LoaiHinhThanhToan": "PAY",
    "MaKenhThanhToan": "1",
    "MaThietBi": "1",
    "NgonNgu": "vi-VN",
    "MaTienTe": "VND",
    "MaNganHang": "PAYMENT",
    "ThongTinGiaoDich": "THANH TOAN HO SO H99.15-260928-0007",
    "ThoiGianGD": "20260928143015",
    "Ip": "203.0.113.10",
    "MaXacThuc": "f27b1ece9032b61be71eb8551d56fcffc552061717ece937e16d55aef485948f",
    "ThongTinBienLai": {
        "MaDichVu": "2",
        "MaDVC": "9.999001.01",
        "TenDVC": "Cấp giấy phép mẫu",
        "MaTTHC": "9.999001",
        "TenTTHC": "Cấp giấy phép mẫu",
        "MaDonVi": "H99.15",
        "TenDonVi": "Sở Xây dựng tỉnh Mẫu",
        "MaHoSo": "H99.15-260928-0007",
        "TKThuHuong": "1180000000001",
        "MaNHThuHuong": "DEMO01",
        "TenTKThuHuong": "SO XAY DUNG TINH MAU",
        "NoiDungThanhToan": "THANH TOAN HO SO H99.15-260928-0007",
        "HoTenNguoiNop": "Nguyễn Văn Mẫu",
        "SoCMNDNguoiNop": "099000000001",
        "DiaChiNguoiNop": "Số 1 đường Mẫu",
        "HuyenNguoiNop": "",
        "TinhNguoiNop": "Tỉnh Mẫu",
        "PhiLePhi": [
            {"LoaiPhiLePhi": "1", "MaPhiLePhi": "2", "TenPhiLePhi": "Phí thẩm định", "SoTien": "200000"},
            {"LoaiPhiLePhi": "2", "MaPhiLePhi": "2", "TenPhiLePhi": "Lệ phí cấp phép", "SoTien": "50000"},
        ],
        "DSKhoanNop": [{"NoiDung": "THANH TOAN HO SO H99.15-260928-0007", "SoTien": "250000"}],
    },
}
CONFIRM_ORDER = [
    "LoaiBanTin",
    "MaLoi",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "MaTienTe",
    "MaGiaoDich",
    "MaNganHang",
    "ThoiGianGD",
    "ThongTinGiaoDich",
]

# §15, word for word
SPECIFIED = [
    "no_callback",
    "late_callback",
    "duplicate_callback",
    "callback_before_init_reply",
    "bad_mac",
    "uppercase_mac",
    "amount_changed_valid_mac",
    "currency_changed",
    "foreign_partner",
    "unknown_reference",
    "fail_then_success",
    "success_then_fail",
    "second_MaGiaoDich",
    "null_fields_on_failure",
    "sotien_as_string",
    "sotien_above_int32",
    "camel_case_keys",
    "extra_fields",
    "pipe_in_field",
    "nfd_text",
    "confirm_time_is_payment_time",
    "query_pending",
    "query_not_found",
    "query_unknown_status",
    "init_timeout_after_accept",
    "init_5xx",
    "non_json",
    "bill_pdf",
    "bill_json_url",
    "bill_error_text",
    "bill_url_internal_host",
    "bill_not_ready",
    "redirect_forged_success",
    "clock_skew",
]


def init(secret: str = SECRET, **changes: Any) -> dict[str, Any]:
    """An INIT with ``changes``, sealed anew; amounts below follow the one above."""
    message = {**deepcopy(INIT), **changes}
    if "SoTien" in changes:
        items = message["ThongTinBienLai"]
        items["PhiLePhi"] = [{**items["PhiLePhi"][0], "SoTien": changes["SoTien"]}]
        items["DSKhoanNop"][0]["SoTien"] = changes["SoTien"]
    return {**message, "MaXacThuc": sealed("INIT", message, secret)}


def code_of_confirm(message: dict[str, Any], secret: str = SECRET) -> str:
    """§4 once more, by hand."""
    values = ["" if message[name] is None else str(message[name]) for name in CONFIRM_ORDER]
    return hashlib.sha256("|".join([*values, secret]).encode()).hexdigest()


class Bank:
    """A platform, its clock, and an agency that answers what it is told to."""

    def __init__(self, **config: Any) -> None:
        partners = config.pop(
            "partners",
            (Partner(code="DEMOH99", secrets=(SECRET,), callback_url=CALLBACK, return_url=RETURN),),
        )
        self.platform = PaymentSimulator(SimulatorConfig(partners=partners, **config))
        self.now = NOW

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def request(
        self, path: str, body: bytes = b"", method: str = "POST", query: str = ""
    ) -> SimulatedRequest:
        return SimulatedRequest(
            method=method,
            path=path,
            query=query,
            headers=(("host", "127.0.0.1:8789"),),
            body=body,
            now=self.now,
        )

    def send(self, message: Any, fault: str = "", path: str = "/platform") -> SimulatedResponse:
        request = self.request(path, json.dumps(message).encode())
        if not fault:
            return self.platform.handle(request)
        answer = self.platform.twist(fault, request)
        assert answer is not None, f"{fault} does not fit"
        return answer

    def ask(self, kind: str, fault: str = "", **changes: Any) -> SimulatedResponse:
        message = {
            "LoaiBanTin": kind,
            "PhienBan": "1.0.6",
            "MaDoiTac": "DEMOH99",
            "MaThamChieu": REFERENCE,
            "ThoiGianGD": INIT["ThoiGianGD"],
            **changes,
        }
        return self.send({**message, "MaXacThuc": sealed(kind, message, SECRET)}, fault)

    def status(self, fault: str = "") -> str:
        return str(told(self.ask("QUERY", fault))["TrangThaiGD"])

    def press(self, action: str = "pay", fault: str = "") -> SimulatedResponse:
        request = self.request(f"/t/{self.token()}", f"action={action}".encode())
        answer = self.platform.twist(fault, request) if fault else self.platform.handle(request)
        assert answer is not None
        return answer

    def token(self) -> str:
        return str(self.platform.record()["transactions"][f"DEMOH99/{REFERENCE}"]["token"])

    def due(self) -> list[OutgoingCall]:
        return list(self.platform.outgoing(self.now))

    def answer(self, call: OutgoingCall, code: str = "00", status: int = 200) -> None:
        self.platform.answered(call.id, status, json.dumps({"MaLoi": code}).encode())

    def told(self, code: str = "00") -> list[dict[str, Any]]:
        """Take everything that is due now, answer it with ``code``, and return it."""
        calls = self.due()
        for call in calls:
            self.answer(call, code)
        return [json.loads(call.body) for call in calls]

    def administer(self, action: str, **order: Any) -> dict[str, Any]:
        return self.platform.administer(action, json.dumps(order).encode())

    @property
    def paid(self) -> dict[str, int]:
        paid: dict[str, int] = self.platform.record()["paid"]
        return paid


def told(response: SimulatedResponse) -> dict[str, Any]:
    return dict(json.loads(response.body))


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_is_a_simulator_that_calls_out(bank: Bank) -> None:
    platform: Simulator = bank.platform
    assert isinstance(platform, CallsOut)


def test_knows_every_fault_of_the_contract(bank: Bank) -> None:
    assert sorted(FAULTS) == sorted(SPECIFIED)
    assert bank.platform.faults == FAULTS


# The code


def test_codes_are_those_of_the_contract() -> None:
    assert sealed("INIT", INIT, SECRET) == INIT["MaXacThuc"]
    confirm = {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": "00",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": REFERENCE,
        "SoTien": 250000,
        "MaTienTe": "VND",
        "MaGiaoDich": "PP26092800012345",
        "MaNganHang": "DEMOBANK",
        "ThoiGianGD": "20260928143015",
        "ThongTinGiaoDich": INIT["ThongTinGiaoDich"],
    }
    v05 = "7708bc3598384098224e7a65f55255ea97c1a890374e8f44a525c2254d3e5fdf"
    v07 = "aba9f63d27d75a034adb2cfd57da673abb3c923a0c712f0b4a5534d77248ada0"
    v13 = "da0082710cede79a0215fe90ec10aa6e2027412d060f752134214c56e0895d1e"
    assert sealed("CONFIRM", confirm, SECRET) == v05
    failed = {**confirm, "MaLoi": "99", "MaGiaoDich": None, "MaNganHang": None}
    assert sealed("CONFIRM", failed, SECRET) == v07
    assert sealed("CONFIRM", {**confirm, "LoaiBanTin": "QUERY"}, SECRET) == v13
    v16 = "d14ac0ce8d774ebafd4a7af2800c01364e457fc65b79cce18a57c57b5c9f9038"
    assert digest((REFERENCE, "00"), SECRET) == v16


@pytest.mark.parametrize("value", [1.5, True, [], {}], ids=str)
def test_what_has_no_plain_form_is_never_genuine(value: Any) -> None:
    with pytest.raises(ValueError, match="not a value"):
        sealed("INIT", {**INIT, "SoTien": value}, SECRET)
    assert not genuine("INIT", {**INIT, "SoTien": value}, (SECRET,))


@pytest.mark.parametrize(
    "forge",
    [
        lambda message: message["MaXacThuc"].upper(),
        lambda message: None,
        lambda message: "",
        lambda message: 7,
        lambda message: f" {message['MaXacThuc']}",
        lambda message: sealed("INIT", message, "another secret"),
        lambda message: hmac.new(  # V18: superseded in 2020
            SECRET.encode(), "|".join(str(message[name]) for name in list(INIT)[:14]).encode(), "sha256"
        ).hexdigest(),
    ],
    ids=["upper case", "null", "empty", "number", "blank before", "other secret", "hmac"],
)
def test_a_wrong_code_is_refused_with_99_and_changes_nothing(bank: Bank, forge: Any) -> None:
    answer = bank.send({**INIT, "MaXacThuc": forge(INIT)})
    assert (answer.status, told(answer)["MaLoi"], told(answer)["MoTaLoi"]) == (200, "99", "Sai mã xác thực")
    assert bank.platform.record()["transactions"] == {}
    assert bank.platform.record()["refused"] == 1


def test_one_changed_field_breaks_the_code(bank: Bank) -> None:
    assert told(bank.send({**INIT, "SoTien": "250001"}))["MaLoi"] == "99"
    assert told(bank.send({**INIT, "Ip": "203.0.113.11"}))["MaLoi"] == "99"
    assert told(bank.send(INIT))["MaLoi"] == "00"


def test_both_secrets_open_while_they_are_rotated() -> None:
    bank = Bank(partners=(Partner(code="DEMOH99", secrets=("new secret", SECRET), callback_url=CALLBACK),))
    assert told(bank.send(INIT))["MaLoi"] == "00"
    assert told(bank.send(init("new secret", MaThamChieu="PG2")))["MaLoi"] == "00"
    bank.press()
    (confirm,) = bank.told()
    assert confirm["MaXacThuc"] == code_of_confirm(confirm, "new secret")


def test_a_bearer_is_demanded_where_one_was_agreed_on() -> None:
    bank = Bank(partners=(Partner(code="DEMOH99", secrets=(SECRET,), bearer="the-cong"),))
    request = bank.request("/platform", json.dumps(INIT).encode())
    assert bank.platform.handle(request).status == 401
    allowed = msgspec.structs.replace(request, headers=(("Authorization", "Bearer the-cong"),))
    assert told(bank.platform.handle(allowed))["MaLoi"] == "00"


# INIT


def test_init_is_answered_flat(bank: Bank) -> None:
    answer = told(bank.send(INIT))
    assert answer == {
        "MaLoi": "00",
        "MoTaLoi": "Thành công",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": REFERENCE,
        "UrlThanhToan": f"https://pay.example.invalid/t/{bank.token()}",
        "MaXacThuc": "9cb894dff577c51d2d58e8840e18c11f48cc34ffcfd57725122d0ac00aa1184a",  # V15
    }


def test_init_is_answered_in_a_wrapper() -> None:
    bank = Bank(answers="wrapper_init")
    answer = told(bank.send(INIT))
    assert answer["error_code"] == "0"
    assert json.loads(answer["message"])["UrlThanhToan"].startswith("https://")
    refused = told(bank.send({**INIT, "MaXacThuc": "0" * 64}))
    assert refused == {"error_code": "-1", "message": "Sai mã xác thực"}
    assert told(bank.ask("QUERY"))["TrangThaiGD"] == "3", "QUERY stays flat"


def test_everything_is_answered_in_a_wrapper() -> None:
    bank = Bank(answers="wrapper_all")
    bank.send(INIT)
    assert json.loads(told(bank.ask("QUERY"))["message"])["TrangThaiGD"] == "3"
    assert told(bank.ask("GET_BILL"))["error_code"] == "-1"
    bank.press()
    assert json.loads(told(bank.ask("GET_BILL"))["message"])["UrlBienLai"].endswith(".pdf")


def test_the_same_init_again_has_the_same_address(bank: Bank) -> None:
    first, second = told(bank.send(INIT)), told(bank.send(INIT))
    assert first == second
    (transaction,) = bank.platform.record()["transactions"].values()
    assert transaction["inits"] == 2


def test_the_same_reference_with_other_content_is_refused(bank: Bank) -> None:
    bank.send(INIT)
    assert "Mã tham chiếu" in told(bank.send(init(SoTien="1")))["MoTaLoi"]
    changed = deepcopy(INIT)  # outside the code, and still another message
    changed["ThongTinBienLai"]["TKThuHuong"] = "999"
    assert told(bank.send(changed))["MaLoi"] == "99"
    assert [row["SoTien"] for row in bank.platform.record()["transactions"].values()] == [250000]


@pytest.mark.parametrize(
    "changes",
    [
        {"SoTien": "0"},
        {"SoTien": "-5"},
        {"SoTien": "250000.0"},
        {"SoTien": "0250000"},
        {"SoTien": 250000},
        {"SoTien": "1" * 16},
        {"MaTienTe": "USD"},
        {"MaDoiTac": "KHAC99"},
        {"MaThamChieu": ""},
        {"MaThamChieu": None},
        {"ThongTinGiaoDich": "A|B"},
        {"ThongTinGiaoDich": "A\nB"},
        {"ThongTinGiaoDich": "A" * 211},
        {"ThoiGianGD": "20260928023O15"},
        {"ThoiGianGD": "20260931143015"},
        {"PhienBan": "1.0.5"},
        {"LoaiBanTin": "CONFIRM"},
    ],
    ids=str,
)
def test_an_init_that_breaks_the_rules_is_refused(bank: Bank, changes: dict[str, Any]) -> None:
    answer = bank.send(init(**changes))
    assert (answer.status, told(answer)["MaLoi"]) == (200, "99")
    assert bank.platform.record()["transactions"] == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"PhiLePhi": [{"SoTien": "200000"}]},
        {"DSKhoanNop": [{"SoTien": "250001"}]},
        {"DSKhoanNop": []},
        {"DSKhoanNop": [{"SoTien": 250000.0}]},
        {"DSKhoanNop": "x"},
        {"TKThuHuong": ""},
        {"MaHoSo": None},
        {"SoCMNDNguoiNop": 99000000001},
        {"MaDichVu": "3"},
        {"MaDichVu": "1"},
    ],
    ids=str,
)
def test_receipt_information_must_be_whole_and_add_up(bank: Bank, changes: dict[str, Any]) -> None:
    message = deepcopy(INIT)
    message["ThongTinBienLai"].update(changes)
    assert told(bank.send(message))["MaLoi"] == "99"
    assert bank.platform.record()["transactions"] == {}


def test_receipt_information_must_be_there(bank: Bank) -> None:
    assert told(bank.send({**INIT, "ThongTinBienLai": "x"}))["MaLoi"] == "99"


def test_amounts_have_sixty_four_bits(bank: Bank) -> None:
    bank.send(init(SoTien="999999999999"))
    bank.press()
    (confirm,) = bank.told()
    assert confirm["SoTien"] == bank.paid[REFERENCE] == 999_999_999_999


@pytest.mark.parametrize(("alias", "code"), [("init", "00"), ("query", "99"), ("bill", "99")])
def test_an_alias_takes_its_own_kind_only(bank: Bank, alias: str, code: str) -> None:
    assert told(bank.send(INIT, path=f"/platform/{alias}"))["MaLoi"] == code
    assert told(bank.send(INIT, path=f"/lgsp/dvcqg/platform/{alias}"))["MaLoi"] == code


# QUERY


def test_query_answers_as_the_contract_prints_it(bank: Bank) -> None:
    bank.send(INIT)
    assert bank.status() == "3"
    bank.press()
    answer = told(bank.ask("QUERY"))
    (payment,) = bank.platform.record()["payments"]
    assert (answer["TrangThaiGD"], answer["SoTien"]) == ("1", 250000)
    assert answer["MaGiaoDich"] == payment["MaGiaoDich"] == "PP26092800000001"
    assert answer["MaXacThuc"] == code_of_confirm(answer)


def test_query_wants_the_time_of_init_to_the_letter(bank: Bank) -> None:
    bank.send(INIT)
    answer = told(bank.ask("QUERY", ThoiGianGD="20260928023015"))  # V11
    assert answer == {"MaLoi": "99", "MoTaLoi": "Không tìm thấy giao dịch"}
    assert told(bank.ask("QUERY", MaThamChieu="PGKHONGCO"))["MaLoi"] == "99"


def test_query_says_failed(bank: Bank) -> None:
    bank.send(INIT)
    bank.press("fail")
    assert bank.status() == "4"
    assert bank.paid == {}


def test_a_session_that_is_over_cannot_be_paid(bank: Bank) -> None:
    bank.send(INIT)
    bank.wait(901)
    assert bank.status() == "4"
    bank.press("pay")
    assert (bank.paid, bank.due()) == ({}, [])


# The payer


def test_the_page_shows_what_is_paid_and_escapes_it(bank: Bank) -> None:
    bank.send(init(ThongTinGiaoDich="<script>x</script>"))
    shown = bank.platform.handle(bank.request(f"/t/{bank.token()}", method="GET")).body.decode()
    assert "250.000 đồng" in shown
    assert "<script>" not in shown
    assert re.findall(r'value="(\w+)"', shown) == ["pay", "fail", "leave"]


def test_paying_moves_money_once_tells_the_agency_and_sends_the_browser_back(bank: Bank) -> None:
    bank.send(INIT)
    answer = bank.press()
    location = urlsplit(dict(answer.headers)["location"])
    assert (answer.status, location.path) == (302, "/return")
    assert parse_qs(location.query) == {
        "data": [REFERENCE],
        "responseCode": ["00"],
        "secureCode": ["d14ac0ce8d774ebafd4a7af2800c01364e457fc65b79cce18a57c57b5c9f9038"],
    }
    (confirm,) = bank.told()
    assert confirm == {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": "00",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": REFERENCE,
        "SoTien": 250000,
        "MaTienTe": "VND",
        "MaGiaoDich": "PP26092800000001",
        "MaNganHang": "DEMOBANK",
        "ThoiGianGD": "20260928143015",
        "ThongTinGiaoDich": INIT["ThongTinGiaoDich"],
        "MaXacThuc": code_of_confirm(confirm),
    }
    bank.press()
    bank.press("fail")
    assert (bank.paid, bank.due()) == ({REFERENCE: 250000}, [])


def test_failing_moves_no_money_and_tells_the_agency(bank: Bank) -> None:
    bank.send(INIT)
    assert "responseCode=99" in dict(bank.press("fail").headers)["location"]
    (confirm,) = bank.told()
    assert (confirm["MaLoi"], confirm["MaGiaoDich"], bank.paid) == ("99", "", {})
    assert confirm["MaXacThuc"] == code_of_confirm(confirm)


def test_leaving_changes_nothing(bank: Bank) -> None:
    bank.send(INIT)
    assert "responseCode=99" in dict(bank.press("leave").headers)["location"]
    assert (bank.status(), bank.due(), bank.paid) == ("3", [], {})


def test_an_unknown_token_or_button_is_refused(bank: Bank) -> None:
    bank.send(INIT)
    assert bank.platform.handle(bank.request("/t/0000000000000000", b"action=pay")).status == 404
    assert bank.press("steal").status == 400
    assert bank.paid == {}


def test_without_a_registered_page_the_browser_stays() -> None:
    bank = Bank(partners=(Partner(code="DEMOH99", secrets=(SECRET,)),))
    bank.send(INIT)
    answer = bank.press()
    assert (answer.status, "Đã thanh toán" in answer.body.decode()) == (200, True)


# Notices and their repeats


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"down"),
        (200, b'{"MaLoi":"99"}'),
        (401, b'{"MaLoi":"00"}'),
        (0, b"refused"),
        (200, b"\xff"),
        (200, b"[]"),
        (200, b'{"MaLoi":["00"]}'),
    ],
)
def test_what_is_not_understood_is_repeated_after_the_pauses_of_the_contract(
    bank: Bank, status: int, body: bytes
) -> None:
    bank.send(INIT)
    bank.press()
    delivered = []
    for pause in (60, 300, 900, 3600):
        (call,) = bank.due()
        bank.platform.answered(call.id, status, body)
        delivered.append(call.body)
        bank.wait(pause - 1)
        assert bank.due() == []
        bank.wait(1)
    (last,) = bank.due()
    bank.platform.answered(last.id, status, body)
    bank.wait(1_000_000)
    assert bank.due() == []
    assert {*delivered, last.body} == {last.body}
    (callback,) = bank.platform.record()["callbacks"]
    assert (len(callback["deliveries"]), callback["accepted"]) == (5, False)


@pytest.mark.parametrize("answer", [b'{"MaLoi":"00"}', b'{"maLoi":"00","thoiGianGD":null}'])
def test_what_is_understood_is_not_repeated(bank: Bank, answer: bytes) -> None:
    bank.send(INIT)
    bank.press()
    (call,) = bank.due()
    assert bank.due() == [], "one delivery at a time"
    bank.platform.answered(call.id, 200, answer)
    bank.platform.answered(call.id, 500, b"late")
    bank.wait(10_000)
    assert bank.due() == []
    (callback,) = bank.platform.record()["callbacks"]
    assert callback["accepted"]
    assert [each["status"] for each in callback["deliveries"]] == [200]


def test_an_echoed_failure_counts_as_understood(bank: Bank) -> None:
    bank.send(INIT)
    bank.press("fail")
    bank.told("99")
    bank.wait(10_000)
    assert bank.due() == []


def test_pauses_can_be_shortened() -> None:
    bank = Bank(time_scale=0.001)
    bank.send(INIT)
    bank.press()
    bank.told("99")
    bank.wait(0.06)
    assert len(bank.due()) == 1


def test_without_an_address_notices_wait_for_one() -> None:
    bank = Bank(partners=(Partner(code="DEMOH99", secrets=(SECRET,)),))
    bank.send(INIT)
    bank.press()
    assert bank.due() == []
    assert bank.administer("register", callback_url=CALLBACK) == {"registered": ["DEMOH99"]}
    (call,) = bank.due()
    assert (call.url, call.method) == (CALLBACK, "POST")


def test_an_answer_to_a_forgotten_call_is_ignored(bank: Bank) -> None:
    bank.platform.answered("cb-000001", 200, b"")
    assert bank.platform.record()["callbacks"] == []


# Faults of notices


@pytest.mark.parametrize("fault", [name for name in VARIANTS if name in SPOILING])
def test_a_spoilt_notice_is_followed_by_an_honest_repeat(bank: Bank, fault: str) -> None:
    bank.send(INIT, fault)
    bank.press()
    (spoilt,) = bank.told("99")
    bank.wait(60)
    (honest,) = bank.told()
    assert spoilt != honest
    assert honest["MaXacThuc"] == code_of_confirm(honest)
    assert (honest["SoTien"], honest["MaTienTe"], honest["MaThamChieu"]) == (250000, "VND", REFERENCE)
    assert bank.paid == {REFERENCE: 250000}


def spoilt_by(fault: str, **config: Any) -> dict[str, Any]:
    bank = Bank(**config)
    bank.send(INIT)
    bank.press(fault=fault)
    (confirm,) = bank.told("99")
    return confirm


def test_each_spoilt_notice_is_spoilt_as_its_name_says() -> None:
    honest = spoilt_by("camel_case_keys")
    right = honest["maXacThuc"]
    assert spoilt_by("bad_mac")["MaXacThuc"][1:] == right[1:]
    assert spoilt_by("bad_mac")["MaXacThuc"] != right
    assert spoilt_by("uppercase_mac")["MaXacThuc"] == right.upper() != right
    changed = {
        "amount_changed_valid_mac": ("SoTien", 25000),
        "sotien_above_int32": ("SoTien", 250000 + 2**32),
        "currency_changed": ("MaTienTe", "USD"),
        "foreign_partner": ("MaDoiTac", "KHAC99"),
        "pipe_in_field": ("MaGiaoDich", "PP26092800000001|DEMOBANK"),
    }
    for fault, (name, value) in changed.items():
        confirm = spoilt_by(fault)
        assert confirm[name] == value, fault
        assert confirm["MaXacThuc"] == code_of_confirm(confirm), fault
    assert spoilt_by("unknown_reference")["MaThamChieu"] != REFERENCE
    v08 = spoilt_by("amount_changed_valid_mac")
    assert code_of_confirm(v08) != right


def test_a_foreign_partner_signs_with_its_own_secret_where_it_is_known() -> None:
    partners = (
        Partner(code="DEMOH99", secrets=(SECRET,), callback_url=CALLBACK),
        Partner(code="DEMOH98", secrets=("other secret",)),
    )
    confirm = spoilt_by("foreign_partner", partners=partners)
    assert confirm["MaDoiTac"] == "DEMOH98"
    assert confirm["MaXacThuc"] == code_of_confirm(confirm, "other secret")


def test_a_moved_bar_keeps_the_code() -> None:
    confirm = spoilt_by("pipe_in_field")
    moved = {**confirm, "MaGiaoDich": "PP26092800000001", "MaNganHang": "DEMOBANK|X"}
    assert code_of_confirm(moved) == confirm["MaXacThuc"]  # V17


def test_unusual_notices_are_genuine() -> None:
    assert spoilt_by("sotien_as_string")["SoTien"] == "250000"
    extra = spoilt_by("extra_fields")
    assert {"Token", "SoThe", "ThangThe", "NamThe"} < extra.keys()
    text = spoilt_by("nfd_text")["ThongTinGiaoDich"]
    assert unicodedata.normalize("NFC", text) != text
    assert spoilt_by("confirm_time_is_payment_time")["ThoiGianGD"] == "20260928143212"  # V06
    assert spoilt_by("clock_skew")["ThoiGianGD"] == "20260928143712"
    for fault in (
        "sotien_as_string",
        "extra_fields",
        "nfd_text",
        "confirm_time_is_payment_time",
        "clock_skew",
    ):
        confirm = spoilt_by(fault)
        assert confirm["MaXacThuc"] == code_of_confirm(confirm), fault
    camel = spoilt_by("camel_case_keys")
    assert "maThamChieu" in camel
    assert camel["maXacThuc"] == code_of_confirm({name[0].upper() + name[1:]: camel[name] for name in camel})


def test_a_clock_can_be_behind(bank: Bank) -> None:
    bank.send(INIT, "clock_skew(-600)")
    bank.press()
    (confirm,) = bank.told()
    assert confirm["ThoiGianGD"] == "20260928142212"


def test_a_failure_may_come_with_nulls(bank: Bank) -> None:
    bank.send(INIT, "null_fields_on_failure")
    bank.press("fail")
    (confirm,) = bank.told()
    assert confirm["MaGiaoDich"] is None
    assert confirm["MaNganHang"] is None
    assert confirm["MaXacThuc"] == "aba9f63d27d75a034adb2cfd57da673abb3c923a0c712f0b4a5534d77248ada0"  # V07


def test_no_callback_leaves_only_query(bank: Bank) -> None:
    bank.send(INIT, "no_callback")
    bank.press()
    bank.wait(1_000_000)
    assert bank.due() == []
    assert (bank.paid, bank.status()) == ({REFERENCE: 250000}, "1")


def test_a_late_callback_is_late_by_the_number_given(bank: Bank) -> None:
    bank.send(INIT, "late_callback(90)")
    bank.press()
    bank.wait(89)
    assert bank.due() == []
    bank.wait(1)
    assert len(bank.told()) == 1


@pytest.mark.parametrize("parallel", [True, False])
def test_duplicates_come_together_or_one_after_another(parallel: bool) -> None:
    bank = Bank(parallel=parallel)
    bank.send(INIT, "duplicate_callback(4)")
    bank.press()
    seen = []
    for _ in range(4):
        calls = bank.due()
        seen.append([call.body for call in calls])
        for call in calls:
            bank.answer(call)
        bank.wait(30)
    assert [len(bodies) for bodies in seen] == ([4, 0, 0, 0] if parallel else [1, 1, 1, 1])
    assert len({body for bodies in seen for body in bodies}) == 1
    assert bank.paid == {REFERENCE: 250000}


def test_a_callback_may_go_ahead_of_the_answer_to_init(bank: Bank) -> None:
    answer = bank.send(INIT, "callback_before_init_reply")
    (call,) = bank.due()
    assert call.ahead
    assert told(answer)["MaLoi"] == "00"
    assert bank.paid == {REFERENCE: 250000}


@pytest.mark.parametrize(
    ("fault", "codes", "paid"),
    [
        ("fail_then_success", ["99", "00"], 250000),
        ("success_then_fail", ["00", "99"], 250000),
        ("second_MaGiaoDich", ["00", "00"], 500000),
    ],
)
def test_contradictions_come_in_order(bank: Bank, fault: str, codes: list[str], paid: int) -> None:
    bank.send(INIT)
    bank.press(fault=fault)
    first = bank.told()
    bank.wait(30)
    second = bank.told()
    assert [each["MaLoi"] for each in (*first, *second)] == codes
    assert bank.paid == {REFERENCE: paid}
    assert bank.status() == "1"
    numbers = {each["MaGiaoDich"] for each in (*first, *second)} - {""}
    assert numbers == {each["MaGiaoDich"] for each in bank.platform.record()["payments"]}


def test_the_browser_may_be_sent_back_with_a_forged_success(bank: Bank) -> None:
    bank.send(INIT)
    location = dict(bank.press("leave", "redirect_forged_success").headers)["location"]
    assert "responseCode=00" in location
    assert "d14ac0ce" not in location
    assert (bank.paid, bank.status()) == ({}, "3")


# Faults of answers


def test_query_may_be_pending_for_a_while(bank: Bank) -> None:
    bank.send(INIT)
    bank.press()
    assert [bank.status("query_pending(2)"), bank.status(), bank.status()] == ["3", "3", "1"]


def test_query_may_not_find_what_is_there(bank: Bank) -> None:
    bank.send(INIT)
    assert told(bank.ask("QUERY", "query_not_found"))["MaLoi"] == "99"
    assert bank.status() == "3"


def test_query_may_say_a_state_that_nobody_knows(bank: Bank) -> None:
    bank.send(INIT)
    bank.press()
    assert [bank.status("query_unknown_status"), bank.status()] == ["7", "1"]


def test_init_may_be_accepted_and_the_caller_left_waiting(bank: Bank) -> None:
    assert bank.send(INIT, "init_timeout_after_accept(5)").hold_seconds == 5
    assert bank.status() == "3"


def test_init_may_fail_before_anything_is_stored(bank: Bank) -> None:
    assert bank.send(INIT, "init_5xx").status == 500
    assert told(bank.ask("QUERY"))["MaLoi"] == "99"
    assert told(bank.send(INIT))["MaLoi"] == "00"


def test_an_accepted_message_may_be_answered_with_a_page(bank: Bank) -> None:
    assert bank.send(INIT, "non_json").body.startswith(b"<!DOCTYPE")
    assert bank.ask("QUERY", "non_json").body.startswith(b"<!DOCTYPE")
    assert bank.status() == "3"


# Receipts


def test_a_receipt_exists_only_for_what_was_paid(bank: Bank) -> None:
    bank.send(INIT)
    assert told(bank.ask("GET_BILL")) == {"MaLoi": "99", "MoTaLoi": "Chưa có biên lai"}
    bank.press()
    answer = told(bank.ask("GET_BILL"))
    path = urlsplit(answer["UrlBienLai"]).path
    file = bank.platform.handle(bank.request(path, method="GET"))
    assert dict(file.headers)["content-type"] == "application/pdf"
    assert (file.body[:5], REFERENCE.encode() in file.body) == (b"%PDF-", True)
    bank.wait(301)
    assert bank.platform.handle(bank.request(path, method="GET")).status == 404


def test_a_receipt_has_no_address_before_it_was_asked_for(bank: Bank) -> None:
    bank.send(INIT)
    bank.press()
    assert bank.platform.handle(bank.request(f"/bill/{bank.token()}.pdf", method="GET")).status == 404


@pytest.mark.parametrize(
    ("mode", "time", "code"),
    [
        ("init", "20260928143015", "00"),
        ("init", "20260928143212", "99"),
        ("confirm", "20260928143015", "99"),
        ("confirm", "20260928143212", "00"),
        ("either", "20260928143212", "00"),
    ],
)
def test_whose_time_a_receipt_wants_is_a_setting(mode: str, time: str, code: str) -> None:
    bank = Bank(bill_time=mode)
    bank.send(INIT)
    bank.press()
    assert told(bank.ask("GET_BILL", ThoiGianGD=time))["MaLoi"] == code


def test_receipts_come_in_every_form(bank: Bank) -> None:
    bank.send(INIT)
    bank.press()
    assert bank.ask("GET_BILL", "bill_error_text").body.decode() == "Lỗi hệ thống"
    internal = told(bank.ask("GET_BILL", "bill_url_internal_host"))["UrlBienLai"]
    assert internal.startswith("http://10.")
    assert told(bank.ask("GET_BILL", "bill_not_ready(2)"))["MaLoi"] == "99"
    assert told(bank.ask("GET_BILL"))["MaLoi"] == "99"
    assert told(bank.ask("GET_BILL", "bill_json_url"))["UrlBienLai"].startswith("https://pay.")
    file = bank.ask("GET_BILL", "bill_pdf")
    # both were asked for, the file wins
    assert file.body.startswith(b"%PDF-")


def test_a_pdf_knows_where_its_objects_are() -> None:
    written = pdf(("So (tien): \\ 5 đồng",))
    start = int(written.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert written[start:].startswith(b"xref\n0 6\n")
    offsets = [int(row[:10]) for row in written[start:].split(b"\n")[3:8]]
    assert [written[each:].startswith(b"%d 0 obj" % n) for n, each in enumerate(offsets, 1)] == [True] * 5
    assert written.endswith(b"%%EOF\n")


# The settlement file


def test_the_settlement_file_is_the_one_that_the_contract_prints() -> None:
    from adapters.payment_platform.simulator_recon import render

    lines = (
        (
            "PG2609280000A7K3M9QX|PP26092800012345|DEMOH99|H99.15|H99.15-260928-0007|2|9.999001|9.999001.01|DEMOBANK|"
            "20260928143015|20260928143212|20260928143215|250000|0|250000|VND|DEMO01|1180000000001|1|00|"
        ),
        (
            "PG2609280000B8L4N0RY|PP26092800012399|DEMOH99|H99.15|H99.15-260928-0011|2|9.999001|9.999001.01|DEMOBANK|"
            "20260928150101|20260928150250|20260928150252|1000000|0|1000000|VND|DEMO01|1180000000001|1|00|"
        ),
    )
    text = render([line.split("|") for line in lines], SECRET)
    assert text.splitlines()[-1] == (
        "2|1250000|05e365f80c339ed6c808307545ab851a724ca57453f93bfcf6b5ed3d04101f02"
    )


def test_the_settlement_file_holds_what_was_paid_that_day(bank: Bank) -> None:
    for number in range(3):
        bank.send(init(MaThamChieu=f"PG{number}", SoTien=str(1000 + number)))
    bank.administer("pay", reference="PG0")
    bank.administer("pay", reference="PG2")
    answer = told(
        bank.platform.handle(bank.request("/recon", method="GET", query="date=20260928&MaDoiTac=DEMOH99"))
    )
    lines = base64.b64decode(answer["NoiDung"]).decode().split("\n")
    assert answer["TenTep"] == "20260928_2_PAY_1.txt"
    assert [len(line.split("|")) for line in lines] == [22, 22, 3]
    assert [line.split("|")[1] for line in lines[:-1]] == ["PG0", "PG2"]
    assert lines[-1].startswith("2|2002|")
    other = told(bank.platform.handle(bank.request("/recon", method="GET", query="date=20260929")))
    assert base64.b64decode(other["NoiDung"]).decode().startswith("0|0|")
    assert bank.platform.handle(bank.request("/recon", method="GET", query="date=x")).status == 400


def test_a_refund_stands_in_its_own_file(bank: Bank) -> None:
    bank.send(INIT)
    bank.press()
    number = bank.platform.record()["payments"][0]["MaGiaoDich"]
    bank.administer("refund", number=number, amount=100000)
    with pytest.raises(RecordError, match="150000"):
        bank.administer("refund", number=number, amount=150001)
    lines = base64.b64decode(bank.administer("recon", date="20260928", kind="REFUND")["NoiDung"]).decode()
    assert lines.split("\n")[-1].startswith("1|100000|")
    assert bank.paid == {REFERENCE: 250000}, "what was paid stays paid"


# Administration


def test_payers_act_by_command(bank: Bank) -> None:
    for number in range(3):
        bank.send(init(MaThamChieu=f"PG{number}"))
    assert bank.administer("leave", reference="PG0") == {"references": ["PG0"]}
    assert bank.administer("fail", reference="PG1") == {"references": ["PG1"]}
    assert bank.administer("pay", dossier="H99.15-260928-0007") == {"references": ["PG0", "PG2"]}
    assert bank.administer("pay") == {"references": []}
    assert bank.paid == {"PG0": 250000, "PG2": 250000}


def test_a_result_can_be_sent_again(bank: Bank) -> None:
    bank.send(INIT, "bad_mac")
    assert bank.administer("resend") == {"callbacks": []}
    bank.press()
    bank.told()
    bank.administer("resend", reference=REFERENCE)
    (confirm,) = bank.told()
    assert confirm["MaXacThuc"] == code_of_confirm(confirm)


@pytest.mark.parametrize("mac", ["valid", "original", "bad", "missing"])
def test_a_notice_can_be_forged(bank: Bank, mac: str) -> None:
    bank.send(INIT)
    bank.administer("send", reference=REFERENCE, fields={"SoTien": 1}, mac=mac, times=2)
    calls = bank.due()
    assert len(calls) == 2
    confirm = json.loads(calls[0].body)
    right = {"MaXacThuc": "", **confirm}["MaXacThuc"] == code_of_confirm(confirm)
    assert right == (mac == "valid")
    assert (confirm["SoTien"], bank.paid) == (1, {})
    for call in calls:
        bank.answer(call, "99")
    bank.wait(10_000)
    assert bank.due() == [], "a forger does not repeat"


def test_faults_can_be_put_on_one_transaction_or_on_the_next_ones(bank: Bank) -> None:
    bank.send(init(MaThamChieu="PG0"))
    bank.administer("faults", faults=["no_callback"], reference="PG0")
    bank.administer("faults", faults=["late_callback(5)", "sotien_as_string"], next=1)
    bank.send(init(MaThamChieu="PG1"))
    bank.send(init(MaThamChieu="PG2"))
    faults = {name[8:]: row["faults"] for name, row in bank.platform.record()["transactions"].items()}
    assert faults == {
        "PG0": {"no_callback": 1.0},
        "PG1": {"late_callback": 5.0, "sotien_as_string": 1.0},
        "PG2": {},
    }
    with pytest.raises(RecordError, match="expected some of"):
        bank.administer("faults", faults=["no_such"], next=1)


def test_the_clock_can_be_moved(bank: Bank) -> None:
    bank.send(INIT)
    bank.administer("clock", offset_seconds=901)
    assert bank.status() == "4"


def test_dump_shows_messages_and_bodies(bank: Bank) -> None:
    bank.send(INIT)
    bank.press()
    dump = bank.administer("dump")
    assert dump["messages"][f"DEMOH99/{REFERENCE}"]["INIT"] == INIT
    assert len(dump["bodies"]) == 1
    json.dumps(dump)


def test_a_reset_forgets_traffic_and_keeps_what_was_registered(bank: Bank) -> None:
    bank.administer("register", callback_url="http://127.0.0.1:10/x")
    bank.send(INIT)
    bank.press()
    bank.administer("reset")
    assert (bank.platform.record()["total"], bank.due()) == (0, [])
    bank.send(INIT)
    bank.press()
    assert [call.url for call in bank.due()] == ["http://127.0.0.1:10/x"]


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("pay", b"{"),
        ("pay", b'{"referenz":"x"}'),
        ("pay", b'{"reference":"x"}'),
        ("configure", b'{"answers":"xml"}'),
        ("register", b'{"partner":"KHAC99"}'),
        ("refund", b'{"number":"x","amount":1}'),
        ("recon", b'{"date":"20260928","partner":"KHAC99"}'),
        ("land/notice", b'{"variants":["x"]}'),
        ("land/evidence", b'{"parts":0}'),
    ],
)
def test_an_action_that_does_not_fit_says_so(bank: Bank, action: str, body: bytes) -> None:
    bank.send(INIT)
    before = bank.platform.record()
    with pytest.raises(RecordError):
        bank.platform.administer(action, body)
    assert bank.platform.record() == before


def test_an_unknown_action_names_the_known_ones(bank: Bank) -> None:
    with pytest.raises(NotFoundError, match=r"land/notice"):
        bank.platform.administer("steal", b"")


# Land


def letters(action: str, **order: Any) -> list[dict[str, Any]]:
    built = Bank(security_key="khoa").administer(action, **order)["deliveries"]
    return [json.loads(letter["body"]) for letter in built]


def xml_of(letter: dict[str, Any]) -> str:
    return base64.b64decode(letter["data"]["FileThongBaoThue"]).decode()


def test_a_land_notice_is_the_one_that_the_contract_prints() -> None:
    (letter,) = letters("land/notice")
    assert (letter["service"], letter["SecurityKey"]) == ("NhanThongBaoThueDat", "khoa")
    text = xml_of(letter)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?><DATA><HEADER>')
    assert re.findall(r"<SO_TIEN>(\d+)<", text) == ["1250000", "3500000000"]


def test_land_notices_come_in_every_variant() -> None:
    def of(variant: str) -> str:
        return xml_of(letters("land/notice", variants=[variant])[0])

    assert "<NGAY_QUYET_DINH>25/09/2026<" in of("date_slashes")
    assert "<NGAY_QUYET_DINH>25/09/2026 08:30:00<" in of("date_and_time")
    assert "<NGAY_QUYET_DINH>20260925<" in of("date_digits")
    assert "hôm qua" in of("date_unreadable")
    assert "<TEN_TIEU_MUC>" in of("tag_tieu_muc")
    assert "-LA</MA_HSO>" in of("unknown_dossier")
    assert "SYSTEM" in of("xxe_probe")
    assert "&b;&b;" in of("entity_bomb")
    assert "một triệu" in of("amount_unreadable")
    assert "SO_TIEN" not in of("amount_missing")
    first, second = letters("land/notice", variants=["duplicate"])
    assert first == second
    first, second = letters("land/notice", variants=["amount_changed"])
    assert xml_of(first) != xml_of(second)
    assert letters("land/notice", variants=["not_base64"])[0]["data"]["FileThongBaoThue"] == "%%%"
    assert letters("land/notice", variants=["wrong_key"])[0]["SecurityKey"] != "khoa"
    assert "SecurityKey" not in letters("land/notice", variants=["no_key"])[0]
    assert "Service" in letters("land/notice", variants=["upper_envelope"])[0]
    for variant in NOTICE_VARIANTS:
        assert letters("land/notice", variants=[variant]) != letters("land/notice"), variant


def test_land_evidence_adds_up_over_its_parts() -> None:
    parts = [letter["data"]["ThongTinThanhToan"] for letter in letters("land/evidence", parts=3, SoTien=100)]
    assert sum(part["SoTien"] for part in parts) == 100
    assert len({part["ThoiGianThanhToan"] for part in parts}) == 3


def test_land_evidence_comes_in_every_variant() -> None:
    (plain,) = letters("land/evidence")
    assert plain["data"]["ThongTinThanhToan"]["SoTien"] == 3_500_000_000
    assert plain["data"]["HuyenNguoiNopTien"] == "-"
    (blank,) = letters("land/evidence", variants=["blank_district"])
    assert blank["data"]["HuyenNguoiNopTien"] == ""
    (early,) = letters("land/evidence", variants=["evidence_before_notice"])
    assert early["data"]["ThongTinThanhToan"]["MaThongBaoThue"].endswith("-SAU")
    for variant in EVIDENCE_VARIANTS:
        assert letters("land/evidence", variants=[variant]) != [plain], variant


def test_a_lookup_names_the_dossier() -> None:
    assert letters("lookup", MaHoSo="H99.1") == [{"MaHoSo": "H99.1"}]


# Sturdiness


@given(
    method=st.sampled_from(["GET", "POST", "PUT", ""]),
    path=st.sampled_from(["/platform", "/platform/init", "/t/x", "/bill/x.pdf", "/recon", "/", ""])
    | st.text(),
    query=st.text(max_size=30),
    body=st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from([*INIT, "MaLoi"]),
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.text(max_size=5)
        | st.lists(st.integers()),
    ).map(lambda fields: json.dumps({**INIT, **fields}).encode()),
    fault=st.sampled_from(["", *FAULTS, "late_callback(x)", "no_such_fault"]),
)
def test_any_request_is_answered(method: str, path: str, query: str, body: bytes, fault: str) -> None:
    bank = Bank()
    request = bank.request(path, body, method, query)
    answer = bank.platform.twist(fault, request) if fault else bank.platform.handle(request)
    assert answer is None or 200 <= answer.status < 600
    assert isinstance(bank.platform.service(request), str)
    msgspec.json.encode(bank.platform.record())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_does_not_fit_changes_nothing(bank: Bank, fault: str) -> None:
    bank.send(INIT)
    bank.press("fail")
    bank.told()
    before = bank.platform.record()
    forged = json.dumps({**INIT, "MaXacThuc": "0" * 64}).encode()
    for request in (
        bank.request("/platform", forged),
        bank.request("/platform", b"{"),
        bank.request("/nowhere"),
        bank.request(f"/t/{bank.token()}", b"action=pay"),
    ):
        assert bank.platform.twist(fault, request) is None
    assert bank.platform.record() == before


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_touches_what_was_really_paid(fault: str) -> None:
    bank = Bank()
    for service in ("init", "pay", "query", "bill"):
        requests = {
            "init": lambda: bank.request("/platform", json.dumps(INIT).encode()),
            "pay": lambda: bank.request(f"/t/{bank.token()}", b"action=pay"),
            "query": lambda: bank.request("/platform", question("QUERY")),
            "bill": lambda: bank.request("/platform", question("GET_BILL")),
        }
        request = requests[service]()
        answer = bank.platform.twist(fault, request)
        if answer is None or service == "init":
            bank.platform.handle(request)
        bank.wait(1)
    twice = fault == "second_MaGiaoDich"
    assert bank.paid == {REFERENCE: 500000 if twice else 250000}


def question(kind: str) -> bytes:
    message = {
        "LoaiBanTin": kind,
        "PhienBan": "1.0.6",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": REFERENCE,
        "ThoiGianGD": INIT["ThoiGianGD"],
    }
    return json.dumps({**message, "MaXacThuc": sealed(kind, message, SECRET)}).encode()
