"""Working hours of one day: windows like 07:00-11:30, in order and apart.

Invariant: ``check_windows`` lets nothing through that a table of working time could not be built from.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from gateway.deadlines.instants import MINUTE

MINUTES_A_DAY = 24 * 60


class Window(msgspec.Struct, frozen=True, array_like=True):
    """One span of working time, in minutes since 00:00 in Viet Nam; ``end`` is not in it."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"


Windows = tuple[Window, ...]

# domain_rules §3.5: the hours of the worked cases, and those of national_portal §11.5
DEFAULT_WINDOWS: Windows = (Window(7 * 60, 11 * 60 + 30), Window(13 * 60 + 30, 17 * 60))


def parse_window(text: str) -> Window:
    """``07:00-11:30`` as a window. ValueError when it is not one."""
    start, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"got {text!r}, expected a window like 07:00-11:30")
    return Window(parse_clock(start.strip()), parse_clock(end.strip()))


def parse_clock(text: str) -> int:
    """``HH:MM`` as minutes since midnight; 24:00 is the end of the day."""
    hours, _, minutes = text.partition(":")
    if len(hours) == len(minutes) == 2 and (hours + minutes).isdecimal() and (hours + minutes).isascii():
        value = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and value <= MINUTES_A_DAY:
            return value
    raise ValueError(f"got {text!r}, expected a time like 07:00")


def check_windows(windows: Windows, where: str = "windows") -> Windows:
    """``windows`` when there is one, and they are in order, apart and inside one day; ValueError otherwise."""
    if not windows:
        raise ValueError(f"{where}: a working day needs at least one window")
    for window in windows:
        if not 0 <= window.start < window.end <= MINUTES_A_DAY:
            raise ValueError(f"{where}: {window} is no span of one day")
    for one, other in pairwise(windows):
        if other.start < one.end:
            raise ValueError(f"{where}: {other} begins before {one} ends; list them in order")
    return windows


def spans(windows: Windows) -> tuple[tuple[int, int], ...]:
    """The windows in microseconds since midnight."""
    return tuple((window.start * MINUTE, window.end * MINUTE) for window in windows)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
