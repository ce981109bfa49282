"""What a payment makes of an account: the end of the wait that it was made in, and nothing else."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.deadlines.account import StepAccount
from gateway.deadlines.paid import Payment, resumed, undated
from gateway.deadlines.policy import DEFAULT_POLICY
from gateway.deadlines.timeline import events_of, runs_of
from gateway.domain.status import Status
from tests.storage.builders import NOW, later
from tests.storage.standing_builders import account

WAITS, WORKS = Status.PAYMENT_REQUESTED, Status.PROCESSING
ASKED = later(hours=1)


def waiting(*more, **fields):
    steps = (StepAccount(at=NOW, status=Status.RECEIVED), StepAccount(at=ASKED, status=WAITS), *more)
    return account("H99-a", 1, WAITS, **{"steps": steps, **fields})


def paid(hours, *, heard=None):
    return Payment(at=later(hours=hours), heard_at=later(hours=hours if heard is None else heard))


def story(said):
    return [(event.status, event.at) for event in runs_of(events_of(said, DEFAULT_POLICY))]


def judged(said, *payments, **rest):
    return resumed(said, payments, DEFAULT_POLICY, **rest)


def test_payment_ends_the_wait_that_it_was_made_in():
    after = judged(waiting(), paid(2))

    assert after.status is WORKS
    assert story(after) == [(Status.RECEIVED, NOW), (WAITS, ASKED), (WORKS, later(hours=2))]


@pytest.mark.parametrize("hours", [0.5, 30])
def test_payment_outside_a_wait_leaves_the_account_alone(hours):
    over = waiting(StepAccount(at=later(hours=20), status=WORKS))

    assert judged(over, paid(hours)) is over


def test_payment_at_the_very_instant_of_the_demand_ends_it():
    assert judged(waiting(), Payment(at=ASKED, heard_at=ASKED)).status is WORKS


def test_second_demand_after_the_payment_stands():
    again = waiting(StepAccount(at=later(hours=5), status=WAITS))

    after = judged(again, paid(2))

    assert after.status is WAITS
    assert story(after)[-2:] == [(WORKS, later(hours=2)), (WAITS, later(hours=5))]


def test_each_of_two_waits_ends_with_its_own_payment():
    twice = waiting(
        StepAccount(at=later(hours=3), status=WORKS), StepAccount(at=later(hours=5), status=WAITS)
    )

    after = judged(twice, paid(2), paid(6))

    assert after.status is WORKS
    assert [at for status, at in story(after) if status is WORKS] == [later(hours=2), later(hours=6)]


def test_what_was_said_is_kept_word_for_word():
    said = waiting()

    after = judged(said, paid(2))

    assert after.steps[: len(said.steps)] == said.steps
    assert said.status is WAITS


def test_payment_heard_of_later_is_marked_as_unsaid():
    said = waiting()

    assert judged(said, paid(2, heard=9), said_at=later(hours=8)).steps[-1].unsaid
    assert not judged(said, paid(2, heard=7), said_at=later(hours=8)).steps[-1].unsaid


def test_wait_without_a_date_needs_to_know_since_when():
    bare = account("H99-a", 1, WAITS)

    assert undated(bare, DEFAULT_POLICY)
    assert not undated(waiting(), DEFAULT_POLICY)
    assert judged(bare, paid(2)) is bare
    assert judged(bare, paid(2), waiting_since=ASKED).status is WORKS
    assert judged(bare, paid(0.5), waiting_since=ASKED).status is WAITS  # known before the demand
    assert story(judged(bare, paid(0.5, heard=3), waiting_since=ASKED))[-1] == (WORKS, ASKED)


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.sampled_from([WAITS, WORKS, Status.SUPPLEMENT_REQUESTED])),
        max_size=6,
        unique_by=lambda each: each[0],
    ),
    st.lists(st.integers(0, 60), max_size=4),
    st.sampled_from([WAITS, WORKS]),
)
def test_only_waits_for_money_are_shortened(steps, times, status):
    """At every instant the story is that of before, but where it waited for money, at or after a payment in that wait."""
    taken = tuple(StepAccount(at=later(hours=hours), status=each) for hours, each in steps)
    said = account("H99-a", 1, status, steps=taken)
    payments = [paid(hours) for hours in times]

    after = judged(said, *payments)

    for half in range(125):
        at = later(hours=half / 2)
        before, now = _state(said, at), _state(after, at)
        if before != now:
            assert (before, now) == (WAITS, WORKS)
            assert any(payment.at <= at for payment in payments)
    assert judged(after, *payments).status is after.status


def _state(said, at):
    return next(
        (status for status, since in reversed(story(said)) if since <= at),
        None,
    )


def test_time_before_the_reception_goes_on_at_the_counter():
    filed = account(
        "H99-a",
        1,
        WAITS,
        received_at=None,
        due_at=None,
        submitted_at=NOW - timedelta(hours=1),
        steps=(StepAccount(at=ASKED, status=WAITS),),
    )

    after = judged(filed, paid(2))

    assert after.status is Status.REGISTERED
    assert story(after) == [
        (Status.REGISTERED, NOW - timedelta(hours=1)),
        (WAITS, ASKED),
        (Status.REGISTERED, later(hours=2)),
    ]
