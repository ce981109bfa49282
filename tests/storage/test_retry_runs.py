"""Retry runs, on both engines: what they take, their pace, who may interfere, and what is written down."""

import asyncio
import json
from functools import partial

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.database import Database
from gateway.storage.operators import operate
from gateway.storage.orders import AskAgain, Hold, Pause, Retry
from gateway.storage.queries_failures import FailureFilter, exchange_seconds, failures
from gateway.storage.queries_retry_runs import retries_of, retry_run_view, retry_runs
from gateway.storage.retry_orders import ChangeRun, Chosen, NewRetryRun, RetryPlan
from gateway.storage.retry_runs import begin_retry_run, change_retry_run, look_at_retry_run, step_retry_run
from gateway.storage.schema import delivery, operator_action
from gateway.storage.schema_retry import retry_item
from gateway.storage.sql import Statement
from tests.storage.province import NOW, Province

S = DeliveryState
REJECTED = Chosen(state="rejected")


@pytest.fixture
def province(database):
    return Province(database)


def wanted(province, *causes, **fields):
    defaults = {
        "actor": "console/an",
        "reason": "the portal has repaired its catalogue",
        "now": province.later(),
        "destination": "stub",
        "per_minute": 600,
        "causes": causes or (REJECTED,),
        "dry_run": False,
    }
    return NewRetryRun(**{**defaults, **fields})


async def begin(province, *causes, **fields):
    order = wanted(province, *causes, **fields)
    if order.dry_run:
        return await province.database.read(
            partial(look_at_retry_run, database=province.database, order=order)
        )
    return await province.database.write(lambda tx: begin_retry_run(tx, order))


async def step(province, run, seconds=2.0):
    now = province.later(seconds)
    return await province.database.write(lambda tx: step_retry_run(tx, int(run), now))


async def change(province, run, verb, **fields):
    order = ChangeRun(
        run=int(run), verb=verb, actor="console/binh", reason="too early", now=province.later(), **fields
    )
    await province.database.write(lambda tx: change_retry_run(tx, order))


async def view(province, run):
    return await province.database.read(partial(retry_run_view, run=int(run)))


async def states(province):
    return dict(
        await province.database.read(
            lambda connection: connection.execute(
                sa.select(delivery.c.state, sa.func.count()).group_by(delivery.c.state)
            ).all()
        )
    )


async def stuck(province, count, state=S.REJECTED):
    return [await province.arrange(f"H99-{state}-{number:03}", state) for number in range(count)]


async def test_dry_run_says_what_would_be_sent_and_changes_nothing(province):
    await stuck(province, 3)
    await province.accept("H99-rejected-000", "b", version=2)

    plan = await begin(province, dry_run=True)

    assert (plan.run, plan.deliveries, plan.dossiers, plan.behind, plan.more) == (None, 3, 3, 1, False)
    assert [item.dossier for item in plan.first] == [f"H99-rejected-{number:03}" for number in range(3)]
    assert plan.seconds == 3 * 60 / 600
    assert (await states(province))["rejected"] == 3
    assert await province.database.read(partial(retry_runs, state=None, before=None, limit=9)) == []


async def test_nearest_promise_is_sent_first(province):
    await province.arrange("H99-late", S.REJECTED)
    province.later(-7200)
    await province.arrange("H99-near", S.REJECTED)
    province.later(9000)

    plan = await begin(province)
    assert [item.dossier for item in plan.first] == ["H99-near", "H99-late"]


async def test_run_sends_in_steps_of_its_pace_until_it_is_done(province):
    await stuck(province, 5)
    plan = await begin(province, per_minute=120)

    assert await step(province, plan.run)
    assert (await states(province)) == {"pending": 2, "rejected": 3}
    now = province.now
    assert not await province.database.write(lambda tx: step_retry_run(tx, int(plan.run), now))
    assert await step(province, plan.run)
    assert await step(province, plan.run)

    done = await view(province, plan.run)
    assert (done.state, done.total, done.sent, done.waiting, done.under_way) == ("done", 5, 5, 0, 5)
    assert done.ended_at is not None
    assert not await step(province, plan.run)
    assert await states(province) == {"pending": 5}


