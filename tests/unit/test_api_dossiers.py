"""Dossiers over HTTP: versions in, lists and views out."""

import json

import pytest

from gateway.domain.delivery import DeliveryState
from tests.api_world import open_world, record, violations
from tests.storage.province import Province


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


async def test_new_version_is_accepted_with_its_tag(world):
    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=record())

    assert answer.status_code == 202
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == "/v1/dossiers/H99-1"
    assert answer.json() == {
        "code": "H99-1",
        "version": 1,
        "result": "created",
        "enqueued": {"board": 2},
        "changed_events": [],
        "replayed": False,
    }


async def test_newer_version_is_an_update_and_the_same_again_changes_nothing(world):
    await world.put(version=1)
    updated = await world.put(version=2, summary="Trích lục kết hôn")
    again = await world.put(version=2, summary="Trích lục kết hôn")

    assert (updated.status_code, updated.json()["result"]) == (202, "updated")
    assert (again.status_code, again.json()["result"]) == (200, "unchanged")


async def test_older_version_is_a_conflict(world):
    await world.put(version=2)

    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=record(version=1))

    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:lienthong:problem:conflict"
    assert "send a newer version" in answer.json()["detail"]


async def test_repeated_request_gets_the_first_answer_again(world):
    headers = {"Idempotency-Key": "one-door-4711"}
    first = await world.call("PUT", "/v1/dossiers/H99-1", json=record(), headers=headers)
    await world.put(version=2, summary="another")
    again = await world.call("PUT", "/v1/dossiers/H99-1", json=record(), headers=headers)

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == {**first.json(), "replayed": True}


async def test_idempotency_key_of_another_request_is_a_conflict(world):
    headers = {"Idempotency-Key": "one-door-4711"}
    await world.call("PUT", "/v1/dossiers/H99-1", json=record(), headers=headers)

    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=record(version=2), headers=headers)

    assert answer.status_code == 409


async def test_two_clients_may_use_the_same_idempotency_key(world):
    await world.add_client("other")
    headers = {"Idempotency-Key": "1"}
    await world.call("PUT", "/v1/dossiers/H99-1", json=record(), headers=headers)

    answer = await world.call(
        "PUT", "/v1/dossiers/H99-2", json=record("H99-2"), headers=headers, client="other"
    )

    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("stored", "headers", "status"),
    [
        (None, {"If-None-Match": "*"}, 202),
        (1, {"If-None-Match": "*"}, 412),
        (1, {"If-Match": '"1"'}, 202),
        (1, {"If-Match": '"2"'}, 412),
        (None, {"If-Match": '"1"'}, 412),
        (None, {"If-Match": "*"}, 412),
        (1, {"If-Match": "*"}, 202),
        (1, {"If-Match": 'W/"1"'}, 412),
        (1, {"If-Match": '"abc"'}, 412),
        (1, {"If-Match": '"1", "2"'}, 422),
        (1, {"If-None-Match": '"1"'}, 422),
        (1, {"If-None-Match": "*", "If-Match": '"1"'}, 422),
        (1, {"Idempotency-Key": "x" * 201}, 422),
    ],
)
async def test_conditions_are_judged_against_what_is_stored(world, stored, headers, status):
    if stored:
        await world.put(version=stored)

    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=record(version=5), headers=headers)

    assert answer.status_code == status
    version = (await world.call("GET", "/v1/dossiers/H99-1")).json().get("record", {}).get("version")
    assert version == (5 if status == 202 else stored)


async def test_condition_does_not_fail_on_what_the_lost_answer_had_stored(world):
    await world.put(version=1)
    sent = {"json": record(version=2, summary="new"), "headers": {"If-Match": '"1"'}}
    first = await world.call("PUT", "/v1/dossiers/H99-1", **sent)
    again = await world.call("PUT", "/v1/dossiers/H99-1", **sent)
    other = await world.call(
        "PUT", "/v1/dossiers/H99-1", json=record(version=2, summary="other"), headers={"If-Match": '"1"'}
    )

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert again.json()["result"] == "unchanged"


