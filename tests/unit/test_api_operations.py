"""Deliveries, lanes, destinations and the message log over HTTP."""

import base64

import pytest

from gateway.domain.delivery import DeliveryState
from tests.api_world import open_world, violations
from tests.storage.province import Province

S = DeliveryState
REASON = {"reason": "the board has repaired its street list"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


@pytest.fixture
def province(world):
    return Province(world.gateway.database)


async def settled(world, province, state, code="H99-1"):
    """A dossier whose card stands in ``state``; its delivery."""
    await world.put(code)
    [lane] = await province.claim("board")
    start = await province.send(lane)
    if state is not S.IN_FLIGHT:
        await province.settle(lane, start, state)
    return start.deliveries[0]


async def test_list_takes_filters_and_pages_join(world, province):
    rejected = await settled(world, province, S.REJECTED)
    await world.put("H99-2")

    stuck = await world.call("GET", "/v1/deliveries?state=rejected")
    seen, cursor = [], ""
    while cursor is not None:
        page = (await world.call("GET", f"/v1/deliveries?limit=1{cursor and '&cursor=' + cursor}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert [item["id"] for item in stuck.json()["items"]] == [str(rejected)]
    assert len(seen) == len(set(seen)) == 4


async def test_delivery_shows_its_attempts(world, province):
    delivery = await settled(world, province, S.REJECTED)

    shown = (await world.call("GET", f"/v1/deliveries/{delivery}")).json()

    assert shown["delivery"]["state"] == "rejected"
    [attempt] = shown["attempts"]
    assert attempt["outcome"] == "rejected"
    entries = [
        await world.call("GET", f"/v1/messages/{message}?reason=asked&personal=1")
        for message in attempt["messages"]
    ]
    assert [entry.json()["message"]["kind"] for entry in entries] == ["request", "no_answer"]


@pytest.mark.parametrize(
    ("verb", "body", "after"),
    [
        ("retry", {}, "pending"),
        ("skip", {}, "skipped"),
        ("resolve", {"verdict": "delivered"}, "delivered"),
        ("resolve", {"verdict": "absent"}, "waiting"),
        ("resolve", {"verdict": "rejected"}, "rejected"),
    ],
)
async def test_action_moves_the_delivery_in_the_name_of_the_client(world, province, verb, body, after):
    delivery = await settled(world, province, S.IN_DOUBT if verb == "resolve" else S.REJECTED)

    answer = await world.call("POST", f"/v1/deliveries/{delivery}/{verb}", json={**REASON, **body})

    assert (answer.status_code, answer.json()["after"]) == (200, after)
    history = (await world.call("GET", "/v1/dossiers/H99-1/timeline")).json()["items"]
    [action] = [item for item in history if item["kind"] == "action"]
    assert (action["actor"], action["reason"]) == ("all", REASON["reason"])


async def test_resolving_a_snapshot_as_delivered_shows_its_version_as_acknowledged(world, province):
    delivery = await settled(world, province, S.IN_DOUBT)

    await world.call("POST", f"/v1/deliveries/{delivery}/resolve", json={**REASON, "verdict": "delivered"})

    [lane] = (await world.call("GET", "/v1/dossiers/H99-1")).json()["destinations"]
    assert (lane["acknowledged_status"], lane["acknowledged_version"]) == ("received", 1)


@pytest.mark.parametrize("state", [S.DELIVERED, S.IN_FLIGHT])
@pytest.mark.parametrize("verb", ["retry", "skip"])
async def test_illegal_action_is_a_conflict_that_says_what_to_do(world, province, verb, state):
    delivery = await settled(world, province, state)

    answer = await world.call("POST", f"/v1/deliveries/{delivery}/{verb}", json=REASON)

    assert answer.status_code == 409
    assert ("legal from here" in answer.json()["detail"]) or (
        "wait for the answer" in answer.json()["detail"]
    )


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/reason": "required"}),
        ({"reason": "ab"}, {"/reason": "minLength"}),
        ({"reason": "   "}, {"/reason": "pattern"}),
        ({"reason": "x" * 1001}, {"/reason": "maxLength"}),
        ({"reason": "with \x00"}, {"/reason": "pattern"}),
        ({**REASON, "force": True}, {"/force": "additionalProperties"}),
    ],
)
async def test_action_needs_a_reason_and_nothing_else(world, province, body, found):
    delivery = await settled(world, province, S.REJECTED)

    answer = await world.call("POST", f"/v1/deliveries/{delivery}/retry", json=body)

    assert (answer.status_code, violations(answer)) == (422, found)


@pytest.mark.parametrize("number", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 30, "0x10", "١"])
async def test_what_is_no_identifier_is_not_found(world, number):
    assert (await world.call("GET", f"/v1/deliveries/{number}")).status_code == 404
    assert (await world.call("GET", f"/v1/messages/{number}?reason=asked")).status_code == 404
    assert (await world.call("POST", f"/v1/deliveries/{number}/retry", json=REASON)).status_code == 404


