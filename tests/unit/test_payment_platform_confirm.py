"""CONFIRM: verified before it is believed, tolerant in form, and answered by the table (payment_platform §5.5, §13)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.payment import Decision, Known, decide, mismatch
from gateway.port import PaymentReport, Refusal, Secret
from mappings.payment_platform import checksum
from mappings.payment_platform.confirm import ALARMED, ANSWERED
from mappings.payment_platform.reading import CARD_FIELDS
from tests.unit import payment_world as world
from tests.unit.payment_world import CONFIRM, REFERENCE, SECRET, call, vector

AT = datetime(2026, 9, 28, 7, 33, tzinfo=UTC)


def read(document: Any, **changes: Any) -> PaymentReport | Refusal:
    return world.adapter(**changes).read_callback(call(document), world.context())


def sealed(**changes: Any) -> dict[str, Any]:
    """The example with ``changes`` and a check code that holds."""
    message = {**CONFIRM, **changes}
    try:
        return {**message, "MaXacThuc": checksum.mac("CONFIRM", message, SECRET)}
    except checksum.Unhashable:
        return message


def taken(document: Any, **changes: Any) -> PaymentReport:
    report = read(document, **changes)
    assert isinstance(report, PaymentReport), report
    return report


def refused(document: Any, **changes: Any) -> Refusal:
    refusal = read(document, **changes)
    assert isinstance(refusal, Refusal), refusal
    assert json.loads(refusal.answer.body)["MaLoi"] == "99"
    return refusal


def test_the_example_is_evidence():
    evidence = taken(CONFIRM).evidence("payment_platform", AT, message=7)
    assert (evidence.source, evidence.claim, evidence.partner, evidence.reference) == (
        "callback",
        "paid",
        "DEMOH99",
        REFERENCE,
    )
    assert (evidence.amount, evidence.currency, evidence.transaction, evidence.bank) == (
        250_000,
        "VND",
        "PP26092800012345",
        "DEMOBANK",
    )
    assert (evidence.claimed_at, evidence.at, evidence.message) == (world.ASKED_AT, AT, 7)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("V05", {}),
        ("V06", {"ThoiGianGD": "20260928143212"}),
        ("V07", {"MaLoi": "99", "MaGiaoDich": None, "MaNganHang": None}),
        ("V08", {"SoTien": "25000"}),
    ],
)
def test_vectors(name, changes):
    assert taken({**CONFIRM, **changes, "MaXacThuc": vector(name)["hex"]})


def test_missing_and_null_are_the_same():
    document = {**CONFIRM, "MaLoi": "99", "MaXacThuc": vector("V07")["hex"]}
    del document["MaGiaoDich"], document["MaNganHang"]
    assert taken(document).claim == "failed"


def test_a_changed_amount_is_refused():
    # §13, pitfall 1; V05's code with another amount
    refusal = refused({**CONFIRM, "SoTien": 25000})
    assert (refusal.code, refusal.answer.status) == ("bad_mac", 401)


@pytest.mark.parametrize("name", sorted(set(checksum.ORDER["CONFIRM"]) - {"MaLoi"}))
def test_a_change_of_any_hashed_field_is_refused(name):
    assert refused({**CONFIRM, name: "1"}).code == "bad_mac"


@pytest.mark.parametrize(
    "code", [None, "", 0, "0" * 64, CONFIRM["MaXacThuc"].upper(), CONFIRM["MaXacThuc"] + " "]
)
def test_no_code_or_another_is_refused(code):
    assert refused({**CONFIRM, "MaXacThuc": code}).code == "bad_mac"


def test_a_code_may_be_in_upper_case_only_where_that_is_allowed():
    upper = {**CONFIRM, "MaXacThuc": CONFIRM["MaXacThuc"].upper()}
    assert taken(upper, uppercase_mac=True)


def test_the_status_of_a_bad_code_is_a_setting():
    assert refused({**CONFIRM, "SoTien": 1}, bad_mac_http=200).answer.status == 200


def test_a_foreign_partner_gets_the_answer_of_a_bad_code():
    # nobody learns which partners exist; its own secret would have to be ours
    foreign = sealed(MaDoiTac="FOREIGN")
    assert refused(foreign) == refused({**CONFIRM, "SoTien": 1})


def test_a_partners_secret_does_not_speak_for_another():
    partners = {"DEMOH99": world.partner(), "DEMOXA": world.partner(secret=Secret("another-secret-2026"))}
    lent = {"partners": partners, "default_partner": "DEMOH99"}
    assert refused(sealed(MaDoiTac="DEMOXA"), **lent).code == "bad_mac"
    assert taken(CONFIRM, **lent).partner == "DEMOH99"


def test_both_secrets_hold_while_a_rotation_is_under_way():
    rotating = {"secret": Secret("the-new-secret-of-2027"), "previous_secret": Secret(SECRET)}
    assert taken(CONFIRM, of_partner=rotating)
    assert refused(CONFIRM, of_partner={"secret": Secret("the-new-secret-of-2027")}).code == "bad_mac"


def test_our_own_messages_sent_back_are_no_notification():
    # one secret for both directions (§13): kept apart by the order of fields, and by their kind
    init = world.body_of(world.adapter().encode([world.delivery()], world.context()))
    query = world.body_of(world.adapter().encode_query([world.delivery()], world.context()))
    for reflected in (init, query):
        assert refused({"MaLoi": "00", **reflected}).code == "malformed"
        assert refused({"MaLoi": "00", **reflected}, foreign_kinds=[]).code == "bad_mac"


@pytest.mark.parametrize("state", ["3", "4"])
def test_an_answer_to_our_question_sent_back_pays_nothing(state):
    # the assumed formula of answers has the fields of CONFIRM but not TrangThaiGD (V13, V14): the code holds
    answer = {**world.QUERIED, "TrangThaiGD": state}
    assert checksum.verify("CONFIRM", answer, (SECRET,))
    assert refused(answer).reason == "LoaiBanTin is that of another message"


@pytest.mark.parametrize("name", checksum.ORDER["CONFIRM"])
def test_a_separator_in_a_hashed_field_is_refused_even_with_a_good_code(name):
    # §4 rule 9, V17
    refusal = refused(sealed(**{name: "A|B"}))
    assert (refusal.code, refusal.answer.status) == ("malformed", 400)


@pytest.mark.parametrize(
    "amount",
    [250000.0, 250000.5, 1e400, "250000.0", "2,5", "-1", -1, "+1", "007", True, [1], {}, 10**15, "9" * 16, "9" * 5000, 10**4000, "٢"],
)  # fmt: skip
def test_an_amount_that_is_none_is_refused_even_with_a_good_code(amount):
    document = sealed(SoTien=amount)
    body = json.dumps(document).replace("Infinity", "1e400").encode()
    refusal = refused(body)
    assert refusal.answer.status == 400


@pytest.mark.parametrize("amount", [250000, "250000", 2**31, "3500000000", 999_999_999_999])
def test_amounts_are_integers_of_64_bits(amount):
    assert taken(sealed(SoTien=amount)).amount == int(amount)


def test_another_amount_with_a_good_code_is_told_as_it_is_and_compared_by_the_rule():
    # §13, pitfall 2: the adapter does not know what was asked for; the decision does
    evidence = taken(sealed(SoTien=25000)).evidence("payment_platform", AT)
    known = Known(state="redirected", partner="DEMOH99", amount=250_000, currency="VND")
    assert mismatch(evidence, known) == "other_amount"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"x"', b"{", b"\xff", b"{}", b"<a/>", b"[" * 60_000, b"1" * 5000,
        b'{"MaLoi": "00", "MaLoi": "99"}', b'{"MaLoi": "00", "maloi": "99"}', b'{"MaLoi": NaN}',
        json.dumps({**CONFIRM, "MaLoi": ""}).encode(), json.dumps({**CONFIRM, "MaLoi": 0}).encode(),
        json.dumps({**CONFIRM, "MaDoiTac": ["DEMOH99"]}).encode(),
        json.dumps({**CONFIRM, "MaThamChieu": None}).encode(),
        json.dumps({**CONFIRM, "MaGiaoDich": "x" * 501}).encode(),
        json.dumps({**CONFIRM, "MaGiaoDich": "a\x00b"}).encode(),
    ],
)  # fmt: skip
def test_malformed_calls_are_refused_with_400_and_one_shape(body):
    refusal = refused(body)
    assert refusal.answer.status == 400
    assert set(json.loads(refusal.answer.body)) == {
        "MaLoi", "MoTaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc",
    }  # fmt: skip


def test_the_size_limit_comes_first():
    body = json.dumps({**CONFIRM, "Them": "x" * 70_000}).encode()
    refusal = refused(body)
    assert (refusal.code, refusal.answer.status) == ("too_large", 413)


def test_only_a_post_is_read():
    refusal = world.adapter().read_callback(call(CONFIRM, method="GET"), world.context())
    assert isinstance(refusal, Refusal)
    assert refusal.answer.status == 405


def test_keys_may_come_in_any_case_with_extra_ones():
    document = {name[0].lower() + name[1:]: value for name, value in CONFIRM.items()}
    report = taken(
        {**document, "Khac": {"a": [1, 2.5, None]}, "urlBienLai": "https://pay.example.test/b.pdf"}
    )
    assert report.receipt_url == "https://pay.example.test/b.pdf"


@pytest.mark.parametrize("change", [str.upper, str.lower, str])
def test_card_data_is_nowhere_in_a_report(change):
    card = {change(name): f"4111-{name}-1111" for name in CARD_FIELDS}
    report = taken({**CONFIRM, **card})
    assert b"4111" not in report.data
    assert "4111" not in repr(report)


def test_card_data_is_never_stored_in_clear():
    assert set(CARD_FIELDS) <= set(world.adapter().manifest.secret_fields)


def test_a_dossier_stands_in_where_the_platform_has_no_reference():
    report = taken(sealed(MaThamChieu="", MaHoSo="H99.15-260928-0007"))
    assert (report.reference, report.dossier) == ("", "H99.15-260928-0007")


def test_a_repeated_call_has_one_digest_and_a_changed_one_another():
    assert taken(CONFIRM).digest == taken(CONFIRM).digest
    assert taken(CONFIRM).digest != taken({**CONFIRM, "Khac": 1}).digest


# The answer table


def told(report: PaymentReport, effect: str, alarm: str = "") -> tuple[int, str]:
    answer = report.answer(effect, alarm)
    return answer.status, json.loads(answer.body)["MaLoi"]


@pytest.mark.parametrize(
    ("effect", "alarm", "answer"),
    [
        ("settled", "", (200, "00")),
        ("repeated", "", (200, "00")),
        ("failed", "", (200, "00")),
        ("ignored", "failed_after_paid", (200, "00")),
        ("ignored", "second_transaction", (200, "00")),
        ("duplicate", "paid_twice", (200, "00")),
        ("quarantined", "other_amount", (200, "99")),
        ("ignored", "other_amount", (200, "99")),
        ("quarantined", "other_currency", (200, "99")),
        ("quarantined", "other_partner", (200, "99")),
        ("quarantined", "no_transaction", (200, "99")),
        ("quarantined", "transaction_of_another", (200, "99")),
        ("ignored", "quarantined", (200, "99")),
        ("orphan", "unknown_reference", (200, "99")),
        ("orphan", "", (200, "99")),
        ("unavailable", "", (503, "99")),
    ],
)
def test_answers_by_situation(effect, alarm, answer):
    assert told(taken(CONFIRM), effect, alarm) == answer


def test_every_effect_and_alarm_of_a_decision_has_an_answer():
    effects = set(get_args(get_type_hints(Decision)["effect"]))
    assert effects == set(ANSWERED) - {"unavailable"}
    assert set(ALARMED) <= set(taken(CONFIRM).answers)


@given(
    state=st.sampled_from(["created", "redirected", "pending", "paid", "failed", "expired", "quarantined", "duplicate_paid"]),
    amount=st.sampled_from([250_000, 1]),
    settled_elsewhere=st.booleans(),
    transaction_taken=st.booleans(),
    code=st.sampled_from(["00", "99"]),
)  # fmt: skip
def test_whatever_is_decided_has_an_answer_and_money_that_does_not_fit_never_gets_00(
    state, amount, settled_elsewhere, transaction_taken, code
):
    report = taken(sealed(MaLoi=code))
    known = Known(
        state=state,
        partner="DEMOH99",
        amount=amount,
        currency="VND",
        settled_elsewhere=settled_elsewhere,
        transaction_taken=transaction_taken,
    )
    decision = decide(report.evidence("payment_platform", AT), known)
    assert decision.alarm == "" or decision.alarm in ALARMED
    _, answer = told(report, decision.effect, decision.alarm)
    if report.claim == "paid" and amount != 250_000:
        assert answer == "99"


def test_an_answer_has_all_six_keys_and_echoes_the_code():
    answer = taken(CONFIRM).answer("settled")
    assert json.loads(answer.body) == {
        "MaLoi": "00",
        "MoTaLoi": "Thành công",
        "MaDoiTac": "DEMOH99",
        "MaThamChieu": REFERENCE,
        "ThoiGianGD": world.ASKED_AT,
        "MaXacThuc": CONFIRM["MaXacThuc"],
    }


def test_the_acknowledgement_may_follow_the_assumed_formula():
    answer = json.loads(taken(CONFIRM, ack_mac="assumed").answer("settled").body)
    assert answer["MaXacThuc"] == vector("V15")["hex"]


def test_a_failed_payment_may_be_echoed():
    failed = sealed(MaLoi="07")
    assert told(taken(failed), "failed") == (200, "00")
    assert told(taken(failed, ack_for_failed="echo"), "failed") == (200, "07")


@given(st.binary(max_size=300) | st.dictionaries(st.sampled_from(list(CONFIRM)), st.none() | st.integers() | st.text(max_size=9)).map(lambda each: json.dumps(each).encode()))  # fmt: skip
def test_no_bytes_are_believed_or_raise(body):
    assert isinstance(read(body), Refusal)


def test_an_unknown_path_is_not_found():
    refusal = world.adapter().read_callback(call(CONFIRM, path="other"), world.context())
    assert isinstance(refusal, Refusal)
    assert refusal.answer.status == 404
