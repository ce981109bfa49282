"""Both ledgers over a period of days: what our books say, what the platform says, and what lies between them.

Invariant: every figure is the sum of the days' figures, and every day's of its classes; amounts are integer đồng.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from gateway.domain.reconciliation import ClassTotal


class DayTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One day. ``matched``: items on which both sides agree. ``looked_at``: when it was compared last; null: never."""

    day: date
    items: int = 0
    matched: int = 0
    open: int = 0
    ours: int = 0
    theirs: int = 0
    difference: int = 0
    looked_at: datetime | None = None


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Both ledgers from ``start`` to ``end`` (inclusive). ``sound``: the differences add up to the difference of the
    sums. ``unread``: lines of settlement files that could not be read. ``waiting``: open items of any day, by class."""

    start: date
    end: date
    destination: str | None
    destinations: list[str]
    days: list[DayTotal]
    classes: list[ClassTotal]
    items: int
    matched: int
    open: int
    ours: int
    theirs: int
    difference: int
    sound: bool
    unread: int
    waiting: dict[str, int]
