"""The reception clock: an online filing is accepted, refused or sent back within eight working hours (R1, R01-R05).

In person there is none: what is handed in at the counter is received on the spot. Invariant: like every verdict this
one has two grains, the day and the instant.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.instants import MINUTE, day_number_of, from_micros, to_micros

LIMIT_MINUTES = 480
SOON_MINUTES = 120


class ReceptionVerdict(StrEnum):
    """§3.2, row 2. DUE_SOON: still waiting, and little working time is left."""

    OK = "OK"
    DUE_SOON = "DUE_SOON"
    LATE_RECEPTION = "LATE_RECEPTION"


class Filing(msgspec.Struct, frozen=True, kw_only=True):
    """An online filing. ``stopped_at``: when it went to state 2, 3, 5 or 7; None while it waits.

    ``restarted_at``: when a fee that filing depends on was paid; the clock starts again then (R1).
    """

    submitted_at: datetime
    stopped_at: datetime | None = None
    restarted_at: datetime | None = None


class Reception(msgspec.Struct, frozen=True, kw_only=True):
    """Until when it must be answered, and whether it was."""

    limit_at: datetime
    by_date: ReceptionVerdict
    by_instant: ReceptionVerdict


def reception_limit(filing: Filing, calendar: Calendar, limit_minutes: int = LIMIT_MINUTES) -> datetime:
    """Until when a filing must be answered. CalendarGap when the calendar does not reach so far."""
    start = max(filing.submitted_at, filing.restarted_at or filing.submitted_at)
    return calendar.add_working_minutes(start, limit_minutes)


def judge_reception(
    filing: Filing, calendar: Calendar, as_of: datetime, *, limit_minutes: int = LIMIT_MINUTES
) -> Reception:
    """How the reception clock stands at ``as_of``, or stood when it was stopped before."""
    limit_at = reception_limit(filing, calendar, limit_minutes)
    limit = to_micros(limit_at)
    stopped = None if filing.stopped_at is None or filing.stopped_at > as_of else filing.stopped_at
    at = to_micros(as_of if stopped is None else stopped)
    fine = ReceptionVerdict.OK
    if (
        stopped is None
        and at <= limit
        and calendar.worked(limit) - calendar.worked(at) <= SOON_MINUTES * MINUTE
    ):
        fine = ReceptionVerdict.DUE_SOON
    late = ReceptionVerdict.LATE_RECEPTION
    return Reception(
        limit_at=from_micros(limit),
        by_date=late if day_number_of(at) > day_number_of(limit) else fine,
        by_instant=late if at > limit else fine,
    )
