"""Whether anything may leave: breaker, probe, pauses, rate, maintenance, an operator's word."""

import asyncio

import msgspec
import pytest
import sqlalchemy as sa

from gateway.delivery.gate import Gate, Limits
from gateway.port import Capacity, WireRequest
from gateway.settings import BreakerSettings, Maintenance
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.sql import Statement
from gateway.wire.client import CONNECT_TRIES
from tests.delivery.conftest import START, Clock, Engine, Running, planned, settings
from tests.delivery.partner import StubAdapter

ASKED = b'{"dossier": "H99-0", "operation": "step", "items": []}'
BREAKER = BreakerSettings(failures=3, first_pause=2.0, longest_pause=10.0)


class Process:
    """The gate of one process; what others wrote is seen at once."""

    def __init__(self, database, clock, **limits):
        self.gate = Gate("portal", database, Limits(breaker=BREAKER, **limits), clock)

    async def permit(self, *, idle=True):
        self.gate._refreshed_at = -10.0
        return await self.gate.permit(probe_for=150.0, idle=idle)

    async def fail(self, times=1, *, probe=False):
        for _ in range(times):
            await self.gate.failed("away", probe=probe)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def processes(database_url, clock):
    databases = [Database(database_url)]
    if databases[0].dialect == "postgresql":
        databases += [Database(database_url) for _ in range(2)]
    yield [Process(databases[number % len(databases)], clock) for number in range(3)]
    for database in databases:
        database.close()


def stored(process):
    return process.gate._database.ask(lambda connection: upkeep.read_breaker(connection, "portal"))


async def test_closed_breaker_lets_everything_through(processes):
    permit = await processes[0].permit()

    assert (permit.allowed, permit.probe) == (True, False)
    assert not processes[0].gate.shut()


async def test_breaker_opens_after_so_many_failures_in_a_row(processes):
    await processes[0].fail(2)
    await processes[0].gate.succeeded()
    await processes[0].fail(2)
    assert (await processes[0].permit()).allowed

    await processes[0].fail()

    assert not (await processes[0].permit()).allowed
    assert processes[0].gate.shut()


async def test_opening_is_seen_by_every_process(processes):
    await processes[0].fail(3)

    for process in processes:
        assert not (await process.permit()).allowed


async def test_one_probe_leaves_whatever_the_number_of_processes(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)

    permits = await asyncio.gather(*(process.permit() for process in processes for _ in range(3)))

    assert [permit.probe for permit in permits if permit.allowed] == [True]
    clock.move(seconds=100)
    assert not any([(await process.permit()).allowed for process in processes])


async def test_busy_process_takes_no_probe(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)

    assert not (await processes[0].permit(idle=False)).allowed
    assert (await processes[1].permit()).probe


async def test_failing_probes_double_the_pause_up_to_a_limit(processes, clock):
    await processes[0].fail(3)
    pauses = []
    for _ in range(5):
        pause = (processes[0].gate._open_until - clock()).total_seconds()
        pauses.append(pause)
        clock.move(seconds=pause - 0.1)
        assert not (await processes[0].permit()).allowed
        clock.move(seconds=0.1)
        assert (await processes[0].permit()).probe
        await processes[0].fail(probe=True)
        await processes[0].gate.return_probe()

    assert pauses == [2.0, 4.0, 8.0, 10.0, 10.0]


async def test_failures_in_flight_when_it_opened_do_not_open_it_further(processes):
    await processes[0].fail(3)
    await processes[0].fail(5)

    assert stored(processes[0]).openings == 1


async def test_many_failures_at_once_open_it_once(processes):
    await asyncio.gather(*(processes[0].gate.failed("away") for _ in range(8)))

    assert stored(processes[0]).openings == 1


async def test_successful_probe_closes_it_for_everybody(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)
    assert (await processes[1].permit()).probe

    await processes[1].gate.succeeded()

    for process in processes:
        permit = await process.permit()
        assert (permit.allowed, permit.probe) == (True, False)
    assert stored(processes[0]) == upkeep.Breaker(name="portal")


async def test_failures_before_a_recovery_that_another_process_saw_do_not_count_after_it(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)
    assert (await processes[1].permit()).probe
    await processes[1].gate.succeeded()
    assert (await processes[0].permit()).allowed

    await processes[0].fail()

    assert not processes[0].gate.shut()


class Slow:
    """A database that gives answers to questions late, when it is told to."""

    def __init__(self, database):
        self._database = database
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def read(self, question):
        answer = await self._database.read(question)
        self.asked.set()
        await self.may_answer.wait()
        return answer


