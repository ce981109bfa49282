"""``lienthong report``: form 06a, the progress indicator of Decision 766, lists for the desk.

Invariant: it reads, and takes no lock; every figure is shown with its scope, period, cut-off, counting rule and versions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gateway.cli.options import AsJson, Config, examples, group, spread

if TYPE_CHECKING:
    from gateway.reports.dossiers import Listed, Wish
    from gateway.reports.terms import Terms
    from gateway.settings import Settings

app = group("Form 06a, the progress indicator of Decision 766, overdue and other lists.")

NAMES = "2026-03, 2026-Q1, 2026-H1, 2026, this-month, last-month, this-quarter, last-quarter, this-year, last-year"
# fmt: off
COLUMNS = (
    "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13",
    "withdrawn", "waiting", "paused_late", "no_due", "disputed", "refused", "data_error", "unplaced",
)
# fmt: on
MOST_LISTED = 1_000_000


def _option(metavar: str, text: str, *names: str) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, show_default=False)


PeriodName = Annotated[
    str | None, _option("NAME", f"A period by name: {NAMES}. Left out: this month so far.", "--period")
]
From = Annotated[str | None, _option("DAY", "First day, with --to, in place of --period.", "--from")]
To = Annotated[str | None, _option("DAY", "Last day.", "--to")]
AsOf = Annotated[
    str | None,
    _option(
        "DAY|INSTANT",
        "The cut-off: a day's end, or an instant with its offset. Left out: the period's end, or now.",
        "--as-of",
    ),
]
Closing = Annotated[
    int | None,
    typer.Option(
        "--closing", min=0, max=27, show_default=False,
        help="Last day of a reporting month: 14 for the 15th to the 14th, 20 for the 21st to the 20th, 0 for calendar months.",
    ),
]  # fmt: skip
By = Annotated[
    str, typer.Option("--by", metavar="WHAT", help="One line each: agency, field, procedure; or total.")
]
Agency = Annotated[str | None, _option("CODE", "Only this agency.", "--agency")]
Field = Annotated[str | None, _option("CODE", "Only this field.", "--field")]
Procedure = Annotated[str | None, _option("CODE", "Only this procedure.", "--procedure")]
Strict = Annotated[
    bool | None,
    typer.Option(
        "--strict/--as-form",
        help="What was overdue before it was paused counts in column 13, or in 12 as in the form. Left out: the setting.",
        show_default=False,
    ),
]
Rule = Annotated[str, typer.Option("--rule", metavar="RULE", help="date, the official one, or instant.")]
Format = Annotated[
    str | None,
    _option("FORMAT", "table, csv, xlsx or json; else what --output's name ends with.", "--format"),
]
Output = Annotated[Path | None, _option("FILE", "Write it there, not to the screen.", "--output", "-o")]
After = Annotated[str | None, _option("CURSOR", "Go on where the last page ended.", "--after")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, max=MOST_LISTED, help="At most so many.", show_default=False)
]


class Choice(NamedTuple):
    """Over which period and which dossiers, as it was typed."""

    period: PeriodName = None
    first: From = None
    last: To = None
    as_of: AsOf = None
    closing: Closing = None
    agency: Agency = None
    field: Field = None
    procedure: Procedure = None
    strict: Strict = None


class Form(NamedTuple):
    """How it is written, and where."""

    format_: Format = None
    output: Output = None
    config: Config = None
    as_json: AsJson = False

    @property
    def chosen(self) -> str:
        """The format, named or by the file's name; a usage error for one that there is not."""
        from gateway.cli.report_screen import format_of

        try:
            return format_of(self.format_, self.output, as_json=self.as_json)
        except ValueError as fault:
            raise typer.BadParameter(str(fault)) from fault


