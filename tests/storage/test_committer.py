"""Group commit: durable on return, a failing item alone, a lost database for all, and everybody again after it."""

import asyncio
import sqlite3
import threading
from itertools import pairwise

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors as pg

from gateway.domain.errors import StorageUnavailable
from gateway.storage import committer
from gateway.storage import database as database_module
from gateway.storage.committer import LARGEST_GROUP, ThreadCommitter, is_lost
from gateway.storage.database import Database
from gateway.storage.sql import Statement
from tests.storage.builders import World, event

SAVE = Statement(
    "INSERT INTO operator_action (id, at, actor, action, target, reason) "
    "VALUES (:id, 0, 'clerk', :action, 'lane', '')"
)
LONG_LIST = Statement("SELECT value FROM json_each(:text)", postgresql="SELECT (:text)::jsonb")


class Notebook:
    """A batch operation that keeps the groups it was called with."""

    def __init__(self):
        self.groups = []

    def write(self, transaction, items):
        """An item is a number to write; a callable runs in the transaction."""
        self.groups.append(list(items))
        return [self._one(transaction, item) for item in items]

    @staticmethod
    def _one(transaction, item):
        if callable(item):
            return item(transaction)
        transaction.run(SAVE, {"id": item, "action": f"note {item}"})
        return item


def written(database):
    with_ids = sa.text("SELECT id FROM operator_action ORDER BY id")
    return [row[0] for row in database.ask(lambda connection: connection.execute(with_ids).all())]


def defect(_transaction):
    raise ValueError("a defect")


def refusal(_transaction):
    return ValueError("refused")


def too_long_for_its_index(transaction):
    """PostgreSQL's program_limit_exceeded is an OperationalError; SQLite simply takes it."""
    text = "".join(chr(0x4E00 + (7919 * number) % 20000) for number in range(60_000))
    transaction.run(Statement("INSERT INTO job (name) VALUES (:name)"), {"name": text})


def broken_statement(transaction):
    transaction.all(LONG_LIST, {"text": "[1"})


async def test_what_was_written_is_there_on_return(database):
    notebook = Notebook()

    assert await database.apply(notebook.write, 1) == 1
    assert written(database) == [1]


async def test_what_is_queued_together_is_committed_in_few_groups(database):
    notebook = Notebook()

    await asyncio.gather(*(database.apply(notebook.write, number) for number in range(1, 401)))

    assert written(database) == list(range(1, 401))
    assert len(notebook.groups) < 40


async def test_no_group_is_larger_than_agreed(database):
    notebook = Notebook()

    await asyncio.gather(*(database.apply(notebook.write, number) for number in range(1, LARGEST_GROUP * 3)))

    assert max(map(len, notebook.groups)) <= LARGEST_GROUP


async def test_results_come_back_to_those_who_asked(database):
    notebook = Notebook()

    results = await asyncio.gather(*(database.apply(notebook.write, number) for number in range(1, 200)))

    assert results == list(range(1, 200))


@pytest.mark.parametrize("poison", [defect, refusal, broken_statement], ids=lambda item: item.__name__)
async def test_failing_item_never_takes_its_neighbours_down(database, poison):
    notebook = Notebook()
    items = [1, 2, poison, 3, 4]

    results = await asyncio.gather(
        *(database.apply(notebook.write, item) for item in items), return_exceptions=True
    )

    assert [result for result in results if isinstance(result, int)] == [1, 2, 3, 4]
    assert isinstance(results[2], Exception)
    assert not isinstance(results[2], StorageUnavailable)
    assert written(database) == [1, 2, 3, 4]


