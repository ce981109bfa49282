"""What of a content may be corrected, and what a correction makes of it."""

import json

import pytest

from gateway.codec import canonical
from gateway.delivery.editable import Spot, corrected, differences, leaves, read_content
from gateway.domain.errors import RecordError
from tests.api_world import record

SPOT = Spot(dossier="H99-1", key="v1")


def dossier(**fields):
    return record(**fields)


def locked(document, spot=SPOT):
    return {leaf.pointer: leaf.locked for leaf in leaves(document, spot)}


def findings(document, *changes, spot=SPOT):
    with pytest.raises(RecordError) as refused:
        corrected(document, changes, spot)
    return {each.pointer: each.code for each in refused.value.violations}


FEE = {"id": "f1", "name": "Lệ phí", "kind": "charge", "amount": 8000}
FILE = {"id": "d1", "name": "Đơn", "file": {"url": "https://files.example/1"}}
LOCKED = {
    "/code": "identifies",
    "/version": "orders",
    "/status": "orders",
    "/received_at": "instant",
    "/due_at": "instant",
    "/steps/0/id": "identifies",
    "/steps/0/at": "instant",
    "/steps/0/status": "orders",
    "/fees/0/amount": "money",
    "/fees/0/name": "money",
    "/documents/0/id": "identifies",
    "/documents/0/file/url": "file",
    "/procedure/code": "unrefused",
    "/agency/code": "unrefused",
    "/supplements/0/fees/0/amount": "money",
    "/supplements/0/requested_at": "instant",
}
SUPPLEMENT = {
    "id": 1,
    "requested_at": "2026-09-29T08:00:00+07:00",
    "requested_by": "Mẫu",
    "reason": "ảnh",
    "fees": [FEE],
}


@pytest.mark.parametrize("pointer", LOCKED)
def test_what_identifies_orders_or_pays_is_locked(pointer):
    document = dossier(fees=[FEE], documents=[FILE], supplements=[SUPPLEMENT])
    assert locked(document)[pointer] == LOCKED[pointer]
    assert findings(document, (pointer, "1")) == {pointer: "locked"}


def test_what_is_only_said_is_open():
    found = locked(dossier(documents=[FILE]))
    for pointer in ("/summary", "/applicant/name", "/agency/name", "/documents/0/name", "/applicant/phone"):
        assert found[pointer] is None


def test_a_code_is_open_where_the_refusal_is_about_it():
    document = dossier()
    named = Spot(dossier="H99-1", key="v1", reason="Mã thủ tục 1.004203 không tồn tại")
    longer = Spot(dossier="H99-1", key="v1", reason="1.004203.000 is unknown, 21.004203 too")
    pointed = Spot(dossier="H99-1", key="v1", refused=frozenset({"/agency/code"}))
    assert locked(document, named)["/procedure/code"] is None
    assert locked(document, named)["/agency/code"] == "unrefused"
    assert locked(document, longer)["/procedure/code"] == "unrefused"
    assert locked(document, pointed)["/agency/code"] is None


def test_the_number_and_the_key_are_locked_wherever_they_stand():
    found = locked({"about": "H99-1", "again": ["v1", "v2"]})
    assert found == {"/about": "identifies", "/again/0": "identifies", "/again/1": None}


def test_a_request_for_money_is_locked_as_a_whole():
    order = {
        "reference": "R1",
        "asked_at": "20260928",
        "partner": "P",
        "dossier": "H99-1",
        "amount": 8000,
        "items": [{"kind": "charge", "name": "Lệ phí", "amount": 8000}],
        "payer": {"name": "Mẫu"},
        "procedure": {"code": "1", "name": "x"},
        "agency": {"code": "1", "name": "x"},
    }
    assert set(locked(order).values()) == {"money"}


def test_a_correction_changes_what_it_names_and_nothing_else():
    document = dossier()
    after = read_content(
        corrected(document, [("/summary", "Trích lục"), ("/applicant/phone", "0900000001")], SPOT)
    )
    assert differences(document, after) == [
        ("/applicant/phone", None, "0900000001"),
        ("/summary", "Trích lục khai sinh", "Trích lục"),
    ]


def test_null_takes_a_value_away():
    document = dossier(note="cũ")
    after = read_content(corrected(document, [("/note", None)], SPOT))
    assert "note" not in after


def test_a_step_is_corrected_as_a_step():
    document = {"step": record()["steps"][0]}
    after = read_content(corrected(document, [("/step/note", "đã nhận")], SPOT))
    assert after["step"]["note"] == "đã nhận"
    assert findings(document, ("/step/note", 7)) == {"/step/note": "anyOf"}


@pytest.mark.parametrize(
    ("pointer", "value", "code"),
    [
        ("/summary", 7, "type"),
        ("/summary", None, "required"),
        ("/summary", "x" * 4001, "maxLength"),
        ("/applicant/name", "", "minLength"),
        ("/applicant/name", "a\x00b", "pattern"),
        ("/channel", "pigeon", "enum"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_at_its_field(pointer, value, code):
    assert findings(dossier(), (pointer, value)) == {pointer: code}


@pytest.mark.parametrize(
    "pointer",
    [
        *("/", "/applicant", "/applicant/", "/steps", "/steps/-", "/steps/-1/note", "/steps/99/note"),
        *("/nothing", "/summary/0", "/__class__", "/applicant/~2", "/applicant~1name", "summary", "/~"),
        "/<script>alert(1)</script>",
    ],
)
def test_a_hostile_pointer_is_unknown(pointer):
    document = dossier()
    before = json.dumps(document)
    assert set(findings(document, (pointer, "x")).values()) == {"unknown"}
    assert json.dumps(document) == before


def test_a_field_twice_is_refused():
    assert findings(dossier(), ("/summary", "a"), ("/summary", "b")) == {"/summary": "repeated"}


def test_keys_with_slashes_are_found_by_their_escaped_pointer():
    document = {"a/b": {"c~d": "old"}}
    after = corrected(document, [("/a~1b/c~0d", "new")], SPOT)
    assert after == canonical.encode({"a/b": {"c~d": "new"}})


def test_what_is_no_object_has_no_fields():
    assert [read_content(content) for content in (b"[]", b"7", b"{", b"{}")] == [{}, {}, {}, {}]
