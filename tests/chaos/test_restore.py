"""A backup that is taken while everything is at work, a death, a restore, and everything told again: nothing is lost, and
the partner processes nothing twice.

Judged by a partner that keeps a journal of every single arrival and does not fail by itself, so that whatever arrives twice
was sent twice.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from gateway.backup.manifest import find_backup
from gateway.backup.restoring import Restore, restore
from gateway.backup.taking import Backup, take
from gateway.domain.errors import ConflictError, GatewayError
from gateway.settings import keys_folder, load
from gateway.storage.orders import Instruction
from tests.chaos.harness import Watcher, finish, fleet, judge, until, write_feed
from tests.chaos.journal import JournalPartner
from tests.conftest import name_of
from tests.storage.test_backup import PG_BIN, silent

pytestmark = pytest.mark.timeout(300)
CONFIG = """
[database]
url = "{url}"

[evidence]
keys = "{keys}"

[delivery]
beat = 0.3
dead_after = 2.0

[delivery.retry]
first = 0.3
longest = 2.0
ask_after = 0.3

[destination.journal]
"""


def order():
    return Instruction(actor="test", reason="the machine is gone", now=datetime.now(UTC))


def empty(url: str) -> None:
    """The disaster: nothing is left of the database."""
    if url.startswith("sqlite"):
        for end in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + end).unlink(missing_ok=True)
        return
    engine = sa.engine.make_url(url)
    with psycopg.connect(
        engine.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False),
        autocommit=True,
    ) as connection:
        name = sql.Identifier(name_of(url))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))


async def test_restored_gateway_sends_nothing_twice_although_everything_is_told_again(database_url, tmp_path):
    url = database_url
    config, feed = tmp_path / "gateway.toml", tmp_path / "feed.jsonl"
    config.write_text(CONFIG.format(url=url, keys=tmp_path / "keys"))
    newest = write_feed(feed, 40)
    settings = load(config, {})
    wanted = Backup(folder=tmp_path / "backups", keys="inside", pg_bin=PG_BIN)
    async with JournalPartner(1, faults=0.0, latency=0.05) as partner:
        options = ("--journal", partner.url, "--pace", "40")
        async with fleet(tmp_path, config, feed, extra=options) as ships:
            await ships.start()
            await until(lambda: len(partner.journal) >= 30, 60)
            taken = await asyncio.to_thread(take, settings, wanted, silent)
            before = len(partner.journal)
            await until(lambda: len(partner.journal) >= before + 40, 60)
            with pytest.raises(GatewayError):
                await asyncio.to_thread(restore, _restore(settings, wanted), order(), silent)  # it is in use
            ships.processes[0].send_signal(signal.SIGKILL)
            await ships.processes[0].wait()
            if url.startswith("sqlite"):
                with pytest.raises(ConflictError, match="knows more than the backup"):
                    await asyncio.to_thread(restore, _restore(settings, wanted), order(), silent)

            empty(url)
            done = await asyncio.to_thread(restore, _restore(settings, wanted), order(), silent)

            assert done.asked_first > 0, "the backup had nothing open; the run proves nothing"
            os.truncate(ships.acks, 0)  # the one-door system tells everything again
            await ships.start()
            watcher = Watcher(url)
            try:
                await finish(ships, watcher, newest)
                verdict = judge(partner.journal, newest, watcher)
                asked = watcher.count("attempt WHERE kind = 'query'")
            finally:
                watcher.close()
    assert verdict.lost == []
    assert [arrival for arrival in partner.journal if not arrival.first] == []
    assert asked > 0
    assert taken.manifest.log.entries > 0


def _restore(settings, wanted):
    return Restore(
        backup=find_backup(wanted.folder),
        url=settings.database.url,
        keys=keys_folder(settings),
        pg_bin=PG_BIN,
    )
