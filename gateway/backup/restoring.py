"""Restoring a backup: into a place of its own first, brought to this release's schema, marked, and only then where it is
to be.

Invariants: a database that is in use, or that knows more than the backup, is never touched; what is replaced is kept beside;
a restored database that a gateway can open is marked, so that it sends nothing that may have left since the backup before
the partner was asked (``gateway.storage.restoration``).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.backup.manifest import Manifest, Told, read_manifest, require_whole
from gateway.backup.taking import KEYS
from gateway.domain.errors import ConfigurationError, ConflictError, GatewayError
from gateway.durable_files import synchronise
from gateway.messagelog.acts import oversight
from gateway.messagelog.keys import open_contents
from gateway.storage import migrate, upkeep
from gateway.storage.copying import (
    WRITING,
    PostgresTools,
    fold_log,
    hold_file,
    is_sqlite,
    shown,
    sqlite_faults,
    sqlite_file,
)
from gateway.storage.database import Database
from gateway.storage.orders import Instruction
from gateway.storage.reading import ReadingDatabase
from gateway.storage.restoration import Restoration, mark_restored

_BESIDE = ("", "-wal", "-shm")


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """What to restore, and where to. ``url``: the database, with its password; ``keys``: the folder of the message log's
    keys that it will run with; ``pg_bin``: the folder of PostgreSQL's programs."""

    backup: Path
    url: str
    keys: Path | None
    pg_bin: Path | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore would do. ``replaces``: the database file that is kept beside; ``missing_keys``: files of the backup's
    keys that would be put into the folder of keys; ``obstacle``: why it is refused."""

    backup: str
    taken_at: datetime
    release: str
    schema: str
    rows: int
    entries: int
    newest_at: datetime | None
    database: str
    replaces: str | None
    missing_keys: list[str]
    obstacle: str | None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore has done. ``asked_first``: deliveries whose partner is asked before they are sent; ``kept``: where the
    database is that was there before."""

    backup: str
    database: str
    schema: str
    asked_first: int
    kept: str | None
    keys: list[str]


def plan(wanted: Restore, told: Told) -> Plan:
    """What ``restore`` would do; nothing is changed. Raises BackupDamaged, ConfigurationError, StorageUnavailable."""
    manifest = read_manifest(wanted.backup)
    require_whole(wanted.backup, manifest, told)
    replaces, obstacle = None, None
    try:
        replaces = _judge_target(wanted, manifest)
    except (ConfigurationError, ConflictError) as fault:
        obstacle = str(fault)
    return Plan(
        backup=str(wanted.backup),
        taken_at=manifest.taken_at,
        release=manifest.release,
        schema=manifest.schema,
        rows=sum(manifest.counts.values()),
        entries=manifest.log.entries,
        newest_at=manifest.log.newest_at,
        database=shown(wanted.url),
        replaces=None if replaces is None else str(replaces),
        missing_keys=[path.name for path in _missing_keys(wanted)],
        obstacle=obstacle,
    )


def restore(wanted: Restore, order: Instruction, told: Told) -> Restored:
    """Restore the backup. Raises BackupDamaged, ConfigurationError, ConflictError, StorageUnavailable."""
    manifest = read_manifest(wanted.backup)
    require_whole(wanted.backup, manifest, told)
    existing = _judge_target(wanted, manifest)
    keys = _bring_keys(wanted)
    marking = _marking(wanted, manifest, order)
    told("restoring", 0, 0)
    kept = None
    if manifest.engine == "sqlite":
        target = sqlite_file(wanted.url)
        with hold_file(target):
            fresh = target.with_name(f".{target.name}.restoring-{os.getpid()}")
            try:
                marked = _into_file(wanted.backup / manifest.database, fresh, marking)
                kept = None if existing is None else _put_aside(existing)
                fresh.replace(target)
                synchronise(target.parent)
            finally:
                for end in (*_BESIDE, ".lock"):
                    Path(f"{fresh}{end}").unlink(missing_ok=True)
    else:
        tools = PostgresTools(wanted.url, wanted.pg_bin)
        marked = into_server(tools, wanted.backup / manifest.database, marking)
    return Restored(
        backup=str(wanted.backup),
        database=shown(wanted.url),
        schema=migrate.newest_revision(),
        asked_first=marked,
        kept=None if kept is None else str(kept),
        keys=[path.name for path in keys],
    )


Marking = Callable[[str], int]
"""Brings the database at a URL to this release's schema and marks it; how many deliveries."""


