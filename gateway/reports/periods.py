"""Reporting periods: from which day to which, and as of which instant.

A period is named (``2026-03``, ``2026-Q1``, ``2026-H1``, ``2026``, ``last-month``) or given by its two days. Months end
on a closing day where a province counts from the 15th to the 14th or from the 21st to the 20th (domain_rules §5.1).
Invariant: what is counted is counted as of the cut-off, which lies in the period and not in the future.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta

import msgspec

from gateway.deadlines.instants import day_number, day_of, from_micros, start_of_day, to_micros

END_OF_MONTH = 0
LATEST_CLOSING = 27  # every month has it, and a day after it
NAMES = "2026-03, 2026-Q1, 2026-H1, 2026, this-month, last-month, this-quarter, last-quarter, this-year, last-year"
_EARLIEST_YEAR = 1970
_NAME = re.compile(r"(?P<year>[0-9]{4})(?:-(?:(?P<month>[0-9]{2})|Q(?P<quarter>[1-4])|H(?P<half>[12])))?")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class PeriodError(ValueError):
    """The period cannot be reported on; the message says what would do."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From ``first`` to ``last``, both in it, as of ``cutoff``. ``complete``: the cut-off is the end of ``last``."""

    first: date
    last: date
    cutoff: datetime
    name: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the period was over at the cut-off."""
        return self.cutoff >= end_of(self.last)

    @property
    def start(self) -> int:
        """The number of the first day."""
        return day_number(self.first)

    @property
    def before(self) -> datetime:
        """The cut-off of the period before."""
        return end_of(self.first - timedelta(days=1))


class Span(msgspec.Struct, frozen=True):
    """Two days and what lies between; ``name`` as it was asked for."""

    first: date
    last: date
    name: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A period as somebody asks for it: by name, or by both days; ``cutoff`` as it was asked for."""

    name: str | None = None
    first: date | None = None
    last: date | None = None
    cutoff: datetime | None = None


def period_of(wanted: Wanted, *, now: datetime, closing: int = END_OF_MONTH) -> Period:
    """The period asked for; with nothing said, the month of the cut-off so far. PeriodError."""
    if wanted.cutoff is not None and wanted.cutoff.year <= _EARLIEST_YEAR:
        raise PeriodError(f"cut-off {wanted.cutoff.isoformat()}: nothing before {_EARLIEST_YEAR} is counted")
    if wanted.name is None and wanted.first is not None and wanted.last is not None:
        span = Span(wanted.first, wanted.last)
    elif wanted.first is None and wanted.last is None:
        span = named(wanted.name or "this-month", today=day_of(wanted.cutoff or now), closing=closing)
    else:
        raise PeriodError("give a period by name, or its first and its last day together")
    return as_of(span, now, wanted.cutoff)


def end_of(day: date) -> datetime:
    """The last microsecond of a day in Viet Nam."""
    return from_micros(start_of_day(day_number(day) + 1) - 1)


def as_of(span: Span, now: datetime, cutoff: datetime | None = None) -> Period:
    """The period of ``span`` as of ``cutoff``; without one as of its end, or now while it runs. PeriodError."""
    if span.last < span.first:
        raise PeriodError(f"the period ends ({span.last}) before it begins ({span.first})")
    if span.first.year < _EARLIEST_YEAR:
        raise PeriodError(f"the period begins on {span.first}; nothing before {_EARLIEST_YEAR} is counted")
    if day_of(now) < span.first:
        raise PeriodError(f"the period from {span.first} has not begun; name an earlier one")
    end = end_of(span.last)
    chosen = min(end, now) if cutoff is None else cutoff
    if chosen > end or chosen < from_micros(start_of_day(day_number(span.first))):
        raise PeriodError(
            f"cut-off {chosen.isoformat()} is outside the period {span.first} to {span.last}; "
            "what ends later counts as pending, so a later cut-off is another period"
        )
    if chosen > now:
        raise PeriodError(f"cut-off {chosen.isoformat()} is in the future; leave it out for now")
    return Period(first=span.first, last=span.last, cutoff=from_micros(to_micros(chosen)), name=span.name)


def named(name: str, *, today: date, closing: int = END_OF_MONTH) -> Span:
    """The days of a named period. ``closing``: the last day of a month, 0 for its own. PeriodError."""
    if not 0 <= closing <= LATEST_CLOSING:
        raise PeriodError(f"closing day: got {closing}, expected 0 (end of month) to {LATEST_CLOSING}")
    match = _NAME.fullmatch(name)
    if match is None:
        return _relative(name, today, closing)
    year = int(match["year"])
    if match["month"]:
        first, length = int(match["month"]), 1
    elif match["quarter"]:
        first, length = 3 * int(match["quarter"]) - 2, 3
    elif match["half"]:
        first, length = 6 * int(match["half"]) - 5, 6
    else:
        first, length = 1, 12
    if not (1 <= first <= 12 and 1 < year < 9999):
        raise PeriodError(f"period: got {name!r}; there is no such month")
    return _months(12 * year + first - 1, length, closing, name)


def _relative(name: str, today: date, closing: int) -> Span:
    which, _, unit = name.partition("-")
    if which not in {"this", "last"} or unit not in _MONTHS:
        raise PeriodError(f"period: got {name!r}, expected one like {NAMES}")
    length = _MONTHS[unit]
    month = 12 * today.year + today.month - 1
    if closing and today.day > closing:
        month += 1  # the 15th of March belongs to April where months close on the 14th
    first = month - month % length - (length if which == "last" else 0)
    span = _months(first, length, closing, name)
    return Span(span.first, span.last, _proper_name(first, length))


def _proper_name(first: int, length: int) -> str:
    year, month = divmod(first, 12)
    match length:
        case 1:
            return f"{year}-{month + 1:02d}"
        case 3:
            return f"{year}-Q{month // 3 + 1}"
        case _:
            return str(year)


def _months(first: int, length: int, closing: int, name: str) -> Span:
    """``first``: months since the year 0."""
    last = first + length - 1
    begins = _last_day(first - 1, closing) + timedelta(days=1)
    return Span(begins, _last_day(last, closing), name)


def _last_day(number: int, closing: int) -> date:
    year, month = divmod(number, 12)
    return date(year, month + 1, closing or calendar.monthrange(year, month + 1)[1])
