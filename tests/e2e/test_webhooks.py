"""Webhooks over real sockets: signed, in order, retried until taken, by one sender at a time."""

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.bootstrap import open_gateway
from gateway.delivery.destination import Hub
from gateway.domain.errors import ConfigurationError, NotFoundError, RecordError
from gateway.inbound.feed import Feed
from gateway.inbound.webhooks import Webhooks
from gateway.settings import DatabaseSettings, DeliverySettings, Settings, WebhookSettings
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.worker import Worker
from tests.storage.test_feed import tell

OWN = ["127.0.0.0/8"]  # the receiver is on this machine, which takes the operator's word
QUICK = {"allow": OWN, "first": 10.0, "jitter": 0.0, "read_timeout": 1.0, "connect_timeout": 1.0}


def configured(url):
    return Settings(database=DatabaseSettings(url=url), webhooks=WebhookSettings(allow=OWN))


class Receiver:
    """The one-door system's end. ``answers``: what to answer next (a status, or raw bytes), then 204 for ever."""

    def __init__(self):
        self.received = []
        self.answers = []
        self.headers = b""
        self.delay = 0.0
        self._server = None
        self._arrived = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/events"
        return self

    async def __aexit__(self, *exc):
        await self.stop()

    async def stop(self):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                headers = {
                    k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.received.append((lines[0], headers, body))
                self._arrived.set()
                await asyncio.sleep(self.delay)
                answer = self.answers.pop(0) if self.answers else 204
                if answer is None:
                    break
                if isinstance(answer, int):
                    answer = b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n%s\r\n" % (answer, self.headers)
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def got(self, count, seconds=40):
        """Wait until so many requests are here."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._arrived.clear()
                await self._arrived.wait()

    @property
    def told(self):
        return [json.loads(body)["position"] for _, _, body in self.received]

    @property
    def ids(self):
        return [headers["webhook-id"] for _, headers, _ in self.received]


class Clock:
    def __init__(self):
        self.now = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)

    def __call__(self):
        return self.now

    def move(self, **parts):
        self.now += timedelta(**parts)


class World:
    """One process that sends."""

    def __init__(self, database, clock, owner=4711, **settings):
        self.database = database
        self.clock = clock
        hub = Hub(database=database, clock=clock, settings=DeliverySettings())
        self.feed = Feed(database, asyncio.sleep)
        self.webhooks = Webhooks(
            hub, self.feed.watch, WebhookSettings(**{**QUICK, **settings}), owner=lambda: owner
        )

    async def create(self, receiver, kinds=(), **rest):
        return await self.webhooks.create(receiver.url, kinds, actor="operator", **rest)

    async def tell(self, *kinds):
        return await tell(self.database, *kinds)

    def rows(self, statement):
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement))]
        )

    async def execute(self, statement):
        await self.database.write(lambda tx: tx._cursor.execute(statement))

    async def only(self):
        (endpoint,) = await self.webhooks.list()
        return endpoint

    async def find(self, wanted):
        return next(endpoint for endpoint in await self.webhooks.list() if endpoint.id == wanted)


@pytest.fixture
async def receiver():
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def world(database, clock):
    world = World(database, clock)
    yield world
    await world.webhooks.close()


def counted(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_event_arrives_signed_and_whole(world, receiver):
    created = await world.create(receiver)
    (row,) = await world.tell("delivery.delivered")

    assert await world.webhooks.run_once() == 1

    ((line, headers, body),) = receiver.received
    assert line == "POST /events HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == f"evt_{row.id}"
    assert Webhook(created.secret).verify(body, headers) == {
        "type": "delivery.delivered",
        "timestamp": "2026-09-28T01:00:00Z",
        "id": f"evt_{row.id}",
        "position": 1,
        "dossier": "H99-0",
        "destination": "portal",
        "data": {"n": 0},
    }


async def test_signature_holds_for_nothing_else(world, receiver):
    created = await world.create(receiver)
    await world.tell("note")
    await world.webhooks.run_once()
    ((_, headers, body),) = receiver.received

    for other_body, other_headers in (
        (body.replace(b"note", b"nope"), headers),
        (body, {**headers, "webhook-id": "evt_2"}),
        (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(created.secret).verify(other_body, other_headers)


async def test_events_arrive_in_order_once(world, receiver):
    await world.create(receiver)
    await world.tell(*["note"] * 250)

    assert await world.webhooks.run_once() == 250
    assert await world.webhooks.run_once() == 0

    assert receiver.told == list(range(1, 251))
    assert (await world.only()).behind == 0


async def test_only_wanted_kinds_are_sent_and_the_cursor_moves_on(world, receiver):
    await world.create(receiver, ["b", "c"])
    await world.tell("a", "b", "a", "c", "a")

    await world.webhooks.run_once()

    assert receiver.told == [2, 4]
    assert ((await world.only()).position, (await world.only()).kinds) == (5, ["b", "c"])


async def test_endpoint_gets_what_happens_after_its_registration_or_after_its_cursor(world, receiver):
    await world.tell("a", "a", "a")
    await world.create(receiver)
    await world.create(receiver, after=1)
    await world.tell("a")

    await world.webhooks.run_once()

    assert sorted(receiver.told) == [2, 3, 4, 4]


@pytest.mark.parametrize(
    "failure",
    [
        500,
        503,
        400,
        404,
        302,
        429,
        None,
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx",
    ],
)
async def test_failed_event_is_tried_again_later_and_the_rest_waits_behind_it(
    world, receiver, clock, failure
):
    await world.create(receiver)
    await world.tell("a", "a", "a")
    receiver.answers = [204, failure]

    assert await world.webhooks.run_once() == 1
    failing = await world.only()
    at_once = await world.webhooks.run_once()
    clock.move(seconds=10)
    later = await world.webhooks.run_once()

    assert (failing.position, failing.failures, failing.last_failure is not None) == (1, 1, True)
    assert (at_once, later) == (0, 2)
    assert receiver.told == [1, 2, 2, 3]
    assert receiver.ids[1] == receiver.ids[2]
    assert ((await world.only()).failures, (await world.only()).failing_since) == (0, None)


async def test_silent_endpoint_is_left_after_the_read_timeout(world, receiver, clock):
    await world.create(receiver)
    await world.tell("a")
    receiver.delay = 1.5

    assert await world.webhooks.run_once() == 0
    receiver.delay = 0.0
    clock.move(seconds=10)

    assert await world.webhooks.run_once() == 1


async def test_unreachable_endpoint_is_tried_again(world, receiver, clock):
    await world.create(receiver)
    await world.tell("a")
    port = receiver.port
    await receiver.stop()

    assert await world.webhooks.run_once() == 0
    assert "not_sent" in (await world.only()).last_failure

    receiver._server = await asyncio.start_server(receiver._serve, "127.0.0.1", port)
    clock.move(seconds=10)
    assert await world.webhooks.run_once() == 1


async def test_pauses_double_up_to_the_longest(database, receiver, clock):
    world = World(database, clock, longest=60.0)
    await world.create(receiver)
    await world.tell("a")
    receiver.answers = [500] * 6
    pauses = []

    for _ in range(6):
        before = clock.now
        await world.webhooks.run_once()
        clock.now = (await world.only()).next_try_at
        pauses.append((clock.now - before).total_seconds())

    assert pauses == [10, 20, 40, 60, 60, 60]
    assert await world.webhooks.run_once() == 1
    await world.webhooks.close()


@pytest.mark.parametrize(
    ("asked", "pause"), [("30", 30), ("3", 10), ("99999999", 10), ("soon", 10), ("9999", 3600)]
)
async def test_endpoint_may_ask_for_a_longer_pause(world, receiver, clock, asked, pause):
    await world.create(receiver)
    await world.tell("a")
    receiver.headers = f"retry-after: {asked}\r\n".encode()
    receiver.answers = [503]

    await world.webhooks.run_once()

    assert ((await world.only()).next_try_at - clock.now).total_seconds() == pause
    clock.move(seconds=pause)
    assert await world.webhooks.run_once() == 1


async def test_endpoint_that_fails_for_days_is_disabled_and_everybody_is_told(world, receiver, clock):
    async with Receiver() as other:
        failing = (await world.create(receiver)).endpoint.id
        await world.create(other, ["webhook.disabled"])
        await world.tell("a", "b")
        receiver.answers = [500] * 1000
        while (await world.find(failing)).disabled_at is None:
            await world.webhooks.run_once()
            clock.move(hours=2)
        tries = len(receiver.received)
        await world.database.write(upkeep.seal)
        await world.webhooks.run_once()

        assert timedelta(days=5) <= clock.now - Clock().now < timedelta(days=5, hours=4)
        assert len(receiver.received) == tries
        (told,) = [json.loads(body) for _, _, body in other.received]
        assert told["type"] == "webhook.disabled"
        assert told["data"]["webhook"] == failing
        assert told["data"]["position"] == 0
        assert "500" in told["data"]["reason"]
        assert counted("lienthong_webhooks_disabled") == 1


async def test_enabled_endpoint_gets_everything_that_it_missed(world, receiver, clock):
    created = await world.create(receiver)
    await world.tell("a", "b")
    receiver.answers = [410]
    await world.webhooks.run_once()
    disabled = await world.only()
    await world.tell("c")
    await world.webhooks.run_once()

    enabled = await world.webhooks.enable(created.endpoint.id, actor="operator", reason="repaired")
    await world.webhooks.run_once()

    assert disabled.disabled_at == clock.now
    assert (enabled.disabled_at, enabled.failures, enabled.next_try_at) == (None, 0, None)
    # 410 told once more at the end: the event about the disabling itself comes after "c" once it is sealed
    assert receiver.told[:4] == [1, 1, 2, 3]


async def test_event_that_cannot_be_taken_is_passed_over_when_an_operator_says_so(world, receiver):
    created = await world.create(receiver)
    await world.tell("poison", "b")
    receiver.answers = [400]
    await world.webhooks.run_once()

    await world.webhooks.enable(created.endpoint.id, actor="operator", reason="skip it", after=1)
    await world.webhooks.run_once()

    assert receiver.told == [1, 2]


async def test_slow_endpoint_does_not_hold_up_another(world, receiver):
    async with Receiver() as slow:
        slow.delay = 0.3
        await world.create(slow)
        await world.create(receiver)
        await world.tell("a", "a", "a")
        started = time.monotonic()
        sending = asyncio.create_task(world.webhooks.run_once())
        await receiver.got(3)
        quick = time.monotonic() - started
        await sending

        assert quick < 0.3
        assert slow.told == receiver.told == [1, 2, 3]


async def test_deleted_endpoint_gets_nothing_more(world, receiver):
    created = await world.create(receiver)
    await world.tell("a")
    await world.webhooks.delete(created.endpoint.id, actor="operator", reason="moved")
    await world.webhooks.run_once()

    assert receiver.received == []
    assert await world.webhooks.list() == []


async def test_endpoint_deleted_while_it_is_sent_to_stops(world, receiver):
    created = await world.create(receiver)
    await world.tell(*["a"] * 20)
    receiver.delay = 0.05
    sending = asyncio.create_task(world.webhooks.run_once())
    await receiver.got(1)
    await world.webhooks.delete(created.endpoint.id, actor="operator")
    await sending

    assert len(receiver.received) <= 3


async def test_cursor_that_an_operator_sets_while_sending_is_kept(world, receiver):
    created = await world.create(receiver)
    await world.tell(*["a"] * 5)
    receiver.delay = 0.1
    sending = asyncio.create_task(world.webhooks.run_once())
    await receiver.got(1)
    await world.webhooks.enable(created.endpoint.id, actor="operator", after=3)
    await sending
    await world.webhooks.run_once()

    assert receiver.told == [1, 4, 5]


async def test_operator_s_acts_are_in_the_journal(world, receiver):
    created = await world.create(receiver)
    await world.webhooks.enable(created.endpoint.id, actor="an", reason="try again")
    await world.webhooks.delete(created.endpoint.id, actor="binh", reason="moved")

    assert world.rows("SELECT actor, action, target, reason FROM operator_action ORDER BY id") == [
        ("operator", "webhook.create", created.endpoint.id, ""),
        ("an", "webhook.enable", created.endpoint.id, "try again"),
        ("binh", "webhook.delete", created.endpoint.id, "moved"),
    ]


async def test_secret_is_shown_once(world, receiver):
    created = await world.create(receiver)
    listed = repr(await world.webhooks.list())

    assert created.secret.startswith("whsec_")
    assert len(created.secret) > 40
    assert created.secret not in listed
    assert (await world.create(receiver)).secret != created.secret


@pytest.mark.parametrize("url", ["http://motcua.h99.example/", "https://169.254.169.254/", "nonsense"])
async def test_wrong_endpoint_is_refused(world, url):
    with pytest.raises(RecordError):
        await world.webhooks.create(url, actor="operator")

    assert await world.webhooks.list() == []


async def test_wrong_kinds_are_all_named(world, receiver):
    with pytest.raises(RecordError) as fault:
        await world.create(receiver, ["Good Kind", "good.kind", ""])

    assert [violation.pointer for violation in fault.value.violations] == ["/kinds/0", "/kinds/2"]


async def test_unknown_endpoint_is_not_found(world):
    for act in (
        world.webhooks.delete("wh_x", actor="o"),
        world.webhooks.enable("wh_x", actor="o"),
        world.webhooks.test("wh_x", actor="an"),
    ):
        with pytest.raises(NotFoundError):
            await act


async def test_unreadable_certificates_stop_the_start(database, clock, tmp_path):
    with pytest.raises(ConfigurationError, match="ca_file"):
        World(database, clock, ca_file=str(tmp_path / "missing.pem"))


async def test_test_event_says_whether_the_endpoint_works(world, receiver):
    created = await world.create(receiver)
    works = await world.webhooks.test(created.endpoint.id, actor="an")
    receiver.answers = [401]
    refused = await world.webhooks.test(created.endpoint.id, actor="an")
    await receiver.stop()

    assert (works.delivered, works.status) == (True, 204)
    assert (refused.delivered, refused.status) == (False, 401)
    _, headers, body = receiver.received[0]
    assert Webhook(created.secret).verify(body, headers)["type"] == "webhook.test"
    assert await world.feed.read() == []


async def test_history_says_who_sent_a_test_event_and_what_was_answered(world, receiver):
    created = await world.create(receiver)
    receiver.answers = [204, 503]
    await world.webhooks.test(created.endpoint.id, actor="console/an")
    await world.webhooks.test(created.endpoint.id, actor="console/an")

    kept = "SELECT actor, target, detail FROM operator_action WHERE action = 'webhook.test' ORDER BY id"
    assert [(actor, target, json.loads(detail)) for actor, target, detail in world.rows(kept)] == [
        ("console/an", created.endpoint.id, {"delivered": True, "answer": "204"}),
        ("console/an", created.endpoint.id, {"delivered": False, "answer": "503"}),
    ]


async def test_name_that_leads_to_a_private_address_is_not_connected_to(database, receiver, clock):
    """The text is harmless, the resolver's answer is not: judged again at the connection."""
    world = World(database, clock, allow=["10.0.0.0/8"], allow_http=["localhost"])
    created = await world.webhooks.create(f"http://localhost:{receiver.port}/", actor="operator")

    refused = await world.webhooks.test(created.endpoint.id, actor="an")

    assert not refused.delivered
    assert "webhooks.allow" in refused.reason
    assert receiver.received == []
    await world.webhooks.close()


async def test_redirect_is_not_followed(world, receiver):
    created = await world.create(receiver)
    receiver.answers = [b"HTTP/1.1 307 X\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"]

    tested = await world.webhooks.test(created.endpoint.id, actor="an")

    assert (tested.delivered, tested.status, len(receiver.received)) == (False, 307, 1)


async def test_every_exchange_is_in_the_message_log_before_it_leaves(world, receiver):
    created = await world.create(receiver)
    await world.tell("a")
    receiver.answers = [500]
    await world.webhooks.run_once()

    entries = world.rows(
        "SELECT kind, direction, channel, operation, status, outcome FROM message ORDER BY id"
    )
    channel = f"webhook:{created.endpoint.id}"
    assert entries == [
        ("request", "out", channel, "a", None, None),
        ("response", "out", channel, "a", 500, "failed"),
    ]


@pytest.mark.parametrize("column", ["secret = 'whsec_'", "kinds = 'no json'"])
async def test_endpoint_with_a_damaged_row_backs_off_and_silences_nobody_else(world, receiver, clock, column):
    async with Receiver() as other:
        damaged = (await world.create(other)).endpoint.id
        await world.tell("a")
        [(secret, kinds)] = world.rows("SELECT secret, kinds FROM webhook")
        await world.execute(f"UPDATE webhook SET {column}")  # noqa: S608
        await world.create(receiver, after=0)

        delivered = await world.webhooks.run_once()
        failing = [row for row in world.rows("SELECT id, failures, last_failure FROM webhook") if row[1]]
        await world.execute(f"UPDATE webhook SET secret = '{secret}', kinds = '{kinds}'")  # noqa: S608
        clock.move(seconds=10)
        await world.webhooks.run_once()

        assert delivered == 1
        assert [(row[0], row[1], row[2][:6]) for row in failing] == [(damaged, 1, "defect")]
        assert receiver.told == other.told == [1]


async def test_task_of_a_worker_is_begun_again_when_it_fails_and_ends_with_it(database):
    hub = Hub(database=database, clock=Clock(), settings=DeliverySettings())
    worker = Worker(hub, {})
    begun = []
    works = asyncio.Event()

    async def task(stopping):
        begun.append(worker.id)
        if len(begun) == 1:
            raise KeyError("a defect")
        works.set()
        await stopping.wait()

    worker.attend("task", task)
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(10):
        await works.wait()
    worker.stop()
    await running

    assert len(begun) == 2
    assert all(begun)


class Lossy:
    """A database that loses the write after an exchange, as a crash would."""

    def __init__(self, database):
        self._database = database
        self.writes = 0
        self.fail_at = 0

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def write(self, unit):
        from gateway.domain.errors import StorageUnavailable

        self.writes += 1
        if self.writes == self.fail_at:
            raise StorageUnavailable("away")
        return await self._database.write(unit)


async def test_event_whose_acknowledgement_was_lost_is_repeated_under_its_own_id(database, receiver, clock):
    lossy = Lossy(database)
    world = World(lossy, clock)
    await world.create(receiver)
    await world.tell("a", "a")
    lossy.fail_at = lossy.writes + 3  # claim, request, and then the cursor

    lost = await world.webhooks.run_once()
    again = await world.webhooks.run_once()

    assert (lost, again) == (0, 2)
    assert receiver.told == [1, 1, 2]
    assert receiver.ids[0] == receiver.ids[1]
    await world.webhooks.close()


async def test_two_processes_send_each_event_once(postgresql_url, receiver, clock):
    databases = [Database(postgresql_url) for _ in range(3)]
    owners = [await database.write(lambda tx: upkeep.register_worker(tx, 0)) for database in databases]
    worlds = [World(each, clock, owner) for each, owner in zip(databases, owners, strict=True)]
    await worlds[0].create(receiver)
    await worlds[0].tell(*["a"] * 60)

    for _ in range(3):
        await asyncio.gather(*(world.webhooks.run_once() for world in worlds))

    assert receiver.told == list(range(1, 61))
    for world in worlds:
        await world.webhooks.close()
        world.database.close()


async def test_endpoint_of_a_dead_worker_is_taken_over(world, receiver, clock):
    await world.create(receiver)
    await world.tell("a")
    dead = await world.database.write(lambda tx: upkeep.register_worker(tx, 0))
    await world.execute(f"UPDATE webhook SET lease_owner = {dead}")  # noqa: S608

    while_alive = await world.webhooks.run_once()
    await world.database.write(lambda tx: upkeep.forget_workers(tx, [dead]))
    after_death = await world.webhooks.run_once()

    assert (while_alive, after_death) == (0, 1)


async def test_sender_that_lost_its_endpoint_moves_no_cursor(world, receiver):
    await world.create(receiver)
    await world.tell(*["a"] * 5)
    receiver.delay = 0.1
    sending = asyncio.create_task(world.webhooks.run_once())
    await receiver.got(1)
    await world.execute("UPDATE webhook SET lease_owner = 77")
    await sending

    assert receiver.told == [1]
    assert world.rows("SELECT position, lease_owner FROM webhook") == [(0, 77)]


async def test_running_gateway_pushes_at_once_and_ends_quickly(database_url, receiver):
    gateway = await open_gateway(configured(database_url), upgrade=False)
    await gateway.webhooks.create(receiver.url, actor="operator")
    running = asyncio.create_task(gateway.worker.run())
    await asyncio.sleep(0.3)
    await tell(gateway.database, "a", "a", sealed=False)
    started = time.monotonic()
    await receiver.got(2)
    took = time.monotonic() - started
    gateway.worker.stop()
    started = time.monotonic()
    await running
    stopped = time.monotonic() - started
    await gateway.close()

    assert receiver.told == [1, 2]
    assert took < 3.0
    assert stopped < 3.0


KILLED = """
    import asyncio, sys
    from gateway.bootstrap import open_gateway
    from gateway.settings import DatabaseSettings, Settings, WebhookSettings

    async def main(url):
        webhooks = WebhookSettings(allow=["127.0.0.0/8"])
        settings = Settings(database=DatabaseSettings(url=url), webhooks=webhooks)
        gateway = await open_gateway(settings, upgrade=False)
        await gateway.worker.run()

    asyncio.run(main(sys.argv[1]))
"""


async def test_killed_sender_loses_nothing_and_keeps_the_order(database_url, receiver, pytestconfig):
    database = Database(database_url)
    world = World(database, Clock())
    await world.create(receiver)
    await world.tell(*["a"] * 200)
    await world.webhooks.close()
    database.close()

    receiver.delay = 0.002
    for _ in range(4):
        before = len(receiver.received)
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-c", textwrap.dedent(KILLED), database_url],
            cwd=pytestconfig.rootpath,
            stdout=subprocess.DEVNULL,
        )
        await receiver.got(before + 15)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    gateway = await open_gateway(configured(database_url), upgrade=False)
    running = asyncio.create_task(gateway.worker.run())
    while len(set(receiver.told)) < 200:
        await receiver.got(len(receiver.received) + 1)
    gateway.worker.stop()
    await running
    await gateway.close()

    told = receiver.told
    assert sorted(set(told)) == list(range(1, 201))
    assert told == sorted(told)  # a repeated event comes before anything new
    assert len(told) <= 200 + 4
