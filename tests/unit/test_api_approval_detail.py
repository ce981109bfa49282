"""What a second person is shown over HTTP: what exactly would be done, and not more than may be read where it stands."""

from functools import partial

import pytest

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import ApprovalRequired
from gateway.messagelog.acts import oversight
from gateway.storage.approvals import Wanted, approved
from gateway.storage.clients import Scope
from gateway.storage.drift import Findings, Found, record_findings
from gateway.storage.instants import to_micros
from gateway.storage.oversight import Dangerous
from tests.api_world import open_world
from tests.unit.test_api_delivery_edit import MASK, WHY, Desk

PHONE = "0900000001"
NEW = {"/applicant/phone": PHONE, "/channel": "online"}


@pytest.fixture
async def desk(database_url):
    async with open_world(database_url) as world:
        await world.add_client("second", Scope.APPROVALS_DECIDE, Scope.DELIVERIES_READ)
        await world.add_client("trusted", Scope.APPROVALS_DECIDE, Scope.DELIVERIES_READ, Scope.PERSONAL_READ)
        await world.add_client("narrow", Scope.APPROVALS_READ)
        world.gateway.database.oversight = oversight(list(Dangerous), 86_400.0)
        yield Desk(world)


async def proposed(desk, delivery, changes=NEW):
    shown = (await desk.look(delivery)).json()["shown"]
    waits = await desk.edit(delivery, changes=changes, shown=shown, dry_run=False)
    assert waits.status_code == 428, waits.text
    return waits.json()["approval"]


async def detail(desk, approval, client="second", **query):
    return await desk.world.call("GET", f"/v1/approvals/{approval}", client=client, params=query)


def told(answer):
    return {each["pointer"]: (each["before"], each["after"]) for each in answer.json()["changes"]}


async def test_second_person_sees_each_change_of_a_correction_with_its_persons_masked(desk):
    delivery = await desk.failed(applicant={"kind": "citizen", "name": "Lê Thị Mẫu", "phone": "0900000009"})
    approval = await proposed(desk, delivery)
    answer = await detail(desk, approval)
    assert told(answer) == {"/applicant/phone": (MASK, MASK), "/channel": ("counter", "online")}
    [about] = answer.json()["deliveries"]
    assert (about["id"], about["dossier"], about["state"]) == (str(delivery), "H99-1", "rejected")
    assert about["content"] == answer.json()["parameters"]["shown"]
    assert PHONE not in answer.text


async def test_second_person_sees_the_persons_for_a_reason_that_is_logged(desk):
    delivery = await desk.failed()
    approval = await proposed(desk, delivery)
    assert (await detail(desk, approval, "trusted", personal="true")).status_code == 422
    assert (await detail(desk, approval, "second", personal="true", reason=WHY)).status_code == 403
    before = await desk.world.count("operator_action")
    answer = await detail(desk, approval, "trusted", personal="true", reason=WHY)
    assert told(answer)["/applicant/phone"] == (None, PHONE)
    logged = await desk.world.call("GET", "/v1/messages?channel=access")
    assert [each["operation"] for each in logged.json()["items"]][:1] == ["read_delivery"]
    assert await desk.world.count("operator_action") == before


async def test_whoever_may_not_read_deliveries_sees_that_there_is_a_request_and_no_content(desk):
    approval = await proposed(desk, await desk.failed())
    answer = await detail(desk, approval, "narrow")
    assert answer.status_code == 200
    assert (answer.json()["changes"], answer.json()["deliveries"]) == (None, [])
    assert "online" not in answer.text


async def test_each_of_two_proposals_shows_its_own_changes(desk):
    delivery = await desk.failed()
    first = await proposed(desk, delivery)
    second = await proposed(desk, delivery, {"/channel": "post"})
    assert told(await detail(desk, first))["/channel"] == ("counter", "online")
    assert told(await detail(desk, second)) == {"/channel": ("counter", "post")}


async def test_what_a_declined_or_carried_out_correction_changed_is_still_shown(desk):
    delivery = await desk.failed()
    declined, done = await proposed(desk, delivery), await proposed(desk, delivery, {"/channel": "post"})
    for approval, verb in ((declined, "decline"), (done, "approve")):
        said = await desk.world.call(
            "POST", f"/v1/approvals/{approval}/{verb}", client="second", json={"reason": WHY}
        )
        assert said.status_code == 200, said.text
    assert told(await detail(desk, declined))["/channel"] == ("counter", "online")
    assert told(await detail(desk, done)) == {"/channel": ("counter", "post")}
    edits = (await desk.look(delivery)).json()["edits"]
    assert [each["state"] for each in edits] == ["applied", "declined"]


async def test_skip_names_the_delivery_by_operation_key_and_content(desk):
    delivery = await desk.failed(state=DeliveryState.PARKED)
    waits = await desk.world.call("POST", f"/v1/deliveries/{delivery}/skip", json={"reason": WHY})
    answer = (await detail(desk, waits.json()["approval"])).json()
    [about] = answer["deliveries"]
    assert (about["operation"], about["key"], about["state"]) == ("card", "v1", "parked")
    assert len(about["content"]) == 64
    assert (answer["changes"], answer["drifts"], answer["money"]) == (None, [], None)


async def test_repair_that_goes_backwards_shows_what_the_partner_has_and_what_it_is_told(desk):
    delivery = await desk.failed(state=DeliveryState.DELIVERED)
    database, now = desk.world.gateway.database, desk.world.api.now
    differs = Found(kind="STATUS_DIFFERS", field="/status", ours="received", theirs="returned", repair=None)
    item = Findings(run=1, destination="board", dossier="H99-1", now=to_micros(now), found=(differs,))
    await database.apply(record_findings, item)
    [drift] = (await desk.world.call("GET", "/v1/drift")).json()["items"]
    wanted = Wanted(
        actor="console/mai",
        reason=WHY,
        now=now,
        action=Dangerous.REPAIR_BACKWARDS,
        target="board/H99-1",
        parameters={"drifts": [drift["id"]], "deliveries": [str(delivery)]},
    )
    with pytest.raises(ApprovalRequired) as waits:
        await database.write(partial(approved, wanted=wanted))
    answer = (await detail(desk, waits.value.approval)).json()
    [about], [again] = answer["drifts"], answer["deliveries"]
    assert (about["field"], about["ours"], about["theirs"]) == ("/status", "received", "returned")
    assert (again["id"], again["operation"], again["key"]) == (str(delivery), "card", "v1")
