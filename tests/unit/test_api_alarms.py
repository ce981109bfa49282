"""Alarms, trends, certificates and the desk of a destination over HTTP."""

import asyncio
from datetime import timedelta

import pytest

from gateway.api import glance
from gateway.api.alarms import AlarmMemory
from gateway.api.glance import GlanceMemory
from gateway.delivery.backlog import BacklogWatch
from gateway.settings import Maintenance
from tests.api_world import BOARD, open_world


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def alarms(world):
    world.api.alarms.forget()
    answer = await world.call("GET", "/v1/alarms")
    assert answer.status_code == 200, answer.text
    return {item["name"]: item for item in answer.json()["items"]}


async def test_gateway_without_a_worker_says_so(world):
    found = await alarms(world)
    assert found["WorkersGone"]["severity"] == "critical"
    assert found["WorkersGone"]["since"] is None


async def test_pause_is_an_alarm_until_it_is_resumed(world):
    await world.call("POST", f"/v1/destinations/{BOARD}/pause", json={"reason": "announced work"})
    found = (await alarms(world))["DestinationPaused"]
    assert (found["subject"], found["page"]) == (BOARD, f"/console/destinations/{BOARD}")
    assert "announced work" in found["detail"]

    await world.call("POST", f"/v1/destinations/{BOARD}/resume", json={"reason": "it is over"})
    assert "DestinationPaused" not in await alarms(world)


async def test_alarms_are_read_once_however_many_look(world):
    seconds = [0.0]
    world.api.alarms = AlarmMemory(lambda: seconds[0])
    first = (await world.call("GET", "/v1/alarms")).json()["at"]
    seconds[0] = 4.9
    assert (await world.call("GET", "/v1/alarms")).json()["at"] == first
    seconds[0] = 5.0
    assert (await world.call("GET", "/v1/alarms")).json()["at"] != first


async def test_trend_shows_what_waits(world):
    await world.put()
    gateway = world.gateway
    await BacklogWatch(gateway.database, list(gateway.destinations), gateway.hub.clock).look()
    answer = await world.call("GET", "/v1/backlog?hours=1")
    (trend,) = answer.json()["items"]
    assert trend["destination"] == BOARD
    assert [each["waiting"] for each in trend["samples"]] == [2]
    assert answer.json()["minutes"] == 1


@pytest.mark.parametrize(
    ("query", "status"), [("destination=nobody", 404), ("hours=0", 422), ("hours=169", 422)]
)
async def test_trend_of_what_there_is_not_is_refused(world, query, status):
    assert (await world.call("GET", f"/v1/backlog?{query}")).status_code == status


async def test_longest_trend_has_at_most_its_steps(world):
    assert (await world.call("GET", "/v1/backlog?hours=168")).json()["minutes"] == 42


async def test_desk_tells_limits_and_what_overrides_them(world):
    found = (await world.call("GET", f"/v1/destinations/{BOARD}/desk")).json()
    assert found["capacity"]["concurrency"] == 4
    assert found["capacity"]["rate"] is None
    assert found["capacity"]["pace"] == 0
    assert found["breaker"]["failures"] == 6
    assert (found["maintenance"], found["certificates"], found["closed_until"]) == ([], [], None)


async def test_pace_counts_what_has_just_left(world):
    await world.call("POST", f"/v1/destinations/{BOARD}/test", json={"reason": "is it there"})
    found = (await world.call("GET", f"/v1/destinations/{BOARD}/desk")).json()
    assert found["capacity"]["pace"] == 0.2  # signing in, and the question


async def test_window_that_is_open_says_until_when(world):
    now = world.gateway.hub.clock()
    window = Maintenance(
        start=(now - timedelta(hours=1)).isoformat(),
        end=(now + timedelta(hours=1)).isoformat(),
        reason="work",
    )
    world.gateway.settings.destination[BOARD].maintenance.append(window)
    try:
        found = (await world.call("GET", f"/v1/destinations/{BOARD}/desk")).json()
    finally:
        world.gateway.settings.destination[BOARD].maintenance.remove(window)
    assert found["maintenance"] == [
        {"start": window.start, "end": window.end, "reason": "work", "daily": False}
    ]
    assert found["closed_until"] is not None


