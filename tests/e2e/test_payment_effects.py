"""What follows from a payment, in a whole gateway beside the platform's stand-in over real HTTP: the receipt, the
dossier's clock, and what officials may do about money."""

from __future__ import annotations

import functools
import hashlib
from datetime import timedelta

import pytest

from gateway.domain.dossier import Step
from gateway.domain.errors import ConflictError
from gateway.statussync.assessor import Assessor
from gateway.storage import queries_standings
from gateway.storage.instants import to_micros
from gateway.storage.payment_orders import Answer, Cancel, Proposal, RefundOrder
from tests.payment_gateway import AMOUNT, DOSSIER, Context, payment_gateway

LAN, MINH = "one-door/lan", "one-door/minh"


@pytest.fixture
async def world(database_url):
    async with payment_gateway(database_url) as opened:
        yield opened


async def settled(world, *faults):
    """A payment that was made and found out; its reference."""
    if faults:
        world.faults(*faults)
    reference = await world.begin()
    await world.press(reference)
    await world.hear(reference)
    world.calm()
    return reference


async def fetch(world, **parameters):
    return dict(await world.gateway.payments.receipts.run(Context(**parameters)))


def receipt(world):
    (row,) = world.rows("SELECT state, failure FROM receipt")
    return row


def files(world):
    return [bytes(row[0]) for row in world.rows("SELECT body FROM receipt_file")]


def request_of(world, reference):
    return int(world.attempt(reference)["request_id"])


# Receipts


@pytest.mark.parametrize("form", ["bill_json_url", "bill_pdf"])
async def test_receipt_is_fetched_in_either_form(world, form):
    await settled(world, form)

    assert (await fetch(world))["kept"] == 1

    (body,) = files(world)
    assert body.startswith(b"%PDF-")
    assert world.events()[-1][0] == "payment.receipt"
    assert world.events()[-1][1]["sha256"] == hashlib.sha256(body).hexdigest()
    assert world.said("receipt") == (form == "bill_json_url")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("bill_error_text", "not_ready"),
        ("bill_not_ready", "not_ready"),
        ("bill_url_internal_host", "foreign_host"),
    ],
)
async def test_what_is_no_receipt_is_not_kept_and_the_next_one_is(world, fault, told):
    await settled(world, fault)

    for _ in range(6):
        summary = await fetch(world)
        if "kept" in summary:
            break
        assert receipt(world)[1].startswith(told)
        assert files(world) == []
        world.clock.move(hours=2)

    assert receipt(world)[0] == "kept"
    assert world.kinds().count("payment.receipt") == 1


async def test_lost_platform_costs_the_receipt_time_and_nothing_else(world):
    reference = await settled(world)
    world.faults("lost_reply", service="bill")

    missed = await fetch(world)
    world.calm()
    world.clock.move(minutes=2)
    kept = await fetch(world)

    assert (missed["missed"], kept["kept"]) == (1, 1)
    assert world.attempt(reference)["state"] == "paid"


# The clock


async def test_dossier_goes_on_at_the_time_of_payment_though_its_status_stays(world):
    assessor = Assessor(world.gateway.deadlines, lambda: 0)
    began = world.clock() - timedelta(minutes=30)
    steps = [Step(id="s1", at=began, status="payment_requested", actor="Cán bộ một cửa")]
    reference = await world.begin(
        status="payment_requested",
        steps=steps,
        submitted_at=None,
        received_at=began - timedelta(days=1),
        due_at=began + timedelta(days=5),
    )
    await assessor.run_once()
    waits = standing(world)
    await world.press(reference)
    world.clock.move(minutes=10)
    await world.hear(reference)
    await assessor.run_once()

    goes_on = standing(world)
    assert (waits.status, goes_on.status) == (6, 4)
    assert waits.by_date.startswith("PAUSED")
    assert not goes_on.by_date.startswith("PAUSED")
    assert waits.effective_from == to_micros(began)
    assert goes_on.effective_from == to_micros(
        world.clock()
    )  # CONFIRM repeats the time of INIT, which says nothing
    assert world.kinds()[-1] == "payment.settled"


def standing(world):
    found = world.gateway.database.ask(functools.partial(queries_standings.open_standing, code=DOSSIER))
    assert found is not None
    return found


# The desk


async def test_request_is_cancelled_only_when_the_platform_says_that_the_attempt_failed(world):
    reference = await world.begin()
    desk = world.gateway.payments.desk
    order = Cancel(actor=LAN, reason="nhập sai", now=world.clock(), payment=request_of(world, reference))

    with pytest.raises(ConflictError, match="could still be paid"):
        await desk.cancel(order)
    await world.press(reference, "fail")
    done = await desk.cancel(order)

    assert done.action is not None
    assert world.attempt(reference)["state"] == "failed"
    assert world.kinds()[-1] == "payment.cancelled"
    assert (await world.ask()).result == "begun"


async def test_request_that_turns_out_to_be_paid_is_not_cancelled(world):
    reference = await world.begin()
    await world.press(reference)

    with pytest.raises(ConflictError, match="given back by a refund"):
        await world.gateway.payments.desk.cancel(
            Cancel(actor=LAN, reason="nhập sai", now=world.clock(), payment=request_of(world, reference))
        )

    assert world.paid_here == world.paid_there == {reference: AMOUNT}


async def test_payment_settled_by_hand_is_not_settled_again_by_a_late_report(world):
    reference = await world.begin()
    await world.press(reference)
    desk, attempt = world.gateway.payments.desk, int(world.attempt(reference)["id"])
    number = world.transaction(reference)["MaGiaoDich"]
    proposed = await desk.propose(
        Proposal(
            actor=LAN,
            reason="có trên sao kê",
            now=world.clock(),
            attempt=attempt,
            kind="settle",
            document="SK 28/09",
            transaction=number,
        )
    )
    done = await desk.answer(answer(world, proposed.decision, MINH))
    late = await world.hear(reference)
    world.clock.move(hours=1)
    await world.sweep()

    assert done.effect == "settled"
    assert late.status == 200
    assert world.paid_here == world.paid_there
    assert world.kinds().count("payment.settled") == 1
    assert "payment.conflict" not in world.kinds()


async def test_refund_is_recorded_and_leaves_the_settlement(world):
    reference = await settled(world)
    desk = world.gateway.payments.desk
    order = RefundOrder(
        actor=LAN,
        reason="rút hồ sơ",
        now=world.clock(),
        payment=request_of(world, reference),
        amount=AMOUNT,
        document="UNC 17",
    )

    asked = await desk.request_refund(order)
    done = await desk.answer_refund(answer(world, asked.refund, MINH))
    again = await world.hear(reference)

    assert (done.payment_state, done.refunded) == ("refunded", AMOUNT)
    assert again.status == 200
    assert world.paid_here == {reference: AMOUNT}
    assert world.kinds()[-1] == "payment.refunded"


def answer(world, target, actor):
    return Answer(
        actor=actor, reason="đã đối chiếu", now=world.clock(), target=int(target), verdict="approved"
    )