async def test_item_too_large_for_postgresql_fails_alone(postgresql_url):
    database = Database(postgresql_url, writers=1)
    notebook = Notebook()
    try:
        results = await asyncio.gather(
            *(database.apply(notebook.write, item) for item in (1, too_long_for_its_index, 2)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [int, pg.ProgramLimitExceeded, int]
        assert written(database) == [1, 2]
    finally:
        database.close()


async def test_half_written_item_leaves_nothing(database):
    def half(transaction):
        transaction.run(SAVE, {"id": 7, "action": "half"})
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        await database.write(half)

    assert written(database) == []


async def test_duplicate_key_is_the_items_own_fault(database):
    notebook = Notebook()
    await database.apply(notebook.write, 1)

    results = await asyncio.gather(
        *(database.apply(notebook.write, item) for item in (2, 1, 3)), return_exceptions=True
    )

    assert [type(result) for result in results][::2] == [int, int]
    assert isinstance(results[1], sqlite3.IntegrityError | pg.UniqueViolation)
    assert written(database) == [1, 2, 3]


async def test_caller_that_was_cancelled_does_not_disturb_the_others(database):
    notebook = Notebook()
    calls = [asyncio.create_task(database.apply(notebook.write, number)) for number in range(1, 11)]
    await asyncio.sleep(0)
    calls[4].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await database.apply(notebook.write, 11)

    assert set(written(database)) >= {1, 2, 3, 4, 6, 7, 8, 9, 10, 11}


async def test_two_kinds_of_operation_share_a_commit(database):
    one, two = Notebook(), Notebook()

    await asyncio.gather(
        *(database.apply(one.write, number) for number in range(1, 6)),
        *(database.apply(two.write, number) for number in range(6, 11)),
    )

    assert written(database) == list(range(1, 11))


async def test_closed_database_takes_nothing_more(database_url):
    database = Database(database_url)
    database.close()

    with pytest.raises(StorageUnavailable, match="closed"):
        async with asyncio.timeout(2):
            await database.apply(Notebook().write, 1)


async def test_closing_waits_for_what_is_queued(postgresql_url):
    database = Database(postgresql_url)
    notebook = Notebook()
    calls = [asyncio.create_task(database.apply(notebook.write, number)) for number in range(1, 51)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)

    await asyncio.gather(*calls)
    again = Database(postgresql_url)
    assert len(written(again)) == 50
    again.close()


# a database that goes away


async def terminate_writers(url):
    """Cut every other connection to this database, as a restarting server does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_cut_connection_is_unavailable_and_then_works_again(postgresql_url):
    database = Database(postgresql_url, writers=1)
    notebook = Notebook()
    try:
        await database.apply(notebook.write, 1)
        await terminate_writers(postgresql_url)

        with pytest.raises(StorageUnavailable):
            await database.apply(notebook.write, 2)

        await database.apply(notebook.write, 3)
        assert written(database) == [1, 3]
    finally:
        database.close()


async def test_connection_cut_in_the_middle_of_a_group_costs_the_group_and_nothing_else(postgresql_url):
    database = Database(postgresql_url, writers=1)
    notebook = Notebook()

    def cut_our_own(transaction):
        transaction.all(Statement("SELECT pg_terminate_backend(pg_backend_pid())"), {})

    try:
        results = await asyncio.gather(
            *(database.apply(notebook.write, item) for item in (1, cut_our_own, 2)), return_exceptions=True
        )
        assert [type(result) for result in results] == [StorageUnavailable] * 3
        assert written(database) == []
        assert await database.apply(notebook.write, 4) == 4
    finally:
        database.close()


async def test_process_that_hangs_in_a_transaction_loses_its_locks(postgresql_url, monkeypatch):
    """A stopped process would keep its rows locked for ever; SKIP LOCKED would pass over its lanes for ever."""
    monkeypatch.setattr(database_module, "IDLE_IN_TRANSACTION_MS", 300)
    hung, other = Database(postgresql_url, writers=1), Database(postgresql_url)
    world = World(other)
    locked, wake = threading.Event(), threading.Event()

    def hang(transaction):
        transaction.all(Statement("SELECT id FROM lane FOR_UPDATE"), {})
        locked.set()
        wake.wait(10)

    try:
        await world.accept("H99-a", event("1"))
        hanging = asyncio.create_task(hung.write(hang))
        await asyncio.to_thread(locked.wait, 10)
        assert await world.claim() == []
        async with asyncio.timeout(5):
            while not await world.claim():
                continue
        wake.set()
        with pytest.raises(StorageUnavailable):
            await hanging
        assert await hung.apply(Notebook().write, 1) == 1
    finally:
        wake.set()
        hung.close()
        other.close()


async def test_connection_lost_while_a_defect_is_rolled_back_spares_the_neighbours(postgresql_url):
    database = Database(postgresql_url, writers=1)
    notebook = Notebook()
    cut = threading.Event()

    def cut_and_fail(transaction):
        if not cut.is_set():
            cut.set()
            transaction._cursor.connection.close()
        raise ValueError("a defect")

    try:
        async with asyncio.timeout(10):
            results = await asyncio.gather(
                *(database.apply(notebook.write, item) for item in (1, cut_and_fail, 2)),
                return_exceptions=True,
            )
        assert [type(result) for result in results] == [int, ValueError, int]
        assert written(database) == [1, 2]
    finally:
        database.close()


async def test_writer_survives_a_connection_that_cannot_be_made(postgresql_server):
    url = postgresql_server.migrated()
    database = Database(url, writers=1)
    notebook = Notebook()
    await database.apply(notebook.write, 1)
    postgresql_server.drop(url)

    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await database.apply(notebook.write, 2)
    database.close()


async def test_file_that_is_no_database_is_unavailable(tmp_path):
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is no database at all" * 100)
    database = Database(f"sqlite:///{path}")

    for _ in range(2):
        with pytest.raises(StorageUnavailable):
            async with asyncio.timeout(5):
                await database.apply(Notebook().write, 1)
    database.close()


async def test_commit_that_fails_is_not_reported_done(sqlite_url):
    """A deferred foreign key lets the statement pass and the commit fail."""
    database = Database(sqlite_url)
    notebook = Notebook()

    def unknown_lane(transaction):
        transaction._cursor.execute("PRAGMA defer_foreign_keys = ON")
        transaction._cursor.execute(
            "INSERT INTO delivery (id, lane_id, destination, dossier_code, operation, key, position, state, "
            "digest, created_at, payload) VALUES (1, 99, 'p', 'd', 'o', 'k', 1, 'pending', x'', 0, x'')"
        )

    results = await asyncio.gather(
        *(database.apply(notebook.write, item) for item in (1, unknown_lane, 2)), return_exceptions=True
    )

    assert [type(result) for result in results] == [int, sqlite3.IntegrityError, int]
    assert written(database) == [1, 2]
    database.close()


async def test_locked_sqlite_file_never_stops_the_event_loop(sqlite_url, monkeypatch):
    """Another program may hold the file's lock for long; the API must go on answering meanwhile."""
    monkeypatch.setattr(committer, "BUSY_SECONDS", 0.6)
    database = Database(sqlite_url)
    notebook = Notebook()
    await database.apply(notebook.write, 1)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ticks = []

    async def tick():
        while True:
            ticks.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    with pytest.raises(StorageUnavailable, match="locked"):
        await database.apply(notebook.write, 2)
    ticking.cancel()

    assert ticks[-1] - ticks[0] >= 0.5, "the lock was waited for"
    assert max(after - before for before, after in pairwise(ticks)) < 0.3
    other.rollback()
    other.close()
    assert await database.apply(notebook.write, 3) == 3
    database.close()


async def test_locked_sqlite_file_is_waited_for(sqlite_url):
    database = Database(sqlite_url)
    notebook = Notebook()
    path = sqlite_url.removeprefix("sqlite:///")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    await database.apply(notebook.write, 1)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.rollback)
    release.start()

    assert await database.apply(notebook.write, 2) == 2
    release.join()
    other.close()
    database.close()


async def test_deadlock_between_groups_is_resolved_without_an_error(postgresql_url):
    """Two writers lock the same rows in opposite order; both get their answer."""
    database = Database(postgresql_url, writers=2)
    world = World(database)
    lock = Statement("SELECT id FROM lane WHERE dossier_code = :code FOR_UPDATE")
    barrier = threading.Barrier(2)
    turns = {"H99-a": 0, "H99-b": 0}
    entered = threading.Event()

    def crosswise(first, second):
        def unit(transaction):
            transaction.all(lock, {"code": first})
            entered.set()
            turns[first] += 1
            if turns[first] == 1:
                barrier.wait(10)
            transaction.all(lock, {"code": second})
            return first

        return unit

    try:
        await world.accept("H99-a", event("1"))
        await world.accept("H99-b", event("1"))
        one = asyncio.create_task(database.write(crosswise("H99-a", "H99-b")))
        await asyncio.to_thread(entered.wait, 10)  # so that the other goes to the other writer
        other = asyncio.create_task(database.write(crosswise("H99-b", "H99-a")))

        assert await asyncio.gather(one, other) == ["H99-a", "H99-b"]
        assert max(turns.values()) > 1  # the loser was tried again; it may meet the winner more than once
    finally:
        database.close()


# what counts as a lost database

CLASSES = {
    pg.AdminShutdown: True,
    pg.CrashShutdown: True,
    pg.CannotConnectNow: True,
    pg.TooManyConnections: True,
    pg.DiskFull: True,
    pg.OutOfMemory: True,
    pg.QueryCanceled: True,
    pg.LockNotAvailable: True,
    pg.IoError: True,
    pg.ConnectionFailure: True,
    pg.ReadOnlySqlTransaction: True,
    pg.IdleInTransactionSessionTimeout: True,
    pg.ProgramLimitExceeded: False,
    pg.StatementTooComplex: False,
    pg.UniqueViolation: False,
    pg.StringDataRightTruncation: False,
    pg.UndefinedColumn: False,
    pg.NumericValueOutOfRange: False,
    psycopg.OperationalError: True,
    psycopg.InterfaceError: True,
    psycopg.ProgrammingError: False,
    StorageUnavailable: True,
    ValueError: False,
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda item: item.__name__)
def test_only_faults_of_the_database_itself_count_as_lost(kind):
    assert is_lost(kind("fault")) is CLASSES[kind]


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("SQLITE_FULL", True),
        ("SQLITE_IOERR_WRITE", True),
        ("SQLITE_BUSY_SNAPSHOT", True),
        ("SQLITE_READONLY_DBMOVED", True),
        ("SQLITE_CORRUPT", True),
        ("SQLITE_NOTADB", True),
        ("SQLITE_ERROR", False),
        ("SQLITE_CONSTRAINT_UNIQUE", False),
        ("SQLITE_TOOBIG", False),
    ],
)
def test_sqlite_codes_are_judged_with_their_extensions(name, lost):
    fault = sqlite3.OperationalError(name)
    fault.sqlite_errorcode = getattr(sqlite3, name)

    assert is_lost(fault) is lost


def test_committer_of_a_dead_loop_does_not_die_with_it(postgresql_url):
    """The loop that asked is gone before the commit ends; the writer serves the next one."""
    database = Database(postgresql_url, writers=1)
    assert isinstance(database._committer, ThreadCommitter)
    notebook = Notebook()
    entered, leave = threading.Event(), threading.Event()

    def slow(_transaction):
        entered.set()
        leave.wait(5)

    async def ask_and_go():
        task = asyncio.create_task(database.write(slow))
        await asyncio.to_thread(entered.wait, 5)
        task.cancel()

    asyncio.run(ask_and_go())
    leave.set()
    assert asyncio.run(database.apply(notebook.write, 1)) == 1
    database.close()