async def test_second_operator_gets_nothing_of_what_waits_in_the_first_run(province):
    await stuck(province, 2)
    first = await begin(province)

    refused = await begin_refused(province)
    assert "2 wait in another run" in refused
    await province.arrange("H99-new", S.REJECTED)
    second = await begin(province)
    assert (second.deliveries, second.elsewhere) == (1, 2)
    assert (await view(province, first.run)).total == 2
    assert (await view(province, second.run)).total == 1


async def begin_refused(province, *causes, **fields):
    with pytest.raises(ConflictError) as refused:
        await begin(province, *causes, **fields)
    return str(refused.value)


async def test_filter_that_matches_nothing_begins_no_run(province):
    await stuck(province, 1)
    assert "nothing at stub" in await begin_refused(province, Chosen(state="rejected", code="other"))
    assert (await begin(province, Chosen(state="parked"), dry_run=True)).deliveries == 0
    assert await province.database.read(partial(retry_runs, state=None, before=None, limit=5)) == []


async def test_group_that_grows_meanwhile_does_not_grow_the_run(province):
    await stuck(province, 2)
    plan = await begin(province)
    await province.arrange("H99-later", S.REJECTED)
    for _ in range(3):
        await step(province, plan.run)
    assert (await view(province, plan.run)).total == 2
    assert (await states(province))["rejected"] == 1


async def test_delivery_that_somebody_else_retried_meanwhile_is_left_alone(province):
    [target] = await stuck(province, 1)
    plan = await begin(province)
    retry = Retry(actor="x", reason="by hand", now=province.later(), delivery=target)
    await province.database.apply(operate, retry)
    [lane] = await province.claim()
    province.later()
    start = await province.send(lane)
    await province.settle(lane, start, S.REJECTED)

    await step(province, plan.run)

    found = await view(province, plan.run)
    assert (found.state, found.sent, found.left) == ("done", 0, 1)
    assert await states(province) == {"rejected": 1}


async def test_delivery_at_the_partner_is_left_alone(province):
    target = await province.arrange("H99-1", S.WAITING)
    plan = await begin(province, Chosen(state="waiting"))
    [lane] = await province.claim()
    await province.send(lane)

    await step(province, plan.run)

    assert (await view(province, plan.run)).left == 1
    assert await states(province) == {"in_flight": 1}
    assert target


async def test_doubtful_past_is_left_out_unless_it_is_asked_for_or_may_be_repeated(province):
    [target, _] = await stuck(province, 2)
    doubt = Statement("UPDATE delivery SET doubts = 1 WHERE id = :id")
    await province.database.write(lambda tx: tx.run(doubt, {"id": target}))

    plan = await begin(province, dry_run=True)
    assert (plan.deliveries, plan.left_out) == (1, 1)
    assert (await begin(province, dry_run=True, repeatable=frozenset({"note"}))).deliveries == 2
    assert (await begin(province, doubted=True)).deliveries == 2


async def test_what_is_in_doubt_is_never_taken(province):
    [target] = await stuck(province, 1, S.IN_DOUBT)
    plan = await begin(province, causes=(), deliveries=(target,), dry_run=True)
    assert plan.deliveries == 0


async def test_chosen_deliveries_are_taken_once_with_their_cause(province):
    targets = await stuck(province, 3)
    plan = await begin(province, Chosen(state="rejected", code="tested"), deliveries=(targets[0],))
    assert plan.deliveries == 3
    alone = await begin(province, causes=(), deliveries=(targets[1],), dry_run=True)
    assert alone.elsewhere == 1


async def test_paused_run_stands_still_and_goes_on_at_the_new_pace(province):
    await stuck(province, 3)
    plan = await begin(province, per_minute=60)
    await step(province, plan.run)
    await change(province, plan.run, "pause")

    assert not await step(province, plan.run)
    paused = await view(province, plan.run)
    assert (paused.state, paused.changed_by, paused.note) == ("paused", "console/binh", "too early")

    await change(province, plan.run, "resume", per_minute=6000)
    assert await step(province, plan.run)
    assert (await view(province, plan.run)).state == "done"


