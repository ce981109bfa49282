"""The worked cases of domain_rules §3.5 G and H, the waiting cases of E, and every row of the decision table."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gateway.deadlines.classify import VIETNAM, Facts, Flag, Verdict, classify
from gateway.domain.status import Status

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

# number, due, as of, by date, by instant, flags. NEAR_DUE of H02 and H03 needs the working calendar: not told here.
PENDING = {
    "H01": (4, DUE, "03-03 09:00", "IN_TIME", "IN_TIME", ""),
    "H02": (4, DUE, "03-04 09:30", "IN_TIME", "IN_TIME", ""),
    "H03": (4, DUE, "03-05 08:00", "IN_TIME", "IN_TIME", "DUE_TODAY"),
    "H04": (4, DUE, "03-05 16:30", "IN_TIME", "OVERDUE", "DUE_TODAY DATE_INSTANT_DIFFER"),
    "H05": (4, DUE, "03-06 07:00", "OVERDUE", "OVERDUE", ""),
    "H06": (4, "02-13 16:00", "02-23 08:00", "OVERDUE", "OVERDUE", ""),
    "H07": (4, "02-13 16:00", "02-16 08:00", "OVERDUE", "OVERDUE", ""),
    "H08": (2, None, "03-05 09:00", "IN_TIME", "IN_TIME", "NO_DUE"),
    "H09": (1, None, "03-05 09:00", "NOT_COUNTED", "NOT_COUNTED", ""),
    "H10": (6, DUE, "03-20 09:00", "PAUSED", "PAUSED", ""),
}


def told(facts: Facts) -> tuple[str, str, set[str]]:
    found = classify(facts)
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
    assert told(facts) == ("IN_TIME", "IN_TIME", {"DUE_TODAY", "MIDNIGHT_DUE"})


def test_day_is_vietnams_day_not_utcs() -> None:
    end = datetime.fromisoformat("2026-03-05T17:30:00+00:00")  # 00:30 on the 6th in Vietnam
    facts = Facts(
        status=Status.FINISHED, received_at=RECEIVED, due_at=at(DUE), finished_at=end, as_of=at(LONG_AFTER)
    )
    assert classify(facts).by_date is Verdict.LATE


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
