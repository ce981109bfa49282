"""Erasure over HTTP: planned first, approved by a second person, carried out at once, and nothing before that."""

import pytest

from gateway.settings import ApprovalSettings
from gateway.storage.clients import Scope
from tests.api_world import open_world

CANARY = "Nguyễn Thị Canary"
PERSON = {"kind": "citizen", "name": CANARY}
ERASURE = "/v1/dossiers/H99-1/erasure"
WHY = {"reason": "đơn của công dân số 12"}
DONE = {
    "status": "returned",
    "summary": "not for the board",
    "finished_at": "2026-09-29T10:00:00+07:00",
    "returned_at": "2026-09-29T11:00:00+07:00",
}


@pytest.fixture
async def world(database_url, tmp_path):
    required = ApprovalSettings(required=["dossier.erase"])
    async with open_world(database_url, keys=tmp_path / "keys", approvals=required) as opened:
        await opened.put(applicant=PERSON, **DONE)
        await read_events(opened)
        yield opened


async def read_events(world):
    """Everybody here has read every event."""
    from gateway.storage import upkeep
    from gateway.storage.sql import Statement

    while (await world.gateway.database.write(upkeep.seal)).messages:
        continue
    everything = Statement("DELETE FROM event")
    await world.gateway.database.write(lambda tx: tx.run(everything, {}))


async def name(world):
    record = (await world.call("GET", "/v1/dossiers/H99-1")).json()["record"]
    return record["applicant"]["name"]


async def test_plan_says_what_goes_and_changes_nothing(world):
    plan = await world.call("GET", ERASURE)

    assert plan.status_code == 200, plan.text
    assert plan.json()["obstacles"] == []
    assert CANARY not in plan.text
    assert await name(world) == CANARY


async def test_second_person_carries_the_erasure_out(world):
    waiting = await world.call("POST", ERASURE, json=WHY, headers={"X-Operator": "an"})
    assert waiting.status_code == 428, waiting.text
    assert await name(world) == CANARY

    approve = f"/v1/approvals/{waiting.json()['approval']}/approve"
    own = await world.call("POST", approve, json={"reason": "tự duyệt"}, headers={"X-Operator": "AN"})
    assert own.status_code == 409
    assert await name(world) == CANARY
    said = await world.call("POST", approve, json={"reason": "đã xem đơn"}, headers={"X-Operator": "binh"})

    assert (said.status_code, said.json()["done"], said.json()["trouble"]) == (200, True, None)
    assert said.json()["approval"]["state"] == "carried_out"
    assert await name(world) != CANARY


async def test_erasure_of_what_has_changed_since_needs_another_approval(world):
    waiting = await world.call("POST", ERASURE, json=WHY, headers={"X-Operator": "an"})
    await world.put(version=2, applicant=PERSON, **DONE)
    await read_events(world)
    approve = f"/v1/approvals/{waiting.json()['approval']}/approve"
    said = await world.call("POST", approve, json={"reason": "đã xem đơn"}, headers={"X-Operator": "binh"})

    assert (said.json()["done"], await name(world)) == (False, CANARY)
    assert said.json()["trouble"]


async def test_open_dossier_is_not_erased(world):
    await world.put("H99-2", applicant=PERSON)
    plan = (await world.call("GET", "/v1/dossiers/H99-2/erasure")).json()
    refused = await world.call("POST", "/v1/dossiers/H99-2/erasure", json=WHY)

    assert plan["obstacles"]
    assert refused.status_code == 409


async def test_reader_sees_the_plan_and_erases_nothing(world):
    await world.add_client("reader", Scope.DOSSIERS_READ)

    assert (await world.call("GET", ERASURE, client="reader")).status_code == 200
    assert (await world.call("POST", ERASURE, client="reader", json=WHY)).status_code == 403
    assert (await world.call("GET", "/v1/dossiers/H99-9/erasure")).status_code == 404
