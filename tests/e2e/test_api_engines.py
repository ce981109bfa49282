"""The API on both engines: one dossier's way through every face of it, and letters that one engine cannot hold."""

import json
from urllib.parse import quote

import pytest

from gateway.domain.delivery import DeliveryState
from gateway.storage.clients import Scope
from tests.api_world import open_world, record
from tests.storage.province import Province

REASON = {"reason": "the board has repaired its street list"}


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def test_one_dossier_goes_through_every_face(world):
    province = Province(world.gateway.database)
    assert (await world.put(version=1)).status_code == 202
    stale = await world.call("PUT", "/v1/dossiers/H99-1", json=record(version=1, summary="other"))
    [lane] = await province.claim("board")
    start = await province.send(lane)
    busy = await world.call("POST", f"/v1/deliveries/{start.deliveries[0]}/skip", json=REASON)
    await province.settle(lane, start, DeliveryState.REJECTED)
    retried = await world.call("POST", f"/v1/deliveries/{start.deliveries[0]}/retry", json=REASON)
    held = await world.call("POST", "/v1/lanes/board/H99-1/hold", json=REASON)
    await world.put(version=2, status="processing")

    assert (stale.status_code, busy.status_code) == (409, 409)
    assert (retried.json()["after"], held.json()["state"]) == ("pending", "held")
    found = await world.call(
        "GET", "/v1/dossiers?status=processing&order=due_at&due_before=2027-01-01T00:00:00Z"
    )
    assert [item["version"] for item in found.json()["items"]] == [2]
    history = (await world.call("GET", "/v1/dossiers/H99-1/timeline?limit=500")).json()["items"]
    assert {item["kind"] for item in history} == {
        *("version", "delivery", "attempt", "message", "event", "action")
    }
    states = {
        item["state"]: item["id"]
        for item in (await world.call("GET", "/v1/deliveries?dossier=H99-1")).json()["items"]
    }
    assert set(states) == {"pending"}
    superseded = (await world.call("GET", "/v1/deliveries?state=superseded")).json()["items"]
    assert [item["key"] for item in superseded] == ["v1"]
    assert (await world.call("GET", "/v1/messages?outcome=rejected")).json()["items"] != []
    assert (await world.call("GET", "/v1/status")).json()["totals"]["dossiers"] == {"processing": 1}
    [board] = (await world.call("GET", "/v1/destinations")).json()["items"]
    assert (board["backlog"], board["lanes"]) == ({"pending": 2}, {"held": 1})


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\ud800", "\uffff", "😀" * 10, "'; DROP TABLE dossier; --", "%s %(x)s :x ?"]
)
async def test_odd_letters_are_refused_or_kept_but_never_a_fault(world, text):
    await world.put()
    sent = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    params = {"procedure": sent, "agency": sent, "source": sent, "cursor": sent}
    answers = [
        await world.call("GET", "/v1/dossiers", params=params),
        await world.call(
            "GET", "/v1/deliveries", params={"code": sent, "operation": sent, "destination": sent}
        ),
        await world.call("GET", "/v1/messages", params={"channel": sent, "outcome": sent}),
        await world.call("GET", "/v1/events", params={"kinds": sent}),
        await world.call("PUT", "/v1/dossiers/H99-2", content=_json(record("H99-2", note=text))),
        await world.call("POST", "/v1/lanes/board/H99-1/hold", content=_json({"reason": f"because {text}"})),
        await world.call("POST", "/v1/webhooks", content=_json({"url": f"https://{text}.example/{text}"})),
        await world.call("POST", "/v1/webhooks/wh_1/enable", content=_json({"reason": text})),
        await world.call(
            "POST",
            "/v1/destinations/board/catalogues/forms/refresh",
            content=_json({"parameters": {"procedure": text}}),
        ),
        await world.call(
            "POST", "/v1/deliveries:retry", content=_json({"destination": text, "state": "parked", **REASON})
        ),
        await world.call(
            "POST",
            "/oauth2/token",
            data={"grant_type": "client_credentials", "client_id": sent, "client_secret": sent},
        ),
        await world.call("GET", "/v1/dossiers", client=None, headers={"x-api-key": b"\xff" * 43}),
        await world.call("POST", f"/in/{quote(sent, safe='')}/x", client=None, content=b"knock"),
    ]

    assert [answer.status_code for answer in answers if answer.status_code >= 500] == []


def _json(value):
    return json.dumps(value).encode()


async def test_token_and_idempotency_live_on_both_engines(world):
    form = {"grant_type": "client_credentials", "client_id": "all", "client_secret": world.keys["all"]}
    given = (
        await world.call("POST", "/oauth2/token", client=None, data={**form, "scope": "dossiers:write"})
    ).json()
    headers = {"authorization": f"Bearer {given['access_token']}", "idempotency-key": "once"}

    first = await world.call("PUT", "/v1/dossiers/H99-1", headers=headers, json=record())
    again = await world.call("PUT", "/v1/dossiers/H99-1", headers=headers, json=record())

    assert given["scope"] == Scope.DOSSIERS_WRITE
    assert (first.status_code, again.status_code, again.json()["replayed"]) == (202, 200, True)
