"""``lienthong backup`` and ``lienthong restore``.

Invariant: where the keys of the message log go is said by whoever takes the backup, never guessed; a restore without a
reason, onto a database in use, or onto a newer one does not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Actor, AsJson, Config, DryRun, examples

if TYPE_CHECKING:
    from gateway.backup.restoring import Plan, Restored
    from gateway.backup.taking import Keys, Taken
    from gateway.settings import Settings

BACKUP_EXAMPLES = examples(
    "lienthong backup /backup/lienthong --keys-to /media/safe/lienthong-keys",
    "lienthong backup /backup/lienthong --without-keys --keep 14 --json",
)
RESTORE_EXAMPLES = examples(
    "lienthong restore /backup/lienthong --dry-run",
    'lienthong restore /backup/lienthong --reason "disk of the server broke, protocol 7/2026"',
    "lienthong restore /backup/lienthong/20261123T013000.000000Z --to sqlite:////srv/new.db --reason trial",
)
PgBin = Annotated[
    Path | None,
    typer.Option(
        "--pg-bin",
        metavar="DIR",
        help="Where pg_dump and pg_restore are, if not on the path.",
        show_default=False,
    ),
]


def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of backups; each gets one of its own.")
    ],
    *,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Keys into the backup: whoever has it can read everything.")
    ] = False,
    keys_to: Annotated[
        Path | None,
        typer.Option("--keys-to", metavar="DIR", help="Keys into another folder.", show_default=False),
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="No keys: they are backed up another way.")
    ] = False,
    archives: Annotated[
        bool, typer.Option("--archives/--no-archives", help="Also the files of archived entries.")
    ] = True,
    keep: Annotated[int, typer.Option(min=0, help="Keep so many backups, drop older ones; 0: keep all.")] = 0,
    pg_bin: PgBin = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Back up database, archives, tables, configuration, and keys as you choose, while the gateway runs.

    Nothing in it is encrypted but the contents of the message log, whose keys are a file each. Keep the keys apart, or
    encrypt the backup with a tool that you trust (age, gpg, an encrypted disk).
    """
    from gateway.backup.taking import Backup, take
    from gateway.cli.opening import configured
    from gateway.cli.screen import print_json
    from gateway.settings import DEFAULT_FILE

    settings = configured(config)
    wanted = Backup(
        folder=folder,
        keys=_keys_choice(settings, with_keys=with_keys, keys_to=keys_to, without_keys=without_keys),
        keys_to=keys_to,
        configuration=config or Path(DEFAULT_FILE),
        archives=archives,
        pg_bin=pg_bin,
        keep=keep,
    )
    with progress(quiet=as_json) as told:
        taken = take(settings, wanted, told)
    if as_json:
        print_json(
            {
                "folder": str(taken.folder),
                "manifest": taken.manifest,
                "dropped": list(map(str, taken.dropped)),
            }
        )
    else:
        _print_taken(taken)


def _keys_choice(settings: Settings, *, with_keys: bool, keys_to: Path | None, without_keys: bool) -> Keys:
    from gateway.domain.errors import ConfigurationError
    from gateway.settings import keys_folder

    chosen = [with_keys, keys_to is not None, without_keys]
    if sum(chosen) == 1:
        return "inside" if with_keys else "left out" if without_keys else "apart"
    if not any(chosen) and keys_folder(settings) is None:
        return "left out"
    raise ConfigurationError(
        "say where the keys of the message log go, one of: --keys-to DIR (another disk, other people), --with-keys "
        "(whoever has the backup can read everything), --without-keys (they are backed up another way; without them no "
        "content of a restored log can be read)"
    )


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, where somebody looks."""
    from rich.progress import Progress

    from gateway.cli.screen import console

    shown = console(errors=True)
    with Progress(console=shown, transient=True, disable=quiet or not shown.is_terminal) as drawn:
        task = drawn.add_task("", total=None)

        def told(what: str, done: int, total: int) -> None:
            drawn.update(task, description=what, completed=done, total=total or None)

        yield told


def _print_taken(taken: Taken) -> None:
    manifest = taken.manifest
    total = sum(each.bytes for each in manifest.files)
    print(f"{taken.folder}: {len(manifest.files)} files, {total:,} bytes, read back from disk")
    print(
        f"  {sum(manifest.counts.values()):,} rows at schema {manifest.schema}, {manifest.log.entries:,} log entries"
    )
    print(f"  keys: {manifest.keys}")
    for each in taken.dropped:
        print(f"  dropped {each}")


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A backup, or a folder of them: the newest.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            help="Which database; without it that of the configuration.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept with your name.", show_default=False)
    ] = "",
    dry_run: DryRun = False,
    actor: Actor = None,
    pg_bin: PgBin = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Restore a backup; what may have left since is asked about before it is sent.

    An SQLite file that is there is kept beside, a PostgreSQL database must be empty. Nothing in use and nothing newer than
    the backup is touched. Look first: --dry-run, and lienthong doctor --restore-check.
    """
    from gateway.backup import restoring
    from gateway.backup.manifest import find_backup
    from gateway.cli.exits import NO
    from gateway.cli.opening import configured
    from gateway.cli.orders import actor_of, require_reason
    from gateway.cli.screen import print_json
    from gateway.settings import database_url, keys_folder
    from gateway.storage.orders import Instruction

    settings = configured(config)
    url = to or database_url(settings.database)
    wanted = restoring.Restore(backup=find_backup(folder), url=url, keys=keys_folder(settings), pg_bin=pg_bin)
    with progress(quiet=as_json) as told:
        if dry_run:
            found = restoring.plan(wanted, told)
            done = None
        else:
            order = Instruction(actor=actor_of(actor), reason=require_reason(reason), now=datetime.now(UTC))
            done, found = restoring.restore(wanted, order, told), None
    if as_json:
        print_json(found or done)
    elif found is not None:
        _print_plan(found)
    elif done is not None:
        _print_done(done)
    if found is not None and found.obstacle is not None:
        raise typer.Exit(NO)


def _print_plan(found: Plan) -> None:
    from gateway.cli.screen import local

    print(
        f"backup {found.backup}, taken {local(found.taken_at)} by release {found.release}, schema {found.schema}"
    )
    newest = "none" if found.newest_at is None else local(found.newest_at)
    print(
        f"  {found.rows:,} rows, {found.entries:,} log entries, the newest of {newest}; every file is whole"
    )
    if found.obstacle is not None:
        print(f"refused: {found.obstacle}")
        return
    print(f"would be restored to {found.database}")
    if found.replaces is not None:
        print(f"  {found.replaces} would be kept beside it")
    for name in found.missing_keys:
        print(f"  key {name} would be put into the folder of keys")
    print("  every delivery that was open is asked about at its partner before it is sent")


def _print_done(done: Restored) -> None:
    print(f"{done.database} is restored from {done.backup}, schema {done.schema}")
    print(f"  {done.asked_first:,} open deliveries are asked about before they are sent")
    if done.kept is not None:
        print(f"  the database that was there is {done.kept}")
    for name in done.keys:
        print(f"  key {name} was put into the folder of keys")
    print("next: docs/operations.md, After a restore")
