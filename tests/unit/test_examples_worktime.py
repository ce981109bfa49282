"""The generator's calendar against the worked cases of domain_rules §3.5."""

from datetime import datetime

import pytest

from examples.worktime import (
    add_calendar_days,
    add_months,
    add_working_days,
    add_working_minutes,
    working_minutes_between,
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+07:00")


@pytest.mark.parametrize(
    ("received", "days", "due"),
    [
        ("2026-03-02T09:00", 3, "2026-03-05T09:00"),  # A01
        ("2026-02-12T10:00", 5, "2026-02-26T10:00"),  # A07 over Tet
        ("2026-04-24T08:00", 3, "2026-05-04T08:00"),  # A09
        ("2026-01-08T09:00", 2, "2026-01-10T09:00"),  # A11 make-up Saturday
        ("2026-08-27T09:00", 3, "2026-09-04T09:00"),  # A13
    ],
)
def test_working_days_are_counted_as_in_the_worked_cases(received: str, days: int, due: str) -> None:
    assert add_working_days(local(received), days) == local(due)


def test_calendar_days_and_months_roll_to_a_working_day() -> None:
    assert add_calendar_days(local("2026-03-05T09:00"), 2) == local("2026-03-09T09:00")  # B02
    assert add_calendar_days(local("2026-02-10T09:00"), 7) == local("2026-02-23T09:00")  # B03
    assert add_months(local("2026-01-31T09:00"), 1) == local("2026-03-02T09:00")  # B06


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T08:00", 4, "2026-03-02T14:00"),  # C01
        ("2026-03-06T16:00", 8, "2026-03-09T16:00"),  # C03
        ("2026-03-06T20:00", 8, "2026-03-09T17:00"),  # C04
        ("2026-02-14T09:00", 8, "2026-02-23T17:00"),  # C06
    ],
)
def test_working_hours_are_counted_as_in_the_worked_cases(start: str, hours: int, end: str) -> None:
    assert add_working_minutes(local(start), hours * 60) == local(end)
    assert working_minutes_between(local(start), local(end)) == hours * 60
