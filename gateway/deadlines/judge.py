"""The decision table of domain_rules §3.2 on whole numbers: the one implementation behind every classification.

Instants are microseconds UTC, states are national numbers. No object is built for a dossier here, so that a year of a
province is judged in seconds. Invariant: impossible data is DATA_ERROR and never silently on time; the promise is
taken as it is, never recomputed (domain_rules, rules 2 and 12).
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classes import BIT, Flag, Verdict
from gateway.deadlines.instants import DAY, MINUTE, OFFSET, SECOND, day_number, start_of_day

Row = tuple[int, int | None, int | None, int | None, int | None, int | None]
"""A dossier: national state, received, due, original due, ended, waiting since."""
Found = tuple[Verdict, Verdict, int]
"""Class by date, class by instant, flags as bits."""

_NEVER = -(1 << 62)
_ALWAYS = 1 << 62
_OUTSIDE, _PENDING, _WAITING, _ENDED, _STOPPED = range(5)


class StopReading(StrEnum):
    """§4.1: what state 8 is. ``by_time``: an end when it has an end time, else a wait (§3.2, row 12)."""

    BY_TIME = "by_time"
    WAITS = "waits"
    ENDS = "ends"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a province may decide. ``near_due_minutes``: working minutes left (R24)."""

    near_due_minutes: int = 480
    stopped: StopReading = StopReading.BY_TIME


DEFAULT_OPTIONS = Options()
_STOP_KIND = {StopReading.BY_TIME: _STOPPED, StopReading.WAITS: _WAITING, StopReading.ENDS: _ENDED}


class Moment:
    """An instant to judge at, with what follows from it alone.

    ``near_until``: a promise up to here is near (R24). ``known_until``: beyond it the calendar cannot tell.
    """

    __slots__ = ("as_of", "calendar", "kinds", "known_until", "near_until")

    def __init__(self, as_of: int, calendar: Calendar | None, options: Options = DEFAULT_OPTIONS) -> None:
        self.as_of = as_of
        self.calendar = calendar
        self.near_until, self.known_until = _near(as_of, calendar, options.near_due_minutes * MINUTE)
        stop = _STOP_KIND[options.stopped]
        # by national number, 1 to 10 (§4.1)
        waits, ends, runs, outside = _WAITING, _ENDED, _PENDING, _OUTSIDE
        self.kinds = (-1, outside, runs, outside, runs, waits, waits, outside, stop, ends, ends)


def _near(as_of: int, calendar: Calendar | None, work: int) -> tuple[int, int]:
    if calendar is None:
        return _NEVER, _ALWAYS
    try:
        until = calendar.last_within(as_of, work)
    except CalendarGap:
        # not covered, but no more working time than time can have passed
        return as_of + work, as_of + work
    if until is None:
        end = start_of_day(day_number(calendar.last_day) + 1)
        return end - 1, end - 1
    return until, _ALWAYS


def promise_of(due: int) -> int:
    """R25: a promise at 00:00:00 in Viet Nam means that day, so it ends when the day ends."""
    return due if (due + OFFSET) % DAY else due + DAY - SECOND


def judge(row: Row, due: int | None, moment: Moment) -> Found:
    """The class of a dossier against the promise ``due``, which is one of its row's two; the first row of §3.2 that
    fits wins."""
    status, received, _, _, end, waiting = row
    kind = moment.kinds[status]
    if kind == _STOPPED:  # row 12: a stop with a time is an end, a stop without one is a wait
        kind = _WAITING if end is None else _ENDED
    wrong = _impossible(kind, received, end, moment.as_of)
    if kind == _WAITING and waiting is not None:
        wrong |= _impossible_wait(received, waiting, moment.as_of)
    if due is None:
        return _data_error(wrong) if wrong else _without_due(kind, status)
    within = (due + OFFSET) % DAY
    today = due - within
    promise, flags = (due, 0) if within else (due + DAY - SECOND, _MIDNIGHT)  # R25
    if received is not None and promise < received:
        wrong |= _DUE_FIRST
    if wrong:  # rows 1 and 5
        return _data_error(wrong | flags)
    if kind == _ENDED:
        return _ended(today, promise, flags, end or 0)
    if kind == _PENDING:
        return _pending(today, promise, flags, moment)
    if kind == _WAITING:
        return _waiting(today, promise, flags, waiting, moment.as_of)
    return _outside(status, today, flags, end)


def _impossible(kind: int, received: int | None, end: int | None, as_of: int) -> int:
    """R26. A missing end is told only where the state says that there must be one."""
    wrong = 0
    if received is not None:
        if received > as_of:
            wrong = _RECEIVED_AHEAD
        if end is not None and end < received:
            wrong |= _END_FIRST
    if end is None:
        if kind == _ENDED:
            wrong |= _NO_END
    elif end > as_of:
        wrong |= _END_AHEAD
    return wrong


