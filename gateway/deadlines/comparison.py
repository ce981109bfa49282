"""Two calendars beside each other, and which checks a change of calendar would move (R10).

A changed calendar recomputes checks only: a declared promise moves by a message and by nothing else (domain_rules,
rule 2). Invariant: nothing here returns a due that is to be stored as a promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import msgspec

from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.duration import Due, Duration, due
from gateway.deadlines.windows import Windows


class DayChange(msgspec.Struct, frozen=True, kw_only=True):
    """A day that two calendars treat differently. Windows are empty where it is not worked."""

    on: date
    before: Windows
    after: Windows
    name: str
    source: str


class CalendarChange(msgspec.Struct, frozen=True, kw_only=True):
    """From one calendar to another. ``gained`` and ``lost``: (first, last) days covered by one of them only."""

    before: str
    after: str
    days: tuple[DayChange, ...]
    gained: tuple[tuple[date, date], ...]
    lost: tuple[tuple[date, date], ...]

    @property
    def none(self) -> bool:
        """Whether every check gives the same with both."""
        return not (self.days or self.gained or self.lost)


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A due to be recomputed."""

    id: str
    received_at: datetime
    duration: Duration


class Recomputed(msgspec.Struct, frozen=True, kw_only=True):
    """A check that gives another due; None where a calendar does not reach so far."""

    id: str
    before: Due | None
    after: Due | None


def compare_calendars(before: Calendar, after: Calendar) -> CalendarChange:
    """What changes from ``before`` to ``after``, in the days that both cover and in the days covered."""
    first, last = max(before.first_day, after.first_day), min(before.last_day, after.last_day)
    entries = {day.on: day for calendar in (before, after) for day in calendar.days}
    changes = []
    for on in _days(first, last):
        one, other = before.hours_of(on), after.hours_of(on)
        if one != other:
            entry = entries.get(on)
            name, source = ("", "") if entry is None else (entry.name, entry.source)
            changes.append(DayChange(on=on, before=one, after=other, name=name, source=source))
    return CalendarChange(
        before=before.version,
        after=after.version,
        days=tuple(changes),
        gained=tuple(_beyond(after, before)),
        lost=tuple(_beyond(before, after)),
    )


def recomputed(checks: Iterable[Check], before: Calendar, after: Calendar) -> Iterator[Recomputed]:
    """The checks whose due is another one by ``after``."""
    for check in checks:
        one, other = _due(check, before), _due(check, after)
        if one != other:
            yield Recomputed(id=check.id, before=one, after=other)


def _due(check: Check, calendar: Calendar) -> Due | None:
    try:
        return due(check.received_at, check.duration, calendar)
    except CalendarGap:
        return None


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def _beyond(one: Calendar, other: Calendar) -> Iterator[tuple[date, date]]:
    """Spans that ``one`` covers and ``other`` does not."""
    if one.first_day < other.first_day:
        yield one.first_day, min(one.last_day, other.first_day - timedelta(days=1))
    if one.last_day > other.last_day:
        yield max(one.first_day, other.last_day + timedelta(days=1)), one.last_day
