"""API clients over HTTP: keys shown once, rights that nobody gives beyond its own, and what is written down."""

import msgspec
import pytest
import sqlalchemy as sa

from gateway.storage.client_orders import target_of
from gateway.storage.clients import Scope
from gateway.storage.schema import operator_action
from tests.api_world import open_world, violations

REASON = {"reason": "its key was seen in a mail"}
READER = {"id": "reader", "scopes": ["dossiers:read"]}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


async def status_with(world, secret):
    return (await world.call("GET", "/v1/dossiers", client=None, headers={"x-api-key": secret})).status_code


async def made(world, **fields):
    answer = await world.call("POST", "/v1/clients", json=READER | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()["secret"]


async def test_new_client_gets_a_key_that_is_shown_once(world):
    answer = await world.call("POST", "/v1/clients", json=READER | {"name": "Reading room", "rate": 7})

    secret = answer.json()["secret"]
    assert (answer.status_code, answer.json()["client"]) == (201, "reader")
    assert answer.headers["cache-control"] == "no-store"
    assert await status_with(world, secret) == 200
    listed = await world.call("GET", "/v1/clients")
    [shown] = [each for each in listed.json()["items"] if each["id"] == "reader"]
    assert (shown["name"], shown["scopes"], shown["rate"]) == ("Reading room", ["dossiers:read"], 7)
    assert "secret" not in listed.text


async def test_new_key_ends_the_old_one_at_once(world):
    old = await made(world)
    assert await status_with(world, old) == 200

    new = (await world.call("POST", "/v1/clients/reader/rotate", json=REASON)).json()["secret"]

    assert (await status_with(world, old), await status_with(world, new)) == (401, 200)


async def test_disabled_client_is_refused_at_once_until_it_gets_a_new_key(world):
    old = await made(world)
    assert await status_with(world, old) == 200

    first, second = [await world.call("POST", "/v1/clients/reader/disable", json=REASON) for _ in range(2)]

    assert first.json() == {"client": "reader", "changed": True, "disabled": True}
    assert second.json()["changed"] is False
    assert await status_with(world, old) == 401
    new = (await world.call("POST", "/v1/clients/reader/rotate", json=REASON)).json()["secret"]
    assert await status_with(world, new) == 200


async def test_nobody_gives_rights_that_it_does_not_have(world):
    await world.add_client("half", Scope.CLIENTS_MANAGE, Scope.DOSSIERS_READ)

    given = await world.call("POST", "/v1/clients", client="half", json=READER)
    more = await world.call(
        "POST", "/v1/clients", client="half", json={"id": "x", "scopes": ["dossiers:read", "messages:read"]}
    )

    assert (given.status_code, more.status_code) == (201, 403)
    assert "messages:read" in more.json()["detail"]
    assert "dossiers:read" not in more.json()["detail"]
    assert (await world.call("POST", "/v1/clients", json={"id": "x", "scopes": ["messages:read"]})).is_success


async def test_nobody_takes_the_key_of_a_client_with_more_rights(world):
    await world.add_client("half", Scope.CLIENTS_MANAGE, Scope.DOSSIERS_READ)

    taken = await world.call("POST", "/v1/clients/all/rotate", client="half", json=REASON)

    assert taken.status_code == 403
    assert await status_with(world, world.keys["all"]) == 200
    own = await world.call("POST", "/v1/clients/half/rotate", client="half", json=REASON)
    assert await status_with(world, own.json()["secret"]) == 200


async def test_client_cannot_lock_itself_out(world):
    answer = await world.call("POST", "/v1/clients/all/disable", json=REASON)

    assert answer.status_code == 409
    assert await status_with(world, world.keys["all"]) == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/clients", None),
        ("POST", "/v1/clients", READER),
        ("POST", "/v1/clients/all/rotate", REASON),
        ("POST", "/v1/clients/all/disable", REASON),
    ],
)
async def test_managing_clients_needs_its_own_scope(world, method, path, body):
    await world.add_client("rest", *(set(Scope) - {Scope.CLIENTS_MANAGE, Scope.CLIENTS_READ}))

    assert (await world.call(method, path, client="rest", json=body)).status_code == 403


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, {"/id": "required"}),
        (READER | {"id": "Reader"}, {"/id": "pattern"}),
        (READER | {"id": "reader\n"}, {"/id": "pattern"}),
        (READER | {"scopes": []}, {"/scopes": "minItems"}),
        (READER | {"scopes": ["everything"]}, {"/scopes/0": "enum"}),
        (READER | {"rate": 0}, {"/rate": "minimum"}),
        (READER | {"secret": "lt_mine"}, {"/secret": "additionalProperties"}),
    ],
)
async def test_wrong_order_is_told_everything(world, body, found):
    answer = await world.call("POST", "/v1/clients", json=body)

    assert answer.status_code == 422
    assert violations(answer) == found


@pytest.mark.parametrize("name", ["console", "cli"])
async def test_no_client_is_called_as_histories_call_people(world, name):
    made = await world.call("POST", "/v1/clients", json={"id": name, "scopes": ["dossiers:read"]})
    assert made.status_code == 409


async def test_taken_id_is_a_conflict_and_an_unknown_one_is_not_found(world):
    await made(world)

    assert (await world.call("POST", "/v1/clients", json=READER)).status_code == 409
    for verb in ("rotate", "disable"):
        assert (await world.call("POST", f"/v1/clients/nobody/{verb}", json=REASON)).status_code == 404
        assert violations(await world.call("POST", f"/v1/clients/reader/{verb}", json={})) == {
            "/reason": "required"
        }


async def test_every_change_is_written_down_without_the_key(world):
    await made(world)
    secret = (await world.call("POST", "/v1/clients/reader/rotate", json=REASON)).json()["secret"]
    await world.call("POST", "/v1/clients/reader/disable", json=REASON)

    question = (
        sa.select(operator_action)
        .where(operator_action.c.target == target_of("reader"))
        .order_by(operator_action.c.id)
    )
    rows = await world.gateway.database.read(lambda connection: connection.execute(question).all())

    assert [(row.actor, row.action, row.reason) for row in rows] == [
        ("all", "client.create", ""),
        ("all", "client.rotate", REASON["reason"]),
        ("all", "client.disable", REASON["reason"]),
    ]
    assert msgspec.json.decode(rows[0].detail) == {"roles": [], "scopes": ["dossiers:read"], "rate": None}
    assert secret not in str(rows)
