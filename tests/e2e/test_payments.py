"""Payments end to end over real HTTP with the platform's stand-in: asked for, paid, found out, and never paid twice."""

from __future__ import annotations

import pytest

from gateway.domain.errors import ConflictError
from tests.payment_gateway import AMOUNT, DOSSIER, NAME, payment_gateway


@pytest.fixture
async def world(database_url):
    async with payment_gateway(database_url) as opened:
        yield opened


async def test_a_payment_without_a_callback_is_found_by_the_sweep_and_a_late_callback_settles_nothing(world):
    reference = await world.begin()
    [(kind, told)] = world.events()
    assert (kind, told["reference"], told["amount"]) == ("payment.redirected", reference, AMOUNT)
    assert told["pay_url"] == world.attempt(reference)["pay_url"]
    assert (await world.browser.get(told["pay_url"])).status_code == 200

    await world.press(reference)
    assert world.states() == ["redirected"]  # nobody has told us
    world.clock.move(seconds=121)
    summary = await world.sweep()

    assert (summary["asked"], summary["effects"], summary["amount_settled"]) == (1, {"settled": 1}, AMOUNT)
    assert world.states() == ["paid"]
    assert world.paid_here == world.paid_there == {reference: AMOUNT}
    assert world.rows(
        "SELECT s.source, m.kind, m.operation FROM settlement AS s JOIN message AS m ON m.id = s.message_id"
    ) == [("query", "response", "payment")]

    world.clock.move(minutes=30)
    answer = await world.hear(reference)
    assert (answer.status, b'"MaLoi":"00"' in answer.body.replace(b" ", b"")) == (200, True)
    assert world.paid_here == world.paid_there
    assert world.kinds() == ["payment.redirected", "payment.settled"]
    assert (await world.sweep())["due"] == 0
    assert (await world.ask()).result == "paid"
    assert world.said("init") == 1


async def test_a_callback_settles_and_the_sweep_asks_nobody_afterwards(world):
    reference = await world.begin()
    await world.press(reference)
    await world.hear(reference)
    world.clock.move(hours=1)

    assert (await world.sweep())["due"] == 0
    assert world.kinds() == ["payment.redirected", "payment.settled"]
    assert world.said("payment") == 0


@pytest.mark.parametrize("fault", ["lost_reply", "init_5xx", "non_json"])
async def test_an_init_whose_answer_is_lost_is_asked_about_and_never_sent_again(world, fault):
    await world.accept()
    world.faults(fault)
    made = await world.ask()
    await world.work()

    assert world.attempt(made.reference)["state"] == "init_unknown"
    assert world.kinds() == ["payment.init_unknown"]
    assert (await world.ask()).reference == made.reference  # the first one could still be paid

    for _ in range(40):
        world.clock.move(seconds=10)
        await world.work()
        await world.sweep()
    there = made.reference in {name.rpartition("/")[2] for name in world.sandbox.record(NAME)["transactions"]}
    assert world.said("init") == 1
    if there:  # the platform has it, and nobody its address
        assert world.attempt(made.reference)["state"] == "pending"
        assert (await world.ask()).result == "going_on"
    else:
        assert world.attempt(made.reference)["state"] == "failed"
        assert (await world.ask()).result == "begun"


async def test_an_attempt_paid_although_its_init_was_in_doubt_is_settled_by_the_question(world):
    await world.accept()
    world.faults("lost_reply")
    made = await world.ask()
    await world.work()
    token = world.transaction(made.reference)["token"]
    page = f"{world.sandbox.url(NAME)}/t/{token}"
    assert (await world.browser.post(page, data={"action": "pay"})).status_code == 302

    world.clock.move(seconds=10)
    await world.work()  # the engine's own question: the platform has it
    await world.sweep()  # the follower wants to know more, at once

    assert world.states() == ["paid"]
    assert world.paid_here == world.paid_there == {made.reference: AMOUNT}
    assert world.kinds() == ["payment.init_unknown", "payment.settled"]


