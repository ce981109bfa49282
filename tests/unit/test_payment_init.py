"""What the end of an INIT means for its attempt: total, legal, and never against what evidence has said."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.domain.delivery import DeliveryState
from gateway.domain.payment import ENDED, MOVES, OPEN, SETTLED, AttemptState
from gateway.domain.payment_init import Heard, Init, heard

URL = "https://pay.example.test/t/7f3c1d"
EVERY = list(product(AttemptState, DeliveryState, (0, 1), ("", URL), (False, True)))
JUDGED = SETTLED | ENDED | {AttemptState.QUARANTINED}


def after(case: tuple[AttemptState, DeliveryState, int, str, bool]) -> Heard:
    state, delivery, sends, url, has_url = case
    return heard(state, Init(state=delivery, sends=sends, pay_url=url), has_url=has_url)


@pytest.mark.parametrize("case", EVERY)
def test_every_move_is_legal_and_nothing_that_is_judged_moves(case):
    state, effect = case[0], after(case)
    assert effect.move is None or effect.move in MOVES[state]
    if state in JUDGED:
        assert (effect.move, effect.event, effect.take_url) == (None, "", False)


@pytest.mark.parametrize("case", EVERY)
def test_an_attempt_that_has_moved_does_not_move_again_and_is_not_told_again(case):
    first = after(case)
    state = first.move or case[0]
    again = after((state, *case[1:4], case[4] or first.take_url))
    assert (again.move, again.event, again.take_url) == (None, "", False)


@pytest.mark.parametrize("case", EVERY)
def test_no_init_makes_an_attempt_paid(case):
    assert after(case).move not in {AttemptState.PAID, AttemptState.DUPLICATE_PAID, AttemptState.QUARANTINED}


def test_an_address_leads_the_payer_there_and_is_told():
    effect = heard(
        AttemptState.CREATED, Init(state=DeliveryState.DELIVERED, sends=1, pay_url=URL), has_url=False
    )
    assert effect == Heard(move=AttemptState.REDIRECTED, event="payment.redirected", take_url=True)


def test_a_payer_whose_attempt_is_pending_by_now_gets_the_address_all_the_same():
    init = Init(state=DeliveryState.DELIVERED, sends=1, pay_url=URL)
    assert heard(AttemptState.PENDING, init, has_url=False) == Heard(
        event="payment.redirected", take_url=True
    )


def test_an_attempt_that_the_platform_has_without_an_address_is_asked_about_at_once():
    init = Init(state=DeliveryState.DELIVERED, sends=1)
    assert heard(AttemptState.INIT_UNKNOWN, init, has_url=False) == Heard(
        move=AttemptState.PENDING, ask_now=True
    )


@pytest.mark.parametrize("state", sorted(OPEN - {AttemptState.REDIRECTED, AttemptState.PENDING}))
def test_a_refused_init_ends_the_attempt_and_makes_way(state):
    effect = heard(state, Init(state=DeliveryState.REJECTED, sends=1), has_url=False)
    assert effect == Heard(move=AttemptState.FAILED, event="payment.failed", step_aside=True)


def test_an_init_that_was_skipped_after_it_left_is_still_unknown():
    sent = heard(AttemptState.CREATED, Init(state=DeliveryState.SKIPPED, sends=1), has_url=False)
    unsent = heard(AttemptState.CREATED, Init(state=DeliveryState.SKIPPED, sends=0), has_url=False)
    assert (sent.move, unsent.move) == (AttemptState.INIT_UNKNOWN, AttemptState.FAILED)
