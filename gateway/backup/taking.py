"""Taking a backup while the gateway runs: database, archives, the province's tables, configuration, and keys where wanted.

It is written into a folder of its own whose name begins with a dot, read back from disk, and only then given its name.
Invariant: a backup that has its name was whole on disk at that moment; one that was broken off, or is wrong, never takes the
place of another.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from gateway.backup.manifest import (
    FORMAT,
    POSTGRESQL_FILE,
    SQLITE_FILE,
    UNFINISHED,
    LoggedUpTo,
    Manifest,
    Told,
    describe,
    finished_in,
    require_whole,
    write_durably,
    write_manifest,
)
from gateway.domain.errors import ConfigurationError, ConflictError
from gateway.durable_files import synchronise
from gateway.settings import Settings, database_url, keys_folder
from gateway.storage.archives import ArchiveRow
from gateway.storage.copying import PostgresTools, is_sqlite, sqlite_copy, sqlite_file
from gateway.storage.instants import from_micros
from gateway.storage.snapshot import Snapshot, look

KEYS, ARCHIVES, PROVINCE, CONFIGURATION = "keys", "archives", "province", "lienthong.toml"
Keys = Literal["inside", "apart", "left out"]
_PASSWORD_IN_URL = re.compile(r"(://[^\s:/@\"']+):[^\s@\"']+@")


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What to back up and where to. ``keys``: where the keys of the message log go, ``keys_to`` if ``apart``;
    ``configuration``: the file that was read; ``pg_bin``: the folder of PostgreSQL's programs; ``keep``: so many backups
    stay, 0 for all."""

    folder: Path
    keys: Keys
    keys_to: Path | None = None
    configuration: Path | None = None
    archives: bool = True
    pg_bin: Path | None = None
    keep: int = 0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A finished backup, and older ones that went for it."""

    folder: Path
    manifest: Manifest
    dropped: list[Path]


def take(settings: Settings, wanted: Backup, told: Told) -> Taken:
    """Take a backup into ``wanted.folder``. Raises ConfigurationError, StorageUnavailable, ConflictError, BackupDamaged."""
    wanted.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.now(UTC)
    with _alone(wanted.folder):
        for left in wanted.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left)  # of a run that was broken off: nobody else writes here now
        work = wanted.folder / f"{UNFINISHED}{os.getpid()}"
        work.mkdir(mode=0o700)
        try:
            manifest = _fill(settings, wanted, work, now, told)
            require_whole(work, manifest, told)
            final = wanted.folder / now.strftime("%Y%m%dT%H%M%S.%fZ")
            work.rename(final)
            synchronise(wanted.folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)  # there only when something went wrong
        dropped = finished_in(wanted.folder)[: -wanted.keep] if wanted.keep else []
        for each in dropped:
            shutil.rmtree(each)
    return Taken(folder=final, manifest=manifest, dropped=dropped)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise ConflictError(
                f"{folder}: another backup is being taken into it; wait for its end"
            ) from fault
        yield
    finally:
        os.close(descriptor)


def _fill(settings: Settings, wanted: Backup, work: Path, now: datetime, told: Told) -> Manifest:
    url = database_url(settings.database)
    seen = _copy_database(url, wanted, work, told)
    log = LoggedUpTo(
        entries=seen.entries,
        newest_entry=None if seen.newest is None else str(seen.newest[0]),
        newest_at=None if seen.newest is None else from_micros(seen.newest[1]),
        checkpoint=seen.note,
    )
    if wanted.archives:
        _copy_archives(seen.archives, work, told)
    _copy_province(settings, work)
    if wanted.configuration is not None and wanted.configuration.is_file():
        text = wanted.configuration.read_text(encoding="utf-8")
        # secrets are references in it, but for a password that somebody has put into an address
        write_durably(work / CONFIGURATION, _PASSWORD_IN_URL.sub(r"\1:***@", text).encode())
    keys = _copy_keys(settings, wanted, work)
    manifest = Manifest(
        format=FORMAT,
        taken_at=now,
        release=version("lienthong"),
        engine="sqlite" if is_sqlite(url) else "postgresql",
        schema=seen.schema,
        log=log,
        counts=seen.counts,
        keys=keys,
        files=describe(work),
    )
    write_manifest(work, manifest)
    return manifest


def _copy_database(url: str, wanted: Backup, work: Path, told: Told) -> Snapshot:
    if is_sqlite(url):
        source = sqlite_file(url)
        if not source.is_file():
            raise ConfigurationError(
                f"there is no database at {source}; name the right configuration with --config"
            )
        with sqlite_copy(
            source, work / SQLITE_FILE, lambda done, total: told("database", done, total)
        ) as connection:
            return look(connection)
    tools = PostgresTools(url, wanted.pg_bin)
    tools.require("pg_dump")
    with tools.snapshot() as (connection, name):
        seen = look(connection)
        tools.dump(work / POSTGRESQL_FILE, name, lambda done, total: told("database", done, total))
    return seen


def _copy_archives(rows: list[ArchiveRow], work: Path, told: Told) -> None:
    for place, row in enumerate(rows):
        told("archives", place, len(rows))
        _copy(Path(row.folder) / row.name, work / ARCHIVES / row.name, "--no-archives leaves archives out")


def _copy_province(settings: Settings, work: Path) -> None:
    """The province's own tables and calendars, which are what makes the same records mean the same."""
    deadlines = settings.deadlines
    files = [deadlines.calendar, deadlines.policies, *(office.days for office in deadlines.offices.values())]
    for name in dict.fromkeys(each for each in files if each is not None):
        _copy(Path(name), work / PROVINCE / Path(name).name, "correct [deadlines]")
    if settings.sources.tables is not None:
        for path in sorted(Path(settings.sources.tables).glob("*.csv")):
            _copy(path, work / PROVINCE / "sources" / path.name, "correct sources.tables")


def _copy_keys(
    settings: Settings, wanted: Backup, work: Path
) -> Literal["inside", "apart", "left out", "none"]:
    folder = keys_folder(settings)
    if folder is None or not folder.is_dir():
        return "none"
    if wanted.keys == "left out":
        return "left out"
    target = work / KEYS if wanted.keys_to is None else wanted.keys_to
    for path in sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith(".")):
        there = target / path.name
        if there.is_file() and there.read_bytes() == path.read_bytes():
            continue
        if there.exists():
            raise ConflictError(
                f"{there} is another key than {path}; the keys of two logs do not go into one folder"
            )
        _copy(path, there, "see evidence.keys")
    return wanted.keys


def _copy(source: Path, target: Path, otherwise: str) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    except OSError as fault:
        raise ConfigurationError(f"{source} cannot be copied: {fault.strerror}; {otherwise}") from fault
    target.chmod(0o600)
    synchronise(target)