def _impossible_wait(received: int | None, waiting: int, as_of: int) -> int:
    wrong = _WAIT_AHEAD if waiting > as_of else 0
    # R11: a wait that began before the reception belongs to a dossier that is not yet received
    return wrong | _WAIT_FIRST if received is not None and waiting < received else wrong


def _without_due(kind: int, status: int) -> Found:
    """Rows 6, 10 and 13, and those outside (R20)."""
    return _OUTSIDE_FOUND[status] if kind == _OUTSIDE else _NO_DUE_FOUND[kind]


def _ended(today: int, promise: int, flags: int, end: int) -> Found:
    """Rows 7 to 9 (R17). ``today``: 00:00 of the day of the promise."""
    if end < today:
        return (Verdict.EARLY, Verdict.EARLY, flags) if flags else _EARLY
    if end >= today + DAY:
        return (Verdict.LATE, Verdict.LATE, flags) if flags else _LATE
    if end > promise:
        return Verdict.ON_TIME, Verdict.LATE, flags | _DIFFER
    return Verdict.ON_TIME, Verdict.EARLY if end < promise else Verdict.ON_TIME, flags


def _pending(today: int, promise: int, flags: int, moment: Moment) -> Found:
    """Rows 14 and 15 (R18, R24)."""
    as_of = moment.as_of
    if as_of >= today + DAY:
        return (Verdict.OVERDUE, Verdict.OVERDUE, flags) if flags else _OVERDUE
    if as_of >= today:
        flags |= _TODAY
    if as_of > promise:
        return Verdict.IN_TIME, Verdict.OVERDUE, flags | _DIFFER
    if promise <= moment.near_until:
        flags |= _NEAR
    elif promise > moment.known_until:
        flags |= _GAP
    return (Verdict.IN_TIME, Verdict.IN_TIME, flags) if flags else _IN_TIME


def _waiting(today: int, promise: int, flags: int, since: int | None, as_of: int) -> Found:
    """Rows 10 and 11 (R19): a wait never cures lateness that was there when it began."""
    if since is None:
        return Verdict.PAUSED, Verdict.PAUSED, flags | _NO_START if as_of > promise else flags
    if since >= today + DAY:
        return Verdict.PAUSED_LATE, Verdict.PAUSED_LATE, flags
    if since > promise:
        return Verdict.PAUSED, Verdict.PAUSED_LATE, flags | _DIFFER
    return (Verdict.PAUSED, Verdict.PAUSED, flags) if flags else _PAUSED


def _outside(status: int, today: int, flags: int, end: int | None) -> Found:
    """Rows 2 to 4 (R21, R22)."""
    by_date, by_instant, _ = _OUTSIDE_FOUND[status]
    if status == 7 and end is not None and end >= today + DAY:
        flags |= _WITHDRAWN_LATE
    return by_date, by_instant, flags


def _both(verdict: Verdict, flags: int = 0) -> Found:
    return verdict, verdict, flags


def _data_error(flags: int) -> Found:
    return Verdict.DATA_ERROR, Verdict.DATA_ERROR, flags


_TODAY = BIT[Flag.DUE_TODAY]
_NEAR = BIT[Flag.NEAR_DUE]
_GAP = BIT[Flag.CALENDAR_GAP]
_DIFFER = BIT[Flag.DATE_INSTANT_DIFFER]
_MIDNIGHT = BIT[Flag.MIDNIGHT_DUE]
_WITHDRAWN_LATE = BIT[Flag.WITHDRAWN_AFTER_DUE]
_NO_START = BIT[Flag.NO_WAIT_START]
_NO_END = BIT[Flag.NO_END_TIME]
_END_FIRST = BIT[Flag.END_BEFORE_RECEPTION]
_DUE_FIRST = BIT[Flag.DUE_BEFORE_RECEPTION]
_RECEIVED_AHEAD = BIT[Flag.RECEPTION_IN_FUTURE]
_END_AHEAD = BIT[Flag.END_IN_FUTURE]
_WAIT_AHEAD = BIT[Flag.WAIT_IN_FUTURE]
_WAIT_FIRST = BIT[Flag.WAIT_BEFORE_RECEPTION]
_EARLY, _LATE = _both(Verdict.EARLY), _both(Verdict.LATE)
_IN_TIME, _OVERDUE, _PAUSED = _both(Verdict.IN_TIME), _both(Verdict.OVERDUE), _both(Verdict.PAUSED)
_NO_DUE = BIT[Flag.NO_DUE]
_NO_DUE_FOUND = {
    _ENDED: _both(Verdict.ON_TIME, _NO_DUE),
    _PENDING: _both(Verdict.IN_TIME, _NO_DUE),
    _WAITING: _PAUSED,
}
_OUTSIDE_FOUND = {
    1: _both(Verdict.NOT_COUNTED),
    3: _both(Verdict.REFUSED),
    7: _both(Verdict.WITHDRAWN),
}
