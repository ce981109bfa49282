"""Classifying very many dossiers: rows of plain numbers in, plain tuples out.

The columns are those of the ``standing`` table. Invariant: a row is judged by the same function as a single dossier
(``gateway.deadlines.judge``), so a report and a dossier's page cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classes import BIT, LATE_CLASSES, Flag, Verdict
from gateway.deadlines.instants import day_number_of, to_micros
from gateway.deadlines.judge import DEFAULT_OPTIONS, Moment, Options, Row, judge
from gateway.deadlines.lateness import late_by

COLUMNS = ("status", "received_at", "due_at", "due_original_at", "ended_at", "waiting_since")
"""What a row consists of, in this order: the national number, then microseconds UTC or None."""

Judged = tuple[Verdict, Verdict, Verdict, Verdict, int, int, int, int]
"""By date, by instant, the same two against the original due, flags as bits (``classes.flags_of``), then how late
against the promise that holds: calendar days, working days, working minutes."""

_GAP = BIT[Flag.CALENDAR_GAP]


def classify_rows(
    rows: Iterable[Row], calendar: Calendar, as_of: datetime | int, options: Options = DEFAULT_OPTIONS
) -> Iterator[Judged]:
    """One result for each row, in order. ``as_of``: an aware instant, or microseconds UTC.

    Where the calendar does not reach, CALENDAR_GAP is set and working days and minutes are 0.
    """
    moment = Moment(as_of if isinstance(as_of, int) else to_micros(as_of), calendar, options)
    late = LATE_CLASSES
    for row in rows:
        _, _, due, original, _, _ = row
        by_date, by_instant, flags = judge(row, due, moment)
        if original is None or original == due:
            first_by_date, first_by_instant = by_date, by_instant
        else:
            first_by_date, first_by_instant, _ = judge(row, original, moment)
        if by_instant in late:  # what is late by date is late by instant
            days, working, minutes, gap = _late(by_instant, row, moment)
            flags |= gap
            yield by_date, by_instant, first_by_date, first_by_instant, flags, days, working, minutes
        else:
            yield by_date, by_instant, first_by_date, first_by_instant, flags, 0, 0, 0


def _late(verdict: Verdict, row: Row, moment: Moment) -> tuple[int, int, int, int]:
    """How late the row is, and CALENDAR_GAP's bit when the calendar cannot tell."""
    _, _, due, _, end, waiting = row
    stopped = {Verdict.LATE: end, Verdict.OVERDUE: moment.as_of, Verdict.PAUSED_LATE: waiting}[verdict]
    if due is None or stopped is None or moment.calendar is None:
        return 0, 0, 0, 0
    try:
        return (*late_by(due, stopped, moment.calendar), 0)
    except CalendarGap:
        return day_number_of(stopped) - day_number_of(due), 0, 0, _GAP
