"""Working time of the invented province H99 in 2026: windows, holidays, the arithmetic of appointments.

Invariant: whatever is added to an instant inside working time, the result lies inside working time again
(domain_rules R3, R4, R9). Instants are aware, at +07:00.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7))
WINDOWS = ((time(7, 0), time(11, 30)), (time(13, 30), time(17, 0)))
DAY_MINUTES = 480
HOLIDAYS = frozenset(
    date.fromisoformat(f"2026-{day}")
    for day in (
        *("01-01", "01-02", "02-16", "02-17", "02-18", "02-19", "02-20", "04-27", "04-30", "05-01"),
        *("08-31", "09-01", "09-02", "11-24"),
    )
)
MAKE_UP_SATURDAYS = frozenset({date(2026, 1, 10), date(2026, 8, 22)})


def at(day: date, minute: int) -> datetime:
    """``minute`` minutes after midnight of ``day``."""
    return datetime.combine(day, time(0), VIETNAM) + timedelta(minutes=minute)


def is_working_day(day: date) -> bool:
    """Whether offices work on ``day``."""
    return day in MAKE_UP_SATURDAYS or (day.weekday() < 5 and day not in HOLIDAYS)


def is_working_time(instant: datetime) -> bool:
    """Whether ``instant`` lies inside a working window, its borders included."""
    return is_working_day(instant.date()) and any(
        start <= instant.timetz().replace(tzinfo=None) <= end for start, end in WINDOWS
    )


def next_working_day(day: date) -> date:
    """The first working day after ``day``."""
    day += timedelta(days=1)
    while not is_working_day(day):
        day += timedelta(days=1)
    return day


def add_working_days(instant: datetime, days: int) -> datetime:
    """The same clock time, ``days`` working days later (R4: the first day does not count)."""
    day = instant.date()
    for _ in range(days):
        day = next_working_day(day)
    return datetime.combine(day, instant.timetz())


def add_calendar_days(instant: datetime, days: int) -> datetime:
    """The same clock time ``days`` days later, or on the next working day when offices are shut (R6)."""
    return _on_working_day(instant + timedelta(days=days))


def add_months(instant: datetime, months: int) -> datetime:
    """The same day ``months`` months later, the last of the month where it is shorter, then as R6 has it."""
    index = instant.month - 1 + months
    year, month = instant.year + index // 12, index % 12 + 1
    return _on_working_day(
        instant.replace(year=year, month=month, day=min(instant.day, monthrange(year, month)[1]))
    )


def add_working_minutes(instant: datetime, minutes: int) -> datetime:
    """``minutes`` of working time later; seconds are kept."""
    day, passed = _position(instant)
    passed += minutes
    while passed > DAY_MINUTES:
        day, passed = next_working_day(day), passed - DAY_MINUTES
    return at(day, _clock(passed)) + timedelta(seconds=instant.second)


def working_minutes_between(start: datetime, end: datetime) -> int:
    """Working minutes from ``start`` to ``end``; 0 when ``end`` is not later."""
    day, passed = _position(start)
    last, until = _position(end)
    if last < day:
        return 0
    total = until - passed
    while day < last:
        day = next_working_day(day)
        total += DAY_MINUTES
    return max(total, 0)


def _on_working_day(instant: datetime) -> datetime:
    day = instant.date()
    return instant if is_working_day(day) else datetime.combine(next_working_day(day), instant.timetz())


def _position(instant: datetime) -> tuple[date, int]:
    """The working day that ``instant`` falls on or that follows it, and how much of it has passed."""
    day = instant.date()
    if not is_working_day(day):
        return next_working_day(day), 0
    minute = instant.hour * 60 + instant.minute
    passed = 0
    for start, end in WINDOWS:
        first, last = (moment.hour * 60 + moment.minute for moment in (start, end))
        passed += min(max(minute - first, 0), last - first)
    return day, passed


def _clock(passed: int) -> int:
    """Minutes after midnight at which ``passed`` minutes of the working day are over."""
    morning = 270
    return 420 + passed if passed <= morning else 810 + passed - morning
