"""Reports over HTTP: form 06a and the dossiers behind its figures, the progress indicator, lists."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.inputs import HIGHEST_IDENTIFIER, Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.problem import invalid
from gateway.api.recent import MaxAge
from gateway.api.report_files import MOST_ROWS, ReportFormat, answer_as
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import DossierCode, Instant
from gateway.reports.dossiers import DossierLine, Listed, ListKind, Wish, list_dossiers, place_after
from gateway.reports.form_06a import compute_06a
from gateway.reports.periods import NAMES, Period, PeriodError, Wanted, period_of
from gateway.reports.progress import compute_766
from gateway.reports.terms import Asked, ReportScope, ReportStamp
from gateway.storage.queries_reports import Grouping, Page
from gateway.storage.report_rules import Column, Figure, Rule

_Place = Annotated[int, Meta(ge=0, le=HIGHEST_IDENTIFIER)]
Day = Annotated[date, Meta(examples=["2026-03-31"])]
PeriodName = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=20,
        description=f"A period by name, like {NAMES}; without it and `from`, this month so far.",
        examples=["2026-03"],
    ),
]


class ReportQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Over which period and which dossiers. ``as_of``: the cut-off; else the end of the period, or now while it runs.

    ``format``: a document, or a file as it is handed in.
    """

    period: PeriodName | None = None
    first: Day | None = msgspec.field(name="from", default=None)
    last: Day | None = msgspec.field(name="to", default=None)
    as_of: Instant | None = None
    closing: (
        Annotated[int, Meta(ge=0, le=27, description="Last day of a reporting month; 0: its own.")] | None
    ) = None
    agency: Word | None = None
    field: Word | None = None
    procedure: Word | None = None
    strict: Annotated[bool, Meta(description="PAUSED_LATE counts in column 13.")] | None = None
    format: ReportFormat = "json"
    max_age: MaxAge = 0


class FormQuery(ReportQuery, frozen=True, kw_only=True):
    """A report by unit."""

    by: Grouping = "total"


class FigureQuery(ReportQuery, frozen=True, kw_only=True):
    """The dossiers behind a figure."""

    column: Column
    rule: Rule = "date"
    cursor: Cursor | None = None
    limit: Limit = 50


class ListQuery(ReportQuery, frozen=True, kw_only=True):
    """A list. ``rule``: by which counting rule something is overdue."""

    rule: Rule = "date"
    cursor: Cursor | None = None
    limit: Limit = 50


class ReportedDossiers(msgspec.Struct, frozen=True, kw_only=True):
    """Some dossiers by number, with what they were judged from. ``next`` null: these were the last."""

    stamp: ReportStamp
    what: str
    items: list[DossierLine]
    next: str | None


async def get_form_06a(api: Api, call: Call) -> Answer:
    """Form 06a."""
    query = call.query_as(FormQuery)
    return await answer_as(await _computed(api, query, "06a", compute_06a), query.format, "06a")


async def get_form_766(api: Api, call: Call) -> Answer:
    """The progress indicator."""
    query = call.query_as(FormQuery)
    settings = api.gateway.settings.reports
    report = functools.partial(compute_766, settings=settings)
    return await answer_as(await _computed(api, query, "766", report), query.format, "766")


async def list_figure(api: Api, call: Call) -> Answer:
    """A page of the dossiers behind a figure of form 06a."""
    query = call.query_as(FigureQuery)
    wish = Wish(figure=Figure(column=query.column, rule=query.rule), page=_page(query.column, query))
    return await _listed(api, query, wish)


def list_of(kind: ListKind) -> Callable[[Api, Call], Any]:
    """The handler of a list."""

    async def handler(api: Api, call: Call) -> Answer:
        query = call.query_as(ListQuery)
        wish = Wish(kind=kind, figure=Figure(column="3", rule=query.rule), page=_page(kind, query))
        return await _listed(api, query, wish)

    return handler


def _page(what: str, query: FigureQuery | ListQuery) -> Page:
    if query.format != "json":
        return Page(order="desk", limit=MOST_ROWS)
    return Page(after=key_of(what, query.cursor, tuple[DossierCode, _Place]), limit=query.limit)


async def _listed(api: Api, query: FigureQuery | ListQuery, wish: Wish) -> Answer:
    what = f"{wish.kind} {wish.page.order}"  # a file lists more of them, in another order
    found: Listed = await _computed(api, query, what, functools.partial(list_dossiers, wish=wish))
    if query.format != "json":
        return await answer_as(found, query.format, found.what)
    last = None if found.next is None else place_after(found.next)
    following = next_cursor(found.what, found.items, query.limit, last)
    return Answer(
        value=ReportedDossiers(stamp=found.stamp, what=found.what, items=found.items, next=following)
    )


async def _computed(api: Api, query: ReportQuery, name: str, report: Callable[..., Any]) -> Any:
    rules = api.gateway.deadlines.rules
    asked = Asked(
        period=_period(api, query),
        scope=ReportScope(agency=query.agency, field=query.field, procedure=query.procedure),
        by=query.by if isinstance(query, FormQuery) else "total",
        strict=query.strict,
    )
    question = functools.partial(report, asked=asked, terms=rules, now=api.now)
    same = (
        name,
        msgspec.structs.replace(query, max_age=0, format="json"),
    )  # a file has the figures of its page
    return await api.recent.get(same, query.max_age, functools.partial(api.compute, question))


def _period(api: Api, query: ReportQuery) -> Period:
    """The period as of its cut-off; Refused (422) says what would do."""
    closing = api.gateway.settings.reports.closing_day if query.closing is None else query.closing
    wanted = Wanted(name=query.period, first=query.first, last=query.last, cutoff=query.as_of)
    try:
        return period_of(wanted, now=api.now, closing=closing)
    except PeriodError as fault:
        raise invalid(str(fault)) from fault
