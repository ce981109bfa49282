"""``lienthong deadline calendar``: show it, compare two, import one, see which checks it would change.

Invariant: an imported calendar replaces the old one whole or not at all, and never moves a declared due date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.options import AsJson, Config, DryRun, examples, group

if TYPE_CHECKING:
    from gateway.deadlines.calendar import Calendar
    from gateway.deadlines.comparison import CalendarChange, Recomputed

app = group("The working calendar: days off, make-up Saturdays, working hours.")
SHIPPED = "shipped"

Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="CALENDAR",
        help="A file, or shipped; without it the one in force.",
        show_default=False,
    ),
]


@app.command(
    "show",
    epilog=examples(
        "lienthong deadline calendar show", "lienthong deadline calendar show --year 2026 --json"
    ),
)
def show(
    file: Annotated[
        str | None, typer.Argument(metavar="[CALENDAR]", help="A file, or shipped.", show_default=False)
    ] = None,
    *,
    config: Config = None,
    year: Annotated[int | None, typer.Option(help="Only this year.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Show a calendar: the one in force, unless another is named."""
    from gateway.cli.screen import console, print_json, table

    calendar = _named(file, config)
    days = [day for day in calendar.days if year in {None, day.on.year}]
    years = [each for each in _years(calendar) if year in {None, each["year"]}]
    if as_json:
        windows = [str(window) for window in calendar.windows]
        span = {"first_day": calendar.first_day, "last_day": calendar.last_day}
        print_json({"version": calendar.version, **span, "windows": windows, "years": years, "days": days})
        return
    print(f"calendar {calendar.version}: {calendar.first_day} to {calendar.last_day}")
    print(f"working hours: {', '.join(map(str, calendar.windows))}")
    out = console()
    out.print(table(("year", "working days"), [(each["year"], each["working_days"]) for each in years]))
    rows = [
        (day.on, f"{day.on:%a}", "worked" if day.works else "off", day.name, day.certainty, day.source)
        for day in days
    ]
    out.print(table(("day", "", "", "what", "certainty", "source"), rows))


@app.command(
    "diff",
    epilog=examples(
        "lienthong deadline calendar diff new.json",
        "lienthong deadline calendar diff new.json --against shipped",
    ),
)
def diff(
    file: Annotated[str, typer.Argument(metavar="CALENDAR", help="A file, or shipped.")],
    *,
    config: Config = None,
    against: Against = None,
    as_json: AsJson = False,
) -> None:
    """What CALENDAR changes; exit 1 when it changes anything."""
    from gateway.cli.exits import NO
    from gateway.cli.screen import print_json
    from gateway.deadlines.comparison import compare_calendars

    change = compare_calendars(_named(against, config), _named(file, config))
    if as_json:
        print_json(_document(change))
    else:
        _print(change)
    if not change.none:
        raise typer.Exit(NO)


