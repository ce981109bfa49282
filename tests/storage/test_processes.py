"""Several processes and sudden death: one process per SQLite file, no partial group after ``kill -9``."""

import asyncio
import functools
import signal
import subprocess
import sys
import textwrap

import psycopg
import pytest
import sqlalchemy as sa

from gateway.domain.errors import ConfigurationError
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.identity import WORKER_NODES, node_of
from gateway.storage.instants import to_micros
from tests.storage.builders import NOW, S, World, event, later


def python(source, *arguments):
    return [sys.executable, "-c", textwrap.dedent(source), *arguments]


OPENING = """
    import sys
    from gateway.domain.errors import ConfigurationError
    from gateway.storage.database import Database
    try:
        Database(sys.argv[1]).close()
    except ConfigurationError as fault:
        print(fault)
        sys.exit(7)
"""


def test_second_process_on_a_sqlite_file_is_refused(sqlite_url):
    database = Database(sqlite_url)
    refused = subprocess.run(python(OPENING, sqlite_url), capture_output=True, text=True, check=False)
    database.close()
    taken = subprocess.run(python(OPENING, sqlite_url), capture_output=True, text=True, check=False)

    assert refused.returncode == 7
    assert "another process has it open" in refused.stdout
    assert taken.returncode == 0, taken.stderr


def test_second_opening_in_the_same_process_is_refused(sqlite_url):
    database = Database(sqlite_url)
    with pytest.raises(ConfigurationError, match="another process"):
        Database(sqlite_url)
    database.close()

    Database(sqlite_url).close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://u@h/d"])
def test_address_that_cannot_be_used_is_refused(url):
    with pytest.raises(ConfigurationError, match=r"database\.url"):
        Database(url)


