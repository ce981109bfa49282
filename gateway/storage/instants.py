"""Instants as the database keeps them: integer microseconds since the Unix epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Microseconds since the epoch of an aware ``instant``; exact."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC instant of ``micros``; exact."""
    return _EPOCH + timedelta(microseconds=micros)


def maybe_micros(instant: datetime | None) -> int | None:
    """Like ``to_micros``; None stays None."""
    return None if instant is None else to_micros(instant)


def maybe_from_micros(micros: int | None) -> datetime | None:
    """Like ``from_micros``; None stays None."""
    return None if micros is None else from_micros(micros)
