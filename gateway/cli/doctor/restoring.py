"""``lienthong doctor --restore-check``: a backup is restored into a place of its own, opened, verified, and told.

Invariant: neither the backup nor the database in use is changed, and what was made for the check is gone afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from gateway.backup.manifest import Manifest, damages, find_backup, read_manifest
from gateway.backup.taking import KEYS
from gateway.bootstrap import build_adapter
from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.cli.screen import age, local
from gateway.domain.errors import ConfigurationError, GatewayError
from gateway.messagelog.chain import Elsewhere
from gateway.messagelog.keys import open_contents, open_vault
from gateway.messagelog.verification import Report, Verification, Wanted
from gateway.proof.lienthong_verify import Trust
from gateway.settings import Settings, database_url, keys_folder
from gateway.storage import migrate, upkeep
from gateway.storage.contents import masters_in_use
from gateway.storage.copying import WRITING, PostgresTools, sqlite_faults
from gateway.storage.instants import to_micros
from gateway.storage.log_stream import bounds
from gateway.storage.reading import ReadingDatabase
from gateway.storage.restoration import OpenOperation, delivered_since, open_operations
from gateway.storage.snapshot import count_rows

ANOTHER = "take another backup, and look at the disk"
Bar = Callable[[str, int, int], None]


class RestoreCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What to check. ``keys``: where the backed-up keys are, if not in the backup; ``notes``: checkpoints kept elsewhere;
    ``trust``: pinned keys; ``server``: a PostgreSQL on which to restore for the check, if not that of the configuration;
    ``pg_bin``: the folder of its programs."""

    backup: Path
    keys: Path | None = None
    notes: tuple[Elsewhere, ...] = ()
    trust: Trust = Trust()
    server: str | None = None
    pg_bin: Path | None = None


def check_restore(settings: Settings, wanted: RestoreCheck, bar: Bar) -> Iterator[Finding]:
    """Everything that can be known about a restore without doing it."""
    try:
        folder = find_backup(wanted.backup)
        manifest = read_manifest(folder)
    except GatewayError as fault:
        yield fail("backup", str(fault), ANOTHER)
        return
    wrong = list(damages(folder, manifest, bar))
    if wrong:
        yield from (fail("backup", each, ANOTHER) for each in wrong)
        return
    total = sum(each.bytes for each in manifest.files)
    yield ok("backup", f"{folder}: {len(manifest.files)} files, {total:,} bytes, all as they were written")
    try:
        case = _Case(settings=settings, wanted=wanted, folder=folder, manifest=manifest)
        with _restored(case) as database:
            yield from _opened(case, database, bar)
    except GatewayError as fault:
        yield fail("restore", str(fault), "remove the cause, or take another backup")


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    settings: Settings
    wanted: RestoreCheck
    folder: Path
    manifest: Manifest


@contextmanager
def _restored(case: _Case) -> Iterator[ReadingDatabase]:
    """The backup's database, restored for the time being."""
    wanted, manifest = case.wanted, case.manifest
    migrate.require_known(manifest.schema)
    source = case.folder / manifest.database
    if manifest.engine == "sqlite":
        with tempfile.TemporaryDirectory(prefix="lienthong-check-") as place:
            file = Path(place) / "database.sqlite"
            shutil.copyfile(source, file)
            wrong = sqlite_faults(file)
            if wrong:
                raise ConfigurationError(f"SQLite finds {source} damaged: {'; '.join(wrong[:3])}")
            with _reading(f"sqlite:///{file}") as database:
                yield database
        return
    server = wanted.server or database_url(case.settings.database)
    if server.startswith("sqlite"):
        raise ConfigurationError("the backup is of PostgreSQL: name a server to check it on with --database")
    tools = PostgresTools(server, wanted.pg_bin)
    tools.require("pg_restore")
    with tools.scratch() as scratch:
        scratch.restore(source)
        url = scratch.url.update_query_dict(WRITING).render_as_string(hide_password=False)
        with _reading(url) as database:
            yield database


@contextmanager
def _reading(url: str) -> Iterator[ReadingDatabase]:
    database = ReadingDatabase(url)
    try:
        yield database
    finally:
        database.close()


def _opened(case: _Case, database: ReadingDatabase, bar: Bar) -> Iterator[Finding]:
    settings, wanted, manifest = case.settings, case.wanted, case.manifest
    url = database.url.render_as_string(hide_password=False)
    pending = migrate.pending(url)
    if pending:  # tables of this release are counted, so it is brought there first; migrations only add
        migrate.upgrade(url)
    yield _schema(manifest, [revision for revision, _ in pending])
    yield _counted(manifest, database.ask(count_rows))
    yield from _keys(case, database)
    earlier, later = _split(wanted.notes, manifest)
    if manifest.log.checkpoint is not None:
        earlier.append(Elsewhere("the manifest", manifest.log.checkpoint.encode()))
    verification = Verification(database, Wanted(trust=wanted.trust, elsewhere=tuple(earlier)))
    for step in verification.steps():
        bar("verifying the message log", step.seq, step.last)
    yield from _log(verification.report, kept=len(wanted.notes) - len(later))
    yield from _loss(settings, manifest, later)
    yield from _again(settings, database.ask(open_operations))


def _schema(manifest: Manifest, migrated: list[str]) -> Finding:
    told = f"{manifest.engine}, schema {manifest.schema}, of release {manifest.release}; it opens"
    return ok("restore", told if not migrated else f"{told} after migrations {', '.join(migrated)}")


