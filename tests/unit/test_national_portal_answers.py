"""What the portal's answers mean: every row of the response table, and every trap that §2 and §13.3 name."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import normalize

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.national_portal.outcomes import _BY_VERDICT
from adapters.national_portal.settings import Lgsp
from gateway.codec import json as lenient
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Portal
from gateway.domain.outcome import Accepted, Actor, Deferred, InDoubt, Outcome, Rejected
from gateway.port import Secret, WireResponse
from mappings.national_portal import RESPONSES
from mappings.national_portal.responses import Verdict
from tests.unit import portal
from tests.unit.portal_answers import ANSWERS, FAULT, PAGE, WORDS, Told

EXISTS = "Hồ sơ đã tồn tại"
LGSP = Lgsp(token_url="https://lgsp.h99.example/token", key="k", secret=Secret("s"))


def batch(operation: str, count: int = 1) -> list[Delivery]:
    return portal.deliveries(portal.adapter(), portal.returned(), operation)[:count]


def meanings(
    response: WireResponse, operation: str = "dossier", count: int = 1, /, memory: Any = None, **changes: Any
) -> list[Outcome]:
    found = portal.adapter(**changes).interpret(
        batch(operation, count), response, portal.remembering(**(memory or {}))
    )
    assert len(found) == count
    return list(found)


def meaning(
    response: WireResponse, operation: str = "dossier", /, memory: Any = None, **changes: Any
) -> Outcome:
    return meanings(response, operation, memory=memory, **changes)[0]


@pytest.mark.parametrize(("row", "told"), ANSWERS.items(), ids=ANSWERS)
def test_row_means_what_the_table_says(row: str, told: Told) -> None:
    found = meaning(told.response, told.operation, memory=told.memory, **WORDS)
    assert isinstance(found, told.meaning)
    if isinstance(found, Rejected | Deferred | InDoubt):
        assert found.code == {
            "duplicate_create": "exists",
            "dossier_missing": "missing",
        }.get(row, row)


def test_every_row_has_an_answer_and_the_table_is_total() -> None:
    assert set(ANSWERS) == {row.name for row in RESPONSES.rows}
    assert RESPONSES.total


def test_every_verdict_has_a_row_and_a_consequence() -> None:
    assert {row.verdict for row in RESPONSES.rows} == set(Verdict) == set(_BY_VERDICT)


@pytest.mark.parametrize("code", [0, "0", "00", " 0 ", 0.0, "00 "])
def test_success_code_counts_in_every_type_that_was_seen(code: object) -> None:
    assert isinstance(meaning(portal.answer(code)), Accepted)


@pytest.mark.parametrize("code", [None, False, True, [], {}, "", "  ", [0]])
def test_no_usable_code_is_in_doubt(code: object) -> None:
    assert isinstance(meaning(portal.answer(code)), InDoubt)


@pytest.mark.parametrize("code", [-1, "-1", -1.0])
def test_error_code_counts_in_every_type_that_was_seen(code: object) -> None:
    assert isinstance(meaning(portal.answer(code, "thiếu trường")), Rejected)


@pytest.mark.parametrize("code", ["0", "3", "-3", 3])
@pytest.mark.parametrize("text", [EXISTS, EXISTS.upper(), normalize("NFD", EXISTS)])
def test_already_there_is_known_by_its_words_in_any_form(code: object, text: str) -> None:
    found = meaning(portal.answer(code, text))
    assert isinstance(found, Deferred)
    assert (found.code, found.retry_after, found.learned["exists"]) == ("exists", 0, "yes")


@pytest.mark.parametrize(
    "text",
    [
        "Cập nhật không thành công",
        "Chưa thành công",
        "Thành công một nửa: thất bại",
        "Hồ sơ không hợp lệ",
        "OK",
    ],
)
def test_success_code_with_other_words_is_asked_about(text: str) -> None:
    assert isinstance(meaning(portal.answer("0", text)), InDoubt)


def test_words_of_success_with_an_error_code_are_no_success() -> None:
    assert isinstance(meaning(portal.answer("-1", "Đồng bộ thành công")), Rejected)


def test_missing_is_said_of_the_dossier_and_not_of_a_procedure_or_service() -> None:
    for text in (
        "Thủ tục 1.009901 không tồn tại",
        "Dịch vụ X không tồn tại",
        "MaTTHC không tồn tại trong danh mục",
    ):
        assert isinstance(meaning(portal.answer("-1", text), memory={"exists": "yes"}), Rejected)


def test_missing_on_a_create_is_a_refusal() -> None:
    assert isinstance(meaning(portal.answer("-1", "Hồ sơ gốc không tồn tại")), Rejected)


def test_who_must_act_is_told() -> None:
    actors = {
        row: found.actor
        for row, told in ANSWERS.items()
        if isinstance(found := meaning(told.response, told.operation, memory=told.memory, **WORDS), Rejected)
    }
    assert actors == {
        "http_request_refused": Actor.OPERATOR,
        "duplicate_update": Actor.OPERATOR,
        "configuration_text": Actor.OPERATOR,
        "validation_code": Actor.PROVINCE,
        "anything_else": Actor.OPERATOR,
    }


def test_facades_nested_text_decides() -> None:
    def nested(inner: object) -> WireResponse:
        return portal.answer("0", json.dumps(inner, ensure_ascii=False))

    assert isinstance(meaning(nested({"error_code": 0, "message": "Thành công"})), Accepted)
    assert isinstance(meaning(nested({"error_code": "-1", "message": "thiếu trường"})), Rejected)
    assert isinstance(meaning(nested({"error_code": None, "message": "Thành công"})), InDoubt)
    assert isinstance(meaning(nested({"message": "Thành công"})), InDoubt)
    outer_error = portal.answer("-1", json.dumps({"error_code": 0, "message": "Thành công"}))
    assert isinstance(meaning(outer_error), Rejected)


def test_repeated_key_is_no_answer() -> None:
    body = '{"error_code": "-1", "error_code": "0", "message": "Đồng bộ thành công"}'.encode()
    assert isinstance(meaning(portal.raw(body)), InDoubt)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "cp1258"])
def test_another_charset_is_in_doubt_even_when_it_is_declared(charset: str) -> None:
    body = '{"error_code": "0", "message": "Đồng bộ thành công"}'.encode(charset, "replace")
    headers = ("content-type", f"application/json; charset={charset}")
    found = meaning(portal.raw(body, 200, headers))
    assert isinstance(found, InDoubt)


def test_byte_order_mark_does_no_harm() -> None:
    assert isinstance(meaning(portal.raw(b"\xef\xbb\xbf" + portal.answer().body)), Accepted)


@pytest.mark.parametrize(
    "status", [100, 199, 201, 202, 204, 206, 300, 302, 303, 409, 500, 502, 503, 504, 599, 999]
)
def test_a_success_answer_counts_at_http_200_only(status: int) -> None:
    assert isinstance(meaning(portal.answer(status=status)), InDoubt)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 1.0),
        ("Thu, 25 Jan 2024 03:10:00 GMT", 600.0),
        ("Thu, 25 Jan 2024 02:00:00 GMT", 1.0),
        ("99999999999999", 7 * 86400.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    found = meaning(portal.raw(b"", 429, ("Retry-After", header)))
    assert isinstance(found, Deferred)
    assert found.retry_after == seconds


def test_unavailable_without_a_time_may_have_been_done() -> None:
    assert isinstance(meaning(portal.raw(PAGE, 503)), InDoubt)
    assert isinstance(meaning(portal.raw(PAGE, 503, ("retry-after", "soon"))), InDoubt)


def test_soap_fault_is_told_in_words() -> None:
    found = meaning(portal.raw(FAULT))
    assert isinstance(found, InDoubt)
    assert "Server.ServerProxy.ServiceFailed.HttpError: Server responded with error 500" in found.reason


def test_lost_session_asks_for_a_new_one_and_costs_nothing() -> None:
    found = meaning(ANSWERS["session_text"].response)
    assert found == Deferred(
        code="session_text",
        reason="code -1: Phiên làm việc (session) không hợp lệ hoặc đã hết hạn",
        retry_after=0,
        renew=("session",),
    )


def test_refused_token_renews_the_platforms_layer_where_there_is_one() -> None:
    for response in (portal.raw(b"", 401), ANSWERS["token_text"].response):
        with_platform, without = meaning(response, lgsp=LGSP), meaning(response)
        assert isinstance(with_platform, Deferred)
        assert isinstance(without, Deferred)
        assert (with_platform.renew, without.renew) == (("lgsp",), ("session",))


def test_a_facade_without_layers_has_nothing_to_renew() -> None:
    found = meaning(ANSWERS["session_text"].response, dialect="facade_array")
    assert found == Deferred(code="session_text", reason=found.reason)  # type: ignore[union-attr]


def test_a_session_that_dies_in_a_batch_of_steps_is_asked_about_where_steps_can_be_seen() -> None:
    response = ANSWERS["session_text"].response
    assert all(isinstance(each, Deferred) for each in meanings(response, "step", 3))
    assert all(
        isinstance(each, InDoubt) and each.renew == ("session",)
        for each in meanings(response, "step", 3, lookup_detail="echo")
    )
    assert isinstance(meaning(response, "step", lookup_detail="echo"), Deferred)


def test_create_turns_into_update_once_and_then_an_operator_decides() -> None:
    exists, missing = ANSWERS["duplicate_create"].response, ANSWERS["dossier_missing"].response
    first = meaning(exists)
    assert isinstance(first, Deferred)
    assert first.learned == {"exists": "yes", "flips": "6"}
    second = meaning(missing, memory=first.learned)
    assert isinstance(second, Rejected)
    assert (second.code, second.actor, second.learned) == (
        "contradiction",
        Actor.OPERATOR,
        {"flips": "", "exists": "no"},
    )


def test_update_turns_into_create_once_and_then_an_operator_decides() -> None:
    exists, missing = ANSWERS["duplicate_create"].response, ANSWERS["dossier_missing"].response
    first = meaning(missing, memory={"exists": "yes"})
    assert isinstance(first, Deferred)
    assert (first.retry_after, first.learned) == (0, {"exists": "no", "flips": "6"})
    second = meaning(exists, memory=first.learned)
    assert isinstance(second, Rejected)
    assert (second.code, second.actor) == ("contradiction", Actor.OPERATOR)


def test_a_turn_of_an_earlier_version_does_not_count_against_this_one() -> None:
    found = meaning(ANSWERS["duplicate_create"].response, memory={"flips": "5"})
    assert isinstance(found, Deferred)
    assert found.learned == {"exists": "yes", "flips": "6"}


def test_success_forgets_the_turn_and_remembers_the_dossier() -> None:
    assert meaning(portal.answer(), memory={"flips": "6", "exists": "yes"}) == Accepted(
        receipt="Đồng bộ thành công", learned={"flips": ""}
    )
    assert meaning(portal.answer()) == Accepted(receipt="Đồng bộ thành công", learned={"exists": "yes"})
    assert meaning(portal.answer(), memory={"exists": "yes"}).learned == {}


def test_a_refusal_after_a_turn_forgets_the_turn() -> None:
    found = meaning(ANSWERS["validation_code"].response, memory={"exists": "yes", "flips": "6"})
    assert isinstance(found, Rejected)
    assert found.learned == {"flips": ""}


def test_the_turned_delivery_is_sent_the_other_way() -> None:
    adapter, record = portal.adapter(), portal.dossier()
    for exists, updating in (("", "False"), ("no", "False"), ("yes", "True")):
        body = portal.sent(adapter, record, memory={"exists": exists, "partner_code": portal.CODE})
        assert body["isUpdating"] == updating


def test_steps_of_an_unknown_dossier_wait_and_the_next_snapshot_creates_it() -> None:
    found = meaning(ANSWERS["dossier_missing"].response, "step")
    assert isinstance(found, Deferred)
    assert (found.code, found.retry_after, found.learned) == ("dossier_unknown", None, {"exists": "no"})


def test_a_status_report_of_an_unknown_dossier_is_left_to_an_operator() -> None:
    adapter = portal.adapter()
    record = portal.returned(origin=Portal.NATIONAL)
    (found,) = adapter.interpret(
        portal.deliveries(adapter, record, "status"), ANSWERS["dossier_missing"].response, portal.context()
    )
    assert isinstance(found, Rejected)
    assert (found.code, found.actor) == ("dossier_unknown", Actor.OPERATOR)


def test_a_refused_batch_is_sent_singly_where_nobody_can_ask() -> None:
    found = meanings(ANSWERS["validation_code"].response, "step", 5)
    assert {(type(each), each.code, each.retry_after) for each in found} == {(Deferred, "batch_refused", 0)}  # type: ignore[union-attr]
    assert all(each.learned == {"batch": "1"} for each in found)


def test_a_refused_batch_is_asked_about_where_steps_can_be_seen() -> None:
    found = meanings(ANSWERS["validation_code"].response, "step", 5, lookup_detail="echo")
    assert {(type(each), each.code) for each in found} == {(InDoubt, "batch_refused")}  # type: ignore[union-attr]
    assert all(each.learned == {"batch": "1"} for each in found)
    atomic = meanings(ANSWERS["validation_code"].response, "step", 5, lookup_detail="echo", batch_atomic=True)
    assert all(isinstance(each, Deferred) for each in atomic)


@pytest.mark.parametrize(
    "row", ["validation_code", "anything_else", "configuration_text", "http_request_refused"]
)
def test_any_refusal_of_a_batch_leaves_its_items_open_and_of_one_item_refuses_it(row: str) -> None:
    response = ANSWERS[row].response
    assert not any(isinstance(each, Rejected) for each in meanings(response, "step", 2))
    assert isinstance(meaning(response, "step"), Rejected)


def test_a_single_success_lets_batches_go_again() -> None:
    assert meaning(portal.answer(), "step", memory={"batch": "1"}) == Accepted(
        receipt="Đồng bộ thành công", learned={"batch": ""}
    )


def test_a_batch_shares_one_meaning() -> None:
    assert len(set(map(repr, meanings(portal.answer(), "step", 5)))) == 1


def test_a_facade_may_answer_progress_in_bare_words() -> None:
    for body in ('"Cập nhật tiến trình thành công"', "Cập nhật tiến trình thành công"):
        found = meaning(portal.raw(body.encode()), "step", dialect="facade_array")
        assert isinstance(found, Accepted)
        assert isinstance(meaning(portal.raw(body.encode()), "step"), InDoubt)
        assert isinstance(meaning(portal.raw(body.encode()), "dossier", dialect="facade_array"), InDoubt)
    for body in ("Không thành công", '""', "\x00\x00", '"\\u0007"', "[]", "<p>thành công</p>", '"{}"'):
        found = meaning(portal.raw(body.encode()), "step", dialect="facade_array")
        assert isinstance(found, InDoubt)


def test_the_twin_counts_its_own_status() -> None:
    def told(status: object) -> Outcome:
        return meaning(
            portal.raw(msgspec.json.encode({"Status": status, "Message": ""})), dialect="lgsp_document"
        )

    assert isinstance(told(200), Accepted)
    assert isinstance(told("200"), Accepted)
    assert isinstance(told(0), Rejected)
    assert isinstance(told(None), InDoubt)
    assert isinstance(meaning(portal.answer("0", ""), dialect="lgsp_document"), Rejected)


def test_a_secret_in_the_portals_words_is_not_passed_on() -> None:
    found = meaning(portal.answer("-1", "Dữ liệu của session 5d1b0c6e bị từ chối"))
    assert "5d1b0c6e" not in repr(found)


def test_long_and_dirty_words_become_short_and_clean() -> None:
    found = meaning(portal.answer("-1", "a\x00b\n" + "x" * 100_000))
    assert isinstance(found, Rejected)
    assert len(found.reason) < 400
    assert found.reason.isprintable()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
CODES = VALUES | st.sampled_from(["0", "00", 0, "-1", "3", "-3"])
TEXTS = VALUES | st.sampled_from(["thành công", "đã tồn tại", "không thành công", "không tồn tại", "", None])


@given(
    body=st.binary(max_size=200)
    | st.builds(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"), VALUES)
    | st.builds(
        lambda code, text: json.dumps({"error_code": code, "message": text}, ensure_ascii=False).encode(
            "utf-8", "surrogatepass"
        ),
        CODES,
        TEXTS,
    ),
    status=st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 429, 500, 503]),
    operation=st.sampled_from(["dossier", "step"]),
    exists=st.sampled_from(["", "yes", "no"]),
)
@settings(max_examples=600, deadline=None)
def test_no_answer_raises_and_none_is_success_without_saying_so(
    body: bytes, status: int, operation: str, exists: str
) -> None:
    (found,) = meanings(portal.raw(body, status), operation, memory={"exists": exists})
    if not isinstance(found, Accepted):
        return
    content = lenient.read(body)  # raw control characters are untidy, not ambiguous
    told = content.get("message") or ""
    told = told if isinstance(told, str) else json.dumps(told)
    assert status == 200
    assert str(content["error_code"]).strip().strip("0.") == ""
    assert not isinstance(content["error_code"], bool)
    assert not told or ("thành công" in told and "không thành công" not in told) or told.startswith("{")
