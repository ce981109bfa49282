"""Correcting a failed delivery over HTTP: what is shown, what is refused, what is sent afterwards."""

import json

import pytest

from gateway.domain.delivery import DeliveryState
from gateway.storage.clients import Scope
from gateway.storage.sql import Statement
from tests.api_world import open_world, violations
from tests.storage.province import Province

S = DeliveryState
WHY = "the applicant has corrected it at the counter"
MASK = "•••"
HOSTILE = "<script>alert('x')</script> \"q\" \u202eabc"


class Desk:
    """A world with one failed delivery, and short hands."""

    def __init__(self, world):
        self.world = world
        self.province = Province(world.gateway.database)

    async def failed(self, code="H99-1", state=S.REJECTED, **fields):
        await self.world.put(code, **fields)
        claimed = await self.province.claim("board", lanes=500)
        [lane] = [each for each in claimed if each.dossier == code]
        start = await self.province.send(lane)
        await self.province.settle(lane, start, state)
        return start.deliveries[0]

    async def look(self, delivery, client="all", **query):
        return await self.world.call("GET", f"/v1/deliveries/{delivery}/edit", client=client, params=query)

    async def edit(self, delivery, client="all", **body):
        changes = [
            {"pointer": at, "value": value}
            for at, value in body.pop("changes", {"/summary": "Trích lục"}).items()
        ]
        body = {"changes": changes, "reason": WHY, **body}
        return await self.world.call("POST", f"/v1/deliveries/{delivery}/edit", client=client, json=body)

    async def payload(self, delivery):
        sql = Statement("SELECT payload FROM delivery WHERE id = :id")
        row = await self.world.gateway.database.write(lambda tx: tx.one(sql, {"id": delivery}))
        return json.loads(bytes(row[0]))


@pytest.fixture
async def desk(database_url):
    async with open_world(database_url) as world:
        await world.add_client("operator", Scope.DELIVERIES_READ, Scope.DELIVERIES_OPERATE)
        await world.add_client("reader", Scope.DELIVERIES_READ)
        await world.add_client(
            "trusted", Scope.DELIVERIES_READ, Scope.DELIVERIES_OPERATE, Scope.PERSONAL_READ
        )
        yield Desk(world)


async def test_a_dry_run_shows_every_change_and_changes_nothing(desk):
    delivery = await desk.failed()
    before = await desk.payload(delivery)
    answer = await desk.edit(delivery, changes={"/summary": "Trích lục", "/applicant/phone": "0900000001"})
    told = answer.json()
    assert (answer.status_code, told["dry_run"], told["done"]) == (200, True, None)
    assert [(each["pointer"], each["before"], each["after"]) for each in told["changes"]] == [
        ("/applicant/phone", None, "0900000001"),
        ("/summary", "Trích lục khai sinh", "Trích lục"),
    ]
    assert "0900000001" in told["request"]["body_text"]
    assert await desk.payload(delivery) == before
    assert await desk.world.count("delivery_edit") == 0


async def test_what_was_shown_is_carried_out_and_sent(desk):
    delivery = await desk.failed()
    shown = (await desk.edit(delivery)).json()["shown"]
    answer = await desk.edit(delivery, shown=shown, dry_run=False)
    assert answer.status_code == 200, answer.text
    assert answer.json()["done"]["after"] == "pending"
    view = (await desk.world.call("GET", f"/v1/deliveries/{delivery}")).json()["delivery"]
    assert view["edited_at"] is not None
    assert view["key"] == "v1"
    claimed = await desk.province.claim("board")
    assert json.loads(claimed[0].queue[0].delivery.payload)["summary"] == "Trích lục"
    events = (await desk.world.call("GET", "/v1/events")).json()
    assert events is not None


async def test_nothing_is_changed_without_the_digest_of_a_dry_run(desk):
    delivery = await desk.failed()
    answer = await desk.edit(delivery, dry_run=False)
    assert (answer.status_code, violations(answer)) == (422, {"/shown": "required"})
    stale = await desk.edit(delivery, dry_run=False, shown="0" * 64)
    assert stale.status_code == 409
    assert (await desk.payload(delivery))["summary"] == "Trích lục khai sinh"


async def test_what_cannot_be_encoded_is_refused_and_nothing_changes(desk):
    delivery = await desk.failed()
    shown = (await desk.look(delivery)).json()["shown"]
    for dry_run in (True, False):
        answer = await desk.edit(
            delivery, changes={"/summary": "cannot be encoded"}, dry_run=dry_run, shown=shown
        )
        assert answer.status_code == 422
        assert list(violations(answer).values()) == ["cannot_encode"]
    assert (await desk.payload(delivery))["summary"] == "Trích lục khai sinh"
    assert await desk.world.count("delivery_edit") == 0