def _counted(manifest: Manifest, counts: dict[str, int]) -> Finding:
    wrong = [
        f"{table}: {counts.get(table, 0):,} rows, expected {count:,}"
        for table, count in sorted(manifest.counts.items())
        if counts.get(table, 0) != count
    ]
    if wrong:
        return fail("counts", "; ".join(wrong), ANOTHER)
    return ok("counts", f"{sum(counts.values()):,} rows in {len(manifest.counts)} tables, as at the backup")


def _keys(case: _Case, database: ReadingDatabase) -> Iterator[Finding]:
    """Open contents with the keys that a restore would have."""
    inside, given = case.folder / KEYS, case.wanted.keys
    keys = given or (inside if inside.is_dir() else keys_folder(case.settings))
    if case.manifest.keys == "none":
        yield warn("keys", "the gateway had none: contents are in clear", "name a folder: evidence.keys")
        return
    if given is None and not inside.is_dir():
        yield warn(
            "keys",
            f"this backup has no keys; it is checked with those in use, in {keys}",
            "name where their backup is with --keys: without them nothing can be read after a restore",
        )
    known = database.ask(masters_in_use)
    try:
        if known and keys is not None:
            open_vault(keys, known)  # refuses when one is missing; makes none then
    except ConfigurationError as fault:
        yield fail("keys", str(fault), "find the backup of the folder of keys, and name it with --keys")
        return
    open_contents(database, keys)


def _log(report: Report, *, kept: int) -> Iterator[Finding]:
    if report.faults:
        first = report.faults[0]
        yield fail(
            "message log",
            f"{len(report.faults):,} faults; the first: entry no. {first.seq} ({first.kind}): {first.detail}",
            "docs/evidence.md says what each kind means; compare with the log in use: lienthong log verify",
        )
    else:
        told = f"{report.checked:,} entries verified, {report.proven:,} of {report.last:,} under a checkpoint"
        yield ok(
            "message log",
            f"{told}, {report.elsewhere:,} notes fit (the manifest's and {kept} kept elsewhere)",
        )
    opened = report.checked - report.erased - report.absent - report.locked
    if report.locked:
        yield fail(
            "contents",
            f"{report.locked:,} contents cannot be decrypted with these keys, {opened:,} can",
            "find the backup of the folder of keys; lienthong doctor names the master key that is needed",
        )
    else:
        yield ok(
            "contents", f"{opened:,} decrypted with these keys and compared with what the log commits to"
        )


def _split(notes: tuple[Elsewhere, ...], manifest: Manifest) -> tuple[list[Elsewhere], list[int]]:
    """Notes that the backup must continue, and the sizes of those that were made later: what these count is lost."""
    earlier, later = [], []
    for note in notes:
        size = _size_of(note)
        if size > manifest.log.entries:
            later.append(size)
        else:
            earlier.append(note)
    return earlier, later


def _size_of(note: Elsewhere) -> int:
    lines = note.note.split(b"\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 0


def _loss(settings: Settings, manifest: Manifest, later: list[int]) -> Iterator[Finding]:
    last = manifest.log.newest_at
    told = "everything" if last is None else f"everything after {local(last)}"
    old = age((datetime.now(UTC) - manifest.taken_at).total_seconds())
    lost = f"a restore would lose {told} (the backup is {old} old, {manifest.log.entries:,} entries)"
    if later:
        lost += f"; a checkpoint kept elsewhere proves at least {max(later) - manifest.log.entries:,} entries more"
    yield warn(
        "loss", f"{lost}; {_since(settings, manifest)}", "the one-door system sends again what it sent since"
    )


def _since(settings: Settings, manifest: Manifest) -> str:
    """What the database in use knows more than the backup, if it can be read."""
    try:
        with _reading(database_url(settings.database)) as live:
            if migrate.current_revision(database_url(settings.database)) != migrate.newest_revision():
                return "the database in use has another schema and was not compared"
            newest, entries = live.ask(upkeep.newest_entry), live.ask(bounds).last
            taken = to_micros(manifest.taken_at)
            delivered = live.ask(partial(delivered_since, instant=taken))
    except GatewayError as fault:
        return f"the database in use was not compared: {fault}"
    if newest is None or newest[0] < int(manifest.log.newest_entry or 0):
        return "the database in use is older than the backup, or another one"
    named = ", ".join(f"{count:,} to {name}" for name, count in delivered.items()) or "none"
    return (
        f"the database in use has {entries - manifest.log.entries:,} entries more; delivered since: {named}"
    )


def _again(settings: Settings, found: list[OpenOperation]) -> Iterator[Finding]:
    """Whether anything would be sent twice: what each partner's contract allows for what may have left already."""
    asked = repeated = people = 0
    for each in found:
        queryable, repeatable = _nature(settings, each)
        asked += each.count if queryable else 0
        repeated += each.count if repeatable and not queryable else 0
        people += each.count if not (queryable or repeatable) else 0
    told = (
        f"nothing blindly: of {asked + repeated + people:,} deliveries that were open, the partner is asked about "
        f"{asked:,} first, {repeated:,} are of a kind that may be sent twice by contract, {people:,} wait for a person; "
        "what the one-door system tells again is treated the same way"
    )
    if people:
        yield warn("sent twice", told, "lienthong deliveries list --state in_doubt, after the restore")
    else:
        yield ok("sent twice", told)


def _nature(settings: Settings, each: OpenOperation) -> tuple[bool, bool]:
    """Whether the partner can be asked about an operation, and whether it may be repeated."""
    section = settings.destination.get(each.destination)
    if section is None:
        return False, False
    operations = build_adapter(each.destination, section).manifest.operations
    return next(
        ((op.queryable, op.repeatable) for op in operations if op.name == each.operation), (False, False)
    )
