"""Several dossiers in one call: who travels together, and what becomes of each when the call goes wrong."""

import asyncio
from collections import Counter

import httpx
import msgspec
import pytest

from gateway.domain.outcome import Deferred
from gateway.messagelog.verification import verify
from gateway.port import Capacity, Operation, OperationKind
from gateway.storage import upkeep
from gateway.storage.queries_messages import stored_message
from gateway.storage.takeover import Abandon, abandon_lanes
from tests.delivery.conftest import Engine, Flaky, Running, planned, settings
from tests.delivery.partner import Partner, StubAdapter, verdicts

FOLDER = Operation(
    name="folder",
    kind=OperationKind.SNAPSHOT,
    title="Folder",
    source="-",
    queryable=True,
    across=3,
    alike=("created",),
)


class Sharing(StubAdapter):
    """Sends folders of several dossiers in one call; refused together means: each by itself."""

    def __init__(self, *, concurrency: int = 1):
        super().__init__(capacity=Capacity(concurrency=concurrency, connect_timeout=1.0, read_timeout=1.0))
        self.manifest = msgspec.structs.replace(
            self.manifest, operations=(FOLDER, *self.manifest.operations[1:])
        )

    def _request(self, path, deliveries, items, context):
        request = super()._request(path, deliveries, items, context)
        body = msgspec.json.decode(request.body)
        body["dossiers"] = [delivery.dossier for delivery in deliveries]
        body["memories"] = [dict(context.memory_of(delivery)) for delivery in deliveries]
        return msgspec.structs.replace(request, body=msgspec.json.encode(body))

    def interpret(self, deliveries, response, context):
        outcomes = super().interpret(deliveries, response, context)
        if len(deliveries) > 1 and response.status == 422:
            alone = Deferred(code="batch_refused", reason="together", retry_after=0, learned={"batch": "1"})
            return [alone] * len(deliveries)
        return outcomes


class Hall(Partner):
    """Takes folders of several dossiers, and refuses all of a call in which one is ``bad``."""

    def _send(self, body):
        if body["operation"] != "folder":
            return super()._send(body)
        self.sends += [
            (dossier, item["key"]) for dossier, item in zip(body["dossiers"], body["items"], strict=True)
        ]
        move = self.script["call"].popleft() if self.script["call"] else "take"
        if any(item["text"] == "bad" for item in body["items"]):
            return httpx.Response(422) if len(body["items"]) > 1 else verdicts("rejected")
        if move in {"take", "lose_answer"}:
            for dossier, item in zip(body["dossiers"], body["items"], strict=True):
                self.taken[dossier].append(item["key"])
        if move != "take":
            raise httpx.ReadTimeout("late")
        return verdicts(*["learned"] * len(body["items"]))


@pytest.fixture
def partner():
    return Hall()


@pytest.fixture
async def sharing(database, partner, clock):
    engine = Engine(database, partner, clock, adapter=Sharing(), settings=settings(poll=0.01))
    yield engine
    await engine.close()


async def folders(engine, count, *, bad=()):
    for number in range(count):
        await engine.accept(
            f"H99-{number}", planned("folder", "1", "bad" if number in bad else f"text {number}")
        )


async def drain(engine, expected, *, seconds=20.0):
    running = Running(engine)
    await running.until(expected, seconds=seconds)
    await running.stop()


def delivered(engine, count):
    return lambda: engine.rows("SELECT count(*) FROM delivery WHERE state = 'delivered'") == [(count,)]


async def test_lanes_that_wait_travel_together_and_each_has_its_own_attempt_and_answer(sharing, partner):
    await folders(sharing, 7)

    await drain(sharing, delivered(sharing, 7))

    assert sorted(len(body["items"]) for body in partner.bodies) == [1, 3, 3]
    assert Counter(dossier for dossier, _ in partner.sends) == {f"H99-{number}": 1 for number in range(7)}
    assert sharing.rows(
        "SELECT count(*), count(DISTINCT lane_id) FROM attempt WHERE outcome = 'accepted'"
    ) == [(7, 7)]
    assert sharing.rows("SELECT memory FROM lane WHERE memory NOT LIKE '%created%'") == []


