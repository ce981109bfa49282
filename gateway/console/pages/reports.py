"""Reports: form 06a and the indicator of Decision 766 with the dossiers behind their figures, lists, files, paper.

Invariant: every page says from what its figures were computed, and a figure leads to exactly the dossiers that it
counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from gateway.api.jobs import RunPage
from gateway.api.problem import Refused
from gateway.api.report_files import MOST_ROWS
from gateway.api.reports import ReportedDossiers
from gateway.console.asking import RECENT, answered, ask
from gateway.console.page import Download, Page, Response, Shown, Visit
from gateway.domain.dossier import NO_NUL
from gateway.reports.dossiers import KINDS
from gateway.reports.form_06a import Form06a, FormRow
from gateway.reports.progress import ProgressRow, Report766
from gateway.storage.clients import Scope
from gateway.storage.report_rules import Column

Text = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]
COLUMNS: tuple[Column, ...] = ("3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13")
BESIDE: tuple[tuple[Column, str], ...] = (
    ("withdrawn", "withdrawn"),
    ("waiting", "waiting"),
    ("paused_late", "paused_late"),
    ("no_due", "no_due"),
    ("disputed", "disputed"),
    ("refused", "refused"),
    ("data_error", "data_errors"),
)
PERIODS = ("this-month", "last-month", "this-quarter", "last-quarter", "this-year", "last-year")
_LOCAL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_ON_A_PAGE = 100
_FILE_PAGE = 500


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Over what and as of when, as a form gives it; what is empty was left out."""

    period: Text = ""
    first: Text = msgspec.field(name="from", default="")
    last: Text = msgspec.field(name="to", default="")
    as_of: Text = ""
    closing: Text = ""
    agency: Text = ""
    field: Text = ""
    procedure: Text = ""
    strict: Text = ""
    by: Text = "agency"
    show: Text = "date"

    @property
    def extent(self) -> dict[str, str]:
        """What the API is asked with, without the grouping."""
        days = {"from": self.first, "to": self.last} if self.first or self.last else {"period": self.period}
        given = {
            **days,
            "as_of": _instant(self.as_of),
            "closing": self.closing,
            "agency": self.agency,
            "field": self.field,
            "procedure": self.procedure,
            "strict": self.strict,
        }
        return {name: value for name, value in given.items() if value}


class Behind(Wish, frozen=True, kw_only=True):
    """The dossiers behind a figure, or of a list."""

    column: Text = ""
    rule: Text = "date"
    cursor: Annotated[str, Meta(max_length=400)] = ""


class File(Behind, frozen=True, kw_only=True):
    """A report as a file."""

    format: Text = "xlsx"


def _instant(text: str) -> str:
    """What a form's field for a moment gives, as an instant of Viet Nam."""
    if not _LOCAL_TIME.fullmatch(text):
        return text
    return f"{text}:00+07:00" if len(text) == len("2026-03-31T17:00") else f"{text}+07:00"


async def show_index(visit: Visit) -> Response:
    """What reports there are."""
    runs = None
    if visit.viewer.may(Scope.DELIVERIES_READ):
        runs = await ask(visit, "list_job_runs", RunPage, path={"job": "report"}, query={"limit": 5})
    wish = Wish()
    values = {"wish": wish, "base": wish.extent, "periods": PERIODS, "kinds": KINDS, "runs": runs}
    return Shown(template="reports/index.html", values=values)


async def show_06a(visit: Visit) -> Response:
    """Form 06a."""
    wish = visit.query_as(Wish)
    try:
        form = await ask(visit, "get_form_06a", Form06a, query={**wish.extent, "by": wish.by, **RECENT})
    except Refused as refusal:
        return _again(wish, refusal, "06a")
    values = {
        **_about(wish, "06a"),
        "form": form,
        "stamp": form.stamp,
        "rows": [(row, _of_unit(wish, row)) for row in form.rows],
        "columns": COLUMNS,
        "beside": BESIDE,
        "both": wish.show == "both",
    }
    return Shown(template="reports/form_06a.html", values=values)


async def show_766(visit: Visit) -> Response:
    """The progress indicator."""
    wish = visit.query_as(Wish)
    try:
        report = await ask(visit, "get_form_766", Report766, query={**wish.extent, "by": wish.by, **RECENT})
    except Refused as refusal:
        return _again(wish, refusal, "766")
    values = {
        **_about(wish, "766"),
        "report": report,
        "stamp": report.stamp,
        "rows": [(row, _of_unit(wish, row)) for row in report.rows],
    }
    return Shown(template="reports/report_766.html", values=values)


def _of_unit(wish: Wish, row: FormRow | ProgressRow) -> dict[str, str] | None:
    """What leads to one line's dossiers; None where the unit is not known."""
    if row.code is None or wish.by not in {"agency", "field", "procedure"}:
        return None
    return {**wish.extent, wish.by: row.code}


