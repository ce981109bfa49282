"""Days that are not what their weekday says, and the JSON documents that list them.

A calendar is ``{"version", "first_day", "last_day", "windows": ["07:00-11:30", …], "days": [{"on", "works", "name",
"certainty", "source", "windows"}]}``; an office's own days are ``{"name", "windows", "days"}``. Invariant: a document
that is not wholly understood is refused with its place; every entry names its source.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

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
    """A calendar's document. ValueError says what is wrong with it and where.

    A bare list, ``{"off": [{"date", "name", "status"}], "makeup": [{"date", "status"}]}`` with C, H and P for the
    certainty, is read as well: its version is its digest, and it covers the whole years that it speaks of.
    """
    try:
        bare = msgspec.json.decode(document, type=_BareList)
    except msgspec.ValidationError:
        return _decode(document, CalendarDocument, "a calendar")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError(f"this is not a calendar: {fault}") from fault
    return _from_bare_list(bare, hashlib.sha256(document).hexdigest()[:8])


def read_local_days(document: bytes) -> LocalDays:
    """An office's own days and hours. ValueError says what is wrong with the document and where."""
    read = _decode(document, _LocalDocument, "a list of local days")
    if not read.name:
        raise ValueError("a list of local days needs the name of its office")
    return LocalDays(name=read.name, days=read_days(read.days), windows=read_windows(read.windows))


class _BareDay(_Strict, frozen=True, kw_only=True):
    status: Literal["C", "H", "P"]
    name: str = ""
    on: date = msgspec.field(name="date")


class _BareList(_Strict, frozen=True, kw_only=True):
    off: Annotated[list[_BareDay], msgspec.Meta(min_length=1)]
    makeup: list[_BareDay] = []


_BY_LETTER = {"C": Certainty.CONFIRMED, "H": Certainty.HIGH, "P": Certainty.PROVISIONAL}
_T = TypeVar("_T")


def _from_bare_list(bare: _BareList, digest: str) -> CalendarDocument:
    years = [day.on.year for day in (*bare.off, *bare.makeup)]
    return CalendarDocument(
        version=f"list-{digest}",
        first_day=date(min(years), 1, 1),
        last_day=date(max(years), 12, 31),
        days=[
            DayEntry(
                on=day.on,
                works=works,
                name=day.name or ("make-up day" if works else "day off"),
                certainty=_BY_LETTER[day.status],
                source="imported list",
            )
            for days, works in ((bare.off, False), (bare.makeup, True))
            for day in days
        ],
    )


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
