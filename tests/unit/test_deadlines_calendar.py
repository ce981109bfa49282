"""The working calendar: days, windows, offices, documents, and a second opinion about them."""

from __future__ import annotations

import json
from datetime import date, timedelta

import holidays
import msgspec
import pytest

from gateway.deadlines.calendar import Calendar, CalendarGap, read_calendar, write_calendar
from gateway.deadlines.comparison import Check, compare_calendars, recomputed
from gateway.deadlines.duration import Duration, DurationUnit
from gateway.deadlines.special_days import Certainty, LocalDays, SpecialDay, read_local_days
from gateway.deadlines.windows import Window, check_windows, parse_clock, parse_window
from tests.unit.deadline_world import CALENDAR, at, on

MORNING = parse_window("07:30-11:30")
FESTIVAL = SpecialDay(
    on=on("2026-03-04"),
    works=False,
    name="festival of the commune",
    certainty=Certainty.CONFIRMED,
    source="Decision 12/QĐ-UBND",
)
# where the second opinion differs from the official notices (domain_rules §3.4)
KNOWN_DIFFERENCES = {on("2026-01-02"), on("2026-01-10")}


def days(first: date, last: date):
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


@pytest.mark.parametrize(("year", "count"), [(2024, 251), (2025, 250), (2026, 249), (2027, 249)])
def test_years_have_as_many_working_days_as_the_rules_count(year: int, count: int) -> None:  # §3.4
    found = sum(CALENDAR.is_working_day(day) for day in days(date(year, 1, 1), date(year, 12, 31)))
    assert found == count


def test_second_opinion_differs_only_where_it_is_known_to_be_wrong() -> None:
    theirs = holidays.VN(years=range(2024, 2028))
    span = days(CALENDAR.first_day, CALENDAR.last_day)
    differences = {day for day in span if CALENDAR.is_working_day(day) != theirs.is_working_day(day)}
    assert differences == KNOWN_DIFFERENCES


def test_every_entry_names_its_source_and_its_certainty() -> None:
    assert all(day.source and day.name for day in CALENDAR.days)
    assert {day.certainty for day in CALENDAR.days} == set(Certainty)
    provisional = {day.on.year for day in CALENDAR.days if day.certainty is Certainty.PROVISIONAL}
    assert provisional == {2027}


def test_days_off_are_on_weekdays_and_make_up_days_on_saturdays() -> None:
    assert {day.on.weekday() for day in CALENDAR.days if day.works} == {5}
    assert {day.on.weekday() for day in CALENDAR.days if not day.works} <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("day", ["2023-12-31", "2028-01-01", "2007-02-17", "2030-02-02"])
def test_day_outside_the_calendar_is_a_gap(day: str) -> None:
    with pytest.raises(CalendarGap, match="import a calendar"):
        CALENDAR.is_working_day(on(day))


def test_gap_is_told_for_every_arithmetic() -> None:
    beyond, within = at("2028-02-01 09:00"), at("2027-12-30 09:00")
    asked = (
        lambda: CALENDAR.working_minutes(within, beyond),
        lambda: CALENDAR.working_days_between(within.date(), beyond.date()),
        lambda: CALENDAR.add_working_days(within.date(), 5),
        lambda: CALENDAR.add_working_minutes(within, 24 * 60),
        lambda: CALENDAR.effective_start(at("2027-12-31 17:30")),
        lambda: CALENDAR.next_working_day(on("2027-12-31")),
        lambda: CALENDAR.working_day_from(beyond.date()),
        lambda: CALENDAR.hours_of(beyond.date()),
    )
    for question in asked:
        with pytest.raises(CalendarGap):
            question()


def test_working_days_between_count_the_last_day_and_not_the_first() -> None:
    friday, monday = on("2026-03-06"), on("2026-03-09")
    assert CALENDAR.working_days_between(friday, friday) == 0
    assert CALENDAR.working_days_between(friday, monday) == 1
    assert CALENDAR.working_days_between(monday, friday) == -1
    assert CALENDAR.working_days_between(on("2026-02-13"), on("2026-02-22")) == 0  # Tết


def test_working_minutes_run_inside_the_windows_only() -> None:
    assert CALENDAR.working_minutes(at("2026-03-06 16:00"), at("2026-03-09 08:00")) == 120
    assert CALENDAR.working_minutes(at("2026-03-09 08:00"), at("2026-03-06 16:00")) == -120
    assert CALENDAR.working_minutes(at("2026-03-06 11:30"), at("2026-03-06 13:30")) == 0
    assert CALENDAR.working_minutes(at("2026-03-06 08:00:30"), at("2026-03-06 08:02:29")) == 1


