"""A payer is never sent to pay a second time while the first money could still come; what never ends is ended by two."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.domain.errors import ConflictError
from gateway.domain.payment import AttemptState
from gateway.storage.payment_orders import Answer, Cancel, Proposal
from tests.payments.office import Fate, Office

CODE = "H99.15-260928-0007"


async def redirected(office: Office, code: str = CODE) -> str:
    """A dossier whose payer stands before the platform's page; the reference."""
    await office.accept(code)
    opened = await office.ask(code)
    await office.work()
    await office.learn()
    return str(opened.reference)


async def failed(office: Office) -> str:
    """The payer's first try has failed, and the platform has told it."""
    reference = await redirected(office)
    office.press(reference, "fail")
    for call in office.notices():
        await office.heard(call)
    assert office.attempt(reference)["state"] == AttemptState.FAILED
    return reference


def tried_again(office: Office, reference: str) -> None:
    """The same page takes the money at the second try; the report of that is lost."""
    office.transaction(reference).state = "open"
    office.press(reference, "pay", "no_callback")


def inits(office: Office) -> int:
    return sum(service == "INIT" for service, _ in office.seen)


def settled(office: Office) -> list[tuple[Any, ...]]:
    return office.rows("SELECT attempt_id, source FROM settlement")


async def propose(office: Office, reference: str, kind: str, **values: Any) -> Any:
    return await office.desk.propose(
        Proposal(
            actor="one-door/lan",
            reason="đã tra soát",
            now=office.now,
            attempt=office.attempt(reference)["id"],
            kind=kind,  # type: ignore[arg-type]  # the tests say which
            document="CV-12",
            **values,
        )
    )


async def approve(office: Office, proposed: Any, actor: str = "one-door/minh") -> Any:
    target = int(proposed.decision)
    return await office.desk.answer(
        Answer(actor=actor, reason="đồng ý", now=office.now, target=target, verdict="approved")
    )


# Before a payer gets a second address


async def test_money_of_a_second_try_is_found_before_a_second_address_is_given(office):
    reference = await failed(office)
    tried_again(office, reference)

    made = await office.ask(CODE)

    assert made.result == "paid"
    assert settled(office) == [(office.attempt(reference)["id"], "query")]
    assert inits(office) == 1


async def test_nobody_gets_a_second_address_while_the_platform_is_silent(office):
    await failed(office)

    for fate in (Fate.LOST_AFTER, Fate.BROKEN_PAGE):
        office.fates["QUERY"].append(fate)
        with pytest.raises(ConflictError, match="cannot say now"):
            await office.ask(CODE)
    assert len(office.rows("SELECT 1 FROM payment_attempt")) == 1

    assert (await office.ask(CODE)).result == "begun"


async def test_nobody_gets_a_second_address_while_the_platform_does_not_know(office):
    reference = await failed(office)
    tried_again(office, reference)
    order = {"reference": reference, "faults": ["query_pending(1)"]}
    office.platform.administer("faults", json.dumps(order).encode())

    with pytest.raises(ConflictError, match="đang xử lý"):
        await office.ask(CODE)

    assert (await office.ask(CODE)).result == "paid"
    assert inits(office) == 1


async def test_cancelling_and_asking_anew_finds_the_money_too(office):
    reference = await failed(office)
    payment = office.attempt(reference)["request_id"]
    await office.desk.cancel(Cancel(actor="lan", reason="nhập sai", now=office.now, payment=payment))
    tried_again(office, reference)

    made = await office.ask(CODE)

    assert (made.result, made.payment) == ("paid", str(payment))
    assert inits(office) == 1


async def test_a_payment_that_never_had_an_address_is_not_asked_about_again(office):
    await office.accept(CODE)
    office.fates["INIT"].append(Fate.LOST_BEFORE)
    first = await office.ask(CODE)
    await office.work()
    await office.learn()
    for _ in range(2):
        office.move(minutes=3)
        await office.inquire(first.reference)
    assert office.attempt(first.reference)["state"] == AttemptState.FAILED
    asked = len(office.seen)

    assert (await office.ask(CODE)).result == "begun"
    assert len(office.seen) == asked


