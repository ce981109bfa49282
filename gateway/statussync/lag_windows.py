"""The maintenance that partners have announced, as stretches of time in which nothing could be told to them.

Pure; instants are microseconds since 1970. Invariant: the same windows in which the delivery sends nothing
(``gateway.delivery.maintenance``), told as stretches instead of asked about for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time

from gateway.deadlines.instants import DAY, HOUR, MINUTE, SECOND, day_number_of, start_of_day, to_micros
from gateway.settings import Maintenance

Stretch = tuple[int, int]


def stretches(windows: Iterable[Maintenance], since: int, until: int) -> list[Stretch]:
    """Every stretch of ``windows`` that reaches into the time from ``since`` to ``until``, in order."""
    found = (stretch for window in windows for stretch in _stretches(window, since, until))
    return sorted((begin, end) for begin, end in found if end > since and begin < until)


def _stretches(window: Maintenance, since: int, until: int) -> Iterator[Stretch]:
    if "T" in window.start:
        start, end = datetime.fromisoformat(window.start), datetime.fromisoformat(window.end)
        yield to_micros(start), to_micros(end)
        return
    begins, ends = _of_day(window.start), _of_day(window.end)
    length = ends - begins if ends > begins else ends - begins + DAY  # over midnight
    for day in range(day_number_of(since) - 1, day_number_of(until) + 1):
        begin = start_of_day(day) + begins
        yield begin, begin + length


def _of_day(text: str) -> int:
    """Microseconds from midnight to a time of day."""
    at = time.fromisoformat(text)
    return at.hour * HOUR + at.minute * MINUTE + at.second * SECOND + at.microsecond
