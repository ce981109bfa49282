"""Working time against an independent walk, minute by minute; and what holds for every dossier and every calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.deadlines.bulk import classify_rows
from gateway.deadlines.calendar import Calendar, shipped_calendar
from gateway.deadlines.classes import LATE_CLASSES, Flag, Verdict, flags_of, form_column
from gateway.deadlines.classify import Facts, classify, row_of
from gateway.deadlines.duration import Duration, DurationUnit, due
from gateway.deadlines.instants import from_micros, to_micros
from gateway.deadlines.lateness import lateness
from gateway.deadlines.policy import WaitPolicy
from gateway.deadlines.special_days import Certainty, SpecialDay
from gateway.deadlines.waits import Promise, Wait, due_after
from gateway.deadlines.windows import Window
from gateway.domain.status import Status

ZONE = timezone(timedelta(hours=7))
FIRST, LAST = date(2026, 1, 1), date(2026, 3, 31)
MINUTE = timedelta(minutes=1)


@st.composite
def calendars(draw) -> Calendar:
    """A quarter of a year with days off, make-up days, half days and any windows."""
    cuts = draw(st.lists(st.integers(0, 95), min_size=2, max_size=6, unique=True).map(sorted))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    windows = tuple(Window(start * 15, end * 15) for start, end in pairs)
    span = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
    chosen = draw(st.lists(st.sampled_from(span), max_size=12, unique=True).map(sorted))
    half = (Window(7 * 60, 9 * 60),)
    days = tuple(
        SpecialDay(
            on=day,
            works=draw(st.booleans()),
            name="x",
            certainty=Certainty.CONFIRMED,
            source="x",
            windows=draw(st.sampled_from([(), half])),
        )
        for day in chosen
    )
    return Calendar(version="x", first_day=FIRST, last_day=LAST, days=days, windows=windows)


def instants(first: date = FIRST, days: int = 75) -> st.SearchStrategy[datetime]:
    start = datetime(first.year, first.month, first.day, tzinfo=ZONE)
    return st.integers(0, days * 24 * 60).map(lambda minutes: start + minutes * MINUTE)


def walk(calendar: Calendar, instant: datetime) -> bool:
    """Whether the minute that begins at ``instant`` is worked, from nothing but the calendar's entries."""
    entry = next((day for day in calendar.days if day.on == instant.date()), None)
    if entry is not None and not entry.works:
        return False
    if entry is None and instant.weekday() >= 5:
        return False
    windows = (entry and entry.windows) or calendar.windows
    minute = instant.hour * 60 + instant.minute
    return any(window.start <= minute < window.end for window in windows)


@given(calendars(), instants(days=70), st.integers(0, 9 * 24 * 60))
@settings(max_examples=60, deadline=None)
def test_working_minutes_are_those_that_a_walk_counts(
    calendar: Calendar, start: datetime, length: int
) -> None:
    counted = sum(walk(calendar, start + number * MINUTE) for number in range(length))
    assert calendar.working_minutes(start, start + length * MINUTE) == counted


@given(calendars(), instants(days=40), st.integers(1, 1200))
@settings(max_examples=60, deadline=None)
def test_working_hours_end_where_a_walk_ends(calendar: Calendar, start: datetime, minutes: int) -> None:
    at, left = start, minutes
    while left:
        if at.date() > LAST:
            return
        left -= walk(calendar, at)
        at += MINUTE
    found = due(start, Duration(minutes / 60, DurationUnit.WORKING_HOURS), calendar)
    assert found.due_at == at


@given(calendars(), instants(days=30), st.integers(1, 15))
@settings(max_examples=150, deadline=None)
def test_working_days_end_where_a_walk_over_days_ends(
    calendar: Calendar, start: datetime, count: int
) -> None:
    def works(day: date) -> bool:
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
        return any(walk(calendar, midnight + number * 15 * MINUTE) for number in range(96))

    def nth(day: date) -> date | None:
        left = count
        while left and day < LAST:
            day += timedelta(days=1)
            left -= works(day)
        return None if left else day

    effective = start
    while not (
        walk(calendar, effective)
        or (effective > datetime.min.replace(tzinfo=ZONE) and _at_an_end(calendar, effective))
    ):
        effective += MINUTE
        if effective.date() > LAST:
            return
    legal, system = nth(start.date()), nth(effective.date())
    if legal is None or system is None:
        return
    found = due(start, Duration(count, DurationUnit.WORKING_DAYS), calendar)
    assert found.legal_last_day == legal
    assert found.due_at == datetime.combine(system, effective.timetz())


