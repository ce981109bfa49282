"""When to try again: a pure function of what has happened so far. Waits are stored with the lane, never slept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.settings import RetrySettings

Chance = Callable[[], float]
"""A random number in [0, 1)."""


def back_off(settings: RetrySettings, tries: int, chance: Chance) -> timedelta:
    """The pause after the ``tries``-th failure (1 is the first): doubling, capped, ± jitter."""
    exponent = min(max(tries, 1) - 1, 64)
    plain = min(settings.longest, settings.first * settings.factor**exponent)
    return timedelta(seconds=plain * (1 + settings.jitter * (2 * chance() - 1)))


def swallowed(settings: RetrySettings, sends: int, doubts: int) -> bool:
    """Whether a delivery was lost on the way so often that a person must look at it.

    Neither number alone says so: a send that was refused for the moment is no doubt, and a doubt that could not be
    asked about is no send.
    """
    return min(sends, doubts) >= settings.rounds


def exhausted(settings: RetrySettings, since: datetime, now: datetime) -> bool:
    """Whether a delivery was tried for so long, ``since`` it was planned or retried, that a person must look at it."""
    return (now - since).total_seconds() > settings.give_up_after
