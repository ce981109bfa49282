"""When a job starts: five cron fields in a time zone.

The fields mean what Debian's cron makes of them, changes to and from summer time included. Invariant: a start that is
asked for "after" an instant lies after it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError

from gateway.domain.violation import Violation, shown

LONGEST_CRON = 200
_FIELDS = 5
# names of the tz database; `right/…` counts leap seconds, which nothing else here does
_ZONE = re.compile(r"(?!right/|posix/)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_LONGEST_ZONE = 64
_ANY_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
# what the library raises on expressions that it half understands (`5L/2`, `MON#1/2`)
_UNREADABLE = (CronSimError, AssertionError, TypeError, ValueError, IndexError)


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule. Make it of fields that ``violations_of`` has nothing against."""

    cron: str
    time_zone: str

    def after(self, instant: datetime) -> datetime | None:
        """The first start after ``instant`` (aware), UTC; None when there is none within fifty years."""
        return next(self._starts(instant), None)

    def upcoming(self, instant: datetime, count: int) -> list[datetime]:
        """The next ``count`` starts after ``instant``, UTC; fewer when there are no more."""
        return [start for start, _ in zip(self._starts(instant), range(count), strict=False)]

    @property
    def text(self) -> str:
        """The one text for this schedule."""
        return f"{self.cron} {self.time_zone}"

    def _starts(self, instant: datetime) -> Iterator[datetime]:
        zone = _zone(self.time_zone)
        last = instant
        for start in CronSim(self.cron, instant.astimezone(zone)):
            # where an hour comes twice, the library may go back to its first half
            if (found := start.astimezone(UTC)) > last:
                last = found
                yield found


def violations_of(cron: str, time_zone: str) -> list[Violation]:
    """What is wrong with a schedule; pointers ``/cron`` and ``/time_zone``."""
    found: list[Violation] = []
    if _zone_fault(time_zone):
        found.append(
            Violation(
                pointer="/time_zone",
                code="time_zone",
                got=shown(time_zone),
                expected="a name of the tz database, like Asia/Ho_Chi_Minh",
                advice="correct the name",
            )
        )
    if fault := _cron_fault(cron):
        found.append(
            Violation(
                pointer="/cron",
                code="cron",
                got=shown(cron),
                expected=f"minute, hour, day of the month, month, day of the week, like 15 2 * * 1-5 ({fault})",
                advice="correct the expression",
            )
        )
    return found


def _cron_fault(cron: str) -> str | None:
    if len(cron) > LONGEST_CRON:
        return f"at most {LONGEST_CRON} characters"
    if len(cron.split()) != _FIELDS:
        return f"{len(cron.split())} fields instead of {_FIELDS}"
    try:
        start = next(CronSim(cron, _ANY_INSTANT), None)
    except _UNREADABLE as fault:
        return str(fault).lower() or "not understood"
    return None if start is not None else "it never comes"


def _zone_fault(name: str) -> bool:
    if len(name) > _LONGEST_ZONE or not _ZONE.fullmatch(name):
        return True
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return True
    return False


@functools.cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