def _about(wish: Wish, what: str) -> dict[str, Any]:
    extent = wish.extent
    asked = {**extent, "by": wish.by}
    return {"what": what, "wish": wish, "base": extent, "asked": asked, "periods": PERIODS, "wrong": ""}


def _again(wish: Wish, refusal: Refused, what: str) -> Shown:
    """The form once more, with what was wrong; other refusals go on."""
    if refusal.kind.code != "invalid":
        raise refusal
    values = {**_about(wish, what), "wrong": str(refusal)}
    return Shown(template="reports/wrong.html", values=values, status=422)


async def show_figure(visit: Visit) -> Response:
    """The dossiers behind a figure of form 06a."""
    query = visit.query_as(Behind)
    if query.column not in get_args(Column):
        raise Refused("not_found", f"there is no column {query.column!r}")
    return await _listed(visit, query, "dossiers", "list_form_06a_dossiers", {"column": query.column})


async def show_list(visit: Visit) -> Response:
    """One of the lists."""
    kind = _kind(visit)
    return await _listed(visit, visit.query_as(Behind), kind, f"list_{kind.replace('-', '_')}", {})


def _kind(visit: Visit) -> str:
    kind = str(visit.path["kind"])
    if kind not in KINDS:
        raise Refused("not_found", f"there is no list {kind!r}; there are: {', '.join(KINDS)}")
    return kind


async def _listed(visit: Visit, query: Behind, what: str, name: str, more: Mapping[str, str]) -> Response:
    asked = {**query.extent, **more, "rule": query.rule}
    question = {**asked, "cursor": query.cursor, "limit": _ON_A_PAGE, **RECENT}
    try:
        page = await ask(visit, name, ReportedDossiers, query=question)
    except Refused as refusal:
        return _again(query, refusal, what)
    values = {
        **_about(query, what),
        "asked": asked,
        "column": query.column,
        "rule": query.rule,
        "page": page,
        "stamp": page.stamp,
        "paged": bool(query.cursor),
        "may_lanes": visit.viewer.may(Scope.DELIVERIES_READ),
    }
    return Shown(template="reports/dossiers.html", values=values)


async def save(visit: Visit) -> Response:
    """A report as a file."""
    what, query = str(visit.path["what"]), visit.query_as(File)
    routes = {"06a": "get_form_06a", "766": "get_form_766", "dossiers": "list_form_06a_dossiers"}
    routes |= {kind: f"list_{kind.replace('-', '_')}" for kind in KINDS}
    if what not in routes or query.format not in {"csv", "xlsx", "json"}:
        raise Refused("not_found", f"there is no file {query.format} of {what!r}")
    form = what in {"06a", "766"}
    more = {"by": query.by} if form else {"rule": query.rule}
    if what == "dossiers":
        more["column"] = query.column
    asked = {**query.extent, **more}
    if query.format == "json":
        document = await _whole(visit, routes[what], asked, form=form)
        content = msgspec.json.format(msgspec.json.encode(document), indent=2)
        return Download(content=content, media_type="application/json", filename=f"{what}.json")
    answer = await answered(
        visit, routes[what], query={**asked, "format": query.format, **(RECENT if form else {})}
    )
    name = dict(answer.headers)["content-disposition"].partition('filename="')[2].rstrip('"')
    return Download(content=answer.content or b"", media_type=answer.media_type, filename=name)


async def _whole(visit: Visit, name: str, asked: Mapping[str, str], *, form: bool) -> object:
    """A form, or every page of a list as one, up to as many as a file takes."""
    if form:
        return (await answered(visit, name, query=asked)).value
    page = await ask(visit, name, ReportedDossiers, query={**asked, "limit": _FILE_PAGE})
    items = list(page.items)
    while page.next is not None and len(items) < MOST_ROWS:
        question = {**asked, "limit": _FILE_PAGE, "cursor": page.next}
        page = await ask(visit, name, ReportedDossiers, query=question)
        items += page.items
    return msgspec.structs.replace(page, items=items)


_READ = Scope.DOSSIERS_READ
PAGES: tuple[Page, ...] = (
    Page(
        path="/console/reports",
        name="reports",
        title="reports.title",
        scope=_READ,
        view=show_index,
        group="numbers",
    ),
    Page(
        path="/console/reports/06a",
        name="reports",
        title="reports.title_06a",
        scope=_READ,
        view=show_06a,
        query=Wish,
    ),
    Page(
        path="/console/reports/766",
        name="reports",
        title="reports.title_766",
        scope=_READ,
        view=show_766,
        query=Wish,
    ),
    Page(
        path="/console/reports/06a/dossiers",
        name="reports",
        title="reports.title_figure",
        scope=_READ,
        view=show_figure,
        query=Behind,
    ),
    Page(
        path="/console/reports/{what}/file",
        name="reports",
        title="reports.title",
        scope=_READ,
        view=save,
        query=File,
    ),
    Page(
        path="/console/reports/{kind}",
        name="reports",
        title="reports.title_list",
        scope=_READ,
        view=show_list,
        query=Behind,
    ),
)
