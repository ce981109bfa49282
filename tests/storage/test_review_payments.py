"""Payments that meet what hardly ever happens: earlier attempts made open, platforms of one name, orphans given back."""

import msgspec
import pytest

from gateway.domain.errors import ConflictError, NotFoundError, RecordError
from gateway.payments.desk import PaymentDesk
from gateway.storage import queries_payment, queries_payments, reconciliation_orphans
from gateway.storage.payment_orders import Answer, Proposal
from gateway.storage.queries_payments import OrphanFilter
from gateway.storage.sql import Statement
from tests.storage.builders import NOW, later
from tests.storage.payment_till import FEE, PLATFORM, Till

LAN, MINH = "one-door/lan", "one-door/minh"


async def _unasked(attempt):
    raise AssertionError(attempt)


class Counter:
    """A desk over a till."""

    def __init__(self, database):
        self.till = Till(database)
        self.desk = PaymentDesk(database, _unasked, lambda: NOW)

    async def propose(self, kind, *, actor=LAN, document="SK-17", **values):
        order = Proposal(actor=actor, reason="sao kê", now=NOW, kind=kind, document=document, **values)
        return await self.desk.propose(order)

    async def answer(self, decision, verdict="approved", *, actor=MINH):
        target = int(decision.decision)
        return await self.desk.answer(
            Answer(actor=actor, reason="đã đối chiếu", now=later(minutes=9), target=target, verdict=verdict)
        )

    async def orphan(self, reference="PG-UNKNOWN", **changes):
        """Money for a reference that nobody has asked with."""
        await self.till.hear(reference, **{"transaction": "FT99", **changes})
        return self.till.rows("SELECT id FROM payment_orphan ORDER BY id DESC")[0][0]

    def orphans(self, state):
        wanted = OrphanFilter(state=state)
        found = self.till.database.ask(
            lambda connection: queries_payments.orphans(connection, wanted, None, 9)
        )
        return [int(each.id) for each in found]


@pytest.fixture
def counter(database):
    return Counter(database)


@pytest.fixture
def till(counter):
    return counter.till


async def run(till, statement, attempt):
    """What only time or somebody with the database in hand can do."""
    await till.database.write(lambda transaction: transaction.run(Statement(statement), {"id": attempt}))


async def test_an_earlier_attempt_that_a_rejection_made_open_is_the_one_that_goes_on(counter, till):
    first = await till.failed()
    second = await till.failed()
    await till.hear(first.reference, amount=25_000)
    await counter.answer(await counter.propose("reject", attempt=first.attempt, amount=25_000))
    assert (till.attempt(first), till.attempt(second)) == ("pending", "failed")

    third = await till.open()

    assert (third.result, third.reference) == ("going_on", first.reference)


async def test_a_platform_does_not_speak_for_the_attempts_of_another_that_knows_us_by_the_same_code(till):
    opened = await till.open()

    applied = await till.hear(opened.reference, destination="test_stand")

    assert applied.decision.effect == "orphan"
    assert till.attempt(opened) == "created"
    assert till.settlements() == 0


async def test_what_was_paid_twice_pays_for_nothing_else(counter, till):
    first = await till.failed("H99.15-1")
    second = await till.open("H99.15-1")
    await till.hear(first.reference)
    await till.hear(second.reference, transaction="T-TWICE")
    assert till.attempt(second) == "duplicate_paid"
    other = await till.open("H99.15-2")

    with pytest.raises(ConflictError, match="money counts once"):
        await counter.propose("settle", attempt=other.attempt, transaction="T-TWICE")
    applied = await till.hear(other.reference, transaction="T-TWICE")

    assert (applied.decision.effect, applied.decision.alarm) == ("quarantined", "transaction_of_another")
    assert till.settlements() == 1


async def test_money_that_was_rejected_stays_rejected_when_the_attempt_is_given_up(counter, till):
    opened = await till.quarantined()
    await counter.answer(await counter.propose("reject", attempt=opened.attempt, amount=25_000))
    await run(till, "UPDATE payment_attempt SET next_question_at = NULL WHERE id = :id", opened.attempt)
    counter.desk = PaymentDesk(till.database, _silent, lambda: NOW)
    await counter.answer(await counter.propose("give_up", attempt=opened.attempt, document="CV-1"))
    assert till.attempt(opened) == "expired"

    applied = await till.hear(opened.reference, amount=25_000, source="query")

    assert (applied.decision.effect, applied.decision.alarm) == ("ignored", "rejected_before")
    assert till.attempt(opened) == "expired"


async def _silent(attempt):
    del attempt


# Orphans


