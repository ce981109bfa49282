"""``lienthong import``: options, progress, summary.

Invariant: exit 1 when any line was refused, with every reason told or kept; the same file again changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from gateway.cli.options import AsJson, Way, examples, spread

if TYPE_CHECKING:
    from rich.progress import Progress

    from gateway.bootstrap import Gateway
    from gateway.cli.importing.doors import Door
    from gateway.cli.importing.lines import Line
    from gateway.cli.importing.verdict import Tally, Verdict
    from gateway.settings import Settings

TOLD_LINES = 50
EXAMPLES = examples(
    "lienthong import dossiers.jsonl",
    "lienthong import dossiers.jsonl --dry-run",
    "lienthong import - --rejects refused.jsonl < dossiers.jsonl",
    "lienthong import dossiers.jsonl --url http://127.0.0.1:8787 --key-file one-door.key",
)


class Order(NamedTuple):
    """What to import, by which way. ``url`` None: straight into the database."""

    file: str
    dry_run: bool
    url: str | None
    key: str
    rejects: Path | None


@spread
def import_(
    file: Annotated[str, typer.Argument(help="One dossier version a line (NDJSON); - reads standard input.")],
    *,
    way: Way,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Examine every line; store nothing.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option(
            help="Keep refused lines here, as they came: correct, import again.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import dossier versions, one JSON document a line."""
    from gateway.cli.exits import NO
    from gateway.cli.opening import run
    from gateway.cli.remote import read_key

    settings = way.settings
    order = Order(file, dry_run, way.url, read_key(way.key, way.key_file) if way.url else "", rejects)
    _require_usable(order)
    tally = run(_import(settings, order, quiet=as_json))
    _summarise(tally, as_json=as_json)
    if tally.counts["refused"]:
        raise typer.Exit(NO)


def _require_usable(order: Order) -> None:
    if order.url is not None and order.dry_run:
        raise typer.BadParameter("a dry run examines here; leave --url out")
    if order.file != "-" and not Path(order.file).is_file():
        raise typer.BadParameter(f"there is no file {order.file}")


async def _import(settings: Settings, order: Order, *, quiet: bool) -> Tally:
    from gateway.cli.importing.bar import import_bar
    from gateway.cli.importing.feed import READ_AT_ONCE, Feed
    from gateway.cli.importing.lines import read_lines
    from gateway.cli.importing.verdict import Tally
    from gateway.cli.screen import console

    tally = Tally()
    with ExitStack() as stack:
        stream, size = stack.enter_context(_stream(order.file))
        output = console(errors=True)
        shown = not quiet and output.is_terminal
        progress = stack.enter_context(import_bar(output, size, shown=shown))
        keep = stack.enter_context(_rejects(order.rejects))
        report = _Report(tally, None if quiet else progress, keep)
        async with _door(settings, order) as door:
            lines = read_lines(stream, longest=settings.api.max_line_bytes)
            ahead = READ_AT_ONCE if size is not None else 1  # a pipe may pause in the middle
            await Feed(door, report).run(lines, ahead=ahead)
    return tally


class _Report:
    """Counts, shows and keeps what became of each line."""

    def __init__(self, tally: Tally, progress: Progress | None, keep: BinaryIO | None) -> None:
        self._tally = tally
        self._progress = progress
        self._keep = keep
        self._end = 0

    def __call__(self, line: Line, verdict: Verdict) -> None:
        from gateway.cli.importing.verdict import told

        self._tally.add(verdict)
        self._end = max(self._end, line.end)
        refused = verdict.result == "refused"
        if refused and self._keep is not None and line.whole:
            self._keep.write(line.body + b"\n")
        if self._progress is None:
            return
        self._progress.update(self._progress.task_ids[0], completed=self._end, lines=self._tally.lines)
        if refused and self._tally.counts["refused"] <= TOLD_LINES:
            self._progress.console.print("\n".join(told(verdict)), markup=False, soft_wrap=True)


@asynccontextmanager
async def _door(settings: Settings, order: Order) -> AsyncIterator[Door]:
    from gateway.cli.importing.doors import ApiDoor, DatabaseDoor, RehearsalDoor
    from gateway.cli.opening import opened, require_free
    from gateway.cli.remote import connected

    if order.url is not None:
        async with connected(order.url, order.key) as remote:
            yield ApiDoor(remote)
        return
    if order.dry_run:
        async with _rehearsal(settings) as gateway:
            yield RehearsalDoor(gateway.intake)
        return
    require_free(settings, instead="import through its API: --url URL --key-file FILE")
    async with opened(settings, upgrade=True) as gateway:
        yield DatabaseDoor(gateway.intake)


@asynccontextmanager
async def _rehearsal(settings: Settings) -> AsyncIterator[Gateway]:
    """A gateway to examine with: the real one for reading, or an empty one where there is none yet."""
    from tempfile import TemporaryDirectory

    from msgspec.structs import replace

    from gateway.cli.opening import has_database, opened
    from gateway.settings import DatabaseSettings

    if has_database(settings):
        async with opened(settings, reading=True) as gateway:
            yield gateway
        return
    with TemporaryDirectory() as folder:
        empty = replace(settings, database=DatabaseSettings(url=f"sqlite:///{folder}/empty.db"))
        async with opened(empty, upgrade=True) as gateway:
            yield gateway


@contextmanager
def _stream(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The bytes, and how many there are if that is known."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    path = Path(file)
    with path.open("rb") as stream:
        yield stream, path.stat().st_size if path.is_file() else None


@contextmanager
def _rejects(path: Path | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    try:
        stream = path.open("wb")
    except OSError as fault:
        raise typer.BadParameter(f"--rejects: cannot write {path}: {fault.strerror}") from fault
    with stream:
        yield stream


def _summarise(tally: Tally, *, as_json: bool) -> None:
    from gateway.cli.exits import complain
    from gateway.cli.screen import console, print_json, table

    if as_json:
        print_json({"lines": tally.lines, **tally.figures(), "refused_lines": tally.refused})
        return
    more = tally.counts["refused"] - TOLD_LINES
    if more > 0:
        complain(f"… and {more:,} more refused lines; --rejects FILE keeps them all")
    rows = [(name, f"{count:,}") for name, count in tally.figures().items()]
    console().print(table(("result", "lines"), [*rows, ("all", f"{tally.lines:,}")]))
