"""The event feed on real databases: nothing missed, nothing twice, nobody waits longer than he must."""

import asyncio
import subprocess
import sys
import textwrap
import time

import msgspec
import pytest

from gateway.domain.errors import ConflictError, StorageUnavailable
from gateway.inbound.feed import Feed
from gateway.storage import feed as storage_feed
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.feed import Span, newest_position, read_events
from gateway.storage.instants import to_micros
from gateway.storage.rows import EventRow, insert_events
from tests.storage.builders import NOW


async def nobody_seals(seconds):
    await asyncio.sleep(seconds)


@pytest.fixture
def feed(database):
    return Feed(database, nobody_seals)


async def tell(database, *kinds, sealed=True):
    rows = [
        EventRow(
            id=database.identifiers.next(),
            at=to_micros(NOW),
            kind=kind,
            data=msgspec.json.encode({"n": number}).decode(),
            dossier_code=f"H99-{number}",
            destination="portal",
        )
        for number, kind in enumerate(kinds)
    ]
    await database.write(lambda tx: insert_events(tx, rows))
    if sealed:
        await database.write(upkeep.seal)
    return rows


def positions(events):
    return [event.position for event in events]


async def test_event_is_told_with_everything_it_has(database, feed):
    (row,) = await tell(database, "delivery.delivered")

    (event,) = await feed.read()

    assert msgspec.to_builtins(event) == {
        "id": f"evt_{row.id}",
        "position": 1,
        "at": "2026-09-28T01:00:00Z",
        "kind": "delivery.delivered",
        "dossier": "H99-0",
        "destination": "portal",
        "data": {"n": 0},
    }


async def test_event_without_a_number_is_not_told_yet(database, feed):
    await tell(database, "note", sealed=False)
    before = await feed.read()
    await database.write(upkeep.seal)

    assert before == []
    assert positions(await feed.read()) == [1]


async def test_pages_follow_each_other_without_gap_or_overlap(database, feed):
    await tell(database, *["note"] * 25)

    seen, after = [], 0
    while page := await feed.read(after, 10):
        seen += positions(page)
        after = page[-1].position

    assert seen == list(range(1, 26))


async def test_the_same_cursor_gives_the_same_page_again(database, feed):
    await tell(database, *["note"] * 5)
    first = await feed.read(2, 2)
    await tell(database, *["note"] * 5)

    assert await feed.read(2, 2) == first


async def test_only_wanted_kinds_are_told(database, feed):
    await tell(database, "a", "b", "c", "a", "b")

    assert positions(await feed.read(kinds=("a", "c"))) == [1, 3, 4]
    assert positions(await feed.read(1, 1, kinds=("a", "c"))) == [3]
    assert await feed.read(kinds=("d",)) == []


async def test_cursor_moves_past_what_was_not_wanted(database, feed):
    await tell(database, *["a"] * 30)

    page = await feed.page(kinds=("b",))
    await tell(database, "b")

    assert (page.events, page.next) == ([], 30)
    assert positions(await feed.read(page.next, kinds=("b",))) == [31]


async def test_cursor_after_a_full_page_of_wanted_kinds_skips_none(database, feed):
    await tell(database, "a", "b", "a", "b", "a")

    page = await feed.page(0, 2, kinds=("a",))

    assert (positions(page.events), page.next) == ([1, 3], 3)
    assert positions(await feed.read(page.next, 2, kinds=("a",))) == [5]


async def test_rare_kind_is_found_over_many_windows(database, feed, monkeypatch):
    monkeypatch.setattr(storage_feed, "WINDOW", 7)
    await tell(database, *["a"] * 40, "b", *["a"] * 9)

    page = await feed.page(kinds=("b",))

    assert positions(page.events) == [41]
    assert page.next in range(41, 51)


@pytest.mark.parametrize("limit", [-5, 0, 1])
async def test_page_has_at_least_one_place(database, feed, limit):
    await tell(database, "a", "b")

    assert positions(await feed.read(0, limit)) == [1]


async def test_cursor_of_another_database_is_refused(database, feed):
    await tell(database, "a")

    with pytest.raises(ConflictError, match="beyond the newest event 1"):
        await feed.read(2)
    assert positions(await feed.read(0)) == [1]


