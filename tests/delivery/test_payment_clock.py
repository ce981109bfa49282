"""A dossier that waits for money goes on when the money is paid, whatever its status still says (R13)."""

import functools
from datetime import timedelta

import msgspec
import pytest

from gateway.deadlines.account import StepAccount
from gateway.domain.payment import Evidence, paid_at
from gateway.domain.status import Status
from gateway.statussync.explain import Asked, explain
from gateway.statussync.reassess import Reassessment
from gateway.storage import queries_standings
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.payment_orders import Answer, RefundOrder
from gateway.storage.payment_refunds import answer_refund, request_refund
from tests.delivery.standing_world import START, Context, Interposed, Province, finished, moment, said
from tests.storage.payment_till import FEE, Till, wire

CODE = "H99-a"
WAITS = Status.PAYMENT_REQUESTED
ASKED = "03-03 09:00"
PAID = "03-04 10:00"
HELD = (4, "IN_TIME")


class Counter(Province):
    """A province with a till. Money is asked for at ``ASKED``."""

    def __init__(self, database):
        super().__init__(database)
        self.till = Till(database)

    async def wait(self, version=1, *, dated=True, **fields):
        """The one-door system says that money is waited for since ``ASKED``."""
        steps = [StepAccount(at=START, status=Status.RECEIVED)]
        if dated:
            steps.append(StepAccount(at=moment(ASKED), status=WAITS))
        return await self.hear(said(CODE, version, WAITS, steps=(*steps, *fields.pop("more", ())), **fields))

    async def open(self, purpose="fees", at=ASKED):
        return await self.till.open(CODE, purpose=purpose, now=moment(at))

    async def pay(self, opened, at=PAID, *, heard=None, **changes):
        """Paid at ``at``; we hear of it then, or at ``heard``. Where the dossier stands then."""
        self.at(heard or at)
        applied = await self.till.hear(opened.reference, at=self.now, claimed_at=wire(moment(at)), **changes)
        await self.assess()
        return applied

    def spans(self):
        """(status, from) of every period."""
        rows = self.database.ask(functools.partial(queries_standings.periods, code=CODE))
        assert self.periods(CODE)  # their seams fit
        return [(row.status, from_micros(row.effective_from)) for row in rows]

    def unjudged(self):
        return self.count("payment_clock", "NOT assessed")


@pytest.fixture
def counter(database):
    return Counter(database)


@pytest.fixture
async def asked(counter):
    """The dossier waits, and money is asked for."""
    counter.at(ASKED)
    standing = await counter.wait()
    assert (standing.status, standing.by_date) == (6, "PAUSED")
    return await counter.open()


async def test_clock_runs_again_from_the_payment_while_the_status_stays(counter, asked):
    await counter.pay(asked)

    standing = counter.standing(CODE)
    assert (standing.status, standing.by_date) == HELD
    assert standing.waiting_since is None
    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment(PAID))]
    assert counter.periods(CODE)[1] == (6, "PAUSED")
    assert counter.anomalies(CODE) == []
    assert counter.unjudged() == 0


async def test_promise_runs_out_although_the_status_still_says_that_it_waits(counter, asked):
    await counter.pay(asked)
    counter.at("03-06 09:00")

    await counter.sweep()

    assert counter.kinds(CODE)[-1] == "dossier.overdue"


async def test_late_callback_counts_from_its_claimed_time(counter, asked):
    await counter.pay(asked, PAID, heard="03-05 08:00")

    assert counter.spans()[-1] == (4, moment(PAID))
    assert counter.standing(CODE).recorded_at == to_micros(moment("03-05 08:00"))


async def test_time_that_merely_repeats_the_question_counts_from_when_we_heard(counter, asked):
    counter.at(PAID)
    await counter.till.hear(asked.reference, at=counter.now, claimed_at=wire(moment(ASKED)))
    await counter.assess()

    assert counter.spans()[-1] == (4, moment(PAID))


async def test_next_version_with_the_same_status_does_not_stop_the_clock_again(counter, asked):
    await counter.pay(asked)
    counter.at("03-04 15:00")

    standing = await counter.wait(2)

    assert (standing.status, standing.by_date) == HELD
    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment(PAID))]


