"""Defects of adapters and of the machine: whatever happens, no delivery is lost and no other lane suffers."""

import asyncio

import pytest

from gateway.delivery import pipeline
from gateway.domain.errors import LeaseLost, StorageUnavailable
from gateway.domain.outcome import Accepted
from gateway.storage.takeover import Reap, reap_lanes
from tests.delivery.conftest import Engine, Flaky, Running, planned, settings
from tests.storage.builders import World


def raise_key_error():
    raise KeyError("broken")


GARBAGE = {
    "raises": raise_key_error,
    "None": lambda: None,
    "a list with None": lambda: [None],
    "text": lambda: "accepted",
    "too many": lambda: [Accepted(), Accepted()],
    "nothing": list,
    "the class instead of a value": lambda: [Accepted],
    "a dictionary": lambda: {"accepted": True},
}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_from_interpret_is_a_doubt_with_the_answer_in_the_log(engine, garbage):
    await engine.steps("H99-a", 2)
    engine.adapter.broken["interpret"] = GARBAGE[garbage]

    await engine.work()

    assert engine.states("H99-a") == ["in_doubt", "pending"]
    assert engine.delivery("H99-a", "1")["code"] == "adapter_defect"
    assert engine.log() == [("step", "request"), ("step", "response")]

    engine.adapter.broken.clear()
    await engine.settle_everything()
    assert engine.partner.taken["H99-a"] == ["1", "2"]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_from_interpret_query_never_ends_the_doubt(engine, garbage):
    await engine.steps("H99-a", 1)
    engine.partner.plan("H99-a", "lose_answer")
    engine.adapter.broken["interpret_query"] = GARBAGE[garbage]

    await engine.settle_everything()

    assert engine.states("H99-a") == ["in_doubt"]
    assert engine.partner.sends == [("H99-a", "1")]
    assert engine.log()[-1] == ("step.query", "response")


@pytest.mark.parametrize("garbage", ["raises", "None", "text", "a dictionary"])
async def test_garbage_from_encode_is_left_to_an_operator_and_nothing_leaves(engine, garbage):
    await engine.steps("H99-a", 2)
    engine.adapter.broken["encode"] = GARBAGE[garbage]

    await engine.settle_everything()

    assert engine.states("H99-a") == ["rejected", "pending"]
    assert engine.delivery("H99-a", "1")["actor"] == "operator"
    assert engine.partner.sends == []
    assert engine.rows("SELECT count(*) FROM attempt") == [(0,)]


async def test_operation_that_the_adapter_no_longer_has_is_left_to_an_operator(engine):
    """A new release of an adapter may drop an operation while deliveries of it are queued."""
    await engine.accept("H99-a", planned("fax", "1"))

    def no_such_operation():
        raise KeyError("fax")

    engine.adapter.broken["encode"] = no_such_operation
    await engine.settle_everything()

    assert engine.states("H99-a") == ["rejected"]
    assert engine.delivery("H99-a", "1")["actor"] == "operator"


@pytest.mark.parametrize("learned", ["many", "", "-1", "0", "2.5", "1e3"])
async def test_batch_size_learned_from_a_partner_may_be_nonsense(engine, learned):
    await engine.accept("H99-a", *(planned("page", str(number)) for number in range(1, 5)))
    await engine.execute(f'UPDATE lane SET memory = \'{{"batch":"{learned}"}}\'')  # noqa: S608

    await engine.settle_everything()

    assert engine.partner.taken["H99-a"] == ["1", "2", "3", "4"]


async def test_batch_size_learned_from_a_partner_is_kept(engine):
    await engine.accept("H99-a", *(planned("page", str(number)) for number in range(1, 5)))
    await engine.execute('UPDATE lane SET memory = \'{"batch":"2"}\'')

    await engine.settle_everything()

    assert [len(body["items"]) for body in engine.partner.bodies] == [2, 2]


# a dispatcher at work


async def test_poisoned_dossier_blocks_only_its_lane(engine, partner):
    await engine.accept("H99-poison", planned("step", "1", "poison"), planned("step", "2"))
    for number in range(10):
        await engine.steps(f"H99-{number}", 3)
    running = Running(engine)

    await running.until(lambda: sum(map(len, partner.taken.values())) == 30)
    await running.stop()

    assert engine.states("H99-poison") == ["rejected", "pending"]
    assert partner.taken["H99-poison"] == []


