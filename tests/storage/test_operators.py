"""Operator actions, on both engines: what moves, what is refused, what is written down."""

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.delivery import MOVES, DeliveryState, LaneState
from gateway.domain.errors import ConflictError, LeaseLost, NotFoundError
from gateway.storage.instants import to_micros
from gateway.storage.operators import operate
from gateway.storage.orders import (
    BulkRetry,
    Hold,
    Instruction,
    Order,
    Pause,
    Resolve,
    Resume,
    Retry,
    Skip,
    Unhold,
)
from gateway.storage.schema import delivery, destination, event, lane, operator_action
from gateway.storage.sql import Statement
from tests.storage.province import NOW, Province, planned

S = DeliveryState


@pytest.fixture
def province(database):
    return Province(database)


def ordered(kind, **fields):
    return kind(actor="phong-mot-cua", reason="the portal has repaired its catalogue", now=NOW, **fields)


async def act(province, kind, **fields):
    return await province.database.apply(operate, ordered(kind, **fields))


async def row_of(province, table, **where):
    conditions = [table.c[name] == value for name, value in where.items()]
    return await province.database.read(
        lambda connection: connection.execute(sa.select(table).where(*conditions)).one()
    )


async def all_of(province, table):
    return await province.database.read(
        lambda connection: connection.execute(sa.select(table).order_by(table.c.id)).all()
    )


@pytest.mark.parametrize("state", [S.REJECTED, S.PARKED, S.WAITING])
async def test_retry_puts_a_stuck_delivery_back_at_its_place(province, state):
    target = await province.arrange("H99-1", state, "a", "b")

    done = await act(province, Retry, delivery=target)

    assert (done.before, done.after, done.lane_state) == (state, S.PENDING, LaneState.READY)
    [claimed] = await province.claim()
    assert [item.delivery.key for item in claimed.queue] == ["a", "b"]


@pytest.mark.parametrize(
    ("state", "kind", "fields", "again"),
    [
        (S.PARKED, Retry, {}, True),
        (S.IN_DOUBT, Resolve, {"verdict": "absent"}, True),
        (S.IN_DOUBT, Resolve, {"verdict": "rejected"}, False),
        (S.PARKED, Skip, {}, False),
    ],
)
async def test_what_is_sent_again_gets_its_patience_anew(province, state, kind, fields, again):
    target = await province.arrange("H99-1", state)
    await province.database.write(
        lambda tx: tx.run(Statement("UPDATE delivery SET doubts = 7 WHERE id = :id"), {"id": target})
    )

    await act(province, kind, delivery=target, **fields)

    row = await row_of(province, delivery, id=target)
    assert (row.retried_at, row.doubts) == ((to_micros(NOW), 1) if again else (None, 7))


async def test_many_that_are_sent_again_get_their_patience_anew(province):
    targets = [await province.arrange(f"H99-{number}", S.PARKED) for number in range(3)]

    await act(province, BulkRetry, destination="stub", state="parked", dry_run=False)

    rows = [await row_of(province, delivery, id=target) for target in targets]
    assert {row.retried_at for row in rows} == {to_micros(NOW)}


async def test_an_action_leaves_its_reason_its_actor_and_an_event(province):
    target = await province.arrange("H99-1", S.REJECTED)

    done = await act(province, Retry, delivery=target)

    [action] = await all_of(province, operator_action)
    assert str(action.id) == done.action
    assert (action.actor, action.action, action.target) == ("phong-mot-cua", "retry", "stub/H99-1")
    assert action.reason == "the portal has repaired its catalogue"
    assert msgspec.json.decode(action.detail) == {
        "delivery": str(target),
        "before": "rejected",
        "after": "pending",
    }
    [told] = [row for row in await all_of(province, event) if row.kind == "delivery.retried"]
    assert (told.dossier_code, told.destination) == ("H99-1", "stub")
    assert msgspec.json.decode(told.data)["by"] == "phong-mot-cua"


