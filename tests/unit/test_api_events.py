"""The event feed, webhook endpoints and partners' calls over HTTP."""

import asyncio

import pytest

from gateway.storage.clients import Scope
from gateway.storage.instants import to_micros
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.upkeep import seal
from tests.api_world import open_world, violations


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


async def tell(world, *kinds):
    """Put events into the feed."""
    database, now = world.gateway.database, to_micros(world.gateway.hub.clock())
    rows = [EventRow(id=database.identifiers.next(), at=now, kind=kind, data='{"a":1}') for kind in kinds]
    await database.write(lambda tx: insert_events(tx, rows))
    await database.write(seal)


async def test_feed_is_read_on_from_a_cursor(world):
    await tell(world, "one", "two", "three")

    first = (await world.call("GET", "/v1/events?limit=2")).json()
    second = (await world.call("GET", f"/v1/events?after={first['next']}&limit=2")).json()
    third = (await world.call("GET", f"/v1/events?after={second['next']}")).json()

    assert [event["kind"] for event in first["events"]] == ["one", "two"]
    assert [event["kind"] for event in second["events"]] == ["three"]
    assert third == {"events": [], "next": second["next"]}
    assert first["events"][0]["data"] == {"a": 1}


async def test_feed_tells_only_the_kinds_that_are_asked_for(world):
    await tell(world, "one", "two", "three")

    page = (await world.call("GET", "/v1/events?kinds=one,three")).json()

    assert [event["kind"] for event in page["events"]] == ["one", "three"]


async def test_reader_that_waits_is_answered_when_something_happens(world):
    reading = asyncio.create_task(world.call("GET", "/v1/events?wait=20"))
    await asyncio.sleep(0)
    await tell(world, "one")

    page = (await asyncio.wait_for(reading, 10)).json()

    assert [event["kind"] for event in page["events"]] == ["one"]


async def test_reader_that_waits_is_let_go_when_the_gateway_ends(world):
    reading = asyncio.create_task(world.call("GET", "/v1/events?wait=20"))
    await asyncio.sleep(0)
    world.api.stopping.set()

    answer = await asyncio.wait_for(reading, 10)

    assert (answer.status_code, answer.json()) == (200, {"events": [], "next": 0})


async def test_cursor_from_another_database_is_a_conflict(world):
    assert (await world.call("GET", "/v1/events?after=4711")).status_code == 409


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=9223372036854775808", "limit=0", "limit=1001", "wait=61", "kinds=A%20b", "since=1"],
)
async def test_feed_query_that_cannot_be_taken_is_refused(world, query):
    assert (await world.call("GET", f"/v1/events?{query}")).status_code == 422


async def test_too_many_kinds_are_refused(world):
    kinds = ",".join(f"k{number}" for number in range(21))

    assert violations(await world.call("GET", f"/v1/events?kinds={kinds}")) == {"/query/kinds": "too_many"}


ENDPOINT = {"url": "https://motcua.h99.example/hooks", "kinds": ["delivery.rejected"]}


async def test_key_in_an_address_is_for_those_who_manage_it(world):
    url = "https://motcua.h99.example/hooks?key=tiny-canary"
    await world.call("POST", "/v1/webhooks", json={**ENDPOINT, "url": url})
    await world.add_client("reader", Scope.WEBHOOKS_READ)
    [seen] = (await world.call("GET", "/v1/webhooks", client="reader")).json()["items"]
    assert seen["url"] == "https://motcua.h99.example/hooks?…"
    [known] = (await world.call("GET", "/v1/webhooks")).json()["items"]
    assert known["url"] == url