async def test_lane_is_held_and_released(world):
    await world.put()

    held = await world.call("POST", "/v1/lanes/board/H99-1/hold", json=REASON)
    again = await world.call("POST", "/v1/lanes/board/H99-1/hold", json=REASON)
    [lane] = (await world.call("GET", "/v1/dossiers/H99-1")).json()["destinations"]
    released = await world.call("POST", "/v1/lanes/board/H99-1/release", json=REASON)

    assert (held.status_code, held.json()["state"]) == (200, "held")
    assert again.status_code == 409
    assert (lane["state"], lane["held_by"], lane["held_reason"]) == ("held", "all", REASON["reason"])
    assert (released.status_code, released.json()["state"]) == (200, "ready")
    assert (await world.call("POST", "/v1/lanes/moon/H99-1/hold", json=REASON)).status_code == 404


async def test_bulk_retry_shows_first_and_does_then(world, province):
    for number in range(3):
        await settled(world, province, S.PARKED, f"H99-{number}")
    order = {"destination": "board", "state": "parked", **REASON}

    shown = await world.call("POST", "/v1/deliveries:retry", json=order)
    before = (await world.call("GET", "/v1/deliveries?state=parked")).json()["items"]
    done = await world.call("POST", "/v1/deliveries:retry", json={**order, "dry_run": False})
    after = (await world.call("GET", "/v1/deliveries?state=parked")).json()["items"]

    assert shown.json()["dry_run"] is True
    assert shown.json()["deliveries"] == done.json()["deliveries"]
    assert (len(before), len(after)) == (3, 0)


async def test_destinations_show_health_and_backlog(world, province):
    await settled(world, province, S.REJECTED)

    [shown] = (await world.call("GET", "/v1/destinations")).json()["items"]

    assert (shown["name"], shown["title_vi"], shown["breaker"]) == ("board", "Bảng phường", "closed")
    assert shown["backlog"] == {"rejected": 1, "pending": 1}
    assert shown["lanes"] == {"blocked": 1}
    assert shown["catalogues"] == ["streets", "forms"]
    assert [item["name"] for item in shown["operations"]] == ["card", "line"]


async def test_destination_is_paused_and_resumed(world):
    paused = await world.call("POST", "/v1/destinations/board/pause", json=REASON)
    shown = (await world.call("GET", "/v1/destinations/board")).json()["destination"]
    resumed = await world.call("POST", "/v1/destinations/board/resume", json=REASON)
    after = (await world.call("GET", "/v1/destinations/board")).json()["destination"]

    assert (paused.status_code, shown["paused_by"], shown["paused_reason"]) == (200, "all", REASON["reason"])
    assert (resumed.status_code, after["paused_by"]) == (200, None)
    assert (await world.call("POST", "/v1/destinations/board/resume", json=REASON)).status_code == 409


async def test_file_of_actions_says_when_there_are_older_ones(world):
    await world.call("POST", "/v1/destinations/board/pause", json=REASON)
    await world.call("POST", "/v1/destinations/board/resume", json=REASON)

    cut = (await world.call("GET", "/v1/actions.csv?limit=1")).text.splitlines()
    whole = (await world.call("GET", "/v1/actions.csv?limit=2")).text.splitlines()

    assert len(cut) == len(whole) == 3
    assert cut[2].startswith("Còn thao tác cũ hơn không có trong tệp này")
    assert "pause" in whole[2]


@pytest.mark.parametrize("path", ["", "/pause", "/resume", "/catalogues/streets/refresh"])
async def test_unknown_destination_is_not_found(world, path):
    body = {} if "refresh" in path else REASON
    options = {"json": body} if path else {}

    answer = await world.call("POST" if path else "GET", f"/v1/destinations/moon{path}", **options)

    assert answer.status_code == 404