@pytest.mark.parametrize("state", [S.REJECTED, S.PARKED, S.WAITING, S.IN_DOUBT])
async def test_skip_lets_the_lane_go_on_with_the_next_delivery(province, state):
    target = await province.arrange("H99-1", state, "a", "b")

    done = await act(province, Skip, delivery=target)

    assert (done.after, done.lane_state) == (S.SKIPPED, LaneState.READY)
    row = await row_of(province, delivery, id=target)
    assert row.settled_at is not None
    assert row.reason == "the portal has repaired its catalogue"
    [claimed] = await province.claim()
    assert [item.delivery.key for item in claimed.queue] == ["b"]


@pytest.mark.parametrize(
    ("verdict", "state", "lane_state"),
    [
        ("delivered", S.DELIVERED, LaneState.READY),
        ("absent", S.WAITING, LaneState.WAITING),
        ("rejected", S.REJECTED, LaneState.BLOCKED),
    ],
)
async def test_resolve_says_what_became_of_a_doubt(province, verdict, state, lane_state):
    target = await province.arrange("H99-1", S.IN_DOUBT, "a", "b")

    done = await act(province, Resolve, delivery=target, verdict=verdict)

    assert (done.after, done.lane_state) == (state, lane_state)
    row = await row_of(province, delivery, id=target)
    assert row.code == f"resolved_{verdict}"
    assert (row.settled_at is not None) == (state is S.DELIVERED)


async def test_absent_delivery_is_sent_again_before_the_next_one(province):
    target = await province.arrange("H99-1", S.IN_DOUBT, "a", "b")
    await act(province, Resolve, delivery=target, verdict="absent")

    [claimed] = await province.claim()

    assert [item.delivery.key for item in claimed.queue] == ["a", "b"]


async def test_resolving_a_snapshot_as_delivered_acknowledges_its_version(province):
    card = planned("v4", snapshot=True, version=4)
    target = await province.arrange("H99-1", S.IN_DOUBT, card)

    await act(province, Resolve, delivery=target, verdict="delivered", snapshot=True)

    row = await row_of(province, lane, dossier_code="H99-1")
    assert (row.acknowledged_status, row.acknowledged_version) == ("received", 4)


async def test_resolving_a_step_acknowledges_no_version(province):
    target = await province.arrange("H99-1", S.IN_DOUBT)

    await act(province, Resolve, delivery=target, verdict="delivered")

    assert (await row_of(province, lane, dossier_code="H99-1")).acknowledged_version is None


_TARGET = {"retry": S.PENDING, "skip": S.SKIPPED, "resolve": S.DELIVERED}
_REACHED = [S.WAITING, S.IN_DOUBT, S.REJECTED, S.PARKED, S.DELIVERED]


@pytest.mark.parametrize("verb", sorted(_TARGET))
@pytest.mark.parametrize("state", _REACHED)
async def test_only_moves_in_the_table_are_made(province, verb, state):
    target = await province.arrange("H99-1", state)
    order = {
        "retry": ordered(Retry, delivery=target),
        "skip": ordered(Skip, delivery=target),
        "resolve": ordered(Resolve, delivery=target, verdict="delivered"),
    }[verb]

    if _TARGET[verb] in MOVES[state]:
        assert (await province.database.apply(operate, order)).after is _TARGET[verb]
        return
    with pytest.raises(ConflictError, match=f"cannot go from {state}"):
        await province.database.apply(operate, order)
    assert (await row_of(province, delivery, id=target)).state == state
    assert await all_of(province, operator_action) == []


@pytest.mark.parametrize("verb", ["retry", "skip", "resolve"])
async def test_what_is_at_the_partner_is_not_touched(province, verb):
    target = await province.arrange("H99-1", S.IN_FLIGHT)
    order = {
        "retry": ordered(Retry, delivery=target),
        "skip": ordered(Skip, delivery=target),
        "resolve": ordered(Resolve, delivery=target, verdict="absent"),
    }[verb]

    with pytest.raises(ConflictError, match="at stub at this moment; wait for the answer"):
        await province.database.apply(operate, order)
    assert (await row_of(province, delivery, id=target)).state == S.IN_FLIGHT


