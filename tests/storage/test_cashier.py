"""Asking for money on real databases: once for one purpose, complete or not at all, and byte for byte as previewed."""

from __future__ import annotations

import asyncio
import itertools
import json

import msgspec
import pytest

from gateway.domain.dossier import Applicant, ApplicantKind, Fee, FeeKind, Identity, IdentityKind, Procedure
from gateway.domain.errors import ConflictError, NotFoundError, RecordError
from gateway.domain.payment_order import OrderItem, OrderPayer
from gateway.payments.cashier import Cashier, PaymentWish
from gateway.storage.schema import message
from tests.log_reading import logged_bodies
from tests.payment_gateway import ACTOR, AMOUNT, DOSSIER, FEES, NAME, payment_gateway
from tests.unit import portal

TABLES = ("payment_request", "payment_attempt", "delivery", "settlement", "event", "message")


@pytest.fixture
async def world(database_url):
    async with payment_gateway(database_url) as opened:
        yield opened


def counts(world):
    return {name: world.rows(f"SELECT count(*) FROM {name}")[0][0] for name in TABLES}  # noqa: S608 - our names


def pointers(fault):
    return {each.pointer: each.code for each in fault.value.violations}


def wish(**changes):
    return PaymentWish(**{"dossier": DOSSIER, "actor": ACTOR, **changes})


async def test_request_attempt_and_delivery_come_into_being_together(world):
    await world.accept()
    made = await world.ask()

    attempt = world.attempt(made.reference)
    assert (made.result, made.attempt) == ("begun", str(attempt["id"]))
    assert (attempt["state"], attempt["amount"], attempt["partner"]) == ("created", AMOUNT, "DEMOH99")
    assert attempt["asked_at"] == "20260928143015"
    [(key, payload)] = world.rows("SELECT key, payload FROM delivery WHERE operation = 'init'")
    order = json.loads(payload)
    assert (key, order["reference"], order["asked_at"]) == (
        made.reference,
        made.reference,
        attempt["asked_at"],
    )
    assert [item["amount"] for item in order["items"]] == [200_000, 50_000]
    assert (order["payer"]["name"], order["payer"]["identity"]) == ("Nguyễn Văn Thử", "099000000001")
    assert world.rows("SELECT created_by, state FROM payment_request") == [(ACTOR, "open")]


async def test_what_leaves_is_what_was_previewed_byte_for_byte(world):
    await world.accept()
    chances = itertools.repeat(7)
    world.gateway.payments.cashier._chance = lambda: next(chances)
    preview = await world.gateway.payments.cashier.preview(wish())
    assert (preview.result, counts(world)["payment_request"]) == ("begun", 0)

    made = await world.ask()
    same = await world.gateway.payments.cashier.preview(wish())
    await world.work()

    sent = (message.c.operation == "init", message.c.kind == "request")
    [request] = logged_bodies(world.gateway.database, *sent)
    assert preview.order.reference == made.reference
    assert same.result == "going_on"
    assert preview.request == same.request
    assert request == preview.request.body


async def test_the_same_wish_gives_the_same_attempt_however_often_and_at_once(world):
    await world.accept()
    made = await asyncio.gather(*(world.ask() for _ in range(50)))

    assert len({each.reference for each in made}) == len({each.payment for each in made}) == 1
    assert sorted(each.result for each in made) == ["begun"] + ["going_on"] * 49
    assert counts(world)["payment_attempt"] == 1
    await world.work()
    assert world.said("init") == 1


async def test_a_dossier_that_moves_on_keeps_its_payment(world):
    await world.accept()
    first = await world.ask()
    moved = Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn Văn Thử", address="Số 2 đường Mới")
    await world.accept(version=2, applicant=moved)

    assert (await world.ask()).reference == first.reference


async def test_another_amount_for_the_same_purpose_is_refused(world):
    await world.accept()
    await world.ask()
    await world.accept(version=2, fees=[*FEES, Fee(id="3", name="Thêm", kind=FeeKind.FEE, amount=1)])

    with pytest.raises(ConflictError, match="cancel that request first"):
        await world.ask()
    assert counts(world)["payment_attempt"] == 1


async def test_another_payer_for_the_same_purpose_is_refused(world):
    await world.accept()
    await world.ask()
    with pytest.raises(ConflictError):
        await world.ask(payer=OrderPayer(name="Trần Thị Khác"))


async def test_fees_that_are_paid_and_fees_of_nothing_are_not_asked_for(world):
    paid = Fee(id="3", name="Đã nộp", kind=FeeKind.FEE, amount=999, paid_at=portal.at(16, 9))
    nothing = Fee(id="4", name="Miễn", kind=FeeKind.CHARGE, amount=0)
    await world.accept(fees=[paid, *FEES, nothing])
    await world.ask()
    assert world.rows("SELECT amount FROM payment_request") == [(AMOUNT,)]


async def test_given_items_and_payer_are_asked_for_instead(world):
    await world.accept()
    items = (OrderItem(kind=FeeKind.FEE, name="Bản sao", amount=8_000_000_000),)
    made = await world.ask(purpose="copies", items=items, payer=OrderPayer(name="Trần Thị Khác"))
    await world.work()

    assert world.attempt(made.reference)["amount"] == 8_000_000_000  # beyond 32 bits (§13, pitfall 13)
    [(terms,)] = world.rows("SELECT terms FROM payment_request")
    assert json.loads(terms)["payer"] == {"name": "Trần Thị Khác"}
    assert world.transaction(made.reference)["SoTien"] == 8_000_000_000


