"""The sealer: numbers without gaps, in the order of becoming visible, whoever writes meanwhile."""

import asyncio
import threading

from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.rows import insert_events, insert_messages
from tests.storage.builders import World


async def append(world, count=1):
    messages = [world.message() for _ in range(count)]
    events = [world.event_row() for _ in range(count)]

    def write(transaction):
        insert_messages(transaction, messages)
        insert_events(transaction, events)

    await world.database.write(write)


def numbers(world, table, column):
    return [row[0] for row in world.rows(f"SELECT {column} FROM {table} ORDER BY {column}")]  # noqa: S608


async def test_entries_get_numbers_without_gaps_in_order(world):
    await append(world, 5)
    first = await world.database.write(upkeep.seal)
    await append(world, 3)
    second = await world.database.write(upkeep.seal)

    assert (first.messages, first.events, second.messages, second.events) == (5, 5, 3, 3)
    assert numbers(world, "message", "seq") == list(range(1, 9))
    assert numbers(world, "event", "position") == list(range(1, 9))
    assert world.rows("SELECT id FROM message ORDER BY seq") == world.rows(
        "SELECT id FROM message ORDER BY id"
    )


async def test_sealing_nothing_is_nothing(world):
    sealed = await world.database.write(upkeep.seal)

    assert (sealed.messages, sealed.events) == (0, 0)


async def test_large_backlog_is_sealed_in_portions_without_gaps(world, monkeypatch):
    monkeypatch.setattr(upkeep, "SEALED_AT_ONCE", 7)
    await append(world, 20)

    portions = []
    while (sealed := await world.database.write(upkeep.seal)).messages:
        portions.append(sealed.messages)

    assert portions == [7, 7, 6]
    assert numbers(world, "message", "seq") == list(range(1, 21))


async def test_numbers_never_change(world):
    await append(world, 5)
    await world.database.write(upkeep.seal)
    before = world.rows("SELECT id, seq FROM message ORDER BY id")
    await append(world, 5)
    await world.database.write(upkeep.seal)

    assert world.rows("SELECT id, seq FROM message WHERE seq <= 5 ORDER BY id") == before


async def seal_until(done, database):
    while not done.is_set():
        await database.write(upkeep.seal)
        await asyncio.sleep(0.002)


async def follow(done, world):
    """Read the feed with a cursor until it is done and empty; the identifiers seen."""
    seen, cursor = [], 0
    while True:
        finished = done.is_set()
        statement = "SELECT position, id FROM event WHERE position > :after ORDER BY position"
        rows = world.rows(statement, after=cursor)
        seen += [row[1] for row in rows]
        cursor = rows[-1][0] if rows else cursor
        if finished and not rows:
            return seen
        await asyncio.sleep(0.001)


async def append_many(world):
    for number in range(60):
        await append(world, 1 + number % 3)


async def test_numbers_stay_gapless_under_many_writers_and_sealers(postgresql_url):
    """Four writers, two sealers, and a reader with a cursor that must miss nothing."""
    databases = [Database(postgresql_url, writers=2) for _ in range(4)]
    for worker, database in enumerate(databases):
        database.identifiers.renew(500 - worker)
    worlds = [World(database) for database in databases]
    done = asyncio.Event()
    try:
        sealers = [asyncio.create_task(seal_until(done, database)) for database in databases[:2]]
        reader = asyncio.create_task(follow(done, worlds[3]))
        await asyncio.gather(*map(append_many, worlds))
        while worlds[0].rows("SELECT 1 FROM message WHERE seq IS NULL"):
            await databases[0].write(upkeep.seal)
        done.set()
        await asyncio.gather(*sealers)
        seen = await reader

        expected = 4 * sum(1 + number % 3 for number in range(60))
        assert numbers(worlds[0], "message", "seq") == list(range(1, expected + 1))
        assert numbers(worlds[0], "event", "position") == list(range(1, expected + 1))
        assert len(seen) == len(set(seen)) == expected
    finally:
        for database in databases:
            database.close()


async def test_second_sealer_steps_aside(postgresql_url):
    first, second = Database(postgresql_url), Database(postgresql_url)
    world = World(first)
    inside, leave = threading.Event(), threading.Event()

    def slow(transaction):
        sealed = upkeep.seal(transaction)
        inside.set()
        leave.wait(10)
        return sealed

    try:
        await append(world, 3)
        sealing = asyncio.create_task(first.write(slow))
        await asyncio.to_thread(inside.wait, 10)
        aside = await second.write(upkeep.seal)
        leave.set()
        sealed = await sealing

        assert (aside.messages, aside.events) == (0, 0)
        assert sealed.messages == 3
        assert numbers(world, "message", "seq") == [1, 2, 3]
    finally:
        leave.set()
        first.close()
        second.close()


async def test_entry_of_an_unfinished_transaction_gets_its_number_later(postgresql_url):
    """An identifier drawn early and committed late must not be skipped: numbers follow visibility."""
    database = Database(postgresql_url, writers=3)
    world = World(database)
    early = world.message()
    written, leave = threading.Event(), threading.Event()

    def slow(transaction):
        insert_messages(transaction, [early])
        written.set()
        leave.wait(10)

    try:
        unfinished = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(written.wait, 10)
        await append(world, 2)
        await database.write(upkeep.seal)
        assert numbers(world, "message", "seq") == [1, 2]
        leave.set()
        await unfinished
        await database.write(upkeep.seal)

        assert world.rows("SELECT seq FROM message WHERE id = :id", id=early.id) == [(3,)]
    finally:
        leave.set()
        database.close()