async def test_stopped_run_drops_what_waits_and_frees_it_for_another(province):
    await stuck(province, 3)
    plan = await begin(province, per_minute=60)
    await step(province, plan.run)
    await change(province, plan.run, "stop")

    stopped = await view(province, plan.run)
    assert (stopped.state, stopped.sent, stopped.dropped) == ("stopped", 1, 2)
    assert (await begin(province)).deliveries == 2


@pytest.mark.parametrize(
    ("before", "verb"),
    [((), "resume"), (("pause",), "pause"), (("stop",), "resume"), (("stop",), "stop")],
)
async def test_verb_that_the_state_does_not_allow_is_refused(province, before, verb):
    await stuck(province, 1)
    plan = await begin(province)
    for earlier in before:
        await change(province, plan.run, earlier)
    with pytest.raises(ConflictError, match=f"cannot be told to {verb}"):
        await change(province, plan.run, verb)
    with pytest.raises(NotFoundError, match="no retry run 5"):
        await change(province, 5, verb)


async def test_run_pauses_itself_when_everything_comes_back(province):
    await stuck(province, 30)
    plan = await begin(province, per_minute=1500)
    await step(province, plan.run)
    for lane in await province.claim(lanes=100):
        start = await province.send(lane)
        await province.settle(lane, start, S.REJECTED)

    await step(province, plan.run)

    found = await view(province, plan.run)
    assert (found.state, found.changed_by, found.note) == ("paused", "gateway", "failing")
    assert (found.failed, found.waiting) == (25, 5)
    written = await pauses(province)
    assert [(row.actor, row.target) for row in written] == [("gateway", "stub")]
    assert written[0].reason == "the last 25 that were sent again have all failed again"
    assert json.loads(written[0].detail) == {"run": plan.run, "note": "failing", "failed": 25}
    assert written[0].message_id is not None or province.database.oversight.entry is None
    await step(province, plan.run)
    assert len(await pauses(province)) == 1


async def pauses(province):
    question = sa.select(operator_action).where(operator_action.c.action == "retry_run.pause")
    return await province.database.read(lambda connection: connection.execute(question).all())


async def test_run_that_somebody_resumes_goes_on_until_everything_comes_back_again(province):
    await stuck(province, 80)
    plan = await begin(province, per_minute=1500)
    await sent_in_vain(province, plan.run)
    await step(province, plan.run)
    assert (await view(province, plan.run)).state == "paused"

    await change(province, plan.run, "resume")
    await sent_in_vain(province, plan.run)
    assert (await view(province, plan.run)).sent == 50

    await step(province, plan.run)
    found = await view(province, plan.run)
    assert (found.state, found.note, found.failed) == ("paused", "failing", 50)


async def sent_in_vain(province, run):
    """One step of the run, of which everything comes back."""
    assert await step(province, run)
    for lane in await province.claim(lanes=100):
        start = await province.send(lane)
        await province.settle(lane, start, S.REJECTED)


async def test_two_operators_who_begin_at_once_get_one_run_between_them(province):
    await stuck(province, 30)
    done = await asyncio.gather(begin(province), begin(province), return_exceptions=True)
    [plan] = [each for each in done if isinstance(each, RetryPlan)]
    [refused] = [each for each in done if each is not plan]
    assert isinstance(refused, ConflictError)
    assert "nothing at stub is there to be sent again" in str(refused)
    assert plan.deliveries == (await view(province, plan.run)).waiting == 30


async def test_every_lane_and_the_run_itself_have_their_history(province):
    [target] = await stuck(province, 1)
    plan = await begin(province)
    await step(province, plan.run)
    await change_if_open(province, plan.run)

    rows = await province.database.read(
        lambda connection: connection.execute(sa.select(operator_action).order_by(operator_action.c.id)).all()
    )
    told = [(row.action, row.target, row.actor, row.reason) for row in rows]
    because = "the portal has repaired its catalogue"
    assert told == [
        ("retry_run.begin", "stub", "console/an", because),
        ("retry", f"stub/H99-{S.REJECTED}-000", "console/an", because),
    ]
    assert msgspec.json.decode(rows[1].detail) == {"run": plan.run, "deliveries": [str(target)]}
    [of] = await province.database.read(partial(retries_of, delivery_id=target))
    assert (of.run, of.item, of.actor) == (plan.run, "sent", "console/an")


