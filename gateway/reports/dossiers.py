"""The dossiers behind a figure, and the lists of a desk: overdue, near due, and what cannot be counted.

Classes, flags and lateness are those of ``gateway.deadlines`` as of the cut-off, by the calendar of each dossier's
agency. Invariant: a list and the figure that it stands behind come from the same condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from gateway.deadlines.bulk import classify_rows
from gateway.deadlines.classes import Verdict, flags_of, names_of
from gateway.deadlines.instants import SECOND, maybe_from_micros, to_micros
from gateway.deadlines.judge import Moment, Row
from gateway.domain.status import Status
from gateway.reports.terms import Asked, ReportStamp, Terms, stamp
from gateway.storage import queries_reports as queries
from gateway.storage.queries_reports import Page, StandingLine
from gateway.storage.report_rules import Figure

NO_RECEPTION = "NO_RECEPTION"
"""Told beside the flags of the rules: it runs or has ended, and nobody said when it was received."""
ListKind: TypeAlias = Literal[
    "overdue", "near-due", "paused-late", "withdrawn-after-due", "no-due", "disputed", "refused", "data-error"
]
KINDS: tuple[ListKind, ...] = get_args(ListKind)
_STATUS = {status.national: status for status in Status}
_FIGURES: dict[ListKind, Figure] = {
    "overdue": Figure(column="13"),
    "paused-late": Figure(column="paused_late"),
    "no-due": Figure(column="no_due"),
    "disputed": Figure(column="disputed"),
    "refused": Figure(column="refused"),
    "data-error": Figure(column="data_error"),
}


class DossierLine(msgspec.Struct, frozen=True, kw_only=True):
    """One dossier as of the cut-off; no applicant's data. ``late_*``: against the promise that holds."""

    code: str
    procedure: str
    agency: str
    field: str | None
    unit: str | None
    officer: str | None
    status: Status
    channel: str
    received_at: datetime | None
    due_at: datetime | None
    due_original_at: datetime | None
    ended_at: datetime | None
    waiting_since: datetime | None
    by_date: Verdict
    by_instant: Verdict
    flags: list[str]
    late_calendar_days: int
    late_working_days: int
    late_working_minutes: int


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Some dossiers of a list or behind a figure. ``next``: where the next page goes on; null at the end."""

    stamp: ReportStamp
    what: str
    items: list[DossierLine]
    next: str | None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers: those of a list, or without one those behind ``figure``; and which part of them.

    The counting rule of ``figure`` goes for lists, too: it matters to ``overdue`` and ``paused-late``.
    """

    kind: ListKind | None = None
    figure: Figure = Figure(column="3")
    page: Page = Page()


def list_dossiers(connection: Any, asked: Asked, terms: Terms, wish: Wish, now: datetime) -> Listed:
    """The dossiers wished for, from one state of the database. ``connection`` is one of ``Database.read``."""
    with queries.one_state(connection):
        lines = _lines(connection, asked, terms, wish)
    versions = sorted({(line.rule_version, line.calendar_version) for line in lines})
    full = wish.page.limit is not None and len(lines) == wish.page.limit
    return Listed(
        stamp=stamp(asked, terms, wish.figure.rule, now, versions),
        what=wish.kind or wish.figure.column,
        items=judged(lines, terms, to_micros(asked.period.cutoff)),
        next=f"{lines[-1].dossier_code}:{lines[-1].id}" if full and lines else None,
    )


def place_after(cursor: str) -> tuple[str, int]:
    """What ``Listed.next`` says, for the next page. ValueError when it is something else."""
    code, colon, number = cursor.rpartition(":")
    if not colon or not number.isdecimal() or int(number) >= 2**63:
        raise ValueError(f"got {cursor}, expected what the page before ended with")
    return code, int(number)


def _lines(connection: Any, asked: Asked, terms: Terms, wish: Wish) -> list[StandingLine]:
    extent = asked.extent(terms)
    if wish.kind == "near-due":  # R24, and what is due today however the hour stands (§5.1, trap iii)
        until = Moment(extent.cutoff, terms.calendar, terms.options).near_until
        return queries.near_due(connection, extent, until, wish.page)
    if wish.kind == "withdrawn-after-due":
        return queries.withdrawn_after_due(connection, extent, wish.page)
    figure = wish.figure if wish.kind is None else _FIGURES[wish.kind]
    chosen = Figure(column=figure.column, rule=wish.figure.rule, strict=asked.is_strict(terms))
    return queries.opened(connection, extent, chosen, wish.page)


def judged(lines: Sequence[StandingLine], terms: Terms, cutoff: int) -> list[DossierLine]:
    """The dossiers with their classes as of ``cutoff``, in the same order."""
    as_of = cutoff - cutoff % SECOND
    agencies: dict[str, list[int]] = {}
    for place, line in enumerate(lines):
        agencies.setdefault(line.agency_code, []).append(place)
    found: dict[int, DossierLine] = {}
    for agency, places in agencies.items():
        rows = (_row(lines[place], as_of) for place in places)
        results = classify_rows(rows, terms.calendar_of(agency), as_of, terms.options)
        for place, result in zip(places, results, strict=True):
            found[place] = _dossier(lines[place], result)
    return [found[place] for place in range(len(lines))]


def _row(line: StandingLine, as_of: int) -> Row:
    """The line as the rules take it; an end that was told later than it came had not come at the cut-off (§5.1)."""
    status, ended = line.status, line.ended_at
    if ended is not None and as_of < ended <= line.recorded_at:
        status, ended = (status if status == Status.STOPPED.national else Status.PROCESSING.national), None
    return status, line.received_at, line.due_at, line.due_original_at, ended, line.waiting_since


def _dossier(line: StandingLine, result: tuple[Any, ...]) -> DossierLine:
    by_date, by_instant, _, _, bits, days, working_days, minutes = result
    status = _STATUS[line.status]
    lacks_reception = line.received_at is None and status in _RUNS
    return DossierLine(
        code=line.dossier_code,
        procedure=line.procedure_code,
        agency=line.agency_code,
        field=line.field_code,
        unit=line.unit,
        officer=line.officer,
        status=status,
        channel=line.channel,
        received_at=maybe_from_micros(line.received_at),
        due_at=maybe_from_micros(line.due_at),
        due_original_at=maybe_from_micros(line.due_original_at),
        ended_at=maybe_from_micros(line.ended_at),
        waiting_since=maybe_from_micros(line.waiting_since),
        by_date=Verdict.DATA_ERROR if lacks_reception else by_date,
        by_instant=Verdict.DATA_ERROR if lacks_reception else by_instant,
        flags=[*names_of(flags_of(bits)), *([NO_RECEPTION] if lacks_reception else [])],
        late_calendar_days=days,
        late_working_days=working_days,
        late_working_minutes=minutes,
    )


_RUNS = frozenset(
    {Status.RECEIVED, Status.PROCESSING, Status.STOPPED, Status.FINISHED, Status.RETURNED}
)  # states that only a received dossier can have