async def test_breaker_that_opens_while_it_is_looked_up_stays_open(processes):
    gate = processes[0].gate
    gate._database = slow = Slow(gate._database)
    asking = asyncio.create_task(processes[0].permit())
    await slow.asked.wait()
    await processes[0].fail(3)
    slow.may_answer.set()

    assert not (await asking).allowed
    assert gate.shut()


class Counted:
    """A database that says what each write gave."""

    def __init__(self, database):
        self._database = database
        self.gave = []

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def write(self, unit):
        self.gave.append(await self._database.write(unit))
        return self.gave[-1]


WAITING = Statement("""
    INSERT INTO lane (id, destination, dossier_code, state, due_at, promise_at, hasten)
    VALUES (:id, 'portal', :code, 'waiting', :due_at, 1, true)
""")


async def test_recovery_after_a_long_outage_hastens_lanes_in_slices(database, clock):
    """One statement over a hundred thousand lanes would keep everybody else from writing."""
    later = to_micros(clock()) + 10**9
    lanes = [{"id": number, "code": f"H99-{number}", "due_at": later} for number in range(1, 1101)]
    await database.write(lambda tx: tx.many(WAITING, lanes))
    counted = Counted(database)
    process = Process(counted, clock)
    await process.fail(3)
    counted.gave.clear()

    await process.gate.succeeded()

    assert counted.gave == [None, 500, 500, 100]
    due = sa.text("SELECT DISTINCT due_at FROM lane")
    assert database.ask(lambda connection: connection.execute(due).scalars().all()) == [to_micros(clock())]


async def test_pauses_start_over_after_a_recovery(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)
    await processes[0].permit()
    await processes[0].fail(probe=True)
    clock.move(seconds=4)
    await processes[0].permit()
    await processes[0].gate.succeeded()

    await processes[0].fail(3)

    assert (processes[0].gate._open_until - clock()).total_seconds() == 2.0


async def test_unused_probe_is_free_for_the_next_process_at_once(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)
    assert (await processes[0].permit()).probe

    await processes[0].gate.return_probe()

    assert (await processes[1].permit()).probe


async def test_probe_of_a_process_that_died_is_given_again_later(processes, clock):
    await processes[0].fail(3)
    clock.move(seconds=2)
    assert (await processes[0].permit()).probe

    clock.move(seconds=151)

    assert (await processes[1].permit()).probe


# an operator, the partner's wish, maintenance, rate


async def pause(process, *, by):
    await process.gate._database.write(
        lambda tx: (
            upkeep.breaker(tx, "portal"),
            tx._cursor.execute(f"UPDATE destination SET paused_by = {by}"),  # noqa: S608
        )
    )


async def test_operators_pause_stops_every_process_and_resuming_lets_them_go(processes):
    await pause(processes[0], by="'clerk'")
    for process in processes:
        assert not (await process.permit()).allowed
        assert process.gate.shut()

    await pause(processes[0], by="NULL")
    for process in processes:
        assert (await process.permit()).allowed
        assert not process.gate.shut()


async def test_pause_outlasts_a_recovery(processes, clock):
    await processes[0].fail(3)
    await pause(processes[0], by="'clerk'")
    clock.move(seconds=2)
    assert not (await processes[0].permit()).allowed
    await processes[0].gate.succeeded()

    assert not (await processes[0].permit()).allowed


async def test_partner_gets_the_pause_it_asked_for(processes, clock):
    processes[0].gate.breathe(30)
    processes[0].gate.breathe(10)

    clock.move(seconds=29)
    assert not (await processes[0].permit()).allowed
    assert processes[0].gate.shut()
    clock.move(seconds=1)
    assert (await processes[0].permit()).allowed
    assert not processes[0].gate.shut()


async def test_nothing_leaves_in_a_maintenance_window(database, clock):
    window = Maintenance(start="08:30", end="09:00")  # 01:30 to 02:00 UTC
    process = Process(database, clock, maintenance=(window,))
    assert (await process.permit()).allowed

    clock.move(minutes=30)
    assert not (await process.permit()).allowed
    assert process.gate.shut(), "a lane at work stops, too"

    clock.move(minutes=30)
    assert (await process.permit()).allowed
    assert not process.gate.shut()


async def test_rate_is_kept(database, clock):
    """Twenty at 200 a second take about a tenth of a second; the burst is a tenth of a second's worth."""
    gate = Process(database, clock, rate=200.0).gate
    loop = asyncio.get_running_loop()
    started = loop.time()

    for _ in range(60):
        await gate.pace()

    took = loop.time() - started
    assert 0.15 <= took < 5.0


async def test_rate_is_shared_between_processes(database, clock):
    gate = Process(database, clock, rate=200.0).gate
    gate.share = 4
    loop = asyncio.get_running_loop()
    started = loop.time()

    for _ in range(20):
        await gate.pace()

    assert loop.time() - started >= 0.25