async def test_next_version_confirms_the_end_of_the_wait(counter, asked):
    await counter.pay(asked)
    counter.at("03-04 16:00")
    steps = (
        StepAccount(at=START, status=Status.RECEIVED),
        StepAccount(at=moment(ASKED), status=WAITS),
        StepAccount(at=moment("03-04 15:00"), status=Status.PROCESSING),
    )

    await counter.hear(said(CODE, 2, steps=steps))

    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment(PAID))]
    assert counter.anomalies(CODE) == []


async def test_next_version_corrects_it_to_an_earlier_end(counter, asked):
    await counter.pay(asked)
    counter.at("03-04 16:00")
    steps = (
        StepAccount(at=START, status=Status.RECEIVED),
        StepAccount(at=moment(ASKED), status=WAITS),
        StepAccount(at=moment("03-04 08:00"), status=Status.PROCESSING),
    )

    await counter.hear(said(CODE, 2, steps=steps))

    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment("03-04 08:00"))]


async def test_new_wait_after_the_payment_is_a_wait(counter, asked):
    await counter.pay(asked)
    counter.at("03-04 16:00")

    standing = await counter.wait(2, more=(StepAccount(at=moment("03-04 14:00"), status=WAITS),))

    assert (standing.status, standing.by_date) == (6, "PAUSED")
    assert counter.spans()[-2:] == [(4, moment(PAID)), (6, moment("03-04 14:00"))]


async def test_promise_that_the_next_version_moves_for_the_wait_is_lawful(counter, asked):
    """R13: the wait is news to the one-door system, whose next word moves the promise by it."""
    await counter.pay(asked)
    counter.at("03-04 16:00")
    moved = moment("03-06 10:00")  # 03-03 09:00 to 03-04 10:00: nine hours of work later

    standing = await counter.wait(2, due_at=moved)

    changes = counter.database.ask(functools.partial(queries_standings.due_changes, code=CODE))
    assert [(change.cause, change.applied) for change in changes] == [("first", True), ("payment", True)]
    assert standing.due_at == to_micros(moved)
    assert counter.anomalies(CODE) == []


async def test_wait_excuses_one_moved_promise_not_every_later_one(counter, asked):
    await counter.pay(asked)
    counter.at("03-04 16:00")
    await counter.wait(2)
    counter.at("03-04 17:00")

    await counter.wait(3, due_at=moment("03-06 10:00"))

    changes = counter.database.ask(functools.partial(queries_standings.due_changes, code=CODE))
    assert [(change.cause, change.applied) for change in changes][-1] == ("none", False)
    assert "SILENT_DUE_CHANGE" in counter.anomalies(CODE)


async def test_wait_without_a_date_ends_with_the_payment_and_does_not_come_back(counter):
    counter.at(ASKED)
    await counter.wait(dated=False)
    opened = await counter.open()

    await counter.pay(opened)
    counter.at("03-04 15:00")
    again = await counter.wait(2, dated=False)

    assert (again.status, again.by_date) == HELD
    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment(PAID))]


async def test_promise_moved_for_a_wait_without_a_date_is_lawful(counter):
    counter.at(ASKED)
    await counter.wait(dated=False)
    await counter.pay(await counter.open())
    counter.at("03-04 16:00")

    standing = await counter.hear(said(CODE, 2, due_at=moment("03-06 10:00")))

    assert standing.due_at == to_micros(moment("03-06 10:00"))
    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment(PAID))]
    assert counter.anomalies(CODE) == []


async def test_wait_without_a_date_that_was_heard_of_after_the_money_ends_at_once(counter):
    """Paid at 10:00, told at 10:05 to be waiting, the callback at 10:30: nobody could know."""
    await counter.hear(said(CODE, 1, Status.RECEIVED))
    opened = await counter.open()
    counter.at("03-04 10:05")
    await counter.wait(2, dated=False)

    await counter.pay(opened, PAID, heard="03-04 10:30")

    assert counter.standing(CODE).status == 4


