"""One line of a doctor's report.

Invariant: whatever is not ok says what to do.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Level(StrEnum):
    """How bad it is. fail: something will not work. warn: it will not work for long, or not well."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, what was found, what to do."""

    level: Level
    subject: str
    found: str
    cure: str = ""


def ok(subject: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(level=Level.OK, subject=subject, found=found)


def warn(subject: str, found: str, cure: str) -> Finding:
    """It works, but somebody should look at it."""
    return Finding(level=Level.WARN, subject=subject, found=found, cure=cure)


def fail(subject: str, found: str, cure: str) -> Finding:
    """It does not work."""
    return Finding(level=Level.FAIL, subject=subject, found=found, cure=cure)
