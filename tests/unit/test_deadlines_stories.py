"""Any sequence of accounts, plausible or not: what holds of every assessment."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.deadlines.account import Account, ReappointmentAccount, StepAccount, SupplementAccount
from gateway.deadlines.classes import Flag, Verdict
from gateway.deadlines.classify import Facts
from gateway.deadlines.duration import Duration, DurationUnit
from gateway.deadlines.history import assess, judged
from gateway.deadlines.instants import VIETNAM
from gateway.deadlines.policy import DEFAULT_POLICY, Policy, WaitPolicy
from gateway.deadlines.standing import Assessment, Cause, Standing
from gateway.domain.dossier import Channel
from gateway.domain.status import Status
from tests.unit.deadline_world import CALENDAR

START = datetime(2026, 2, 9, 7, tzinfo=VIETNAM)
instants = st.integers(0, 240).map(lambda hours: START + timedelta(hours=2 * hours))
maybe = st.none() | instants
policies = st.sampled_from(
    [
        DEFAULT_POLICY,
        Policy(supplement=WaitPolicy.PAUSE_WORKING, duration=Duration(5, DurationUnit.WORKING_DAYS)),
        Policy(supplement=WaitPolicy.PAUSE_CALENDAR, duration=Duration(1, DurationUnit.CALENDAR_MONTHS)),
    ]
)
steps = st.lists(
    st.builds(
        StepAccount, at=instants, status=st.sampled_from(Status), unit=st.sampled_from([None, "a", "b"])
    ),
    max_size=5,
).map(tuple)
supplements = st.lists(
    st.builds(
        SupplementAccount,
        id=st.integers(1, 3),
        requested_at=instants,
        received_at=maybe,
        old_due_at=maybe,
        new_due_at=maybe,
    ),
    max_size=2,
).map(tuple)
papers = st.lists(
    st.builds(
        ReappointmentAccount,
        old_due_at=instants,
        new_due_at=instants,
        issued_at=instants,
        document_number=st.sampled_from([None, "1/XL", "2/XL"]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def stories(draw) -> list[tuple[Account, datetime]]:
    """Up to four accounts of one dossier, each heard of later than the one before."""
    count = draw(st.integers(1, 4))
    heard = sorted(draw(st.lists(instants, min_size=count, max_size=count)))
    return [
        (
            Account(
                code="H99.1",
                version=version,
                status=draw(st.sampled_from(Status)),
                channel=draw(st.sampled_from(Channel)),
                agency_code="H99",
                procedure_code="1.1",
                submitted_at=draw(maybe),
                received_at=draw(maybe),
                due_at=draw(maybe),
                finished_at=draw(maybe),
                returned_at=draw(maybe),
                refused_at=draw(maybe),
                steps=draw(steps),
                supplements=draw(supplements),
                reappointments=draw(papers),
            ),
            at,
        )
        for version, at in enumerate(heard, start=1)
    ]


def heard_one(
    before: Standing | None, said: Account, at: datetime, policy: Policy, earlier: Account | None
) -> Assessment:
    return assess(before, said, heard_at=at, policy=policy, calendar=CALENDAR, as_of=at, earlier=earlier)


def told(story: list[tuple[Account, datetime]], policy: Policy, *, blind: bool) -> list[Assessment]:
    found: list[Assessment] = []
    earlier = None
    for said, at in story:
        before = found[-1].now if found else None
        found.append(heard_one(before, said, at, policy, None if blind else earlier))
        earlier = said
    return found


@given(stories(), policies, st.booleans())
@settings(max_examples=200, deadline=None)
def test_periods_are_without_gaps_and_end_in_what_was_said_last(story, policy: Policy, blind: bool) -> None:
    for (said, _), found in zip(story, told(story, policy, blind=blind), strict=True):
        rows = found.standings
        assert all(one.effective_to == other.effective_from for one, other in pairwise(rows))
        assert all(row.effective_to is None or row.effective_from < row.effective_to for row in rows)
        assert rows[-1].effective_to is None
        assert found.now.status is said.status
        assert (found.now.version, found.now.due_declared_at) == (said.version, said.due_at)


@given(stories(), policies)
@settings(max_examples=200, deadline=None)
def test_promise_moves_by_an_applied_change_and_by_nothing_else(story, policy: Policy) -> None:
    held = None
    for found in told(story, policy, blind=False):
        for change in found.due_changes:
            if change.cause is not Cause.CORRECTION:
                assert change.old_due_at == held
            if change.applied:
                held = change.new_due_at
                assert change.cause is not Cause.NONE
        assert found.now.due_at == held


@given(stories(), policies)
@settings(max_examples=200, deadline=None)
def test_first_values_stay_what_they_were(story, policy: Policy) -> None:
    assessments = told(story, policy, blind=False)
    for (before, after), (said, _) in zip(pairwise(assessments), story[1:], strict=True):
        one, other = before.now, after.now
        assert one.submitted_at in {None, other.submitted_at}
        assert one.due_original_at in {None, other.due_original_at}
        rewritten = other.ended_at is not None and one.ended_at is not None and one.ended_at != other.ended_at
        if rewritten:  # a new attempt: it was taken up again in between, or something came after the old end
            states = {row.status for row in after.standings}
            instants = {said.received_at, *(step.at for step in said.steps)} - {None}
            later = any(instant > one.ended_at for instant in instants)
            assert later or states - {Status.FINISHED, Status.RETURNED, Status.WITHDRAWN, Status.STOPPED}


@given(stories(), policies)
@settings(max_examples=150, deadline=None)
def test_same_account_once_more_changes_nothing(story, policy: Policy) -> None:
    assessments = told(story, policy, blind=False)
    said, at = story[-1]
    again = heard_one(assessments[-1].now, said, at, policy, said)
    one, other = assessments[-1].now, again.now
    assert (one.status, one.due_at, one.ended_at, one.effective_from) == (
        other.status,
        other.due_at,
        other.ended_at,
        other.effective_from,
    )
    assert again.due_changes == ()
    assert one.classification == other.classification


@given(stories(), policies)
@settings(max_examples=150, deadline=None)
def test_class_of_the_open_period_follows_from_what_is_stored(story, policy: Policy) -> None:
    """Each figure can be computed again from its row, years later."""
    for (_, at), found in zip(story, told(story, policy, blind=False), strict=True):
        row = found.now
        facts = Facts(
            status=row.status,
            as_of=at,
            received_at=row.received_at,
            due_at=row.due_at,
            due_original_at=row.due_original_at,
            finished_at=row.ended_at,
            waiting_since=row.waiting_since,
        )
        assert judged(facts, CALENDAR) == (row.classification, row.lateness)


@given(stories(), policies)
@settings(max_examples=150, deadline=None)
def test_impossible_times_are_never_in_time(story, policy: Policy) -> None:
    good = {Verdict.EARLY, Verdict.ON_TIME, Verdict.IN_TIME}
    for (_, at), found in zip(story, told(story, policy, blind=False), strict=True):
        row = found.now
        if row.ended_at is not None and (
            row.ended_at > at or (row.received_at is not None and row.ended_at < row.received_at)
        ):
            assert row.classification.by_date not in good


@given(stories(), policies)
@settings(max_examples=200, deadline=None)
def test_keys_tell_changes_and_findings_apart(story, policy: Policy) -> None:
    for found in told(story, policy, blind=False):
        for told_of in (found.anomalies, found.due_changes):
            keys = [each.key for each in told_of]
            assert len(keys) == len(set(keys))
        assert {anomaly.kind for anomaly in found.anomalies} <= found.now.flags | {Flag.SILENT_DUE_CHANGE}
