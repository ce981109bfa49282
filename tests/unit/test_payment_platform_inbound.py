"""Look-ups of a debt (payment_platform §8), and land obligations in both dialects (§9)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import CannotEncode
from gateway.domain.land_tax import LandEvidence, LandNotice, uncovered
from gateway.port import AnswersPayers, LandTaxReport, PaymentLookup, Refusal, Secret
from tests.unit import payment_world as world
from tests.unit.payment_world import call

KEY = "khoa-chung-mo-phong"
LAND = {"land": {"security_key": Secret(KEY)}}
XML = (world.VECTORS / "land_notice.xml").read_text()
# §9.3
EVIDENCE: dict[str, Any] = {
    "MaHoSo": "H99.15-260901-0042",
    "MaSoThue": "8000000001",
    "HoTenNguoiNopTien": "Trần Thị Mẫu",
    "SoCMTNguoiNopTien": "099000000002",
    "DiaChiNguoiNopTien": "Số 2 đường Mẫu",
    "TinhNguoiNopTien": "Tỉnh Mẫu",
    "HuyenNguoiNopTien": "-",
    "XaNguoiNopTien": "Phường Mẫu",
    "UrlFileChungTu": "https://pay.example.test/bill/ctt-42.pdf",
    "ThongTinThanhToan": {
        "MaThongBaoThue": "LTB2699001-TK0000013/TB-CCT",
        "NoiDungThanhToan": "Nộp thuế TNCN chuyển nhượng BĐS",
        "SoTien": 3500000000,
        "ThoiGianThanhToan": "20260928102030",
        "TrangThaiThanhToan": 1,
    },
}


def land(document: Any, path: str = "nhantbthuedvcqg", **changes: Any) -> LandTaxReport | Refusal:
    return world.adapter(**{**LAND, **changes}).read_callback(call(document, path), world.context())


def notice_call(xml: str | bytes, **changes: Any) -> dict[str, Any]:
    raw = xml if isinstance(xml, bytes) else xml.encode()
    data = {"FileThongBaoThue": base64.b64encode(raw).decode()}
    return {"SecurityKey": KEY, "service": "NhanThongBaoThueDat", "data": data, **changes}


def notices(xml: str | bytes) -> LandTaxReport:
    report = land(notice_call(xml))
    assert isinstance(report, LandTaxReport), report
    return report


def evidence_call(payment: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    inner = {**EVIDENCE["ThongTinThanhToan"], **(payment or {})}
    data = {**EVIDENCE, **changes, "ThongTinThanhToan": inner}
    return {"SecurityKey": KEY, "service": "NhanChungTuThueDat", "data": data}


def evidence(*given: Any, **changes: Any) -> LandTaxReport | Refusal:
    return land(evidence_call(*given, **changes), "nhanhsdvcqg")


def test_the_example_has_two_notices_one_above_int32():
    assert notices(XML).notices == (
        LandNotice(
            dossier="H99.15-260901-0042",
            tax_code="8000000001",
            number="LTB2699001-TK0000012/TB-CCT",
            issued_on=date(2026, 9, 25),
            item="Lệ phí trước bạ nhà đất",
            amount=1_250_000,
        ),
        LandNotice(
            dossier="H99.15-260901-0042",
            tax_code="8000000001",
            number="LTB2699001-TK0000013/TB-CCT",
            issued_on=date(2026, 9, 25),
            item="Thuế thu nhập cá nhân từ chuyển nhượng bất động sản",
            amount=3_500_000_000,
        ),
    )


def test_both_spellings_of_the_sub_item_and_any_depth():
    other = (
        XML.replace("TEN_TIEUMUC", "TEN_TIEU_MUC")
        .replace("<BODY>", "<BODY><X>")
        .replace("</BODY>", "</X></BODY>")
    )
    assert notices(other).notices == notices(XML).notices


@pytest.mark.parametrize("written", ["25-09-2026", "25/09/2026", "25/09/2026 08:30:00", "20260925"])
def test_every_form_of_a_date(written):
    assert notices(XML.replace("25-09-2026", written)).notices[0].issued_on == date(2026, 9, 25)


@pytest.mark.parametrize(
    "written", ["", "2026-09-25", "31-02-2026", "0001", "25-09-26", "00000000", "٢٥-٠٩-٢٠٢٦"]
)
def test_an_unreadable_date_refuses_its_row(written):
    # §13, pitfall 14: never the year one
    report = notices(XML.replace("25-09-2026", written, 1))
    assert [row.code for row in report.refused] == ["bad_date"]
    assert len(report.notices) == 1


@pytest.mark.parametrize("written", ["", "1.250.000", "1250000.0", "-1", "không", "1e6", "9" * 20])
def test_an_unreadable_amount_refuses_its_row(written):
    # §13, pitfall 14: never zero
    report = notices(XML.replace(">1250000<", f">{written}<"))
    assert [row.code for row in report.refused] == ["bad_amount"]
    assert [each.amount for each in report.notices] == [3_500_000_000]


def test_the_same_notice_twice_is_one_and_a_contradiction_is_told():
    one = XML[XML.index("<LIST>") : XML.index("</LIST>") + 7]
    assert len(notices(XML.replace("</ROW_LIST>", one + "</ROW_LIST>")).notices) == 2
    other = notices(XML.replace("</ROW_LIST>", one.replace("1250000", "1") + "</ROW_LIST>"))
    assert [row.code for row in other.refused] == ["contradiction"]


def test_a_row_without_a_number_is_refused():
    report = notices(XML.replace("<MA_HSO>H99.15-260901-0042</MA_HSO>", ""))
    assert [row.code for row in report.refused] == ["bad_field"] * 2


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><DATA>&b;</DATA>'
FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><DATA>&f;</DATA>'


@pytest.mark.parametrize(
    "xml", [BOMB, FILE, b"", b"<a>", b"<DATA/>", b"{}", b"<a>" * 100_000, "<a/>".encode("utf-16")]
)
def test_xml_that_is_a_weapon_or_none_is_refused(xml):
    # §13, pitfall 15
    refusal = land(notice_call(xml))
    assert isinstance(refusal, Refusal)
    assert json.loads(refusal.answer.body)["error_code"] == -1


@pytest.mark.parametrize("data", [None, [], {}, {"FileThongBaoThue": 5}, {"FileThongBaoThue": "%%%"}, "x"])
def test_a_message_without_a_file_is_refused(data):
    assert isinstance(land(notice_call(b"", data=data)), Refusal)


def test_the_envelope_may_be_in_any_case():
    document = {name.upper(): value for name, value in notice_call(XML).items()}
    assert isinstance(land({**document, "ISUPDATING": "true"}), LandTaxReport)
    assert land({**document, "ISUPDATING": "true"}).updating
    assert not land({**document, "ISUPDATING": False}).updating


@pytest.mark.parametrize("key", [None, "", "khac", KEY + " ", 5, [KEY]])
def test_a_wrong_key_is_refused_with_401(key):
    # §13, pitfall 16
    refusal = land({**notice_call(XML), "SecurityKey": key})
    assert isinstance(refusal, Refusal)
    assert refusal.answer.status == 401
    assert KEY not in repr(refusal)


def test_the_previous_key_holds_while_it_is_changed():
    both = {"land": {"security_key": Secret("new-key-of-2027"), "previous_security_key": Secret(KEY)}}
    assert isinstance(land(notice_call(XML), **both), LandTaxReport)


def test_the_doors_are_closed_without_the_setting():
    assert land(notice_call(XML), land=None).code == "unknown_path"


def test_another_service_at_the_same_door_is_not_guessed():
    assert land(notice_call(XML, service="NhanHoSo"), "nhanhsdvcqg").code == "unknown_service"


def test_the_example_is_evidence():
    report = evidence()
    assert isinstance(report, LandTaxReport)
    assert report.evidence == LandEvidence(
        dossier="H99.15-260901-0042",
        tax_code="8000000001",
        number="LTB2699001-TK0000013/TB-CCT",
        paid_at="20260928102030",
        amount=3_500_000_000,
        paid=True,
        content="Nộp thuế TNCN chuyển nhượng BĐS",
        url="https://pay.example.test/bill/ctt-42.pdf",
        payer="Trần Thị Mẫu",
        payer_identity="099000000002",
        payer_address="Số 2 đường Mẫu",
        payer_province="Tỉnh Mẫu",
        payer_ward="Phường Mẫu",
    )


def test_a_district_may_be_blank_and_numbers_may_be_text():
    report = evidence({"SoTien": "3500000000", "TrangThaiThanhToan": "1"}, HuyenNguoiNopTien="")
    assert report.evidence == evidence().evidence
    assert not evidence({"TrangThaiThanhToan": 0}).evidence.paid


@pytest.mark.parametrize(
    "payment",
    [
        {"SoTien": 1.5}, {"SoTien": 0}, {"SoTien": None}, {"SoTien": "x"}, {"ThoiGianThanhToan": "28/09/2026"},
        {"ThoiGianThanhToan": "20260928"}, {"MaThongBaoThue": ""}, {"TrangThaiThanhToan": None},
        {"NoiDungThanhToan": "x" * 1001},
    ],
)  # fmt: skip
def test_evidence_that_cannot_be_read_is_refused(payment):
    assert isinstance(evidence(payment), Refusal)


def test_answers_name_refused_rows_and_unknown_dossiers():
    adapter = world.adapter(**LAND)
    assert isinstance(adapter, AnswersPayers)
    good = notices(XML)
    assert json.loads(adapter.answer_land(good, []).body) == {"error_code": 0, "message": "Thành công"}
    told = json.loads(adapter.answer_land(good, ["H99.15-260901-0042"]).body)
    assert told["error_code"] == 0
    assert "H99.15-260901-0042" in told["message"]
    none = notices(XML.replace("25-09-2026", "x"))
    assert json.loads(adapter.answer_land(none, []).body)["error_code"] == -1
    other = world.adapter(land={"security_key": Secret(KEY), "answer": "result"})
    assert json.loads(other.answer_land(good, []).body)["succeeded"] is True


def part(amount: int, paid_at: str = "20260928102030", **changes: Any) -> LandEvidence:
    return msgspec.structs.replace(evidence().evidence, amount=amount, paid_at=paid_at, **changes)


def test_part_payments_cover_a_notice_together_and_repeats_do_not():
    owed = notices(XML).notices
    number, other = owed[1].number, owed[0].number
    assert uncovered(owed, []) == {other: 1_250_000, number: 3_500_000_000}
    half = part(1_750_000_000)
    assert uncovered(owed, [half, half])[number] == 1_750_000_000
    assert number not in uncovered(owed, [half, part(1_750_000_000, "20260929102030")])
    assert uncovered(owed, [part(9_000_000_000)]) == {
        other: 1_250_000
    }  # what is too much covers nothing else
    assert uncovered(owed, [part(3_500_000_000, paid=False)])[number] == 3_500_000_000
    assert uncovered([], [half]) == {}


# §8


def look_up(document: Any, **changes: Any) -> PaymentLookup | Refusal:
    adapter = world.adapter(lookup_path="dptracuu", **changes)
    return adapter.read_callback(call(document, "dptracuu"), world.context())


def test_a_look_up_names_its_dossier_and_has_both_empty_answers():
    asked = look_up({"mahoso": " H99.15-260928-0007 "})
    assert isinstance(asked, PaymentLookup)
    assert asked.dossier == "H99.15-260928-0007"
    assert json.loads(asked.nothing.body) == {"error_code": 0, "message": []}
    assert json.loads(asked.failed.body) == {"error_code": -1, "message": []}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", {"MaHoSo": ""}, {"MaHoSo": 5.0}, {"MaHoSo": "x" * 51}])
def test_a_look_up_of_nothing_is_answered_with_minus_one_and_200(body):
    refusal = look_up(body)
    assert isinstance(refusal, Refusal)
    assert (refusal.answer.status, json.loads(refusal.answer.body)["error_code"]) == (200, -1)


def test_the_door_is_closed_without_the_setting():
    assert (
        world.adapter().read_callback(call({"MaHoSo": "x"}, "dptracuu"), world.context()).code
        == "unknown_path"
    )


def test_the_contracts_answer_is_made():
    expected = json.loads((world.VECTORS / "payment_platform_lookup.json").read_text())
    order = world.order(reference="12345abc")
    answer = json.loads(world.adapter().answer_lookup(order, world.NOW).body)
    same = {**expected["message"], "transaction_id": "12345abc", "client_id": "DEMOH99"}
    assert answer == {"error_code": 1, "message": same}


def test_each_look_up_has_a_number_of_its_own_for_the_same_debt():
    later = datetime(2026, 9, 28, 8, 0, tzinfo=UTC)
    one, other = (
        json.loads(world.adapter().answer_lookup(world.order(), at).body)["message"]
        for at in (world.NOW, later)
    )
    assert one["MaTraCuuTT"] != other["MaTraCuuTT"]
    assert one["transaction_id"] == other["transaction_id"]


def test_the_upper_case_form():
    answer = json.loads(world.adapter(lookup_form="tatc").answer_lookup(world.order(), world.NOW).body)
    told = answer["MESSAGE"]
    assert (answer["ERROR_CODE"], told["TONGTIEN"], told["HOTENNGUOINOP"]) == (1, "250000", "Nguyễn Văn Mẫu")
    assert told["MATRACUUTT"] == "H99.15-260928-0007-260928143015"


def test_a_debt_that_could_not_be_asked_for_is_not_told():
    with pytest.raises(CannotEncode):
        world.adapter().answer_lookup(world.order(amount=1), world.NOW)


@given(st.binary(max_size=200))
def test_no_bytes_raise(body):
    assert isinstance(land(body), Refusal)
    assert isinstance(look_up(body), Refusal | PaymentLookup)
    assert isinstance(land(notice_call(body)), Refusal)
