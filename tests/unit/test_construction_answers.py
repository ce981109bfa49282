"""Answers of the ministry: every row of the table is reached, in both versions, and nothing else counts as done."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import soap, xml
from gateway.codec.soap import FaultSide, Version
from gateway.domain.declarations.construction import PaperKind
from gateway.domain.errors import CannotEncode
from gateway.port import Context, WireResponse
from mappings.construction.answers import SPACE, Asked, Understood, understand
from mappings.construction.calls import NAMESPACE
from mappings.construction.filing import call_id, filing
from mappings.construction.messages import compose
from mappings.construction.responses import CODES, KINDS, TABLE, Call, Verdict
from mappings.construction.rules import STATED, Limits
from tests.unit.construction_world import (
    CONTENT,
    HOUSE_PAPERS,
    NOW,
    SPEC,
    call,
    declared,
    dossier,
    paper,
    papers,
    schema,
)
from tests.unit.soap_answers import HOSTILE

SCHEMA = schema()
ID = "3f0c2b5e-7a51-4a0e-9a10-000000000004"
V = Verdict
WANTED: dict[tuple[str, str], Verdict] = {
    **{("NopHoSo", code): V.MISCONFIGURED for code in ("100", "101", "401", "106", "108", "301")},
    ("NopHoSo", "ok"): V.DONE,
    ("NopHoSo", "200"): V.REFUSED,
    ("LayKetQua", "200"): V.NOT_YET,
    ("LayThongTinQuyHoach", "200"): V.NOT_YET,
    ("TraCuuTrangThai", "201"): V.ABSENT,
    ("NopHoSo", "202"): V.PRESENT,
    ("NopBoSung", "203"): V.REFUSED,
    ("RutHoSo", "203"): V.REFUSED,
    ("LayYeuCauBoSung", "204"): V.NOT_YET,
    ("LayDanhSachThayDoi", "302"): V.STALE_CURSOR,
    ("NopHoSo", "302"): V.REFUSED,
    ("NopHoSo", "303"): V.REFUSED,
    ("NopHoSo", "500"): V.REFUSED,
    ("NopHoSo", "503"): V.LATER,
}


def _asked(operation: str, version: Version = Version.SOAP_11, call: str = ID) -> Asked:
    return Asked(operation=operation, id=call, version=version)


def _result(operation: str, code: str, *, call: str = ID, state: str = "", more: str = "") -> bytes:
    state = state or ("1" if code == "ok" else "0")
    error = "" if code in {"ok", ""} else f"<MaLoi>{code}</MaLoi><MoTaLoi>Lời của bộ</MoTaLoi>"
    more = more or ("<ConDuLieu>false</ConDuLieu>" if operation == "LayDanhSachThayDoi" else "")
    return (
        f'<{operation}Response xmlns="{NAMESPACE}"><KetQua><MaYeuCau>{call}</MaYeuCau><TrangThai>{state}</TrangThai>'
        f"<MoTa>Mô tả</MoTa>{error}<ThoiDiem>2026-11-26T16:00:00+07:00</ThoiDiem></KetQua>{more}</{operation}Response>"
    ).encode()


def _fault(code: str, *, call: str = ID) -> bytes:
    return (
        f'<LoiDichVu xmlns="{NAMESPACE}"><MaYeuCau>{call}</MaYeuCau><MaLoi>{code}</MaLoi><MoTaLoi>Lỗi</MoTaLoi>'
        "<TruongLoi><DuongDan>HoSo/ChuDauTu/SoDinhDanh</DuongDan><MoTa>Sai</MoTa></TruongLoi></LoiDichVu>"
    ).encode()


def _sent(body: bytes, version: Version, status: int = 200) -> WireResponse:
    written = soap.envelope(xml.read(body), version)
    return WireResponse(status=status, headers=soap.request_headers(version, "urn:a"), body=written)


def _faulty(body: bytes, version: Version, status: int) -> WireResponse:
    element = soap.fault_element(version, FaultSide.SENDER, "Lỗi", xml.read(body))
    headers = soap.request_headers(version, "urn:a")
    return WireResponse(status=status, headers=headers, body=soap.envelope(element, version))


def _meaning(asked: Asked, response: WireResponse) -> Understood:
    return understand(asked, response, SCHEMA, Context(now=NOW))


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(("operation", "code"), WANTED)
def test_a_result_means_what_its_code_says(operation: str, code: str, version: Version) -> None:
    meaning = _meaning(_asked(operation, version), _sent(_result(operation, code), version))
    assert meaning.verdict is WANTED[operation, code]
    assert (meaning.content is not None) is (code == "ok")


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("code", ["100", "101", "301", "303", "401", "500", "503"])
def test_a_fault_is_read_from_the_body_whatever_the_status(code: str, status: int, version: Version) -> None:
    meaning = _meaning(_asked("NopHoSo", version), _faulty(_fault(code), version, status))
    assert meaning.verdict is WANTED["NopHoSo", code]
    assert [field.path for field in meaning.fields] == ["HoSo/ChuDauTu/SoDinhDanh"]


def test_every_row_is_reached() -> None:
    reached = {
        _meaning(_asked(operation), _sent(_result(operation, code), Version.SOAP_11)).row
        for operation, code in WANTED
    }
    reached |= {
        _meaning(_asked("NopHoSo"), WireResponse(status=status)).row for status in (401, 403, 429, 200)
    }
    other = _sent(_result("NopHoSo", "ok", call="another-call"), Version.SOAP_11)
    reached.add(_meaning(_asked("NopHoSo"), other).row)
    assert reached == {row.name for row in TABLE.rows}
    assert TABLE.total


def test_every_code_of_the_schema_and_every_operation_has_its_meaning() -> None:
    root = xml.read((SPEC / "CapPhepXayDung.xsd").read_bytes())
    found = root.findall(
        "{*}simpleType[@name='MaLoiType']/{*}restriction/{*}enumeration",
    )
    listed = [code for codes in CODES.values() for code in codes]
    assert sorted(listed) == sorted(["ok", *(str(each.get("value")) for each in found)])
    assert len(KINDS) == 13
    assert set(KINDS.values()) | {Call.FOREIGN} == set(Call)


def test_what_the_gateway_in_front_says_is_told_apart() -> None:
    verdicts = {
        status: _meaning(_asked("NopHoSo"), WireResponse(status=status, body=b"<html/>")).verdict
        for status in (401, 403, 429, 500, 502, 503, 504)
    }
    assert verdicts == {
        401: V.EXPIRED,
        403: V.MISCONFIGURED,
        429: V.LATER,
        **dict.fromkeys((500, 502, 503, 504), V.UNKNOWN),
    }


NOT_DONE = {
    "success with an error code": _result("NopHoSo", "500", state="1"),
    "failure without a code": _result("NopHoSo", "", state="0"),
    "the answer to another operation": _result("RutHoSo", "ok"),
    "the answer to another call": _result("NopHoSo", "ok", call="khac-khac"),
    "an answer that the schema forbids": _result("NopHoSo", "ok", more="<La>x</La>"),
    "an answer in no namespace": _result("NopHoSo", "ok").replace(
        b' xmlns="' + NAMESPACE.encode() + b'"', b""
    ),
    "the request itself": f'<NopHoSo xmlns="{NAMESPACE}"/>'.encode(),
    "a fault as if it were a result": _fault("503"),
}


@pytest.mark.parametrize("name", NOT_DONE)
def test_what_is_no_proper_success_is_unknown(name: str) -> None:
    meaning = _meaning(_asked("NopHoSo"), _sent(NOT_DONE[name], Version.SOAP_11))
    assert (meaning.verdict, meaning.content) == (V.UNKNOWN, None)


@pytest.mark.parametrize("status", [201, 202, 204, 301, 400, 500, 503])
def test_success_with_another_status_is_unknown(status: int) -> None:
    answer = _sent(_result("NopHoSo", "ok"), Version.SOAP_11, status)
    assert _meaning(_asked("NopHoSo"), answer).verdict is V.UNKNOWN


@pytest.mark.parametrize("body", [b"<Loi/>", b"<a/>", _fault("999")])
def test_a_fault_without_the_agreed_detail_is_unknown(body: bytes) -> None:
    assert _meaning(_asked("NopHoSo"), _faulty(body, Version.SOAP_11, 500)).verdict is V.UNKNOWN


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("status", [200, 500])
def test_a_hostile_answer_is_unknown(name: str, status: int) -> None:
    body, kind, _ = HOSTILE[name]
    response = WireResponse(status=status, headers=(("Content-Type", kind),), body=body)
    assert _meaning(_asked("NopHoSo"), response).verdict is V.UNKNOWN


@given(st.integers(0, 700), st.binary(min_size=1, max_size=4))
def test_a_damaged_success_is_understood_or_unknown(place: int, damage: bytes) -> None:
    whole = _sent(_result("NopHoSo", "ok"), Version.SOAP_11)
    at = place % len(whole.body)
    damaged = msgspec.structs.replace(whole, body=whole.body[:at] + damage + whole.body[at + len(damage) :])
    assert _meaning(_asked("NopHoSo"), damaged).verdict in Verdict


DIGEST = paper(PaperKind.LAND).file.sha256 or ""


def test_attachments_travel_with_the_size_and_digest_of_their_bytes() -> None:
    made = filing(dossier(declared()), {DIGEST: CONTENT}, STATED)
    assert {(each.size, each.sha256, each.content) for each in made.enclosed} == {
        (len(CONTENT), DIGEST, CONTENT)
    }


def test_the_bytes_of_attachments_are_base64_in_the_message() -> None:
    made = call(filing=filing(dossier(declared()), {DIGEST: CONTENT}, STATED))
    sent = xml.read(compose("NopHoSo", made, Version.SOAP_11, SCHEMA))
    written = [each.text or "" for each in sent.iter(f"{SPACE}NoiDung")]
    assert [base64.b64decode(each, validate=True) for each in written] == [CONTENT] * len(HOUSE_PAPERS)


def test_missing_bytes_are_asked_for_by_digest_and_address() -> None:
    with pytest.raises(CannotEncode) as refused:
        filing(dossier(declared(attachments=papers(PaperKind.APPLICATION))), {}, Limits(per_file=50))
    assert refused.value.missing == (
        (
            "file",
            {
                "sha256": DIGEST,
                "url": "https://kho.mot-cua.example/application.pdf",
                "most": "50",
                "size": "11",
            },
        ),
    )


@pytest.mark.parametrize(
    ("content", "limits", "pointers"),
    [
        (b"khac", STATED, {"/file/sha256", "/file/size"}),
        (CONTENT, Limits(per_file=10), {"/file/size"}),
        (CONTENT, Limits(together=10), {""}),
    ],
)
def test_bytes_that_are_not_what_the_record_says_are_not_sent(
    content: bytes, limits: Limits, pointers: set[str]
) -> None:
    one = dossier(declared(attachments=papers(PaperKind.APPLICATION)))
    with pytest.raises(CannotEncode) as refused:
        filing(one, {DIGEST: content}, limits)
    found = {
        each.pointer.removeprefix("/declaration/attachments").removeprefix("/0")
        for each in refused.value.violations
    }
    assert found == pointers


def test_a_dossier_without_a_declaration_is_not_for_this_ministry() -> None:
    with pytest.raises(CannotEncode, match="no declaration"):
        filing(msgspec.structs.replace(dossier(declared()), declaration=None), {}, STATED)


def test_the_same_thing_has_one_id_and_everything_else_another() -> None:
    assert call_id("a", "b", "c") == call_id("a", "b", "c")
    assert (
        len({call_id("a", "b", "c"), call_id("a", "bc", ""), call_id("ab", "", "c"), call_id("a", "b", "d")})
        == 4
    )
    assert 8 <= len(call_id("a", "b", "c")) <= 64


def test_reasons_can_be_stored_whatever_a_header_holds() -> None:
    response = WireResponse(status=100, headers=(("content-type", "\x00\ud800"),), body=b"{}")
    said = understand(_asked("NopHoSo"), response, SCHEMA, Context(now=NOW))
    assert said.verdict is V.UNKNOWN
    assert "\x00" not in said.reason
    assert said.reason.encode()


def test_an_answer_is_taken_for_any_call_where_the_call_is_not_known_any_more() -> None:
    element = xml.read(_result("NopHoSo", "ok", call="another-call-0001"))
    body = soap.envelope(element, Version.SOAP_11)
    response = WireResponse(status=200, headers=(("content-type", "text/xml"),), body=body)
    assert understand(_asked("NopHoSo"), response, SCHEMA, Context(now=NOW)).row == "another_call"
    unknown = understand(_asked("NopHoSo", call=""), response, SCHEMA, Context(now=NOW))
    assert (unknown.verdict, unknown.certain) == (V.DONE, True)