async def test_an_orphan_that_nobody_adopts_is_given_back_by_two(counter, till):
    orphan = await counter.orphan()

    proposed = await counter.propose("refund_orphan", orphan=orphan)
    with pytest.raises(ConflictError, match="somebody else must decide"):
        await counter.answer(proposed, actor="cli:LAN")
    done = await counter.answer(proposed)
    again = await counter.answer(proposed)

    assert (proposed.orphan, proposed.attempt, proposed.payment) == (str(orphan), None, None)
    assert (done.state, done.effect, again.action) == ("approved", "refunded", None)
    assert till.rows("SELECT amount, document, transaction_no FROM payment_decision") == [
        (FEE, "SK-17", "FT99")
    ]
    assert till.events("payment.orphan", "payment.orphan_refunded") == [
        "payment.orphan",
        "payment.orphan_refunded",
    ]
    assert [action for _, action in till.actions()] == ["payment.propose", "payment.approve"]
    assert (counter.orphans("open"), counter.orphans("refunded")) == ([], [orphan])


async def test_an_orphan_is_adopted_or_given_back_never_both(counter, till):
    orphan = await counter.orphan()
    opened, other = await till.failed("H99.15-1"), await till.failed("H99.15-2")
    adopting = await counter.propose("adopt", attempt=opened.attempt, orphan=orphan)

    for kind, attempt in (("adopt", other.attempt), ("refund_orphan", None)):
        with pytest.raises(ConflictError, match=r"\(adopt\) is requested already"):
            await counter.propose(kind, attempt=attempt, orphan=orphan, document="SK-18")
    await counter.answer(adopting, "declined")
    await counter.answer(await counter.propose("refund_orphan", orphan=orphan))

    with pytest.raises(ConflictError, match="was given back already"):
        await counter.propose("adopt", attempt=opened.attempt, orphan=orphan, document="SK-19")
    with pytest.raises(ConflictError, match="was given back"):
        await counter.propose("settle", attempt=opened.attempt, transaction="FT99", document="SK-20")
    assert till.settlements() == 0


async def test_money_that_went_back_settles_nothing_when_its_attempt_turns_up(counter, till):
    """A database that was restored from before the attempt was made, and mended by hand since."""
    orphan = await counter.orphan("PG-LATE")
    await counter.answer(await counter.propose("refund_orphan", orphan=orphan))
    opened = await till.open()
    await run(till, "UPDATE payment_attempt SET reference = 'PG-LATE' WHERE id = :id", opened.attempt)

    applied = await till.hear("PG-LATE", transaction="FT99")

    assert (applied.decision.effect, applied.decision.alarm) == ("quarantined", "transaction_of_another")


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"amount": FEE - 1}, "/amount"),
        ({"transaction": "FT98"}, "/transaction"),
        ({"attempt": 5}, "/attempt"),
        ({"orphan": None}, "/orphan"),
        ({"document": " "}, "/document"),
    ],
)
async def test_a_wrong_value_is_refused_by_its_place(counter, till, values, pointer):
    orphan = await counter.orphan()

    with pytest.raises(RecordError) as fault:
        await counter.propose("refund_orphan", **{"orphan": orphan, **values})

    assert [each.pointer for each in fault.value.violations] == [pointer]


async def test_an_orphan_whose_amount_nobody_told_needs_one(counter, till):
    orphan = await counter.orphan(amount=None)

    with pytest.raises(RecordError):
        await counter.propose("refund_orphan", orphan=orphan)
    done = await counter.answer(await counter.propose("refund_orphan", orphan=orphan, amount=7_000))

    assert done.effect == "refunded"
    with pytest.raises(NotFoundError, match="no orphan 1"):
        await counter.propose("refund_orphan", orphan=1)


async def test_every_other_decision_is_about_an_attempt(counter, till):
    with pytest.raises(RecordError) as fault:
        await counter.propose("settle", transaction="T")
    assert fault.value.violations[0].pointer == "/attempt"


async def test_what_was_given_back_is_in_order_for_a_reconciliation(counter, till):
    orphan = await counter.orphan()
    await counter.answer(await counter.propose("refund_orphan", orphan=orphan))

    found = till.database.ask(
        lambda connection: reconciliation_orphans.orphans_by_reference(connection, PLATFORM, ["PG-UNKNOWN"])
    )

    assert [(each.returned, each.counted) for each in found["PG-UNKNOWN"]] == [(FEE, False)]


async def test_a_decision_about_an_orphan_is_shown_without_a_payment(counter, till):
    orphan = await counter.orphan()
    await counter.propose("refund_orphan", orphan=orphan)

    (view,) = till.database.ask(lambda connection: queries_payments.waiting_decisions(connection, 9))

    assert (view.payment, view.attempt, view.dossier, view.orphan) == (None, None, None, str(orphan))
    assert msgspec.json.decode(msgspec.json.encode(view))["payment"] is None
    assert not till.database.ask(lambda connection: queries_payment.is_refund(connection, int(view.id)))