async def test_catalogue_is_refreshed_and_its_age_shown(world):
    answer = await world.call("POST", "/v1/destinations/board/catalogues/streets/refresh", json={})

    assert answer.json() == {"destination": "board", "catalogue": "streets", "entries": 1, "failure": None}
    [age] = (await world.call("GET", "/v1/destinations/board")).json()["cached"]
    assert (age["name"], age["entries"], age["failure"]) == ("streets", 1, None)


async def test_catalogue_that_the_partner_does_not_give_is_told_with_the_reason(world):
    world.partner.status = 500

    answer = await world.call("POST", "/v1/destinations/board/catalogues/streets/refresh", json={})

    assert (answer.status_code, answer.json()["entries"]) == (200, None)
    assert "the board is closed" in answer.json()["failure"]


@pytest.mark.parametrize(
    ("catalogue", "parameters", "status"),
    [
        ("forms", {"procedure": "1.004203"}, 200),
        ("forms", {}, 422),
        ("streets", {"procedure": "1"}, 422),
        ("lookup", {"code": "1"}, 404),
        ("moon", {}, 404),
    ],
)
async def test_only_catalogues_are_refreshed_and_only_with_their_parameters(
    world, catalogue, parameters, status
):
    path = f"/v1/destinations/board/catalogues/{catalogue}/refresh"

    assert (await world.call("POST", path, json={"parameters": parameters})).status_code == status


async def test_log_entry_has_the_exact_bytes_and_hides_the_key(world):
    await world.put()
    [entry] = (await world.call("GET", "/v1/messages?channel=api")).json()["items"]

    shown = (await world.call("GET", f"/v1/messages/{entry['id']}?reason=asked&personal=1")).json()
    raw = await world.call("GET", f"/v1/messages/{entry['id']}?raw=1&reason=asked&personal=1")

    assert shown["body_text"].encode() == raw.content
    assert (raw.headers["content-type"], shown["body_base64"]) == ("application/octet-stream", None)
    assert dict(shown["headers"])["authorization"] == "[redacted]"
    assert world.keys["all"] not in str(shown)
    assert shown["message"]["url"] == "/v1/dossiers/H99-1"


async def test_body_that_is_no_text_is_shown_in_base64(world):
    from gateway.messagelog.entry import About, Scope, request_entry
    from gateway.port import WireRequest
    from gateway.storage.rows import insert_messages

    about = About(id=7, at=world.gateway.hub.clock(), operation="file")
    row = request_entry(Scope(channel="board"), about, WireRequest(method="POST", url="/", body=b"\xff\x00"))
    await world.gateway.database.write(lambda tx: insert_messages(tx, [row]))

    shown = (await world.call("GET", "/v1/messages/7?reason=asked&personal=1")).json()

    assert shown["body_text"] is None
    assert base64.b64decode(shown["body_base64"]) == b"\xff\x00"
    assert (await world.call("GET", "/v1/messages/7?raw=true&reason=asked&personal=1")).content == b"\xff\x00"


async def test_log_entries_are_found_by_span_of_time(world):
    await world.put()

    def span(**bounds):
        return "/v1/messages?" + "&".join(f"{name}={value}" for name, value in bounds.items())

    everything = await world.call("GET", span(since="2026-01-01T00:00:00+07:00"))
    nothing = await world.call("GET", span(before="2026-01-01T00:00:00+07:00"))
    plus_as_space = await world.call("GET", span(since="2026-01-01T00:00:00 07:00"))

    assert len(everything.json()["items"]) == len(plus_as_space.json()["items"]) == 1
    assert nothing.json()["items"] == []


async def test_overview_counts_everything(world):
    await world.put()

    shown = (await world.call("GET", "/v1/status")).json()

    assert shown["totals"]["dossiers"] == {"received": 1}
    assert shown["totals"]["overdue"] == 1
    assert [item["name"] for item in shown["destinations"]] == ["board"]


async def test_refusal_speaks_of_the_request_and_of_no_type_of_ours(world):
    answer = await world.call("POST", "/v1/deliveries:retry", json={"destination": "board"})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "the body of the request cannot be accepted"
    assert "Order" not in answer.text
