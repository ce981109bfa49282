"""Who may do what: keys, tokens, scopes, rates; what is open and what is not."""

import base64
import hashlib

import pytest
import sqlalchemy as sa

from gateway.api.access import Access
from gateway.api.limits import MOST_BUCKETS, Buckets
from gateway.api.problem import Refused
from gateway.api.table import ROUTES
from gateway.storage.clients import (
    NewClient,
    Scope,
    create_client,
    disable_client,
    forget_expired,
    list_clients,
    rotate_client,
)
from gateway.storage.schema import client, token
from gateway.storage.scopes import IMPLIED
from tests.api_world import open_world, record

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


async def ask(world, headers):
    return await world.call("GET", "/v1/dossiers", client=None, headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"authorization": "Basic YWxsOng="},
        {"authorization": "Bearer lt_" + "A" * 43},
        {"authorization": "Bearer ltt_" + "A" * 43},
        {"authorization": "Bearer lt_short"},
        {"authorization": "Bearer " + "x" * 5000},
        {"x-api-key": "lt_" + "A" * 43},
        {"x-api-key": "' OR 1=1 --"},
    ],
)
async def test_whoever_is_not_known_is_refused_with_a_challenge(world, headers):
    answer = await ask(world, headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:lienthong:problem:unauthorised"


async def test_key_opens_as_bearer_and_as_header(world):
    assert (await ask(world, bearer(world.keys["all"]))).status_code == 200
    assert (await ask(world, {"x-api-key": world.keys["all"]})).status_code == 200


async def test_database_holds_the_hash_of_a_key_only(world):
    rows = await world.gateway.database.read(lambda connection: connection.execute(sa.select(client)).all())

    assert rows[0].secret_hash == hashlib.sha256(world.keys["all"].encode()).hexdigest()
    assert world.keys["all"] not in str(rows)


SAMPLES = {"code": "H99-1", "dossier": "H99-1", "delivery": "1", "message": "1"}


def address(row):
    path = row.path
    for name in ("code", "dossier", "delivery", "message", "destination", "catalogue", "webhook"):
        path = path.replace("{" + name + "}", SAMPLES.get(name, "x"))
    return path


@pytest.mark.parametrize(
    "row", [row for row in ROUTES if row.scope is not None], ids=lambda row: f"{row.method} {row.path}"
)
async def test_every_row_with_a_scope_needs_exactly_that_scope(world, row):
    await world.add_client("one", row.scope)
    giving = {scope for scope, implied in IMPLIED.items() if row.scope in implied}
    await world.add_client("others", *(set(Scope) - giving - {row.scope}))

    nobody = await world.call(row.method, address(row), client=None)
    others = await world.call(row.method, address(row), client="others")
    one = await world.call(row.method, address(row), client="one", headers={"content-type": "text/none"})

    assert nobody.status_code == 401
    assert others.status_code == 403
    assert f'scope="{row.scope}"' in others.headers["www-authenticate"]
    assert one.status_code not in {401, 403}


def test_only_these_rows_are_open_to_everybody():
    assert {row.path for row in ROUTES if row.scope is None} == {
        *("/livez", "/readyz", "/metrics", "/openapi.json", "/docs"),
        *("/oauth2/token", "/in/{destination}", "/in/{destination}/{path:path}"),
        "/payments/return/{partner}",  # the payer's browser: it shows a state and nothing of anybody
    }


async def test_body_of_whoever_is_not_known_is_not_read(world):
    read = []

    async def body():
        read.append(1)
        yield b"{}"

    answer = await world.call("PUT", "/v1/dossiers/H99-1", client=None, content=body())

    assert (answer.status_code, read) == (401, [])


async def token_of(world, *, headers=None, **form):
    return await world.call(
        "POST",
        "/oauth2/token",
        client=None,
        headers=headers,
        data={"grant_type": "client_credentials", **form},
    )


async def test_token_opens_what_its_scopes_allow(world):
    answer = await token_of(
        world, client_id="all", client_secret=world.keys["all"], scope="dossiers:read events:read"
    )

    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    given = answer.json()
    assert (given["token_type"], given["expires_in"], given["scope"]) == (
        "Bearer",
        3600,
        "dossiers:read events:read",
    )
    assert (await ask(world, bearer(given["access_token"]))).status_code == 200
    refused = await world.call("GET", "/v1/messages", client=None, headers=bearer(given["access_token"]))
    assert refused.status_code == 403


async def test_token_is_given_to_basic_credentials_and_stored_as_a_hash(world):
    basic = base64.b64encode(f"all:{world.keys['all']}".encode()).decode()

    answer = await token_of(world, headers={"authorization": f"Basic {basic}"})

    assert answer.status_code == 200
    assert set(answer.json()["scope"].split()) == {scope.value for scope in Scope}
    rows = await world.gateway.database.read(lambda connection: connection.execute(sa.select(token)).all())
    assert answer.json()["access_token"] not in str(rows)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "all", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "\x00", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "all"}, 401, "invalid_client"),
        ({}, 401, "invalid_client"),
        ({"grant_type": "password", "client_id": "all"}, 401, "invalid_client"),
    ],
)
async def test_refused_token_has_the_error_code_of_oauth(world, form, status, error):
    answer = await token_of(world, **form)

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "dossiers:read dossiers:delete"}, "invalid_scope"),
    ],
)
async def test_known_client_is_told_what_is_wrong_with_its_form(world, form, error):
    answer = await token_of(world, client_id="all", client_secret=world.keys["all"], **form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("body", [b"", b"\xff", b"grant_type=a&grant_type=b", b"scope=x", b"&" * 100])
async def test_form_that_is_none_is_refused(world, body):
    answer = await world.call("POST", "/oauth2/token", client=None, content=body, headers=FORM)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_json_is_no_form(world):
    assert (await world.call("POST", "/oauth2/token", client=None, json={})).status_code == 415


class Time:
    """A monotonic clock that moves when told."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


async def test_disabled_client_and_its_tokens_end_within_seconds(world):
    clock = Time()
    world.api.access = Access(world.gateway.database, world.gateway.hub.clock, clock)
    given = (await token_of(world, client_id="all", client_secret=world.keys["all"])).json()["access_token"]
    assert (await ask(world, bearer(given))).status_code == 200
    assert (await ask(world, bearer(world.keys["all"]))).status_code == 200

    now = world.gateway.hub.clock()
    assert await world.gateway.database.write(lambda tx: disable_client(tx, "all", now))
    clock.seconds += 11

    assert (await ask(world, bearer(given))).status_code == 401
    assert (await ask(world, bearer(world.keys["all"]))).status_code == 401
    assert (await token_of(world, client_id="all", client_secret=world.keys["all"])).status_code == 401


async def test_rotated_key_replaces_the_old_one_and_enables_again(world):
    clock = Time()
    world.api.access = Access(world.gateway.database, world.gateway.hub.clock, clock)
    old = world.keys["all"]
    now = world.gateway.hub.clock()
    await world.gateway.database.write(lambda tx: disable_client(tx, "all", now))

    issued = await world.gateway.database.write(lambda tx: rotate_client(tx, "all"))

    assert (await ask(world, bearer(old))).status_code == 401
    assert (await ask(world, bearer(issued.secret))).status_code == 200


@pytest.mark.parametrize(
    ("client_id", "scopes"), [("Bad Id", Scope), ("", Scope), ("all", Scope), ("new", ())]
)
async def test_client_that_cannot_be_is_not_made(world, client_id, scopes):
    from gateway.domain.errors import ConflictError

    new = NewClient(id=client_id, name="x", scopes=frozenset(scopes))
    with pytest.raises(ConflictError):
        await world.gateway.database.write(lambda tx: create_client(tx, new, world.gateway.hub.clock()))


async def test_clients_are_listed_without_secrets(world):
    [shown] = await world.gateway.database.read(list_clients)

    assert (shown.id, shown.scopes, shown.disabled_at) == ("all", frozenset(Scope), None)
    assert not hasattr(shown, "secret_hash")


async def test_expired_token_is_refused_and_forgotten(sqlite_url):
    async with open_world(sqlite_url, token_lifetime=0.0) as world:
        given = (await token_of(world, client_id="all", client_secret=world.keys["all"])).json()[
            "access_token"
        ]

        assert (await ask(world, bearer(given))).status_code == 401
        gone = await world.gateway.database.write(lambda tx: forget_expired(tx, world.gateway.hub.clock()))
        assert gone == 1


async def test_unknown_client_cannot_be_rotated_or_disabled(world):
    from gateway.domain.errors import NotFoundError

    with pytest.raises(NotFoundError):
        await world.gateway.database.write(lambda tx: rotate_client(tx, "nobody"))
    with pytest.raises(NotFoundError):
        await world.gateway.database.write(lambda tx: disable_client(tx, "nobody", world.gateway.hub.clock()))


async def test_client_beyond_its_rate_is_told_when_to_come_back_and_others_go_on(world):
    await world.add_client("eager", rate=1)
    answers = [await world.call("GET", "/v1/dossiers", client="eager") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert (await world.call("GET", "/v1/dossiers")).status_code == 200


def test_bucket_fills_again_with_time():
    clock = Time()
    buckets = Buckets(clock)
    for _ in range(3):
        buckets.take("a", rate=2, burst=3)
    with pytest.raises(Refused):
        buckets.take("a", rate=2, burst=3)

    clock.seconds += 0.5
    buckets.take("a", rate=2, burst=3)
    with pytest.raises(Refused):
        buckets.take("a", rate=2, burst=3)


def test_rate_of_zero_is_no_limit():
    buckets = Buckets(Time())
    for _ in range(10):
        buckets.take("a", rate=0, burst=0)


def test_buckets_stay_bounded():
    buckets = Buckets(Time())
    for number in range(MOST_BUCKETS + 10):
        buckets.take(str(number), rate=1, burst=1)

    assert len(buckets._buckets) == MOST_BUCKETS


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-forwarded-for": "203.0.113.9"}, 401),
        ({"forwarded": "for=203.0.113.9"}, 401),
        ({"x-real-ip": "203.0.113.9"}, 401),
    ],
)
async def test_metrics_are_open_on_this_machine_unless_a_proxy_speaks(world, headers, status):
    answer = await world.call("GET", "/metrics", client=None, headers=headers)

    assert answer.status_code == status


async def test_metrics_through_a_proxy_need_their_scope(world):
    await world.add_client("scraper", Scope.METRICS_READ)
    await world.add_client("other", Scope.DOSSIERS_READ)
    headers = {"x-forwarded-for": "203.0.113.9"}

    assert (await world.call("GET", "/metrics", client="scraper", headers=headers)).status_code == 200
    assert (await world.call("GET", "/metrics", client="other", headers=headers)).status_code == 403


async def test_metrics_show_the_backlog(world):
    await world.call("PUT", "/v1/dossiers/H99-1", json=record())

    page = (await world.call("GET", "/metrics", client=None)).text

    assert 'lienthong_deliveries_open{destination="board",state="pending"} 2.0' in page
    assert 'lienthong_api_request_seconds_count{route="/v1/dossiers/{code}",status="202"}' in page


async def test_clients_live_on_both_engines(database):
    from gateway.delivery.clock import SteadyClock
    from gateway.storage.clients import find_by_id, find_by_key

    now = SteadyClock()()
    new = NewClient(id="one", name="One-door", scopes=frozenset({Scope.DOSSIERS_WRITE}), rate=5)
    issued = await database.write(lambda tx: create_client(tx, new, now))
    hashed = hashlib.sha256(issued.secret.encode()).hexdigest()

    by_key = await database.read(lambda connection: find_by_key(connection, hashed))
    by_id = await database.read(lambda connection: find_by_id(connection, "one"))

    assert by_key == by_id
    assert (by_key.client, by_key.scopes, by_key.rate) == ("one", new.scopes, 5)
    assert await database.write(lambda tx: disable_client(tx, "one", now)) is True
    assert await database.write(lambda tx: disable_client(tx, "one", now)) is False
    assert await database.read(lambda connection: find_by_key(connection, hashed)) is None