async def test_new_wait_without_a_date_after_a_known_payment_is_a_wait(counter, asked):
    await counter.pay(asked)
    counter.at("03-04 11:00")
    await counter.hear(said(CODE, 2))
    counter.at("03-04 14:00")

    standing = await counter.hear(said(CODE, 3, WAITS))

    assert (standing.status, standing.by_date) == (6, "PAUSED")


async def test_payment_before_the_wait_ends_nothing(counter):
    await counter.hear(said(CODE, 1, Status.RECEIVED))
    opened = await counter.open(at="03-02 10:00")
    await counter.pay(opened, "03-02 11:00")
    counter.at(ASKED)

    standing = await counter.wait(2)

    assert (standing.status, standing.by_date) == (6, "PAUSED")


async def test_dossier_waits_until_the_last_of_two_fees_is_paid(counter, asked):
    charge = await counter.open("charge", at="03-03 10:00")

    await counter.pay(asked)
    first = counter.standing(CODE)
    await counter.pay(charge, "03-04 15:00")

    assert (first.status, first.by_date) == (6, "PAUSED")
    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment("03-04 15:00"))]
    assert counter.unjudged() == 0


async def test_fee_that_was_cancelled_before_is_not_waited_for(counter, asked):
    charge = await counter.open("charge", at="03-03 10:00")
    await counter.till.database.write(
        lambda transaction: transaction.run(
            _cancelled(), {"id": charge.request, "at": to_micros(moment("03-03 11:00"))}
        )
    )

    await counter.pay(asked)

    assert counter.spans()[-1] == (4, moment(PAID))


async def test_refund_changes_nothing_about_the_past(counter, asked):
    await counter.pay(asked)
    before = counter.spans()
    counter.at("03-04 16:00")
    order = RefundOrder(
        actor="lan", reason="nộp thừa", now=counter.now, payment=asked.request, amount=FEE, document="UNC-1"
    )
    refund = await counter.database.write(lambda tx: request_refund(tx, order))
    answer = Answer(
        actor="minh", reason="đồng ý", now=counter.now, target=int(refund.refund), verdict="approved"
    )
    done = await counter.database.write(lambda tx: answer_refund(tx, answer))

    await counter.assess()
    again = await counter.wait(2)
    await Reassessment(counter.desk).job().run(Context(everything="yes"))

    assert done.payment_state == "refunded"
    assert counter.spans() == before
    assert again.status == 4


async def test_money_twice_and_failures_end_nothing(counter, asked):
    counter.at(PAID)
    await counter.till.hear(asked.reference, claim="failed", transaction="", at=counter.now)
    assert await counter.assess() == 0

    assert counter.standing(CODE).status == 6


async def test_judged_one_by_one_or_again_from_the_start_it_is_the_same(counter, asked):
    await counter.pay(asked, PAID, heard="03-04 12:00")
    counter.at("03-04 16:00")
    await counter.wait(2, due_at=moment("03-06 10:00"))
    counter.at("03-05 09:00")
    await counter.hear(finished(CODE, 3, moment("03-05 08:00"), due_at=moment("03-06 10:00"), steps=_steps()))
    before, changes = counter.spans(), counter.count("due_change")

    await Reassessment(counter.desk).job().run(Context(everything="yes"))

    assert counter.spans() == before
    assert counter.count("due_change") == changes
    assert before == [(2, START), (6, moment(ASKED)), (4, moment(PAID)), (9, moment("03-05 08:00"))]


async def test_payment_and_version_that_are_judged_together(counter, asked):
    counter.at(PAID)
    await counter.till.hear(asked.reference, at=counter.now, claimed_at=wire(counter.now))
    counter.at("03-04 12:00")
    await counter.say(said(CODE, 2, WAITS, steps=_steps()))

    assert await counter.assess() == 2
    assert counter.spans() == [(2, START), (6, moment(ASKED)), (4, moment(PAID))]


