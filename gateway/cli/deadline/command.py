"""``lienthong deadline``: when something is due, and whether it was in time, line by line for programs.

Invariant: exit 1 when any line was refused; every line in has a line out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli import explain
from gateway.cli.deadline import calendars
from gateway.cli.options import Config, examples, group

if TYPE_CHECKING:
    from gateway.deadlines.calendar import Calendar
    from gateway.statussync.rules import Rules

app = group("When something is due, whether it was in time, and the working calendar behind it.")
app.add_typer(calendars.app, name="calendar")
app.command("explain", epilog=explain.EXPLAIN_EXAMPLES)(explain.explain)
app.command("at-risk", epilog=explain.AT_RISK_EXAMPLES)(explain.at_risk)

Lines = Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines; - reads standard input.")]
CalendarFile = Annotated[
    Path | None,
    typer.Option(
        "--calendar", metavar="FILE", help="Use this calendar, not the one in force.", show_default=False
    ),
]
Office = Annotated[
    str | None,
    typer.Option("--office", metavar="CODE", help="Days and hours of this agency.", show_default=False),
]


@app.command(
    "compute",
    epilog=examples(
        "lienthong deadline compute questions.jsonl",
        """echo '{"id": 1, "received_at": "2026-03-06T16:00:00+07:00", """
        """"duration": {"value": 1, "unit": "working_days"}}' | lienthong deadline compute -""",
    ),
)
def compute(
    file: Lines, *, config: Config = None, calendar: CalendarFile = None, office: Office = None
) -> None:
    """When each line is due: {"id", "received_at", "duration": {"value", "unit"}, "windows"?} a line.

    Units: working_days, working_hours (may be fractional), calendar_days, calendar_months, same_day. Windows, if the
    calendar's do not fit: ["07:30-11:30", "13:00-17:00"]. The answer is {"id", "due_at", "legal_last_day"}, or
    {"id", "line", "error"}.
    """
    from gateway.cli.deadline.answers import answer_all, compute_answer

    rules = _rules(config)
    _finish(answer_all(file, compute_answer(_calendar(rules, calendar, office))))


@app.command(
    "classify",
    epilog=examples(
        "lienthong deadline classify dossiers.jsonl",
        """echo '{"id": 1, "state": 9, "received_at": "2026-03-02T09:00:00+07:00", """
        """"due_at": "2026-03-05T09:00:00+07:00", "finished_at": "2026-03-05T16:30:00+07:00", """
        """"waiting_since": null, "as_of": "2026-03-20T09:00:00+07:00"}' | lienthong deadline classify -""",
    ),
)
def classify(
    file: Lines, *, config: Config = None, calendar: CalendarFile = None, office: Office = None
) -> None:
    """The class of each line: {"id", "state", "received_at", "due_at", "finished_at", "waiting_since", "as_of"} a line.

    State is the national number, 1 to 10; instants are ISO 8601 with an offset, null where absent. The answer is
    {"id", "by_date", "by_instant", "flags"}, or {"id", "line", "error"}.
    """
    from gateway.cli.deadline.answers import answer_all, classify_answer

    rules = _rules(config)
    _finish(answer_all(file, classify_answer(_calendar(rules, calendar, office), rules.options)))


def _rules(config: Path | None) -> Rules:
    from gateway.cli.opening import configured
    from gateway.statussync.rules import load_rules

    return load_rules(configured(config).deadlines)


def _calendar(rules: Rules, file: Path | None, office: str | None) -> Calendar:
    if file is not None:
        if office is not None:
            raise typer.BadParameter("--office belongs to the calendar in force; leave --calendar out")
        return calendars.read_file(file)
    if office is None:
        return rules.calendar
    if office not in rules.offices:
        known = ", ".join(sorted(rules.offices)) or "none"
        raise typer.BadParameter(f"--office: got {office}; offices with days or hours of their own: {known}")
    return rules.offices[office]


def _finish(refused: int) -> None:
    from gateway.cli.exits import NO, complain

    if refused:
        complain(f"refused lines: {refused:,}; their error lines say why")
        raise typer.Exit(NO)
