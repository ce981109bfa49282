"""What answers to INIT, QUERY and GET_BILL mean (payment_platform §5.3, §5.6, §5.7, §11.4)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.outcome import Accepted, Deferred, InDoubt, Outcome, Rejected
from gateway.domain.payment_order import PaymentAnswer
from gateway.port import CannotRead, Context, Read, WireResponse
from mappings.payment_platform.addresses import permitted, rewritten
from mappings.payment_platform.responses import RESPONSES, Verdict
from tests.unit import payment_world as world
from tests.unit.payment_world import PAY_URL, QUERIED, REFERENCE, TAKEN, context, delivery, reply

ASKED = {"partner": "DEMOH99", "reference": REFERENCE, "asked_at": world.ASKED_AT}
NOT_KNOWN = {"MaLoi": "99", "MoTaLoi": "Không tìm thấy giao dịch"}
WRAPPED = {"error_code": "0", "message": json.dumps(TAKEN)}


def init(document, status: int = 200, **changes) -> Outcome:
    (outcome,) = world.adapter(**changes).interpret([delivery()], reply(document, status), context())
    return outcome


def doubt(document, lent: Context | None = None, **changes) -> Outcome:
    (outcome,) = world.adapter(**changes).interpret_query([delivery()], reply(document), lent or context())
    return outcome


def payment(document, **changes):
    return world.adapter(**changes).interpret_read("payment", ASKED, reply(document))


def bill(document, **changes):
    return world.adapter(**changes).interpret_read("bill", ASKED, reply(document))


@pytest.mark.parametrize(
    "document",
    [
        TAKEN,
        WRAPPED,
        {"error_code": 0, "message": json.dumps(TAKEN)},
        {"ERROR_CODE": "0", "Message": TAKEN},
        {"error_code": "0", "message": json.dumps({"UrlThanhToan": PAY_URL})},
        {name.lower(): value for name, value in TAKEN.items()},
    ],
)
def test_both_shapes_are_accepted_with_the_payers_address(document):
    outcome = init(document)
    assert isinstance(outcome, Accepted)
    assert outcome.receipt == PAY_URL
    assert outcome.learned[f"pay_url:{REFERENCE}"] == PAY_URL


@pytest.mark.parametrize(
    "document",
    [
        {**TAKEN, "MaLoi": "99"},
        {**TAKEN, "MaLoi": 0},
        {**TAKEN, "MaLoi": None},
        {**TAKEN, "UrlThanhToan": ""},
        {**TAKEN, "MaThamChieu": "PG2609280000B8L4N0RY"},
        {**TAKEN, "MaDoiTac": "FOREIGN"},
        {**WRAPPED, "error_code": "-1"},
        {**WRAPPED, "error_code": False},
        {**WRAPPED, "error_code": 0.0},
        {"error_code": "0", "message": "Thành công"},
        {"error_code": "0", "message": json.dumps({**TAKEN, "MaLoi": "99"})},
        {**TAKEN, "maloi": "99"},
        b"", b"<html/>", b"Thanh cong", b"[]", b"\xff\xfe0\x00",
    ],
)  # fmt: skip
def test_anything_but_success_with_an_address_is_unknown(document):
    outcome = init(document)
    assert isinstance(outcome, InDoubt)
    assert not outcome.ask_again  # that is for questions; after a send the platform is asked anyway


@pytest.mark.parametrize("status", [201, 302, 400, 401, 404, 408, 429, 500, 502, 503, 504])
def test_no_other_status_is_success_or_refusal(status):
    # §11.4: even a 4xx of what stands in front says nothing certain about the platform
    assert isinstance(init(TAKEN, status), InDoubt)


def test_only_a_named_code_is_a_sure_refusal():
    refused = {"MaLoi": "02", "MoTaLoi": "Dữ liệu không hợp lệ"}
    assert isinstance(init(refused), InDoubt)
    assert isinstance(init(refused, refusal_codes=["02"]), Rejected)


@pytest.mark.parametrize(
    "url",
    [
        "http://pay.example.test/t/1",
        "https://pay.example.test.evil.invalid/t/1",
        "https://evil.invalid/?https://pay.example.test/",
        "https://pay.example.test@evil.invalid/",
        "https://someone:word@pay.example.test/t/1",
        "https://evil.invalid\\@pay.example.test/",
        "https://pay.example.test:8443/t/1",
        "//pay.example.test/t/1",
        "javascript:alert(1)//pay.example.test",
        "https://[::1/t",
        "https://pay.example.test/a b",
        "https://pay.example.test/\r\nx: 1",
        "https://10.0.0.7/t/1",
        "https://pay.example.test/" + "a" * 1000,
        7,
        ["https://pay.example.test/"],
    ],
)
def test_no_payer_is_sent_to_an_address_that_is_not_on_the_list(url):
    assert isinstance(init({**TAKEN, "UrlThanhToan": url}), InDoubt)
    assert not permitted(url, ("pay.example.test",))


def test_a_test_stand_may_do_without_tls():
    url = "http://127.0.0.1:9000/t/1"
    assert not permitted(url, ("127.0.0.1:9000",))
    assert permitted(url, (), ("127.0.0.1:9000",))
    assert permitted("https://PAY.example.test:443/t", ("pay.example.test",))


def test_a_check_code_of_the_answer_is_demanded_where_it_is_enforced():
    assert isinstance(init(TAKEN, response_mac="enforce"), Accepted)
    for wrong in ({**TAKEN, "MaXacThuc": "0" * 64}, {**TAKEN, "MaXacThuc": ""}):
        assert isinstance(init(wrong, response_mac="enforce"), InDoubt)
        assert isinstance(init(wrong), Accepted)
    assert init({**TAKEN, "MaXacThuc": "0" * 64}).learned["response_mac"] == "wrong"
    assert "response_mac" not in init(TAKEN, response_mac="off").learned
    assert isinstance(payment(QUERIED, response_mac="enforce"), Read)
    assert payment({**QUERIED, "SoTien": 1}, response_mac="enforce").code == "unproved_answer"


# After a doubt


@pytest.mark.parametrize("state", ["1", "3", "2", "", None])
def test_an_attempt_that_the_platform_has_is_there(state):
    assert isinstance(doubt({**QUERIED, "TrangThaiGD": state}), Accepted)


def test_an_attempt_that_failed_at_the_platform_is_over():
    outcome = doubt({**QUERIED, "TrangThaiGD": "4"})
    assert isinstance(outcome, Rejected)
    assert outcome.code == "failed"


def test_one_answer_that_knows_nothing_ends_no_attempt():
    first = doubt(NOT_KNOWN)
    assert isinstance(first, InDoubt)
    assert first.ask_again
    lent = Context(now=world.NOW + timedelta(seconds=29), memory=first.learned)
    assert isinstance(doubt(NOT_KNOWN, lent), InDoubt)
    lent = Context(now=world.NOW + timedelta(seconds=30), memory=first.learned)
    second = doubt(NOT_KNOWN, lent)
    assert isinstance(second, Rejected)
    assert second.code == "init_unknown"
    assert second.learned == {f"absent:{REFERENCE}": ""}


def test_what_was_unknown_once_and_is_there_now_is_forgotten():
    known = doubt(QUERIED, Context(now=world.NOW, memory={f"absent:{REFERENCE}": world.NOW.isoformat()}))
    assert isinstance(known, Accepted)
    assert known.learned[f"absent:{REFERENCE}"] == ""


def test_an_answer_that_cannot_be_read_does_not_count_as_not_known():
    lent = Context(now=world.NOW + timedelta(hours=1), memory={f"absent:{REFERENCE}": world.NOW.isoformat()})
    for broken in (b"", b"<html/>", b"{", {**QUERIED, "MaThamChieu": "PG2609280000B8L4N0RY"}):
        outcome = doubt(broken, lent)
        assert isinstance(outcome, InDoubt)
        assert outcome.ask_again


@pytest.mark.parametrize("memory", ["", "soon", "2026-09-28T14:30:15"])
def test_a_damaged_memory_ends_no_attempt(memory):
    assert isinstance(
        doubt(NOT_KNOWN, Context(now=world.NOW, memory={f"absent:{REFERENCE}": memory})), InDoubt
    )


# QUERY as a read


def answered(document) -> PaymentAnswer:
    reading = payment(document)
    assert isinstance(reading, Read), reading
    return PaymentAnswer(**reading.entries["payment"])


def test_a_paid_answer_has_everything_that_settles():
    assert answered(QUERIED) == PaymentAnswer(
        claim="paid",
        partner="DEMOH99",
        reference=REFERENCE,
        amount=250_000,
        currency="VND",
        transaction="PP26092800012345",
        bank="DEMOBANK",
        claimed_at=world.ASKED_AT,
        code="00",
        state="1",
        proof="confirm_order",
    )


@pytest.mark.parametrize(
    ("state", "claim"), [("1", "paid"), ("3", "pending"), ("4", "failed"), ("2", "unknown")]
)
def test_states(state, claim):
    assert answered({**QUERIED, "TrangThaiGD": state}).claim == claim


def test_a_question_that_failed_is_no_result_of_a_payment():
    # §5.6: never failed, whatever TrangThaiGD says beside it
    assert isinstance(payment({**QUERIED, "MaLoi": "99", "TrangThaiGD": "4"}), CannotRead)


@pytest.mark.parametrize("amount", ["3500000000", 3_500_000_000, 2**31, 999_999_999_999])
def test_amounts_above_int32_are_read_whole(amount):
    assert answered({**QUERIED, "SoTien": amount}).amount == int(amount)


@pytest.mark.parametrize(
    "amount", [250000.0, "250000.00", "250,000", "+250000", "-1", -1, "0250000", "", None, True, 10**15, "9" * 400, "٢٥"]
)  # fmt: skip
def test_paid_with_an_amount_that_is_none_is_not_read(amount):
    assert payment({**QUERIED, "SoTien": amount}).code == "unreadable_amount"


@pytest.mark.parametrize("change", [{"MaThamChieu": "OTHER"}, {"MaDoiTac": "OTHER"}, {"MaThamChieu": None}])
def test_an_answer_about_another_payment_says_nothing(change):
    assert payment({**QUERIED, **change}).code == "other_payment"


# GET_BILL


def test_a_file_is_taken_by_its_first_bytes():
    reading = bill(b"%PDF-1.7 ...")
    assert reading.entries["bill"]["size"] == 12


def test_a_text_is_never_taken_for_a_file():
    for body in (b"Loi he thong", b"", b"{}", json.dumps(NOT_KNOWN).encode(), b"<html/>"):
        assert bill(body).code == "not_ready"


def test_a_file_beyond_the_limit_is_refused():
    assert bill(b"%PDF-" + b"x" * 2000, max_bill_bytes=1024).code == "too_large"


def test_an_internal_address_is_rewritten_only_by_the_map_and_then_looked_up():
    inside = {"MaLoi": "00", "UrlBienLai": "http://10.1.2.3:8080/VXPAdapter/bill/1.pdf"}
    assert bill(inside).code == "foreign_host"
    rewrites = {"http://10.1.2.3:8080/": "https://adapter.h99.example/"}
    assert bill(inside, url_rewrites=rewrites).code == "foreign_host"
    allowed = bill(inside, url_rewrites=rewrites, receipt_hosts=["adapter.h99.example"])
    assert allowed.entries["bill"] == {"url": "https://adapter.h99.example/VXPAdapter/bill/1.pdf"}
    assert rewritten("https://a.example/x", {"https://a.example/": "1", "https://a.example/x": "2"}) == "2"


def test_a_receipt_of_another_payment_is_not_taken():
    document = {"MaLoi": "00", "MaThamChieu": "OTHER", "UrlBienLai": "https://pay.example.test/b.pdf"}
    assert bill(document).code == "other_payment"


# All of them


def test_every_row_and_every_verdict_is_used():
    assert {Verdict(row.verdict) for row in RESPONSES.rows} == set(Verdict)
    assert RESPONSES.total


def test_an_init_is_never_to_be_sent_again():
    # §11.4: the same MaThamChieu is never resent, so no answer may ask for it
    assert Deferred in get_args(Outcome)
    adapter = world.adapter(refusal_codes=["02"])
    for body in (
        b"",
        b"{}",
        b"<a/>",
        *(json.dumps({**QUERIED, "MaLoi": code}).encode() for code in ("00", "02", "99")),
    ):
        for status in (200, 401, 429, 503):
            response = WireResponse(status=status, headers=(("retry-after", "1"),), body=body)
            for read in (adapter.interpret, adapter.interpret_query):
                assert not isinstance(read([delivery()], response, context())[0], Deferred)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_no_bytes_make_it_raise_or_accept(body, status):
    adapter, response = world.adapter(), WireResponse(status=status, body=body)
    assert isinstance(adapter.interpret([delivery()], response, context())[0], InDoubt)
    assert isinstance(adapter.interpret_query([delivery()], response, context())[0], InDoubt)
    assert isinstance(adapter.interpret_read("payment", ASKED, response), CannotRead)


def test_a_payload_that_cannot_be_read_any_more_stays_in_doubt():
    broken = delivery(payload=b"{")
    assert isinstance(world.adapter().interpret([broken], reply(TAKEN), context())[0], InDoubt)
    assert isinstance(world.adapter().interpret_query([broken], reply(QUERIED), context())[0], InDoubt)
