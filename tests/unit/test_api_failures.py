"""Failures by cause, retry runs, lanes that stand still and what a delivery allows, over HTTP."""

import pytest

from gateway.delivery.retry_runs import RetryKeeper
from gateway.domain.delivery import DeliveryState
from gateway.storage.clients import Scope
from tests.api_world import open_world
from tests.storage.province import Province

S = DeliveryState
REASON = {"reason": "the board has repaired its street list"}
CAUSE = {"destination": "board", "state": "rejected", "operation": "card", "code": "tested"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


@pytest.fixture
def province(world):
    return Province(world.gateway.database)


async def arrange(world, province, state, code):
    """A dossier whose card stands in ``state``; its delivery."""
    await world.put(code)
    claimed = await province.claim("board", lanes=100)
    [lane] = [each for each in claimed if each.dossier == code]
    start = await province.send(lane)
    await province.settle(lane, start, state)
    return start.deliveries[0]


async def step(world):
    keeper = RetryKeeper(world.gateway.database, world.gateway.hub.clock, world.gateway.worker.wake)
    return await keeper.step()


async def test_failures_are_grouped_with_their_words_and_who_must_act(world, province):
    for number in range(2):
        await arrange(world, province, S.REJECTED, f"H99-{number}")
    await arrange(world, province, S.PARKED, "H99-9")

    found = (await world.call("GET", "/v1/failures")).json()

    assert [(item["group"]["state"], item["group"]["count"]) for item in found["items"]] == [
        ("rejected", 2),
        ("parked", 1),
    ]
    assert found["deliveries"] == 3
    cause = found["items"][0]["cause"]
    assert (cause["who"], cause["known"]) == ("province", False)
    assert "bảng nguyên nhân" in cause["meaning"]["vi"]
    only = (await world.call("GET", "/v1/failures?state=parked&destination=board")).json()
    assert [item["group"]["count"] for item in only["items"]] == [1]
    assert (await world.call("GET", "/v1/failures?state=delivered")).status_code == 422


async def test_dry_run_of_a_retry_run_changes_nothing(world, province):
    await arrange(world, province, S.REJECTED, "H99-1")

    answer = await world.call("POST", "/v1/retry-runs", json={"causes": [CAUSE], **REASON})

    assert answer.status_code == 200, answer.text
    [item] = answer.json()["items"]
    assert (item["plan"]["deliveries"], item["plan"]["run"], item["plan"]["behind"]) == (1, None, 1)
    assert item["plan"]["per_minute"] == 4 * 60
    assert item["closed"] is None
    assert (await world.call("GET", "/v1/retry-runs")).json()["items"] == []


async def test_retry_run_goes_from_beginning_to_end(world, province):
    first = await arrange(world, province, S.REJECTED, "H99-1")
    order = {"causes": [CAUSE], "dry_run": False, "per_minute": 60, **REASON}

    run = (await world.call("POST", "/v1/retry-runs", json=order)).json()["items"][0]["plan"]["run"]
    again = await world.call("POST", "/v1/retry-runs", json=order)
    assert again.status_code == 409
    assert "1 wait in another run" in again.json()["detail"]
    assert await step(world) == 1

    seen = (await world.call("GET", f"/v1/retry-runs/{run}")).json()
    assert (seen["sent"], seen["under_way"], seen["actor"]) == (1, 1, "all")
    options = (await world.call("GET", f"/v1/deliveries/{first}/options")).json()
    assert [item["run"] for item in options["retries"]] == [run]
    assert [item["action"] for item in options["history"]] == ["retry"]


async def test_retry_run_is_paused_resumed_and_stopped_by_people(world, province):
    for number in range(3):
        await arrange(world, province, S.REJECTED, f"H99-{number}")
    order = {"causes": [CAUSE], "dry_run": False, "per_minute": 60, **REASON}
    run = (await world.call("POST", "/v1/retry-runs", json=order)).json()["items"][0]["plan"]["run"]

    def told(verb, **body):
        return world.call("POST", f"/v1/retry-runs/{run}/{verb}", json={**REASON, **body})

    assert (await told("pause")).json()["state"] == "paused"
    assert await step(world) == 0
    assert (await told("pause")).status_code == 409
    assert (await told("resume", per_minute=120)).json()["per_minute"] == 120
    assert await step(world) == 1
    stopped = (await told("stop")).json()
    assert (stopped["state"], stopped["dropped"], stopped["sent"]) == ("stopped", 1, 2)
    assert (await world.call("POST", "/v1/retry-runs/5/stop", json=REASON)).status_code == 404
    listed = (await world.call("GET", "/v1/retry-runs?state=stopped")).json()
    assert [item["id"] for item in listed["items"]] == [run]


async def test_chosen_deliveries_and_nothing_at_all(world, province):
    first = await arrange(world, province, S.REJECTED, "H99-1")
    await arrange(world, province, S.REJECTED, "H99-2")
    chosen = {"deliveries": [str(first), "5"], **REASON}
    plan = (await world.call("POST", "/v1/retry-runs", json=chosen)).json()["items"][0]["plan"]
    assert [item["delivery"] for item in plan["first"]] == [str(first)]
    assert (await world.call("POST", "/v1/retry-runs", json=REASON)).status_code == 409
    wrong = {"causes": [{**CAUSE, "state": "in_doubt"}], **REASON}
    assert (await world.call("POST", "/v1/retry-runs", json=wrong)).status_code == 422
    wrong = {"causes": [{**CAUSE, "destination": "nowhere"}], **REASON}
    assert (await world.call("POST", "/v1/retry-runs", json=wrong)).status_code == 404


async def test_refused_order_for_several_destinations_has_begun_no_run(world, province):
    await arrange(world, province, S.REJECTED, "H99-1")
    causes = [CAUSE, {**CAUSE, "destination": "nowhere"}]
    answer = await world.call("POST", "/v1/retry-runs", json={"causes": causes, "dry_run": False, **REASON})
    assert answer.status_code == 404
    assert (await world.call("GET", "/v1/retry-runs")).json()["items"] == []


async def test_paused_destination_is_told_and_carries_nothing(world, province):
    await arrange(world, province, S.REJECTED, "H99-1")
    await world.call("POST", "/v1/destinations/board/pause", json=REASON)
    order = {"causes": [CAUSE], "dry_run": False, **REASON}
    [item] = (await world.call("POST", "/v1/retry-runs", json=order)).json()["items"]
    assert item["closed"] == "paused"
    assert await step(world) == 0


async def test_lanes_tell_what_they_wait_for(world, province):
    delivery = await arrange(world, province, S.REJECTED, "H99-1")
    await world.put("H99-2")
    await world.call("POST", "/v1/lanes/board/H99-2/hold", json=REASON)

    found = (await world.call("GET", "/v1/lanes")).json()["items"]

    assert [(item["lane"]["dossier"], item["lane"]["state"], item["lane"]["behind"]) for item in found] == [
        ("H99-2", "held", 1),
        ("H99-1", "blocked", 1),
    ]
    assert found[0]["lane"]["held_by"] == "all"
    assert found[0]["lane"]["since"] is not None
    assert found[0]["cause"] is None
    assert found[1]["lane"]["head"]["id"] == str(delivery)
    assert found[1]["cause"]["who"] == "province"
    held = (await world.call("GET", "/v1/lanes?state=held&limit=1")).json()
    assert [item["lane"]["dossier"] for item in held["items"]] == ["H99-2"]
    detail = (await world.call("GET", "/v1/lanes/board/H99-2")).json()
    assert [item["operation"] for item in detail["queue"]] == ["card", "line"]
    assert [item["action"] for item in detail["history"]] == ["hold"]
    assert (await world.call("GET", "/v1/lanes/board/H99-3")).status_code == 404


async def test_lanes_come_in_pages(world, province):
    for number in range(3):
        await arrange(world, province, S.PARKED, f"H99-{number}")
    first = (await world.call("GET", "/v1/lanes?limit=2")).json()
    rest = (await world.call("GET", f"/v1/lanes?limit=2&cursor={first['next']}")).json()
    seen = [item["lane"]["dossier"] for page in (first, rest) for item in page["items"]]
    assert seen == ["H99-2", "H99-1", "H99-0"]
    assert rest["next"] is None


async def test_partner_is_asked_again_only_where_it_has_an_answer(world, province):
    card = await arrange(world, province, S.IN_DOUBT, "H99-1")
    options = (await world.call("GET", f"/v1/deliveries/{card}/options")).json()
    assert (options["ask"], options["resolve"], options["retry"]) == (True, True, False)

    asked = await world.call("POST", f"/v1/deliveries/{card}/ask", json=REASON)

    assert asked.json()["after"] == "in_doubt"
    province.now = world.api.now
    [lane] = await province.claim("board")
    assert lane.queue[0].due_at is not None
    line = lane.queue[1].delivery.id
    refused = await world.call("POST", f"/v1/deliveries/{line}/ask", json=REASON)
    assert refused.status_code == 409
    assert "has no question about line" in refused.json()["detail"]


async def test_who_only_reads_begins_nothing(world, province):
    await arrange(world, province, S.REJECTED, "H99-1")
    await world.add_client("reader", Scope.DELIVERIES_READ)
    order = {"causes": [CAUSE], "dry_run": False, **REASON}
    assert (await world.call("POST", "/v1/retry-runs", client="reader", json=order)).status_code == 403
    assert (await world.call("GET", "/v1/failures", client="reader")).status_code == 200
