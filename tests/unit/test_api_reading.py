"""Bodies over HTTP: for a reason, masked unless the right scope asks, and never in a list, a log line or a problem."""

import logging

import pytest

from gateway.storage.clients import Scope
from tests.api_world import open_world, violations

CANARY, NUMBER = "Nguyễn Thị Canary", "099300000007"
PERSON = {"kind": "citizen", "name": CANARY, "identities": [{"kind": "personal_id", "number": NUMBER}]}
WHY = {"reason": "công dân hỏi"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        await opened.put(applicant=PERSON)
        await opened.add_client("reader", Scope.MESSAGES_READ, Scope.DOSSIERS_READ, Scope.DELIVERIES_READ)
        yield opened


@pytest.fixture
async def entry(world):
    [found] = (await world.call("GET", "/v1/messages?channel=api")).json()["items"]
    return found["id"]


async def read(world, entry, client="reader", **query):
    return await world.call("GET", f"/v1/messages/{entry}", client=client, params=query)


async def test_body_needs_a_reason(world, entry):
    refused = await read(world, entry)

    assert violations(refused) == {"/query/reason": "required"}
    assert (await read(world, entry, raw="true")).status_code == 422
    head = (await read(world, entry, body="false")).json()
    assert (head["body_text"], head["message"]["id"]) == (None, entry)


async def test_body_is_masked_for_whoever_may_not_see_persons(world, entry):
    shown = (await read(world, entry, **WHY)).json()
    raw = await read(world, entry, raw="true", **WHY)

    assert CANARY not in shown["body_text"] + raw.text
    assert NUMBER not in shown["body_text"] + raw.text
    assert "•••" in raw.text
    refused = await read(world, entry, personal="true", **WHY)
    assert refused.status_code == 403
    assert "personal:read" in refused.json()["detail"]


async def test_body_is_whole_for_whoever_may_and_asks(world, entry):
    masked = await read(world, entry, "all", raw="true", **WHY)
    whole = await read(world, entry, "all", raw="true", personal="true", **WHY)

    assert NUMBER not in masked.text
    assert NUMBER in whole.text


async def test_every_reading_is_in_the_log(world, entry):
    await read(world, entry, **WHY)
    await read(world, entry, personal="true", **WHY)  # refused, so nothing was read

    found = (await world.call("GET", "/v1/messages?channel=access")).json()["items"]

    assert [(each["operation"], each["direction"], each["dossier"]) for each in found] == [
        ("read_body", "in", "H99-1")
    ]
    told = (await read(world, found[0]["id"], **WHY)).json()["body_text"]
    assert '"actor":"reader"' in told
    assert entry in told
    assert len((await world.call("GET", "/v1/messages?channel=access")).json()["items"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/dossiers", "/v1/dossiers/H99-1/timeline", "/v1/deliveries", "/v1/messages", "/v1/drift"),
        *("/v1/events", "/v1/status", "/v1/approvals", "/v1/payments", "/v1/reports/near-due", "/v1/jobs"),
    ],
)
async def test_no_list_shows_a_person(world, path):
    answer = await world.call("GET", path)

    assert answer.status_code == 200
    assert CANARY not in answer.text
    assert NUMBER not in answer.text


async def test_no_log_line_and_no_problem_shows_a_person(world, entry, caplog, capsys):
    with caplog.at_level(logging.DEBUG):
        await read(world, entry, "all", personal="true", **WHY)
        problems = [
            await read(world, entry),
            await read(world, entry, personal="true", **WHY),
            await read(world, "7", **WHY),
        ]

    told = caplog.text + "".join(capsys.readouterr()) + "".join(each.text for each in problems)
    assert CANARY not in told
    assert NUMBER not in told