async def test_lane_whose_turn_fails_is_not_tried_in_a_tight_loop_and_is_given_back_at_the_end(
    engine, partner, monkeypatch
):
    """A defect that nobody foresaw: the request cannot even be logged."""
    await engine.steps("H99-bad", 1)
    await engine.steps("H99-good", 3)
    tries = []
    plain = pipeline.request_entry

    def failing(scope, about, request, **rest):
        if about.dossier == "H99-bad":
            tries.append(about.dossier)
            raise RuntimeError("a defect")
        return plain(scope, about, request, **rest)

    monkeypatch.setattr(pipeline, "request_entry", failing)
    running = Running(engine)
    await running.until(lambda: partner.taken["H99-good"] == ["1", "2", "3"] and bool(tries))
    await asyncio.sleep(0.3)
    await running.stop()

    assert len(tries) <= 2
    assert engine.states("H99-bad") == ["pending"]
    assert engine.lane_state("H99-bad") == "ready"

    monkeypatch.undo()
    await engine.settle_everything()
    assert partner.taken["H99-bad"] == ["1"]


async def test_lanes_are_worked_at_the_same_time_up_to_the_agreed_number(engine, partner):
    for number in range(12):
        await engine.steps(f"H99-{number:02}", 1)
    busy, most = set(), []

    async def look(what, body):
        busy.add(body["dossier"])
        most.append(len(busy))
        await asyncio.sleep(0.02)
        busy.discard(body["dossier"])

    partner.before = look
    running = Running(engine)
    await running.until(lambda: len(partner.taken) == 12)
    await running.stop()

    assert max(most) == engine.adapter.manifest.capacity.concurrency


async def test_order_is_kept_and_nothing_doubled_through_all_kinds_of_trouble(engine, partner):
    moves = ["lose_answer", "refused", "busy", "html", "lose_request", "deferred", "flip", "reset"]
    for number in range(8):
        code = f"H99-{number}"
        await engine.steps(code, 8)
        partner.plan(code, *moves[number:], *moves[:number])

    await engine.settle_everything()

    for number in range(8):
        assert partner.taken[f"H99-{number}"] == [str(step) for step in range(1, 9)]
        assert engine.states(f"H99-{number}") == ["delivered"] * 8


async def test_stop_gives_every_lane_back(engine, partner):
    for number in range(6):
        await engine.steps(f"H99-{number}", 5)
    stopped = asyncio.Event()

    async def slow(what, body):
        stopped.set()
        await asyncio.sleep(0.05)

    partner.before = slow
    running = Running(engine)
    await asyncio.wait_for(stopped.wait(), 5)
    await running.stop()

    assert engine.rows("SELECT count(*) FROM lane WHERE state = 'leased'") == [(0,)]
    assert engine.rows("SELECT count(*) FROM delivery WHERE state = 'in_flight'") == [(0,)]
    partner.before = None
    await engine.settle_everything()
    assert all(keys == ["1", "2", "3", "4", "5"] for keys in partner.taken.values())


async def test_lane_is_taken_up_again_after_the_database_was_away(engine, partner):
    """The claim, the start and the release may each fail, before or after their commit."""
    for number in range(4):
        await engine.steps(f"H99-{number}", 2)
    for operation in ("claim_lanes", "start_attempts", "release_lanes"):
        for committed in (False, True):
            flaky = Flaky(engine.database, operation, failures=1, committed=committed)
            other = Engine(flaky, partner, engine.clock, settings=settings())
            other.worker = 9
            running = Running(other)
            await asyncio.sleep(0.1)
            await running.stop()
            await other.close()
    await engine.database.apply(
        reap_lanes, Reap(dead=(9,), now=engine.clock(), closing=World(engine.database).closing)
    )
    await engine.settle_everything()

    assert all(partner.taken[f"H99-{number}"] == ["1", "2"] for number in range(4))
    doubled = {key for key in partner.sends if partner.sends.count(key) > 1}
    doubted = set(engine.rows("SELECT dossier_code, key FROM delivery WHERE doubts > 0"))
    assert doubled <= doubted