def test_adding_nothing_leaves_an_instant_where_it_is() -> None:
    night = at("2026-03-06 22:15:07")
    assert CALENDAR.add_working_minutes(night, 0) == night


def test_working_time_is_not_taken_back() -> None:
    with pytest.raises(ValueError, match="not negative"):
        CALENDAR.add_working_minutes(at("2026-03-06 16:00"), -1)
    with pytest.raises(ValueError, match="at least 1"):
        CALENDAR.add_working_days(on("2026-03-06"), 0)


def test_office_has_its_own_days_and_hours_over_the_national_ones() -> None:
    extra = SpecialDay(
        on=on("2026-03-07"),
        works=True,
        name="Saturday morning",
        certainty=Certainty.CONFIRMED,
        source="Plan 3/KH-UBND",
        windows=(MORNING,),
    )
    office = CALENDAR.with_local(
        LocalDays(name="ward 7", days=(FESTIVAL, extra), windows=(MORNING, parse_window("13:00-17:00")))
    )
    assert not office.is_working_day(on("2026-03-04"))
    assert office.hours_of(on("2026-03-07")) == (MORNING,)
    assert office.working_minutes(at("2026-03-07 00:00"), at("2026-03-08 00:00")) == 240
    assert office.hours_of(on("2026-03-05")) == (MORNING, Window(780, 1020))
    assert office.is_working_day(on("2026-01-10"))  # the national make-up Saturday stays
    assert office.version == f"{CALENDAR.version}+ward 7"
    assert CALENDAR.is_working_day(on("2026-03-04"))


def test_office_may_work_on_a_national_day_off() -> None:
    duty = msgspec.structs.replace(FESTIVAL, on=on("2026-02-16"), works=True)
    office = CALENDAR.with_local(LocalDays(name="port", days=(duty,)))
    assert office.is_working_day(on("2026-02-16"))
    assert not office.is_working_day(on("2026-02-17"))


def test_other_hours_are_another_version_and_made_once() -> None:
    windows = (MORNING,)
    office = CALENDAR.with_windows(windows)
    assert office.version == f"{CALENDAR.version}+07:30-11:30"
    assert CALENDAR.with_windows(windows) is office
    assert CALENDAR.with_windows(CALENDAR.windows) is CALENDAR


def test_calendar_is_what_was_written() -> None:
    assert read_calendar(write_calendar(CALENDAR)) == CALENDAR


def test_bare_list_is_read_as_whole_years() -> None:
    listed = {
        "off": [{"date": "2029-01-01", "name": "New Year", "status": "C"}],
        "makeup": [{"date": "2028-12-30", "status": "P"}],
    }
    found = read_calendar(json.dumps(listed).encode())
    assert (found.first_day, found.last_day) == (date(2028, 1, 1), date(2029, 12, 31))
    assert found.is_working_day(date(2028, 12, 30))
    assert not found.is_working_day(date(2029, 1, 1))
    assert found.version.startswith("list-")


