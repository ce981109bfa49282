"""The national portal's own indicator, beside our classes: the golden cases of national_portal §11.7."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.deadlines.account import Account, StepAccount
from gateway.deadlines.history import assess
from gateway.deadlines.policy import Policy, WaitPolicy
from gateway.deadlines.portal_rule import PortalVerdict, portal_verdict
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from tests.unit.deadline_world import CALENDAR, at, status_of, step, supplement

PERIOD_END = at("2024-01-31 23:59:59")
ON_TIME, LATE, NOT_COUNTED = PortalVerdict
DUE = "22 08:05"

# steps (day and time in January 2024, state), due, portal rule, our class by date
GOLDEN = {
    "G1": ("15 08:05=2 19 16:00=9 22 09:00=10", DUE, ON_TIME, "EARLY"),
    "G2": ("15 08:05=2 22 08:05=9", DUE, ON_TIME, "ON_TIME"),
    "G3": ("15 08:05=2 22 14:00=9", DUE, LATE, "ON_TIME"),
    "G4": ("15 08:05=2 24 09:00=9", DUE, LATE, "LATE"),
    "G5": ("15 08:05=2 17 09:00=5 19 09:00=4 23 15:00=9", DUE, ON_TIME, "LATE"),
    "G6": ("15 08:05=2 17 09:00=5", DUE, ON_TIME, "PAUSED"),
    "G7": ("15 08:05=2 17 09:00=5 18 09:00=4 19 09:00=5", DUE, LATE, "PAUSED"),
    "G8": ("15 08:05=2", DUE, LATE, "OVERDUE"),
    "G9": ("29 08:05=2", "36 08:05", ON_TIME, "IN_TIME"),
    "G10": ("22 07:00=10", DUE, ON_TIME, "ON_TIME"),
    "G11": ("15 08:05=1", None, NOT_COUNTED, "NOT_COUNTED"),
    "G12": ("15 08:05=2 18 09:00=7", DUE, ON_TIME, "WITHDRAWN"),
    "G13": ("15 08:05=2 19 08:05=9", None, ON_TIME, "ON_TIME"),
}


def moment(text: str):
    """``22 08:05`` in January 2024; day 36 is 5 February."""
    day, clock = text.split()
    return at(f"2024-01-01 {clock}") + timedelta(days=int(day) - 1)


def steps_of(text: str) -> tuple[StepAccount, ...]:
    parts = text.split()
    found = []
    for day, rest in zip(parts[::2], parts[1::2], strict=True):
        clock, _, number = rest.partition("=")
        found.append(StepAccount(at=moment(f"{day} {clock}"), status=status_of(int(number))))
    return tuple(found)


def account_of(case: str) -> Account:
    steps, due, _, _ = GOLDEN[case]
    told = steps_of(steps)
    last = told[-1]
    received = next((each.at for each in told if each.status is Status.RECEIVED), None)
    end = next((each.at for each in told if each.status in {Status.FINISHED, Status.RETURNED}), None)
    if case == "G10":
        received = moment("15 08:05")
    return Account(
        code="H99.14-240115-0001",
        version=1,
        status=last.status,
        channel=Channel.ONLINE,
        agency_code="H99",
        procedure_code="1.002835",
        received_at=received,
        due_at=None if due is None else moment(due),
        finished_at=end,
        steps=told,
    )


@pytest.mark.parametrize("case", GOLDEN)
def test_portal_counts_as_its_rule_says(case: str) -> None:
    statutory = timedelta(days=5) if case == "G13" else None
    assert portal_verdict(account_of(case), PERIOD_END, statutory) is GOLDEN[case][2]


@pytest.mark.parametrize("case", GOLDEN)
def test_our_class_by_date_is_the_three_column_reports(case: str) -> None:
    found = assess(
        None,
        account_of(case),
        heard_at=PERIOD_END,
        policy=Policy(supplement=WaitPolicy.PAUSE_WORKING),
        calendar=CALENDAR,
        as_of=PERIOD_END,
    )
    assert found.now.classification.by_date == GOLDEN[case][3]


def test_without_a_due_the_statutory_time_decides() -> None:
    said = account_of("G13")
    assert portal_verdict(said, PERIOD_END, timedelta(days=3)) is LATE
    assert portal_verdict(said, PERIOD_END, timedelta(days=4)) is ON_TIME
    assert portal_verdict(said, PERIOD_END) is ON_TIME


def record(**changes: object) -> Account:
    usual: dict[str, object] = {
        "code": "H99.1",
        "version": 1,
        "status": Status.FINISHED,
        "channel": Channel.ONLINE,
        "agency_code": "H99",
        "procedure_code": "1.1",
        "received_at": at("2024-01-15 08:05"),
        "due_at": at("2024-01-22 08:05"),
    }
    return Account(**{**usual, **changes})


def test_time_of_a_supplement_is_not_credited_twice() -> None:  # §11.5
    ended = step("2024-01-25 08:00", 9)
    round_ = supplement("2024-01-17 09:00", "2024-01-20 09:00", old="2024-01-22 08:05")
    assert portal_verdict(record(steps=(ended,), supplements=(round_,)), PERIOD_END) is ON_TIME
    moved = supplement("2024-01-17 09:00", "2024-01-20 09:00", old="2024-01-22 08:05", new="2024-01-24 09:00")
    extended = record(steps=(ended,), supplements=(moved,), due_at=at("2024-01-24 09:00"))
    assert portal_verdict(extended, PERIOD_END) is LATE


def test_what_happens_after_the_period_is_not_known_in_it() -> None:
    later = record(
        steps=(step("2024-01-15 08:05", 2), step("2024-02-02 09:00", 9)), due_at=at("2024-01-31 09:00")
    )
    assert portal_verdict(later, PERIOD_END) is LATE
    assert portal_verdict(record(received_at=at("2024-02-01 08:00")), PERIOD_END) is NOT_COUNTED
    waiting = record(supplements=(supplement("2024-01-17 09:00", "2024-02-03 09:00"),))
    assert portal_verdict(waiting, PERIOD_END) is ON_TIME


def test_refusal_ends_only_what_was_accepted() -> None:  # §11.2(2)
    before = record(status=Status.REFUSED, steps=(step("2024-01-16 09:00", 3),))
    assert portal_verdict(before, PERIOD_END) is LATE
    after = record(status=Status.REFUSED, steps=(step("2024-01-15 08:05", 2), step("2024-01-16 09:00", 3)))
    assert portal_verdict(after, PERIOD_END) is ON_TIME


def test_promise_for_a_day_lasts_until_its_end() -> None:  # R25
    said = record(steps=(step("2024-01-22 16:00", 9),), due_at=at("2024-01-22 00:00"))
    assert portal_verdict(said, PERIOD_END) is ON_TIME