async def test_bytes_of_a_shared_call_are_stored_once_and_found_from_every_dossier(sharing, partner):
    await folders(sharing, 3)

    await drain(sharing, delivered(sharing, 3))

    requests = sharing.rows("SELECT id, request_id FROM message WHERE kind = 'request' ORDER BY id")
    assert [request for _, request in requests] == [None, requests[0][0], requests[0][0]]
    assert sharing.rows(
        "SELECT count(*) FROM message_body JOIN message ON message.id = message_body.message_id WHERE kind = 'request'"
    ) == [(1,)]
    shown = [
        sharing.database.ask(lambda connection, entry=entry: stored_message(connection, entry))
        for entry, _ in requests
    ]
    assert len({each.stored.body for each in shown}) == 1
    assert shown[0].stored.body
    await sharing.database.write(upkeep.seal)
    report = verify(sharing.database)
    assert (report.checked, report.faults, report.absent) == (6, (), 0)


async def test_one_bad_dossier_is_refused_alone_and_the_others_arrive(sharing, partner):
    await folders(sharing, 6, bad={1, 4})

    await drain(
        sharing,
        lambda: (
            sharing.rows("SELECT count(*) FROM delivery WHERE state IN ('delivered', 'rejected')") == [(6,)]
        ),
    )

    states = dict(sharing.rows("SELECT dossier_code, state FROM delivery"))
    assert {code for code, state in states.items() if state == "rejected"} == {"H99-1", "H99-4"}
    assert {code: keys for code, keys in partner.taken.items() if keys} == {
        f"H99-{number}": ["1"] for number in (0, 2, 3, 5)
    }


@pytest.mark.parametrize("fate", ["lose_answer", "lose_request"])
async def test_lost_answer_to_a_shared_call_puts_every_lane_in_doubt_and_each_asks_for_itself(
    sharing, partner, clock, fate
):
    await folders(sharing, 3)
    partner.plan("call", fate)
    running = Running(sharing)
    await running.until(
        lambda: sharing.rows("SELECT count(*) FROM delivery WHERE state = 'in_doubt'") == [(3,)]
    )

    clock.move(minutes=5)
    await running.until(delivered(sharing, 3))
    await running.stop()

    assert sorted(partner.questions) == [(f"H99-{number}", "1") for number in range(3)]
    assert all(partner.taken[f"H99-{number}"] == ["1"] for number in range(3))


async def test_lanes_that_remember_different_things_never_share_a_call(sharing, partner):
    await folders(sharing, 4)
    await drain(sharing, delivered(sharing, 4))
    partner.bodies.clear()
    for number in range(4):
        await sharing.accept(f"H99-{number}", planned("folder", "2", "again"), version=2)
    await sharing.accept("H99-new", planned("folder", "1", "new"))

    await drain(sharing, delivered(sharing, 9))

    for body in partner.bodies:
        assert len({memory.get("created") for memory in body["memories"]}) == 1
    assert partner.taken["H99-new"] == ["1"]


async def test_what_cannot_be_encoded_together_goes_alone(sharing, partner):
    await folders(sharing, 2)
    await sharing.accept("H99-x", planned("folder", "1", "unencodable"))

    await drain(sharing, delivered(sharing, 2))

    assert sharing.states("H99-x") == ["rejected"]
    assert [len(body["items"]) for body in partner.bodies] == [1, 1]


async def test_lane_that_is_lost_at_the_last_moment_does_not_hold_the_others(sharing, partner, monkeypatch):
    await folders(sharing, 3)
    encode = sharing.adapter.encode
    lanes = dict(sharing.rows("SELECT dossier_code, id FROM lane"))
    stolen = []

    def steal(deliveries, context):
        if len(deliveries) == 3 and not stolen:
            stolen.append(deliveries[1].dossier)
        return encode(deliveries, context)

    apply = sharing.database.apply

    async def applied(operation, item):
        if operation.__name__ == "start_together" and stolen and lanes:
            lane = lanes.pop(stolen[0])
            lanes.clear()
            token = sharing.rows("SELECT lease_token FROM lane WHERE id = :lane", lane=lane)[0][0]
            order = Abandon(lane=lane, token=token, now=sharing.clock(), closing=lambda lost: None)
            await apply(abandon_lanes, order)
        return await apply(operation, item)

    monkeypatch.setattr(sharing.adapter, "encode", steal)
    monkeypatch.setattr(sharing.database, "apply", applied)

    await drain(sharing, delivered(sharing, 3))

    assert stolen
    assert sorted(len(body["items"]) for body in partner.bodies) == [1, 2]
    assert Counter(dossier for dossier, _ in partner.sends) == {f"H99-{number}": 1 for number in range(3)}