REFUSED = {
    "a name with a separator": (
        {"applicant": Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn | Thử")},
        {},
        {"/applicant/name": "forbidden_character"},
    ),
    "a name too long for the receipt": (
        {"applicant": Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn " * 20)},
        {},
        {"/applicant/name": "too_long"},
    ),
    "a fee's name with a line end": (
        {"fees": [FEES[0], Fee(id="2", name="Lệ\nphí", kind=FeeKind.CHARGE, amount=1)]},
        {},
        {"/fees/1/name": "forbidden_character"},
    ),
    "an identity number of two": (
        {
            "applicant": Applicant(
                kind=ApplicantKind.CITIZEN,
                name="Nguyễn Văn Thử",
                identities=[
                    Identity(kind=IdentityKind.PASSPORT, number="A1234567"),
                    Identity(kind=IdentityKind.PERSONAL_ID, number="0" * 26),
                ],
            )
        },
        {},
        {"/applicant/identities/1/number": "too_long"},
    ),
    "a procedure without a name": (
        {"procedure": Procedure(code="1.009901")},
        {},
        {"/procedure/name": "missing"},
    ),
    "nothing to pay": ({"fees": []}, {}, {"/fees": "nothing_to_pay"}),
    "items of nothing": ({}, {"items": ()}, {"/items": "nothing_to_pay"}),
    "an item below nothing": (
        {},
        {
            "items": (
                OrderItem(kind=FeeKind.FEE, name="Phí", amount=5),
                OrderItem(kind=FeeKind.FEE, name="Giảm", amount=-1),
            )
        },
        {"/items/1/amount": "amount"},
    ),
    "too much money": (
        {},
        {"items": tuple(OrderItem(kind=FeeKind.FEE, name="Phí", amount=10**15 - 1) for _ in range(2))},
        {"/items": "amount"},
    ),
    "a given name with a separator": (
        {},
        {"payer": OrderPayer(name="A|B")},
        {"/payer/name": "forbidden_character"},
    ),
    "a purpose that is no key": ({}, {"purpose": "Lệ phí"}, {"/purpose": "pattern"}),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_sent_is_refused_before_anything_is_written(world, name):
    dossier, asked, expected = REFUSED[name]
    await world.accept(**dossier)
    before = counts(world)

    with pytest.raises(RecordError) as fault:
        await world.ask(**asked)

    assert pointers(fault).items() >= expected.items()
    assert all(each.got and each.expected and each.advice for each in fault.value.violations)
    assert counts(world) == before
    with pytest.raises(RecordError):
        await world.gateway.payments.cashier.preview(wish(**asked))


async def test_an_unknown_dossier_and_an_unknown_platform_are_said_to_be(world):
    with pytest.raises(NotFoundError, match="no dossier"):
        await world.ask()
    with pytest.raises(NotFoundError, match="no payment platform 'elsewhere'"):
        await world.ask(destination="elsewhere")


async def nobody_is_asked(attempt):
    raise AssertionError(attempt)


async def test_with_several_platforms_one_must_be_named(world):
    own = world.gateway.destinations[NAME]
    cashier = Cashier(
        world.gateway.database,
        {"a": own, "b": own},
        world.clock,
        wake=print,
        chance=lambda: 1,
        ask=nobody_is_asked,
    )
    with pytest.raises(RecordError) as fault:
        await cashier.create(wish())
    assert pointers(fault) == {"/destination": "missing"}
    nobody = Cashier(
        world.gateway.database, {}, world.clock, wake=print, chance=lambda: 1, ask=nobody_is_asked
    )
    with pytest.raises(NotFoundError, match="no payment platform is switched on"):
        await nobody.create(wish())


async def test_a_reference_that_exists_is_never_used_again(world):
    await world.accept()
    await world.accept(code="H99.14-240115-0008")
    world.gateway.payments.cashier._chance = lambda: 7
    first = await world.ask()
    await world.work()
    await world.press(first.reference, "fail")
    world.clock.move(seconds=121)
    await world.sweep()
    assert world.states() == ["failed"]

    for code in (DOSSIER, "H99.14-240115-0008"):
        with pytest.raises(ConflictError, match="was used before"):
            await world.ask(code)
    assert (counts(world)["payment_request"], counts(world)["payment_attempt"]) == (1, 1)
    world.gateway.payments.cashier._chance = lambda: 8
    assert (await world.ask()).result == "begun"


async def test_a_settled_payment_is_not_asked_for_again_whatever_the_dossier_says_by_now(world):
    reference = await world.begin()
    await world.press(reference)
    await world.hear(reference)
    paid = [msgspec.structs.replace(fee, paid_at=portal.at(16, 9)) for fee in FEES]
    await world.accept(version=2, fees=paid)

    made = await world.ask()

    assert (made.result, made.reference) == ("paid", reference)
    assert (await world.gateway.payments.cashier.preview(wish())).result == "paid"
