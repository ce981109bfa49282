"""When an attempt is asked about (payment_platform §11.6): soon, then regularly, then by a person; never too early an end."""

from __future__ import annotations

import pytest

from gateway.domain.payment import ENDED, OPEN, AttemptState
from gateway.payments.schedule import RETRY_SECONDS, SECOND, ask_again, next_question
from gateway.port import PaymentTerms

TERMS = PaymentTerms(
    partner="DEMOH99",
    schedule=(120.0, 300.0, 600.0, 1200.0, 2400.0),
    every=3600.0,
    until=72 * 3600.0,
    absent_after=30.0,
    session=86_400.0,
)
SINCE = 1_790_000_000 * SECOND


def asked(state: AttemptState, seconds: float) -> float | None:
    """Seconds after ``SINCE`` of the question after one at ``seconds``."""
    planned = next_question(TERMS, state, SINCE, SINCE + round(seconds * SECOND))
    return None if planned is None else (planned - SINCE) / SECOND


def questions(state: AttemptState) -> list[float]:
    found, at = [], asked(state, 0)
    while at is not None:
        found.append(at)
        at = asked(state, at)
    return found


@pytest.mark.parametrize("state", sorted(OPEN))
def test_an_open_attempt_is_asked_about_as_the_contract_says(state):
    found = questions(state)
    assert found[:7] == [120, 300, 600, 1200, 2400, 6000, 9600]
    assert 72 * 3600 <= found[-1] < 73 * 3600
    assert found == sorted(set(found))


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_attempt_that_ended_is_watched_for_as_long(state):
    found = questions(state)
    assert (found[0], len(found)) == (3600, 72)


@pytest.mark.parametrize("state", sorted(set(AttemptState) - OPEN - ENDED))
def test_what_is_settled_or_a_persons_is_not_asked_about(state):
    assert asked(state, 10) is None
    assert ask_again(TERMS, state, SINCE, SINCE) is None


@pytest.mark.parametrize("state", sorted(OPEN | ENDED))
@pytest.mark.parametrize("seconds", [0, 119, 3000, 71 * 3600, 80 * 3600, 800 * 3600])
def test_a_question_without_an_answer_is_asked_again_and_ends_nothing(state, seconds):
    now = SINCE + seconds * SECOND
    again = ask_again(TERMS, state, SINCE, now)
    assert again is not None
    assert now < again <= now + 3600 * SECOND
    if seconds < 71 * 3600:
        assert again <= now + RETRY_SECONDS * SECOND


def test_a_missed_question_is_made_up_for_once():
    assert asked(AttemptState.REDIRECTED, 1000) == 1200
