"""``lienthong log archive``, ``archives``, ``restore``, ``search-archive``: old entries in files, and back.

Invariant: nothing leaves the database that was not read back from disk and proves.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, Config, DryRun, examples

if TYPE_CHECKING:
    from gateway.cli.keeping.bars import Bar
    from gateway.messagelog.archiving import Archiving, Due
    from gateway.settings import Settings
    from gateway.storage.archives import ArchiveRow
    from gateway.storage.database import Database

ARCHIVE_EXAMPLES = examples(
    "lienthong log archive --before 2026-01-01 -o /srv/archives --dry-run",
    "lienthong log archive --period 2025-12 -o /srv/archives --prune",
)
LIST_EXAMPLES = examples("lienthong log archives", "lienthong log archives --verify --folder /media/usb")
RESTORE_EXAMPLES = examples("lienthong log restore /srv/archives/log-000001-1-48213.archive")
SEARCH_EXAMPLES = examples(
    "lienthong log search-archive --dossier H99.14-250928-0007",
    "lienthong log search-archive --dossier H99.14-250928-0007 --contents --json",
)
_STOP = "stop it first, or let its job do it: evidence.retention.evidence_days"
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="DIR", help="Where the archives are now.", show_default=False),
]


def archive(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where archives go.")],
    before: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="What was written before this day in Vietnam.", show_default=False),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="MONTH", help="Everything to the end of this month: 2026-01.", show_default=False
        ),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then take what proves from disk out of the database.")
    ] = False,
    restored: Annotated[
        bool, typer.Option("--restored", help="With --prune: also what was brought back.")
    ] = False,
    in_clear: Annotated[
        bool, typer.Option("--in-clear", help="Archive contents that are not encrypted, too.")
    ] = False,
    dry_run: DryRun = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Put old entries into files that prove by themselves, one for each month; go on with what was interrupted."""
    from gateway.cli.opening import configured, reading, run
    from gateway.cli.screen import print_json
    from gateway.messagelog.archiving import due_archives

    until = _until(before, period)
    settings = configured(config)
    if dry_run:
        with reading(settings) as database:
            due = due_archives(database, until)
        if as_json:
            print_json(due)
        else:
            _print_due(due)
        return
    wanted = {"prune": prune, "restored": restored, "in_clear": in_clear, "quiet": as_json}
    made, gone = run(_archived(settings, output, until, wanted))
    if as_json:
        print_json({"archives": made, "pruned": gone})
        return
    for row in made:
        print(f"{row.name}: entries {row.first_seq:,} to {row.last_seq:,}, {row.bytes:,} bytes, verified")
    print(f"{len(made)} archives, {gone:,} entries taken out of the database")


async def _archived(
    settings: Settings, output: Path, until: datetime, wanted: dict[str, bool]
) -> tuple[list[ArchiveRow], int]:
    from gateway.cli.keeping.bars import bar
    from gateway.cli.opening import writing
    from gateway.messagelog import archiving

    with writing(settings, instead=_STOP) as database, bar(quiet=wanted["quiet"]) as shown:
        order = _order(database, output, shown, in_clear=wanted["in_clear"])
        made = await archiving.archive(order, until)
        gone = await archiving.prune(order, restored=wanted["restored"]) if wanted["prune"] else 0
        return made, gone


def _order(database: Database, output: Path, shown: Bar, *, in_clear: bool) -> Archiving:
    from gateway.messagelog.archiving import Archiving

    return Archiving(
        database=database,
        folder=output,
        clock=lambda: datetime.now(UTC),
        tell=shown.step,
        in_clear=in_clear,
    )


def _until(before: str | None, period: str | None) -> datetime:
    from gateway.messagelog.archiving import VIETNAM, month_after

    if (before is None) == (period is None):
        raise typer.BadParameter("give --before DATE or --period MONTH")
    if before is not None:
        try:
            day = datetime.fromisoformat(before)
        except ValueError as fault:
            raise typer.BadParameter(f"--before: got {before}, expected a date like 2026-01-01") from fault
        return day if day.tzinfo is not None else day.replace(tzinfo=VIETNAM)
    found = _MONTH.fullmatch(period or "")
    if found is None:
        raise typer.BadParameter(f"--period: got {period}, expected a month like 2026-01")
    return month_after(datetime(int(found[1]), int(found[2]), 1, tzinfo=VIETNAM))


def _print_due(due: list[Due]) -> None:
    for each in due:
        span = each.span
        print(f"archive {each.number}: entries {span.first:,} to {span.last:,}")
    print(f"{len(due)} archives would be written")


