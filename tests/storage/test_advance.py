"""An answer and the next request of a lane in one commit: both or the answer alone, never the request alone."""

import msgspec
import pytest

from gateway.domain.errors import LeaseLost
from gateway.storage.advance import Advance, advance_lanes
from gateway.storage.lanes import settle_attempts
from tests.storage.builders import S, event, later, snapshot


async def advance(world, lane, start, state=S.DELIVERED, **rest):
    order = Advance(settlement=world.settlement(start, state, **rest), start=world.start_order(lane, skip=1))
    await world.database.apply(advance_lanes, order)
    return order


def messages(world):
    return [kind for (kind,) in world.rows("SELECT kind FROM message ORDER BY id")]


async def test_answer_and_next_request_are_written_together(world):
    await world.accept("H99-a", event("1"), event("2"))
    lane = await world.claim_one()
    start = await world.start(lane)

    order = await advance(world, lane, start)

    assert world.states("H99-a") == ["delivered", "in_flight"]
    assert world.rows("SELECT id FROM attempt WHERE ended_at IS NULL") == [(order.start.attempt,)]
    assert messages(world) == ["request", "response", "request"]


async def test_lost_lane_keeps_the_answer_in_the_log_and_starts_nothing(world):
    await world.accept("H99-a", event("1"), event("2"))
    lane = await world.claim_one(worker=1)
    start = await world.start(lane)
    await world.reap(1)

    with pytest.raises(LeaseLost):
        await advance(world, lane, start)

    assert world.states("H99-a") == ["in_doubt", "pending"]
    assert messages(world) == ["request", "no_answer", "response"]


async def test_queue_that_has_changed_takes_the_answer_and_starts_nothing(world):
    await world.accept("H99-a", event("1"), snapshot("v1"))
    lane = await world.claim_one()
    start = await world.start(lane)
    await world.accept("H99-a", event("1"), snapshot("v2"), version=2)

    with pytest.raises(LeaseLost):
        await advance(world, lane, start)

    assert world.queue("H99-a") == [("1", "delivered"), ("v2", "pending")]
    assert messages(world) == ["request", "response"]
    assert world.lane_state("H99-a") == "leased"


async def test_held_lane_takes_the_answer_and_starts_nothing(world):
    await world.accept("H99-a", event("1"), event("2"))
    lane = await world.claim_one()
    start = await world.start(lane)
    await world.database.write(lambda tx: tx._cursor.execute("UPDATE lane SET held_by = 'clerk'"))

    with pytest.raises(LeaseLost):
        await advance(world, lane, start)

    assert world.states("H99-a") == ["delivered", "pending"]


async def test_repeated_settlement_after_the_pair_was_committed_changes_nothing(world):
    """The commit's answer was lost: the settlement is repeated alone, and the request that never left is in flight."""
    await world.accept("H99-a", event("1"), event("2"))
    lane = await world.claim_one()
    start = await world.start(lane)
    order = await advance(world, lane, start)

    await world.database.apply(settle_attempts, msgspec.structs.replace(order.settlement, repeated=True))

    assert world.states("H99-a") == ["delivered", "in_flight"]
    assert messages(world) == ["request", "response", "request"]
    await world.abandon(lane)
    assert world.states("H99-a") == ["delivered", "in_doubt"]


async def test_pairs_of_many_lanes_go_together_and_a_lost_one_goes_alone(world):
    for code in ("H99-a", "H99-b", "H99-c"):
        await world.accept(code, event("1"), event("2"), due_at=later(hours=1))
    claimed = [*(await world.claim(1, worker=9)), *(await world.claim(2, worker=1))]
    starts = [await world.start(lane) for lane in claimed]
    await world.reap(9)
    pairs = [
        Advance(settlement=world.settlement(start, S.DELIVERED), start=world.start_order(lane, skip=1))
        for lane, start in zip(claimed, starts, strict=True)
    ]

    results = await world.database.write(lambda tx: advance_lanes(tx, pairs))

    assert [type(result) for result in results] == [LeaseLost, type(None), type(None)]
    states = [world.states(lane.dossier) for lane in claimed]
    assert states == [["in_doubt", "pending"], ["delivered", "in_flight"], ["delivered", "in_flight"]]
