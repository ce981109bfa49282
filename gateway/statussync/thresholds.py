"""When time alone changes how a dossier stands: near due, due today, overdue, received late, at risk.

Pure; instants are microseconds. A period is looked at when its next threshold comes and at no other time, so a sweep
costs what has changed and not what there is. Invariant: what is told is true at the instant at which it is told; a
threshold that was passed unseen (nobody was running) gives way to the next one that holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from gateway.deadlines.calendar import Calendar, CalendarGap
from gateway.deadlines.classify import Verdict
from gateway.deadlines.instants import DAY, HOUR, MINUTE, from_micros, start_of_day, to_micros
from gateway.deadlines.judge import promise_of
from gateway.deadlines.reception import Filing, reception_limit
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from gateway.storage.standings import StandingRow

_RUNNING = frozenset({Status.RECEIVED.national, Status.PROCESSING.national})
_ENDED = frozenset({Verdict.EARLY, Verdict.ON_TIME, Verdict.LATE, Verdict.WITHDRAWN})
_WAITS = frozenset({Verdict.PAUSED, Verdict.PAUSED_LATE})
_IN_GOOD_TIME = frozenset({Verdict.EARLY, Verdict.ON_TIME, Verdict.WITHDRAWN, Verdict.PAUSED})
_FOREVER = 2**63


class Threshold(StrEnum):
    """What a dossier crosses; told once for each limit."""

    NEAR_DUE = "near_due"
    DUE_TODAY = "due_today"
    OVERDUE = "overdue"
    RECEPTION_LATE = "reception_late"
    AT_RISK = "at_risk"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How early to warn. ``near`` and ``reception`` in working time (R24, R1), ``grace`` in plain time: so long an
    end may be on its way to a partner before anybody worries, unless the promise is nearer."""

    near: int = 8 * HOUR
    reception: int = 8 * HOUR
    grace: int = 5 * MINUTE


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """``crossed``: (threshold, its limit) that hold now; ``next_at``: when to look again, None for never."""

    crossed: tuple[tuple[Threshold, int], ...]
    next_at: int | None


def look(row: StandingRow, now: int, calendar: Calendar, limits: Limits) -> Look:
    """What holds of the open period ``row`` at ``now``, and when that changes.

    AT_RISK means here only that it is time to compare with what partners know (``gateway.statussync.risk``).
    """
    moments = list(_moments(row, calendar, limits))
    crossed = tuple((each.threshold, each.limit) for each in moments if each.start <= now < each.end)
    upcoming = [each.start for each in moments if each.start > now]
    return Look(crossed=crossed, next_at=min(upcoming, default=None))


def runs(row: StandingRow) -> bool:
    """Whether its resolution clock runs, so that time makes it late."""
    return row.status in _RUNNING


def has_ended(row: StandingRow) -> bool:
    """Whether nothing more can make it late."""
    return row.by_date in _ENDED


def waits(row: StandingRow) -> bool:
    """Whether it waits for the applicant."""
    return row.by_date in _WAITS


def promise_moved(row: StandingRow) -> bool:
    """Whether the promise that holds is later than the first one."""
    return row.due_at is not None and row.due_original_at is not None and row.due_at > row.due_original_at


def in_good_time(row: StandingRow, now: int) -> bool:
    """Whether it is not late by date at ``now``. The class of one that runs is as old as the row, so it is compared
    anew."""
    if runs(row):
        return (
            row.by_date != Verdict.DATA_ERROR
            and row.due_day is not None
            and now < start_of_day(row.due_day + 1)
        )
    return row.by_date in _IN_GOOD_TIME


class _Moment(msgspec.Struct, frozen=True):
    """A threshold holds from ``start`` on, before ``end``."""

    threshold: Threshold
    limit: int
    start: int
    end: int = _FOREVER


def _moments(row: StandingRow, calendar: Calendar, limits: Limits) -> Iterator[_Moment]:
    if row.status == Status.REGISTERED.national:
        yield from _reception(row, calendar, limits)
        return
    if row.due_at is None or row.due_day is None or row.by_date == Verdict.DATA_ERROR:
        return  # R20: nothing to cross; R26: of impossible data nothing is said but that
    near_at = near_from(row.due_at, calendar, limits)
    if runs(row):
        # R18, R24. By date is the official figure, so overdue begins when the day has ended.
        tomorrow = start_of_day(row.due_day + 1)
        yield _Moment(Threshold.NEAR_DUE, row.due_at, near_at, promise_of(row.due_at) + 1)
        yield _Moment(Threshold.DUE_TODAY, row.due_at, start_of_day(row.due_day), tomorrow)
        yield _Moment(Threshold.OVERDUE, row.due_at, tomorrow)
    begins = risk_begins(row, near_at, limits)
    if begins is not None and in_good_time(row, begins):
        yield _Moment(Threshold.AT_RISK, row.due_at, begins)


def _reception(row: StandingRow, calendar: Calendar, limits: Limits) -> Iterator[_Moment]:
    """R1: the reception clock runs for what was filed online; at the counter it is received on the spot."""
    if row.submitted_at is None or row.channel != Channel.ONLINE:
        return
    limit = reception_limit_of(row.submitted_at, calendar, limits)
    yield _Moment(Threshold.RECEPTION_LATE, limit, limit + 1)


def reception_limit_of(submitted_at: int, calendar: Calendar, limits: Limits) -> int:
    """Until when an online filing must be accepted, refused or sent back."""
    filing = Filing(submitted_at=from_micros(submitted_at))
    try:
        return to_micros(reception_limit(filing, calendar, limits.reception // MINUTE))
    except CalendarGap:
        return submitted_at + DAY  # 24 clock hours, as for NEAR_DUE below


def near_from(due_at: int, calendar: Calendar, limits: Limits) -> int:
    """The first instant at which no more than ``limits.near`` of working time is left until the promise."""
    promise = promise_of(due_at)
    try:
        found = calendar.table.earliest(calendar.worked(promise) - limits.near)
    except CalendarGap:
        found = None
    # a calendar that does not reach so far: 24 clock hours before, as one of the systems of R24 does
    return promise - DAY if found is None else min(found, promise)


def risk_begins(row: StandingRow, near_at: int, limits: Limits) -> int | None:
    """When something that a partner does not know of ``row`` makes a difference soon; None: nothing could.

    An end or a wait: as soon as the promise is near, but after the grace, unless the promise would be over by then. A
    promise that has moved: after the grace, since the partner judges by the old one.
    """
    if row.due_at is None:
        return None
    after_grace = row.recorded_at + limits.grace
    if has_ended(row) or waits(row):
        latest = max(row.recorded_at, promise_of(row.due_at) - limits.grace)
        return min(max(near_at, after_grace), latest)
    return after_grace if promise_moved(row) else None
