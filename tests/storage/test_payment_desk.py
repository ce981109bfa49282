"""What people do to payments: four eyes, legal states, once, and never more money than came in."""

import asyncio

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.errors import ConflictError, NotFoundError, RecordError
from gateway.payments.desk import PaymentDesk
from gateway.storage.payment_orders import Answer, Cancel, Proposal, RefundOrder
from tests.storage.builders import NOW, later
from tests.storage.payment_till import FEE, PLATFORM, Till

LAN, MINH = "lan", "minh"


class Counter:
    """A desk over a till, with a platform that may learn something when it is asked."""

    def __init__(self, database):
        self.till = Till(database)
        self.asked = []
        self.learns = None
        self.desk = PaymentDesk(database, self._ask, lambda: NOW)

    async def _ask(self, attempt):
        self.asked.append(attempt)
        if self.learns is not None:
            await self.learns()

    async def propose(self, opened, kind, *, actor=LAN, **values):
        values.setdefault("document", "SK-17")
        return await self.desk.propose(
            Proposal(actor=actor, reason="sao kê", now=NOW, attempt=opened.attempt, kind=kind, **values)
        )

    async def answer(self, decision, verdict="approved", *, actor=MINH):
        target = int(decision.decision)
        return await self.desk.answer(
            Answer(actor=actor, reason="đã đối chiếu", now=later(minutes=9), target=target, verdict=verdict)
        )

    async def refund(self, opened, amount, *, document="UNC-1", actor=LAN, attempt=None):
        return await self.desk.request_refund(
            RefundOrder(
                actor=actor,
                reason="nộp thừa",
                now=NOW,
                payment=opened.request,
                amount=amount,
                document=document,
                attempt=attempt,
            )
        )

    async def answer_refund(self, refund, verdict="approved", *, actor=MINH):
        return await self.desk.answer_refund(
            Answer(actor=actor, reason="đồng ý", now=NOW, target=int(refund.refund), verdict=verdict)
        )

    async def cancel(self, opened, *, actor=LAN, reason="nhập sai"):
        order = Cancel(actor=actor, reason=reason, now=later(hours=1), payment=opened.request)
        return await self.desk.cancel(order)


@pytest.fixture
def counter(database):
    return Counter(database)


@pytest.fixture
def till(counter):
    return counter.till


# Cancelling


async def test_request_whose_attempt_has_failed_is_cancelled_once(counter, till):
    opened = await till.failed()

    done = await counter.cancel(opened)
    again = await counter.cancel(opened)

    assert till.request(opened)[0] == "cancelled"
    assert done.action is not None
    assert again.action is None
    assert counter.asked == []
    assert till.events("payment.cancelled") == ["payment.cancelled"]
    assert till.actions() == [(LAN, "payment.cancel")]


async def test_open_attempt_is_asked_about_and_keeps_the_request(counter, till):
    opened = await till.open()

    with pytest.raises(ConflictError, match="could still be paid"):
        await counter.cancel(opened)

    assert counter.asked == [opened.attempt]
    assert till.request(opened)[0] == "open"
    assert till.actions() == []


async def test_attempt_that_the_platform_calls_failed_when_asked_keeps_nothing(counter, till):
    opened = await till.open()
    counter.learns = lambda: till.hear(opened.reference, claim="failed", transaction="", source="query")

    await counter.cancel(opened)

    assert till.request(opened)[0] == "cancelled"


async def test_attempt_that_turns_out_to_be_paid_stops_the_cancelling(counter, till):
    opened = await till.open()
    counter.learns = lambda: till.hear(opened.reference, source="query")

    with pytest.raises(ConflictError, match="paid; money that came in is given back by a refund"):
        await counter.cancel(opened)

    assert till.request(opened)[0] == "paid"


async def test_expired_attempt_keeps_nothing(counter, till):
    opened = await till.open()
    await till.database.write(
        lambda transaction: transaction.run(
            _statement("UPDATE payment_attempt SET state = 'expired' WHERE id = :id"), {"id": opened.attempt}
        )
    )

    await counter.cancel(opened)

    assert till.request(opened)[0] == "cancelled"
    assert counter.asked == []


async def test_quarantined_money_stops_the_cancelling(counter, till):
    opened = await till.quarantined()

    with pytest.raises(ConflictError, match="decide about that money first"):
        await counter.cancel(opened)