async def test_a_doubt_that_is_being_asked_about_is_not_resolved(province):
    await province.accept("H99-1", "a")
    [claimed] = await province.claim()
    lost = await province.send(claimed)
    await province.settle(claimed, lost, S.IN_DOUBT, due_at=province.now)
    [claimed] = await province.claim()
    target = claimed.queue[0].delivery.id
    start = await province.send(claimed, kind="query")

    with pytest.raises(ConflictError, match="wait for the answer"):
        await act(province, Resolve, delivery=target, verdict="rejected")

    await province.settle(claimed, start, S.IN_DOUBT)
    done = await act(province, Resolve, delivery=target, verdict="rejected")
    assert done.after is S.REJECTED


async def test_skipping_behind_a_flying_head_leaves_the_lease_and_makes_the_worker_look_again(province):
    await province.accept("H99-1", "a", "b", "c")
    [claimed] = await province.claim()
    start = await province.send(claimed)
    second = claimed.queue[1].delivery.id

    done = await act(province, Skip, delivery=second)

    assert done.lane_state is LaneState.LEASED
    assert (await row_of(province, lane, dossier_code="H99-1")).lease_owner is not None
    await province.settle(claimed, start, S.DELIVERED)
    stale = msgspec.structs.replace(claimed, queue=claimed.queue[1:])
    with pytest.raises(LeaseLost):
        await province.send(stale)
    [again] = await province.claim()
    assert [item.delivery.key for item in again.queue] == ["c"]


async def test_unknown_delivery_is_not_found(province):
    with pytest.raises(NotFoundError, match="no delivery 99"):
        await act(province, Retry, delivery=99)


async def test_held_lane_is_not_claimed_until_released(province):
    await province.accept("H99-1", "a")

    held = await act(province, Hold, destination="stub", dossier="H99-1")
    assert (held.held, held.state) == (True, LaneState.HELD)
    assert await province.claim() == []

    released = await act(province, Unhold, destination="stub", dossier="H99-1")
    assert (released.held, released.state) == (False, LaneState.READY)
    assert len(await province.claim()) == 1


async def test_leased_lane_becomes_held_when_the_worker_gives_it_back(province):
    await province.accept("H99-1", "a", "b")
    [claimed] = await province.claim()
    start = await province.send(claimed)

    held = await act(province, Hold, destination="stub", dossier="H99-1")
    assert held.state is LaneState.LEASED
    await province.settle(claimed, start, S.DELIVERED)

    assert (await row_of(province, lane, dossier_code="H99-1")).state == "held"
    assert await province.claim() == []


async def test_what_arrives_for_a_held_lane_waits(province):
    await province.accept("H99-1")
    await act(province, Hold, destination="stub", dossier="H99-1")

    await province.accept("H99-1", "a", version=2)

    assert (await row_of(province, lane, dossier_code="H99-1")).state == "held"
    assert await province.claim() == []


async def test_holding_twice_and_releasing_what_is_not_held_is_refused(province):
    await province.accept("H99-1", "a")
    with pytest.raises(ConflictError, match="is not held"):
        await act(province, Unhold, destination="stub", dossier="H99-1")
    await act(province, Hold, destination="stub", dossier="H99-1")
    with pytest.raises(ConflictError, match="already held by phong-mot-cua"):
        await act(province, Hold, destination="stub", dossier="H99-1")


async def test_holding_a_lane_that_is_not_there_is_not_found(province):
    with pytest.raises(NotFoundError, match="no lane"):
        await act(province, Hold, destination="stub", dossier="H99-404")


async def test_pause_and_resume_of_a_destination(province):
    paused = await act(province, Pause, destination="stub")
    assert paused.paused
    assert (await row_of(province, destination, name="stub")).paused_by == "phong-mot-cua"
    with pytest.raises(ConflictError, match="already paused"):
        await act(province, Pause, destination="stub")

    resumed = await act(province, Resume, destination="stub")
    assert not resumed.paused
    assert (await row_of(province, destination, name="stub")).paused_by is None
    with pytest.raises(ConflictError, match="is not paused"):
        await act(province, Resume, destination="stub")
    kinds = [row.kind for row in await all_of(province, event)]
    assert kinds == ["destination.paused", "destination.resumed"]


