"""INIT, QUERY and GET_BILL as they leave (payment_platform §5.1, §5.2, §5.6, §5.7)."""

from __future__ import annotations

import json
from unicodedata import normalize

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.payment_platform import build
from gateway.domain.dossier import FeeKind
from gateway.domain.errors import CannotEncode, ConfigurationError
from gateway.domain.payment import MOST_VND
from gateway.domain.payment_order import Beneficiary, OrderAgency, OrderItem, OrderPayer, OrderProcedure
from gateway.port import Context, Secret
from tests.unit import payment_world as world
from tests.unit.payment_world import body_of, context, delivery, order, vector


def sent(of=None, **changes):
    return body_of(world.adapter(**changes).encode([delivery(of)], context()))


def refused(of, **changes):
    with pytest.raises(CannotEncode) as told:
        world.adapter(**changes).encode([delivery(of)], context())
    return told.value


def test_the_contracts_example_is_made_byte_for_byte():
    expected = json.loads((world.VECTORS / "payment_platform_init.json").read_text())
    request = world.adapter().encode([delivery()], context())
    assert json.loads(request.body) == expected
    assert list(json.loads(request.body)) == list(expected)
    assert expected["MaXacThuc"] == vector("V01")["hex"]


def test_the_request_has_no_other_time_than_the_orders():
    adapter = world.adapter()
    later = Context(now=world.NOW.replace(hour=19))
    assert adapter.encode([delivery()], later) == adapter.encode([delivery()], context())


def test_a_platform_in_front_gets_its_static_token():
    bearer = {"bearer": Secret("the-mo-phong-0001")}
    request = world.adapter(of_partner=bearer).encode([delivery()], context())
    assert ("authorization", "Bearer the-mo-phong-0001") in request.headers
    assert not [
        name for name, _ in world.adapter().encode([delivery()], context()).headers if name == "authorization"
    ]


def test_text_is_composed_before_it_is_hashed():
    # §4 rule 8, V02 and V03: the same words in another form would have another code
    told = "Thanh toán hồ sơ H99.15-260928-0007"
    composed = sent(order(purpose=told), ascii_purpose=False)
    assert sent(order(purpose=normalize("NFD", told)), ascii_purpose=False) == composed
    assert composed["MaXacThuc"] == vector("V02")["hex"]


def test_amounts_above_int32_leave_whole():
    message = sent(world.single(3_500_000_000))
    assert message["MaXacThuc"] == vector("V04")["hex"]
    assert sent(world.single(MOST_VND))["SoTien"] == "999999999999999"
    assert sent(world.single(2_147_483_648))["SoTien"] == "2147483648"


@pytest.mark.parametrize("amount", [0, -1, MOST_VND + 1])
def test_an_amount_that_is_none_is_refused(amount):
    assert refused(world.single(amount)).violations[0].pointer in {"/amount", "/items"}


def test_the_three_sums_must_be_one():
    told = refused(order(amount=250_001))
    assert [(each.pointer, each.code) for each in told.violations] == [("/amount", "sums_differ")]
    assert "PhiLePhi 250000" in told.violations[0].got


def test_items_of_nothing_are_left_out():
    free = OrderItem(kind=FeeKind.CHARGE, name="Được miễn", amount=0)
    message = sent(order(items=[*order().items, free]))
    assert [row["SoTien"] for row in message["ThongTinBienLai"]["PhiLePhi"]] == ["200000", "50000"]


@pytest.mark.parametrize("letter", ["|", "\r", "\n", "\t", "\x00", "\x85", "\u2028", "\ufffe"])
@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("/payer/name", lambda text: {"payer": OrderPayer(name=text)}),
        ("/procedure/name", lambda text: {"procedure": OrderProcedure(code="9.999001", name=text)}),
        ("/agency/name", lambda text: {"agency": OrderAgency(code="H99.15", name=text)}),
        ("/purpose", lambda text: {"purpose": text}),
        ("/items/0/name", lambda text: {"items": [OrderItem(kind=FeeKind.FEE, name=text, amount=250_000)]}),
    ],
)
def test_a_separator_or_control_character_is_refused_everywhere(letter, pointer, change):
    told = refused(order(**change(f"a{letter}b")))
    found = [each for each in told.violations if each.code == "forbidden_character"]
    assert pointer in {each.pointer for each in found}


def test_lengths_are_the_safe_maxima():
    assert refused(order(purpose="x" * 211)).violations[0].code == "too_long"
    assert refused(order(payer=OrderPayer(name="x" * 101))).violations[0].pointer == "/payer/name"
    long = OrderProcedure(code="9.999001", name="ấ" * 300)
    assert sent(order(procedure=long))["ThongTinBienLai"]["TenTTHC"].endswith("...")


@pytest.mark.parametrize("reference", ["", "A" * 21, "PG-1", "PG 1", "PGĐ", "PG1\n"])
def test_a_reference_is_twenty_letters_and_digits(reference):
    assert refused(order(reference=reference)).violations[0].pointer == "/reference"


@pytest.mark.parametrize(
    "moment", ["", "20260928", "20260928023015 ", "20261328143015", "2026092814301", "20260928243015"]
)
def test_the_moment_is_fourteen_digits_of_a_24_hour_clock(moment):
    assert refused(order(asked_at=moment)).violations[0].pointer == "/asked_at"


def test_only_dong_are_asked_for():
    assert refused(order(currency="USD")).violations[0].pointer == "/currency"


def test_an_unknown_partner_is_never_signed_for():
    assert "no partner" in str(refused(order(partner="FOREIGN")))


