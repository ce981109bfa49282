"""The progress indicator of Decision 766/QĐ-TTg, and on-time ratios with their definitions.

Two formulas are known of the indicator, neither from a primary text: ``balance``, from the columns of form 06a (domain
rules §2.4), and ``portal``, by instant over what was received in the period (national_portal §11.2). Both are shown; a
setting says which one counts. The time sub-items of the decision are not known and not computed. Invariant: every
ratio stands with its numerator, its denominator and its definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from gateway.reports.form_06a import Form06a, FormColumns, FormRow, form_06a
from gateway.reports.ratios import Ratio, ratio
from gateway.reports.terms import Asked, ReportStamp, Terms
from gateway.settings import ReportSettings
from gateway.storage import queries_reports as queries
from gateway.storage.queries_reports import Grouping, PortalTally

DEFINITIONS = {
    "on_time": "(8 + 9) / 7, or (8 + 9) / 3 where the setting says received",
    "balance": "(8 + 9 + 12) / (7 + 11)",
    "portal": "received in the period and ended by the promise, to the second; what is open ends at the cut-off, what "
    "waits for its one supplement when that was asked for",
}


class ProgressRow(msgspec.Struct, frozen=True, kw_only=True):
    """One unit. ``on_time``: early and on time by date, of the resolved or of the received, as the setting says.

    ``points``: of Decision 766, by the formula that counts; null over nothing. ``below``: ``on_time`` is below the
    threshold. ``without_due``: by the portal's formula in time because nothing was promised.
    """

    code: str | None
    name: str | None
    on_time: Ratio
    on_time_of_resolved: Ratio
    on_time_of_received: Ratio
    balance: Ratio
    balance_by_instant: Ratio
    portal: Ratio
    without_due: int
    points: float | None
    below: bool


class Report766(msgspec.Struct, frozen=True, kw_only=True):
    """The indicator by unit. ``formula``: the one that counts. ``least``: the threshold, 0 to 1."""

    stamp: ReportStamp
    by: Grouping
    formula: Literal["balance", "portal"]
    on_time_of: Literal["resolved", "received"]
    least: float
    most_points: float
    definitions: dict[str, str]
    rows: list[ProgressRow]
    total: ProgressRow


def compute_766(
    connection: Any, asked: Asked, terms: Terms, settings: ReportSettings, now: datetime
) -> Report766:
    """The indicator, from one state of the database. ``connection`` is one of ``Database.read``."""
    with queries.one_state(connection):
        form = form_06a(connection, asked, terms, now)
        portal = queries.portal_tallies(connection, asked.extent(terms), asked.by)
    return report_766(form, portal, settings)


def report_766(form: Form06a, portal: Sequence[PortalTally], settings: ReportSettings) -> Report766:
    """The indicator, from a form and the portal's own count of the same period."""
    by_unit = {tally.unit: tally for tally in portal}
    total = PortalTally(
        None,
        sum(tally.received for tally in portal),
        sum(tally.in_time for tally in portal),
        sum(tally.without_due for tally in portal),
    )
    nothing = PortalTally(None, 0, 0, 0)
    return Report766(
        stamp=form.stamp,
        by=form.by,
        formula=settings.progress,
        on_time_of=settings.on_time_of,
        least=settings.on_time_least,
        most_points=settings.progress_points,
        definitions=DEFINITIONS,
        rows=[_progress(row, by_unit.get(row.code, nothing), settings) for row in form.rows],
        total=_progress(form.total, total, settings),
    )


def _progress(row: FormRow, portal: PortalTally, settings: ReportSettings) -> ProgressRow:
    columns = row.by_date
    in_time = columns.c8 + columns.c9
    on_time = {"resolved": ratio(in_time, columns.c7), "received": ratio(in_time, columns.c3)}
    formulas = {"balance": _balance(columns), "portal": ratio(portal.in_time, portal.received)}
    counts = formulas[settings.progress]
    return ProgressRow(
        code=row.code,
        name=row.name,
        on_time=on_time[settings.on_time_of],
        on_time_of_resolved=on_time["resolved"],
        on_time_of_received=on_time["received"],
        balance=formulas["balance"],
        balance_by_instant=_balance(row.by_instant),
        portal=formulas["portal"],
        without_due=portal.without_due,
        points=_points(counts, settings.progress_points),
        below=on_time[settings.on_time_of].is_below(settings.on_time_least),
    )


def _balance(columns: FormColumns) -> Ratio:
    return ratio(columns.c8 + columns.c9 + columns.c12, columns.c7 + columns.c11)


def _points(share: Ratio, most: float) -> float | None:
    if not share.denominator:
        return None
    return round(most * share.numerator / share.denominator, 2)