async def three_parked(province):
    return [await province.arrange(f"H99-{number}", S.PARKED, "a", "b") for number in range(3)]


async def test_bulk_retry_shows_first_what_it_would_do(province):
    targets = await three_parked(province)

    shown = await act(province, BulkRetry, destination="stub", state="parked")

    assert shown.dry_run
    assert (shown.deliveries, shown.action) == ([str(item) for item in targets], None)
    assert (await row_of(province, delivery, id=targets[0])).state == "parked"
    assert await all_of(province, operator_action) == []


async def test_bulk_retry_moves_every_match_and_is_in_every_history(province):
    targets = await three_parked(province)

    done = await act(province, BulkRetry, destination="stub", state="parked", dry_run=False)

    assert done.deliveries == [str(item) for item in targets]
    assert len(await province.claim(lanes=10)) == 3
    actions = await all_of(province, operator_action)
    assert {row.target for row in actions} == {"stub", "stub/H99-0", "stub/H99-1", "stub/H99-2"}


@pytest.mark.parametrize(
    ("narrowed", "found"),
    [
        ({"dossier": "H99-1"}, 1),
        ({"code": "tested"}, 3),
        ({"code": "other"}, 0),
        ({"state": "rejected"}, 0),
        ({"destination": "elsewhere"}, 0),
        ({"limit": 2}, 2),
    ],
)
async def test_bulk_retry_takes_only_what_the_filter_names(province, narrowed, found):
    await three_parked(province)

    done = await act(
        province, BulkRetry, **{"destination": "stub", "state": "parked", "dry_run": False, **narrowed}
    )

    assert len(done.deliveries) == found
    assert done.more == ("limit" in narrowed)
    assert len(await province.claim(lanes=10)) == found


async def test_bulk_retry_of_waiting_deliveries_sends_them_now(province):
    target = await province.arrange("H99-1", S.WAITING)

    done = await act(province, BulkRetry, destination="stub", state="waiting", dry_run=False)

    assert done.deliveries == [str(target)]
    assert (await row_of(province, lane, dossier_code="H99-1")).state == "ready"


async def test_one_refusal_leaves_its_neighbours_alone(province):
    good = await province.arrange("H99-1", S.PARKED)

    results = await province.database.write(
        lambda tx: operate(tx, [ordered(Retry, delivery=99), ordered(Retry, delivery=good)])
    )

    assert isinstance(results[0], NotFoundError)
    assert results[1].after is S.PENDING


def test_every_order_has_a_verb():
    from gateway.storage.operator_log import _VERBS

    orders = {each for each in Instruction.__subclasses__() if each.__module__ == Instruction.__module__}
    assert set(_VERBS) == orders == set(Order.__args__)


async def test_lanes_are_locked_in_the_order_of_their_ids_and_orders_answered_in_that_of_arrival(province):
    """Two processes that lock the same lanes in another order would wait for each other (PostgreSQL)."""
    targets = [await province.arrange(f"H99-{number}", S.PARKED) for number in range(4)]
    where = {"destination": "stub"}
    orders = [
        ordered(Retry, delivery=targets[3]),
        ordered(Hold, dossier="H99-1", **where),
        ordered(Skip, delivery=targets[2]),
        ordered(Retry, delivery=4711),
        ordered(Retry, delivery=targets[0]),
        ordered(Unhold, dossier="H99-1", **where),
    ]

    done = await province.database.write(lambda transaction: operate(transaction, orders))

    assert isinstance(done[3], NotFoundError)
    assert [getattr(item, "dossier", None) for item in done] == [
        *("H99-3", "H99-1", "H99-2", None, "H99-0", "H99-1")
    ]
    assert [done[1].held, done[5].held] == [True, False], "orders for one lane keep their order"
    actions = await all_of(province, operator_action)
    assert [row.target.rpartition("/")[2] for row in actions] == [
        *("H99-0", "H99-1", "H99-1", "H99-2", "H99-3")
    ]
