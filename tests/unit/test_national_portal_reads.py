"""Reference data, look-ups, the document store; names and codes that the record leaves to the catalogue."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.national_portal.settings import DocumentStore
from gateway.domain.dossier import Agency, Procedure
from gateway.domain.errors import CannotEncode
from gateway.port import CannotRead, Context, Read, Reading, WireResponse
from mappings.national_portal import catalogue
from mappings.national_portal.reads import QUESTIONS, STORE_ENDPOINTS
from tests.unit import portal
from tests.unit.portal_answers import ANSWERS

STORE = DocumentStore(url="https://kho.h99.example/kho", max_file_bytes=1024)
DETAIL = {
    "MATTHC": "1.009901.000.00.00.H99",
    "TENTTHC": "Cấp giấy xác nhận thử nghiệm",
    "TRANGTHAI": 1,
    "LINHVUCTHUCHIEN": [{"MALINHVUC": "G99-TN01", "TENLINHVUC": "Thử nghiệm"}],
    "CACHTHUCTHUCHIEN": [
        {"KENH": 1, "THOIGIAN": [{"PHILEPHI": [{"MAPHILEPHI": "LP.G99.000001", "SOTIEN": 150000.0}]}]}
    ],
    "KETQUATHUCHIEN": [{"MAKETQUA": "KQ.H99.000031", "TENKETQUA": None}],
}
LIST = [
    {"MATTHC": "1.009901.000.00.00.H98", "TENTTHC": "Của tỉnh khác"},
    {"MATTHC": "1.009901.000.00.00.H99", "TENTTHC": "Cấp giấy xác nhận thử nghiệm"},
    {"MATTHC": "2.009902", "TENTTHC": "Đăng ký hộ mô phỏng"},
]


def reading(name: str, response: WireResponse, **changes: Any) -> Reading:
    return portal.adapter(**{"document_store": STORE, **changes}).interpret_read(name, {}, response)


def entries(name: str, *rows: object, **changes: Any) -> dict[str, Any]:
    found = reading(name, portal.answer(0, "", result=list(rows)), **changes)
    assert isinstance(found, Read)
    return found.entries


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_question_can_be_asked_and_answered(question: Any) -> None:
    adapter = portal.adapter(document_store=STORE)
    parameters = {name: "x" for name, _ in question.parameters}
    request = adapter.encode_read(question.name, parameters, portal.context())
    content = json.loads(request.body)
    assert all(official in content for _, official in question.parameters)
    if question.endpoint in STORE_ENDPOINTS:
        assert request.url.startswith(f"{STORE.url}/{question.service}")
    else:
        assert content["service"] == question.service
        assert isinstance(reading(question.name, portal.answer(0, "", result=[{"MA": "1"}])), Read)


def test_numbers_and_nulls_come_as_text_with_upper_case_keys() -> None:
    found = entries("procedure", {key.lower(): value for key, value in DETAIL.items()})
    detail = found["1.009901"]
    assert detail["TRANGTHAI"] == "1"
    assert detail["CACHTHUCTHUCHIEN"][0]["THOIGIAN"][0]["PHILEPHI"][0]["SOTIEN"] == "150000"
    assert detail["KETQUATHUCHIEN"][0]["TENKETQUA"] == ""


def test_procedures_are_kept_by_their_national_part_in_the_provinces_own_spelling() -> None:
    found = entries("procedures", *LIST)
    assert set(found) == {"1.009901", "2.009902"}
    assert found["1.009901"]["MATTHC"] == "1.009901.000.00.00.H99"
    assert found["1.009901"]["variants"] == ["1.009901.000.00.00.H98", "1.009901.000.00.00.H99"]


def test_agencies_and_fields_are_kept_by_their_code() -> None:
    assert entries("agencies", {"MADONVI": "H99.14", "TENDONVI": "Sở Thử nghiệm"}) == {
        "H99.14": {"MADONVI": "H99.14", "TENDONVI": "Sở Thử nghiệm"}
    }
    assert list(entries("fields", {"MALINHVUC": "G99-TN01", "TENLINHVUC": "Thử nghiệm"})) == ["G99-TN01"]


def test_entries_without_a_code_of_their_own_and_repeated_ones_are_all_kept() -> None:
    assert list(entries("sexes", {"TEN": "Nam"}, {"MAGIOITINH": 1}, {"MAKHAC": "x"})) == ["#0", "1", "x"]
    assert list(entries("fees", {"MAPHILEPHI": "LP1"}, {"MAPHILEPHI": "LP1", "SOTIEN": 2})) == [
        "LP1",
        "LP1#1",
    ]


def test_look_up_keeps_the_portals_spelling() -> None:
    assert entries("lookup", {"MaHoSo": portal.CODE, "TienDo": []}) == {
        portal.CODE: {"MaHoSo": portal.CODE, "TienDo": []}
    }


def test_nothing_found_is_an_answer() -> None:
    assert entries("portal_account") == {}


def test_facade_wraps_the_answer_in_text() -> None:
    inner = json.dumps({"error_code": 0, "message": "", "result": LIST}, ensure_ascii=False)
    found = reading("procedures", portal.answer("0", inner), dialect="facade_array")
    assert isinstance(found, Read)
    assert set(found.entries) == {"1.009901", "2.009902"}


@pytest.mark.parametrize("row", sorted(set(ANSWERS) - {"success_with_text", "success_silent"}))
def test_no_other_answer_is_read(row: str) -> None:
    assert isinstance(reading("procedures", ANSWERS[row].response), CannotRead)


@pytest.mark.parametrize("result", [None, {}, "x", 0])
def test_a_success_without_a_list_is_not_read(result: object) -> None:
    assert isinstance(reading("procedures", portal.answer(0, "", result=result)), CannotRead)


def test_a_lost_session_is_renewed_before_asking_again() -> None:
    found = reading("procedures", ANSWERS["session_text"].response)
    assert isinstance(found, CannotRead)
    assert found.renew == ("session",)


def test_an_unknown_read_is_refused_by_name() -> None:
    with pytest.raises(CannotEncode, match="procedures"):
        portal.adapter().encode_read("weather", {}, portal.context())
    assert isinstance(reading("weather", portal.answer(0, "", result=[])), CannotRead)


def test_the_store_must_be_configured() -> None:
    with pytest.raises(CannotEncode, match="document_store"):
        portal.adapter().encode_read("stored_file", {}, portal.context())
    assert "stored_file" not in {read.name for read in portal.adapter().manifest.reads}
    assert "stored_file" in {read.name for read in portal.adapter(document_store=STORE).manifest.reads}


def test_the_stores_own_envelope_is_read() -> None:
    body = {
        "errorCode": "0",
        "message": "Thành công",
        "signature": "",
        "result": {"DanhSachGiayToKetQua": [{"MaKetQua": "KQ.H99.000011", "SoKyHieu": "11/CN"}]},
    }
    found = reading("stored_results", portal.raw(msgspec.json.encode(body)))
    assert isinstance(found, Read)
    assert list(found.entries) == ["KQ.H99.000011|11/CN|0"]
    for wrong in (
        {"errorCode": "-1"},
        {"errorCode": None},
        {"result": None},
        {"result": {"DanhSachGiayToKetQua": 1}},
    ):
        assert isinstance(
            reading("stored_results", portal.raw(msgspec.json.encode({**body, **wrong}))), CannotRead
        )


def test_a_file_comes_as_a_json_string_of_base64() -> None:
    found = reading("stored_file", portal.raw(b'"JVBERi0xLjQ="'))
    assert isinstance(found, Read)
    assert found.entries == {"file": {"base64": "JVBERi0xLjQ=", "size": 8}}


@pytest.mark.parametrize(
    "body",
    [
        b'""',
        b'"JVBERi0xLjQ"',
        '"Không tìm thấy"'.encode(),
        b'{"errorCode": "-1", "message": "x"}',
        b'{"errorCode": "0", "result": {"DanhSachGiayToKetQua": []}}',
        b"null",
        b"JVBERi0xLjQ=",
        b'"' + base64.b64encode(b"x" * 2048) + b'"',
    ],
)
def test_what_is_no_file_is_not_read(body: bytes) -> None:
    assert isinstance(reading("stored_file", portal.raw(body)), CannotRead)


@given(
    st.binary(max_size=120), st.sampled_from([question.name for question in QUESTIONS]), st.integers(100, 599)
)
@settings(max_examples=400, deadline=None)
def test_no_answer_to_a_read_raises(body: bytes, name: str, status: int) -> None:
    assert isinstance(reading(name, portal.raw(body, status)), Read | CannotRead)


# What the catalogue gives to a dossier

CATALOGUES: dict[str, Any] = {
    "procedures": entries("procedures", *LIST),
    "procedure": entries("procedure", DETAIL),
    "agencies": entries("agencies", {"MADONVI": "H99.14"}, {"MADONVI": "000.00.20.H99"}),
    "fields": entries("fields", {"MALINHVUC": "G98-HT01", "TENLINHVUC": "Hộ tịch"}),
}


def bare(code: str, **changes: Any) -> Any:
    return portal.dossier(procedure=Procedure(code=code, **changes))


def test_names_come_from_the_catalogue_where_the_record_has_none() -> None:
    item = portal.item(portal.adapter(), bare("1.009901"), catalogues=CATALOGUES)
    assert [item[name] for name in ("MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc")] == [
        "1.009901.000.00.00.H99",
        "Cấp giấy xác nhận thử nghiệm",
        "G99-TN01",
        "Thử nghiệm",
    ]


def test_names_of_the_record_win() -> None:
    record = bare("1.009901", name="Tên riêng", field_code="G98-HT01")
    item = portal.item(portal.adapter(), record, catalogues=CATALOGUES)
    assert (item["TenTTHC"], item["MaLinhVuc"], item["TenLinhVuc"]) == ("Tên riêng", "G98-HT01", "Hộ tịch")


@pytest.mark.parametrize(
    ("given_code", "sent"),
    [
        ("1.009901", "1.009901.000.00.00.H99"),
        ("1.009901.H99", "1.009901.000.00.00.H99"),
        ("1.009901.000.00.00.H98", "1.009901.000.00.00.H98"),
        ("2.009902.H99", "2.009902"),
    ],
)
def test_procedures_are_matched_on_the_short_part(given_code: str, sent: str) -> None:
    known = {**CATALOGUES, "procedure": {}}
    record = bare(given_code, name="x", field_code="y", field_name="z")
    assert portal.item(portal.adapter(), record, catalogues=known)["MaTTHC"] == sent


def test_an_unlisted_procedure_never_leaves_the_province() -> None:
    adapter, record = portal.adapter(), bare("1.009999", name="x", field_code="y", field_name="z")
    (found,) = adapter.check(record, CATALOGUES)
    assert (found.pointer, found.code) == ("/procedure/code", "unknown_procedure")
    assert "1.009901" in found.advice
    with pytest.raises(CannotEncode, match="a procedure of the portal"):
        portal.item(adapter, record, catalogues=CATALOGUES)


def test_a_catalogue_that_was_never_fetched_refuses_nothing() -> None:
    record = bare("1.009999", name="x", field_code="y", field_name="z")
    assert not portal.adapter().check(record, {})
    assert portal.item(portal.adapter(), record)["MaTTHC"] == "1.009999"
    assert [each.code for each in portal.adapter().check(record, {"procedures": {}})] == ["unknown_procedure"]


def test_a_name_that_only_waits_for_the_catalogue_is_no_fault_of_the_record() -> None:
    adapter, record = portal.adapter(), bare("1.009901")
    assert not adapter.check(record, {"procedures": CATALOGUES["procedures"]})
    with pytest.raises(CannotEncode) as refused:
        portal.item(adapter, record, catalogues={"procedures": CATALOGUES["procedures"]})
    assert {each.code for each in refused.value.violations} == {"not_cached"}
    silent = {**CATALOGUES, "procedure": {"1.009901": {"MATTHC": "1.009901"}}}
    assert {each.pointer for each in adapter.check(record, silent)} == {
        "/procedure/field_code",
        "/procedure/field_name",
    }


def test_an_agency_is_known_in_the_old_and_the_new_spelling() -> None:
    adapter = portal.adapter()
    for code in ("H99.14", "000.00.14.H99", "H99.20", "000.00.20.H99"):
        assert not adapter.check(portal.dossier(agency=Agency(code=code, name="x")), CATALOGUES)
    unknown = portal.dossier(agency=Agency(code="H99.77", name="x"))
    assert [each.pointer for each in adapter.check(unknown, CATALOGUES)] == ["/agency/code"]
    assert not portal.adapter(check_agencies=False).check(unknown, CATALOGUES)
    assert not adapter.check(unknown, {})


@pytest.mark.parametrize(
    ("code", "short"),
    [
        ("1.003560.000.00.00.H99", "1.003560"),
        ("2.002621.H99", "2.002621"),
        ("1.001193", "1.001193"),
        ("1.0011934", "1.0011934"),
        ("TN-01", "TN-01"),
        ("", ""),
    ],
)
def test_the_short_part_is_the_national_part(code: str, short: str) -> None:
    assert catalogue.short_code(code) == short


def test_the_procedure_is_asked_for_in_the_portals_own_spelling() -> None:
    context = Context(now=portal.NOW, catalogues=CATALOGUES)
    request = portal.adapter().encode_read("procedure", {"procedure": "1.009901"}, context)
    assert json.loads(request.body)["maTTHC"] == "1.009901.000.00.00.H99"


def test_a_parameter_that_no_encoding_carries_is_refused() -> None:
    for dialect in ("mapi", "facade_array", "facade_query"):
        with pytest.raises(CannotEncode):
            portal.adapter(dialect=dialect).encode_read("lookup", {"code": "a\ud800"}, portal.context())