async def test_version_judged_late_does_not_forget_a_payment_heard_after_it(counter, asked):
    counter.at("03-04 09:00")
    await counter.say(said(CODE, 2, WAITS, steps=_steps()))
    counter.at(PAID)
    await counter.till.hear(asked.reference, at=counter.now, claimed_at=wire(counter.now))

    await counter.assess()

    assert counter.spans()[-1] == (4, moment(PAID))


async def test_payment_of_a_dossier_that_was_never_judged_waits_for_its_first_version(counter):
    opened = await counter.open()  # accepted without an account
    counter.at(PAID)
    await counter.till.hear(opened.reference, at=counter.now, claimed_at=wire(counter.now))

    assert await counter.assess() == 1
    assert counter.unjudged() == 0
    assert counter.count("standing") == 0


async def test_online_filing_that_is_paid_before_its_reception_goes_on_at_the_counter(counter):
    filed = moment("03-02 08:00")
    counter.at(ASKED)
    steps = (StepAccount(at=moment(ASKED), status=WAITS),)
    await counter.hear(said(CODE, 1, WAITS, submitted_at=filed, received_at=None, due_at=None, steps=steps))
    opened = await counter.open()

    await counter.pay(opened)

    assert counter.spans() == [(1, filed), (6, moment(ASKED)), (1, moment(PAID))]


async def test_assessment_that_somebody_overtook_is_made_again(counter, asked):
    calls = []

    async def meddle(item):
        calls.append(item)
        return msgspec.structs.replace(item, basis=7) if len(calls) == 1 else item

    counter.assessor._desk = msgspec.structs.replace(
        counter.desk, database=Interposed(counter.database, meddle)
    )
    counter.at(PAID)
    await counter.till.hear(asked.reference, at=counter.now, claimed_at=wire(counter.now))

    assert await counter.assessor.run_once() == 0
    assert counter.unjudged() == 1
    assert await counter.assessor.run_once() == 1
    assert counter.spans()[-1] == (4, moment(PAID))


async def test_unreadable_version_does_not_keep_a_payment_for_ever(counter, asked):
    await counter.database.write(lambda tx: tx.run(_broken(), {"code": CODE, "account": b"not json"}))
    counter.at(PAID)
    await counter.till.hear(asked.reference, at=counter.now, claimed_at=wire(counter.now))

    await counter.assess()

    assert counter.unjudged() == 0
    assert counter.standing(CODE).status == 6  # nothing is guessed


async def test_explanation_tells_the_wait_as_it_was(counter, asked):
    await counter.pay(asked)
    told = counter.database.ask(
        lambda connection: explain(
            connection,
            Asked(code=CODE, now=to_micros(counter.now), destinations=()),
            counter.desk.rules,
        )
    )

    (pause,) = told.pauses
    assert (pause.since, pause.until) == (moment(ASKED), moment(PAID))
    assert told.claims[0].status is WAITS  # what was said stays


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        ("20260304100000", moment(PAID)),
        (wire(moment(ASKED)), None),
        ("20260303085959", None),
        ("20260304120001", None),
        ("", None),
        ("20261304100000", None),
        ("2026-03-04T10:00", None),
        ("２０２６０３０４１００００００", None),
    ],
)
def test_time_of_payment_is_the_partners_where_it_can_be_right(claimed, expected):
    heard = moment("03-04 12:00")
    evidence = Evidence(
        destination="payment_platform",
        source="callback",
        claim="paid",
        partner="DEMOH99",
        reference="PG1",
        amount=FEE,
        currency="VND",
        transaction="T1",
        bank="",
        at=heard,
        claimed_at=claimed,
    )

    assert paid_at(evidence, wire(moment(ASKED))) == (expected or heard)
    assert paid_at(evidence, "no time") - heard <= timedelta(0)


def _steps():
    return (
        StepAccount(at=START, status=Status.RECEIVED),
        StepAccount(at=moment(ASKED), status=WAITS),
    )


def _cancelled():
    from gateway.storage.sql import Statement

    return Statement("UPDATE payment_request SET state = 'cancelled', ended_at = :at WHERE id = :id")


def _broken():
    from gateway.storage.sql import Statement

    return Statement("UPDATE dossier_version SET account = :account WHERE dossier_code = :code")