def _marking(wanted: Restore, manifest: Manifest, order: Instruction) -> Marking:
    told = {
        "taken_at": manifest.taken_at.isoformat(),
        "entries": manifest.log.entries,
        "newest_entry": manifest.log.newest_entry,
        "release": manifest.release,
        "schema": manifest.schema,
    }

    def mark(url: str) -> int:
        return asyncio.run(_mark(url, wanted.keys, Restoration(order=order, backup=told)))

    return mark


async def _mark(url: str, keys: Path | None, restoration: Restoration) -> int:
    migrate.upgrade(url)
    database = Database(url)
    try:
        open_contents(database, keys)
        database.oversight = oversight((), 1.0)
        newest = await database.read(upkeep.newest_entry)
        if newest is not None:
            database.identifiers.follow(newest[0])
        marked: int = await database.apply(mark_restored, restoration)
    finally:
        database.close()
    return marked


def _into_file(source: Path, fresh: Path, marking: Marking) -> int:
    shutil.copyfile(source, fresh)
    fresh.chmod(0o600)
    wrong = sqlite_faults(fresh)
    if wrong:
        raise ConflictError(
            f"{source}: SQLite finds it damaged: {'; '.join(wrong[:3])}; restore another backup"
        )
    marked = marking(f"sqlite:///{fresh}")
    fold_log(fresh)
    return marked


def into_server(tools: PostgresTools, source: Path, marking: Marking) -> int:
    """Fill the empty database of ``tools``; it takes no writes of others until it is marked."""
    tools.require("pg_restore")
    tools.restore(source)
    marked = marking(tools.url.update_query_dict(WRITING).render_as_string(hide_password=False))
    tools.open_up()
    return marked


def _judge_target(wanted: Restore, manifest: Manifest) -> Path | None:
    """The SQLite file that would be put aside; None for none. Raises ConfigurationError, ConflictError when the target must
    not be touched."""
    if is_sqlite(wanted.url) != (manifest.engine == "sqlite"):
        raise ConfigurationError(
            f"the backup is of {manifest.engine}, the database is not: name one of the same engine with --to"
        )
    migrate.require_known(manifest.schema)
    if manifest.engine == "postgresql":
        _require_empty(PostgresTools(wanted.url, wanted.pg_bin))
        return None
    target = sqlite_file(wanted.url)
    if not target.is_file() or not target.stat().st_size:
        return None
    with hold_file(target):
        _require_older(wanted.url, manifest)
    return target


def _require_empty(tools: PostgresTools) -> None:
    busy = tools.occupants()
    if busy:
        raise ConflictError(
            f"{tools.url.render_as_string()} is in use by {busy} sessions; stop every gateway first"
        )
    tables = tools.tables()
    if tables:
        raise ConflictError(
            f"{tools.url.render_as_string()} has {tables} tables already, and nothing is overwritten: make an empty "
            "database (createdb), name it with --to, and put it into database.url when the restore is done"
        )


def _require_older(url: str, manifest: Manifest) -> None:
    try:
        database = ReadingDatabase(url)
        try:
            newest = database.ask(upkeep.newest_entry)
        finally:
            database.close()
    except GatewayError:
        return  # a broken database is what restores are for; it is kept beside
    if newest is None or newest[0] <= int(manifest.log.newest_entry or 0):
        return
    raise ConflictError(
        f"{database.url.render_as_string()} knows more than the backup: its newest log entry is {newest[0]}, the backup's "
        f"is {manifest.log.newest_entry or 'none'}. If that is to be given up, move the file away first, with those beside it"
    )


def _put_aside(target: Path) -> Path:
    """Keep what is there under another name, too. The file itself stays where it is until the restored one takes its
    place in one step, so that a gateway started in between never finds nothing and makes an empty database."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = Path(f"{target}.before-{stamp}")
    kept.hardlink_to(target)
    for end in _BESIDE:
        beside = Path(f"{target}{end}")
        if end and beside.exists():
            beside.rename(f"{kept}{end}")
    return kept


def _missing_keys(wanted: Restore) -> list[Path]:
    inside = wanted.backup / KEYS
    if wanted.keys is None or not inside.is_dir():
        return []
    return [path for path in sorted(inside.iterdir()) if not (wanted.keys / path.name).exists()]


def _bring_keys(wanted: Restore) -> list[Path]:
    """Keys that the backup has and the folder of keys has not. One that is there is never overwritten."""
    missing = _missing_keys(wanted)
    for path in missing:
        assert wanted.keys is not None  # noqa: S101 - for the type checker: else nothing is missing
        wanted.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = wanted.keys / path.name
        shutil.copyfile(path, target)
        target.chmod(0o600)
        synchronise(target)
    return missing