def test_killed_process_leaves_no_lock(sqlite_url):
    process = subprocess.Popen(
        python(
            """
            import sys, time
            from gateway.storage.database import Database
            database = Database(sys.argv[1])
            print("open", flush=True)
            time.sleep(60)
            """,
            sqlite_url,
        ),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()

    Database(sqlite_url).close()


WRITING = """
    import asyncio, sys
    from gateway.storage.database import Database
    from tests.storage.builders import World, event, snapshot

    async def main(url):
        world = World(Database(url))

        async def write(lane):
            version = 0
            while True:
                version += 1
                steps = (event(str(step)) for step in range(version))
                await world.accept(f"H99-{lane}", snapshot(f"v{version}"), *steps, version=version)
                print(lane, version, flush=True)

        await asyncio.gather(*(write(lane) for lane in range(20)))

    asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("lines", [1, 40, 111])
def test_killed_writer_leaves_every_reported_group_and_no_partial_one(database_url, lines):
    process = subprocess.Popen(python(WRITING, database_url), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    reported = {}
    for _ in range(lines):
        lane, version = process.stdout.readline().split()
        reported[lane] = int(version)
    process.send_signal(signal.SIGKILL)
    for line in process.stdout:
        if line.endswith("\n"):  # the last one may be torn: its writer was killed
            lane, version = line.split()
            reported[lane] = int(version)
    process.stdout.close()
    process.wait()

    database = Database(database_url)
    world = World(database)
    try:
        stored = dict(world.rows("SELECT code, version FROM dossier"))
        for lane, version in reported.items():
            assert stored[f"H99-{lane}"] >= version
        for code, version in stored.items():
            keys = [key for key, _ in world.queue(code)]
            assert sorted(keys) == sorted([f"v{version}", *(str(step) for step in range(version))])
            assert world.lane_state(code) == "ready"
        asyncio.run(world.accept("H99-after", event("1")))
    finally:
        database.close()


# workers' life signs


async def test_worker_is_registered_beats_and_is_forgotten(world):
    database = world.database
    first = await database.write(lambda tx: upkeep.register_worker(tx, 5))
    second = await database.write(lambda tx: upkeep.register_worker(tx, 6))

    before = await database.apply(upkeep.beat, first)
    after = await database.apply(upkeep.beat, first)

    assert first != second
    assert after[first] == before[first] + 1
    assert after[second] == before[second]
    await database.write(lambda tx: upkeep.forget_workers(tx, [second]))
    assert set(await database.apply(upkeep.beat, first)) == {first}


async def test_worker_that_still_owns_a_lane_is_not_forgotten(world):
    worker = await world.database.write(lambda tx: upkeep.register_worker(tx, 5))
    await world.accept("H99-a", event("1"))
    await world.claim(worker=worker)

    await world.database.write(lambda tx: upkeep.forget_workers(tx, [worker]))
    assert world.rows("SELECT id FROM worker") == [(worker,)]

    await world.reap(worker)
    await world.database.write(lambda tx: upkeep.forget_workers(tx, [worker]))
    assert world.rows("SELECT id FROM worker") == []


async def test_workers_number_is_never_given_again(world):
    """A lease names its owner by number; a new worker must not inherit an old one's."""
    first = await world.database.write(lambda tx: upkeep.register_worker(tx, 5))
    await world.database.write(lambda tx: upkeep.forget_workers(tx, [first]))

    assert await world.database.write(lambda tx: upkeep.register_worker(tx, 6)) > first


async def test_worker_is_never_numbered_so_that_it_gives_out_the_identifiers_of_another(world):
    """Five hundred and twelve short-lived processes later, the numbers come round."""
    register = functools.partial(upkeep.register_worker, now=5)
    first = await world.database.write(register)

    def come_and_go(transaction):
        for number in range(first + 1, first + WORKER_NODES):
            assert upkeep.register_worker(transaction, 5) == number
            upkeep.forget_workers(transaction, [number])

    await world.database.write(come_and_go)
    newest = await world.database.write(register)

    assert newest == first + WORKER_NODES + 1
    assert node_of(newest) != node_of(first)
    assert {row[0] for row in world.rows("SELECT id FROM worker")} == {first, newest}


# the breaker's row


async def test_breaker_row_is_made_when_it_is_missing(world):
    row = await world.database.write(lambda tx: upkeep.breaker(tx, "portal"))

    assert row == upkeep.Breaker(name="portal")
    assert world.database.ask(lambda connection: upkeep.read_breaker(connection, "portal")) == row
    assert world.database.ask(lambda connection: upkeep.read_breaker(connection, "other")).open_until is None


async def open_breaker(world, until):
    opening = upkeep.Opening(name="portal", failures=6, open_until=until, failure="away", now=100)
    await world.database.write(lambda tx: upkeep.open_breaker(tx, opening))


async def test_probe_is_given_to_one_and_only_when_it_is_time(world):
    await open_breaker(world, 1000)
    take = world.database.write

    assert not await take(lambda tx: upkeep.take_probe(tx, "portal", now=999, until=5000))
    assert await take(lambda tx: upkeep.take_probe(tx, "portal", now=1000, until=5000))
    assert not await take(lambda tx: upkeep.take_probe(tx, "portal", now=1001, until=5000))
    assert await take(lambda tx: upkeep.take_probe(tx, "portal", now=5000, until=9000))


async def test_probes_of_dead_workers_are_given_back_and_no_others(world):
    write = world.database.write
    for name, owner in (("a", 7), ("b", 8), ("c", None)):
        opening = upkeep.Opening(name=name, failures=6, open_until=1000, failure="away", now=100)
        await write(lambda tx, opening=opening: upkeep.open_breaker(tx, opening))
        await write(
            lambda tx, name=name, owner=owner: upkeep.take_probe(tx, name, now=1000, until=9000, owner=owner)
        )

    given = await write(lambda tx: upkeep.return_probes_of(tx, [7, 9], now=1500))
    again = await write(lambda tx: upkeep.return_probes_of(tx, [7, 9], now=1600))

    until = [
        world.database.ask(lambda connection, name=name: upkeep.read_breaker(connection, name)).open_until
        for name in "abc"
    ]
    assert (given, again, until) == (1, 0, [1500, 9000, 9000])


@pytest.mark.parametrize("used_up_by", ["failure", "success", "return"])
async def test_probe_that_was_used_up_is_nobodys(world, used_up_by):
    write = world.database.write
    await open_breaker(world, 1000)
    await write(lambda tx: upkeep.take_probe(tx, "portal", now=1000, until=9000, owner=7))

    if used_up_by == "failure":
        await open_breaker(world, 5000)
    elif used_up_by == "success":
        await write(lambda tx: upkeep.close_breaker(tx, "portal", now=1100))
    else:
        await write(lambda tx: upkeep.return_probe(tx, "portal", now=1100))

    assert await write(lambda tx: upkeep.return_probes_of(tx, [7], now=1500)) == 0


async def test_one_of_many_processes_gets_the_probe(postgresql_url):
    databases = [Database(postgresql_url) for _ in range(3)]
    try:
        await open_breaker(World(databases[0]), 1000)
        given = await asyncio.gather(
            *(
                database.write(lambda tx: upkeep.take_probe(tx, "portal", now=2000, until=5000))
                for database in databases
                for _ in range(5)
            )
        )
        assert given.count(True) == 1
    finally:
        for database in databases:
            database.close()


async def test_openings_are_counted_until_it_closes(world):
    await open_breaker(world, 1000)
    await open_breaker(world, 2000)
    row = await world.database.write(lambda tx: upkeep.breaker(tx, "portal"))
    assert (row.openings, row.opened_at, row.open_until) == (2, 100, 2000)

    await world.database.write(lambda tx: upkeep.close_breaker(tx, "portal", now=3000))

    row = await world.database.write(lambda tx: upkeep.breaker(tx, "portal"))
    assert row == upkeep.Breaker(name="portal")


async def test_waits_are_cut_short_in_slices_the_nearest_first(world):
    for number in range(5):
        await world.accept(f"H99-{number}", event("1"), event("2"))
        start = await world.start(await world.claim_one())
        await world.settle(start, S.WAITING, due_at=later(hours=5 - number), release=True, hasten=True)
    now = to_micros(NOW)

    slices = [
        await world.database.write(lambda tx: upkeep.hasten_lanes(tx, "portal", now=now, most=2))
        for _ in range(4)
    ]

    assert slices == [2, 2, 1, 0]
    due = sa.text("SELECT DISTINCT due_at FROM delivery WHERE key = '1'")
    assert world.database.ask(lambda connection: connection.execute(due).scalars().all()) == [now]
    assert len(await world.claim(lanes=9)) == 5


async def test_first_slice_is_what_would_have_left_first(world):
    for code, hours in (("H99-late", 3), ("H99-soon", 1)):
        await world.accept(code, event("1"))
        start = await world.start(await world.claim_one())
        await world.settle(start, S.WAITING, due_at=later(hours=hours), release=True, hasten=True)

    await world.database.write(lambda tx: upkeep.hasten_lanes(tx, "portal", now=to_micros(NOW), most=1))

    assert [lane.dossier for lane in await world.claim(lanes=9)] == ["H99-soon"]


async def test_hastening_waits_for_nobody_who_has_a_lane(postgresql_url):
    """On PostgreSQL a lane that another transaction has locked is left for the next slice."""
    first, second = Database(postgresql_url), Database(postgresql_url)
    world = World(first)
    await world.accept("H99-a", event("1"))
    start = await world.start(await world.claim_one())
    await world.settle(start, S.WAITING, due_at=later(hours=1), release=True, hasten=True)
    try:
        with psycopg.connect(postgresql_url) as holder:
            holder.execute("SELECT id FROM lane FOR UPDATE")
            hastened = await asyncio.wait_for(
                second.write(lambda tx: upkeep.hasten_lanes(tx, "portal", now=to_micros(NOW))), 5
            )
            assert hastened == 0
        assert await second.write(lambda tx: upkeep.hasten_lanes(tx, "portal", now=to_micros(NOW))) == 1
    finally:
        first.close()
        second.close()


async def test_closing_hastens_only_our_own_waits(world):
    for code, own in (("H99-a", True), ("H99-b", False)):
        await world.accept(code, event("1"))
        start = await world.start(await world.claim_one())
        await world.settle(start, S.WAITING, due_at=later(hours=1), release=True, hasten=own)

    hastened = await world.database.write(lambda tx: upkeep.hasten_lanes(tx, "portal", now=to_micros(NOW)))

    assert hastened == 1
    assert [lane.dossier for lane in await world.claim()] == ["H99-a"]


def test_a_question_that_is_asked_often_is_planned_for_what_it_asks(postgresql_url):
    """A generic plan, which PostgreSQL keeps after some asks, took a report sixteen times as long."""

    def often(connection):
        for number in range(20):
            connection.execute(
                sa.text("SELECT count(*) FROM standing WHERE effective_to > :at"), {"at": number}
            ).scalar_one()
        kept = "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements"
        return tuple(connection.execute(sa.text(kept)).one())

    database = Database(postgresql_url)
    try:
        custom, generic = database.ask(often)
    finally:
        database.close()
    assert custom > 10
    assert generic == 0
