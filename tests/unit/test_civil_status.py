"""Civil status: what the contract is certain of, and that nothing else is sent."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.codec import Unreadable, xml
from gateway.domain.declarations.judicial_record import Place
from gateway.domain.errors import CannotEncode
from gateway.domain.status import Status
from gateway.mapping import forgotten, unknown
from gateway.port import WireResponse
from mappings.civil_status import ELEMENTS, RESPONSES, TABLES, WAIVED, code_tables
from mappings.civil_status.answers import direct_state, linked_row, read
from mappings.civil_status.messages import (
    Attachment,
    LinkedRegistration,
    Registration,
    direct,
    direct_question,
    linked,
    linked_question,
)
from mappings.civil_status.people import (
    BIRTH,
    DEATH,
    PREFIXES,
    Birth,
    CivilPerson,
    Death,
    document,
    filled,
    person,
    place_since_2025,
    split_day,
)
from mappings.civil_status.responses import DIRECT, LINKED, PORTAL, WORDS, Verdict

CODES = dict(code_tables())
PDF = b"%PDF-1.4 mau"
RECEIVED = datetime(2026, 11, 22, 20, 30, 5, tzinfo=UTC)  # the 23rd in Vietnam
HOME = Place(province="99", province_name="Tỉnh Mẫu", ward="99.400.00001", detail="Số 1 đường Mẫu")
LINKED_BIRTH = LinkedRegistration(
    office=99001,
    kind="birth",
    linked_code="LT-1",
    code="H99.14-261123-0001",
    received_at=RECEIVED,
    data="{}",
    attachments=(Attachment(id=7, kind=3, paper="Giấy chứng sinh", file_name="gcs.pdf", content=PDF),),
)


def told(call: str, body: Any, status: int = 200) -> Any:
    raw = body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
    answer = read(WireResponse(status=status, body=raw), call, 1 << 20)
    row = RESPONSES.bind(WORDS).classify(answer.answer)
    return Verdict(row.verdict), row.name, answer


@pytest.mark.parametrize("message", sorted(ELEMENTS))
def test_every_element_that_the_contract_spells_out_is_mapped_or_waived(message: str) -> None:
    waived = WAIVED.get(message, {})
    assert list(forgotten(ELEMENTS[message], TABLES[message], waived)) == []
    assert list(unknown(ELEMENTS[message], TABLES[message], waived)) == []
    assert set(TABLES) == set(ELEMENTS)


# What would leave


def test_a_direct_registration_has_the_envelope_of_the_contract() -> None:
    asked = Registration(office=99001, module="KS", code="261123-1", received_at=RECEIVED, data="<hotich/>")
    assert direct(asked) == {
        "maDonVi": 99001,
        "module": "KS",
        "maHoSo": "261123-1",
        "ngayTiepNhan": "2026-11-23",
        "data": "<hotich/>",
    }
    assert direct_question(99001, "261123-1") == {"maDonVi": 99001, "maHoSo": "261123-1"}


def test_a_linked_registration_has_its_own_days_its_own_modules_and_files_in_base64() -> None:
    message = linked(LINKED_BIRTH, CODES)
    assert (message["module"], message["ngayTiepNhan"]) == ("LTKS", "23/11/2026 03:30:05")
    assert message["fileDinhKem"] == [
        {
            "id": 7,
            "loaiGiayTo": 3,
            "tenGiayTo": "Giấy chứng sinh",
            "tenTepDinhKem": "gcs.pdf",
            "huyGiayTo": 0,
            "duLieuTepDinhKem": base64.b64encode(PDF).decode(),
        }
    ]
    assert linked(replace(LINKED_BIRTH, kind="death", attachments=()), CODES)["module"] == "LTKT"


@pytest.mark.parametrize(
    ("wrong", "told_why"),
    [({"kind": "marriage"}, "/kind"), ({"linked_code": ""}, "/linked_code"), ({"data": ""}, "/data")],
)
def test_what_nobody_has_documented_is_refused_by_its_place(wrong: dict[str, str], told_why: str) -> None:
    with pytest.raises(CannotEncode, match=told_why):
        linked(replace(LINKED_BIRTH, **wrong), CODES)


def test_at_most_three_dossiers_are_asked_about_at_once() -> None:
    asked = linked_question(["a", "b", "c"], "99", "LTKS")
    assert asked == {"maDinhDanhHoSo": ["a", "b", "c"], "maTinh": "99", "module": "LTKS"}
    for numbers in ([], ["a", "b", "c", "d"]):
        with pytest.raises(CannotEncode, match="1 to 3"):
            linked_question(numbers, "99", "LTKS")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_people_differ_by_their_prefix_alone(prefix: str) -> None:
    written = filled(
        person(prefix), CivilPerson(name="TRẦN THỊ MẪU", born_on="1990-02", residence=HOME, paper_number="01")
    )
    assert (written[f"{prefix}HoTen"], written[f"{prefix}NgaySinh"]) == ("TRẦN THỊ MẪU", "02.1990")
    assert written[f"{prefix}NoiCuTru"] == {
        "maTinh": "99",
        "maHuyen": "",
        "maXa": "00001",
        "dcChiTiet": "Số 1 đường Mẫu",
    }
    assert all(name.startswith(prefix) for name in written)


def test_a_person_of_an_unknown_part_is_refused() -> None:
    with pytest.raises(CannotEncode, match="nobody has documented"):
        person("nlc")


def test_birth_and_death_write_days_with_dots() -> None:
    born = filled(BIRTH, Birth(notice_issued_on="2026-11-01", copies=3, home=HOME))
    assert (born["ngayCapGCS"], born["soLuongBanSao"]) == ("01.11.2026", "3")
    died = filled(DEATH, Death(died_on="2026-11", notice_number="12"))
    assert (died["nktNgayChet"], died["gbtSo"]) == ("11.2026", "12")
    with pytest.raises(CannotEncode, match="/notice_issued_on"):
        filled(BIRTH, Birth(notice_issued_on="2026-11"))


def test_a_declaration_is_not_made_of_known_elements_alone() -> None:
    known = filled(BIRTH, Birth(home=HOME))
    with pytest.raises(CannotEncode, match="not public"):
        document(known, None)
    with pytest.raises(CannotEncode, match="given twice"):
        document(known, {"maGCS": "1"})
    with pytest.raises(CannotEncode, match="no name of an element"):
        document(known, {"a b": "1"})
    whole = document(known, {"nksHoTen": "A & <B>"})
    root = xml.read(whole.encode())
    assert whole.startswith("<hotich><hoso>")
    assert "A &amp; &lt;B&gt;" in whole
    assert root is not None


def test_since_2025_days_have_three_parts_and_addresses_no_district() -> None:
    assert split_day("1990-02-01") == {"ngaySinh": "01", "thangSinh": "02", "namSinh": "1990"}
    assert split_day("1990") == {"ngaySinh": "", "thangSinh": "", "namSinh": "1990"}
    assert place_since_2025(HOME) == {
        "dcChiTiet": "Số 1 đường Mẫu",
        "quocGia": "VN",
        "maTinh": "99",
        "maXa": "00001",
    }


# What comes back


@pytest.mark.parametrize(
    ("call", "body", "verdict", "row"),
    [
        (DIRECT, {"status": 1, "value": 1}, Verdict.DONE, "done"),
        (LINKED, {"STATUS": "1", "statusDescription": "ok"}, Verdict.DONE, "done"),
        (
            LINKED,
            {"status": "0", "errorDescription": "Hồ sơ đã được tiếp nhận"},
            Verdict.DONE,
            "taken_before",
        ),
        (
            DIRECT,
            {"status": 0, "errorDescription": "Hồ sơ đã được tiếp nhận"},
            Verdict.UNKNOWN,
            "undocumented",
        ),
        (DIRECT, {"status": 0, "errorCode": "108"}, Verdict.OURS, "configuration"),
        (DIRECT, {"status": 0, "errorCode": "201"}, Verdict.ABSENT, "unknown_dossier"),
        (LINKED, {"title": "x", "errors": "Thiếu A.Thiếu B.", "status": 500}, Verdict.REFUSED, "refused"),
        (LINKED, {"status": "7"}, Verdict.UNKNOWN, "undocumented"),
        (LINKED, "Client received SOAP Fault from server", Verdict.UNKNOWN, "leaked_fault"),
        (LINKED, "", Verdict.UNKNOWN, "no_envelope"),
        (LINKED, "<a/>", Verdict.UNKNOWN, "no_envelope"),
        (PORTAL, "Cập nhật thành công", Verdict.DONE, "portal_done"),
        (PORTAL, "Hồ sơ đã trả kết quả, không được cập nhật trạng thái", Verdict.DONE, "portal_done"),
        (PORTAL, "Cập nhật không thành công", Verdict.UNKNOWN, "portal_unknown"),
        (PORTAL, "Hồ sơ chưa được gửi không thể cập nhật trạng thái", Verdict.AGAIN, "portal_again"),
        (PORTAL, "Logic xử lý không hợp lệ", Verdict.REFUSED, "portal_refused"),
        (PORTAL, "", Verdict.UNKNOWN, "portal_unknown"),
    ],
)
def test_answers_mean_what_the_contract_says(call: str, body: Any, verdict: Verdict, row: str) -> None:
    assert told(call, body)[:2] == (verdict, row)


def test_every_row_of_the_response_table_is_reached_and_the_last_takes_everything() -> None:
    assert RESPONSES.total
    cases = test_answers_mean_what_the_contract_says.pytestmark[0].args[1]
    assert {case[3] for case in cases} == {row.name for row in RESPONSES.rows}


@pytest.mark.parametrize(
    ("value", "status"),
    [
        *(
            (1, Status.RECEIVED),
            ("2", Status.SUPPLEMENT_REQUESTED),
            (3, Status.PROCESSING),
            (4, Status.FINISHED),
        ),
        *((0, None), (9, None), (True, None), (None, None), ([], None)),
    ],
)
def test_states_of_the_direct_service(value: Any, status: Status | None) -> None:
    assert direct_state(value, CODES["TrangThai"]) is status


@pytest.mark.parametrize(("wire", "status"), [("6", Status.REFUSED), ("4", Status.FINISHED), ("5", None)])
def test_a_row_of_the_linked_service(wire: str, status: Status | None) -> None:
    result = {"soDangKy": "12", "quyenSo": "01/2026", "giayKhaiSinh": base64.b64encode(PDF).decode()}
    row = {
        "maHoSoMCDT": "H99.14-261123-0001",
        "trangThai": wire,
        "noiDungXuLy": "đã xong",
        "ketQuaXuLy": result,
    }
    _, _, answer = told(LINKED, {"status": "1", "value": [row, {**row, "ketQuaXuLy": json.dumps(result)}]})
    for each in answer.value:
        shown = linked_row(each, CODES["TrangThaiLienThong"], 1024)
        assert shown is not None
        assert (shown.status, shown.certificate, shown.note) == (status, PDF, "đã xong")
        assert shown.numbers == {"soDangKy": "12", "quyenSo": "01/2026"}
    assert linked_row("x", CODES["TrangThaiLienThong"], 1024) is None


@pytest.mark.parametrize("written", ["không phải", base64.b64encode(b"MZ").decode(), "A" * 4000, 7])
def test_a_certificate_is_a_pdf_within_the_limit_or_unreadable(written: Any) -> None:
    row: Any = {"maHoSoMCDT": "1", "trangThai": "4", "ketQuaXuLy": {"giayKhaiTu": written}}
    with pytest.raises(Unreadable):
        linked_row(row, CODES["TrangThaiLienThong"], 1024)


def test_the_portal_is_told_only_states_whose_number_is_certain() -> None:
    portal = CODES["TrangThaiCong"]
    assert {state: portal.wire(state) for state in ("finished", "returned", "refused", "processing")} == {
        "finished": "4",
        "returned": "5",
        "refused": "6",
        "processing": "7",
    }
    assert portal.wire("received") is portal.wire("registered") is None