async def test_webhook_is_registered_listed_and_deleted(world):
    created = await world.call("POST", "/v1/webhooks", json=ENDPOINT)
    endpoint = created.json()["endpoint"]
    listed = (await world.call("GET", "/v1/webhooks")).json()["items"]
    deleted = await world.call("DELETE", f"/v1/webhooks/{endpoint['id']}")
    again = await world.call("DELETE", f"/v1/webhooks/{endpoint['id']}")

    assert created.status_code == 201
    assert created.headers["location"] == f"/v1/webhooks/{endpoint['id']}"
    assert created.json()["secret"].startswith("whsec_")
    assert [item["url"] for item in listed] == [ENDPOINT["url"]]
    assert "secret" not in listed[0]
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert again.status_code == 404
    assert (await world.call("GET", "/v1/webhooks")).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://motcua.h99.example/"},
        {"url": "http://169.254.169.254/latest"},
        {"url": "https://user:password@motcua.h99.example/"},
        {**ENDPOINT, "kinds": ["Not A Kind"]},
        {**ENDPOINT, "secret": "mine"},
    ],
)
async def test_webhook_that_cannot_be_is_refused(world, body):
    assert (await world.call("POST", "/v1/webhooks", json=body)).status_code == 422


async def test_webhook_is_enabled_again_with_a_reason(world):
    endpoint = (await world.call("POST", "/v1/webhooks", json=ENDPOINT)).json()["endpoint"]

    answer = await world.call(
        "POST", f"/v1/webhooks/{endpoint['id']}/enable", json={"reason": "its certificate was renewed"}
    )

    assert (answer.status_code, answer.json()["id"]) == (200, endpoint["id"])


async def test_webhook_gets_a_new_secret_that_is_shown_once(world):
    created = (await world.call("POST", "/v1/webhooks", json=ENDPOINT)).json()
    path = f"/v1/webhooks/{created['endpoint']['id']}/rotate"

    rotated = await world.call("POST", path, json={"reason": "a year has gone by"})
    at_once = await world.call("POST", path, json={"reason": "it was in a mail", "overlap": 0})

    assert rotated.json()["secret"] not in {created["secret"], at_once.json()["secret"]}
    assert rotated.json()["endpoint"]["former_secret_until"] is not None
    assert at_once.json()["endpoint"]["former_secret_until"] is None
    listed = (await world.call("GET", "/v1/webhooks")).text
    assert rotated.json()["secret"] not in listed
    assert at_once.json()["secret"] not in listed
    assert (await world.call("POST", path, json={"overlap": 10**9})).status_code == 422


@pytest.mark.parametrize(
    ("verb", "body"),
    [("enable", {"reason": "why not"}), ("rotate", {"reason": "why not"}), ("test", {})],
)
async def test_unknown_webhook_is_not_found(world, verb, body):
    assert (await world.call("POST", f"/v1/webhooks/wh_none/{verb}", json=body)).status_code == 404


async def test_partners_call_is_answered_by_its_adapter_without_a_key(world):
    answer = await world.call("POST", "/in/board/door/7?x=1", client=None, content=b"knock")

    assert (answer.status_code, answer.text) == (200, "come in door/7")
    assert answer.headers["x-board"] == "yes"


async def test_partner_may_call_the_mount_point_itself(world):
    assert (await world.call("POST", "/in/board", client=None, content=b"knock")).text == "come in "


async def test_partners_call_that_is_refused_gets_the_contracts_answer(world):
    answer = await world.call("PUT", "/in/board/door", client=None, content=b"\xff\x00")

    assert (answer.status_code, answer.content) == (403, b"who?")


async def test_call_for_nobody_is_not_found(world):
    assert (await world.call("POST", "/in/moon/door", client=None)).status_code == 404


async def test_call_is_bounded_and_keeps_its_path(sqlite_url):
    async with open_world(sqlite_url, max_body_bytes=100) as world:
        large = await world.call("POST", "/in/board/door", client=None, content=b"x" * 101)
        climbing = await world.call("POST", "/in/board/%2e%2e/%2e%2e/v1", client=None, content=b"knock")

    assert (large.status_code, climbing.status_code) == (413, 404)
