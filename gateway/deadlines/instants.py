"""Instants and days as whole numbers: microseconds since 1970 in UTC, days since 1970 in Viet Nam's time.

Viet Nam has one offset and no daylight saving (domain_rules §3.1), so a day is exactly 24 hours everywhere here.
Invariant: an instant without an offset is refused, never guessed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
OFFSET = 7 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def to_micros(instant: datetime) -> int:
    """Microseconds since the epoch of an aware ``instant``; exact. ValueError when it has no offset."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no offset; write it like 2026-09-28T08:05:00+07:00")
    return (instant - _EPOCH) // MICROSECOND


def maybe_micros(instant: datetime | None) -> int | None:
    """Like ``to_micros``; None stays None."""
    return None if instant is None else to_micros(instant)


def from_micros(micros: int) -> datetime:
    """The instant of ``micros``, written in Viet Nam's time; exact."""
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(VIETNAM)


def maybe_from_micros(micros: int | None) -> datetime | None:
    """Like ``from_micros``; None stays None."""
    return None if micros is None else from_micros(micros)


def day_number(day: date) -> int:
    """Whole days from 1970-01-01 to ``day``."""
    return day.toordinal() - _EPOCH_DAY


def day_of_number(number: int) -> date:
    """The day that is ``number`` days after 1970-01-01."""
    return date.fromordinal(number + _EPOCH_DAY)


def day_number_of(micros: int) -> int:
    """The number of the day in Viet Nam on which the instant falls."""
    return (micros + OFFSET) // DAY


def day_of(instant: datetime) -> date:
    """The day in Viet Nam on which an aware ``instant`` falls."""
    return day_of_number(day_number_of(to_micros(instant)))


def start_of_day(number: int) -> int:
    """Microseconds of 00:00 in Viet Nam on day ``number``."""
    return number * DAY - OFFSET
