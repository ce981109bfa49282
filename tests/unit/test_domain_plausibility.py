"""Dates that cannot be true are found, each with its place; what can be true is left alone."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from gateway.domain.dossier import (
    Agency,
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    Procedure,
    Step,
    Supplement,
)
from gateway.domain.plausibility import implausible
from gateway.domain.status import Status

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)


def day(number):
    return NOW + timedelta(days=number)


def dossier(status=Status.PROCESSING, **fields):
    return Dossier(
        code="H99-1",
        version=1,
        procedure=Procedure(code="1.000001"),
        agency=Agency(code="H99.14", name="Sở Tư pháp"),
        channel=Channel.COUNTER,
        applicant=Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn Văn Thử"),
        summary="Thử",
        status=status,
        **{"received_at": day(-5), "due_at": day(5), **fields},
    )


def found(record):
    return [(violation.pointer, violation.code) for violation in implausible(record, now=NOW)]


def test_plausible_dossier_has_no_finding():
    assert found(dossier()) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"due_at": day(-6)}, [("/due_at", "date_order")]),
        ({"finished_at": day(-6)}, [("/finished_at", "date_order")]),
        ({"returned_at": day(-6)}, [("/returned_at", "date_order")]),
        ({"finished_at": day(1)}, [("/finished_at", "date_in_future")]),
        ({"returned_at": day(1)}, [("/returned_at", "date_in_future")]),
        ({"refused_at": day(1)}, [("/refused_at", "date_in_future")]),
        ({"submitted_at": day(1)}, [("/submitted_at", "date_in_future")]),
        ({"received_at": day(1), "due_at": day(9)}, [("/received_at", "date_in_future")]),
        ({"received_at": None, "due_at": None}, [("/received_at", "missing_for_status")]),
        ({"due_at": None}, []),
        ({"due_at": day(-5)}, []),
        ({"due_at": day(3650)}, []),
    ],
)
def test_impossible_dates_are_found(fields, expected):
    assert found(dossier(**fields)) == expected


@pytest.mark.parametrize(
    ("ahead", "findings"), [(timedelta(minutes=5), 0), (timedelta(minutes=5, seconds=1), 1)]
)
def test_sources_clock_may_run_a_little_ahead(ahead, findings):
    assert len(found(dossier(submitted_at=NOW + ahead))) == findings


NEEDED = {
    Status.REGISTERED: set(),
    Status.RECEIVED: {"/received_at"},
    Status.REFUSED: set(),
    Status.PROCESSING: {"/received_at"},
    Status.SUPPLEMENT_REQUESTED: set(),
    Status.PAYMENT_REQUESTED: set(),
    Status.WITHDRAWN: set(),
    Status.STOPPED: set(),
    Status.FINISHED: {"/received_at", "/finished_at"},
    Status.RETURNED: {"/received_at", "/finished_at"},
}


@pytest.mark.parametrize("status", list(Status))
def test_every_state_needs_the_instants_that_make_it_true(status):
    bare = dossier(status, received_at=None, due_at=None)

    assert {pointer for pointer, code in found(bare) if code == "missing_for_status"} == NEEDED[status]


def test_supplement_cannot_arrive_before_it_was_asked_for():
    early = Supplement(id=1, requested_at=day(-2), requested_by="x", reason="y", received_at=day(-3))
    fine = msgspec.structs.replace(early, received_at=day(-1))

    assert found(dossier(supplements=[fine, early])) == [("/supplements/1/received_at", "date_order")]


def test_steps_have_ids_of_their_own_and_lie_in_the_past():
    steps = [
        Step(id="1", at=day(-4), status="processing"),
        Step(id="1", at=day(-3), status="processing"),
        Step(id="2", at=day(1), status="processing"),
    ]

    assert found(dossier(steps=steps)) == [("/steps/2/at", "date_in_future"), ("/steps/1/id", "repeated_id")]


def test_all_findings_come_at_once():
    record = dossier(due_at=day(-9), finished_at=day(-8), returned_at=day(3), submitted_at=day(2))

    assert len(found(record)) == 4


def test_every_finding_says_what_was_got_and_what_to_do():
    for violation in implausible(dossier(due_at=day(-9), finished_at=day(2)), now=NOW):
        assert violation.got
        assert violation.expected
        assert violation.advice


RECEIVED = datetime(2026, 9, 21, 2, 30, tzinfo=UTC)  # 09:30 in Vietnam


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        (datetime(2026, 9, 20, 17, 0, tzinfo=UTC), []),
        (datetime(2026, 9, 21, 0, 0, tzinfo=timezone(timedelta(hours=7))), []),
        (datetime(2026, 9, 20, 17, 0, 1, tzinfo=UTC), [("/due_at", "date_order")]),
        (datetime(2026, 9, 19, 17, 0, tzinfo=UTC), [("/due_at", "date_order")]),
        (datetime(2026, 9, 21, 0, 0, tzinfo=UTC), [("/due_at", "date_order")]),
    ],
    ids=[
        "its midnight",
        "its midnight, told locally",
        "a second later",
        "the day before",
        "midnight elsewhere",
    ],
)
def test_promise_at_midnight_of_the_day_of_reception_means_its_end(due, expected):
    """domain_rules R25; nothing else may be before the reception, at midnight or not."""
    assert found(dossier(received_at=RECEIVED, due_at=due)) == expected
    assert found(
        dossier(received_at=RECEIVED, due_at=None, finished_at=datetime(2026, 9, 20, 17, tzinfo=UTC))
    )