GOOD = {
    "version": "x-1",
    "first_day": "2026-01-01",
    "last_day": "2026-12-31",
    "days": [
        {"on": "2026-01-01", "works": False, "name": "New Year", "certainty": "confirmed", "source": "law"}
    ],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": ""}, "needs a version"),
        ({"version": 3}, r"\$\.version"),
        ({"last_day": "2025-12-31"}, "before it begins"),
        ({"first_day": "20260101"}, r"\$\.first_day"),
        ({"days": GOOD["days"] * 2}, "listed twice"),
        ({"days": [{**GOOD["days"][0], "on": "2027-01-01"}]}, "is outside"),
        ({"days": [{**GOOD["days"][0], "certainty": "perhaps"}]}, "certainty"),
        ({"days": [{**GOOD["days"][0], "source": None}]}, "source"),
        ({"days": [{**GOOD["days"][0], "wroks": True}]}, "wroks"),
        ({"windows": ["07:00-11:30", "11:00-17:00"]}, "begins before"),
        ({"windows": ["11:30-07:00"]}, "no span"),
        ({"windows": ["7:00-11:30"]}, "expected a time"),
        ({"windows": ["07:00"]}, "expected a window"),
        ({"windows": ["07:00-24:30"]}, "expected a time"),
        ({"holydays": []}, "holydays"),
    ],
)
def test_document_that_is_no_calendar_is_refused_with_its_place(change, says: str) -> None:
    assert read_calendar(json.dumps(GOOD).encode()).version == "x-1"
    with pytest.raises(ValueError, match=says):
        read_calendar(json.dumps({**GOOD, **change}).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null", b'{"off": []}', b"[" * 100_000])
def test_bytes_that_are_no_calendar_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a calendar"):
        read_calendar(body)


def test_local_days_are_read_from_their_document() -> None:
    entry = {
        "on": "2026-03-04",
        "works": False,
        "name": "festival of the commune",
        "certainty": "confirmed",
        "source": "Decision 12/QĐ-UBND",
    }
    document = {"name": "ward 7", "days": [entry], "windows": ["07:30-11:30"]}
    assert read_local_days(json.dumps(document).encode()) == LocalDays(
        name="ward 7", days=(FESTIVAL,), windows=(MORNING,)
    )
    with pytest.raises(ValueError, match="needs the name"):
        read_local_days(json.dumps({**document, "name": ""}).encode())
    with pytest.raises(ValueError, match="not a list of local days"):
        read_local_days(b"{}")


def test_windows_end_at_the_end_of_the_day_at_the_latest() -> None:
    assert parse_clock("24:00") == 1440
    assert str(Window(0, 1440)) == "00:00-24:00"
    with pytest.raises(ValueError, match="at least one window"):
        check_windows(())


# changing the calendar (R10)


def changed(*entries: SpecialDay, version: str = "vn-2026.2", **changes) -> Calendar:
    kept = [day for day in CALENDAR.days if day.on not in {entry.on for entry in entries}]
    later = sorted([*kept, *entries], key=lambda day: day.on)
    return msgspec.structs.replace(CALENDAR, version=version, days=tuple(later), **changes)


def test_two_calendars_are_compared_day_by_day() -> None:
    found = compare_calendars(CALENDAR, changed(FESTIVAL))
    assert [(day.on, day.before, day.after, day.source) for day in found.days] == [
        (FESTIVAL.on, CALENDAR.windows, (), "Decision 12/QĐ-UBND")
    ]
    assert not found.none
    assert compare_calendars(CALENDAR, changed()).none


def test_comparison_tells_which_days_are_covered_now_and_no_longer() -> None:
    kept = tuple(day for day in CALENDAR.days if day.on.year > 2024)
    later = msgspec.structs.replace(
        CALENDAR, version="x", days=kept, first_day=on("2025-01-01"), last_day=on("2028-06-30")
    )
    found = compare_calendars(CALENDAR, later)
    assert found.lost == ((on("2024-01-01"), on("2024-12-31")),)
    assert found.gained == ((on("2028-01-01"), on("2028-06-30")),)
    assert found.days == ()


def test_comparison_of_other_hours_names_every_working_day() -> None:
    found = compare_calendars(CALENDAR, msgspec.structs.replace(CALENDAR, version="x", windows=(MORNING,)))
    assert len(found.days) == 251 + 250 + 249 + 249


def test_checks_that_a_calendar_would_move_are_found() -> None:
    checks = [
        Check(
            id="over it", received_at=at("2026-03-03 09:00"), duration=Duration(1, DurationUnit.WORKING_DAYS)
        ),
        Check(
            id="before it",
            received_at=at("2026-02-25 09:00"),
            duration=Duration(1, DurationUnit.WORKING_DAYS),
        ),
        Check(
            id="beyond", received_at=at("2029-03-03 09:00"), duration=Duration(1, DurationUnit.WORKING_DAYS)
        ),
    ]
    (found,) = recomputed(checks, CALENDAR, changed(FESTIVAL))
    assert found.id == "over it"
    assert (found.before.due_at, found.after.due_at) == (at("2026-03-04 09:00"), at("2026-03-05 09:00"))


def test_check_that_loses_its_calendar_says_so() -> None:
    check = Check(id="a", received_at=at("2027-12-29 09:00"), duration=Duration(1, DurationUnit.WORKING_DAYS))
    shorter = changed(version="x", last_day=on("2027-12-29"))
    (found,) = recomputed([check], CALENDAR, shorter)
    assert (found.before.due_at, found.after) == (at("2027-12-30 09:00"), None)