async def test_no_more_calls_are_under_way_than_the_destination_allows(database, partner, clock):
    engine = Engine(database, partner, clock, adapter=Sharing(concurrency=2), settings=settings(poll=0.01))
    await folders(engine, 20)
    for number in range(20):
        await engine.accept(f"H99-{number}", *(planned("step", str(step)) for step in range(3)), version=2)
    under_way, most = 0, 0

    async def watch():
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1

    partner.before = lambda _what, _body: watch()

    await drain(engine, delivered(engine, 80))
    await engine.close()

    assert most == 2
    assert [partner.taken[f"H99-{number}"] for number in range(20)] == [["1", "0", "1", "2"]] * 20


async def test_database_that_is_lost_at_the_start_of_a_shared_call_loses_nothing(database, partner, clock):
    flaky = Flaky(database, "start_together", committed=True)
    engine = Engine(flaky, partner, clock, adapter=Sharing(), settings=settings(poll=0.01))
    await folders(engine, 3)
    running = Running(engine)
    await running.until(
        lambda: engine.rows("SELECT count(*) FROM delivery WHERE state = 'in_doubt'") == [(3,)]
    )

    clock.move(minutes=5)
    await running.until(delivered(engine, 3))
    await running.stop()
    await engine.close()

    assert [partner.taken[f"H99-{number}"] for number in range(3)] == [["1"]] * 3


@pytest.fixture
async def queueing(database, partner, clock):
    """One call at a time, three lanes that never share one, and a breaker that the first failure opens."""
    once = settings(poll=0.01, breaker={"failures": 1, "first_pause": 1000.0, "longest_pause": 1000.0})
    engine = Engine(database, partner, clock, adapter=Sharing(concurrency=1), settings=once)
    await folders(engine, 3)
    await engine.execute("""UPDATE lane SET memory = '{"created":"' || dossier_code || '"}'""")
    yield engine
    await engine.close()


async def test_lanes_that_wait_for_their_call_stay_when_the_breaker_opens(queueing, partner, clock):
    partner.script["call"].append("lose_request")
    running = Running(queueing)
    await running.until(
        lambda: (
            queueing.breaker().open_until is not None
            and queueing.rows("SELECT 1 FROM lane WHERE state = 'leased'") == []
        )
    )
    assert len(partner.sends) == 1

    clock.move(seconds=1001)
    await running.until(delivered(queueing, 3))
    await running.stop()
    assert {row[0] for row in queueing.rows("SELECT attempts FROM delivery")} == {1, 2}


async def test_lanes_that_wait_for_their_call_are_given_back_unsent_at_a_stop(queueing, partner):
    async def told_to_stop(what, body):
        running.dispatcher.stop()

    partner.before = told_to_stop
    running = Running(queueing)
    await running.until(lambda: partner.calls == 1)
    await running.stop()

    assert len(partner.sends) == 1
    assert sorted(queueing.rows("SELECT state FROM lane")) == [("idle",), ("ready",), ("ready",)]


@pytest.mark.parametrize("changed", [False, True], ids=["answered", "its lane has changed"])
async def test_lane_that_waits_no_more_costs_the_others_nothing(sharing, partner, changed):
    await folders(sharing, 3)
    lanes = await sharing.claim(3)
    carriage = sharing.destination.carriage
    starts = carriage._starts

    def gone(riders, encoded):
        turns[0].cancel()
        return starts(riders, encoded)

    carriage._starts = gone
    if changed:
        await sharing.execute(f"UPDATE lane SET lease_token = lease_token + 1 WHERE id = {lanes[0].id}")  # noqa: S608
    async with sharing.destination.berths, asyncio.timeout(10):
        turns = [asyncio.create_task(sharing.turn(lane).run(stopping=asyncio.Event())) for lane in lanes]
        while sum(map(len, carriage._waiting.values())) < len(lanes):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
    results = await asyncio.gather(*turns, return_exceptions=True)

    assert [type(result) for result in results] == [asyncio.CancelledError, type(None), type(None)]
    assert sorted(row[0] for row in sharing.rows("SELECT state FROM delivery"))[:2] == ["delivered"] * 2
