"""What needs a second person, over HTTP: refused first, approved by somebody else, done at once."""

import pytest
import sqlalchemy as sa

from gateway.settings import ApprovalSettings
from gateway.storage.clients import Scope
from gateway.storage.schema import message, operator_action
from tests.api_world import open_world, violations
from tests.storage.province import Province
from tests.unit.test_api_operations import S, settled

AN, BINH = {"X-Operator": "an"}, {"X-Operator": "binh"}
REASON = {"reason": "the paper was handed over by post"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url, approvals=ApprovalSettings()) as opened:
        yield opened


@pytest.fixture
async def delivery(world):
    return await settled(world, Province(world.gateway.database), S.PARKED)


async def ask_to_skip(world, delivery, headers=AN):
    return await world.call("POST", f"/v1/deliveries/{delivery}/skip", json=REASON, headers=headers)


async def state_of(world, delivery):
    return (await world.call("GET", f"/v1/deliveries/{delivery}")).json()["delivery"]["state"]


async def say(world, number, verb="approve", headers=BINH, **body):
    return await world.call(
        "POST", f"/v1/approvals/{number}/{verb}", json={**REASON, **body}, headers=headers
    )


async def test_skipping_waits_for_a_second_person_and_then_happens(world, delivery):
    refused = await ask_to_skip(world, delivery)

    problem = refused.json()
    assert (refused.status_code, problem["type"]) == (428, "urn:lienthong:problem:approval_required")
    assert await state_of(world, delivery) == "parked"
    [waiting] = (await world.call("GET", "/v1/approvals?state=requested")).json()["items"]
    assert (waiting["id"], waiting["requested_by"]) == (problem["approval"], "all/an")
    assert waiting["parameters"]["delivery"] == str(delivery)

    done = (await say(world, waiting["id"], digest=waiting["digest"])).json()

    assert (done["done"], done["trouble"], done["approval"]["state"]) == (True, None, "carried_out")
    assert await state_of(world, delivery) == "skipped"


@pytest.mark.parametrize("headers", [AN, {"X-Operator": "AN"}, {"X-Operator": "a.n"}, {}])
async def test_whoever_asked_does_not_approve(world, delivery, headers):
    number = (await ask_to_skip(world, delivery)).json()["approval"]

    answer = await say(world, number, headers=headers)

    assert answer.status_code == 409
    assert await state_of(world, delivery) == "parked"
    assert (await say(world, number)).json()["done"]


async def test_what_is_declined_does_not_happen(world, delivery):
    number = (await ask_to_skip(world, delivery)).json()["approval"]

    done = (await say(world, number, "decline")).json()

    assert (done["done"], done["approval"]["state"]) == (False, "declined")
    assert (await say(world, number)).status_code == 409
    assert await state_of(world, delivery) == "parked"


async def test_what_cannot_be_done_any_more_is_approved_and_said_not_to_be_done(world, delivery):
    number = (await ask_to_skip(world, delivery)).json()["approval"]
    await world.call("POST", f"/v1/deliveries/{delivery}/retry", json=REASON)

    done = (await say(world, number)).json()

    assert (done["done"], done["approval"]["state"]) == (False, "approved")
    assert done["trouble"]
    assert await state_of(world, delivery) == "pending"


async def test_what_was_not_seen_is_not_approved(world, delivery):
    number = (await ask_to_skip(world, delivery)).json()["approval"]

    assert (await say(world, number, digest="0" * 64)).status_code == 409
    wrong = await say(world, number, digest="x")
    assert violations(wrong) == {"/digest": "pattern"}
    assert await state_of(world, delivery) == "parked"


async def test_list_leaves_out_what_the_caller_asked_for(world, delivery):
    await ask_to_skip(world, delivery)

    mine = await world.call("GET", "/v1/approvals?mine=false", headers=AN)
    others = await world.call("GET", "/v1/approvals?mine=false", headers=BINH)

    assert (len(mine.json()["items"]), len(others.json()["items"])) == (0, 1)


async def test_deciding_needs_its_scope(world, delivery):
    await world.add_client("reader", Scope.APPROVALS_READ)
    number = (await ask_to_skip(world, delivery)).json()["approval"]

    refused = await world.call("POST", f"/v1/approvals/{number}/approve", client="reader", json=REASON)

    assert refused.status_code == 403
    assert (await world.call("GET", f"/v1/approvals/{number}", client="reader")).status_code == 200
    assert (await world.call("GET", "/v1/approvals/7", client="reader")).status_code == 404


async def test_every_step_is_proven(world, delivery):
    number = (await ask_to_skip(world, delivery)).json()["approval"]
    await say(world, number)

    question = (
        sa.select(
            operator_action.c.action, operator_action.c.actor, message.c.operation, message.c.dossier_code
        )
        .join(message, message.c.id == operator_action.c.message_id)
        .order_by(operator_action.c.id)
    )
    rows = await world.gateway.database.read(lambda connection: connection.execute(question).all())
    assert [tuple(row) for row in rows] == [
        ("approval.request", "all/an", "approval.request", "H99-1"),
        ("approval.approve", "all/binh", "approval.approve", "H99-1"),
        ("skip", "all/an", "skip", "H99-1"),
    ]


async def test_operators_name_is_checked(world, delivery):
    answer = await ask_to_skip(world, delivery, headers={"X-Operator": "an/binh"})

    assert violations(answer) == {"/header/X-Operator": "invalid"}


async def test_history_shows_what_people_did_once(world, delivery):
    number = (await ask_to_skip(world, delivery)).json()["approval"]
    await say(world, number)

    story = (await world.call("GET", "/v1/dossiers/H99-1/timeline")).json()["items"]

    assert [each["action"] for each in story if each["kind"] == "action"] == [
        "approval.request",
        "approval.approve",
        "skip",
    ]
    assert "operator" not in {each["message"]["channel"] for each in story if each["kind"] == "message"}
