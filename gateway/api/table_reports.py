"""Rows of the table: reports."""

from __future__ import annotations

from gateway.api.report_files import CSV, MOST_ROWS, XLSX
from gateway.api.reports import (
    FigureQuery,
    FormQuery,
    ListQuery,
    ReportedDossiers,
    get_form_06a,
    get_form_766,
    list_figure,
    list_of,
)
from gateway.api.route import Route, Success
from gateway.reports.dossiers import ListKind
from gateway.reports.form_06a import Form06a
from gateway.reports.progress import Report766
from gateway.storage.clients import Scope

_FILES = (
    Success(status=200, description="A table, by unit of the desk.", media_type=CSV),
    Success(status=200, description="A workbook, ready to print.", media_type=XLSX),
)
_PAGE = (Success(status=200, description="A page of dossiers.", kind=ReportedDossiers), *_FILES)


def _list(kind: ListKind, summary: str, description: str) -> Route:
    return Route(
        method="GET",
        path=f"/v1/reports/{kind}",
        name=f"list_{kind.replace('-', '_')}",
        tag="reports",
        scope=Scope.DOSSIERS_READ,
        summary=summary,
        description=(
            f"{description} By dossier number, as of the cut-off. As a file: by agency, room and officer, at most "
            f"{MOST_ROWS} of them."
        ),
        handler=list_of(kind),
        query=ListQuery,
        successes=_PAGE,
    )


REPORTS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/reports/06a",
        name="get_form_06a",
        tag="reports",
        scope=Scope.DOSSIERS_READ,
        summary="Read form 06a",
        description=(
            "Columns 3 to 13 of form II.06a/VPCP/KSTT by agency, field, procedure or in total, by date (the official "
            "rule) and by instant, as of the cut-off, with what stands beside the columns and with the form's "
            "identities checked; what breaks one is named. Every figure opens to its dossiers."
        ),
        handler=get_form_06a,
        query=FormQuery,
        successes=(Success(status=200, description="The form.", kind=Form06a), *_FILES),
    ),
    Route(
        method="GET",
        path="/v1/reports/06a/dossiers",
        name="list_form_06a_dossiers",
        tag="reports",
        scope=Scope.DOSSIERS_READ,
        summary="List the dossiers behind a figure of form 06a",
        description="Give what the form was asked with, the unit as a filter, and the column. By dossier number.",
        handler=list_figure,
        query=FigureQuery,
        successes=_PAGE,
    ),
    Route(
        method="GET",
        path="/v1/reports/766",
        name="get_form_766",
        tag="reports",
        scope=Scope.DOSSIERS_READ,
        summary="Read the progress indicator of Decision 766",
        description=(
            "On-time ratios and the progress indicator with numerators, denominators and definitions: by form 06a and "
            "by the portal's own rule. A setting says which of the two gives the points."
        ),
        handler=get_form_766,
        query=FormQuery,
        successes=(Success(status=200, description="The indicator.", kind=Report766), *_FILES),
    ),
    _list("overdue", "List overdue dossiers", "Pending dossiers past their promise, with how late they are."),
    _list(
        "near-due",
        "List dossiers near their promise",
        "Pending dossiers whose promise ends within the working hours of the settings, or on the day of the cut-off.",
    ),
    _list(
        "paused-late", "List dossiers paused too late", "Dossiers that were overdue before they were paused."
    ),
    _list(
        "withdrawn-after-due",
        "List dossiers withdrawn after their promise",
        "Dossiers that citizens withdrew in the period after the day that was promised.",
    ),
    _list("no-due", "List dossiers without a promise", "Counted as in time, and a lack of data."),
    _list("disputed", "List disputed dossiers", "In time by date and late by instant."),
    _list("refused", "List refused dossiers", "Not received in the period; outside the form."),
    _list("data-error", "List dossiers with impossible times", "In no column until their record is mended."),
)