async def test_proposal_that_waits_stops_the_cancelling(counter, till):
    opened = await till.failed()
    await counter.propose(opened, "settle", transaction="T1")

    with pytest.raises(ConflictError, match="waits for a second person"):
        await counter.cancel(opened)


async def test_unknown_request_cannot_be_cancelled(counter):
    with pytest.raises(NotFoundError):
        await counter.desk.cancel(Cancel(actor=LAN, reason="nhập sai", now=NOW, payment=1))


async def test_payment_that_comes_after_the_cancelling_is_not_lost(counter, till):
    opened = await till.failed()
    await counter.cancel(opened)

    applied = await till.hear(opened.reference)

    assert applied.decision.effect == "settled"
    assert till.request(opened)[0] == "paid"


async def test_payment_of_a_cancelled_request_that_was_replaced_waits_for_a_person(counter, till):
    opened = await till.failed()
    await counter.cancel(opened)
    fresh = await till.open()

    applied = await till.hear(opened.reference)
    money = await counter.propose(opened, "accept")
    with pytest.raises(ConflictError, match="request_replaced"):
        await counter.answer(money)
    await till.hear(fresh.reference)

    assert (applied.decision.effect, applied.decision.alarm) == ("quarantined", "request_replaced")
    assert till.attempt(opened) == "quarantined"
    assert till.request(fresh)[0] == "paid"
    assert till.settlements() == 1


# Four eyes


async def test_manual_settlement_needs_a_second_person(counter, till):
    opened = await till.failed()

    proposed = await counter.propose(opened, "settle", transaction="FT26", claimed_at="20260928081500")
    with pytest.raises(ConflictError, match="somebody else must decide"):
        await counter.answer(proposed, actor=LAN)
    with pytest.raises(ConflictError, match="somebody else must decide"):
        await counter.answer(proposed, "declined", actor=" Lan ")
    before = till.settlements()
    done = await counter.answer(proposed)
    again = await counter.answer(proposed)

    assert (before, till.settlements()) == (0, 1)
    assert (done.state, done.effect) == ("approved", "settled")
    assert (again.state, again.action) == ("approved", None)
    assert till.request(opened)[0] == "paid"
    row = till.rows("SELECT source, actor, transaction_no FROM settlement")
    assert row == [("operator", "lan, minh", "FT26")]
    assert till.events("payment.settled") == ["payment.settled"]
    assert till.actions() == [(LAN, "payment.propose"), (MINH, "payment.approve")]


async def test_declined_settlement_settles_nothing_and_is_decided(counter, till):
    opened = await till.failed()
    proposed = await counter.propose(opened, "settle", transaction="FT26")

    done = await counter.answer(proposed, "declined")
    with pytest.raises(ConflictError, match="declined already"):
        await counter.answer(proposed)

    assert (done.state, done.effect) == ("declined", None)
    assert till.settlements() == 0
    assert till.attempt(opened) == "failed"


async def test_schema_itself_refuses_one_pair_of_eyes(counter, till):
    opened = await till.failed()
    proposed = await counter.propose(opened, "settle", transaction="FT26")

    with pytest.raises(Exception, match="four_eyes"):
        await till.database.write(
            lambda transaction: transaction.run(
                _statement(
                    "UPDATE payment_decision SET state = 'approved', decided_by = requested_by WHERE id = :id"
                ),
                {"id": int(proposed.decision)},
            )
        )


async def test_same_proposal_again_is_the_one_there_is(counter, till):
    opened = await till.failed()

    first = await counter.propose(opened, "settle", transaction="FT26")
    second = await counter.propose(opened, "settle", transaction="FT26")
    with pytest.raises(ConflictError, match="waits for a second person"):
        await counter.propose(opened, "settle", transaction="FT27")

    assert second == msgspec.structs.replace(first, action=None)
    assert till.rows("SELECT count(*) FROM payment_decision") == [(1,)]


async def test_two_people_who_approve_at_once_settle_once(counter, till):
    opened = await till.failed()
    proposed = await counter.propose(opened, "settle", transaction="FT26")

    results = await asyncio.gather(
        *(counter.answer(proposed, actor=name) for name in ("minh", "hoa", "nam")), return_exceptions=True
    )

    assert sum(isinstance(each, ConflictError) for each in results) == 2
    assert till.settlements() == 1
    assert till.events("payment.settled") == ["payment.settled"]


