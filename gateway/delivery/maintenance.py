"""Windows in which nothing is sent to a destination, announced by the partner. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone

from gateway.domain.errors import ConfigurationError
from gateway.settings import Maintenance

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")


def resumes_at(windows: Sequence[Maintenance], now: datetime) -> datetime | None:
    """When the window that ``now`` lies in ends; None outside every window."""
    ends = [end for window in windows if (end := _end(window, now)) is not None]
    return max(ends, default=None)


def require_windows(windows: Sequence[Maintenance], *, destination: str) -> None:
    """Refuse windows that cannot be read; ConfigurationError names the destination and the value."""
    for window in windows:
        try:
            _end(window, datetime(2026, 1, 1, tzinfo=VIETNAM))
            _require_length(window)
        except (ValueError, TypeError) as fault:
            raise ConfigurationError(
                f"destination.{destination}.maintenance: got {window.start!r}-{window.end!r}, expected HH:MM "
                f"or ISO 8601 instants with an offset: {fault}"
            ) from fault


def _require_length(window: Maintenance) -> None:
    """A window that is over before it begins never shuts; a daily one of no length would shut for ever."""
    if "T" in window.start:
        empty = datetime.fromisoformat(window.end) <= datetime.fromisoformat(window.start)
    else:
        empty = time.fromisoformat(window.end) == time.fromisoformat(window.start)
    if empty:
        raise ValueError("the window has no length")


def _end(window: Maintenance, now: datetime) -> datetime | None:
    if "T" in window.start:
        start, end = datetime.fromisoformat(window.start), datetime.fromisoformat(window.end)
        return end if start <= now < end else None
    return _daily_end(time.fromisoformat(window.start), time.fromisoformat(window.end), now)


def _daily_end(start: time, end: time, now: datetime) -> datetime | None:
    local = now.astimezone(VIETNAM)
    for day in (local.date() - timedelta(days=1), local.date()):
        begins = datetime.combine(day, start, VIETNAM)
        ends = datetime.combine(day, end, VIETNAM)
        if ends <= begins:
            ends += timedelta(days=1)
        if begins <= local < ends:
            return ends
    return None