async def test_concurrent_callers_keep_the_rate_together(database, clock):
    gate = Process(database, clock, rate=200.0).gate
    loop = asyncio.get_running_loop()
    started = loop.time()

    await asyncio.gather(*(gate.pace() for _ in range(60)))

    assert loop.time() - started >= 0.15


async def test_no_rate_no_waiting(database, clock):
    gate = Process(database, clock).gate
    async with asyncio.timeout(5):
        for _ in range(10_000):
            await gate.pace()


async def test_stop_ends_the_wait_for_the_rate(database, clock):
    """The token that was waited for is left to others: the next one is no later for it."""
    gate = Process(database, clock, rate=0.5).gate
    stopping = asyncio.Event()
    async with asyncio.timeout(1):
        await gate.pace(stopping)
        waiting = [asyncio.create_task(gate.pace(stopping)) for _ in range(20)]
        await asyncio.sleep(0)
        stopping.set()
        await asyncio.gather(*waiting)

    assert -0.01 < gate._tokens < 0.5


async def test_engine_stops_at_once_although_its_lanes_wait_for_the_rate(database, partner, clock):
    """Four lanes at one in fifty seconds would take more than three minutes."""
    engine = Engine(
        database, partner, clock, adapter=StubAdapter(capacity=Capacity(concurrency=4, rate=0.02))
    )
    for number in range(4):
        await engine.steps(f"H99-{number}", 1)
    running = Running(engine)
    await running.until(lambda: partner.calls == 1)
    async with asyncio.timeout(5):
        await running.stop()
    await engine.close()

    assert partner.calls == 1
    assert sorted(engine.rows("SELECT state FROM lane")) == [("idle",), ("ready",), ("ready",), ("ready",)]


async def test_longest_exchange_knows_the_patience_of_requests(database, partner, clock):
    """A probe keeps other processes from probing for so long."""
    engine = Engine(database, partner, clock)
    before = engine.destination.longest_exchange
    request = WireRequest(method="POST", url="https://portal.example/ask", timeout=30.0, body=ASKED)
    await engine.destination.timed_exchange(request)
    await engine.destination.timed_exchange(msgspec.structs.replace(request, timeout=0.5))
    await engine.close()

    assert before == 1.0 * CONNECT_TRIES + 1.0 * 2
    assert engine.destination.longest_exchange == 1.0 * CONNECT_TRIES + 30.0 * 2


# the dispatcher in front of a partner that is down


@pytest.fixture
async def patient(more_engines):
    return more_engines(
        settings=settings(breaker={"failures": 3, "first_pause": 2.0}, retry={"first": 100.0})
    )


async def test_dead_partner_gets_one_call_a_pause(patient, partner):
    for number in range(20):
        await patient.steps(f"H99-{number:02}", 2)
    partner.down = True
    running = Running(patient)

    await running.until(lambda: patient.breaker().open_until is not None)
    await running.until(lambda: not running.dispatcher._tasks)
    for pause in (2, 4, 8):
        partner.calls = 0
        patient.clock.move(seconds=pause)
        await running.until(lambda: partner.calls > 0)
        await running.until(lambda: not running.dispatcher._tasks)
        assert partner.calls == CONNECT_TRIES, "one exchange, with its immediate reconnects"
    await running.stop()


async def test_recovered_partner_gets_everything_without_waiting_for_back_offs(patient, partner):
    for number in range(20):
        await patient.steps(f"H99-{number:02}", 2)
    partner.down = True
    running = Running(patient)
    await running.until(lambda: patient.breaker().open_until is not None)
    await running.until(lambda: not running.dispatcher._tasks)

    partner.down = False
    patient.clock.move(seconds=2)
    await running.until(
        lambda: len(partner.taken) == 20 and all(len(keys) == 2 for keys in partner.taken.values())
    )
    await running.stop()

    assert (patient.clock() - START).total_seconds() == 2.0
    assert patient.breaker().open_until is None


async def test_probe_on_a_dossier_that_cannot_be_encoded_does_not_keep_the_breaker_open(patient, partner):
    await patient.accept("H99-bad", planned("step", "1", "unencodable"))
    await patient.steps("H99-good", 1)
    await patient.destination.gate.failed("away")
    await patient.destination.gate.failed("away")
    await patient.destination.gate.failed("away")
    patient.clock.move(seconds=2)
    running = Running(patient)

    await running.until(lambda: partner.taken["H99-good"] == ["1"])
    await running.stop()

    assert patient.states("H99-bad") == ["rejected"]
    assert (patient.clock() - START).total_seconds() == 2.0
