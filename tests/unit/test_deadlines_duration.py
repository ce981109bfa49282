"""Dues worked out by hand: the tables A to D of domain_rules §3.5, and what a duration refuses to be."""

from __future__ import annotations

import pytest

from gateway.deadlines.calendar import CalendarGap
from gateway.deadlines.duration import Duration, DurationUnit, due
from gateway.deadlines.windows import parse_window
from tests.unit.deadline_world import CALENDAR, at, on

OTHER_WINDOWS = (parse_window("07:30-11:30"), parse_window("13:00-17:00"))

# received, working days, last lawful day, instant
WORKING_DAYS = {
    "A01": ("2026-03-02 09:00", 3, "2026-03-05", "2026-03-05 09:00"),
    "A02": ("2026-03-06 16:00", 1, "2026-03-09", "2026-03-09 16:00"),
    "A03": ("2026-03-06 17:30", 1, "2026-03-09", "2026-03-10 07:00"),
    "A04": ("2026-03-07 09:00", 1, "2026-03-09", "2026-03-10 07:00"),
    "A05": ("2026-03-03 06:30", 2, "2026-03-05", "2026-03-05 07:00"),
    "A06": ("2026-03-03 12:15", 2, "2026-03-05", "2026-03-05 13:30"),
    "A07": ("2026-02-12 10:00", 5, "2026-02-26", "2026-02-26 10:00"),
    "A08": ("2026-02-13 15:30", 1, "2026-02-23", "2026-02-23 15:30"),
    "A09": ("2026-04-24 08:00", 3, "2026-05-04", "2026-05-04 08:00"),
    "A10": ("2025-12-31 14:00", 2, "2026-01-06", "2026-01-06 14:00"),
    "A11": ("2026-01-08 09:00", 2, "2026-01-10", "2026-01-10 09:00"),
    "A12": ("2026-08-21 09:00", 1, "2026-08-22", "2026-08-22 09:00"),
    "A13": ("2026-08-27 09:00", 3, "2026-09-04", "2026-09-04 09:00"),
    "A14": ("2025-04-25 10:00", 2, "2025-04-28", "2025-04-28 10:00"),
    "A15": ("2025-04-29 10:00", 1, "2025-05-05", "2025-05-05 10:00"),
    "A16": ("2025-01-24 16:45", 3, "2025-02-05", "2025-02-05 16:45"),
    "A17": ("2024-04-26 09:00", 3, "2024-05-04", "2024-05-04 09:00"),
    "A18": ("2024-08-30 11:00", 1, "2024-09-04", "2024-09-04 11:00"),
    "A19": ("2026-11-23 09:00", 1, "2026-11-25", "2026-11-25 09:00"),
    "A20": ("2027-02-03 09:00", 2, "2027-02-12", "2027-02-12 09:00"),
    "A21": ("2024-10-01 09:00", 15, "2024-10-22", "2024-10-22 09:00"),
    "A22": ("2026-03-06 17:00", 1, "2026-03-09", "2026-03-09 17:00"),
    "A23": ("2026-03-03 11:30", 1, "2026-03-04", "2026-03-04 11:30"),
    # domain_rules §3.3
    "Monday evening": ("2026-03-02 18:00", 1, "2026-03-03", "2026-03-04 07:00"),
}

# start, length, unit, last day
CALENDAR_UNITS = {
    "B01": ("2026-03-02", 10, DurationUnit.CALENDAR_DAYS, "2026-03-12"),
    "B02": ("2026-03-05", 2, DurationUnit.CALENDAR_DAYS, "2026-03-09"),
    "B03": ("2026-02-10", 7, DurationUnit.CALENDAR_DAYS, "2026-02-23"),
    "B04": ("2025-04-28", 4, DurationUnit.CALENDAR_DAYS, "2025-05-05"),
    "B05": ("2026-01-05", 5, DurationUnit.CALENDAR_DAYS, "2026-01-10"),
    "B06": ("2026-01-31", 1, DurationUnit.CALENDAR_MONTHS, "2026-03-02"),
    "B07": ("2024-10-01", 15, DurationUnit.CALENDAR_DAYS, "2024-10-16"),
    "a leap year's February": ("2024-01-30", 1, DurationUnit.CALENDAR_MONTHS, "2024-02-29"),
    "over the turn of the year": ("2025-11-28", 3, DurationUnit.CALENDAR_MONTHS, "2026-03-02"),
}

# start, hours, due, windows
WORKING_HOURS = {
    "C01": ("2026-03-02 08:00", 4, "2026-03-02 14:00", None),
    "C02": ("2026-03-02 15:30", 4, "2026-03-03 09:30", None),
    "C03": ("2026-03-06 16:00", 8, "2026-03-09 16:00", None),
    "C04": ("2026-03-06 20:00", 8, "2026-03-09 17:00", None),
    "C05": ("2026-03-06 10:00", 8, "2026-03-09 10:00", None),
    "C06": ("2026-02-14 09:00", 8, "2026-02-23 17:00", None),
    "C07": ("2026-03-02 10:00", 8, "2026-03-03 10:00", OTHER_WINDOWS),
    "C08": ("2026-03-02 13:30", 4, "2026-03-03 07:30", None),
    "C09": ("2026-03-02 07:00", 8, "2026-03-02 17:00", None),
    "C10": ("2026-01-09 16:00", 8, "2026-01-10 16:00", None),
    "a quarter of an hour": ("2026-03-02 11:20", 0.25, "2026-03-02 13:35", None),
    "a third of an hour": ("2026-03-02 08:00", 1 / 3, "2026-03-02 08:20", None),
}

