"""Erasing a dossier at the very instant at which another process logs something about it: nothing is encrypted with a key
that is gone. Two connections to one PostgreSQL; SQLite has one writer."""

import asyncio
import threading

import pytest

from gateway.messagelog import erasure
from gateway.messagelog.erasure import Erase
from gateway.storage.contents import keys_to_destroy
from gateway.storage.database import Database
from gateway.storage.rows import insert_messages
from tests.storage.evidence_world import NOW, EvidenceWorld

UNDER_DESTROYED_KEYS = """
    SELECT count(*) FROM message_body AS b JOIN content_key AS k ON k.id = b.key_id
    WHERE k.destroyed_at IS NOT NULL AND length(b.body) > 0
"""
LOCKED_OUT = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
PATIENCE = 4.0


@pytest.fixture
def worlds(postgresql_url, tmp_path):
    databases = [Database(postgresql_url, writers=1) for _ in range(2)]
    yield [EvidenceWorld(database, tmp_path / "keys") for database in databases]
    for database in databases:
        database.close()


class Pausing:
    """Work in a transaction that waits, when it is done, for ``on``: what it has locked stays locked."""

    def __init__(self, work):
        self._work, self.done, self.on = work, threading.Event(), threading.Event()

    def __call__(self, transaction):
        self._work(transaction)
        self.done.set()
        assert self.on.wait(PATIENCE)

    async def reached(self):
        assert await asyncio.to_thread(self.done.wait, PATIENCE)


async def waits(world):
    """Until somebody waits for a lock of somebody else."""
    async with asyncio.timeout(PATIENCE):
        while world.rows(LOCKED_OUT) == [(0,)]:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def test_whoever_erases_waits_for_an_entry_under_the_key_and_empties_it_too(worlds):
    first, second = worlds
    await first.add_dossier("H99-1", name="Nguyễn Thị Mẫu")
    await first.write(first.request("H99-1", b"before"))
    logged = Pausing(lambda transaction: insert_messages(transaction, [first.request("H99-1", b"meanwhile")]))
    logging = asyncio.ensure_future(first.database.write(logged))
    await logged.reached()

    order = Erase(actor="cli:lan", reason="the citizen has asked for it", now=NOW, dossier="H99-1")
    erasing = asyncio.ensure_future(erasure.erase(second.database, order))
    try:
        await waits(second)
        assert not erasing.done()
    finally:
        logged.on.set()
        await asyncio.gather(logging, erasing)

    assert first.rows(UNDER_DESTROYED_KEYS) == [(0,)]
    assert first.rows(
        "SELECT count(*), max(length(body)) FROM message_body AS b JOIN message AS m"
        " ON m.id = b.message_id WHERE m.dossier_code = 'H99-1'"
    ) == [(2, 0)]


async def test_an_entry_that_comes_while_a_key_is_destroyed_gets_a_new_one(worlds):
    first, second = worlds
    [before] = await first.write(first.request("H99-1", b"before"))

    def destroy(transaction):
        keys_to_destroy(transaction, ["dossier:H99-1"], [])
        transaction._cursor.execute("UPDATE content_key SET wrapped = NULL, destroyed_at = 1")

    destroying = Pausing(destroy)
    gone = asyncio.ensure_future(second.database.write(destroying))
    await destroying.reached()

    meanwhile = first.request("H99-1", b"meanwhile")
    logging = asyncio.ensure_future(first.write(meanwhile))
    try:
        await waits(second)
    finally:
        destroying.on.set()
        await asyncio.gather(gone, logging)

    assert (await first.reading.fetch(str(meanwhile.id))).body == b"meanwhile"
    assert (await first.reading.fetch(before)).body is None
    assert first.rows("SELECT count(*), count(destroyed_at) FROM content_key") == [(2, 1)]
