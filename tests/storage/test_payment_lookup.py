"""What the platform looks up before anybody pays (payment_platform §8.1), on both engines."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from gateway.domain.errors import StorageUnavailable
from gateway.inbound import payments
from gateway.inbound.sampling import Sampler
from gateway.storage.payment_lookup import attempt_state
from tests.payment_door_world import DOSSIER, DoorWorld, confirm, told
from tests.unit.payment_world import CONFIRM, REFERENCE

DOOR = "dptracuuthanhtoanhs"
NOTHING = {"error_code": 0, "message": []}
FAILED = {"error_code": -1, "message": []}


@pytest.fixture
def world(database):
    return DoorWorld(database)


async def look_up(world, dossier=DOSSIER, **request):
    answer = await world.tell({"MaHoSo": dossier}, DOOR, **request)
    assert answer.status == 200
    return json.loads(answer.body)


async def test_open_debt_is_told_as_it_was_asked_for(world):
    await world.open()

    found = await look_up(world)

    assert found["error_code"] == 1
    message = found["message"]
    assert (message["transaction_id"], message["client_id"]) == (REFERENCE, "DEMOH99")
    assert (message["MaHoSo"], message["HoTenNguoiNop"]) == (DOSSIER, "Nguyễn Văn Mẫu")
    assert [each["SoTien"] for each in message["PhiLePhi"]] == ["250000"]


async def test_looking_up_changes_nothing_but_the_log(world):
    await world.open()
    before = world.money()

    await look_up(world)
    await look_up(world)

    assert world.money() == before
    assert [row[2:] for row in world.log() if row[0] == "response"] == [("payable", "lookup", DOSSIER)] * 2


async def test_payer_is_told_on_the_wire_and_masked_in_the_log(world):
    await world.open()
    await look_up(world)

    [_, logged] = world.bodies()
    assert REFERENCE.encode() in logged
    for personal in ("Nguyễn Văn Mẫu", "099000000001", "Số 1 đường Mẫu"):
        assert personal.encode() not in logged
        assert json.dumps(personal)[1:-1].encode() not in logged


async def test_unknown_dossier_and_dossier_without_debt_owe_nothing(world):
    await world.add_dossier()
    assert await look_up(world) == NOTHING
    assert await look_up(world, "H99.99-000000-0000") == NOTHING


@pytest.mark.parametrize("state", ["paid", "failed", "expired", "pending", "quarantined"])
async def test_what_is_paid_or_being_paid_is_not_offered_again(world, state):
    await world.open()
    await world.database.write(
        lambda tx: tx._cursor.execute(f"UPDATE payment_attempt SET state = '{state}'")  # noqa: S608
    )
    assert await look_up(world) == NOTHING


async def test_debt_is_gone_once_its_report_has_come(world):
    await world.open()
    assert told(await world.tell(CONFIRM)) == (200, "00")

    assert await look_up(world) == NOTHING


async def test_of_two_debts_the_older_is_told_first(world):
    await world.open(amount=90_000, purpose="first")
    await world.open("PG2609280000B8K3M9QX", amount=10_000, purpose="second")

    assert (await look_up(world))["message"]["transaction_id"] == REFERENCE
    await world.tell(confirm(SoTien=90_000))
    assert (await look_up(world))["message"]["transaction_id"] == "PG2609280000B8K3M9QX"


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", {}, {"MaHoSo": ""}, {"MaHoSo": 7}, {"MaHoSo": "x" * 51}, b'{"MaHoSo":"a","MaHoSo":"b"}'],
)
async def test_look_up_that_names_nothing_fails_as_the_contract_says(world, document):
    answer = await world.tell(document, DOOR)
    assert (answer.status, json.loads(answer.body)["error_code"]) in {(200, -1), (200, 0)}


async def test_look_up_from_another_network_is_told_nothing(database):
    world = DoorWorld(database, callback_networks=["10.20.0.0/16"])
    await world.open()

    assert await look_up(world, peer="203.0.113.9") == FAILED
    assert (await look_up(world, peer="10.20.0.9"))["error_code"] == 1


async def test_look_ups_are_limited_and_payments_are_not(world, monkeypatch):
    await world.open()
    monkeypatch.setattr(payments, "LOOKUPS_A_MINUTE", 3.0)

    found = [await look_up(world) for _ in range(6)]

    assert [each["error_code"] for each in found] == [1, 1, 1, -1, -1, -1]
    assert told(await world.tell(CONFIRM)) == (200, "00")


async def test_look_up_without_a_database_fails_and_works_again(world):
    await world.open()

    class Away:
        def __getattr__(self, name):
            return getattr(world.database, name)

        async def read(self, question):
            raise StorageUnavailable("away")

    world.callbacks._hub = replace(world.hub, database=Away())
    assert await look_up(world) == FAILED
    world.callbacks._hub = world.hub
    assert (await look_up(world))["error_code"] == 1


async def test_state_of_an_attempt_is_found_by_partner_and_reference_only(world):
    await world.open()
    ask = world.database.ask

    assert ask(lambda c: attempt_state(c, "DEMOH99", REFERENCE)) == "created"
    assert ask(lambda c: attempt_state(c, "OTHER", REFERENCE)) is None
    assert ask(lambda c: attempt_state(c, "DEMOH99", "PG%")) is None


def test_sampler_grants_its_burst_then_its_rate_and_counts_what_it_passed_over():
    now = [0.0]
    sampler = Sampler(lambda: now[0])
    assert [sampler.take("a", 2.0) for _ in range(4)] == [0, 0, None, None]
    assert sampler.take("b", 2.0) == 0
    now[0] = 30.0
    assert [sampler.take("a", 2.0) for _ in range(2)] == [2, None]
    now[0] = 1000.0
    assert [sampler.take("a", 2.0) for _ in range(3)] == [1, 0, None]
    assert sampler.take("never", 0.0) is None
    assert [sampler.take("c", 60.0, at_once=2.0) for _ in range(3)] == [0, 0, None]
    now[0] = 1001.0
    assert [sampler.take("c", 60.0, at_once=2.0) for _ in range(2)] == [1, None]
