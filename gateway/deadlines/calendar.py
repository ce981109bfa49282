"""The working calendar: which days and which hours are worked, and arithmetic on working time.

A calendar is data with a version (R9, R10); a changed calendar is another calendar. Look-ups go through cumulative
tables, one entry a day, so the length of an interval costs nothing. Invariant: a day outside the covered span is a
``CalendarGap``, never an ordinary weekday by guess.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache, cached_property
from importlib.resources import files

import msgspec

from gateway.deadlines.instants import (
    MINUTE,
    day_number,
    day_number_of,
    day_of_number,
    from_micros,
    to_micros,
)
from gateway.deadlines.special_days import (
    CalendarDocument,
    LocalDays,
    SpecialDay,
    decode_calendar,
    read_days,
    read_windows,
    written_day,
)
from gateway.deadlines.windows import DEFAULT_WINDOWS, Windows, check_windows, spans
from gateway.deadlines.worktime import WorkTable


class CalendarGap(ValueError):
    """The calendar says nothing about a day; import a calendar that covers it."""


class Calendar(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Working days and hours from ``first_day`` to ``last_day``, both covered."""

    version: str
    first_day: date
    last_day: date
    days: tuple[SpecialDay, ...]
    windows: Windows = DEFAULT_WINDOWS

    def __post_init__(self) -> None:
        if not self.version:
            raise ValueError("a calendar needs a version")
        if self.last_day < self.first_day:
            raise ValueError(f"a calendar ends ({self.last_day}) before it begins ({self.first_day})")
        check_windows(self.windows)
        seen: set[date] = set()
        for day in self.days:
            if day.on in seen:
                raise ValueError(f"{day.on} is listed twice")
            if not self.first_day <= day.on <= self.last_day:
                raise ValueError(f"{day.on} is outside {self.first_day} to {self.last_day}")
            if day.windows:
                check_windows(day.windows, str(day.on))
            seen.add(day.on)

    def covers(self, day: date) -> bool:
        """Whether the calendar says anything about ``day``."""
        return self.first_day <= day <= self.last_day

    def is_working_day(self, day: date) -> bool:
        """R9: neither weekend nor day off, or a make-up day. CalendarGap outside the covered span."""
        self.require(day)
        return self.table.is_working(day_number(day))

    def hours_of(self, day: date) -> Windows:
        """The windows of a covered day; none when it is not worked."""
        if not self.is_working_day(day):
            return ()
        return self._special.get(day) or self.windows

    def next_working_day(self, day: date) -> date:
        """The first working day after ``day``."""
        return self.add_working_days(day, 1)

    def working_day_from(self, day: date) -> date:
        """``day`` itself when it is worked, else the next working day (Civil Code 148)."""
        return day if self.is_working_day(day) else self.next_working_day(day)

    def add_working_days(self, day: date, count: int) -> date:
        """The ``count``-th working day after ``day``; ``day`` is not counted (Civil Code 147)."""
        if count < 1:
            raise ValueError(f"got {count} working days, expected at least 1")
        self.require(day)
        found = self.table.nth_after(day_number(day), count)
        if found is None:
            raise self.gap(f"{count} working days after {day}")
        return day_of_number(found)

    def working_days_between(self, a: date, b: date) -> int:
        """Working days after ``a`` up to and with ``b``; negative when ``b`` is the earlier one."""
        self.require(a)
        self.require(b)
        return self.table.days_between(day_number(a), day_number(b))

    def working_minutes(self, start: datetime, end: datetime) -> int:
        """Whole minutes of working time from ``start`` to ``end``; negative when ``end`` is the earlier one."""
        first, last = to_micros(start), to_micros(end)
        sign = 1 if first <= last else -1
        return sign * ((self.worked(max(first, last)) - self.worked(min(first, last))) // MINUTE)

    def add_working_minutes(self, start: datetime, minutes: float) -> datetime:
        """The earliest instant by which ``minutes`` of working time have passed since ``start`` (R7)."""
        return from_micros(self.after_work(to_micros(start), round(minutes * MINUTE)))

    def effective_start(self, instant: datetime) -> datetime:
        """R3: where a clock starts that only runs in working time; exactly at the end of a window is still in it."""
        return from_micros(self.start_of_work(to_micros(instant)))

    def with_windows(self, windows: Windows) -> Calendar:
        """The same days with other hours; its version names them."""
        if windows == self.windows:
            return self
        known: dict[Windows, Calendar] = self.__dict__.setdefault("_variants", {})
        if windows not in known:
            if len(known) >= _VARIANTS:
                known.clear()
            version = f"{self.version}+{','.join(map(str, windows))}"
            known[windows] = msgspec.structs.replace(self, version=version, windows=windows)
        return known[windows]

    def with_local(self, local: LocalDays) -> Calendar:
        """The calendar of one office: its days off, its worked days and its hours over the national ones."""
        days = {day.on: day for day in self.days} | {day.on: day for day in local.days}
        return msgspec.structs.replace(
            self,
            version=f"{self.version}+{local.name}",
            days=tuple(days[on] for on in sorted(days)),
            windows=local.windows or self.windows,
        )

    def worked(self, micros: int) -> int:
        """Working microseconds from the beginning of the covered span to an instant; never falls."""
        found = self.table.worked(micros)
        if found is None:
            raise self.gap(f"day {day_of_number(day_number_of(micros))}")
        return found

    def elapsed(self, start: int, end: int) -> tuple[int, int]:
        """Working days after the day of ``start`` up to that of ``end``, and working microseconds between them."""
        found = self.table.elapsed(start, end)
        if found is None:
            raise self.gap(f"what lies between {from_micros(start).date()} and {from_micros(end).date()}")
        return found

    def after_work(self, micros: int, work: int) -> int:
        """The earliest instant by which ``work`` working microseconds have passed since ``micros``."""
        if work < 0:
            raise ValueError("working time cannot be taken back; add a duration that is not negative")
        found = self.table.earliest(self.worked(micros) + work) if work else micros
        if found is None:
            raise self.gap(f"{work // MINUTE} working minutes after {from_micros(micros).isoformat()}")
        return max(found, micros)

    def last_within(self, micros: int, work: int) -> int | None:
        """The last instant before which no more than ``work`` has passed since ``micros``; None: past the span."""
        return self.table.latest(self.worked(micros) + work)

    def start_of_work(self, micros: int) -> int:
        """``effective_start`` on microseconds."""
        self.require(day_of_number(day_number_of(micros)))
        found = self.table.start_from(micros)
        if found is None:
            raise self.gap(f"the next working day after {from_micros(micros).isoformat()}")
        return found

    def closing(self, day: date) -> int:
        """Microseconds of the end of the last window of a working ``day``."""
        return self.table.closing(day_number(day))

    def require(self, day: date) -> None:
        """CalendarGap unless ``day`` is covered."""
        if not self.first_day <= day <= self.last_day:
            raise self.gap(f"day {day}")

    def gap(self, what: str) -> CalendarGap:
        """The exception that says what the calendar does not know."""
        return CalendarGap(
            f"calendar {self.version} covers {self.first_day} to {self.last_day}: it cannot tell {what}; "
            "import a calendar that covers it"
        )

    @cached_property
    def _special(self) -> dict[date, Windows]:
        return {day.on: day.windows for day in self.days}

    @cached_property
    def table(self) -> WorkTable:
        """The cumulative tables; built when first needed."""
        special = {day_number(day.on): day for day in self.days}
        usual = spans(self.windows)
        first, last = day_number(self.first_day), day_number(self.last_day)
        rows = []
        for number in range(first, last + 1):
            day = special.get(number)
            if day is None:
                rows.append(usual if day_of_number(number).weekday() < 5 else ())
            else:
                # R9: a make-up Saturday has the weekday windows, unless its entry has its own
                rows.append((spans(day.windows) or usual) if day.works else ())
        return WorkTable(first, rows)


_VARIANTS = 1000


@cache
def shipped_calendar() -> Calendar:
    """The calendar that comes with the gateway: 2024 to 2027, each entry with its source and certainty."""
    return read_calendar(files("gateway.deadlines").joinpath("data", "vn_calendar.json").read_bytes())


def read_calendar(document: bytes) -> Calendar:
    """A calendar from its JSON document (``special_days``). ValueError says what is wrong with it and where."""
    read = decode_calendar(document)
    return Calendar(
        version=read.version,
        first_day=read.first_day,
        last_day=read.last_day,
        days=read_days(read.days),
        windows=read_windows(read.windows) or DEFAULT_WINDOWS,
    )


def write_calendar(calendar: Calendar, *, note: str = "") -> bytes:
    """The JSON document of ``calendar``; ``read_calendar`` gives it back."""
    document = CalendarDocument(
        version=calendar.version,
        first_day=calendar.first_day,
        last_day=calendar.last_day,
        windows=[str(window) for window in calendar.windows],
        days=[written_day(day) for day in calendar.days],
        note=note,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
