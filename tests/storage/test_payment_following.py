"""Attempts follow their INIT, and questions find out the rest: on real databases, whatever came first, whoever died."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from prometheus_client import REGISTRY

from gateway.delivery.pipeline import LaneRun
from gateway.domain.errors import NotFoundError, StorageUnavailable
from gateway.domain.job import RunStopped
from gateway.messagelog.entry import About, Scope, no_answer_entry
from gateway.payments.sweep import PATIENCE
from gateway.storage import following, payment_following, upkeep
from gateway.storage.instants import to_micros
from gateway.storage.lanes import Claim, claim_lanes
from gateway.storage.operators import operate
from gateway.storage.orders import Pause, Resolve, Skip
from gateway.storage.schema import message
from gateway.storage.sql import Statement
from gateway.storage.takeover import Reap, reap_lanes
from tests.log_reading import logged_bodies
from tests.payment_gateway import ACTOR, AMOUNT, DOSSIER, NAME, Context, payment_gateway
from tests.unit import portal

_BACK = Statement("UPDATE follower SET position = 0 WHERE name = 'payments'")


@pytest.fixture
async def world(database_url):
    async with payment_gateway(database_url) as opened:
        yield opened


async def until(holds):
    async with asyncio.timeout(20):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


def code_of(number):
    return f"{portal.CODE[:-4]}{number:04d}"


def delivery(world):
    return world.rows("SELECT id, state, attempts FROM delivery WHERE operation = 'init'")[0]


def order(kind, world, **more):
    return kind(
        delivery=delivery(world)[0],
        actor="chi.an",
        reason="the platform's operator says so",
        now=world.clock(),
        **more,
    )


async def doubted(world):
    """A dossier whose INIT got no answer, though the platform has it."""
    await world.accept()
    world.faults("lost_reply")
    made = await world.ask()
    await world.work()
    world.calm()
    assert world.states() == ["init_unknown"]
    return made.reference


# the follower


async def test_callback_before_the_answer_to_init_stands_and_nobody_is_sent_to_pay(world):
    await world.accept()
    made = await world.ask()
    hub = world.gateway.hub
    [lane] = await hub.database.apply(
        claim_lanes, Claim(destination=NAME, worker=1, lanes=1, depth=1, now=hub.clock())
    )
    await LaneRun(world.gateway.destinations[NAME], lane, 1, lambda: 0.5).run(stopping=asyncio.Event())
    token = world.transaction(made.reference)["token"]
    await world.browser.post(f"{world.sandbox.url(NAME)}/t/{token}", data={"action": "pay"})
    await world.hear(made.reference)
    assert world.states() == ["paid"]

    assert await world.follow() == 0
    assert world.states() == ["paid"]
    assert world.attempt(made.reference)["pay_url"] is None
    assert world.kinds() == ["payment.settled"]


async def test_reading_the_feed_again_from_its_beginning_changes_and_tells_nothing(world):
    first = await world.begin()
    await world.accept(code=code_of(8))
    world.faults("reset_before")
    await world.ask(code_of(8))
    await world.work()
    before, told = world.rows("SELECT * FROM payment_attempt ORDER BY id"), world.kinds()

    await world.gateway.database.write(lambda tx: tx.run(_BACK, {}))
    assert await world.follow() == 0

    assert world.rows("SELECT * FROM payment_attempt ORDER BY id") == before
    assert world.kinds() == told == ["payment.redirected", "payment.init_unknown"]
    assert world.attempt(first)["state"] == "redirected"


async def test_place_is_kept_by_one_worker_and_taken_over_from_a_dead_one(world):
    await world.begin()
    database = world.gateway.database
    session = database.session
    other = await database.write(
        lambda tx: upkeep.register_worker(tx, to_micros(world.clock()), session=session)
    )
    assert await database.write(lambda tx: following.claim(tx, payment_following.NAME, other)) is not None
    await world.accept(code=code_of(8))
    await world.ask(code_of(8))
    await database.write(upkeep.seal)
    assert await world.gateway.payments.follower.run_once() is None

    await database.write(lambda tx: upkeep.forget_workers(tx, [other]))
    assert await world.gateway.payments.follower.run_once() is not None


async def test_stretch_of_a_worker_that_lost_its_place_writes_nothing(world):
    await world.accept()
    made = await world.ask()
    hub = world.gateway.hub
    stretch = following.Stretch(name=payment_following.NAME, owner=99, before=0, upto=1)
    follow = partial(
        payment_following.follow,
        deliveries=[delivery(world)[0]],
        now=to_micros(hub.clock()),
        first_question={},
    )
    assert await hub.database.write(lambda tx: following.advance(tx, stretch, follow)) is None
    assert world.attempt(made.reference)["state"] == "created"


async def test_worker_runs_the_follower_and_the_payer_gets_the_address(world):
    await world.accept()
    made = await world.ask()
    worker = asyncio.create_task(world.gateway.worker.run())
    try:
        await until(lambda: world.attempt(made.reference)["state"] == "redirected")
    finally:
        world.gateway.worker.stop()
        await worker
    assert world.kinds() == ["payment.redirected"]


async def test_init_that_a_person_skips_unsent_ends_the_attempt(world):
    await world.accept()
    made = await world.ask()
    await world.gateway.database.apply(operate, order(Skip, world))
    await world.follow()

    assert world.attempt(made.reference)["state"] == "failed"
    assert world.kinds() == ["payment.failed"]
    assert (await world.ask()).result == "begun"


async def test_init_is_not_sent_twice_on_a_persons_word(world):
    reference = await doubted(world)
    await world.gateway.database.apply(operate, order(Resolve, world, verdict="absent"))
    world.clock.move(minutes=5)
    await world.work()

    assert world.said("init") == 1
    assert world.transaction(reference)["inits"] == 1
    assert world.attempt(reference)["state"] == "failed"  # and watched: money may still come
    assert world.attempt(reference)["next_question_at"] is not None


async def test_init_that_a_person_says_is_there_is_asked_about(world):
    reference = await doubted(world)
    await world.gateway.database.apply(operate, order(Resolve, world, verdict="delivered"))
    await world.follow()
    assert world.attempt(reference)["state"] == "pending"

    assert (await world.sweep())["effects"] == {"ignored": 1}  # the platform does not know yet either
    assert world.attempt(reference)["state"] == "pending"


# crashes


async def test_worker_that_died_with_the_init_on_its_way_leaves_a_doubt_that_the_sweep_finds(world):
    await world.accept()
    made = await world.ask()
    reference = made.reference
    hub = world.gateway.hub
    session = hub.database.session
    worker = await hub.database.write(
        lambda tx: upkeep.register_worker(tx, to_micros(world.clock()), session=session)
    )
    [lane] = await hub.database.apply(
        claim_lanes, Claim(destination=NAME, worker=worker, lanes=1, depth=1, now=hub.clock())
    )
    run = _Dying(world, lane, worker)
    await run.until_the_platform_has_it()
    assert delivery(world)[1] == "in_flight"
    closing = Reap(dead=(worker,), now=world.clock(), closing=run.closing)
    await hub.database.apply(reap_lanes, closing)
    assert await world.follow() == 0  # nobody tells it
    assert world.attempt(reference)["state"] == "created"

    world.clock.move(seconds=121)
    summary = await world.sweep()

    assert summary["asked"] == 1
    assert world.attempt(reference)["state"] == "pending"  # there, and the platform waits for its payer
    assert world.kinds() == ["payment.init_unknown"]
    assert world.said("init") == 1


class _Dying:
    """A worker that is gone as soon as the platform has its request."""

    def __init__(self, world, lane, worker):
        self._world, self._lane, self._worker = world, lane, worker

    async def until_the_platform_has_it(self):
        self._world.faults("slow")
        run = LaneRun(self._world.gateway.destinations[NAME], self._lane, self._worker, lambda: 0.5)
        run._store = self._never  # what it had not committed is lost
        task = asyncio.create_task(run.run(stopping=asyncio.Event()))
        await until(lambda: bool(self._world.sandbox.record(NAME)["transactions"]))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        self._world.calm()

    async def _never(self, _settlement):
        raise asyncio.CancelledError

    def closing(self, lost):
        hub = self._world.gateway.hub
        about = About(
            id=hub.database.identifiers.next(), at=hub.clock(), operation=lost.operation, dossier=lost.dossier
        )
        return no_answer_entry(Scope(channel=NAME), about, "worker_lost: the worker disappeared")


async def test_answer_that_could_not_be_stored_is_asked_for_again(world):
    reference = await world.begin()
    await world.press(reference)
    world.clock.move(seconds=121)
    database = world.gateway.database
    questions = world.gateway.payments.questions
    questions._database = _Away(database)
    with pytest.raises(StorageUnavailable):
        await world.sweep()
    assert world.states() == ["redirected"]

    questions._database = database
    assert (await world.sweep())["effects"] == {"settled": 1}
    assert world.paid_here == world.paid_there


class _Away:
    """A database that takes nothing."""

    def __init__(self, database):
        self._database = database

    def __getattr__(self, name):
        return getattr(self._database, name)

    async def write(self, _unit):
        raise StorageUnavailable("away")


# the sweep


async def test_sweep_asks_about_many_and_one_bad_answer_stops_nobody(world):
    references = []
    for number in range(12):
        references.append(await world.begin(code_of(number)))
        await world.press(references[-1])
    world.faults("non_json", service="query")
    world.clock.move(seconds=121)

    first = await world.sweep(concurrency="3")
    assert (first["due"], first["effects"]) == (12, {"no_answer": 1, "settled": 11})
    assert first["amount_settled"] == 11 * AMOUNT
    world.clock.move(seconds=301)
    assert (await world.sweep())["effects"] == {"settled": 1}
    assert world.paid_here == world.paid_there
    assert len(world.paid_here) == 12


async def test_sweep_of_a_limit_and_one_that_is_stopped_leave_the_rest_due(world):
    for number in range(4):
        await world.press(await world.begin(code_of(number)))
    world.clock.move(seconds=121)
    assert (await world.sweep(limit="1"))["effects"] == {"settled": 1}

    context = Context(concurrency="1")
    context.stop_after = 1
    with pytest.raises(RunStopped):
        await world.gateway.payments.sweep.run(context)
    assert (await world.sweep())["due"] == 0
    assert world.paid_here == world.paid_there


async def test_silent_platform_is_left_alone_until_the_next_sweep(world):
    for number in range(PATIENCE + 4):
        await world.begin(code_of(number))
    await world.sandbox.outage(NAME)
    world.clock.move(seconds=121)

    summary = await world.sweep(concurrency="1")
    assert (summary["away"], summary["asked"]) == ([NAME], PATIENCE)
    assert (await world.sweep(concurrency="1"))["due"] == 4


async def test_paused_platform_is_not_asked(world):
    await world.begin()
    pause = Pause(destination=NAME, actor="chi.an", reason="maintenance", now=world.clock())
    await world.gateway.database.apply(operate, pause)
    world.clock.move(seconds=121)
    await asyncio.sleep(0.6)  # the gate looks at the table twice a second, by its own clock

    summary = await world.sweep()
    assert (summary["away"], summary["asked"], world.said("payment")) == ([NAME], 0, 0)
    assert world.states() == ["redirected"]


async def test_unknown_destination_is_said_to_be(world):
    with pytest.raises(NotFoundError):
        await world.sweep(destination="elsewhere")
    with pytest.raises(NotFoundError):
        await world.gateway.payments.questions.ask(1)


async def test_attempt_whose_init_has_not_left_is_not_asked_about(world):
    await world.accept()
    made = await world.ask()
    world.clock.move(seconds=121)

    assert (await world.sweep())["effects"] == {"not_asked": 1}
    assert (await world.sweep())["due"] == 0
    assert world.said("payment") == 0
    assert world.attempt(made.reference)["state"] == "created"


async def test_schedule_begins_when_the_init_leaves_however_long_it_has_waited(world):
    await world.accept()
    await world.ask()
    world.clock.move(hours=73)  # so long nothing could be sent
    world.faults("reset_before")
    await world.work()
    world.calm()
    assert world.states() == ["init_unknown"]

    for _ in range(4):
        world.clock.move(seconds=301)
        await world.sweep()

    assert world.states() == ["failed"]
    assert "payment.unresolved" not in world.kinds()


async def test_question_carries_the_first_time_verbatim(world):
    reference = await world.begin()
    asked_at = world.attempt(reference)["asked_at"]
    world.clock.move(hours=13)
    await world.sweep()

    asked = (message.c.operation == "payment", message.c.kind == "request")
    [question] = logged_bodies(world.gateway.database, *asked)
    assert f'"ThoiGianGD":"{asked_at}"'.encode() in question
    assert b'"LoaiBanTin":"QUERY"' in question


async def test_pending_never_ends_the_schedule_and_a_person_is_told_once(world):
    reference = await world.begin()
    for _ in range(90):
        world.clock.move(hours=1)
        await world.sweep()
    row = world.attempt(reference)

    assert (row["state"], row["next_question_at"]) == ("pending", None)
    assert world.kinds() == ["payment.redirected", "payment.unresolved"]
    assert (await world.ask()).result == "going_on"  # it could still be paid

    await world.press(reference)
    asked = await world.gateway.payments.questions.ask(row["id"])
    assert (asked.effect, asked.state, asked.amount) == ("settled", "paid", AMOUNT)
    assert (await world.gateway.payments.questions.ask(row["id"])).effect == "not_asked"
    assert world.paid_here == world.paid_there


async def test_state_that_nobody_has_documented_counts_as_pending(world):
    reference = await world.begin()
    await world.press(reference)
    world.sandbox.simulator(NAME).administer(
        "faults", b'{"reference": "%s", "faults": ["query_unknown_status"]}' % reference.encode()
    )
    world.clock.move(seconds=121)
    await world.sweep()
    assert world.states() == ["pending"]
    assert world.paid_here == {}


async def test_platform_that_forgets_a_payer_who_never_came_ends_the_attempt_after_its_session(world):
    reference = await world.begin()
    simulator = world.sandbox.simulator(NAME)
    simulator._state.transactions.clear()

    effects = []
    for _ in range(30):
        world.clock.move(hours=1)
        effects += (await world.sweep())["effects"]
    row = world.attempt(reference)

    assert effects[0] == "absent"
    assert (row["state"], row["code"]) == ("expired", "expired")
    assert world.kinds() == ["payment.redirected", "payment.failed"]
    assert effects.index("closed") >= 23  # not while the address could still be used
    assert (await world.ask()).result == "begun"


async def test_answer_in_between_starts_the_count_of_absences_anew(world):
    reference = await world.begin()
    absent = b'{"reference": "%s", "faults": ["query_not_found"]}' % reference.encode()
    for _ in range(60):
        world.sandbox.simulator(NAME).administer("faults", absent)
        world.clock.move(hours=1)
        await world.sweep()
        world.clock.move(hours=1)
        await world.sweep()
    assert world.states() == ["pending"]


async def test_money_for_an_attempt_that_was_closed_is_found_and_told_as_paid_twice(world):
    first = await world.begin()
    await world.press(first, "fail")
    world.clock.move(seconds=121)
    await world.sweep()
    second = (await world.ask()).reference
    await world.work()
    await world.press(second)
    await world.hear(second)
    world.transaction(first)
    state = world.sandbox.simulator(NAME)._state
    late = next(each for each in state.transactions.values() if each.reference == first)
    late.state, late.number = "paid", "PP26092800099999"
    state.take_money(late, world.clock())

    world.clock.move(hours=2)
    await world.sweep()

    assert world.attempt(first)["state"] == "duplicate_paid"
    assert world.paid_here == {second: AMOUNT}
    assert world.kinds()[-1] == "payment.paid_twice"


async def test_figures_count_what_is_not_over(world):
    await world.begin()
    world.clock.move(seconds=90)
    await world.gateway.payments.gauges.refresh()

    def value(name, **labels):
        return REGISTRY.get_sample_value(name, {"destination": NAME, **labels})

    assert value("lienthong_payment_attempts", state="redirected") == 1
    assert value("lienthong_payment_attempts", state="quarantined") == 0
    assert value("lienthong_payment_oldest_unanswered_seconds") == 90
    before = value("lienthong_payment_questions_total", effect="ignored") or 0
    before += value("lienthong_payment_questions_total", effect="pending") or 0
    world.clock.move(seconds=60)
    await world.sweep()
    after = value("lienthong_payment_questions_total", effect="ignored") or 0
    after += value("lienthong_payment_questions_total", effect="pending") or 0
    assert after == before + 1


async def test_nothing_of_a_dossier_without_a_payment_is_followed(world):
    await world.accept()
    assert await world.follow() == 0
    assert (
        await world.gateway.database.write(
            lambda tx: payment_following.follow_init(tx, 12345, 0, first_question={})
        )
        is False
    )
    assert DOSSIER in str(world.rows("SELECT code FROM dossier"))
    assert ACTOR not in str(world.events())


async def test_two_absences_close_an_attempt_only_when_they_are_far_enough_apart(world):
    await world.accept()
    world.faults("reset_before")
    made = await world.ask()
    await world.work()
    world.calm()
    number = world.attempt(made.reference)["id"]
    ask = world.gateway.payments.questions.ask

    assert (await ask(number)).effect == "absent"
    world.clock.move(seconds=29)
    assert ((await ask(number)).effect, world.states()) == ("absent", ["init_unknown"])
    world.clock.move(seconds=1)
    closed = await ask(number)
    assert (closed.effect, closed.state, world.states()) == ("closed", "failed", ["failed"])
    assert closed.next_question_at is not None  # watched


async def test_person_who_asks_after_the_schedules_end_is_not_told_again_that_it_is_over(world):
    reference = await world.begin()
    number = world.attempt(reference)["id"]
    for _ in range(80):
        world.clock.move(hours=1)
        await world.sweep()
    await world.gateway.payments.questions.ask(number)
    await world.gateway.payments.questions.ask(number)
    assert world.kinds() == ["payment.redirected", "payment.unresolved"]
