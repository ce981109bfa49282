"""What was typed after ``lienthong report``, as what reports are asked for: a period, a scope, a counting rule.

Invariant: what cannot be understood is a usage error that says what would be.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

import typer

from gateway.cli.report import MOST_LISTED, Choice
from gateway.cli.times import typed_day, typed_instant
from gateway.deadlines.instants import day_of
from gateway.reports.dossiers import ListKind, Wish, place_after
from gateway.reports.periods import PeriodError, Wanted, end_of, period_of
from gateway.reports.terms import Asked, ReportScope
from gateway.storage.queries_reports import Grouping, Page
from gateway.storage.report_rules import Column, Figure

if TYPE_CHECKING:
    from gateway.settings import Settings

ON_A_PAGE = 50


def asked_for(choice: Choice, grouped: str, settings: Settings, now: datetime) -> Asked:
    """Period, scope and grouping; without a period the month of the cut-off, so far."""
    if grouped not in get_args(Grouping):
        raise typer.BadParameter(f"--by: got {grouped}, expected one of {', '.join(get_args(Grouping))}")
    by: Any = grouped
    closing = settings.reports.closing_day if choice.closing is None else choice.closing
    wanted = Wanted(
        name=choice.period,
        first=typed_day(choice.first, "--from"),
        last=typed_day(choice.last, "--to"),
        cutoff=_cutoff(choice.as_of, now),
    )
    try:
        period = period_of(wanted, now=now, closing=closing)
    except PeriodError as fault:
        raise typer.BadParameter(str(fault)) from fault
    scope = ReportScope(agency=choice.agency, field=choice.field, procedure=choice.procedure)
    return Asked(period=period, scope=scope, by=by, strict=choice.strict)


def _cutoff(text: str | None, now: datetime) -> datetime | None:
    """The end of a day, or an instant; today's end is now."""
    if text is None:
        return None
    if len(text) == len("2026-03-31"):
        day = typed_day(text, "--as-of")
        return now if day is None or day == day_of(now) else end_of(day)
    return typed_instant(text, "--as-of", expected="a day or an instant")


def figure_wish(column: str, rule: str, after: str | None, limit: int | None) -> Wish:
    """The dossiers behind a figure, a page of them."""
    if column not in get_args(Column):
        raise typer.BadParameter(f"--open: got {column}, expected one of {', '.join(get_args(Column))}")
    chosen: Any = column
    page = Page(order="code", after=_cursor(after), limit=limit or ON_A_PAGE)
    return Wish(figure=Figure(column=chosen, rule=_rule(rule)), page=page)


def list_wish(kind: str, rule: str, limit: int | None) -> Wish:
    """A list, in the order of desks."""
    chosen: ListKind = kind  # type: ignore[assignment] # one of the commands' own names
    return Wish(
        kind=chosen,
        figure=Figure(column="3", rule=_rule(rule)),
        page=Page(order="desk", limit=limit or MOST_LISTED),
    )


def _rule(given: str) -> Literal["date", "instant"]:
    if given == "date":
        return "date"
    if given == "instant":
        return "instant"
    raise typer.BadParameter(f"--rule: got {given}, expected date or instant")


def _cursor(after: str | None) -> tuple[str, int] | None:
    if after is None:
        return None
    try:
        return place_after(after)
    except ValueError as fault:
        raise typer.BadParameter(f"--after: {fault}") from fault