def archives(
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read each from disk and check all of it.")
    ] = False,
    folder: Folder = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List the archives; with --verify, check them: bytes, chain, leaves, root, signature, contents."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import configured, reading
    from gateway.cli.screen import print_json
    from gateway.storage.archives import archives as listed

    with reading(configured(config)) as database:
        rows = database.ask(listed)
        checks = [_checked(database, row, rows, folder) for row in rows] if verify else []
    if as_json:
        print_json({"archives": [_shown(row) for row in rows], "checks": checks})
    else:
        _print_archives(rows, checks)
    if any(check["fault"] for check in checks):
        raise typer.Exit(NO)


def _checked(
    database: Database, row: ArchiveRow, rows: list[ArchiveRow], folder: Path | None
) -> dict[str, Any]:
    from gateway.messagelog.archive_check import check_archive, expected_of
    from gateway.messagelog.archive_file import ArchiveDamaged

    try:
        check = check_archive((folder or Path(row.folder)) / row.name, expected_of(row, rows), database)
    except ArchiveDamaged as fault:
        return {"archive": row.number, "fault": fault.code, "detail": fault.detail, "seq": fault.seq}
    return {
        "archive": row.number,
        "fault": None,
        "entries": check.entries,
        "contents": check.contents,
        "unopened": check.unopened,
    }


def _shown(row: ArchiveRow) -> dict[str, Any]:
    from gateway.storage.instants import from_micros, maybe_from_micros

    return {
        "number": row.number,
        "name": row.name,
        "folder": row.folder,
        "sha256": row.digest.hex(),
        "first": row.first_seq,
        "last": row.last_seq,
        "from": from_micros(row.first_at),
        "to": from_micros(row.last_at),
        "size": row.size,
        "root": row.root.hex(),
        "checkpoint": row.checkpoint,
        "bytes": row.bytes,
        "verified_at": maybe_from_micros(row.verified_at),
        "pruned_to": row.pruned_to,
        "restored_at": maybe_from_micros(row.restored_at),
    }


def _print_archives(rows: list[ArchiveRow], checks: list[dict[str, Any]]) -> None:
    from gateway.cli.screen import console, table

    names = ("number", "name", "first", "last", "to", "bytes", "verified_at", "pruned_to")
    shown = [_shown(row) for row in rows]
    console().print(table(names, ([each[name] for name in names] for each in shown)))
    for check in checks:
        told = (
            f"{check['fault']}: {check['detail']}"
            if check["fault"]
            else f"{check['entries']:,} entries sound"
        )
        print(f"archive {check['archive']}: {told}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive of this database.")],
    *,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Bring the entries of an archive back into the database; go on with what was interrupted."""
    from gateway.cli.opening import configured, run
    from gateway.cli.screen import print_json

    count = run(_restored(configured(config), file))
    if as_json:
        print_json({"restored": count})
    else:
        print(f"{count:,} entries are back; nothing prunes them by itself")


async def _restored(settings: Settings, file: Path) -> int:
    from gateway.cli.opening import writing
    from gateway.messagelog.restoring import restore as bring_back

    with writing(settings, instead="stop it first") as database:
        return await bring_back(database, file, datetime.now(UTC))


def search_archive(
    *,
    dossier: Annotated[str, typer.Option("--dossier", metavar="CODE", help="The dossier's code.")],
    contents: Annotated[
        bool, typer.Option("--contents", help="With addresses, headers and bodies, as far as keys are here.")
    ] = False,
    folder: Folder = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Find a dossier's entries in the archives, without bringing anything back; with --json one line an entry."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import configured, reading
    from gateway.cli.screen import local, print_json
    from gateway.messagelog.searching import ArchiveSearch, search_archives
    from gateway.storage.archives import archives as listed

    wanted = ArchiveSearch(dossier=dossier, contents=contents, folder=folder)
    count = 0
    with reading(configured(config)) as database:
        for hit in search_archives(database, database.ask(listed), wanted):
            count += 1
            if as_json:
                print_json(hit, pretty=False)
                continue
            what = f"{hit.channel} {hit.direction} {hit.operation} {hit.kind}"
            print(
                f"no. {hit.seq} ({hit.entry}), archive {hit.archive}, {local(hit.at)}: {what} {hit.outcome or ''}"
            )
            if contents:
                print(hit.body if hit.missing is None else f"(no body: {hit.missing})")
    if not count:
        print(f"no archive has an entry of {dossier}", file=sys.stderr)
        raise typer.Exit(NO)