@app.command(
    "import",
    epilog=examples(
        "lienthong deadline calendar import new.json --dry-run", "lienthong deadline calendar import new.json"
    ),
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new calendar, JSON.")],
    *,
    config: Config = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Where to; without it the file that deadlines.calendar names.", show_default=False),
    ] = None,
    lose_days: Annotated[
        bool, typer.Option("--lose-days", help="Also when it covers fewer days than the one in force.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put a calendar in force: checked whole, compared with the one before, then replaced in one go.

    No declared due date moves by it. Running processes take it up when they are started again; afterwards
    `lienthong sync run reassess` judges anew.
    """
    from gateway.cli.opening import configured
    from gateway.cli.screen import print_json
    from gateway.deadlines.comparison import compare_calendars

    settings = configured(config)
    target = to or (Path(settings.deadlines.calendar) if settings.deadlines.calendar else None)
    if target is None:
        raise typer.BadParameter("say where to with --to FILE, and name that file as deadlines.calendar")
    new = read_file(file)
    old = read_file(target) if target.exists() else _named(SHIPPED, config)
    change = compare_calendars(old, new)
    _require_sound(change, lose_days=lose_days)
    if not dry_run:
        _replace(target, new)
    if as_json:
        print_json({**_document(change), "written": None if dry_run else str(target)})
        return
    _print(change)
    print(f"nothing written: a dry run for {target}" if dry_run else f"written: {target}")


@app.command(
    "check",
    epilog=examples("lienthong deadline calendar check new.json questions.jsonl"),
)
def check(
    file: Annotated[str, typer.Argument(metavar="CALENDAR", help="A file, or shipped.")],
    questions: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="JSON lines as for deadline compute; - reads standard input."),
    ],
    *,
    config: Config = None,
    against: Against = None,
    as_json: AsJson = False,
) -> None:
    """Which checks CALENDAR would change. Declared due dates stay what they are."""
    from gateway.cli.exits import NO, complain
    from gateway.cli.screen import console, print_json, table
    from gateway.deadlines.comparison import Check, recomputed

    old, new = _named(against, config), _named(file, config)
    refused: list[Any] = []
    checks = (
        Check(id=str(question.id), received_at=question.received_at, duration=question.duration)
        for question in _questions(questions, refused)
    )
    changed = list(recomputed(checks, old, new))
    if as_json:
        print_json({"before": old.version, "after": new.version, "changed": changed, "refused": refused})
    else:
        headings = ("id", f"due by {old.version}", f"due by {new.version}")
        console().print(table(headings, map(_row, changed)))
        print(f"{len(changed):,} checks change; no declared due date does")
    if refused:
        for line in refused:
            error = line["error"]
            complain(
                f"line {line['line']}: {error['pointer']}: got {error['got']}, expected {error['expected']}"
            )
        raise typer.Exit(NO)


def read_file(path: Path) -> Calendar:
    """The calendar in a file. RecordError when it is none, BadParameter when it cannot be read."""
    from gateway.deadlines.calendar import read_calendar
    from gateway.domain.errors import RecordError

    try:
        return read_calendar(path.read_bytes())
    except OSError as fault:
        raise typer.BadParameter(f"cannot read {path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise RecordError(f"{path}: {fault}") from fault


def _named(name: str | None, config: Path | None) -> Calendar:
    from gateway.cli.opening import configured
    from gateway.deadlines.calendar import shipped_calendar
    from gateway.statussync.rules import load_rules

    if name is None:
        return load_rules(configured(config).deadlines).calendar
    return shipped_calendar() if name == SHIPPED else read_file(Path(name))


def _years(calendar: Calendar) -> list[dict[str, int]]:
    found = []
    for year in range(calendar.first_day.year, calendar.last_day.year + 1):
        first = max(calendar.first_day, date(year, 1, 1))
        last = min(calendar.last_day, date(year, 12, 31))
        days = calendar.working_days_between(first, last) + calendar.is_working_day(first)
        found.append({"year": year, "working_days": days})
    return found


def _require_sound(change: CalendarChange, *, lose_days: bool) -> None:
    from gateway.domain.errors import ConflictError

    if change.before == change.after and not change.none:
        raise ConflictError(
            f"the calendar is another one but has the same version, {change.after}; give it a version of its own"
        )
    if change.lost and not lose_days:
        spans = ", ".join(f"{first} to {last}" for first, last in change.lost)
        raise ConflictError(f"it no longer covers {spans}; add these days, or import it with --lose-days")


def _replace(target: Path, calendar: Calendar) -> None:
    from gateway.deadlines.calendar import write_calendar
    from gateway.durable_files import write_whole

    try:
        write_whole(target, write_calendar(calendar))
    except OSError as fault:
        raise typer.BadParameter(f"cannot write {target}: {fault.strerror}") from fault


def _questions(file: str, refused: list[Any]) -> Iterator[Any]:
    from gateway.cli.deadline.answers import error_line, lines_of, whole
    from gateway.cli.deadline.inputs import read_question
    from gateway.domain.errors import RecordError

    for line in lines_of(file):
        document: dict[str, Any] = {}
        try:
            document = whole(line)
            yield read_question(document)
        except RecordError as fault:
            refused.append(error_line(line, document, fault))


def _row(item: Recomputed) -> tuple[Any, ...]:
    return item.id, *(None if due is None else due.due_at for due in (item.before, item.after))


def _document(change: CalendarChange) -> dict[str, Any]:
    return {
        "before": change.before,
        "after": change.after,
        "days": [
            {
                "on": day.on,
                "before": [str(window) for window in day.before],
                "after": [str(window) for window in day.after],
                "name": day.name,
                "source": day.source,
            }
            for day in change.days
        ],
        "gained": change.gained,
        "lost": change.lost,
    }


def _print(change: CalendarChange) -> None:
    from gateway.cli.screen import console, table

    print(f"from {change.before} to {change.after}")
    if change.days:
        rows = [
            (day.on, f"{day.on:%a}", _hours(day.before), _hours(day.after), day.name, day.source)
            for day in change.days
        ]
        console().print(table(("day", "", "before", "after", "what", "source"), rows))
    for word, spans in (("covers now", change.gained), ("no longer covers", change.lost)):
        for first, last in spans:
            print(f"{word}: {first} to {last}")
    if change.none:
        print("every day is the same")


def _hours(windows: Any) -> str:
    return ", ".join(map(str, windows)) or "off"