async def test_pause_effect_counts_lanes_that_would_stop(world):
    await world.put("H99-1", due_at="2000-01-03T17:00:00+07:00", received_at="2000-01-01T08:00:00+07:00")
    await world.put("H99-2", due_at=None)
    found = (await world.call("GET", f"/v1/destinations/{BOARD}/pause-effect")).json()
    assert found == {
        "destination": BOARD,
        "lanes": 2,
        "under_way": 0,
        "due_soon": 0,
        "overdue": 1,
        "soon_hours": 24,
    }


async def test_test_asks_a_read_and_changes_nothing(world):
    answer = await world.call("POST", f"/v1/destinations/{BOARD}/test", json={"reason": "a new certificate"})
    found = answer.json()
    assert (found["way"], found["asked"], found["good"], found["entries"]) == ("read", "streets", True, 1)
    assert found["seconds"] >= 0
    assert [request.method for request in world.partner.requests] == ["POST", "GET"]
    listed = (await world.call("GET", f"/v1/messages?channel={BOARD}")).json()["items"]
    assert "streets" in {item["operation"] for item in listed}
    assert await world.count("catalogue") == 0


async def test_test_of_a_partner_that_fails_is_an_answer(world):
    world.partner.status = 503
    found = (await world.call("POST", f"/v1/destinations/{BOARD}/test", json={"reason": "is it back"})).json()
    assert found["good"] is False
    assert found["code"]
    assert found["entries"] is None


async def test_test_needs_a_reason_and_its_scope(world):
    from gateway.storage.clients import Scope

    await world.add_client("reader", Scope.DELIVERIES_READ)
    path = f"/v1/destinations/{BOARD}/test"
    assert (await world.call("POST", path, json={})).status_code == 422
    assert (await world.call("POST", path, json={"reason": "why not"}, client="reader")).status_code == 403
    assert world.partner.requests == []


async def test_answers_off_the_contract_are_counted_with_their_latest_entry(world):
    found = (await world.call("GET", f"/v1/destinations/{BOARD}/answers")).json()
    assert found == {"kinds": [], "complete": True}


@pytest.mark.parametrize("path", ["desk", "pause-effect", "answers"])
async def test_unknown_destination_has_nothing(world, path):
    assert (await world.call("GET", f"/v1/destinations/nobody/{path}")).status_code == 404


async def test_certificates_of_a_gateway_without_keys_are_none(world):
    assert (await world.call("GET", "/v1/certificates")).json() == {"items": []}


async def test_defect_in_counting_is_not_taken_for_counting(world, monkeypatch):
    async def broken(_api):
        raise ZeroDivisionError

    monkeypatch.setattr(glance, "_counted", broken)
    assert (await world.call("GET", "/v1/glance")).status_code == 500


async def test_who_comes_before_the_first_glance_waits_as_long_as_it_likes_to(world):
    refused = await world.call("GET", "/v1/glance?patience=0")
    assert refused.status_code == 503, refused.text
    assert refused.json()["type"].endswith(":unavailable")
    assert "first time" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    await asyncio.gather(*world.api._kept)
    assert (await world.call("GET", "/v1/glance?patience=0")).status_code == 200


@pytest.mark.parametrize("patience", ["-1", "61", "soon"])
async def test_impossible_patience_is_refused(world, patience):
    refused = await world.call("GET", f"/v1/glance?patience={patience}")
    assert refused.status_code == 422
    assert "patience" in refused.text


async def test_glance_is_counted_once_a_minute_and_never_waited_for_twice(world):
    seconds = [0.0]
    world.api.glance = GlanceMemory(lambda: seconds[0])
    await world.put()
    first = (await world.call("GET", "/v1/glance")).json()
    assert first["on_time"]["of"] == "resolved"
    assert first["on_time"]["ratio"] == {"numerator": 0, "denominator": 0, "percent": None}
    assert first["at_risk"] == {BOARD: 0}
    assert [each["destination"] for each in first["lag"]["destinations"]] == [BOARD]

    seconds[0] = 61.0
    stale = (await world.call("GET", "/v1/glance")).json()
    assert stale["at"] == first["at"]
    await asyncio.gather(*world.api._kept)
    assert (await world.call("GET", "/v1/glance")).json()["at"] != first["at"]
