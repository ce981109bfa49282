"""Persons outside the log: masked for everybody but who hands dossiers over, shown for a reason that is logged."""

import pytest

from gateway.storage.clients import Scope
from tests.api_world import BOARD, open_world, violations

CANARY, NUMBER, PLACE = "Nguyễn Thị Canary", "099300000007", "12 phố Thử"
PERSON = {
    "kind": "citizen",
    "name": CANARY,
    "identities": [{"kind": "personal_id", "number": NUMBER}],
    "address": PLACE,
}
NOTED = [{"id": "s1", "at": "2026-09-28T08:05:00+07:00", "status": "received", "note": f"gọi cho {CANARY}"}]
ASK = {"personal": "true", "reason": "công dân hỏi"}
PATHS = ("/v1/dossiers/H99-1", f"/v1/dossiers/H99-1/preview?destination={BOARD}")
READ = (Scope.DOSSIERS_READ, Scope.DELIVERIES_READ, Scope.PAYMENTS_READ)


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        await opened.put(applicant=PERSON, steps=NOTED, summary=f"Khai sinh cho {CANARY}")
        await opened.add_client("reader", *READ)
        await opened.add_client("auditor", *READ, Scope.PERSONAL_READ)
        await opened.add_client("one-door", *READ, Scope.DOSSIERS_WRITE)
        yield opened


async def logged(world):
    found = (await world.call("GET", "/v1/messages?channel=access")).json()["items"]
    return [(each["operation"], each["dossier"]) for each in found]


@pytest.mark.parametrize("path", PATHS)
async def test_who_hands_dossiers_over_reads_its_own_without_ceremony(world, path):
    answer = await world.call("GET", path, client="one-door")

    assert answer.status_code == 200
    assert CANARY in answer.text
    assert NUMBER in answer.text
    assert await logged(world) == []


@pytest.mark.parametrize("client", ["reader", "auditor"])
@pytest.mark.parametrize("path", [*PATHS, "/v1/dossiers/H99-1/steps"])
async def test_everybody_else_sees_a_mask(world, client, path):
    answer = await world.call("GET", path, client=client)

    assert answer.status_code == 200
    assert "•••" in answer.text
    for secret in (CANARY, NUMBER, PLACE):
        assert secret not in answer.text
    assert await logged(world) == []


@pytest.mark.parametrize("path", PATHS)
async def test_personal_data_is_shown_for_a_reason_that_is_logged(world, path):
    joined = path + ("&" if "?" in path else "?")
    without = await world.call("GET", joined + "personal=true", client="auditor")
    refused = await world.call("GET", joined + "personal=true&reason=vì%20thế", client="reader")

    assert violations(without) == {"/query/reason": "required"}
    assert refused.status_code == 403
    assert await logged(world) == []

    shown = await world.call("GET", joined + "personal=true&reason=vì%20thế", client="auditor")
    assert CANARY in shown.text
    [(verb, dossier)] = await logged(world)
    assert verb in {"read_record", "read_preview"}
    assert dossier == "H99-1"


async def test_masked_record_says_so_and_keeps_what_is_official(world):
    view = (await world.call("GET", "/v1/dossiers/H99-1", client="reader")).json()

    assert view["masked"] is True
    assert view["record"]["agency"]["name"] == "UBND phường Ví Dụ"
    assert view["record"]["due_at"].startswith("2026-09-30T")
    assert (await world.call("GET", "/v1/dossiers/H99-1", client="one-door")).json()["masked"] is False


async def test_dossier_that_is_not_there_leaves_nothing_in_the_log(world):
    answer = await world.call("GET", "/v1/dossiers/H99-9", client="auditor", params=ASK)

    assert answer.status_code == 404
    assert await logged(world) == []
