"""Days that are not what their weekday says, and the JSON documents that list them.

A calendar is ``{"version", "first_day", "last_day", "windows": ["07:00-11:30", …], "days": [{"on", "works", "name",
"certainty", "source", "windows"}]}``; an office's own days are ``{"name", "windows", "days"}``. Invariant: a document
that is not wholly understood is refused with its place; every entry names its source.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import TypeVar

import msgspec

from gateway.deadlines.windows import Windows, parse_window


class Certainty(StrEnum):
    """How sure an entry is (domain_rules §3.4: C, H and P)."""

    CONFIRMED = "confirmed"
    HIGH = "high"
    PROVISIONAL = "provisional"


class SpecialDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day off, a make-up Saturday, a morning that is worked. ``windows``: hours of this day alone."""

    on: date
    works: bool
    name: str
    certainty: Certainty
    source: str
    windows: Windows = ()


class LocalDays(msgspec.Struct, frozen=True, kw_only=True):
    """What one office adds to a calendar: its own days and hours. An entry replaces the calendar's for that day."""

    name: str
    days: tuple[SpecialDay, ...] = ()
    windows: Windows = ()


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Root of the document's types: unknown fields are refused."""


class DayEntry(_Strict, frozen=True, kw_only=True, omit_defaults=True):
    """A special day in a document."""

    on: date
    works: bool
    name: str
    certainty: Certainty
    source: str
    windows: list[str] = []


class CalendarDocument(_Strict, frozen=True, kw_only=True, omit_defaults=True):
    """A calendar's JSON document. ``note``: for readers."""

    version: str
    first_day: date
    last_day: date
    days: list[DayEntry]
    windows: list[str] = []
    note: str = ""


class _LocalDocument(_Strict, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    days: list[DayEntry] = []
    windows: list[str] = []
    note: str = ""


def decode_calendar(document: bytes) -> CalendarDocument:
    """A calendar's document. ValueError says what is wrong with it and where."""
    return _decode(document, CalendarDocument, "a calendar")


def read_local_days(document: bytes) -> LocalDays:
    """An office's own days and hours. ValueError says what is wrong with the document and where."""
    read = _decode(document, _LocalDocument, "a list of local days")
    if not read.name:
        raise ValueError("a list of local days needs the name of its office")
    return LocalDays(name=read.name, days=read_days(read.days), windows=read_windows(read.windows))


_T = TypeVar("_T")


def _decode(document: bytes, kind: type[_T], what: str) -> _T:
    try:
        return msgspec.json.decode(document, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError(f"this is not {what}: {fault}") from fault


def read_days(entries: Iterable[DayEntry]) -> tuple[SpecialDay, ...]:
    """The special days of a document, in the order of time."""
    days = (
        SpecialDay(
            on=entry.on,
            works=entry.works,
            name=entry.name,
            certainty=entry.certainty,
            source=entry.source,
            windows=read_windows(entry.windows),
        )
        for entry in entries
    )
    return tuple(sorted(days, key=lambda day: day.on))


def written_day(day: SpecialDay) -> DayEntry:
    """``day`` as it stands in a document."""
    return DayEntry(
        on=day.on,
        works=day.works,
        name=day.name,
        certainty=day.certainty,
        source=day.source,
        windows=[str(window) for window in day.windows],
    )


def read_windows(texts: Iterable[str]) -> Windows:
    """Windows like ``07:00-11:30``."""
    return tuple(parse_window(text) for text in texts)
