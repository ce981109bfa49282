"""The secrets that sign webhooks: sealed in the database, replaced with an overlap, over real sockets."""

import msgspec
import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.bootstrap import open_gateway
from gateway.cli.doctor.stored import check_database
from gateway.domain.errors import ConfigurationError, NotFoundError
from gateway.port import Secret
from gateway.settings import DatabaseSettings, Settings, WebhookSettings
from gateway.signing.envelope import SEALED
from gateway.storage.database import Database
from tests.e2e.test_webhooks import Clock, Receiver, World

OLD, NEW = (
    Secret("an old key of the province, forty letters"),
    Secret("a new key of the province, forty letters"),
)
HOUR = 3600


@pytest.fixture
async def receiver():
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def world(database):
    world = World(database, Clock(), keys=[NEW])
    yield world
    await world.webhooks.close()


def stored(world):
    return world.rows("SELECT secret, former_secret FROM webhook")[0]


def verified(secret, request):
    _, headers, body = request
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def sent(world, receiver):
    """The request that tells about one more event."""
    await world.tell("note")
    assert await world.webhooks.run_once() == 1
    return receiver.received[-1]


async def rotate(world, created, overlap):
    return await world.webhooks.rotate(
        created.endpoint.id, actor="Mai", reason="a year has gone by", overlap=overlap
    )


async def test_database_holds_no_secret_that_could_sign(world, receiver):
    created = await world.create(receiver)

    assert stored(world)[0].startswith(SEALED)
    assert created.secret.removeprefix("whsec_") not in str(world.rows("SELECT * FROM webhook"))
    assert verified(created.secret, await sent(world, receiver))


async def test_both_secrets_sign_while_the_receiver_changes_over(world, receiver):
    created = await world.create(receiver)
    rotated = await rotate(world, created, HOUR)

    during = await sent(world, receiver)
    world.clock.move(seconds=HOUR)
    afterwards = await sent(world, receiver)

    assert rotated.endpoint.former_secret_until is not None
    assert rotated.secret != created.secret
    assert during[1]["webhook-signature"].count("v1,") == 2
    assert (verified(created.secret, during), verified(rotated.secret, during)) == (True, True)
    assert (verified(created.secret, afterwards), verified(rotated.secret, afterwards)) == (False, True)
    assert stored(world)[1] is None, "a secret that signs no more is kept no longer"
    assert (await world.only()).former_secret_until is None


async def test_secret_that_others_have_seen_ends_at_once(world, receiver):
    created = await world.create(receiver)

    rotated = await rotate(world, created, 0)

    request = await sent(world, receiver)
    assert (verified(created.secret, request), verified(rotated.secret, request)) == (False, True)
    assert stored(world)[1] is None


async def test_secret_replaced_twice_leaves_the_newest_two(world, receiver):
    created = await world.create(receiver)
    second = await rotate(world, created, HOUR)
    third = await rotate(world, created, HOUR)

    request = await sent(world, receiver)

    assert [verified(each.secret, request) for each in (created, second, third)] == [False, True, True]


async def test_replacing_is_written_down_without_a_secret(world, receiver):
    created = await world.create(receiver)

    rotated = await rotate(world, created, HOUR)

    assert world.rows("SELECT actor, action, target, reason FROM operator_action ORDER BY id")[-1] == (
        *("Mai", "webhook.rotate", created.endpoint.id),
        "a year has gone by",
    )
    assert rotated.secret not in str(world.rows("SELECT * FROM operator_action"))


async def test_unknown_endpoint_gets_no_secret(world):
    with pytest.raises(NotFoundError, match="wh_none"):
        await world.webhooks.rotate("wh_none", actor="Mai", reason="why not", overlap=0)


async def test_secrets_from_before_there_was_a_key_are_sealed_at_the_start(database, receiver):
    plain = World(database, Clock())
    created = await plain.create(receiver)
    rotated = await rotate(plain, created, HOUR)
    assert stored(plain) == (rotated.secret, created.secret)

    world = World(database, Clock(), keys=[NEW])
    await world.webhooks.prepare()

    assert all(each.startswith(SEALED) for each in stored(world))
    request = await sent(world, receiver)
    assert verified(created.secret, request)
    assert verified(rotated.secret, request)
    before = stored(world)
    await world.webhooks.prepare()
    assert stored(world) == before, "nothing is sealed twice"
    await plain.webhooks.close()
    await world.webhooks.close()


async def test_key_is_replaced_without_a_receiver_noticing(database, receiver):
    created = await (first := World(database, Clock(), keys=[OLD])).create(receiver)
    await (both := World(database, Clock(), keys=[NEW, OLD])).webhooks.prepare()
    last = World(database, Clock(), keys=[NEW])
    await last.webhooks.prepare()

    assert verified(created.secret, await sent(last, receiver))
    for each in (first, both, last):
        await each.webhooks.close()


async def test_gateway_does_not_start_without_the_key_of_its_secrets(database_url, receiver):
    def settings(*keys):
        return Settings(
            database=DatabaseSettings(url=database_url),
            webhooks=WebhookSettings(allow=["*"], keys=list(keys)),
        )

    gateway = await open_gateway(settings(OLD))
    await gateway.webhooks.create(receiver.url, actor="Mai")
    await gateway.close()

    for keys in ((), (NEW,)):
        with pytest.raises(ConfigurationError, match=r"webhooks\.keys.*put that key back"):
            await open_gateway(settings(*keys))

    gateway = await open_gateway(settings(NEW, OLD))
    question = sa.text("SELECT secret FROM webhook")
    [sealed] = gateway.database.ask(lambda connection: connection.execute(question).scalars().all())
    await gateway.close()
    assert sealed.startswith(SEALED)


def test_keys_are_given_by_reference():
    from gateway.settings import load

    given = load(environment={"LIENTHONG_WEBHOOKS__KEYS": '[{ env = "KEY" }]', "KEY": NEW.reveal()}).webhooks
    assert given.keys == [NEW]
    assert NEW.reveal() not in repr(given)
    with pytest.raises(ConfigurationError, match="by reference"):
        load(environment={"LIENTHONG_WEBHOOKS__KEYS": msgspec.json.encode([NEW.reveal()]).decode()})


async def test_doctor_warns_of_secrets_in_clear_and_is_silent_once_they_are_sealed(database_url, receiver):
    def findings(*keys):
        settings = Settings(
            database=DatabaseSettings(url=database_url), webhooks=WebhookSettings(keys=list(keys))
        )
        return [each for each in check_database(settings) if each.subject == "webhooks"]

    database = Database(database_url)
    plain = World(database, Clock())
    assert findings() == []
    await plain.create(receiver)

    assert [each.cure for each in findings()] == ["give webhooks.keys a key, then restart"]
    assert [each.cure for each in findings(NEW)] == ["start the gateway: it seals them"]
    sealing = World(database, Clock(), keys=[NEW])
    await sealing.webhooks.prepare()
    assert findings(NEW) == []
    for each in (plain, sealing):
        await each.webhooks.close()
    database.close()