async def test_settlement_by_hand_of_what_a_callback_has_settled_meanwhile(counter, till):
    opened = await till.open()
    proposed = await counter.propose(opened, "settle", transaction="FT26")
    await till.hear(opened.reference, transaction="OTHER")

    with pytest.raises(ConflictError, match="second_transaction"):
        await counter.answer(proposed)
    declined = await counter.answer(proposed, "declined")

    assert declined.state == "declined"
    assert till.settlements() == 1
    assert till.events("payment.conflict") == []  # the refused approval told nothing


async def test_same_transaction_by_hand_and_by_callback_settles_once(counter, till):
    opened = await till.open()
    proposed = await counter.propose(opened, "settle", transaction="FT26")
    await till.hear(opened.reference, transaction="FT26")

    done = await counter.answer(proposed)

    assert done.effect == "repeated"
    assert till.settlements() == 1


async def test_second_attempt_settled_by_hand_is_money_twice(counter, till):
    first = await till.failed()
    second = await till.open()
    await till.hear(second.reference)

    done = await counter.answer(await counter.propose(first, "settle", transaction="FT26"))

    assert done.effect == "duplicate"
    assert till.attempt(first) == "duplicate_paid"
    assert till.settlements() == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("settle", {"transaction": "T1", "amount": FEE - 1}),
        ("settle", {"transaction": " "}),
        ("settle", {"transaction": "T1", "orphan": 5}),
        ("settle", {"transaction": "T1", "document": " "}),
        ("adopt", {}),
        ("reject", {}),
        ("reject", {"amount": -1}),
        ("excess", {"amount": 0, "transaction": "T1"}),
    ],
)
async def test_proposal_with_a_wrong_value_is_refused_by_its_place(counter, till, kind, values):
    opened = await till.failed()

    with pytest.raises(RecordError) as fault:
        await counter.propose(opened, kind, **values)

    assert fault.value.violations[0].pointer.startswith("/")
    assert till.rows("SELECT count(*) FROM payment_decision") == [(0,)]


@pytest.mark.parametrize("actor", ["", "  ", "x" * 1001])
async def test_nobody_proposes_without_a_name(counter, till, actor):
    opened = await till.failed()

    with pytest.raises(RecordError):
        await counter.propose(opened, "settle", transaction="T1", actor=actor)


async def test_states_that_a_proposal_does_not_fit(counter, till):
    failed, settled = await till.failed("H99.15-1"), await till.paid("H99.15-2")
    aside = await till.quarantined("H99.15-3")

    for opened, kind, values, told in (
        (failed, "accept", {"transaction": "T"}, "only what is in quarantine"),
        (failed, "reject", {"amount": 5}, "only what is in quarantine"),
        (settled, "settle", {"transaction": "T"}, "not settled again"),
        (aside, "settle", {"transaction": "T"}, "accept or reject that money first"),
        (failed, "excess", {"amount": 5, "transaction": "T"}, "another transaction"),
        (failed, "settle", {"transaction": f"T{settled.reference[-4:]}"}, "money counts once"),
    ):
        with pytest.raises(ConflictError, match=told):
            await counter.propose(opened, kind, **values)


async def test_unknown_attempt_orphan_proposal_or_refund(counter, till):
    opened = await till.failed()
    lost = msgspec.structs.replace(opened, attempt=1)

    with pytest.raises(NotFoundError, match="attempt"):
        await counter.propose(lost, "settle", transaction="T")
    with pytest.raises(NotFoundError, match="orphan"):
        await counter.propose(opened, "adopt", orphan=1)
    answer = Answer(actor=LAN, reason="x", now=NOW, target=1, verdict="approved")
    with pytest.raises(NotFoundError, match="proposal"):
        await counter.desk.answer(answer)
    with pytest.raises(NotFoundError, match="refund"):
        await counter.desk.answer_refund(answer)


# Quarantine and orphans


async def test_quarantined_money_is_accepted_by_two(counter, till):
    opened = await till.quarantined()

    proposed = await counter.propose(opened, "accept")
    done = await counter.answer(proposed)

    assert done.effect == "settled"
    assert till.attempt(opened) == "paid"
    assert till.rows("SELECT amount FROM settlement") == [(FEE,)]


