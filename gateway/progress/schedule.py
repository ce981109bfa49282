"""When a dossier is asked about next, and when officials are warned. Pure; instants and pauses in microseconds.

Invariant: as long as the partner has not said that nothing more will come, there is a next question; a question without
an answer comes sooner than silence would have it, never later.
"""

from __future__ import annotations

from gateway.port.progress import Schedule

SECOND = 1_000_000


def first_pause(schedule: Schedule) -> int:
    """How long after a delivery or a report the next question is asked."""
    return round(schedule.first * SECOND)


def next_pause(schedule: Schedule, pause: int, *, reported: bool, promise_at: int | None, now: int) -> int:
    """The pause after an answer at ``now``; ``pause`` is the one before it."""
    longest = round(schedule.longest * SECOND)
    wanted = first_pause(schedule) if reported else min(longest, round(pause * schedule.factor))
    if promise_at is None:
        return wanted
    near = round(schedule.near * SECOND)
    stretch = round(abs(schedule.alarm_before) * SECOND)
    begins = promise_at - stretch
    if begins <= now <= promise_at + stretch:
        return min(wanted, near)
    if now < begins:  # the first question of the close watch is asked when it begins
        return min(wanted, max(begins - now, min(near, wanted)))
    return wanted


def pause_after_failure(schedule: Schedule, failures: int, pause: int) -> int:
    """The pause after question number ``failures`` + 1 in a row without a usable answer."""
    first = max(SECOND, first_pause(schedule) // 4)
    doubled: int = first * 2 ** min(failures, 20)
    return min(max(pause, first), doubled)


def warned_until(schedule: Schedule, now: int) -> int:
    """Promises up to this instant are to be warned of at ``now``."""
    return now + round(schedule.alarm_before * SECOND)
