"""How long contents of the message log are kept: three classes, each with its own period, decided by one table.

evidence    everything about a dossier, what people did, time stamps, and whatever the table does not name
debug       calls that turned out to be about no dossier: refused ones, feeds, lookups
health      logins, catalogues and the like: they only say that both sides were there
An entry itself, its leaf and its number are for ever: only contents go, and evidence goes into archives. Invariant: nothing
about a dossier is ever in another class than evidence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial

import msgspec

from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.upkeep_contents import LogLine, drop_contents, log_lines

AT_ONCE = 1_000


class RetentionClass(StrEnum):
    """Why a content is kept."""

    EVIDENCE = "evidence"
    DEBUG = "debug"
    HEALTH = "health"


class Rule(msgspec.Struct, frozen=True):
    """Entries about no dossier whose channel and operation fit (``*`` for anything)."""

    channel: str
    operation: str
    kept_as: RetentionClass


# the first that fits decides
RULES: tuple[Rule, ...] = (
    Rule("operator", "*", RetentionClass.EVIDENCE),
    Rule("evidence", "*", RetentionClass.EVIDENCE),
    Rule("webhook:*", "*", RetentionClass.DEBUG),
    Rule("*", "login", RetentionClass.HEALTH),
    Rule("*", "token", RetentionClass.HEALTH),
    Rule("*", "ping", RetentionClass.HEALTH),
    Rule("*", "catalogue*", RetentionClass.HEALTH),
    Rule("*", "progress.feed", RetentionClass.DEBUG),
    Rule("*", "callback", RetentionClass.DEBUG),
    Rule("*", "file", RetentionClass.DEBUG),
    Rule("*", "record", RetentionClass.DEBUG),
    Rule("*", "*", RetentionClass.EVIDENCE),
)


class Periods(msgspec.Struct, frozen=True, kw_only=True):
    """How long contents are kept in the database."""

    debug: timedelta
    health: timedelta

    def of(self, kept_as: RetentionClass) -> timedelta | None:
        """None: as long as its archive."""
        match kept_as:
            case RetentionClass.EVIDENCE:
                return None
            case RetentionClass.DEBUG:
                return self.debug
            case RetentionClass.HEALTH:
                return self.health


class Dropping(msgspec.Struct, frozen=True, kw_only=True):
    """One pass over the log. ``rate``: entries a second at most; ``report``: called after each stretch with the number
    of entries looked at and the watermark."""

    database: Database
    periods: Periods
    now: datetime
    rate: float
    report: Callable[[int, str], Awaitable[None]]
    dry_run: bool = False


def class_of(line: LogLine) -> RetentionClass:
    """The class of an entry's content."""
    return RetentionClass.EVIDENCE if line.about else class_by_rule(line.channel, line.operation)


def class_by_rule(channel: str, operation: str) -> RetentionClass:
    """The class of what is about no dossier."""
    return next(
        rule.kept_as
        for rule in RULES
        if fnmatchcase(channel, rule.channel) and fnmatchcase(operation, rule.operation)
    )


async def drop_expired(order: Dropping, watermark: str | None) -> dict[str, int]:
    """Drop the contents whose period is over; how many of each class. Goes on from ``watermark``."""
    marks = _read_marks(watermark)
    dropped = {RetentionClass.DEBUG.value: 0, RetentionClass.HEALTH.value: 0}
    looked = 0
    for kept_as in (RetentionClass.HEALTH, RetentionClass.DEBUG):
        period = order.periods.of(kept_as)
        if period is None:
            continue
        before = to_micros(order.now - period)
        over = False
        while not over:
            began = time.monotonic()
            lines = await order.database.read(partial(log_lines, after=marks[kept_as], limit=AT_ONCE))
            due = [line for line in lines if line.at < before]
            over = len(due) < len(lines) or not lines
            entries = [line.id for line in due if line.held and class_of(line) is kept_as]
            dropped[kept_as.value] += len(entries)
            if entries and not order.dry_run:
                await order.database.write(partial(drop_contents, entries=entries))
            marks[kept_as] = _mark(lines, before, marks[kept_as])
            looked += len(due)
            await order.report(looked, _written(marks))
            await asyncio.sleep(max(0.0, len(due) / order.rate - (time.monotonic() - began)))
    return dropped


def _mark(lines: list[LogLine], before: int, mark: int) -> int:
    """Up to where nothing is left to do: before the first entry that is not old enough."""
    for line in lines:
        if line.at >= before:
            break
        mark = line.seq
    return mark


def _read_marks(watermark: str | None) -> dict[RetentionClass, int]:
    found = dict.fromkeys(RetentionClass, 0)
    for part in (watermark or "").split():
        name, _, seq = part.partition("=")
        found[RetentionClass(name)] = int(seq)
    return found


def _written(marks: dict[RetentionClass, int]) -> str:
    return " ".join(f"{kept_as.value}={seq}" for kept_as, seq in marks.items() if seq)