def _at_an_end(calendar: Calendar, instant: datetime) -> bool:
    """R3: exactly at the end of a window is still in it."""
    return walk(calendar, instant - MINUTE)


@given(calendars(), instants(days=60), instants(days=60), instants(days=60))
@settings(max_examples=200, deadline=None)
def test_working_time_adds_up(calendar: Calendar, one: datetime, two: datetime, three: datetime) -> None:
    first, second, third = sorted((one, two, three))
    whole = calendar.working_minutes(first, third)
    assert whole == calendar.working_minutes(first, second) + calendar.working_minutes(second, third)
    assert calendar.working_minutes(third, first) == -whole
    days = calendar.working_days_between(first.date(), third.date())
    assert days == calendar.working_days_between(first.date(), second.date()) + calendar.working_days_between(
        second.date(), third.date()
    )


@given(calendars(), instants(days=40), st.integers(1, 3000))
@settings(max_examples=200, deadline=None)
def test_adding_and_counting_are_inverse(calendar: Calendar, start: datetime, minutes: int) -> None:
    try:
        end = calendar.add_working_minutes(start, minutes)
    except ValueError:
        return
    assert calendar.working_minutes(start, end) == minutes
    assert calendar.working_minutes(start, end - MINUTE) == minutes - 1
    last = calendar.last_within(to_micros(start), minutes * 60_000_000)
    if last is not None:
        assert calendar.working_minutes(start, from_micros(last)) == minutes
        assert calendar.working_minutes(start, from_micros(last) + MINUTE) == minutes + 1


@given(calendars(), instants(days=30), instants(days=70), instants(days=70), st.integers(1, 10))
@settings(max_examples=200, deadline=None)
def test_pause_adds_the_working_time_that_was_waited(
    calendar: Calendar, received: datetime, one: datetime, two: datetime, days: int
) -> None:
    since, until = sorted((one, two))
    try:
        promised = due(received, Duration(days, DurationUnit.WORKING_DAYS), calendar).due_at
        promise = Promise(received_at=received, due_at=promised)
        found = due_after(promise, Wait(since=since, until=until), WaitPolicy.PAUSE_WORKING, calendar)
    except ValueError:
        return
    waited = 0 if since > promised else calendar.working_minutes(since, until)
    assert calendar.working_minutes(promised, found.due_at) == waited
    assert found.due_at >= promised


# every dossier


def times() -> st.SearchStrategy[datetime | None]:
    return st.none() | st.integers(0, 400).map(
        lambda quarters: datetime(2026, 2, 9, 7, tzinfo=ZONE) + quarters * timedelta(hours=1)
    )


facts = st.builds(
    Facts,
    status=st.sampled_from(Status),
    as_of=times().filter(bool),
    received_at=times(),
    due_at=times(),
    finished_at=times(),
    waiting_since=times(),
    due_original_at=times(),
)
CALENDAR = shipped_calendar()


@given(facts)
@settings(max_examples=500, deadline=None)
def test_bulk_and_single_judgement_are_one(asked: Facts) -> None:
    single = classify(asked, CALENDAR)
    (found,) = classify_rows([row_of(asked)], CALENDAR, asked.as_of)
    assert found[:4] == (
        single.by_date,
        single.by_instant,
        single.original_by_date,
        single.original_by_instant,
    )
    assert flags_of(found[4]) == single.flags


@given(facts)
@settings(max_examples=500, deadline=None)
def test_what_is_late_by_date_is_late_by_instant_and_differs_only_with_a_flag(asked: Facts) -> None:
    found = classify(asked, CALENDAR)
    if found.by_date in LATE_CLASSES:
        assert found.by_instant is found.by_date
    disputed = found.by_instant in LATE_CLASSES and found.by_date not in LATE_CLASSES
    assert disputed == (Flag.DATE_INSTANT_DIFFER in found.flags)


@given(facts)
@settings(max_examples=500, deadline=None)
def test_impossible_data_is_never_on_time(asked: Facts) -> None:
    times_said = [each for each in (asked.received_at, asked.finished_at) if each is not None]
    impossible = any(each > asked.as_of for each in times_said) or (
        asked.received_at is not None
        and asked.finished_at is not None
        and asked.finished_at < asked.received_at
    )
    found = classify(asked, CALENDAR)
    if impossible:
        assert (found.by_date, found.by_instant) == (Verdict.DATA_ERROR, Verdict.DATA_ERROR)
    assert (found.by_date is Verdict.DATA_ERROR) == (found.by_instant is Verdict.DATA_ERROR)


