"""What a wait for the applicant makes of a promise: restart, pause by working time, pause by calendar days (R12, R13).

For checks: the promise itself moves only when the one-door system says so. Invariant: a wait that began after the
promise was over moves nothing, since pausing never cures lateness (domain_rules, rule 11).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.duration import Due, Duration, due
from gateway.deadlines.instants import DAY, VIETNAM, day_of, from_micros, to_micros
from gateway.deadlines.judge import promise_of
from gateway.deadlines.policy import WaitPolicy

_MONTHS_DIFFER = timedelta(days=3)


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """From the request or notice to its full answer."""

    since: datetime
    until: datetime


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """What was promised when. ``duration``: of the procedure, when it is known."""

    received_at: datetime
    due_at: datetime
    duration: Duration | None = None


def due_after(promise: Promise, wait: Wait, policy: WaitPolicy, calendar: Calendar) -> Due:
    """When the answer is due after ``wait``. CalendarGap when the calendar does not reach so far.

    RESET without a known duration counts the working time that was promised at first once more (E01).
    """
    if to_micros(wait.since) > promise_of(to_micros(promise.due_at)):
        return _on(promise.due_at)
    match policy:
        case WaitPolicy.RESET:
            return _restarted(promise, wait, calendar)
        case WaitPolicy.PAUSE_WORKING:
            return _on(from_micros(_later(promise.due_at, wait.since, wait.until, calendar)))
        case WaitPolicy.PAUSE_CALENDAR:
            # national_portal §11.5: whole days waited are added, then on to a working day at the same clock time
            days = (to_micros(wait.until) - to_micros(wait.since)) // DAY
            moved = from_micros(to_micros(promise.due_at)) + timedelta(days=days)
            landed = calendar.working_day_from(moved.date())
            return _on(moved + (landed - moved.date()))
        case _:
            assert_never(policy)


def latest_after(promise: Promise, wait: Wait, policy: WaitPolicy, calendar: Calendar) -> Due:
    """The latest that may be promised after ``wait``. CalendarGap when the calendar does not reach so far.

    A restart whose duration is not known may have been counted in any unit: in working time, or in days or months,
    which are up to three days longer from one month to another and may end on a day off.
    """
    expected = due_after(promise, wait, policy, calendar)
    lapsed = to_micros(wait.since) > promise_of(to_micros(promise.due_at))
    if policy is not WaitPolicy.RESET or promise.duration is not None or lapsed:
        return expected
    moved = wait.until.astimezone(VIETNAM) + (promise.due_at - promise.received_at) + _MONTHS_DIFFER
    landed = moved + (calendar.working_day_from(day_of(moved)) - day_of(moved))
    return _on(max(expected.due_at, landed))


def _restarted(promise: Promise, wait: Wait, calendar: Calendar) -> Due:
    if promise.duration is not None:
        return due(wait.until, promise.duration, calendar)
    return _on(from_micros(_later(wait.until, promise.received_at, promise.due_at, calendar)))


def _later(start: datetime, since: datetime, until: datetime, calendar: Calendar) -> int:
    """The working time from ``since`` to ``until``, counted from ``start`` on."""
    work = calendar.worked(to_micros(until)) - calendar.worked(to_micros(since))
    return calendar.after_work(to_micros(start), max(work, 0))


def _on(instant: datetime) -> Due:
    return Due(due_at=instant, legal_last_day=day_of(instant))
