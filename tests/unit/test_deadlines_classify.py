"""The worked cases of domain_rules §3.5 G and H, the waiting cases of E, every row of the decision table, in bulk too."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gateway.deadlines.bulk import classify_rows
from gateway.deadlines.calendar import shipped_calendar
from gateway.deadlines.classes import BIT, OF_HISTORY, flags_of, form_column, names_of
from gateway.deadlines.classify import VIETNAM, Facts, Flag, Verdict, classify, row_of
from gateway.deadlines.instants import to_micros
from gateway.deadlines.judge import Options, StopReading
from gateway.deadlines.lateness import Lateness, lateness
from gateway.domain.status import Status

CALENDAR = shipped_calendar()

RECEIVED = datetime(2026, 3, 2, 9, tzinfo=VIETNAM)
DUE = "03-05 09:00"
LONG_AFTER = "06-30 09:00"


def at(text: str | None) -> datetime | None:
    """``MM-DD HH:MM`` in 2026, Vietnam's time."""
    return None if text is None else datetime.fromisoformat(f"2026-{text}:00+07:00")


def status_of(number: int) -> Status:
    return next(status for status in Status if status.national == number)


# number, due, end, by date, by instant, flags
FINISHED = {
    "G01": (9, DUE, "03-04 16:00", "EARLY", "EARLY", ""),
    "G02": (9, DUE, "03-05 08:00", "ON_TIME", "EARLY", ""),
    "G03": (9, DUE, "03-05 09:00", "ON_TIME", "ON_TIME", ""),
    "G04": (9, DUE, "03-05 16:30", "ON_TIME", "LATE", "DATE_INSTANT_DIFFER"),
    "G05": (9, DUE, "03-06 07:10", "LATE", "LATE", ""),
    "G06": (10, DUE, "03-05 08:30", "ON_TIME", "EARLY", ""),
    "G07": (9, None, "03-20 08:00", "ON_TIME", "ON_TIME", "NO_DUE"),
    "G08": (7, DUE, "03-10 08:00", "WITHDRAWN", "WITHDRAWN", "WITHDRAWN_AFTER_DUE"),
    "G09": (3, DUE, "03-10 08:00", "REFUSED", "REFUSED", ""),
    "G10": (9, DUE, None, "DATA_ERROR", "DATA_ERROR", "NO_END_TIME"),
    "G11": (9, DUE, "03-01 08:00", "DATA_ERROR", "DATA_ERROR", "END_BEFORE_RECEPTION"),
}

# number, due, as of, by date, by instant, flags
PENDING = {
    "H01": (4, DUE, "03-03 09:00", "IN_TIME", "IN_TIME", ""),
    "H02": (4, DUE, "03-04 09:30", "IN_TIME", "IN_TIME", "NEAR_DUE"),
    "H03": (4, DUE, "03-05 08:00", "IN_TIME", "IN_TIME", "DUE_TODAY NEAR_DUE"),
    "H04": (4, DUE, "03-05 16:30", "IN_TIME", "OVERDUE", "DUE_TODAY DATE_INSTANT_DIFFER"),
    "H05": (4, DUE, "03-06 07:00", "OVERDUE", "OVERDUE", ""),
    "H06": (4, "02-13 16:00", "02-23 08:00", "OVERDUE", "OVERDUE", ""),
    "H07": (4, "02-13 16:00", "02-16 08:00", "OVERDUE", "OVERDUE", ""),
    "H08": (2, None, "03-05 09:00", "IN_TIME", "IN_TIME", "NO_DUE"),
    "H09": (1, None, "03-05 09:00", "NOT_COUNTED", "NOT_COUNTED", ""),
    "H10": (6, DUE, "03-20 09:00", "PAUSED", "PAUSED", ""),
}


def told(facts: Facts) -> tuple[str, str, set[str]]:
    found = classify(facts, CALENDAR)
    return str(found.by_date), str(found.by_instant), {str(flag) for flag in found.flags}