def test_accounts_go_by_order_then_procedure_then_default():
    own = Beneficiary(account="1180000000009", bank="DEMO02", name="RIENG")
    other = Beneficiary(account="1180000000002", bank="DEMO01", name="THEO THU TUC")
    by_procedure = {"accounts": {"9.999001": other}}

    def account(of, **changes):
        return sent(of, **changes)["ThongTinBienLai"]["TKThuHuong"]

    assert account(order(beneficiary=own), of_partner=by_procedure) == "1180000000009"
    assert account(order(), of_partner=by_procedure) == "1180000000002"
    assert account(order()) == "1180000000001"
    assert refused(order(), of_partner={"account": None}).violations[0].code == "no_account"


def test_each_partner_has_its_own_key_and_profile():
    own = world.partner(
        secret=Secret("another-secret-2026"),
        fees={"fee": "Phi", "codes": "service", "rows": "one"},
        agency=OrderAgency(code="H99.15.01", name="UBND xã Mẫu"),
        service_as_number=True,
    )
    partners = {"DEMOH99": world.partner(), "DEMOXA": own}
    message = sent(order(partner="DEMOXA"), partners=partners, default_partner="DEMOH99")
    assert message["MaXacThuc"] != vector("V01")["hex"]
    info = message["ThongTinBienLai"]
    assert info["PhiLePhi"] == [
        {
            "LoaiPhiLePhi": "Phi",
            "MaPhiLePhi": "9.999001.01",
            "TenPhiLePhi": "Cấp giấy phép mẫu",
            "SoTien": "250000",
        }
    ]
    assert (info["MaDonVi"], info["MaCoQuanQD"], info["MaDichVu"]) == ("H99.15.01", "H99.15.01", 2)


def test_the_previous_secret_never_signs():
    rotated = {"secret": Secret("the-new-secret-of-2027"), "previous_secret": Secret(world.SECRET)}
    assert sent(of_partner=rotated)["MaXacThuc"] != vector("V01")["hex"]


def test_an_order_has_no_decision_to_pay_under():
    told = refused(order(), of_partner={"service_type": "1"})
    assert {each.expected.partition(":")[0] for each in told.violations} >= {"KhoBac", "SoQD", "NgayQD"}


def test_the_question_repeats_the_inits_own_time():
    # §13, pitfall 4: V09 with the time that was sent, never V11's twelve-hour one
    adapter = world.adapter()
    request = adapter.encode_query([delivery()], context())
    assert body_of(request)["MaXacThuc"] == vector("V09")["hex"] != vector("V11")["hex"]
    assert request.url.endswith("/query")


def test_the_reads_ask_with_the_same_five_fields():
    adapter = world.adapter()
    asked = {"partner": "DEMOH99", "reference": world.REFERENCE, "asked_at": world.ASKED_AT}
    payment, bill = (adapter.encode_read(name, asked, context()) for name in ("payment", "bill"))
    assert payment == adapter.encode_query([delivery()], context())
    assert body_of(bill)["MaXacThuc"] == vector("V10")["hex"]
    assert (bill.url, bill.timeout) == ("https://lgsp.h99.example/platform/bill", 60.0)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{}", b"{", b"\xff", b'{"reference": 5}'])
def test_a_payload_that_is_no_order_is_refused(payload):
    for call in (world.adapter().encode, world.adapter().encode_query):
        with pytest.raises(CannotEncode):
            call([delivery(payload=payload)], context())


@given(
    amounts=st.lists(st.integers(0, 10**13), min_size=1, max_size=9).filter(any),
    rows=st.sampled_from(["each", "one"]),
)
def test_whatever_the_items_the_money_is_the_same_in_three_places(amounts, rows):
    kinds = [FeeKind.FEE if place % 2 else FeeKind.CHARGE for place in range(len(amounts))]
    items = [
        OrderItem(kind=kind, name=f"Khoản {place}", amount=amount)
        for place, (kind, amount) in enumerate(zip(kinds, amounts, strict=True))
    ]
    message = sent(order(amount=sum(amounts), items=items), of_partner={"fees": {"rows": rows}})
    info = message["ThongTinBienLai"]
    sums = [sum(int(row["SoTien"]) for row in info[name]) for name in ("PhiLePhi", "DSKhoanNop")]
    assert sums == [sum(amounts)] * 2
    assert int(message["SoTien"]) == sum(amounts)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"partners": {}}, "partners"),
        ({"partners": {"A|B": world.partner()}}, "MaDoiTac"),
        ({"partners": {"A": world.partner(secret=Secret("short"))}}, "secret"),
        ({"partners": {"A": world.partner(previous_secret=Secret(world.SECRET))}}, "previous_secret"),
        ({"partners": {"A": world.partner(init_url="http://lgsp.h99.example/init")}}, "init_url"),
        ({"partners": {"A": world.partner(), "B": world.partner()}}, "default_partner"),
        ({"default_partner": "B"}, "default_partner"),
        ({"paid_states": ["1"], "pending_states": ["1"]}, "TrangThaiGD"),
        ({"refusal_codes": ["00"]}, "refusal_codes"),
        ({"purpose": "{nobody}"}, "purpose"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_their_key(changes, word):
    with pytest.raises(ConfigurationError, match=word):
        build(world.settings(**changes))


def test_no_secret_shows_in_settings_or_errors():
    given = world.settings(of_partner={"bearer": Secret("the-mo-phong-0001")})
    told = f"{given!r} {refused(order(amount=1))} {world.adapter()!r} {msgspec.structs.asdict(given)}"
    assert world.SECRET not in told
    assert "the-mo-phong" not in told
