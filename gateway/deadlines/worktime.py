"""Cumulative tables of working time: sums per day, so that any interval is two look-ups.

Everything is in whole microseconds and day numbers (``gateway.deadlines.instants``). Invariant: ``worked`` never falls
as time passes, and ``earliest`` and ``latest`` are its two inverses; None means outside the tables.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from gateway.deadlines.instants import DAY, OFFSET

Spans = tuple[tuple[int, int], ...]
"""The windows of one day, in microseconds since its midnight; empty when it is not worked."""


class WorkTable:
    """The tables of one calendar, from day number ``first`` on."""

    __slots__ = ("_before", "_counted", "_first", "_spans", "_working")

    def __init__(self, first: int, spans: Sequence[Spans]) -> None:
        self._first = first
        self._spans = tuple(spans)
        work = (sum(end - start for start, end in day) for day in spans)
        self._before = tuple(accumulate(work, initial=0))
        self._working = tuple(first + index for index, day in enumerate(spans) if day)
        self._counted = tuple(accumulate((1 if day else 0 for day in spans), initial=0))

    def is_working(self, day: int) -> bool:
        """Whether the covered ``day`` has a window."""
        return bool(self._spans[day - self._first])

    def days_between(self, a: int, b: int) -> int:
        """Working days after ``a`` up to and with ``b``, both covered."""
        return self._counted[b - self._first + 1] - self._counted[a - self._first + 1]

    def nth_after(self, day: int, count: int) -> int | None:
        """The ``count``-th working day after the covered ``day``."""
        index = self._counted[day - self._first + 1] + count - 1
        return self._working[index] if index < len(self._working) else None

    def worked(self, micros: int) -> int | None:
        """Working time from the beginning of the tables to an instant."""
        day, within = divmod(micros + OFFSET, DAY)
        index = day - self._first
        return self._worked(index, within) if 0 <= index < len(self._spans) else None

    def elapsed(self, start: int, end: int) -> tuple[int, int] | None:
        """Working days after the day of ``start`` up to that of ``end``, and working time between the instants."""
        first, early = divmod(start + OFFSET, DAY)
        last, late = divmod(end + OFFSET, DAY)
        first -= self._first
        last -= self._first
        if not (0 <= first < len(self._spans) and 0 <= last < len(self._spans)):
            return None
        days = self._counted[last + 1] - self._counted[first + 1]
        return days, self._worked(last, late) - self._worked(first, early)

    def _worked(self, index: int, within: int) -> int:
        total = self._before[index]
        for start, end in self._spans[index]:
            if within <= start:
                break
            total += min(within, end) - start
        return total

    def earliest(self, work: int) -> int | None:
        """The first instant at which ``worked`` is ``work``: exactly at closing rather than next morning (C09)."""
        return self._instant(bisect_left(self._before, work) - 1, work, at_closing=True)

    def latest(self, work: int) -> int | None:
        """The last instant at which ``worked`` is still ``work``: next morning's opening rather than closing."""
        return self._instant(bisect_right(self._before, work) - 1, work, at_closing=False)

    def _instant(self, index: int, work: int, *, at_closing: bool) -> int | None:
        if not 0 <= index < len(self._spans):
            return None
        rest = work - self._before[index]
        for start, end in self._spans[index]:
            length = end - start
            if rest < length or (at_closing and rest == length):
                return (self._first + index) * DAY - OFFSET + start + rest
            rest -= length
        return None

    def start_from(self, micros: int) -> int | None:
        """``micros`` itself when it lies in a window or at its end, else the next opening (R3)."""
        day, within = divmod(micros + OFFSET, DAY)
        for start, end in self._spans[day - self._first]:
            if within <= end:
                return max(micros, day * DAY - OFFSET + start)
        opening = self.nth_after(day, 1)
        if opening is None:
            return None
        return opening * DAY - OFFSET + self._spans[opening - self._first][0][0]

    def closing(self, day: int) -> int:
        """The end of the last window of the covered working ``day``."""
        return day * DAY - OFFSET + self._spans[day - self._first][-1][1]
