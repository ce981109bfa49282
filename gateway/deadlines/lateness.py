"""How late: calendar days, working days and working minutes (R23).

A dossier due on the last day before Tết and still open during Tết is late by three calendar days and no working day
(H07). Invariant: nothing is late before its promise has ended, and no figure is negative.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.instants import MINUTE, day_number_of, to_micros
from gateway.deadlines.judge import promise_of


class Lateness(msgspec.Struct, frozen=True, kw_only=True):
    """Days by date, minutes by instant: an end in the afternoon of the due day is late by minutes and no day."""

    calendar_days: int = 0
    working_days: int = 0
    working_minutes: int = 0


NONE = Lateness()


def lateness(due_at: datetime | None, stopped_at: datetime, calendar: Calendar) -> Lateness:
    """How late something is that stopped, or still runs, at ``stopped_at``. CalendarGap outside the calendar."""
    if due_at is None:
        return NONE
    days, working, minutes = late_by(to_micros(due_at), to_micros(stopped_at), calendar)
    return Lateness(calendar_days=days, working_days=working, working_minutes=minutes)


def late_by(due: int, stopped: int, calendar: Calendar) -> tuple[int, int, int]:
    """``lateness`` on microseconds, as a plain tuple."""
    promise = promise_of(due)
    if stopped <= promise:
        return 0, 0, 0
    first, last = day_number_of(due), day_number_of(stopped)
    days, work = calendar.elapsed(promise, stopped)
    return last - first, days, work // MINUTE