async def test_empty_feed_answers_at_once_or_after_the_wait(feed):
    started = time.monotonic()
    assert await feed.read() == []
    at_once = time.monotonic() - started
    assert await feed.read(wait=0.3) == []

    assert at_once < 0.25
    assert time.monotonic() - started >= 0.3


async def test_waiting_reader_gets_the_event_of_this_process_at_once(database):
    sealed = asyncio.Event()

    async def waiter(seconds):
        try:
            async with asyncio.timeout(seconds):
                await sealed.wait()
        except TimeoutError:
            return

    feed = Feed(database, waiter)
    reading = asyncio.create_task(feed.read(wait=30))
    await asyncio.sleep(0.05)
    await tell(database, "note")
    sealed.set()
    started = time.monotonic()

    assert positions(await reading) == [1]
    assert time.monotonic() - started < 0.2


OTHER = """
    import asyncio, sys
    from gateway.storage.database import Database
    from tests.storage.test_feed import tell

    async def main(url):
        database = Database(url)
        await tell(database, "note")
        database.close()

    asyncio.run(main(sys.argv[1]))
"""


async def test_waiting_reader_gets_the_event_of_another_process_by_polling(postgresql_url, pytestconfig):
    database = Database(postgresql_url)
    feed = Feed(database, nobody_seals)
    reading = asyncio.create_task(feed.read(wait=60))
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", textwrap.dedent(OTHER), postgresql_url],
        cwd=pytestconfig.rootpath,
        stdout=subprocess.DEVNULL,
    )
    await process.wait()
    started = time.monotonic()

    assert positions(await reading) == [1]
    assert time.monotonic() - started < 2.0
    database.close()


async def test_waiting_for_a_kind_is_not_ended_by_another(database, feed):
    reading = asyncio.create_task(feed.read(kinds=("b",), wait=30))
    await tell(database, "a")
    await asyncio.sleep(0.4)
    still_waiting = not reading.done()
    await tell(database, "b")

    assert still_waiting
    assert positions(await reading) == [2]


async def test_hundred_waiting_readers_ask_one_question_at_a_time(database):
    class Counting:
        asked = 0

        async def read(self, question):
            Counting.asked += 1
            return await database.read(question)

    feed = Feed(Counting(), nobody_seals)
    reading = [asyncio.create_task(feed.read(wait=30)) for _ in range(100)]
    await asyncio.sleep(0.1)
    waiting = Counting.asked
    await tell(database, "note")

    assert [positions(page) for page in await asyncio.gather(*reading)] == [[1]] * 100
    assert waiting < 20


async def test_reader_that_goes_away_leaves_the_others_waiting(database, feed):
    leaving = asyncio.create_task(feed.read(wait=30))
    staying = asyncio.create_task(feed.read(wait=30))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await tell(database, "note")

    assert positions(await staying) == [1]


async def test_lost_database_is_said_and_the_cursor_still_works_afterwards(database):
    class Away:
        lost = True

        async def read(self, question):
            if Away.lost:
                raise StorageUnavailable("away")
            return await database.read(question)

    feed = Feed(Away(), nobody_seals)
    await tell(database, "note")
    with pytest.raises(StorageUnavailable):
        await feed.read()
    Away.lost = False

    assert positions(await feed.read()) == [1]


async def test_reading_while_others_write_misses_nothing(database, feed):
    """Two writers and the sealer at work; the reader follows its cursor."""

    async def write():
        for _ in range(20):
            await tell(database, "note", "note", sealed=False)

    async def seal():
        for _ in range(60):
            await database.write(upkeep.seal)
            await asyncio.sleep(0)

    async def follow():
        seen = []
        while len(seen) < 80:
            seen += positions(await feed.read(seen[-1] if seen else 0, 7, 1.0))
        return seen

    following = asyncio.create_task(follow())
    await asyncio.gather(write(), write(), seal())
    await database.write(upkeep.seal)

    assert await following == list(range(1, 81))


def test_span_ends_where_it_is_told(database):
    asyncio.run(tell(database, *["a"] * 10))

    def ask(connection):
        events, upto = read_events(connection, Span(after=2, newest=6, limit=100))
        return newest_position(connection), positions(events), upto

    assert database.ask(ask) == (10, [3, 4, 5, 6], 6)