@given(facts)
@settings(max_examples=300, deadline=None)
def test_every_dossier_that_was_received_has_a_column_or_a_reason(asked: Facts) -> None:
    found = classify(asked, CALENDAR).by_date
    outside = asked.status in {Status.REGISTERED, Status.REFUSED}
    assert (form_column(found) is None) == (outside or found is Verdict.DATA_ERROR)


@given(facts)
@settings(max_examples=500, deadline=None)
def test_lateness_is_there_exactly_when_something_is_late(asked: Facts) -> None:
    ((by_date, by_instant, _, _, _, days, working, minutes),) = classify_rows(
        [row_of(asked)], CALENDAR, asked.as_of
    )
    assert (days > 0) == (by_date in LATE_CLASSES)
    assert 0 <= working <= days
    assert minutes == 0 or by_instant in LATE_CLASSES


@given(facts, st.integers(1, 500))
@settings(max_examples=300, deadline=None)
def test_time_alone_makes_nothing_better(asked: Facts, hours: int) -> None:
    if asked.status not in {Status.RECEIVED, Status.PROCESSING}:
        return
    now = classify(asked, CALENDAR)
    later = classify(msgspec.structs.replace(asked, as_of=asked.as_of + timedelta(hours=hours)), CALENDAR)
    if now.by_instant is Verdict.OVERDUE:
        assert later.by_instant is Verdict.OVERDUE
    if now.by_date is Verdict.OVERDUE:
        assert later.by_date is Verdict.OVERDUE


@given(facts)
@settings(max_examples=300, deadline=None)
def test_offset_of_an_instant_does_not_matter(asked: Facts) -> None:
    def moved(instant: datetime | None) -> datetime | None:
        return None if instant is None else instant.astimezone(timezone(timedelta(hours=-5)))

    elsewhere = Facts(
        status=asked.status,
        as_of=asked.as_of.astimezone(timezone(timedelta(hours=-5))),
        received_at=moved(asked.received_at),
        due_at=moved(asked.due_at),
        finished_at=moved(asked.finished_at),
        waiting_since=moved(asked.waiting_since),
        due_original_at=moved(asked.due_original_at),
    )
    assert classify(elsewhere, CALENDAR) == classify(asked, CALENDAR)


@given(facts, st.lists(st.integers(0, 89), max_size=10, unique=True))
@settings(max_examples=200, deadline=None)
def test_changed_calendar_changes_no_class_and_no_promise(asked: Facts, taken_off: list[int]) -> None:
    """R10, rule 2: a calendar moves checks, near-due warnings and working time; never a class."""
    listed = {day.on for day in CALENDAR.days}
    extra = [FIRST + timedelta(days=number) for number in taken_off]
    festivals = [
        SpecialDay(on=day, works=False, name="x", certainty=Certainty.CONFIRMED, source="x")
        for day in extra
        if day not in listed
    ]
    changed = msgspec.structs.replace(
        CALENDAR, version="x", days=tuple(sorted((*CALENDAR.days, *festivals), key=lambda day: day.on))
    )
    one, other = classify(asked, CALENDAR), classify(asked, changed)
    near = frozenset({Flag.NEAR_DUE})
    assert (one.by_date, one.by_instant, one.flags - near) == (
        other.by_date,
        other.by_instant,
        other.flags - near,
    )
    assert (one.original_by_date, one.original_by_instant) == (
        other.original_by_date,
        other.original_by_instant,
    )


@given(calendars(), instants(days=80), instants(days=80))
@settings(max_examples=200, deadline=None)
def test_lateness_is_never_negative_and_working_days_never_exceed_days(
    calendar: Calendar, due_at: datetime, stopped_at: datetime
) -> None:
    found = lateness(due_at, stopped_at, calendar)
    assert 0 <= found.working_days <= found.calendar_days
    assert found.working_minutes >= 0
    if found.calendar_days:
        assert stopped_at > due_at


@pytest.mark.parametrize("micros", [0, -1, 1_772_766_000_000_001, 253_000_000_000_000_000])
def test_instants_are_exact_both_ways(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros
