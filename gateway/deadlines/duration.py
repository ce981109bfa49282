"""Durations and the dues that follow from them, in two profiles (R3, R4, R6, R7, R8).

LEGAL is the last day on which an answer is still lawful (Civil Code 147-148); SYS is the instant that our check
expects. Invariant: a due that is computed here checks a promise and never replaces one (domain_rules, rule 2).
"""

from __future__ import annotations

import calendar as month_lengths
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import StrEnum

import msgspec

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.instants import VIETNAM, day_number, day_of, from_micros, start_of_day, to_micros
from gateway.deadlines.windows import Windows

CUT_OFF = time(15)
"""R8: received after 15:00, a same-day procedure is due on the next working day."""
MOST = 100_000
MOST_WORKING_HOURS = 8 * MOST


class DurationUnit(StrEnum):
    """R6: the unit is explicit; fifteen days and fifteen working days differ by about six (A21, B07)."""

    WORKING_DAYS = "working_days"
    WORKING_HOURS = "working_hours"
    CALENDAR_DAYS = "calendar_days"
    CALENDAR_MONTHS = "calendar_months"
    SAME_DAY = "same_day"


class Duration(msgspec.Struct, frozen=True):
    """So much of a unit. Working hours may be fractional; ``same_day`` has no length, its value is 0 or 1."""

    value: float
    unit: DurationUnit

    def __post_init__(self) -> None:
        expected = _EXPECTED[self.unit]
        if isinstance(self.value, bool) or not _is_finite(self.value) or not expected.fits(self.value):
            raise ValueError(f"got {self.value!r} {self.unit}, expected {expected.told}")

    @property
    def count(self) -> int:
        """The value of a unit that is counted in whole ones."""
        return int(self.value)


class _Expected(msgspec.Struct, frozen=True):
    told: str
    fits: Callable[[float], bool]


_WHOLE = _Expected(
    f"a whole number from 1 to {MOST}", lambda value: value == int(value) and 1 <= value <= MOST
)
_EXPECTED: dict[DurationUnit, _Expected] = {
    DurationUnit.WORKING_DAYS: _WHOLE,
    DurationUnit.WORKING_HOURS: _Expected(
        f"a number over 0, up to {MOST_WORKING_HOURS}", lambda value: 0 < value <= MOST_WORKING_HOURS
    ),
    DurationUnit.CALENDAR_DAYS: _WHOLE,
    DurationUnit.CALENDAR_MONTHS: _WHOLE,
    DurationUnit.SAME_DAY: _Expected("0 or 1, or no value at all", lambda value: value in {0, 1}),
}


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """``due_at``: the instant our check expects (SYS). ``legal_last_day``: the last lawful day (LEGAL)."""

    due_at: datetime
    legal_last_day: date


def due(
    received_at: datetime,
    duration: Duration,
    calendar: Calendar,
    windows: Windows | None = None,
    *,
    cut_off: time = CUT_OFF,
) -> Due:
    """When something received at an aware instant is due. R2: that of the slip; where any office of a province may
    receive, that at which the competent agency has it.

    ``windows``: working hours of this office instead of the calendar's. CalendarGap when the calendar does not reach
    so far; ValueError when ``received_at`` has no offset.
    """
    used = calendar if windows is None else calendar.with_windows(windows)
    if duration.unit is DurationUnit.SAME_DAY:
        return _same_day(received_at, used, cut_off)
    return _RULES[duration.unit](received_at, duration, used)


def _working_days(received_at: datetime, duration: Duration, calendar: Calendar) -> Due:
    """R4: the n-th working day after the effective start, at the same clock time; the first day does not count."""
    start = calendar.effective_start(received_at)
    return Due(
        due_at=_moved(start, calendar.add_working_days(start.date(), duration.count)),
        legal_last_day=calendar.add_working_days(day_of(received_at), duration.count),
    )


def _working_hours(received_at: datetime, duration: Duration, calendar: Calendar) -> Due:
    """R7: runs inside the windows only, to the minute and below; ends at closing, not next morning (C09)."""
    ends = calendar.add_working_minutes(received_at, duration.value * 60)
    return Due(due_at=ends, legal_last_day=ends.date())


def _calendar_days(received_at: datetime, duration: Duration, calendar: Calendar) -> Due:
    """R6: the first day is excluded; a last day that is not worked gives way to the next working day."""
    return _rolled(received_at, calendar, lambda day: _shifted(day, duration.count, calendar))


def _calendar_months(received_at: datetime, duration: Duration, calendar: Calendar) -> Due:
    """R6: a month without that day ends on its last day (B06)."""
    return _rolled(received_at, calendar, lambda day: _months_later(day, duration.count, calendar))


def _same_day(received_at: datetime, calendar: Calendar, cut_off: time) -> Due:
    """R8: at closing of that day, or of the next working day; 15:00:00 itself is not after 15:00 (D02)."""
    day = day_of(received_at)
    late = received_at.astimezone(VIETNAM).time() > cut_off
    last = calendar.next_working_day(day) if late else calendar.working_day_from(day)
    return Due(due_at=from_micros(calendar.closing(last)), legal_last_day=last)


_RULES: dict[DurationUnit, Callable[[datetime, Duration, Calendar], Due]] = {
    DurationUnit.WORKING_DAYS: _working_days,
    DurationUnit.WORKING_HOURS: _working_hours,
    DurationUnit.CALENDAR_DAYS: _calendar_days,
    DurationUnit.CALENDAR_MONTHS: _calendar_months,
}


def _rolled(received_at: datetime, calendar: Calendar, last_day: Callable[[date], date]) -> Due:
    start = calendar.effective_start(received_at)
    return Due(
        due_at=_moved(start, calendar.working_day_from(last_day(start.date()))),
        legal_last_day=calendar.working_day_from(last_day(day_of(received_at))),
    )


def _moved(start: datetime, day: date) -> datetime:
    """The clock time of ``start`` (in Viet Nam's time) on ``day``."""
    within = to_micros(start) - start_of_day(day_number(start.date()))
    return from_micros(start_of_day(day_number(day)) + within)


def _shifted(day: date, days: int, calendar: Calendar) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        raise calendar.gap(f"{days} days after {day}") from None


def _months_later(day: date, months: int, calendar: Calendar) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        raise calendar.gap(f"{months} months after {day}")
    length = month_lengths.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, length))
