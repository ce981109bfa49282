"""Two administrators act at once, on both engines: the second one is judged by what the first one has done."""

import asyncio

import pytest

from gateway.accounts.passwords import passwords
from gateway.api.accounts import disable_account
from gateway.api.deliveries import Reasoned
from gateway.api.problem import Refused
from gateway.api.route import Call, NoInput
from gateway.storage.account_orders import AddAccount, manage_account
from gateway.storage.accounts import NewAccount, find_account, scopes_of
from gateway.storage.client_orders import DisableClient, manage_client
from gateway.storage.clients import Principal, Scope, list_clients
from gateway.storage.scopes import READING, Role
from tests.api_world import open_world

WHY = {"reason": "covers for a colleague"}
ROUNDS = 5


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        await opened.add_client("weak", *READING, Scope.CLIENTS_MANAGE)
        yield opened


async def add(world, name, *roles):
    new = NewAccount(
        name=name,
        display_name=name,
        roles=frozenset(roles),
        password_hash=passwords().hash_now("mot cau dai kho doan"),
        must_change=False,
    )
    order = AddAccount(actor="test", reason="", now=world.gateway.hub.clock(), new=new)
    await world.gateway.database.write(lambda tx: manage_account(tx, order))


async def account(world, name):
    return await world.gateway.database.read(lambda connection: find_account(connection, name))


async def by_person(world, name, handler, about):
    """What ``handler`` answers a person who was let in a moment ago."""
    call = Call(
        principal=Principal(
            client=f"console/{name}", secret_hash="", scopes=scopes_of(frozenset({Role.ADMINISTRATOR}))
        ),
        path={"account": about},
        query=NoInput(),
        headers=NoInput(),
        body=Reasoned(**WHY),
        chunks=nothing(),
        method="POST",
        address="/",
        header_pairs=(),
        correlation="c",
        scheme="https",
        loopback=False,
        peer="",
    )
    try:
        return (await handler(world.api, call)).status
    except Refused as refused:
        return refused.kind.status


async def nothing():
    for piece in ():
        yield piece


async def test_two_who_lock_each_other_out_do_not_both_succeed(world):
    for number in range(ROUNDS):
        an, binh = f"an.{number}", f"binh.{number}"
        await add(world, an, Role.ADMINISTRATOR)
        await add(world, binh, Role.ADMINISTRATOR)

        answers = await asyncio.gather(
            by_person(world, an, disable_account, binh), by_person(world, binh, disable_account, an)
        )

        assert sorted(answers) == [200, 403]
        assert [(await account(world, name)).disabled_at is None for name in (an, binh)].count(True) == 1


async def test_two_clients_that_disable_each_other_do_not_both_succeed(world):
    for number in range(ROUNDS):
        first, second = f"a-{number}", f"b-{number}"
        await world.add_client(first)
        await world.add_client(second)
        for client in (first, second):  # both are let in from now on, whatever becomes of them
            await world.call("GET", "/v1/clients", client=client)

        answers = await asyncio.gather(
            world.call("POST", f"/v1/clients/{second}/disable", client=first, json=WHY),
            world.call("POST", f"/v1/clients/{first}/disable", client=second, json=WHY),
        )

        assert sorted(answer.status_code for answer in answers) == [200, 403]
        clients = await world.gateway.database.read(list_clients)
        assert len([each for each in clients if each.disabled_at is not None]) == number + 1


async def test_account_that_has_become_more_meanwhile_is_not_taken_over(world):
    for number in range(ROUNDS):
        name = f"mau.{number}"
        await add(world, name, Role.AUDITOR)

        taken, raised = await asyncio.gather(
            world.call("POST", f"/v1/accounts/{name}/password", client="weak", json=WHY),
            world.call("POST", f"/v1/accounts/{name}/roles", json={**WHY, "roles": ["operator"]}),
        )

        # the password is being hashed while the roles change
        assert (raised.status_code, taken.status_code) == (200, 403), taken.text
        assert not (await account(world, name)).must_change


async def test_roles_that_were_taken_away_meanwhile_are_not_given_back(world):
    for number in range(ROUNDS):
        name = f"mau.{number}"
        await add(world, name, Role.OPERATOR, Role.AUDITOR)

        less, more = await asyncio.gather(
            world.call("POST", f"/v1/accounts/{name}/roles", json={**WHY, "roles": ["auditor"]}),
            world.call(
                "POST",
                f"/v1/accounts/{name}/roles",
                client="weak",
                json={**WHY, "roles": ["operator", "auditor"]},
            ),
        )

        assert less.status_code == 200, less.text
        operates = Role.OPERATOR in (await account(world, name)).roles
        assert (operates, more.status_code) in {(False, 403), (False, 200)}, more.text


async def test_account_that_has_become_more_meanwhile_is_not_enabled(world):
    for number in range(ROUNDS):
        name = f"mau.{number}"
        await add(world, name, Role.AUDITOR)
        await world.call("POST", f"/v1/accounts/{name}/disable", json=WHY)

        raised, enabled = await asyncio.gather(
            world.call("POST", f"/v1/accounts/{name}/roles", json={**WHY, "roles": ["operator"]}),
            world.call("POST", f"/v1/accounts/{name}/enable", client="weak", json=WHY),
        )

        assert raised.status_code == 200, raised.text
        found = await account(world, name)
        assert (enabled.status_code == 200) == (found.disabled_at is None)
        if enabled.status_code != 200:
            assert enabled.status_code == 403


async def test_who_was_disabled_in_another_process_makes_no_accounts_any_more(world):
    """Its key is still trusted for some seconds where it was shown; what it changes is judged where it is changed."""
    assert (await world.call("GET", "/v1/accounts", client="weak")).status_code == 200
    now = world.gateway.hub.clock()
    order = DisableClient(actor="cli:an", reason="its key was seen", now=now, client="weak")
    await world.gateway.database.write(lambda tx: manage_client(tx, order))

    made = await world.call("POST", "/v1/accounts", client="weak", json={"name": "mau", "roles": ["auditor"]})
    given = await world.call(
        "POST", "/v1/clients", client="weak", json={"id": "other", "scopes": ["log:read"]}
    )

    assert (made.status_code, given.status_code) == (403, 403)
    assert "any more" in made.json()["detail"]
    assert await account(world, "mau") is None