SAME_DAY = {
    "D01": ("2026-03-02 14:59", "2026-03-02 17:00"),
    "D02": ("2026-03-02 15:00", "2026-03-02 17:00"),
    "D03": ("2026-03-02 15:01", "2026-03-03 17:00"),
    "D04": ("2026-02-13 15:30", "2026-02-23 17:00"),
    "D05": ("2026-03-07 09:00", "2026-03-09 17:00"),
    "a second past three": ("2026-03-02 15:00:01", "2026-03-03 17:00"),
    "before opening": ("2026-03-02 05:00", "2026-03-02 17:00"),
    "Saturday afternoon": ("2026-03-07 16:00", "2026-03-09 17:00"),
}


@pytest.mark.parametrize("case", WORKING_DAYS)
def test_working_days_end_as_worked_out_by_hand(case: str) -> None:
    received, days, legal, instant = WORKING_DAYS[case]
    found = due(at(received), Duration(days, DurationUnit.WORKING_DAYS), CALENDAR)
    assert (found.legal_last_day, found.due_at) == (on(legal), at(instant))


@pytest.mark.parametrize("hour", ["07:00", "09:00", "16:59"])
@pytest.mark.parametrize("case", CALENDAR_UNITS)
def test_calendar_durations_end_on_the_day_worked_out_by_hand(case: str, hour: str) -> None:
    start, length, unit, last = CALENDAR_UNITS[case]
    found = due(at(f"{start} {hour}"), Duration(length, unit), CALENDAR)
    assert found.legal_last_day == found.due_at.date() == on(last)


def test_calendar_durations_keep_the_clock_time() -> None:  # national_portal §11.5
    found = due(at("2026-03-05 09:20"), Duration(2, DurationUnit.CALENDAR_DAYS), CALENDAR)
    assert found.due_at == at("2026-03-09 09:20")


@pytest.mark.parametrize("case", WORKING_HOURS)
def test_working_hours_end_as_worked_out_by_hand(case: str) -> None:
    start, hours, instant, windows = WORKING_HOURS[case]
    found = due(at(start), Duration(hours, DurationUnit.WORKING_HOURS), CALENDAR, windows)
    assert found.due_at == at(instant)
    assert found.legal_last_day == at(instant).date()


@pytest.mark.parametrize("case", SAME_DAY)
def test_same_day_procedures_end_as_worked_out_by_hand(case: str) -> None:
    received, instant = SAME_DAY[case]
    found = due(at(received), Duration(0, DurationUnit.SAME_DAY), CALENDAR)
    assert (found.due_at, found.legal_last_day) == (at(instant), at(instant).date())


def test_after_three_the_clock_does_not_start_later() -> None:  # domain_rules, rule 5
    before, after = (
        due(at(f"2026-03-03 {hour}"), Duration(2, DurationUnit.WORKING_DAYS), CALENDAR).legal_last_day
        for hour in ("14:00", "16:00")
    )
    assert before == after


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (0, DurationUnit.WORKING_DAYS),
        (-1, DurationUnit.CALENDAR_DAYS),
        (1.5, DurationUnit.WORKING_DAYS),
        (0.5, DurationUnit.CALENDAR_MONTHS),
        (0, DurationUnit.WORKING_HOURS),
        (float("nan"), DurationUnit.WORKING_HOURS),
        (float("inf"), DurationUnit.WORKING_HOURS),
        (10**400, DurationUnit.CALENDAR_DAYS),
        (True, DurationUnit.WORKING_DAYS),
        (2, DurationUnit.SAME_DAY),
    ],
)
def test_duration_that_is_none_is_refused(value: float, unit: DurationUnit) -> None:
    with pytest.raises(ValueError, match="expected"):
        Duration(value, unit)


@pytest.mark.parametrize("unit", list(DurationUnit))
def test_every_unit_has_a_due(unit: DurationUnit) -> None:
    assert due(at("2026-03-02 09:00"), Duration(1, unit), CALENDAR).due_at >= at("2026-03-02 09:00")


@pytest.mark.parametrize("unit", list(DurationUnit))
def test_what_the_calendar_does_not_cover_is_never_guessed(unit: DurationUnit) -> None:
    with pytest.raises(CalendarGap, match="covers 2024-01-01 to 2027-12-31"):
        due(at("2028-01-03 09:00"), Duration(1, unit), CALENDAR)


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1, DurationUnit.WORKING_DAYS),
        (60, DurationUnit.WORKING_HOURS),
        (100_000, DurationUnit.CALENDAR_DAYS),
        (100_000, DurationUnit.CALENDAR_MONTHS),
        (1, DurationUnit.SAME_DAY),
    ],
)
def test_due_past_the_end_of_the_calendar_is_never_guessed(value: float, unit: DurationUnit) -> None:
    with pytest.raises(CalendarGap):
        due(at("2027-12-31 16:00"), Duration(value, unit), CALENDAR)


def test_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no offset"):
        due(at("2026-03-02 09:00").replace(tzinfo=None), Duration(1, DurationUnit.WORKING_DAYS), CALENDAR)
