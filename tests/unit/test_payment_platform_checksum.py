"""Every vector of Appendix A and B, and what a check code must refuse (payment_platform §4, §10)."""

from __future__ import annotations

import hashlib
import hmac
import json
from unicodedata import normalize

import pytest

from mappings.payment_platform import checksum
from mappings.payment_platform.neighbours import KEYPAY_ORDER, PAYGOV_ORDER, keypay, paygov
from tests.unit.payment_world import CONFIRM, QUERIED, REFERENCE, SECRET, TAKEN, VECTORS, vector

ALL = json.loads((VECTORS / "payment_platform.json").read_text())
INIT_ROWS = ("V01", "V02", "V03", "V04")
CONFIRM_ROWS = ("V05", "V06", "V07", "V08")


def fields(name: str, order: tuple[str, ...]) -> dict[str, str]:
    """The message behind a vector: its values in the order of the hash, without the secret."""
    values = vector(name)["string"].split("|")
    assert values[-1] == SECRET
    assert len(values) == len(order) + 1
    return dict(zip(order, values, strict=False))


def test_every_vector_is_here():
    assert len(ALL) == 25
    assert all(len(each["string"].encode()) == each["utf8_bytes"] for each in ALL)


@pytest.mark.parametrize("name", INIT_ROWS)
def test_init_vectors(name):
    assert checksum.mac("INIT", fields(name, checksum.ORDER["INIT"]), SECRET) == vector(name)["hex"]


@pytest.mark.parametrize("name", CONFIRM_ROWS)
def test_confirm_vectors(name):
    message = fields(name, checksum.ORDER["CONFIRM"])
    assert checksum.mac("CONFIRM", message, SECRET) == vector(name)["hex"]


@pytest.mark.parametrize(("name", "kind"), [("V09", "QUERY"), ("V10", "GET_BILL"), ("V11", "QUERY")])
def test_question_vectors(name, kind):
    assert checksum.mac(kind, fields(name, checksum.ORDER[kind]), SECRET) == vector(name)["hex"]


def test_a_missing_field_and_null_are_empty():
    message = fields("V07", checksum.ORDER["CONFIRM"])
    absent = {name: value for name, value in message.items() if value}
    null = {**message, "MaGiaoDich": None, "MaNganHang": None}
    assert checksum.mac("CONFIRM", absent, SECRET) == vector("V07")["hex"]
    assert checksum.mac("CONFIRM", null, SECRET) == vector("V07")["hex"]


def test_an_integer_is_hashed_in_plain_decimal():
    message = {**fields("V05", checksum.ORDER["CONFIRM"]), "SoTien": 250000}
    assert checksum.mac("CONFIRM", message, SECRET) == vector("V05")["hex"]


@pytest.mark.parametrize("value", [250000.0, True, ["250000"], {"a": 1}])
def test_what_is_neither_text_nor_integer_is_not_hashed(value):
    with pytest.raises(checksum.Unhashable):
        checksum.mac("CONFIRM", {**CONFIRM, "SoTien": value}, SECRET)


def test_decomposed_text_has_another_code():
    composed = fields("V02", checksum.ORDER["INIT"])
    apart = {name: normalize("NFD", value) for name, value in composed.items()}
    assert checksum.mac("INIT", apart, SECRET) == vector("V03")["hex"] != vector("V02")["hex"]


def test_receipt_vector_of_the_tax_authority():
    order = ("MaDoiTac", "MaThamChieu", "ThoiGianGD")
    assert checksum.code(order, fields("V12", order), SECRET) == vector("V12")["hex"]


def test_assumed_answer_vectors():
    confirm, short = checksum.ANSWER_ORDERS["confirm_order"], checksum.ANSWER_ORDERS["short"]
    for name, order in (
        ("V13", confirm),
        ("V14", confirm),
        ("V15", short),
        ("V16", checksum.RETURN_ORDER),
    ):
        assert checksum.code(order, fields(name, order), SECRET) == vector(name)["hex"]


def test_answer_proof_names_the_formula():
    assert checksum.answer_proof(QUERIED, (SECRET,)) == "confirm_order"
    assert checksum.answer_proof({"ThoiGianGD": "20260928143015", **TAKEN}, (SECRET,)) == "short"
    assert checksum.answer_proof({**QUERIED, "SoTien": 1}, (SECRET,)) == "wrong"
    assert checksum.answer_proof({**QUERIED, "SoTien": 1.5}, (SECRET,)) == "wrong"
    assert checksum.answer_proof({**QUERIED, "MaXacThuc": None}, (SECRET,)) == "none"