@pytest.mark.parametrize("case", FINISHED)
def test_finished_dossier_is_classified_as_worked_out_by_hand(case: str) -> None:
    number, due, end, by_date, by_instant, flags = FINISHED[case]
    facts = Facts(
        status=status_of(number),
        received_at=RECEIVED,
        due_at=at(due),
        finished_at=at(end),
        as_of=at(LONG_AFTER),
    )
    assert told(facts) == (by_date, by_instant, set(flags.split()))


@pytest.mark.parametrize("case", PENDING)
def test_pending_dossier_is_classified_as_worked_out_by_hand(case: str) -> None:
    number, due, as_of, by_date, by_instant, flags = PENDING[case]
    received = datetime(2026, 2, 2, 9, tzinfo=VIETNAM) if due and due.startswith("02") else RECEIVED
    facts = Facts(
        status=status_of(number),
        received_at=None if number == 1 else received,
        due_at=at(due),
        as_of=at(as_of),
        waiting_since=at("03-04 09:00") if number == 6 else None,
    )
    assert told(facts) == (by_date, by_instant, set(flags.split()))


def test_waiting_that_began_in_time_is_paused() -> None:  # E04
    facts = Facts(
        status=Status.SUPPLEMENT_REQUESTED,
        received_at=RECEIVED,
        due_at=at("03-09 09:00"),
        waiting_since=at("03-04 10:00"),
        as_of=at("03-20 09:00"),
    )
    assert told(facts) == ("PAUSED", "PAUSED", set())


def test_waiting_never_cures_lateness() -> None:  # E05
    facts = Facts(
        status=Status.SUPPLEMENT_REQUESTED,
        received_at=RECEIVED,
        due_at=at("03-09 09:00"),
        waiting_since=at("03-11 08:00"),
        as_of=at("03-20 09:00"),
    )
    assert told(facts) == ("PAUSED_LATE", "PAUSED_LATE", set())


def test_stop_with_a_time_counts_as_finished() -> None:
    facts = Facts(
        status=Status.STOPPED,
        received_at=RECEIVED,
        due_at=at(DUE),
        finished_at=at("03-06 10:00"),
        as_of=at(LONG_AFTER),
    )
    assert classify(facts).by_date is Verdict.LATE


def test_stop_without_a_time_counts_as_waiting() -> None:
    facts = Facts(status=Status.STOPPED, received_at=RECEIVED, due_at=at(DUE), as_of=at(LONG_AFTER))
    assert classify(facts).by_date is Verdict.PAUSED


def test_promise_at_midnight_lasts_until_the_day_ends() -> None:  # R25, T02
    facts = Facts(
        status=Status.PROCESSING, received_at=RECEIVED, due_at=at("03-05 00:00"), as_of=at("03-05 16:30")
    )
    assert told(facts) == ("IN_TIME", "IN_TIME", {"DUE_TODAY", "NEAR_DUE", "MIDNIGHT_DUE"})


def test_day_is_vietnams_day_not_utcs() -> None:
    end = datetime.fromisoformat("2026-03-05T17:30:00+00:00")  # 00:30 on the 6th in Vietnam
    facts = Facts(
        status=Status.FINISHED, received_at=RECEIVED, due_at=at(DUE), finished_at=end, as_of=at(LONG_AFTER)
    )
    assert classify(facts).by_date is Verdict.LATE


@pytest.mark.parametrize("due", [DUE, "03-05 00:00"])
@pytest.mark.parametrize(
    ("when", "ended", "running"),
    [
        ("2026-03-05T23:59:59", "ON_TIME", "IN_TIME"),
        ("2026-03-06T00:00:00", "LATE", "OVERDUE"),
        ("2026-03-05T00:00:00", "ON_TIME", "IN_TIME"),
        ("2026-03-04T23:59:59", "EARLY", "IN_TIME"),
    ],
)
def test_day_of_the_promise_begins_and_ends_at_midnight(
    due: str, when: str, ended: str, running: str
) -> None:
    instant = datetime.fromisoformat(f"{when}+07:00")
    assert told(facts(9, due_at=due, finished_at=instant))[0] == ended
    assert told(facts(4, due_at=due, as_of=instant))[0] == running


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"received_at": at(LONG_AFTER) + timedelta(days=1), "due_at": None}, Flag.RECEPTION_IN_FUTURE),
        ({"finished_at": at(LONG_AFTER) + timedelta(seconds=1)}, Flag.END_IN_FUTURE),
        ({"finished_at": RECEIVED - timedelta(seconds=1)}, Flag.END_BEFORE_RECEPTION),
        ({"due_at": RECEIVED - timedelta(days=1)}, Flag.DUE_BEFORE_RECEPTION),
    ],
)
@pytest.mark.parametrize("status", list(Status))
def test_impossible_times_are_a_data_error_in_every_state(
    status: Status, changes: dict[str, datetime], flag: Flag
) -> None:
    usual = {"received_at": RECEIVED, "due_at": at(DUE), "as_of": at(LONG_AFTER)}
    found = classify(Facts(status=status, **{**usual, **changes}))
    assert found.by_date is found.by_instant is Verdict.DATA_ERROR
    assert flag in found.flags


