"""The reception clock (table R of domain_rules §3.5) and the reading of a promise on the wire (table T)."""

from __future__ import annotations

import pytest

from gateway.deadlines.calendar import CalendarGap
from gateway.deadlines.instants import from_micros, to_micros
from gateway.deadlines.judge import promise_of
from gateway.deadlines.reception import Filing, ReceptionVerdict, judge_reception, reception_limit
from gateway.mapping import parse_date14
from tests.unit.deadline_world import CALENDAR, at

OK, LATE = ReceptionVerdict.OK, ReceptionVerdict.LATE_RECEPTION

# submitted, limit, accepted, by date, by instant
RECEPTION = {
    "R01": ("2026-03-02 10:00", "2026-03-03 10:00", "2026-03-03 09:59", OK, OK),
    "R02": ("2026-03-02 10:00", "2026-03-03 10:00", "2026-03-03 10:01", OK, LATE),
    "R03": ("2026-03-02 10:00", "2026-03-03 10:00", "2026-03-04 07:05", LATE, LATE),
    "R04": ("2026-03-06 20:00", "2026-03-09 17:00", "2026-03-09 16:59", OK, OK),
    "R05": ("2026-02-14 09:00", "2026-02-23 17:00", "2026-02-23 16:00", OK, OK),
}


@pytest.mark.parametrize("case", RECEPTION)
def test_filing_is_answered_in_eight_working_hours(case: str) -> None:
    submitted, limit, accepted, by_date, by_instant = RECEPTION[case]
    filing = Filing(submitted_at=at(submitted), stopped_at=at(accepted))
    found = judge_reception(filing, CALENDAR, at("2026-04-01 09:00"))
    assert (found.limit_at, found.by_date, found.by_instant) == (at(limit), by_date, by_instant)


@pytest.mark.parametrize(
    ("as_of", "verdict"),
    [
        ("2026-03-02 17:00", OK),
        ("2026-03-03 07:59", OK),
        ("2026-03-03 08:00", ReceptionVerdict.DUE_SOON),
        ("2026-03-03 10:00", ReceptionVerdict.DUE_SOON),
        ("2026-03-03 10:01", LATE),
    ],
)
def test_filing_that_waits_becomes_due_soon_and_late(as_of: str, verdict: ReceptionVerdict) -> None:
    filing = Filing(submitted_at=at("2026-03-02 10:00"))
    assert judge_reception(filing, CALENDAR, at(as_of)).by_instant is verdict


def test_answer_after_the_instant_asked_about_is_not_known_yet() -> None:
    filing = Filing(submitted_at=at("2026-03-02 10:00"), stopped_at=at("2026-03-02 11:00"))
    assert judge_reception(filing, CALENDAR, at("2026-03-02 10:30")).by_date is OK
    late = Filing(submitted_at=at("2026-03-02 10:00"), stopped_at=at("2026-03-09 11:00"))
    assert judge_reception(late, CALENDAR, at("2026-03-03 09:00")).by_instant is ReceptionVerdict.DUE_SOON


def test_paid_fee_that_filing_depends_on_starts_the_clock_again() -> None:  # R1
    filing = Filing(submitted_at=at("2026-03-02 10:00"), restarted_at=at("2026-03-04 14:00"))
    assert reception_limit(filing, CALENDAR) == at("2026-03-05 14:00")


def test_limit_is_a_setting() -> None:
    assert reception_limit(Filing(submitted_at=at("2026-03-02 10:00")), CALENDAR, 240) == at(
        "2026-03-02 16:00"
    )


def test_filing_beyond_the_calendar_is_a_gap() -> None:
    with pytest.raises(CalendarGap):
        reception_limit(Filing(submitted_at=at("2027-12-31 16:00")), CALENDAR)


# on the wire, and the last instant that is in time
WIRE = {
    "T01": ("20260305", "2026-03-05 23:59:59"),
    "T02": ("20260305000000", "2026-03-05 23:59:59"),
    "T03": ("20260305090000", "2026-03-05 09:00"),
}


@pytest.mark.parametrize("case", WIRE)
def test_promise_without_a_time_of_day_holds_to_the_end_of_its_day(case: str) -> None:
    text, last = WIRE[case]
    due_at = parse_date14(text)
    assert due_at is not None
    assert from_micros(promise_of(to_micros(due_at))) == at(last)