@app.command(
    "06a",
    epilog=examples(
        "lienthong report 06a --period 2026-03 --by agency",
        "lienthong report 06a --period 2026-Q1 --by field --agency H99.14 --output 06a.xlsx",
        "lienthong report 06a --from 2026-02-15 --to 2026-03-14 --format csv",
        "lienthong report 06a --period 2026-03 --closing 14 --open 10 --agency H99.14",
    ),
)
@spread
def form(
    *,
    choice: Choice,
    by: By = "total",
    column: Annotated[
        str | None,
        _option("COLUMN", f"List the dossiers behind a figure: {', '.join(COLUMNS)}.", "--open"),
    ] = None,
    rule: Rule = "date",
    after: After = None,
    limit: Limit = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when an identity does not hold.")
    ] = False,
    way: Form,
) -> None:
    """Form II.06a/VPCP/KSTT, columns 3 to 13, by date and by instant, with its identities checked."""
    if column is not None:
        from gateway.cli.report_asking import figure_wish

        _listed(choice, way, partial(figure_wish, column, rule, after, limit), by=by)
        return
    from gateway.cli.report_screen import put_out
    from gateway.reports.form_06a import compute_06a
    from gateway.reports.sheets import narrow_06a, sheet_06a

    chosen = way.chosen
    found = _computed(way.config, choice, lambda _: compute_06a, by=by)
    put_out(found, [sheet_06a(found)], narrow_06a(found), chosen, way.output)
    if check and not found.sound:
        raise typer.Exit(1)


@app.command(
    "766",
    epilog=examples(
        "lienthong report 766 --period last-month --by agency",
        "lienthong report 766 --period 2026-Q1 --by field --output tien-do.xlsx",
    ),
)
@spread
def indicator(*, choice: Choice, by: By = "total", way: Form) -> None:
    """The progress indicator of Decision 766 and on-time ratios, each with its definition and denominator."""
    from gateway.cli.report_screen import put_out
    from gateway.reports.progress import compute_766
    from gateway.reports.sheets import narrow_766, sheet_766

    chosen = way.chosen
    found = _computed(
        way.config, choice, lambda settings: partial(compute_766, settings=settings.reports), by=by
    )
    put_out(found, [sheet_766(found)], narrow_766(found), chosen, way.output)


def _list_command(kind: str, text: str) -> Callable[..., None]:
    def command(*, choice: Choice, rule: Rule = "date", limit: Limit = None, way: Form) -> None:
        from gateway.cli.report_asking import list_wish

        _listed(choice, way, partial(list_wish, kind, rule, limit))

    command.__doc__ = text
    return spread(command)


for _kind, _text, _example in (
    ("overdue", "Pending dossiers past their promise, by agency, room and officer.", "--agency H99.14"),
    (
        "near-due",
        "Pending dossiers whose promise ends soon, or today.",
        "--agency H99.14 -o sap-den-han.xlsx",
    ),
    ("paused-late", "Dossiers that were overdue before they were paused.", "--as-of 2026-03-31"),
    (
        "withdrawn-after-due",
        "Dossiers withdrawn in the period after the day that was promised.",
        "--period 2026-03",
    ),
    ("no-due", "Dossiers of the period without a promise.", "--period 2026-03 --format csv"),
    ("disputed", "Dossiers in time by date and late by instant.", "--period 2026-03"),
    ("refused", "Dossiers refused at reception in the period.", "--period 2026-03"),
    ("data-error", "Dossiers whose times are impossible and that stand in no column.", "--format csv"),
):
    app.command(_kind, epilog=examples(f"lienthong report {_kind}", f"lienthong report {_kind} {_example}"))(
        _list_command(_kind, _text)
    )


def _listed(choice: Choice, way: Form, wish: Callable[[], Wish], *, by: str = "total") -> None:
    from gateway.cli.report_screen import put_out
    from gateway.reports.dossiers import list_dossiers
    from gateway.reports.sheets import narrow_list, sheet_of_list

    chosen, wanted = way.chosen, wish()
    found: Listed = _computed(way.config, choice, lambda _: partial(list_dossiers, wish=wanted), by=by)
    put_out(found, [sheet_of_list(found)], narrow_list(found), chosen, way.output)
    if found.next is not None and chosen != "json":
        typer.echo(f"còn tiếp: --after {found.next}", err=True)


def _computed(
    config: Path | None, choice: Choice, report: Callable[[Settings], Any], *, by: str = "total"
) -> Any:
    """Ask the database for a report: a function of connection, what is asked, the rules and the time."""
    from gateway.cli.opening import configured, reading
    from gateway.cli.report_asking import asked_for
    from gateway.statussync.rules import load_rules

    settings = configured(config)
    terms: Terms = load_rules(settings.deadlines)
    now = datetime.now(UTC)
    asked = asked_for(choice, by, settings, now)
    with reading(settings) as database:
        return database.ask(partial(report(settings), asked=asked, terms=terms, now=now))