def test_every_state_has_a_class() -> None:
    found = {
        classify(
            Facts(
                status=status,
                received_at=RECEIVED,
                due_at=at(DUE),
                finished_at=at("03-05 08:00"),
                as_of=at(LONG_AFTER),
            )
        ).by_date
        for status in Status
    }
    assert found == {
        Verdict.NOT_COUNTED,
        Verdict.REFUSED,
        Verdict.WITHDRAWN,
        Verdict.ON_TIME,
        Verdict.PAUSED,
        Verdict.OVERDUE,
    }


def facts(number: int = 4, **changes: object) -> Facts:
    """Received on 2026-03-02 at 09:00, due on 03-05 at 09:00, as of long after. Times as text."""
    usual: dict[str, object] = {"received_at": RECEIVED, "due_at": DUE, "as_of": LONG_AFTER}
    said = {
        name: at(value) if isinstance(value, str) else value for name, value in {**usual, **changes}.items()
    }
    return Facts(status=status_of(number), **said)


# near due (R24)


@pytest.mark.parametrize(
    ("as_of", "near"),
    [
        ("03-04 08:59", False),
        ("03-04 09:00", True),  # exactly eight working hours left
        ("03-05 09:00", True),
        ("03-05 09:01", False),  # the promise is over
    ],
)
def test_near_due_begins_eight_working_hours_before(as_of: str, near: bool) -> None:
    assert (Flag.NEAR_DUE in classify(facts(as_of=as_of), CALENDAR).flags) is near


def test_near_due_counts_working_time_over_tet() -> None:
    over = facts(due_at="02-23 08:00", received_at="02-02 09:00", as_of="02-13 10:00")
    assert Flag.NEAR_DUE in classify(over, CALENDAR).flags
    assert (
        Flag.NEAR_DUE
        not in classify(
            facts(due_at="02-23 08:00", received_at="02-02 09:00", as_of="02-12 16:00"), CALENDAR
        ).flags
    )


def test_nothing_is_near_due_while_it_waits_or_has_ended() -> None:
    for number in (1, 3, 5, 6, 7, 8, 9, 10):
        found = classify(
            facts(number, as_of="03-05 08:00", finished_at="03-05 07:30" if number > 8 else None), CALENDAR
        )
        assert Flag.NEAR_DUE not in found.flags, number


def test_how_near_is_near_can_be_set() -> None:
    early = facts(as_of="03-03 09:00")
    assert Flag.NEAR_DUE not in classify(early, CALENDAR).flags
    assert Flag.NEAR_DUE in classify(early, CALENDAR, Options(near_due_minutes=960)).flags
    assert Flag.NEAR_DUE not in classify(early).flags