async def test_quarantined_money_is_rejected_and_given_back(counter, till):
    opened = await till.quarantined(amount=25_000)

    done = await counter.answer(await counter.propose(opened, "reject", amount=25_000))
    same_money = await till.hear(opened.reference, amount=25_000, source="query", at=later(hours=2))
    with pytest.raises(ConflictError, match="25000 đồng came in"):
        await counter.refund(opened, 25_001, attempt=opened.attempt)
    refund = await counter.refund(opened, 25_000, attempt=opened.attempt)
    given = await counter.answer_refund(refund)

    assert done.effect == "pending", "whether it can still be paid, only the platform knows"
    assert (same_money.decision.effect, same_money.decision.alarm) == ("failed", "rejected_before")
    assert till.attempt(opened) == "failed"
    assert (given.state, given.payment_state, given.refunded) == ("approved", "open", 0)


async def test_new_attempt_may_begin_after_a_rejection_once_the_platform_says_that_it_is_over(counter, till):
    opened = await till.quarantined()
    await counter.answer(await counter.propose(opened, "reject", amount=25_000))

    early = await till.open()
    await till.hear(opened.reference, claim="failed", source="query")
    fresh = await till.open()
    await till.hear(fresh.reference)

    assert (early.result, early.reference) == ("going_on", opened.reference), "it could still be paid"
    assert fresh.result == "begun"
    assert till.request(fresh)[0] == "paid"


async def test_orphan_is_adopted_by_two(counter, till):
    opened = await till.failed()
    await till.hear("PG-UNKNOWN", transaction="FT99", claimed_at="20260928080200")
    orphan = till.rows("SELECT id FROM payment_orphan")[0][0]

    proposed = await counter.propose(opened, "adopt", orphan=orphan)
    done = await counter.answer(proposed)
    again = await counter.propose(opened, "adopt", orphan=orphan)

    assert done.effect == "settled"
    assert again.action is None
    assert till.rows("SELECT transaction_no, claimed_at FROM settlement") == [("FT99", "20260928080200")]
    matched = till.rows("SELECT attempt_id FROM payment_orphan WHERE matched_at IS NOT NULL")
    assert matched == [(opened.attempt,)]


async def test_orphan_of_other_money_is_not_adopted(counter, till):
    opened = await till.failed()
    await till.hear("PG-UNKNOWN", amount=FEE + 1)
    orphan = till.rows("SELECT id FROM payment_orphan")[0][0]

    with pytest.raises(ConflictError, match="asked for"):
        await counter.propose(opened, "adopt", orphan=orphan)


async def test_orphan_is_adopted_once(counter, till):
    first, second = await till.failed("H99.15-1"), await till.failed("H99.15-2")
    await till.hear("PG-UNKNOWN", transaction="FT99")
    orphan = till.rows("SELECT id FROM payment_orphan")[0][0]
    await counter.answer(await counter.propose(first, "adopt", orphan=orphan))

    with pytest.raises(ConflictError, match="has its attempt already"):
        await counter.propose(second, "adopt", orphan=orphan)

    assert till.settlements() == 1


# Refunds


async def test_refund_needs_a_second_person_and_changes_the_request(counter, till):
    opened = await till.paid()

    first = await counter.refund(opened, 100_000)
    with pytest.raises(ConflictError, match="somebody else must decide"):
        await counter.answer_refund(first, actor=LAN)
    untouched = till.request(opened)
    partly = await counter.answer_refund(first)
    again = await counter.answer_refund(first)
    rest = await counter.answer_refund(await counter.refund(opened, 150_000, document="UNC-2"))

    assert untouched == ("paid", 0)
    assert (partly.payment_state, partly.refunded) == ("partly_refunded", 100_000)
    assert again.action is None
    assert (rest.payment_state, rest.refunded) == ("refunded", FEE)
    assert till.request(opened) == ("refunded", FEE)
    assert till.events("payment.refunded") == ["payment.refunded", "payment.refunded"]
    assert till.settlements() == 1


async def test_refunds_that_wait_count(counter, till):
    opened = await till.paid()
    await counter.refund(opened, 200_000)

    with pytest.raises(ConflictError, match="too much"):
        await counter.refund(opened, 50_001, document="UNC-2")
    await counter.refund(opened, 50_000, document="UNC-2")

    assert till.request(opened) == ("paid", 0)


async def test_declined_refund_frees_its_amount_and_its_paper(counter, till):
    opened = await till.paid()
    refund = await counter.refund(opened, FEE)

    done = await counter.answer_refund(refund, "declined")
    with pytest.raises(ConflictError, match="declined already"):
        await counter.answer_refund(refund)
    again = await counter.refund(opened, FEE)

    assert done.state == "declined"
    assert again.refund != refund.refund
    assert till.request(opened) == ("paid", 0)