async def test_an_init_that_never_arrived_is_closed_and_only_then_comes_another_with_its_own_reference(world):
    await world.accept()
    world.faults("reset_before")
    made = await world.ask()
    await world.work()
    assert world.attempt(made.reference)["state"] == "init_unknown"
    assert made.reference not in str(world.sandbox.record(NAME)["transactions"])
    world.calm()

    world.clock.move(seconds=6)
    await world.work()  # not there: once
    assert world.attempt(made.reference)["state"] == "init_unknown"
    assert (await world.ask()).result == "going_on"
    world.clock.move(seconds=31)
    await world.work()  # not there: twice, far enough apart

    closed = world.attempt(made.reference)
    assert (closed["state"], closed["code"]) == ("failed", "init_unknown")
    assert world.kinds() == ["payment.init_unknown", "payment.failed"]
    again = await world.ask()
    assert (again.result, again.payment) == ("begun", made.payment)
    assert again.reference != made.reference
    await world.work()
    assert world.states() == ["failed", "redirected"]
    sent = world.rows("SELECT key, state FROM delivery WHERE operation = 'init' ORDER BY position")
    assert sent == [(made.reference, "skipped"), (again.reference, "delivered")]


async def test_a_closed_attempt_is_watched_for_three_days_and_money_that_comes_is_told(world):
    first = await world.begin()
    await world.press(first, "fail")
    world.clock.move(seconds=121)
    await world.sweep()
    assert world.states() == ["failed"]
    second = (await world.ask()).reference
    await world.work()
    await world.press(second)
    world.clock.move(seconds=121)
    await world.sweep()
    assert world.states() == ["failed", "paid"]
    assert world.paid_here == {second: AMOUNT}

    assert world.attempt(first)["next_question_at"] is not None
    for _ in range(80):
        world.clock.move(hours=1)
        await world.sweep()
    assert world.attempt(first)["next_question_at"] is None
    assert 60 <= world.attempt(first)["questions"] <= 80


async def test_a_payer_who_fails_can_try_again_and_pays_once(world):
    first = await world.begin()
    await world.press(first, "fail")
    world.clock.move(seconds=121)
    await world.sweep()
    assert world.kinds() == ["payment.redirected", "payment.failed"]

    second = await world.ask()
    assert (second.result, second.reference == first) == ("begun", False)
    await world.work()
    await world.press(second.reference)
    world.clock.move(seconds=121)
    await world.sweep()

    assert world.paid_here == world.paid_there == {second.reference: AMOUNT}
    assert world.kinds().count("payment.settled") == 1


async def test_a_platform_that_is_away_is_asked_again_and_nothing_is_remembered_of_it(world):
    reference = await world.begin()
    await world.press(reference)
    await world.sandbox.outage(NAME)
    for _ in range(5):
        world.clock.move(seconds=301)
        summary = await world.sweep()
        assert summary["effects"] == {"no_answer": 1}
        assert world.states() == ["redirected"]
    await world.sandbox.restore(NAME)
    world.clock.move(seconds=301)
    assert (await world.sweep())["effects"] == {"settled": 1}
    assert world.paid_here == world.paid_there


async def test_a_dry_run_says_what_it_would_do_and_changes_nothing(world):
    reference = await world.begin()
    await world.press(reference)
    world.clock.move(seconds=121)
    before = world.attempt(reference)

    summary = await world.sweep(dry_run=True)

    assert (summary["dry_run"], summary["effects"]) == (True, {"settled": 1})
    assert world.attempt(reference) == before
    assert world.paid_here == {}
    assert (await world.sweep())["effects"] == {"settled": 1}


async def test_two_purposes_of_one_dossier_are_paid_apart_and_a_refused_one_keeps_nobody_waiting(world):
    await world.accept()
    world.faults("reset_before")
    lost = await world.ask()
    other = await world.ask(purpose="copies")
    await world.work()
    world.calm()
    for _ in range(5):
        world.clock.move(seconds=31)
        await world.work()
    await world.work()

    assert world.attempt(lost.reference)["state"] == "failed"
    assert world.attempt(other.reference)["state"] == "redirected"


async def test_an_amount_that_differs_is_quarantined_and_a_person_decides(world):
    reference = await world.begin()
    await world.press(reference)
    answer = await world.hear(reference, SoTien=AMOUNT - 1)

    assert b'"99"' in answer.body
    assert world.states() == ["quarantined"]
    world.clock.move(hours=1)
    assert (await world.sweep())["effects"] in ({}, {"ignored": 1})
    assert world.paid_here == {}
    with pytest.raises(ConflictError, match="a person must decide"):
        await world.ask()
    assert DOSSIER in str(world.rows("SELECT dossier_code FROM payment_request"))