@pytest.mark.parametrize(
    ("due", "as_of", "flags"),
    [
        ("2028-03-03 09:00", "2028-03-02 09:00", {"CALENDAR_GAP"}),
        ("2028-03-03 09:00", "2028-03-03 08:00", {"NEAR_DUE", "DUE_TODAY"}),  # less time than working time
        ("2028-01-20 09:00", "2027-12-31 14:00", {"CALENDAR_GAP"}),
        ("2027-12-31 16:30", "2027-12-31 14:00", {"NEAR_DUE", "DUE_TODAY"}),
        ("2027-12-31 16:30", "2027-12-20 14:00", set()),
    ],
)
def test_what_the_calendar_cannot_tell_is_said(due: str, as_of: str, flags: set[str]) -> None:
    asked = Facts(
        status=Status.PROCESSING,
        received_at=RECEIVED,
        due_at=datetime.fromisoformat(f"{due}:00+07:00"),
        as_of=datetime.fromisoformat(f"{as_of}:00+07:00"),
    )
    found = classify(asked, CALENDAR)
    assert (found.by_date, set(names_of(found.flags))) == (Verdict.IN_TIME, flags)


# what waits, by R19


def test_wait_that_began_after_the_hour_of_the_due_day_is_disputed() -> None:
    found = told(facts(5, waiting_since="03-05 10:00"))
    assert found == ("PAUSED", "PAUSED_LATE", {"DATE_INSTANT_DIFFER"})


def test_wait_past_its_due_that_nobody_dated_says_so() -> None:
    assert told(facts(5)) == ("PAUSED", "PAUSED", {"NO_WAIT_START"})
    assert told(facts(5, as_of="03-05 08:00")) == ("PAUSED", "PAUSED", set())
    assert told(facts(6, due_at=None)) == ("PAUSED", "PAUSED", set())


@pytest.mark.parametrize(
    ("since", "flag"),
    [("03-02 08:59", "WAIT_BEFORE_RECEPTION"), ("07-01 09:00", "WAIT_IN_FUTURE")],
)
@pytest.mark.parametrize("due", [DUE, None])
def test_impossible_wait_is_a_data_error(since: str, flag: str, due: str | None) -> None:
    assert told(facts(5, waiting_since=since, due_at=due)) == ("DATA_ERROR", "DATA_ERROR", {flag})


def test_wait_before_the_reception_is_no_error_while_nothing_was_received() -> None:  # R11
    assert told(facts(5, received_at=None, waiting_since="03-01 08:00"))[0] == "PAUSED"


# state 8 (§3.2, rows 10 to 12)


@pytest.mark.parametrize(
    ("reading", "finished_at", "verdict"),
    [
        (StopReading.BY_TIME, None, "PAUSED"),
        (StopReading.BY_TIME, "03-06 10:00", "LATE"),
        (StopReading.WAITS, "03-06 10:00", "PAUSED"),
        (StopReading.ENDS, "03-06 10:00", "LATE"),
        (StopReading.ENDS, None, "DATA_ERROR"),
    ],
)
def test_what_a_stop_is_can_be_set(reading: StopReading, finished_at: str | None, verdict: str) -> None:
    asked = facts(8, finished_at=finished_at, waiting_since="03-04 10:00")
    assert classify(asked, CALENDAR, Options(stopped=reading)).by_date == verdict


# columns of form 06a (§3.2, §5.1)


def test_every_class_has_its_column() -> None:
    found = {verdict: form_column(verdict) for verdict in Verdict}
    assert found == {
        Verdict.EARLY: 8,
        Verdict.ON_TIME: 9,
        Verdict.WITHDRAWN: 9,
        Verdict.LATE: 10,
        Verdict.IN_TIME: 12,
        Verdict.PAUSED: 12,
        Verdict.PAUSED_LATE: 12,
        Verdict.OVERDUE: 13,
        Verdict.NOT_COUNTED: None,
        Verdict.REFUSED: None,
        Verdict.DATA_ERROR: None,
    }


def test_strict_switch_moves_what_was_late_before_it_waited() -> None:  # §3.2, row 11
    moved = {verdict for verdict in Verdict if form_column(verdict, strict=True) != form_column(verdict)}
    assert moved == {Verdict.PAUSED_LATE}
    assert form_column(Verdict.PAUSED_LATE, strict=True) == 13


# four results (R16)


def test_original_promise_is_judged_beside_the_one_that_holds() -> None:
    found = classify(facts(9, due_original_at=DUE, due_at="03-12 09:00", finished_at="03-11 10:00"), CALENDAR)
    assert (found.by_date, found.by_instant) == (Verdict.EARLY, Verdict.EARLY)
    assert (found.original_by_date, found.original_by_instant) == (Verdict.LATE, Verdict.LATE)