async def test_process_that_slept_between_the_log_and_the_wire_does_not_send(engine):
    """Stopped for longer than others wait for its beat, it wakes with a request that may have been sent by another."""
    await engine.steps("H99-a", 1)
    slept = Engine(Sleepy(engine.database, engine.hub.settings.dead_after), engine.partner, engine.clock)
    (lane,) = await slept.claim()

    with pytest.raises(LeaseLost):
        await slept.turn(lane).run(stopping=asyncio.Event())

    assert engine.partner.sends == []
    assert engine.states("H99-a") == ["in_flight"]
    await slept.close()


class Sleepy:
    """A database after whose start the process sleeps: the loop's clock jumps."""

    def __init__(self, database, seconds):
        self._database = database
        self._seconds = seconds

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def apply(self, operation, item):
        result = await self._database.apply(operation, item)
        if operation.__name__ == "start_attempts":
            loop = asyncio.get_running_loop()
            plain, seconds = loop.time, self._seconds
            loop.time = lambda: plain() + seconds
        return result


# an answer that waits for the next request to share its commit


async def test_answer_is_kept_when_the_next_request_cannot_be_made(engine, monkeypatch):
    """A defect between an answer and the next request: the answer is known, so nobody may be asked about it."""
    await engine.accept("H99-a", planned("letter", "1"), planned("letter", "2"))
    plain, made = pipeline.request_entry, []

    def failing_the_second_time(scope, about, request, **rest):
        made.append(about)
        if len(made) == 2:
            raise RuntimeError("a defect")
        return plain(scope, about, request, **rest)

    monkeypatch.setattr(pipeline, "request_entry", failing_the_second_time)
    (lane,) = await engine.claim()
    with pytest.raises(RuntimeError):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "pending"]
    assert engine.log() == [("letter", "request"), ("letter", "response")]


@pytest.mark.parametrize("committed", [False, True], ids=["nothing was written", "it was written after all"])
async def test_answer_is_kept_when_the_shared_commit_fails(engine, partner, committed):
    await engine.accept("H99-a", *(planned("letter", str(number)) for number in (1, 2, 3)))
    flaky = Flaky(engine.database, "advance_lanes", failures=1, committed=committed)
    other = Engine(flaky, partner, engine.clock)
    (lane,) = await other.claim()

    with pytest.raises(StorageUnavailable):
        await other.turn(lane).run(stopping=asyncio.Event())

    assert flaky.failures == 0
    assert partner.sends == [("H99-a", "1")]
    assert engine.states("H99-a") == ["delivered", "in_flight" if committed else "pending", "pending"]
    assert engine.delivery("H99-a", "1")["doubts"] == 0
    await other.close()


async def test_answer_is_kept_when_a_defect_breaks_the_shared_commit(engine, partner):
    await engine.accept("H99-a", planned("letter", "1"), planned("letter", "2"))
    flaky = Flaky(engine.database, "advance_lanes", fault=RuntimeError("a defect"))
    other = Engine(flaky, partner, engine.clock)
    (lane,) = await other.claim()

    with pytest.raises(RuntimeError):
        await other.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "pending"]
    await other.close()


async def test_answer_is_kept_when_the_breaker_cannot_be_written(engine, partner, monkeypatch):
    await engine.accept("H99-a", planned("letter", "1"), planned("letter", "2"))
    (lane,) = await engine.claim()

    async def away():
        raise StorageUnavailable("away")

    monkeypatch.setattr(engine.destination.gate, "succeeded", away)
    with pytest.raises(StorageUnavailable):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "pending"]


async def test_hold_while_an_answer_waits_lets_the_answer_in(engine):
    await engine.steps("H99-a", 3)

    async def hold(what, body):
        engine.partner.before = None
        await engine.execute("UPDATE lane SET held_by = 'clerk', held_reason = 'check'")

    engine.partner.before = hold
    (lane,) = await engine.claim()
    with pytest.raises(LeaseLost):
        await engine.turn(lane).run(stopping=asyncio.Event())

    assert engine.states("H99-a") == ["delivered", "pending", "pending"]
    assert engine.partner.sends == [("H99-a", "1")]