async def test_refund_is_asked_for_once_by_its_paper(counter, till):
    opened = await till.paid()

    first, second = await counter.refund(opened, 1000), await counter.refund(opened, 1000)
    with pytest.raises(ConflictError, match="needs its own paper"):
        await counter.refund(opened, 1001)

    assert (second.refund, second.action) == (first.refund, None)


async def test_concurrent_refunds_never_exceed_what_was_paid(counter, till):
    opened = await till.paid()

    results = await asyncio.gather(
        *(counter.refund(opened, 100_000, document=f"UNC-{number}") for number in range(8)),
        return_exceptions=True,
    )
    asked = [each for each in results if not isinstance(each, BaseException)]
    await asyncio.gather(*(counter.answer_refund(each) for each in asked))

    assert len(asked) == 2
    assert all(isinstance(each, ConflictError) for each in results if each not in asked)
    assert till.request(opened) == ("partly_refunded", 200_000)


async def test_money_that_came_twice_goes_back_without_touching_the_payment(counter, till):
    first = await till.failed()
    second = await till.paid()
    await till.hear(first.reference, transaction="FT-LATE")

    refund = await counter.refund(second, FEE, attempt=first.attempt)
    done = await counter.answer_refund(refund)
    with pytest.raises(ConflictError, match="too much"):
        await counter.refund(second, 1, attempt=first.attempt, document="UNC-9")

    assert till.attempt(first) == "duplicate_paid"
    assert (done.payment_state, done.refunded) == ("paid", 0)


async def test_second_transaction_through_a_paid_attempt_goes_back(counter, till):
    opened = await till.paid()
    with pytest.raises(ConflictError, match="too much"):
        await counter.refund(opened, FEE + 1)

    excess = await counter.propose(opened, "excess", amount=FEE, transaction="FT-AGAIN")
    counted = await counter.answer(excess)
    with pytest.raises(ConflictError, match="counted by proposal"):
        await counter.propose(opened, "excess", amount=FEE, transaction="FT-AGAIN", document="SK-18")
    half = await counter.answer_refund(await counter.refund(opened, FEE))
    rest = await counter.answer_refund(await counter.refund(opened, FEE, document="UNC-2"))

    assert counted.effect == "recorded"
    assert (half.payment_state, half.refunded) == ("paid", 0)
    assert (rest.payment_state, rest.refunded) == ("refunded", FEE)


async def test_refund_without_money_or_by_a_wrong_value_is_refused(counter, till):
    opened = await till.failed()
    other = await till.paid("H99.15-2")

    with pytest.raises(ConflictError, match="nothing has settled it"):
        await counter.refund(opened, 1)
    with pytest.raises(ConflictError, match="0 đồng came in"):
        await counter.refund(opened, 1, attempt=opened.attempt)
    with pytest.raises(NotFoundError):
        await counter.refund(opened, 1, attempt=other.attempt)
    for amount in (0, -5, 10**15):
        with pytest.raises(RecordError):
            await counter.refund(other, amount)


async def test_late_failure_does_not_undo_a_refund(counter, till):
    opened = await till.paid()
    await counter.answer_refund(await counter.refund(opened, FEE))

    applied = await till.hear(opened.reference, claim="failed")

    assert applied.decision.alarm == "failed_after_paid"
    assert till.request(opened) == ("refunded", FEE)


async def test_every_action_is_on_record_with_its_target(counter, till):
    opened = await till.paid()
    await counter.answer_refund(await counter.refund(opened, FEE))

    rows = till.rows("SELECT actor, action, target, reason FROM operator_action ORDER BY id")

    target = f"{PLATFORM}/H99.15-1"
    assert rows == [(LAN, "refund.request", target, "nộp thừa"), (MINH, "refund.approve", target, "đồng ý")]


def _statement(text):
    from gateway.storage.sql import Statement

    return Statement(text)


def test_decision_kinds_are_those_of_the_schema():
    from gateway.storage.payment_orders import DecisionKind
    from gateway.storage.schema_payment import payment_decision

    (check,) = [
        each
        for each in payment_decision.constraints
        if isinstance(each, sa.CheckConstraint) and str(each.sqltext).startswith("kind IN")
    ]
    for kind in DecisionKind.__args__:
        assert f"'{kind}'" in str(check.sqltext)
