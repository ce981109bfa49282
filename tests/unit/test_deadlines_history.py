"""What a sequence of accounts amounts to: table F of domain_rules §3.5, E on accounts, periods, promises, tampering.

The original promise is Monday 2026-03-09 at 09:00 throughout.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from gateway.deadlines import RULE_VERSION
from gateway.deadlines.account import Account
from gateway.deadlines.classes import Flag, Verdict
from gateway.deadlines.duration import Duration, DurationUnit
from gateway.deadlines.history import assess
from gateway.deadlines.policy import DEFAULT_POLICY, Policy, WaitPolicy
from gateway.deadlines.special_days import Certainty, LocalDays, SpecialDay
from gateway.deadlines.standing import Assessment
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from tests.unit.deadline_world import (
    CALENDAR,
    DUE,
    account,
    apology,
    at,
    causes,
    classes,
    kinds,
    on,
    shown,
    step,
    supplement,
    text,
    told,
)

NEW = "2026-03-12 09:00"
FIVE_DAYS = Policy(duration=Duration(5, DurationUnit.WORKING_DAYS))


# table F, re-appointments and tampering


def test_f01_valid_apology_moves_the_promise_and_keeps_the_original() -> None:
    paper = apology("2026-03-06 10:00", NEW)
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW, reappointments=(paper,)), "2026-03-06 10:01"),
        (
            account(3, 9, due_at=NEW, reappointments=(paper,), finished_at="2026-03-11 10:00"),
            "2026-03-11 10:01",
        ),
    )
    assert classes(story[-1]) == ("EARLY", "EARLY", "LATE", "LATE")
    assert causes(story) == [("reappointment", True)]
    (change,) = [each for each in story[1].due_changes if each.cause == "reappointment"]
    assert (change.old_due_at, change.new_due_at) == (at(DUE), at(NEW))
    assert (change.document_number, change.signer, change.issued_at) == (
        "12/XL",
        "Lê Thị Mẫu",
        at("2026-03-06 10:00"),
    )
    assert story[-1].now.due_original_at == at(DUE)
    assert Flag.REAPPOINTED in story[-1].now.flags


def test_f02_apology_on_the_due_day_is_invalid() -> None:
    paper = apology("2026-03-09 08:00", NEW)
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW, reappointments=(paper,)), "2026-03-09 08:01"),
        (
            account(3, 9, due_at=NEW, reappointments=(paper,), finished_at="2026-03-11 10:00"),
            "2026-03-11 10:01",
        ),
    )
    assert classes(story[-1]) == ("LATE", "LATE", "LATE", "LATE")
    assert causes(story) == [("reappointment", False)]
    assert kinds(story[1]) == {"REAPPOINTMENT_TOO_LATE"}
    now = story[-1].now
    assert (now.due_at, now.due_declared_at) == (at(DUE), at(NEW))
    assert (now.lateness.calendar_days, now.lateness.working_days) == (2, 2)


def test_f03_second_apology_is_invalid_and_the_first_one_holds() -> None:
    first = apology("2026-03-06 10:00", NEW)
    second = apology("2026-03-11 10:00", "2026-03-20 09:00", old=NEW, number="15/XL")
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW, reappointments=(first,)), "2026-03-06 10:01"),
        (
            account(3, 4, due_at="2026-03-20 09:00", reappointments=(first, second)),
            "2026-03-11 10:01",
        ),
    )
    assert causes(story) == [("reappointment", True), ("reappointment", False)]
    assert kinds(story[-1]) == {"REAPPOINTMENT_TWICE"}
    assert story[-1].now.due_at == at(NEW)


def test_f03_holds_when_both_come_at_once() -> None:
    first = apology("2026-03-06 10:00", NEW)
    second = apology("2026-03-11 10:00", "2026-03-20 09:00", old=NEW, number="15/XL")
    (found,) = told(
        (account(1, 4, due_at="2026-03-20 09:00", reappointments=(second, first)), "2026-03-11 10:01")
    )
    assert (found.now.due_at, found.now.due_original_at) == (at(NEW), at(DUE))


def test_paper_that_is_listed_twice_is_one_paper() -> None:
    paper = apology("2026-03-06 10:00", NEW)
    (found,) = told((account(1, 4, due_at=NEW, reappointments=(paper, paper)), "2026-03-06 10:01"))
    assert causes([found]) == [("reappointment", True)]
    assert kinds(found) == set()


def test_third_apology_is_as_invalid_as_the_second() -> None:
    papers = (
        apology("2026-03-06 10:00", NEW),
        apology("2026-03-07 10:00", "2026-03-20 09:00", old=NEW, number="15/XL"),
        apology("2026-03-08 10:00", "2026-03-25 09:00", old=NEW, number="16/XL"),
    )
    story = told((account(1, 4, due_at="2026-03-25 09:00", reappointments=papers), "2026-03-08 10:01"))
    assert causes(story) == [("reappointment", True), ("reappointment", False), ("reappointment", False)]
    assert story[0].now.due_at == at(NEW)


def test_f04_promise_that_moves_without_a_paper_stays_where_it_was() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW), "2026-03-06 10:01"),
        (account(3, 9, due_at=NEW, finished_at="2026-03-11 10:00"), "2026-03-11 10:01"),
    )
    assert causes(story) == [("none", False)]
    assert kinds(story[1]) == {"SILENT_DUE_CHANGE"}
    assert classes(story[-1])[:2] == ("LATE", "LATE")
    assert (story[-1].now.due_at, story[-1].now.due_declared_at) == (at(DUE), at(NEW))
    assert Flag.SILENT_DUE_CHANGE in story[-1].now.flags


def test_f04_paper_that_arrives_later_makes_it_lawful() -> None:
    paper = apology("2026-03-06 10:00", NEW)
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW), "2026-03-06 10:01"),
        (account(3, 4, due_at=NEW, reappointments=(paper,)), "2026-03-07 10:01"),
    )
    assert causes(story) == [("none", False), ("reappointment", True)]
    assert story[-1].now.due_at == at(NEW)
    assert Flag.SILENT_DUE_CHANGE not in story[-1].now.flags


def test_f04_same_silent_change_is_recorded_once() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW), "2026-03-06 10:01"),
        (account(3, 4, due_at=NEW), "2026-03-06 11:01"),
        (account(4, 4, due_at="2026-03-30 09:00"), "2026-03-06 12:01"),
    )
    assert causes(story) == [("none", False), ("none", False)]
    assert story[2].due_changes == ()


def test_f05_apology_on_a_sunday_is_valid_and_flagged() -> None:
    paper = apology("2026-03-08 10:00", NEW)
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW, reappointments=(paper,)), "2026-03-08 10:01"),
    )
    assert causes(story) == [("reappointment", True)]
    assert kinds(story[-1]) == {"ISSUED_ON_NON_WORKING_DAY"}


def test_f06_end_time_that_is_rewritten_does_not_count() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 9, finished_at="2026-03-10 10:00"), "2026-03-10 10:01"),
        (account(3, 9, finished_at=DUE), "2026-03-12 10:01"),
        (account(4, 9, finished_at=DUE), "2026-03-12 11:01"),
    )
    assert classes(story[-1])[:2] == ("LATE", "LATE")
    assert story[-1].now.ended_at == at("2026-03-10 10:00")
    (found,) = story[2].anomalies
    assert (found.kind, found.field) == (Flag.END_TIME_REWRITTEN, "finished_at")
    assert (found.first_value, found.later_value) == (
        "2026-03-10T10:00:00+07:00",
        "2026-03-09T09:00:00+07:00",
    )
    assert story[3].anomalies == story[2].anomalies
    assert Flag.END_TIME_REWRITTEN in story[-1].now.flags


def test_f06_overdue_dossier_that_is_said_to_have_ended_at_its_due_is_flagged() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4), "2026-03-10 09:01"),
        (account(3, 9, finished_at=DUE), "2026-03-12 10:01"),
    )
    assert kinds(story[-1]) == {"END_EQUALS_DUE"}
    assert classes(story[-1])[:2] == ("ON_TIME", "ON_TIME")


@pytest.mark.parametrize(
    ("paper", "kind"),
    [
        (apology("2026-03-06 10:00", NEW, number=None), "NO_DOCUMENT"),
        (apology("2026-03-06 10:00", NEW, number="  "), "NO_DOCUMENT"),
        (apology("2026-03-06 10:00", "2026-03-09 08:00"), "REAPPOINTMENT_NOT_LATER"),
        (apology("2026-03-10 10:00", NEW), "REAPPOINTMENT_TOO_LATE"),
    ],
)
def test_apology_that_lacks_something_is_recorded_and_not_applied(paper, kind: str) -> None:  # R15
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=text_of(paper), reappointments=(paper,)), "2026-03-10 10:01"),
    )
    assert causes(story) == [("reappointment", False)]
    assert kind in kinds(story[-1])
    assert story[-1].now.due_at == at(DUE)


def text_of(paper) -> str:
    return paper.new_due_at.strftime("%Y-%m-%d %H:%M")


def test_invalid_apology_does_not_use_up_the_only_one() -> None:
    bare = apology("2026-03-05 10:00", NEW, number=None)
    whole = apology("2026-03-06 10:00", NEW)
    (found,) = told((account(1, 4, due_at=NEW, reappointments=(bare, whole)), "2026-03-06 10:01"))
    assert found.now.due_at == at(NEW)


# table E, supplements and payments


def test_e01_answered_supplement_moves_the_promise_lawfully() -> None:
    asked = supplement("2026-03-04 10:00")
    answered = supplement("2026-03-04 10:00", "2026-03-10 14:00", new="2026-03-17 14:00")
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 5, supplements=(asked,)), "2026-03-04 10:01"),
        (account(3, 4, due_at="2026-03-17 14:00", supplements=(answered,)), "2026-03-10 14:01"),
        (
            account(4, 9, due_at="2026-03-17 14:00", supplements=(answered,), finished_at="2026-03-17 13:30"),
            "2026-03-17 13:31",
        ),
    )
    assert classes(story[1])[:2] == ("PAUSED", "PAUSED")
    assert story[1].now.waiting_since == at("2026-03-04 10:00")
    assert causes(story) == [("supplement", True)]
    assert not any(kinds(each) for each in story)
    assert classes(story[-1]) == ("ON_TIME", "EARLY", "LATE", "LATE")


def test_e03_notice_after_three_working_days_is_late() -> None:
    (found,) = told((account(1, 5, supplements=(supplement("2026-03-06 08:00"),)), "2026-03-06 08:01"))
    assert kinds(found) == {"SUPPLEMENT_NOTICE_LATE"}
    (found,) = told((account(1, 5, supplements=(supplement("2026-03-05 16:59"),)), "2026-03-05 17:00"))
    assert kinds(found) == set()


def test_e05_wait_that_begins_after_the_due_stays_late() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 5, supplements=(supplement("2026-03-11 08:00"),)), "2026-03-11 08:01"),
        as_of="2026-03-20 09:00",
    )
    assert classes(story[-1])[:2] == ("PAUSED_LATE", "PAUSED_LATE")
    assert story[-1].now.lateness.working_days == 2


def test_wait_after_the_due_moves_no_promise() -> None:  # rule 11
    late = supplement("2026-03-11 08:00", "2026-03-13 08:00", new="2026-03-20 08:00")
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at="2026-03-20 08:00", supplements=(late,)), "2026-03-13 08:01"),
    )
    assert causes(story) == [("supplement", False)]
    assert {"ASKED_AFTER_DUE", "SUPPLEMENT_NOTICE_LATE"} == kinds(story[-1])
    assert classes(story[-1])[0] == "OVERDUE"


def test_e06_payment_moves_the_promise_lawfully() -> None:
    waiting = (step("2026-03-03 09:00", 6),)
    paid = (*waiting, step("2026-03-05 09:00", 4))
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 6, steps=waiting), "2026-03-03 09:01"),
        (account(3, 4, steps=paid, due_at="2026-03-11 09:00"), "2026-03-05 09:01"),
    )
    assert classes(story[1])[0] == "PAUSED"
    assert causes(story) == [("payment", True)]
    assert not kinds(story[-1])
    assert story[-1].now.due_at == at("2026-03-11 09:00")


def test_payment_does_not_move_a_promise_further_than_it_lasted() -> None:  # R5, R13
    steps = (step("2026-03-03 09:00", 6), step("2026-03-05 09:00", 4))
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, steps=steps, due_at="2026-03-30 09:00"), "2026-03-05 09:01"),
    )
    assert causes(story) == [("payment", True)]
    assert kinds(story[-1]) == {"DUE_TOO_LATE"}


def test_e07_second_supplement_request_is_flagged() -> None:
    rounds = (
        supplement("2026-03-03 10:00", "2026-03-04 10:00", number=1),
        supplement("2026-03-05 10:00", number=2),
    )
    (found,) = told((account(1, 5, supplements=rounds), "2026-03-05 10:01"))
    assert kinds(found) == {"SUPPLEMENT_TWICE"}


def test_supplement_asked_at_the_counter_starts_no_clock_and_moves_nothing() -> None:  # R11
    rounds = (supplement("2026-02-27 10:00", "2026-02-28 10:00", new="2026-03-30 09:00", old=None),)
    found = told(
        (
            account(
                1,
                5,
                received_at=None,
                due_at=None,
                supplements=rounds[:0],
                submitted_at="2026-02-26 10:00",
                steps=(step("2026-02-27 10:00", 5),),
            ),
            "2026-02-27 10:01",
        ),
        (account(2, 4, supplements=rounds, submitted_at="2026-02-26 10:00"), "2026-03-02 09:01"),
    )
    assert classes(found[0])[0] == "PAUSED"
    assert causes(found) == []
    assert found[-1].now.due_at == at(DUE)
    assert kinds(found[-1]) == set()


def test_policy_decides_what_a_supplement_may_add() -> None:  # R12
    answered = supplement("2026-03-04 10:00", "2026-03-10 14:00", new="2026-03-17 14:00")
    story = (
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at="2026-03-17 14:00", supplements=(answered,)), "2026-03-10 14:01"),
    )
    assert kinds(told(*story)[-1]) == set()
    paused = told(*story, policy=Policy(supplement=WaitPolicy.PAUSE_WORKING))
    assert kinds(paused[-1]) == {"DUE_TOO_LATE"}
    assert paused[-1].now.due_at == at("2026-03-17 14:00")  # flagged, and still the promise


@pytest.mark.parametrize(
    ("new", "kind"),
    [
        ("2026-03-17 14:00", set()),  # five working days again
        ("2026-03-20 14:00", set()),  # a week again, or a month that is three days longer
        ("2026-03-20 14:16", {"DUE_TOO_LATE"}),
        ("2026-04-17 14:00", {"DUE_TOO_LATE"}),
    ],
)
def test_restart_in_an_unknown_unit_is_late_only_when_it_is_so_in_every_unit(
    new: str, kind: set[str]
) -> None:
    answered = supplement("2026-03-04 10:00", "2026-03-10 14:00", new=new)
    (found,) = told((account(1, 4, due_at=new, supplements=(answered,)), "2026-03-10 14:01"))
    assert kinds(found) == kind


def test_restart_in_a_known_unit_is_checked_exactly() -> None:
    late = supplement("2026-03-04 10:00", "2026-03-10 14:00", new="2026-03-17 14:16")
    (found,) = told(
        (account(1, 4, due_at="2026-03-17 14:16", supplements=(late,)), "2026-03-10 14:01"), policy=FIVE_DAYS
    )
    assert kinds(found) == {"DUE_TOO_LATE"}


# R5: the check of the first promise


@pytest.mark.parametrize(
    ("due_at", "kind"),
    [
        ("2026-03-09 09:00", set()),
        ("2026-03-09 09:15", set()),
        ("2026-03-09 09:16", {"DUE_TOO_LATE"}),
        ("2026-03-10 09:00", {"DUE_TOO_LATE"}),
        ("2026-03-09 00:00", set()),  # that day
        ("2026-03-10 00:00", {"DUE_TOO_LATE"}),
        ("2026-03-05 09:00", set()),  # a shorter commitment is lawful
    ],
)
def test_first_promise_is_checked_and_kept(due_at: str, kind: set[str]) -> None:
    (found,) = told((account(1, 4, due_at=due_at), "2026-03-02 09:01"), policy=FIVE_DAYS)
    assert kinds(found) == kind
    assert found.now.due_at == at(due_at)


def test_promise_between_the_legal_day_and_the_instant_is_a_note_only() -> None:
    evening = {"submitted_at": "2026-03-02 17:20", "received_at": "2026-03-02 17:30"}
    (found,) = told(
        (account(1, 4, due_at="2026-03-10 07:00", **evening), "2026-03-02 17:31"), policy=FIVE_DAYS
    )
    assert kinds(found) == set()
    (change,) = found.due_changes
    assert change.flags == {Flag.DUE_AFTER_LEGAL_DAY}


def test_check_beyond_the_calendar_is_a_gap_and_no_guess() -> None:
    said = account(
        1, 4, submitted_at="2027-12-30 08:00", received_at="2027-12-30 09:00", due_at="2028-01-06 09:00"
    )
    (found,) = told((said, "2027-12-30 09:01"), policy=FIVE_DAYS)
    assert found.due_changes[0].flags == {Flag.CALENDAR_GAP}
    assert kinds(found) == set()


# other lawful moves


def test_promise_on_a_day_that_was_taken_off_moves_to_the_next_working_day() -> None:  # R10, Civil Code 148
    festival = SpecialDay(
        on=on("2026-03-09"), works=False, name="festival", certainty=Certainty.CONFIRMED, source="x"
    )
    office = CALENDAR.with_local(LocalDays(name="ward 7", days=(festival,)))

    def heard(before: Assessment | None, said: Account, earlier: Account | None, when: str) -> Assessment:
        return assess(
            before.now if before else None,
            said,
            heard_at=at(when),
            policy=DEFAULT_POLICY,
            calendar=office,
            as_of=at(when),
            earlier=earlier,
        )

    first = account(1, 4)
    stood = heard(None, first, None, "2026-03-02 09:01")
    moved = heard(stood, account(2, 4, due_at="2026-03-10 09:00"), first, "2026-03-06 09:01")
    assert causes([moved]) == [("calendar", True)]
    assert not kinds(moved)
    further = heard(stood, account(2, 4, due_at="2026-03-11 09:00"), first, "2026-03-06 09:01")
    assert causes([further]) == [("none", False)]


def test_promise_that_never_was_one_is_corrected_in_the_open() -> None:  # R26
    story = told(
        (account(1, 4, due_at="2025-03-09 09:00"), "2026-03-02 09:01"),
        (account(2, 4), "2026-03-02 10:01"),
    )
    assert classes(story[0])[0] == "DATA_ERROR"
    assert causes(story) == [("correction", True)]
    assert classes(story[1])[0] == "IN_TIME"


def test_return_to_the_promise_that_held_is_a_correction() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW), "2026-03-03 09:01"),
        (account(3, 4), "2026-03-04 09:01"),
    )
    assert causes(story) == [("none", False), ("correction", True)]
    assert (story[2].due_changes[0].old_due_at, story[2].due_changes[0].new_due_at) == (at(NEW), at(DUE))
    assert Flag.SILENT_DUE_CHANGE not in story[2].now.flags


def test_promise_that_disappears_still_holds() -> None:
    story = told((account(1, 4), "2026-03-02 09:01"), (account(2, 4, due_at=None), "2026-03-03 09:01"))
    assert causes(story) == [("none", False)]
    assert (story[1].now.due_at, story[1].now.due_declared_at) == (at(DUE), None)


def test_promise_may_be_made_after_the_reception() -> None:
    story = told((account(1, 2, due_at=None), "2026-03-02 09:01"), (account(2, 4), "2026-03-03 09:01"))
    assert classes(story[0])[0] == "IN_TIME"
    assert Flag.NO_DUE in story[0].now.flags
    assert (story[1].now.due_at, story[1].now.due_original_at) == (at(DUE), at(DUE))
    assert [change.cause for change in story[1].due_changes] == ["first"]


# periods of event time


WAY = (
    step("2026-03-02 08:00", 1),
    step("2026-03-02 09:00", 2, unit="one-door"),
    step("2026-03-02 14:00", 4, unit="room 3", officer="A"),
    step("2026-03-04 08:00", 4, officer="B"),
    step("2026-03-05 15:00", 9),
)


def test_periods_follow_the_steps() -> None:
    (found,) = told(
        (account(1, 9, steps=WAY, finished_at="2026-03-05 15:00"), "2026-03-05 15:01"),
    )
    assert shown(found) == [
        ("03-02 08:00", "03-02 09:00", 1, None),
        ("03-02 09:00", "03-02 14:00", 2, "03-09 09:00"),
        ("03-02 14:00", "03-05 15:00", 4, "03-09 09:00"),
        ("03-05 15:00", None, 9, "03-09 09:00"),
    ]
    assert [(each.unit, each.officer) for each in found.standings] == [
        (None, None),
        ("one-door", None),
        ("room 3", "B"),
        ("room 3", "B"),
    ]
    assert found.standings[0].received_at is None
    assert found.standings[1].received_at == at("2026-03-02 09:00")
    assert [each.ended_at for each in found.standings[:3]] == [None] * 3


def test_one_more_account_changes_the_open_period_only() -> None:
    story = told(
        (account(1, 4, steps=WAY[:3]), "2026-03-02 14:01"),
        (account(2, 4, steps=WAY[:4]), "2026-03-04 08:01"),
        (account(3, 9, steps=WAY, finished_at="2026-03-05 15:00"), "2026-03-05 15:01"),
    )
    assert shown(story[1]) == [("03-02 14:00", None, 4, "03-09 09:00")]
    assert story[1].now.officer == "B"
    assert shown(story[2]) == [
        ("03-02 14:00", "03-05 15:00", 4, "03-09 09:00"),
        ("03-05 15:00", None, 9, "03-09 09:00"),
    ]


def test_event_that_is_told_late_changes_the_past_that_it_speaks_of() -> None:  # §3.6: events, not arrivals
    story = told(
        (account(1, 4, steps=(WAY[1], WAY[3])), "2026-03-04 08:01"),
        (account(2, 4, steps=WAY[:4]), "2026-03-04 09:01"),
    )
    assert shown(story[1]) == [
        ("03-02 08:00", "03-02 09:00", 1, None),
        ("03-02 09:00", "03-02 14:00", 2, "03-09 09:00"),
        ("03-02 14:00", None, 4, "03-09 09:00"),
    ]


def test_state_without_a_time_begins_when_it_was_heard_of() -> None:
    story = told(
        (account(1, 2), "2026-03-02 09:01"),
        (account(2, 5), "2026-03-03 10:00"),
        (account(3, 4), "2026-03-04 10:00"),
    )
    assert shown(story[1])[-1] == ("03-03 10:00", None, 5, "03-09 09:00")
    assert story[1].now.waiting_since == at("2026-03-03 10:00")
    assert shown(story[2]) == [
        ("03-03 10:00", "03-04 10:00", 5, "03-09 09:00"),
        ("03-04 10:00", None, 4, "03-09 09:00"),
    ]


def test_wait_goes_on_from_supplement_to_payment() -> None:
    steps = (step("2026-03-03 09:00", 5), step("2026-03-12 09:00", 6))
    (found,) = told((account(1, 6, steps=steps), "2026-03-12 09:01"))
    assert found.now.waiting_since == at("2026-03-03 09:00")
    assert classes(found)[0] == "PAUSED"


def test_wait_keeps_its_beginning_over_accounts() -> None:
    first, second = step("2026-03-03 09:00", 5), step("2026-03-12 09:00", 6)
    story = told(
        (account(1, 5, steps=(first,)), "2026-03-03 09:01"),
        (account(2, 6, steps=(first, second)), "2026-03-12 09:01"),
        (account(3, 6, steps=(first, second)), "2026-03-13 09:01"),
    )
    assert shown(story[2]) == [("03-12 09:00", None, 6, "03-09 09:00")]
    assert story[2].now.waiting_since == at("2026-03-03 09:00")


def test_last_promise_holds_although_its_cause_is_older() -> None:
    paper = apology("2026-03-06 10:00", NEW)
    steps = (*WAY[:3], step("2026-03-03 09:00", 6), step("2026-03-05 09:00", 4))
    (found,) = told(
        (account(1, 4, steps=steps, due_at="2026-03-16 09:00", reappointments=(paper,)), "2026-03-06 16:00")
    )
    assert causes([found]) == [("reappointment", True), ("payment", True)]
    assert shown(found)[-1] == ("03-06 10:00", None, 4, "03-16 09:00")


def test_handed_over_at_the_instant_of_its_end_is_no_recall() -> None:
    steps = (*WAY[:4], step("2026-03-05 15:00", 10))
    (found,) = told((account(1, 10, steps=steps, finished_at="2026-03-05 15:00"), "2026-03-05 15:01"))
    assert [row[2] for row in shown(found)] == [1, 2, 4, 10]
    assert kinds(found) == set()


def test_promise_parts_a_period_at_the_time_of_its_paper() -> None:
    paper = apology("2026-03-06 10:00", NEW)
    (found,) = told((account(1, 4, steps=WAY[:3], due_at=NEW, reappointments=(paper,)), "2026-03-06 16:00"))
    assert shown(found)[-2:] == [
        ("03-02 14:00", "03-06 10:00", 4, "03-09 09:00"),
        ("03-06 10:00", None, 4, "03-12 09:00"),
    ]


def test_recall_opens_a_new_attempt_and_keeps_the_first_end() -> None:  # §4.3
    recalled = (*WAY, step("2026-03-06 09:00", 4))
    again = (*recalled, step("2026-03-10 09:00", 9))
    story = told(
        (account(1, 9, steps=WAY, finished_at="2026-03-05 15:00"), "2026-03-05 15:01"),
        (account(2, 4, steps=recalled), "2026-03-06 09:01"),
        (account(3, 9, steps=again, finished_at="2026-03-10 09:00"), "2026-03-10 09:01"),
    )
    assert story[1].standings[0].ended_at == at("2026-03-05 15:00")
    assert (story[1].now.status, story[1].now.ended_at) == (Status.PROCESSING, None)
    assert kinds(story[1]) == {"RECALLED"}
    assert classes(story[2])[0] == "LATE"
    assert Flag.END_TIME_REWRITTEN not in story[2].now.flags
    assert Flag.RECALLED in story[2].now.flags


def test_whole_story_at_once_is_the_story_told_bit_by_bit() -> None:
    asked = supplement("2026-03-03 10:00")
    answered = supplement("2026-03-03 10:00", "2026-03-04 10:00", new="2026-03-10 10:00")
    last = account(
        4,
        10,
        steps=WAY[:3],
        due_at="2026-03-10 10:00",
        supplements=(answered,),
        finished_at="2026-03-10 09:00",
        returned_at="2026-03-10 14:00",
    )
    policy = Policy(supplement=WaitPolicy.PAUSE_WORKING)
    bits = told(
        (account(1, 4, steps=WAY[:3]), "2026-03-02 14:00"),
        (account(2, 5, steps=WAY[:3], supplements=(asked,)), "2026-03-03 10:00"),
        (
            account(3, 4, steps=WAY[:3], supplements=(answered,), due_at="2026-03-10 10:00"),
            "2026-03-04 10:00",
        ),
        (last, "2026-03-10 14:00"),
        policy=policy,
    )
    (whole,) = told((last, "2026-03-10 14:00"), policy=policy)
    pieced: list[tuple[str, str | None, int, str | None]] = []
    for bit in bits:
        rows = shown(bit)
        pieced = [row for row in pieced if row[0] < rows[0][0]] + rows
    assert pieced == shown(whole)
    assert classes(bits[-1]) == classes(whole)


def test_without_the_earlier_account_no_paper_counts_twice() -> None:
    paper = apology("2026-03-06 10:00", NEW)
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, due_at=NEW, reappointments=(paper,)), "2026-03-06 10:01"),
        (account(3, 4, due_at=NEW, reappointments=(paper,)), "2026-03-07 10:01"),
        blind=True,
    )
    assert story[2].due_changes == ()
    assert story[2].now.due_at == story[1].now.due_at


# what does not fit


def test_rewritten_reception_is_recorded_and_the_first_one_kept() -> None:
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 4, received_at="2026-03-04 09:00", submitted_at="2026-03-04 08:00"), "2026-03-04 09:01"),
    )
    assert kinds(story[1]) == {"RECEPTION_REWRITTEN", "SUBMISSION_REWRITTEN"}
    assert story[1].now.received_at == at("2026-03-02 09:00")
    assert story[1].now.submitted_at == at("2026-03-02 08:00")


def test_online_filing_at_the_instant_of_its_reception_is_flagged() -> None:  # §4.4(4)
    same = {"submitted_at": "2026-03-02 09:00"}
    (found,) = told((account(1, 4, **same), "2026-03-02 09:01"))
    assert kinds(found) == {"SUBMIT_EQUALS_RECEIVE"}
    (found,) = told((account(1, 4, channel=Channel.COUNTER, **same), "2026-03-02 09:01"))
    assert kinds(found) == set()


@pytest.mark.parametrize(
    ("states", "kind"),
    [
        ((2, 1), "STATE_JUMP"),
        ((2, 4, 3), "STATE_JUMP"),
        ((2, 4, 2), "STATE_NEEDS_REASON"),
        ((2, 4, 9, 4), "RECALLED"),
        ((2, 4, 8, 2), "RECALLED"),
        ((2, 4, 9, 10), None),
        ((2, 4, 8, 4), None),
    ],
)
def test_moves_are_judged(states: tuple[int, ...], kind: str | None) -> None:  # §4.3
    steps = tuple(step(f"2026-03-02 {9 + hour:02}:30", number) for hour, number in enumerate(states))
    ends = {"finished_at": f"2026-03-02 {9 + states.index(9):02}:30"} if states[-1] in {9, 10} else {}
    (found,) = told((account(1, states[-1], steps=steps, **ends), "2026-03-02 16:00"))
    assert kinds(found) == ({kind} if kind else set())


def test_dossier_that_is_first_seen_in_work_needs_a_reason() -> None:
    (found,) = told((account(1, 4, submitted_at=None, received_at=None, due_at=None), "2026-03-02 16:00"))
    assert kinds(found) == {"STATE_NEEDS_REASON"}


def test_end_on_another_day_than_its_step_is_flagged() -> None:  # §6.2
    steps = (*WAY[:4], step("2026-03-12 08:00", 9))
    (found,) = told((account(1, 9, steps=steps, finished_at="2026-03-09 08:00"), "2026-03-12 08:01"))
    assert kinds(found) == {"END_DIFFERS_FROM_STEP"}


def test_end_on_a_day_before_one_in_work_is_flagged() -> None:
    story = told(
        (account(1, 4), "2026-03-10 09:01"),
        (account(2, 9, finished_at="2026-03-06 09:00"), "2026-03-12 09:01"),
    )
    assert kinds(story[1]) == {"END_BACKDATED"}
    assert classes(story[1])[0] == "EARLY"


@pytest.mark.parametrize(
    ("start", "flag"),
    [
        (None, Flag.SYNC_LATE),
        ("2026-03-09 00:00", Flag.SYNC_LATE),  # on the day of the promise: there was time to tell
        ("2026-03-10 00:00", Flag.BEFORE_START),
        ("2026-03-30 00:00", Flag.BEFORE_START),
    ],
)
def test_old_dossiers_of_an_initial_load_are_not_late_in_sync(start: str | None, flag: Flag) -> None:
    found = assess(
        None,
        account(2, 9, finished_at="2026-03-06 09:00"),
        heard_at=at("2026-03-31 09:01"),
        policy=DEFAULT_POLICY,
        calendar=CALENDAR,
        as_of=at("2026-03-31 09:01"),
        start=at(start),
    )
    assert found.now.classification.by_date is Verdict.EARLY  # the official figure stays
    assert {Flag.SYNC_LATE, Flag.BEFORE_START} & found.now.flags == {flag}


def test_end_in_time_that_is_heard_of_after_the_due_is_on_time_and_late_in_sync() -> None:  # R27
    story = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 9, finished_at="2026-03-06 09:00"), "2026-03-10 09:01"),
        (account(3, 10, finished_at="2026-03-06 09:00", returned_at="2026-03-11 09:00"), "2026-03-11 09:01"),
    )
    assert classes(story[1])[0] == "EARLY"
    assert Flag.SYNC_LATE in story[1].now.flags
    assert Flag.SYNC_LATE in story[2].now.flags
    punctual = told(
        (account(1, 4), "2026-03-02 09:01"),
        (account(2, 9, finished_at="2026-03-06 09:00"), "2026-03-09 23:01"),
    )
    assert Flag.SYNC_LATE not in punctual[1].now.flags


@pytest.mark.parametrize("number", [3, 7, 8])
def test_other_ends_have_their_place(number: int) -> None:
    more = {3: {"refused_at": "2026-03-03 09:00"}, 7: {"finished_at": "2026-03-03 09:00"}, 8: {}}[number]
    early = {"received_at": None, "due_at": None} if number == 3 else {}
    (found,) = told((account(1, number, **more, **early), "2026-03-03 09:30"))
    assert (found.now.status.national, classes(found)[0]) == (
        number,
        {3: "REFUSED", 7: "WITHDRAWN", 8: "PAUSED"}[number],
    )
    assert text(found.now.effective_from) == ("03-03 09:30" if number == 8 else "03-03 09:00")


def test_withdrawal_without_a_time_ends_at_its_step() -> None:
    steps = (*WAY[:3], step("2026-03-11 09:00", 7))
    (found,) = told((account(1, 7, steps=steps), "2026-03-11 09:01"))
    assert found.now.ended_at == at("2026-03-11 09:00")
    assert Flag.WITHDRAWN_AFTER_DUE in found.now.flags


def test_result_at_once_has_no_period_in_work() -> None:  # Decree 61 Art. 17(4)
    instant = "2026-03-02 09:00"
    said = account(
        1,
        10,
        submitted_at=instant,
        channel=Channel.COUNTER,
        due_at=None,
        finished_at=instant,
        returned_at=instant,
    )
    (found,) = told((said, "2026-03-02 09:01"))
    assert shown(found) == [("03-02 09:00", None, 10, None)]
    assert classes(found)[0] == "ON_TIME"


# what every assessment carries


def test_every_period_names_its_rules_its_version_and_when_it_was_heard_of() -> None:
    (found,) = told((account(7, 9, steps=WAY, finished_at="2026-03-05 15:00"), "2026-03-05 15:01"))
    assert {each.rule_version for each in found.standings} == {RULE_VERSION}
    assert {each.calendar_version for each in found.standings} == {CALENDAR.version}
    assert {(each.version, each.recorded_at) for each in found.standings} == {(7, at("2026-03-05 15:01"))}


def test_same_arguments_give_the_same_answer() -> None:
    said = account(1, 9, steps=WAY, finished_at="2026-03-05 15:00")
    assert told((said, "2026-03-05 15:01")) == told((said, "2026-03-05 15:01"))


def test_changed_calendar_moves_no_promise() -> None:  # R10, rule 2
    festival = SpecialDay(
        on=on("2026-03-05"), works=False, name="festival", certainty=Certainty.CONFIRMED, source="x"
    )
    changed = msgspec.structs.replace(
        CALENDAR, version="vn-2026.2", days=tuple(sorted((*CALENDAR.days, festival), key=lambda day: day.on))
    )
    said = account(1, 4, steps=WAY[:3])
    (before,) = told((said, "2026-03-02 14:01"), policy=FIVE_DAYS)
    after = assess(
        before.now,
        said,
        heard_at=at("2026-03-02 14:01"),
        policy=FIVE_DAYS,
        calendar=changed,
        as_of=at("2026-03-04 16:00"),
        earlier=said,
    )
    assert (after.now.due_at, after.now.due_original_at) == (before.now.due_at, before.now.due_original_at)
    assert after.due_changes == ()
    assert after.now.calendar_version == "vn-2026.2"


def test_as_of_decides_the_class_of_the_open_period_only() -> None:
    said = account(1, 4, steps=WAY[:3])
    (early,) = told((said, "2026-03-02 14:01"))
    (late,) = told((said, "2026-03-02 14:01"), as_of="2026-03-11 14:01")
    assert (classes(early)[0], classes(late)[0]) == ("IN_TIME", "OVERDUE")
    assert early.standings[:-1] == late.standings[:-1]


def test_time_without_offset_is_refused() -> None:
    naive = (at("2026-03-02 08:30") + timedelta()).replace(tzinfo=None)
    with pytest.raises((ValueError, TypeError)):
        told((account(1, 4, received_at=naive), "2026-03-02 09:01"))