async def test_a_defect_of_an_adapter_is_a_refusal_without_its_words(desk):
    delivery = await desk.failed()
    answer = await desk.edit(delivery, changes={"/summary": "breaks the adapter"})
    assert answer.status_code == 422
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/code": "H99-2"}, {"/code": "locked"}),
        ({"/version": 9}, {"/version": "locked"}),
        ({"/due_at": "2027-01-01T00:00:00+07:00"}, {"/due_at": "locked"}),
        ({"/procedure/code": "1.1"}, {"/procedure/code": "locked"}),
        ({"/steps/0/note": "x"}, {"/steps/0/note": "unknown"}),
        ({"/channel": "pigeon"}, {"/channel": "enum"}),
        ({"/summary": 7, "/code": "x"}, {"/code": "locked"}),
    ],
)
async def test_findings_stand_at_their_fields(desk, changes, found):
    delivery = await desk.failed()
    answer = await desk.edit(delivery, changes=changes)
    assert (answer.status_code, violations(answer)) == (422, found)


@pytest.mark.parametrize(
    "body",
    [
        {"changes": []},
        {"changes": [{"pointer": "summary", "value": "x"}]},
        {"changes": [{"pointer": "/summary", "value": {"a": 1}}]},
        {"changes": [{"pointer": "/summary", "value": "a\x00b"}]},
        {"changes": [{"pointer": "/" + "a" * 400, "value": "x"}]},
        {"changes": [{"pointer": "/summary", "value": "x"}], "reason": "  "},
        {"changes": [{"pointer": "/summary", "value": "x"}], "shown": "zz"},
        {"changes": [{"pointer": "/summary", "value": "x"}], "other": 1},
    ],
)
async def test_a_malformed_order_is_refused(desk, body):
    delivery = await desk.failed()
    body = {"reason": WHY, **body}
    answer = await desk.world.call("POST", f"/v1/deliveries/{delivery}/edit", json=body)
    assert answer.status_code == 422


@pytest.mark.parametrize("state", [S.WAITING, S.IN_DOUBT, S.DELIVERED])
async def test_only_what_failed_is_corrected(desk, state):
    delivery = await desk.failed(state=state)
    assert (await desk.edit(delivery)).status_code == 409
    assert (await desk.look(delivery)).json()["editable"] is False
    options = await desk.world.call("GET", f"/v1/deliveries/{delivery}/options")
    assert options.json()["edit"] is False


async def test_an_operator_sees_masks_and_a_masked_value_stays(desk):
    delivery = await desk.failed()
    seen = await desk.look(delivery, client="operator")
    fields = {each["pointer"]: each for each in seen.json()["fields"]}
    assert fields["/applicant/name"]["value"] == MASK
    assert "Nguyễn Văn Thí Dụ" not in seen.text
    changed = await desk.edit(delivery, client="operator", changes={"/channel": "online"})
    assert "Nguyễn Văn Thí Dụ" not in changed.text
    done = await desk.edit(
        delivery,
        client="operator",
        changes={"/channel": "online"},
        dry_run=False,
        shown=changed.json()["shown"],
    )
    assert done.status_code == 200
    after = await desk.payload(delivery)
    assert (after["channel"], after["applicant"]["name"]) == ("online", "Nguyễn Văn Thí Dụ")


async def test_an_old_personal_value_is_masked_in_the_diff(desk):
    delivery = await desk.failed()
    answer = await desk.edit(delivery, client="operator", changes={"/applicant/name": "Trần Thị Mẫu"})
    [change] = answer.json()["changes"]
    assert (change["before"], change["after"], change["masked"]) == (MASK, "Trần Thị Mẫu", True)


async def test_clear_values_need_the_scope_and_a_reason_and_are_logged(desk):
    delivery = await desk.failed()
    assert (await desk.look(delivery, client="operator", personal="true", reason=WHY)).status_code == 403
    assert (await desk.look(delivery, client="trusted", personal="true")).status_code == 422
    before = await desk.world.count("message")
    seen = await desk.look(delivery, client="trusted", personal="true", reason=WHY)
    assert "Nguyễn Văn Thí Dụ" in seen.text
    assert await desk.world.count("message") == before + 1


async def test_who_only_reads_corrects_nothing(desk):
    delivery = await desk.failed()
    assert (await desk.look(delivery, client="reader")).status_code == 200
    assert (await desk.edit(delivery, client="reader")).status_code == 403


async def test_corrections_are_listed_with_what_they_changed(desk):
    delivery = await desk.failed()
    shown = (await desk.edit(delivery)).json()["shown"]
    await desk.edit(delivery, changes={"/summary": HOSTILE}, shown=shown, dry_run=False)
    [kept] = (await desk.look(delivery)).json()["edits"]
    assert (kept["state"], kept["reason"]) == ("applied", WHY)
    assert kept["changes"][0]["after"] == HOSTILE


async def test_no_value_stands_in_history_event_or_operator_log(desk):
    delivery = await desk.failed()
    shown = (await desk.edit(delivery)).json()["shown"]
    changes = {"/applicant/phone": "0912345678"}
    await desk.edit(delivery, changes=changes, shown=shown, dry_run=False)
    for sql in ("SELECT data FROM event", "SELECT detail FROM operator_action"):
        rows = await desk.world.gateway.database.write(lambda tx, sql=sql: tx.all(Statement(sql), {}))
        assert all("0912345678" not in row[0] for row in rows)
        assert any("/applicant/phone" in row[0] for row in rows)


async def test_there_is_no_delivery_to_correct(desk):
    assert (await desk.look(404)).status_code == 404
    assert (await desk.edit(404)).status_code == 404