def test_two_messages_with_a_separator_have_one_code():
    one = {**CONFIRM, "MaGiaoDich": "A|B", "MaNganHang": "C", "ThongTinGiaoDich": "X"}
    other = {**one, "MaGiaoDich": "A", "MaNganHang": "B|C"}
    assert checksum.mac("CONFIRM", one, SECRET) == vector("V17a")["hex"]
    assert checksum.mac("CONFIRM", other, SECRET) == vector("V17b")["hex"] == vector("V17a")["hex"]


def test_the_superseded_hmac_is_refused():
    text = checksum.joined(checksum.ORDER["INIT"], fields("V01", checksum.ORDER["INIT"]))
    old = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert old == vector("V18")["hex"]
    message = {**fields("V01", checksum.ORDER["INIT"]), "MaXacThuc": old}
    assert not checksum.verify("INIT", message, (SECRET,))


def test_the_kind_of_a_message_is_not_read_from_it():
    # §4: a QUERY's code does not verify as GET_BILL's although both have the same fields
    query = {**fields("V09", checksum.ORDER["QUERY"]), "MaXacThuc": vector("V09")["hex"]}
    assert checksum.verify("QUERY", query, (SECRET,))
    assert not checksum.verify("CONFIRM", query, (SECRET,))
    assert checksum.mac("CONFIRM", {**CONFIRM, "LoaiBanTin": "anything"}, SECRET) != CONFIRM["MaXacThuc"]


@pytest.mark.parametrize("code", [None, 5, "", "0" * 64, "é" * 64, "\ud800", ["a"]])
def test_a_code_that_is_no_code_is_refused(code):
    assert not checksum.verify("CONFIRM", {**CONFIRM, "MaXacThuc": code}, (SECRET,))


def test_upper_case_is_refused_unless_it_is_allowed():
    upper = {**CONFIRM, "MaXacThuc": CONFIRM["MaXacThuc"].upper()}
    assert not checksum.verify("CONFIRM", upper, (SECRET,))
    assert checksum.verify("CONFIRM", upper, (SECRET,), any_case=True)


def test_an_old_secret_verifies_while_it_is_listed():
    assert checksum.verify("CONFIRM", CONFIRM, ("the-new-secret-of-2027", SECRET))
    assert not checksum.verify("CONFIRM", CONFIRM, ("the-new-secret-of-2027",))


def test_the_codes_of_every_secret_are_compared_in_constant_time(monkeypatch):
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(checksum.hmac, "compare_digest", lambda a, b: compared.append(a) or real(a, b))
    assert checksum.verify("CONFIRM", CONFIRM, (SECRET, "another-secret-2025"))
    assert len(compared) == 2  # a first match does not end it


KEYPAY = {
    "addition_fee": "0",
    "client_id": "DEMOCLIENT",
    "command": "PAY",
    "trans_amount": "250000",
    "transaction_id": "12345_6f1b2c3d-4e5f-",
    "version": "3.0",
}


@pytest.mark.parametrize(
    ("name", "kind", "message", "key"),
    [
        ("K1", "create", KEYPAY, "KP-KEY1-DEMO"),
        ("K2", "callback", KEYPAY, "KP-KEY2-DEMO"),
        ("K3", "detail", KEYPAY, "KP-KEY1-DEMO"),
        (
            "K4",
            "refund",
            {
                "amount": "250000",
                "client_id": "DEMOCLIENT",
                "command": "REFUND",
                "reason": "Hoan phi ho so",
                "transaction_id": "20260928-12345",
            },
            "KP-KEY1-DEMO",
        ),
        (
            "K5",
            "refund_detail",
            {"client_id": "DEMOCLIENT", "command": "REFUND", "transaction_refund_code": "RF0001"},
            "KP-KEY1-DEMO",
        ),
    ],
)
def test_keypay_vectors(name, kind, message, key):
    assert "|".join(message[each] for each in KEYPAY_ORDER[kind]) == vector(name)["string"]
    assert keypay(kind, message, key) == vector(name)["hex"]


def test_paygov_vector():
    message = {
        "accessKey": "AK-DEMO",
        "partnerCode": "PAYGOV-DEMO",
        "orderId": "000.00.15.H99-H99.15-260928-0007-01",
        "requestCode": "123451790000000000",
        "amount": "250000",
    }
    assert (
        "".join({**message, "secretKey": "SK-DEMO"}[name] for name in PAYGOV_ORDER) == vector("P1")["string"]
    )
    assert paygov(message, "SK-DEMO") == vector("P1")["hex"]


def test_the_reference_of_the_vectors_is_the_examples():
    assert fields("V01", checksum.ORDER["INIT"])["MaThamChieu"] == REFERENCE
