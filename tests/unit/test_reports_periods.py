"""Periods by name, closing days, cut-offs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.report import NAMES as NAMES_OF_THE_COMMAND
from gateway.deadlines.instants import VIETNAM
from gateway.reports.periods import (
    LATEST_CLOSING,
    NAMES,
    PeriodError,
    Span,
    Wanted,
    as_of,
    end_of,
    named,
    period_of,
)

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("name", "closing", "first", "last"),
    [
        ("2026-03", 0, "2026-03-01", "2026-03-31"),
        ("2024-02", 0, "2024-02-01", "2024-02-29"),
        ("2026-Q1", 0, "2026-01-01", "2026-03-31"),
        ("2026-H2", 0, "2026-07-01", "2026-12-31"),
        ("2026", 0, "2026-01-01", "2026-12-31"),
        # domain_rules §5.1: the 15th to the 14th; an annual report to 14 December
        ("2026-03", 14, "2026-02-15", "2026-03-14"),
        ("2026-01", 14, "2025-12-15", "2026-01-14"),
        ("2026-Q1", 14, "2025-12-15", "2026-03-14"),
        ("2025", 14, "2024-12-15", "2025-12-14"),
        # Gia Lai: the 21st to the 20th
        ("2025-10", 20, "2025-09-21", "2025-10-20"),
        ("last-month", 0, "2026-10-01", "2026-10-31"),
        ("this-month", 0, "2026-11-01", "2026-11-30"),
        ("this-month", 14, "2026-11-15", "2026-12-14"),
        ("last-month", 14, "2026-10-15", "2026-11-14"),
        ("this-month", 22, "2026-10-23", "2026-11-22"),
        ("last-quarter", 0, "2026-07-01", "2026-09-30"),
        ("last-year", 0, "2025-01-01", "2025-12-31"),
    ],
)
def test_name_means_these_days(name, closing, first, last):
    span = named(name, today=TODAY, closing=closing)
    assert (span.first.isoformat(), span.last.isoformat()) == (first, last)


def test_relative_name_is_told_as_the_month_that_it_is():
    assert named("last-month", today=TODAY).name == "2026-10"
    assert named("last-month", today=TODAY, closing=14).name == "2026-11"
    assert named("this-quarter", today=TODAY).name == "2026-Q4"
    assert named("last-year", today=TODAY).name == "2025"


@pytest.mark.parametrize(
    "name", ["", "march", "2026-13", "2026-00", "2026-Q5", "2026-H3", "0000", "0001", "26-03", "this-week"]
)
def test_name_that_means_nothing_is_refused(name):
    with pytest.raises(PeriodError):
        named(name, today=TODAY)


@pytest.mark.parametrize("closing", [-1, LATEST_CLOSING + 1])
def test_closing_day_that_some_month_lacks_is_refused(closing):
    with pytest.raises(PeriodError, match="closing day"):
        named("2026-03", today=TODAY, closing=closing)


@given(st.integers(1971, 2100), st.integers(1, 12), st.integers(0, LATEST_CLOSING))
def test_months_follow_each_other_without_gap_or_overlap(year, month, closing):
    this = named(f"{year}-{month:02d}", today=TODAY, closing=closing)
    following = f"{year + month // 12}-{month % 12 + 1:02d}"
    assert named(following, today=TODAY, closing=closing).first - this.last == timedelta(days=1)
    assert 28 <= (this.last - this.first).days + 1 <= 31


@given(st.dates(date(1971, 1, 1), date(2100, 1, 1)), st.integers(0, LATEST_CLOSING))
def test_today_is_in_this_month(today, closing):
    span = named("this-month", today=today, closing=closing)
    assert span.first <= today <= span.last
    assert named(span.name or "", today=today, closing=closing) == span


def test_cut_off_is_the_end_of_the_period_or_now_while_it_runs():
    over = as_of(Span(date(2026, 3, 1), date(2026, 3, 31)), NOW)
    running = as_of(Span(date(2026, 11, 1), date(2026, 11, 30)), NOW)
    assert over.cutoff == datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=VIETNAM)
    assert over.complete
    assert running.cutoff == NOW
    assert not running.complete


def test_end_of_the_period_before_is_the_last_moment_before_its_first_day():
    period = as_of(Span(date(2026, 3, 1), date(2026, 3, 31)), NOW)
    assert period.before == end_of(date(2026, 2, 28))
    assert period.before + timedelta(microseconds=1) == datetime(2026, 2, 28, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(first=date(2026, 3, 31), last=date(2026, 3, 1)), "before it begins"),
        (Wanted(first=date(2026, 12, 1), last=date(2026, 12, 31)), "has not begun"),
        (Wanted(first=date(1960, 1, 1), last=date(1960, 1, 31)), "1970"),
        (Wanted(name="2026-03", cutoff=datetime(2026, 4, 1, tzinfo=VIETNAM)), "outside the period"),
        (Wanted(name="2026-03", cutoff=datetime(2026, 2, 28, tzinfo=VIETNAM)), "outside the period"),
        (Wanted(name="2026-11", cutoff=datetime(2026, 11, 23, tzinfo=VIETNAM)), "in the future"),
        (Wanted(cutoff=datetime(1, 1, 1, tzinfo=UTC)), "1970"),
        (Wanted(first=date(2026, 3, 1)), "together"),
        (Wanted(name="2026-03", last=date(2026, 3, 31)), "together"),
    ],
)
def test_period_that_cannot_be_reported_on_says_why(wanted, says):
    with pytest.raises(PeriodError, match=says):
        period_of(wanted, now=NOW)


def test_without_a_period_it_is_the_month_of_the_cut_off():
    period = period_of(Wanted(cutoff=datetime(2026, 3, 10, 12, tzinfo=VIETNAM)), now=NOW)
    assert (period.first, period.last, period.name) == (date(2026, 3, 1), date(2026, 3, 31), "2026-03")


def test_command_tells_of_the_same_names():
    assert NAMES_OF_THE_COMMAND == NAMES