async def test_everything_that_is_wrong_is_said_at_once(world):
    wrong = record(surprise=1, channel="pigeon", received_at="yesterday")
    del wrong["applicant"]

    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=wrong)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(violations(answer)) == {"/surprise", "/channel", "/received_at", "/applicant"}
    assert await world.count("dossier") == 0


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"code": "H99-2"}, {"/code": "code_mismatch"}),
        ({"status": "unheard-of"}, {"/status": "unknown_status"}),
        ({"due_at": "2026-09-01T00:00:00+07:00"}, {"/due_at": "date_order"}),
        ({"summary": "refused by the board"}, {"/summary": "board"}),
        ({"summary": "with a \x00 in it"}, {"/summary": "pattern"}),
    ],
)
async def test_impossible_record_is_refused_with_its_place(world, fields, found):
    answer = await world.call("PUT", "/v1/dossiers/H99-1", json=record(**fields))

    assert answer.status_code == 422
    assert violations(answer) == found


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"\xff\xfe{}", b'{"code": "\xed\xa0\x80"}', b'{"code": tru}']
)
async def test_what_is_no_json_document_cannot_be_read(world, body):
    headers = {"content-type": "application/json"}

    answer = await world.call("PUT", "/v1/dossiers/H99-1", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:lienthong:problem:unreadable"


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1"])
async def test_json_of_another_shape_is_invalid(world, body):
    headers = {"content-type": "application/json"}

    answer = await world.call("PUT", "/v1/dossiers/H99-1", content=body, headers=headers)

    assert (answer.status_code, violations(answer)) == (422, {"": "type"})


@pytest.mark.parametrize(
    "code", ["-H99", "H99 1", "Hồ-sơ", "H99%001", "a%2Fb", "a%5Cb", "%2e%2e", "..", "x" * 51, "a%0Ab", "'--"]
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_number_that_no_dossier_can_have_is_not_found(world, code, method):
    options = {"json": record()} if method == "PUT" else {}

    answer = await world.call(method, f"/v1/dossiers/{code}", **options)

    assert answer.status_code in {404, 405}
    assert answer.headers["content-type"] == "application/problem+json"
    assert await world.count("dossier") == 0


async def test_dossier_is_read_with_its_standing_at_destinations(world):
    await world.put()

    answer = await world.call("GET", "/v1/dossiers/H99-1")

    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    view = answer.json()
    assert view["record"]["applicant"]["name"] == "Nguyễn Văn Thí Dụ"
    assert view["record"]["procedure"]["national_code"] == "1.004203"
    [lane] = view["destinations"]
    assert (lane["destination"], lane["state"], lane["partner_code"]) == ("board", "ready", "B-H99-1")
    assert lane["open"] == {"pending": 2}


async def test_list_has_no_personal_data_and_pages_join(world):
    for number in range(5):
        await world.put(f"H99-{number}")
    seen, cursor = [], ""

    while cursor is not None:
        page = await world.call(
            "GET", f"/v1/dossiers?limit=2&order=updated_at{cursor and '&cursor=' + cursor}"
        )
        assert "Thí Dụ" not in page.text
        seen += [item["code"] for item in page.json()["items"]]
        cursor = page.json()["next"]

    assert seen == [f"H99-{number}" for number in range(5)]


async def test_list_takes_filters(world):
    await world.put("H99-1")
    await world.put("H99-2", status="finished", finished_at="2026-09-29T08:00:00+07:00")

    answer = await world.call(
        "GET", "/v1/dossiers?status=finished&agency=H99.14&due_from=2026-09-30T00:00:00+07:00"
    )

    assert [item["code"] for item in answer.json()["items"]] == ["H99-2"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=received", {"/query/state": "unknown"}),
        ("status=unheard", {"/query/status": "invalid"}),
        ("limit=0", {"/query/limit": "invalid"}),
        ("limit=ten&limit=2", {"/query/limit": "repeated"}),
        ("due_from=yesterday&status=x", {"/query/due_from": "invalid", "/query/status": "invalid"}),
        ("due_from=2026-09-28", {"/query/due_from": "invalid"}),
        ("due_from=1", {"/query/due_from": "invalid"}),
        ("agency=%00", {"/query/agency": "invalid"}),
        ("cursor=AAAA", {"/query/cursor": "cursor"}),
        ("cursor=!", {"/query/cursor": "invalid"}),
        ("&".join(f"a{number}=1" for number in range(99)), {}),
    ],
)
async def test_query_that_cannot_be_taken_is_refused_with_every_reason(world, query, found):
    answer = await world.call("GET", f"/v1/dossiers?{query}")

    assert answer.status_code == 422
    assert {item["pointer"]: item["code"] for item in answer.json().get("violations", [])} == found


async def test_cursor_of_another_order_is_refused(world):
    await world.put("H99-1")
    await world.put("H99-2")
    cursor = (await world.call("GET", "/v1/dossiers?limit=1")).json()["next"]

    answer = await world.call("GET", f"/v1/dossiers?limit=1&order=updated_at&cursor={cursor}")

    assert violations(answer) == {"/query/cursor": "cursor"}


async def test_steps_are_listed_with_the_deliveries_that_tell_them(world):
    await world.put(
        steps=[{"id": f"s{n}", "at": "2026-09-28T08:05:00+07:00", "status": "received"} for n in (1, 2)]
    )

    answer = await world.call("GET", "/v1/dossiers/H99-1/steps")

    steps = answer.json()["steps"]
    assert [item["step"]["id"] for item in steps] == ["s1", "s2"]
    [told] = steps[0]["deliveries"]
    assert (told["destination"], told["operation"], told["state"]) == ("board", "line", "pending")


async def test_history_shows_versions_with_their_numbers(world):
    await world.put(version=3)
    await world.put(version=4, summary="another", status="4")

    answer = await world.call("GET", "/v1/dossiers/H99-1/timeline")

    items = answer.json()["items"]
    versions = [(item["version"], item["status"]) for item in items if item["kind"] == "version"]
    assert versions == [(3, "received"), (4, "4")]
    assert answer.json()["next"] is None


async def test_pages_of_a_history_join(world):
    province = Province(world.gateway.database)
    await world.put()
    [lane] = await province.claim("board")
    await province.settle(lane, await province.send(lane), DeliveryState.REJECTED)
    whole = (await world.call("GET", "/v1/dossiers/H99-1/timeline")).json()["items"]
    seen, cursor = [], ""

    while cursor is not None:
        page = await world.call("GET", f"/v1/dossiers/H99-1/timeline?limit=2{cursor and '&cursor=' + cursor}")
        seen += page.json()["items"]
        cursor = page.json()["next"]

    assert seen == whole
    assert {item["kind"] for item in whole} == {"version", "delivery", "attempt", "message"}


async def test_preview_shows_the_requests_and_sends_nothing(world):
    await world.put(
        steps=[{"id": f"s{n}", "at": "2026-09-28T08:05:00+07:00", "status": "received"} for n in range(4)]
    )
    messages = await world.count("message")

    answer = await world.call("GET", "/v1/dossiers/H99-1/preview?destination=board")

    preview = answer.json()
    assert [item["keys"] for item in preview["items"]] == [["v1"], ["s0", "s1", "s2"], ["s3"]]
    request = preview["items"][0]["request"]
    assert (request["method"], request["url"]) == ("POST", "https://board.example/card?session=[redacted]")
    assert '"number": "B-H99-1"' in request["body_text"]
    assert '"session": "[redacted]"' in request["body_text"]
    assert ["authorization", "[redacted]"] in request["headers"]
    assert world.partner.requests == []
    assert await world.count("message") == messages


async def test_preview_leaves_out_what_was_delivered_unless_asked(world):
    province = Province(world.gateway.database)
    await world.put()
    [lane] = await province.claim("board")
    await province.settle(lane, await province.send(lane), DeliveryState.DELIVERED)

    rest = (await world.call("GET", "/v1/dossiers/H99-1/preview?destination=board")).json()
    everything = (await world.call("GET", "/v1/dossiers/H99-1/preview?destination=board&all=true")).json()

    assert [item["keys"] for item in rest["items"]] == [["s1"]]
    assert [item["states"] for item in everything["items"]] == [["delivered"], ["pending"]]


@pytest.mark.parametrize(
    ("summary", "wanted", "refusal"),
    [
        ("not for the board", False, None),
        ("cannot be encoded", True, "the board cannot take this summary; shorten it"),
    ],
)
async def test_preview_says_why_there_is_no_request(world, summary, wanted, refusal):
    await world.put(summary=summary)

    preview = (await world.call("GET", "/v1/dossiers/H99-1/preview?destination=board")).json()

    assert preview["wanted"] is wanted
    assert [item.get("refusal") for item in preview["items"][:1]] == ([refusal] if wanted else [])


async def test_defect_of_an_adapter_is_told_without_its_insides(world):
    await world.put(summary="breaks the adapter")

    answer = await world.call("GET", "/v1/dossiers/H99-1/preview?destination=board")

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:lienthong:problem:internal"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert (await world.call("GET", "/v1/dossiers/H99-1")).status_code == 200


@pytest.mark.parametrize("part", ["", "/steps", "/timeline", "/preview?destination=board"])
async def test_unknown_dossier_is_not_found(world, part):
    answer = await world.call("GET", f"/v1/dossiers/H99-404{part}")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:lienthong:problem:not_found"


async def test_preview_for_an_unknown_destination_is_not_found(world):
    await world.put()

    assert (await world.call("GET", "/v1/dossiers/H99-1/preview?destination=moon")).status_code == 404


async def test_accepted_version_wakes_the_worker(world):
    woken = []
    world.gateway.worker._dispatchers["board"].wake = lambda: woken.append("board")

    await world.put()
    await world.put()

    assert woken == ["board"]


async def test_repeated_key_of_a_record_is_refused_with_its_place(world):
    text = json.dumps(record("H99-1")).replace('"version": 1', '"version": 1, "version": 2')

    answer = await world.call(
        "PUT", "/v1/dossiers/H99-1", content=text, headers={"content-type": "application/json"}
    )
    lines = await world.call(
        "POST", "/v1/dossiers:import", content=text, headers={"content-type": "application/x-ndjson"}
    )

    assert answer.status_code == 422
    assert violations(answer) == {"/version": "repeated_key"}
    assert json.loads(lines.text)["problem"]["violations"][0]["pointer"] == "/version"
    assert (await world.call("GET", "/v1/dossiers/H99-1")).status_code == 404
