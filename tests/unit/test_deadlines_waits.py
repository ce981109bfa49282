"""Supplements, payments and their policies: table E of domain_rules §3.5, and the table of policies."""

from __future__ import annotations

import pytest

from gateway.deadlines.calendar import CalendarGap
from gateway.deadlines.duration import Duration, DurationUnit
from gateway.deadlines.policy import DEFAULT_POLICY, WaitPolicy, read_policies, shipped_policies
from gateway.deadlines.waits import Promise, Wait, due_after
from tests.unit.deadline_world import CALENDAR, at, on

FIVE_DAYS = Duration(5, DurationUnit.WORKING_DAYS)
RESET, WORKING, DAYS = WaitPolicy.RESET, WaitPolicy.PAUSE_WORKING, WaitPolicy.PAUSE_CALENDAR

# received, due, asked, complete, policy, new due
CASES = {
    "E01": (
        "2026-03-02 09:00",
        "2026-03-09 09:00",
        "2026-03-04 10:00",
        "2026-03-10 14:00",
        RESET,
        "2026-03-17 14:00",
    ),
    "E02": (
        "2026-03-02 09:00",
        "2026-03-09 09:00",
        "2026-03-04 10:00",
        "2026-03-10 14:00",
        WORKING,
        "2026-03-13 11:00",
    ),
    "E06": (
        "2026-03-02 09:00",
        "2026-03-16 09:00",
        "2026-03-09 09:00",
        "2026-03-13 09:00",
        WORKING,
        "2026-03-20 09:00",
    ),
    "E08": (
        "2026-02-02 09:00",
        "2026-02-25 09:00",
        "2026-02-12 09:00",
        "2026-02-24 09:00",
        WORKING,
        "2026-03-02 09:00",
    ),
    # domain_rules §3.3: the other system comes to Monday 03-16
    "six days": (
        "2026-03-02 09:00",
        "2026-03-09 09:00",
        "2026-03-04 10:00",
        "2026-03-10 14:00",
        DAYS,
        "2026-03-16 09:00",
    ),
    "an hour": (
        "2026-03-02 09:00",
        "2026-03-09 09:00",
        "2026-03-04 10:00",
        "2026-03-04 11:00",
        DAYS,
        "2026-03-09 09:00",
    ),
}


@pytest.mark.parametrize("duration", [None, FIVE_DAYS])
@pytest.mark.parametrize("case", CASES)
def test_wait_moves_the_check_as_worked_out_by_hand(case: str, duration: Duration | None) -> None:
    received, promised, asked, complete, policy, expected = CASES[case]
    promise = Promise(received_at=at(received), due_at=at(promised), duration=duration)
    found = due_after(promise, Wait(since=at(asked), until=at(complete)), policy, CALENDAR)
    assert (found.due_at, found.legal_last_day) == (at(expected), at(expected).date())


@pytest.mark.parametrize("policy", list(WaitPolicy))
def test_wait_that_began_after_the_promise_moves_nothing(policy: WaitPolicy) -> None:  # rule 11
    promise = Promise(received_at=at("2026-03-02 09:00"), due_at=at("2026-03-09 09:00"))
    late = Wait(since=at("2026-03-09 09:01"), until=at("2026-03-12 09:00"))
    assert due_after(promise, late, policy, CALENDAR).due_at == promise.due_at


def test_promise_for_a_day_is_not_over_before_the_day_is() -> None:  # R25
    promise = Promise(received_at=at("2026-03-02 09:00"), due_at=at("2026-03-09 00:00"))
    wait = Wait(since=at("2026-03-09 16:00"), until=at("2026-03-10 16:00"))
    assert due_after(promise, wait, WORKING, CALENDAR).due_at > promise.due_at


@pytest.mark.parametrize("policy", list(WaitPolicy))
def test_wait_beyond_the_calendar_is_a_gap(policy: WaitPolicy) -> None:
    promise = Promise(received_at=at("2027-12-20 09:00"), due_at=at("2027-12-30 09:00"))
    with pytest.raises(CalendarGap):
        due_after(promise, Wait(since=at("2027-12-21 09:00"), until=at("2028-02-24 09:00")), policy, CALENDAR)


# the table of policies


HEAD = "procedure,valid_from,valid_to,supplement,payment,duration,unit,notice_working_days,source\n"


def test_law_is_the_default_for_every_procedure() -> None:
    found = shipped_policies().policy_for("1.002835.000.00.00.H56", on("2026-03-02"))
    assert (found.supplement, found.payment, found.notice_working_days) == (RESET, WORKING, 3)
    assert "61/2018" in found.source


def test_dossier_keeps_the_row_that_was_valid_at_its_reception() -> None:
    table = read_policies(
        HEAD
        + "1.002835,,2025-12-31,PAUSE_CALENDAR,,15,working_days,,old\n"
        + "1.002835,2026-01-01,,PAUSE_WORKING,,12,working_days,5,new\n"
        + "*,,,RESET,,,,,law\n"
    )
    for day, source, days in (("2025-12-31", "old", 15), ("2026-01-01", "new", 12)):
        found = table.policy_for("1.002835.000.00.00.H99", on(day))
        assert (found.source, found.duration) == (source, Duration(days, DurationUnit.WORKING_DAYS))
    assert table.policy_for("1.002835", on("2026-01-01")).notice_working_days == 5
    assert table.policy_for("2.000477", on("2026-01-01")).source == "law"


def test_whole_code_goes_before_the_national_one() -> None:
    table = read_policies(
        HEAD + "1.002835,,,RESET,,,,,national\n" + "1.002835.000.00.00.H99,,,PAUSE_WORKING,,,,,own\n"
    )
    assert table.policy_for("1.002835.000.00.00.H99", on("2026-01-01")).source == "own"
    assert table.policy_for("1.002835.000.00.00.H98", on("2026-01-01")).source == "national"
    assert table.policy_for("9.999999", on("2026-01-01")) is DEFAULT_POLICY


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("1.1,,,PAUSE,,,,,x\n", "line 2"),
        ("1.1,2026-13-01,,RESET,,,,,x\n", "line 2"),
        (",,,RESET,,,,,x\n", "needs a procedure"),
        ("1.1,,,RESET,,1.5,working_days,,x\n", "whole number"),
        ("1.1,,,RESET,,5,days,,x\n", "days"),
        ("1.1,,,RESET,,5,,,x\n", "line 2"),
        ("1.1,,,RESET,,,,0,x\n", "at least 1"),
        ("1.1,2026-02-01,2026-01-01,RESET,,,,,x\n", "before it begins"),
        ("1.1,,2026-01-01,RESET,,,,,x\n1.1,2026-01-01,,RESET,,,,,y\n", "overlap"),
        ("*,,,RESET,,,,,x\n*,,,RESET,,,,,y\n", "overlap"),
        ("1.1,,\n", "line 2: expected 9 columns"),
        ("1.1,,,RESET,,,,,x,y\n", "line 2: expected 9 columns"),
    ],
)
def test_table_that_cannot_be_used_is_refused(rows: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_policies(HEAD + rows)


def test_table_with_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="expected procedure"):
        read_policies("procedure,supplement\n*,RESET\n")


def test_same_day_procedure_needs_no_value_in_the_table() -> None:
    table = read_policies(HEAD + "2.000815,,,,,,same_day,,certification\n")
    row = table.policy_for("2.000815", on("2026-01-01"))
    assert row.duration == Duration(0, DurationUnit.SAME_DAY)