# What never ends


async def pending(office: Office) -> str:
    """The platform does not know, and never will."""
    reference = await redirected(office)
    office.press(reference, "pay", "no_callback", "query_pending(1000)")
    await office.inquire(reference)
    assert office.attempt(reference)["state"] == AttemptState.PENDING
    return reference


async def test_what_is_pending_for_ever_is_given_up_by_two_after_three_days(office):
    reference = await pending(office)
    with pytest.raises(ConflictError, match="by schedule"):
        await propose(office, reference, "give_up")
    office.move(hours=73)
    assert (await office.ask(CODE)).result == "going_on"
    proposed = await propose(office, reference, "give_up")
    with pytest.raises(ConflictError, match="somebody else must decide"):
        await approve(office, proposed, actor="one-door/Lan")

    done = await approve(office, proposed)
    again = await approve(office, proposed)

    assert (done.effect, again.action) == ("given_up", None)
    row = office.attempt(reference)
    assert (row["state"], row["code"]) == (AttemptState.EXPIRED, "given_up")
    assert office.events()[-1][0] == "payment.failed"
    assert office.events()[-1][1]["code"] == "given_up"
    fresh = await office.ask(CODE)
    assert fresh.result == "begun"


async def test_money_that_comes_after_giving_up_settles(office):
    reference = await pending(office)
    office.move(hours=73)
    await approve(office, await propose(office, reference, "give_up"))
    office.transaction(reference).faults.clear()

    office.move(minutes=3)
    assert (await office.sweep())["effects"] == {"settled": 1}

    assert office.attempt(reference)["state"] == AttemptState.PAID


async def test_money_that_comes_after_the_next_attempt_was_paid_is_told_as_paid_twice(office):
    reference = await pending(office)
    office.move(hours=73)
    await approve(office, await propose(office, reference, "give_up"))
    fresh = await office.ask(CODE)
    await office.work()
    await office.learn()
    office.press(fresh.reference, "pay")
    for call in office.notices():
        await office.heard(call)
    office.transaction(reference).faults.clear()

    await office.inquire(reference)

    assert office.attempt(fresh.reference)["state"] == AttemptState.PAID
    assert office.attempt(reference)["state"] == AttemptState.DUPLICATE_PAID
    assert [kind for kind, _ in office.events("payment.paid_twice")] == ["payment.paid_twice"]


async def test_what_turns_out_to_be_paid_when_it_is_given_up_is_paid(office):
    reference = await pending(office)
    office.move(hours=73)
    proposed = await propose(office, reference, "give_up")
    office.transaction(reference).faults.clear()

    with pytest.raises(ConflictError, match="is paid"):
        await approve(office, proposed)

    assert office.attempt(reference)["state"] == AttemptState.PAID


async def test_an_init_in_doubt_for_ever_does_not_keep_the_next_one_waiting(office):
    """The platform answers every question with a page that nobody can read."""
    await office.accept(CODE)
    office.fates["INIT"].append(Fate.LOST_BEFORE)
    office.fates["QUERY"] += [Fate.BROKEN_PAGE] * 40
    first = await office.ask(CODE)
    await office.work()
    await office.learn()
    assert office.attempt(first.reference)["state"] == AttemptState.INIT_UNKNOWN
    office.move(hours=73)
    await office.work()
    await approve(office, await propose(office, first.reference, "give_up"))
    office.fates["QUERY"].clear()

    fresh = await office.ask(CODE)
    await office.work()
    await office.learn()

    assert fresh.result == "begun"
    assert office.attempt(fresh.reference)["state"] == AttemptState.REDIRECTED


async def test_giving_up_counts_no_money_and_needs_an_open_attempt(office):
    reference = await failed(office)
    office.move(hours=73)
    with pytest.raises(ConflictError, match="is failed"):
        await propose(office, reference, "give_up")