def test_without_another_original_both_answers_are_the_same() -> None:
    found = classify(facts(9, finished_at="03-05 16:30"), CALENDAR)
    assert (found.original_by_date, found.original_by_instant) == (found.by_date, found.by_instant)


# how late (R23)


@pytest.mark.parametrize(
    ("due", "stopped", "expected"),
    [
        ("02-13 16:00", "02-23 08:00", (10, 1, 120)),  # H06
        ("02-13 16:00", "02-16 08:00", (3, 0, 60)),  # H07: during Tết
        ("03-09 09:00", "03-11 10:00", (2, 2, 1020)),  # F01 against the original promise
        ("03-05 09:00", "03-05 16:30", (0, 0, 330)),  # G04: by instant only
        ("03-05 09:00", "03-05 09:00", (0, 0, 0)),
        ("03-05 09:00", "03-04 16:00", (0, 0, 0)),
        ("03-05 00:00", "03-05 23:00", (0, 0, 0)),  # R25
        ("03-05 00:00", "03-06 08:00", (1, 1, 60)),
    ],
)
def test_lateness_is_told_in_three_units(due: str, stopped: str, expected: tuple[int, int, int]) -> None:
    found = lateness(at(due), at(stopped), CALENDAR)
    assert (found.calendar_days, found.working_days, found.working_minutes) == expected


def test_nothing_is_late_without_a_promise() -> None:
    assert lateness(None, at(LONG_AFTER), CALENDAR) == Lateness()


# in bulk


def test_rows_are_judged_with_how_late_they_are() -> None:
    asked = [
        facts(9, finished_at="03-06 07:10"),
        facts(4, as_of=LONG_AFTER, due_at="06-26 09:00"),
        facts(5, waiting_since="03-09 08:00"),
        facts(9, finished_at="03-05 08:00"),
    ]
    rows = [row_of(each) for each in asked]
    found = list(classify_rows(rows, CALENDAR, at(LONG_AFTER)))
    assert [(row[0], row[5:]) for row in found] == [
        (Verdict.LATE, (1, 1, 370)),
        (Verdict.OVERDUE, (4, 2, 960)),
        (Verdict.PAUSED_LATE, (4, 2, 900)),
        (Verdict.ON_TIME, (0, 0, 0)),
    ]
    assert list(classify_rows(rows, CALENDAR, to_micros(at(LONG_AFTER)))) == found


def test_row_outside_the_calendar_says_so_and_is_judged() -> None:
    old = (9, *(to_micros(datetime(2020, 3, day, 9, tzinfo=VIETNAM)) for day in (2, 5)), None)
    row = (*old, to_micros(datetime(2020, 3, 9, 9, tzinfo=VIETNAM)), None)
    ((by_date, _, _, _, flags, *late),) = classify_rows([row], CALENDAR, at(LONG_AFTER))
    assert (by_date, flags_of(flags), late) == (Verdict.LATE, {Flag.CALENDAR_GAP}, [4, 0, 0])


def test_flags_and_bits_are_the_same_thing() -> None:
    assert all(flags_of(bit) == {flag} for flag, bit in BIT.items())
    assert flags_of(sum(BIT.values())) == set(Flag) == set(BIT)
    assert names_of(set(Flag)) == [flag.value for flag in Flag]
    assert all(flag.name == flag.value for flag in Flag)
    assert all(verdict.name == verdict.value for verdict in Verdict)


def test_flags_of_history_are_never_those_of_a_judgement() -> None:
    asked = (
        classify(facts(number, as_of=as_of, finished_at=end, waiting_since=since, due_at=due), CALENDAR)
        for number in range(1, 11)
        for as_of in (LONG_AFTER, "03-05 08:00")
        for end in (None, "03-01 08:00", "03-10 08:00")
        for since in (None, "03-01 08:00", "03-06 08:00")
        for due in (None, DUE, "03-06 00:00", "03-01 08:00")
    )
    assert not frozenset().union(*(found.flags for found in asked)) & OF_HISTORY
