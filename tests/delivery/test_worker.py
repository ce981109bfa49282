"""A whole worker: registers, beats, seals, takes over from the dead, leaves in order."""

import asyncio
import threading
from datetime import timedelta

import pytest

from gateway import worker as worker_module
from gateway.domain.errors import StorageUnavailable
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.sql import Statement
from gateway.worker import Worker
from tests.delivery.conftest import Engine, settings
from tests.storage.builders import World

FAST = settings(beat=0.05, dead_after=0.3)

PROBE = timedelta(minutes=5)


class Process:
    """An engine with a worker of its own, running."""

    def __init__(self, engine, **rest):
        self.engine = engine
        self.worker = Worker(engine.hub, {"portal": engine.destination}, **rest)
        self._task = asyncio.create_task(self.worker.run())

    async def stop(self):
        self.worker.stop()
        await self._task


async def until(expected, *, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not expected():  # noqa: ASYNC110 - what is awaited happens in a database
            await asyncio.sleep(0.01)


@pytest.fixture
def fast(database, partner, clock):
    return Engine(database, partner, clock, settings=FAST)


async def test_worker_delivers_seals_and_leaves_nothing_behind(fast, partner):
    for number in range(5):
        await fast.steps(f"H99-{number}", 3)
    process = Process(fast)

    await until(lambda: sum(map(len, partner.taken.values())) == 15)
    await process.stop()

    assert fast.rows("SELECT count(*) FROM worker") == [(0,)]
    assert fast.rows("SELECT count(*) FROM lane WHERE state <> 'idle'") == [(0,)]
    assert fast.rows("SELECT count(*), max(seq) FROM message") == [(30, 30)]
    assert fast.rows("SELECT count(*), max(position) FROM event") == [(15, 15)]


async def test_lanes_of_a_worker_that_is_gone_are_taken_over_without_anybodys_help(fast, partner):
    await fast.steps("H99-a", 3)
    dead = await fast.database.write(lambda tx: upkeep.register_worker(tx, 0))
    fast.worker = dead
    (lane,) = await fast.claim()
    await World(fast.database).start(lane)
    process = Process(fast)

    await until(lambda: fast.states("H99-a")[0] != "in_flight")
    fast.clock.move(minutes=10)
    await until(lambda: fast.states("H99-a") == ["delivered"] * 3)
    await process.stop()

    assert partner.taken["H99-a"] == ["1", "2", "3"]
    assert partner.questions == [("H99-a", "1")]
    assert fast.delivery("H99-a", "1")["doubts"] == 1
    assert fast.rows("SELECT count(*) FROM worker") == [(0,)]


async def test_probe_of_a_worker_that_died_does_not_keep_the_breaker_open(fast, partner):
    """It had the only probe for as long as an exchange may take: minutes."""
    await fast.steps("H99-a", 2)
    dead = await fast.database.write(lambda tx: upkeep.register_worker(tx, 0))
    await probed(fast, by=dead)
    process = Process(fast)

    await until(lambda: partner.taken["H99-a"] == ["1", "2"])
    await process.stop()

    assert fast.breaker().open_until is None


async def test_worker_that_died_without_the_probe_gives_no_other_one(fast, partner):
    """Somebody else's probe is under way, or the pause is not over yet: one probe at a time all the same."""
    await fast.steps("H99-a", 2)
    await fast.steps("H99-b", 1)
    dead = await fast.database.write(lambda tx: upkeep.register_worker(tx, 0))
    fast.worker = dead
    await fast.claim()  # so that there is something to take over
    await probed(fast, by=4711)
    process = Process(fast)

    await until(lambda: fast.lane_state("H99-a") == fast.lane_state("H99-b") == "ready")
    await process.stop()

    assert partner.calls == 0
    assert fast.breaker().open_until == to_micros(fast.clock() + PROBE)


async def probed(engine, *, by):
    """An open breaker whose one probe ``by`` has."""
    now = to_micros(engine.clock())
    opening = upkeep.Opening(name="portal", failures=6, open_until=now, failure="away", now=now)
    far = to_micros(engine.clock() + PROBE)
    await engine.database.write(lambda tx: upkeep.open_breaker(tx, opening))
    assert await engine.database.write(
        lambda tx: upkeep.take_probe(tx, "portal", now=now, until=far, owner=by)
    )


async def test_attempt_lost_at_a_destination_unknown_here_is_logged_under_its_own_name(fast):
    """Another release, or another configuration, had it."""
    await fast.steps("H99-a", 1)
    fast.worker = await fast.database.write(lambda tx: upkeep.register_worker(tx, 0))
    await World(fast.database).start((await fast.claim())[0])
    await fast.execute("UPDATE attempt SET destination = 'ministry'")
    process = Process(fast)

    await until(lambda: bool(fast.rows("SELECT 1 FROM attempt WHERE ended_at IS NOT NULL")))
    await process.stop()

    assert ("ministry",) in fast.rows("SELECT channel FROM message WHERE kind = 'no_answer'")


async def test_lane_of_an_owner_without_a_row_is_taken_over(fast, partner):
    """A worker that was believed dead, woke, claimed and was killed before its next beat."""
    await fast.steps("H99-a", 2)
    fast.worker = 4711
    assert len(await fast.claim()) == 1
    process = Process(fast)

    await until(lambda: partner.taken["H99-a"] == ["1", "2"])
    await process.stop()


async def test_lane_locked_by_a_hung_process_is_taken_over(postgresql_url, partner, clock):
    """Stopped in a transaction after a pipeline, where PostgreSQL's own limit for idle sessions does not reach."""
    hung, living = Database(postgresql_url), Database(postgresql_url)
    engine = Engine(living, partner, clock, settings=FAST)
    await engine.steps("H99-a", 2)
    dead = await hung.write(lambda tx: upkeep.register_worker(tx, 0, session=hung.session))
    engine.worker = dead
    (lane,) = await engine.claim()
    locked, wake = threading.Event(), threading.Event()

    def hang(transaction):
        statement = Statement("UPDATE lane SET hasten = false WHERE id = :lane")
        transaction.many(statement, [{"lane": lane.id}, {"lane": lane.id}])
        locked.set()
        wake.wait(20)

    hanging = asyncio.create_task(hung.write(hang))
    await asyncio.to_thread(locked.wait, 10)
    process = Process(engine)
    try:
        await until(lambda: partner.taken["H99-a"] == ["1", "2"])
        wake.set()
        with pytest.raises(StorageUnavailable):
            await hanging
        await process.stop()
    finally:
        wake.set()
        await engine.close()
        hung.close()
        living.close()


async def test_worker_that_was_believed_dead_registers_anew(fast, partner):
    process = Process(fast)
    await until(lambda: process.worker.id > 0)
    first = process.worker.id

    await fast.database.write(lambda tx: upkeep.forget_workers(tx, [first]))
    await until(lambda: process.worker.id != first)
    await until(lambda: fast.rows("SELECT id FROM worker") == [(process.worker.id,)])
    await fast.steps("H99-a", 2)
    await until(lambda: partner.taken["H99-a"] == ["1", "2"])

    await process.stop()
    assert fast.rows("SELECT count(*) FROM worker") == [(0,)]


async def test_worker_that_is_stopping_still_beats_while_an_answer_is_awaited(fast, partner):
    """Else a rolling restart would put everything in flight in doubt."""
    await fast.steps("H99-a", 2)
    reached, answer = asyncio.Event(), asyncio.Event()

    async def slow(what, body):
        reached.set()
        await answer.wait()

    partner.before = slow
    process = Process(fast)
    await asyncio.wait_for(reached.wait(), 5)
    process.worker.stop()
    before = fast.rows("SELECT beat FROM worker")[0][0]
    await until(lambda: fast.rows("SELECT beat FROM worker")[0][0] >= before + 3)
    answer.set()
    await process.stop()

    assert fast.states("H99-a") == ["delivered", "pending"]
    assert fast.delivery("H99-a", "1")["doubts"] == 0


async def test_round_that_fails_is_tried_again_and_disturbs_nothing(fast, partner, monkeypatch):
    monkeypatch.setattr(worker_module, "ROUND_PAUSE_SECONDS", 0.02)
    tries = []

    async def failing():
        tries.append(1)
        raise RuntimeError("a defect") if len(tries) % 2 else StorageUnavailable("away")

    monkeypatch.setattr(worker_module, "STORAGE_PAUSE_SECONDS", 0.02)
    process = Process(fast, rounds={"failing": failing})
    await until(lambda: len(tries) >= 3)
    await fast.steps("H99-a", 1)
    await until(lambda: partner.taken["H99-a"] == ["1"])
    await process.stop()


async def test_beat_goes_on_after_a_defect_in_it(fast, monkeypatch):
    plain, failures = upkeep.beat, [RuntimeError("a defect"), StorageUnavailable("away")]

    def sometimes(transaction, workers):
        if failures:
            raise failures.pop()
        return plain(transaction, workers)

    monkeypatch.setattr(upkeep, "beat", sometimes)
    process = Process(fast)

    await until(lambda: bool(fast.rows("SELECT 1 FROM worker WHERE beat >= 2")))
    await process.stop()
    assert failures == []


async def test_waiting_for_events_ends_when_one_is_sealed(fast):
    process = Process(fast)
    await until(lambda: process.worker.id > 0)
    waiting = asyncio.create_task(process.worker.wait_for_events(20))
    await fast.steps("H99-a", 1)

    await asyncio.wait_for(waiting, 5)
    await process.stop()


async def test_waiting_for_events_ends_by_itself(fast):
    process = Process(fast)
    await asyncio.wait_for(process.worker.wait_for_events(0.05), 2)
    await process.stop()


async def test_three_workers_share_the_lanes_and_none_is_sent_twice(postgresql_url, partner, clock):
    databases = [Database(postgresql_url) for _ in range(3)]
    engines = [Engine(database, partner, clock, settings=FAST) for database in databases]
    for number in range(30):
        await engines[0].steps(f"H99-{number:02}", 4)
    processes = [Process(engine) for engine in engines]

    await until(lambda: sum(map(len, partner.taken.values())) == 120, seconds=60)
    for process in processes:
        await process.stop()

    assert all(keys == ["1", "2", "3", "4"] for keys in partner.taken.values())
    assert len(partner.sends) == 120
    assert engines[0].rows("SELECT count(*) FROM lane WHERE state <> 'idle'") == [(0,)]
    for engine in engines:
        await engine.close()
        engine.database.close()


async def test_rate_is_divided_among_the_living(postgresql_url, partner, clock):
    databases = [Database(postgresql_url) for _ in range(2)]
    engines = [Engine(database, partner, clock, settings=FAST) for database in databases]
    processes = [Process(engine) for engine in engines]
    try:
        await until(lambda: all(engine.destination.gate.share == 2 for engine in engines))
        await processes[1].stop()
        await until(lambda: engines[0].destination.gate.share == 1)
        await processes[0].stop()
    finally:
        for engine in engines:
            await engine.close()
            engine.database.close()