async def change_if_open(province, run):
    if (await view(province, run)).state == "running":
        await step(province, run)


async def test_lane_that_is_held_stays_held(province):
    await stuck(province, 1)
    hold = Hold(actor="x", reason="objection", now=NOW, destination="stub", dossier="H99-rejected-000")
    await province.database.apply(operate, hold)
    plan = await begin(province)
    assert plan.held == 1
    await step(province, plan.run)
    assert await province.claim() == []


async def test_two_steps_at_once_send_nothing_twice(province):
    await stuck(province, 20)
    plan = await begin(province, per_minute=300)
    now = province.later()
    done = [
        await province.database.write(lambda tx: step_retry_run(tx, int(plan.run), now)) for _ in range(3)
    ]
    assert done == [True, False, False]
    rows = await province.database.read(
        lambda connection: connection.execute(
            sa.select(retry_item.c.delivery_id).where(retry_item.c.state == "sent")
        ).all()
    )
    assert len(rows) == len(set(rows)) == 5


async def test_causes_are_counted_with_their_example(province):
    await stuck(province, 2)
    [parked] = await stuck(province, 1, S.PARKED)
    await stuck(province, 1, S.WAITING)
    await province.accept("H99-fine", "a")

    found = await province.database.read(partial(failures, wanted=FailureFilter(), destinations=["stub"]))

    assert [(row.state, row.code, row.count) for row in found] == [
        ("rejected", "tested", 2),
        ("parked", "tested", 1),
        ("waiting", "tested", 1),
    ]
    assert (found[1].example, found[1].words) == (str(parked), "because of the test")
    assert found[0].since == NOW
    only = await province.database.read(
        partial(failures, wanted=FailureFilter(state="parked", code="tested"), destinations=["stub"])
    )
    assert [row.count for row in only] == [1]
    assert await province.database.read(partial(failures, wanted=FailureFilter(), destinations=["x"])) == []


async def test_causes_are_read_from_their_index(sqlite_url):
    province = Province(Database(sqlite_url))
    question = (
        "EXPLAIN QUERY PLAN SELECT operation, state, code, count(*) FROM delivery WHERE (state = 'rejected' OR "
        "state = 'parked' OR state = 'in_doubt' OR state = 'waiting') AND destination IN ('stub') GROUP BY 1, 2, 3"
    )
    rows = await province.database.read(lambda connection: connection.execute(sa.text(question)).all())
    assert "COVERING INDEX ix_delivery_troubled" in rows[0][3]
    province.database.close()


async def test_pace_is_measured_where_there_were_enough_exchanges(province):
    seconds = partial(exchange_seconds, destination="stub")
    assert await province.database.read(seconds) is None
    await stuck(province, 12)
    assert await province.database.read(seconds) == 0.0


async def test_doubt_is_asked_about_again_and_keeps_what_is_known(province):
    [target] = await stuck(province, 1, S.IN_DOUBT)
    order = AskAgain(actor="x", reason="the portal is back", now=province.later(), delivery=target)
    done = await province.database.apply(operate, order)
    assert (done.before, done.after, done.lane_state) == (S.IN_DOUBT, S.IN_DOUBT, "waiting")
    [lane] = await province.claim()
    assert lane.queue[0].due_at == province.now
    [rejected] = await stuck(province, 1)
    with pytest.raises(ConflictError, match="not in doubt"):
        await province.database.apply(
            operate, AskAgain(actor="x", reason="again", now=province.now, delivery=rejected)
        )


async def test_paused_destination_does_not_stop_the_list_from_being_made(province):
    await stuck(province, 1)
    await province.database.apply(
        operate, Pause(actor="x", reason="maintenance", now=NOW, destination="stub")
    )
    assert (await begin(province)).deliveries == 1
