"""Leases: one owner, a token that fences the late, lanes that follow their head, and lanes taken from the dead."""

import msgspec
import pytest

from gateway.domain.delivery import MOVES, OPEN, DeliveryState, LaneState
from gateway.domain.errors import LeaseLost
from gateway.storage import lanes as lane_operations
from gateway.storage.lanes import settle_attempts, start_attempts
from tests.storage.builders import PORTAL, S, event, later, snapshot


async def steal(world, *, worker=2):
    """What happens when a worker is believed dead: its lanes are reaped and claimed by another."""
    await world.reap(1)
    return await world.claim_one(worker=worker, now=later(minutes=1))


def messages(world):
    return world.rows("SELECT kind, direction FROM message ORDER BY id")


# starting


async def test_start_puts_the_head_in_flight_and_logs_the_request(world):
    await world.accept("H99-a", event("1"), event("2"))
    lane = await world.claim_one()

    start = await world.start(lane)

    assert world.states("H99-a") == ["in_flight", "pending"]
    assert world.rows("SELECT attempts FROM delivery WHERE key = '1'") == [(1,)]
    assert world.rows("SELECT id, kind, ended_at, deliveries FROM attempt") == [
        (start.attempt, "send", None, f"[{start.deliveries[0]}]")
    ]
    assert world.rows("SELECT attempt_id, kind FROM message") == [(start.attempt, "request")]


async def test_start_is_refused_after_the_lane_was_taken_over(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one(worker=1)
    await steal(world)

    with pytest.raises(LeaseLost):
        await world.start(lane)

    assert world.states("H99-a") == ["pending"]
    assert messages(world) == []


async def test_start_is_refused_once_the_lane_was_reaped_even_if_nobody_has_claimed_it(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one(worker=1)
    await world.reap(1)

    with pytest.raises(LeaseLost):
        await world.start(lane)

    assert world.states("H99-a") == ["pending"]
    assert messages(world) == []


async def test_start_is_refused_when_the_head_was_superseded(world):
    await world.accept("H99-a", snapshot("v1"))
    lane = await world.claim_one()
    await world.accept("H99-a", snapshot("v2"), version=2)

    with pytest.raises(LeaseLost):
        await world.start(lane)

    assert world.queue("H99-a") == [("v2", "pending")]
    await world.abandon(lane)
    await world.start(await world.claim_one())
    assert world.queue("H99-a") == [("v2", "in_flight")]


async def test_start_is_refused_for_a_delivery_that_is_not_the_head(world):
    await world.accept("H99-a", event("1"), event("2"))
    lane = await world.claim_one()

    with pytest.raises(LeaseLost):
        await world.start(lane, skip=1)

    assert world.states("H99-a") == ["pending", "pending"]


async def test_start_is_refused_while_an_operator_holds_the_lane(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one()
    await world.database.write(lambda tx: tx._cursor.execute("UPDATE lane SET held_by = 'clerk'"))

    with pytest.raises(LeaseLost):
        await world.start(lane)

    await world.abandon(lane)
    assert world.lane_state("H99-a") == "held"


@pytest.mark.parametrize("kind", ["send", "query"])
@pytest.mark.parametrize("state", sorted(OPEN - {S.IN_FLIGHT}))
async def test_start_sends_what_is_unsent_and_asks_about_what_is_in_doubt(world, kind, state):
    await world.accept("H99-a", event("1"))
    if state is not S.PENDING:
        await world.send(await world.claim_one(), state, due_at=later(hours=-1))
    await world.database.write(lambda tx: tx._cursor.execute("UPDATE lane SET state = 'ready', due_at = 0"))
    lane = await world.claim_one()
    allowed = state in ({S.PENDING, S.WAITING} if kind == "send" else {S.IN_DOUBT})

    if allowed:
        await world.start(lane, kind=kind)
        assert world.states("H99-a") == ["in_flight" if kind == "send" else "in_doubt"]
    else:
        with pytest.raises(LeaseLost):
            await world.start(lane, kind=kind)
        assert world.states("H99-a") == [state]


async def test_refused_start_spares_its_neighbours(world):
    await world.accept("H99-a", event("1"))
    await world.accept("H99-b", event("1"))
    claimed = {lane.dossier: lane for lane in await world.claim()}
    await world.reap(1)
    good = await world.claim()
    orders = [world.start_order(claimed["H99-a"]), *(world.start_order(lane) for lane in good)]

    results = await world.database.write(lambda tx: start_attempts(tx, orders))

    assert [type(result) for result in results] == [LeaseLost, type(None), type(None)]


# settling


async def test_settlement_ends_the_attempt_and_writes_everything_that_follows(world):
    await world.accept("H99-a", snapshot("v1"), event("1"))
    start = await world.start(await world.claim_one())

    await world.settle(
        start,
        S.DELIVERED,
        release=True,
        memory={"created": "yes"},
        acknowledged=("received", 1),
        events=(world.event_row("delivery.delivered"),),
    )

    assert world.states("H99-a") == ["delivered", "pending"]
    assert world.rows("SELECT state, memory, acknowledged_status, acknowledged_version FROM lane") == [
        ("ready", '{"created":"yes"}', "received", 1)
    ]
    assert world.rows("SELECT outcome, code FROM attempt WHERE ended_at IS NOT NULL") == [("outcome", "code")]
    assert world.rows("SELECT kind FROM event") == [("delivery.delivered",)]
    assert [kind for kind, _ in messages(world)] == ["request", "response"]


async def test_late_settlement_changes_nothing_but_its_answer_is_logged(world):
    await world.accept("H99-a", event("1"), event("2"))
    start = await world.start(await world.claim_one(worker=1))
    thief = await steal(world)

    with pytest.raises(LeaseLost):
        await world.settle(
            start, S.DELIVERED, memory={"stale": "yes"}, events=(world.event_row(),), release=True
        )

    assert world.states("H99-a") == ["in_doubt", "pending"]
    assert world.rows("SELECT state, lease_owner, memory FROM lane") == [("leased", 2, "{}")]
    assert world.rows("SELECT count(*) FROM event") == [(0,)]
    assert [kind for kind, _ in messages(world)] == ["request", "no_answer", "response"]
    assert thief.queue[0].doubts == 1


async def test_settlement_of_a_reaped_lane_that_nobody_has_claimed_is_late_too(world):
    await world.accept("H99-a", event("1"))
    start = await world.start(await world.claim_one(worker=1))
    await world.reap(1)

    with pytest.raises(LeaseLost):
        await world.settle(start, S.DELIVERED, release=True)

    assert world.states("H99-a") == ["in_doubt"]
    assert [kind for kind, _ in messages(world)] == ["request", "no_answer", "response"]


async def test_settlement_repeated_after_a_lost_commit_is_applied_once(world):
    await world.accept("H99-a", event("1"))
    start = await world.start(await world.claim_one())
    settlement = world.settlement(start, S.IN_DOUBT, due_at=later(seconds=2), release=True)
    await world.database.apply(settle_attempts, settlement)

    await world.database.apply(settle_attempts, msgspec.structs.replace(settlement, repeated=True))

    assert world.rows("SELECT state, doubts FROM delivery") == [("in_doubt", 1)]
    assert [kind for kind, _ in messages(world)] == ["request", "response"]


async def test_settlement_repeated_after_a_commit_that_never_happened_is_applied(world):
    await world.accept("H99-a", event("1"))
    start = await world.start(await world.claim_one())

    await world.database.apply(
        settle_attempts,
        msgspec.structs.replace(world.settlement(start, S.DELIVERED, release=True), repeated=True),
    )

    assert world.states("H99-a") == ["delivered"]
    assert [kind for kind, _ in messages(world)] == ["request", "response"]


async def test_settlement_repeated_after_the_lane_was_taken_over_is_late_and_logged(world):
    await world.accept("H99-a", event("1"))
    start = await world.start(await world.claim_one(worker=1))
    await steal(world)
    settlement = msgspec.structs.replace(world.settlement(start, S.DELIVERED), repeated=True)

    with pytest.raises(LeaseLost):
        await world.database.apply(settle_attempts, settlement)

    assert world.states("H99-a") == ["in_doubt"]
    assert [kind for kind, _ in messages(world)] == ["request", "no_answer", "response"]


async def test_settlement_without_an_attempt_repeated_is_applied_once(world):
    """A delivery that cannot be encoded is settled without having been started."""
    await world.accept("H99-a", event("1"))
    start = world.start_order(await world.claim_one())
    settlement = msgspec.structs.replace(
        world.settlement(start, S.REJECTED, release=True, events=(world.event_row(),)),
        attempt=None,
        messages=(),
    )
    await world.database.apply(settle_attempts, settlement)

    with pytest.raises(LeaseLost):
        await world.database.apply(settle_attempts, msgspec.structs.replace(settlement, repeated=True))

    assert world.states("H99-a") == ["rejected"]
    assert world.rows("SELECT count(*) FROM event") == [(1,)]


async def test_settled_delivery_is_final(world):
    await world.accept("H99-a", event("1"), event("2"))
    start = await world.start(await world.claim_one())
    await world.settle(start, S.DELIVERED)

    await world.settle(start, S.WAITING, due_at=later(hours=1))

    assert world.states("H99-a") == ["delivered", "pending"]


async def test_late_settlement_spares_its_neighbours(world):
    for code in ("H99-a", "H99-b"):
        await world.accept(code, event("1"))
    first, second = await world.claim(1), await world.claim(1, worker=3)
    late, good = await world.start(first[0]), await world.start(second[0])
    await world.reap(1)

    results = await world.database.write(
        lambda tx: settle_attempts(
            tx, [world.settlement(late, S.DELIVERED), world.settlement(good, S.DELIVERED, release=True)]
        )
    )

    assert [type(result) for result in results] == [LeaseLost, type(None)]
    assert world.states("H99-b") == ["delivered"]


# what a lane's state follows from

HEADS = {
    S.PENDING: LaneState.READY,
    S.WAITING: LaneState.WAITING,
    S.IN_DOUBT: LaneState.WAITING,
    S.REJECTED: LaneState.BLOCKED,
    S.PARKED: LaneState.BLOCKED,
    S.DELIVERED: LaneState.IDLE,
    S.SUPERSEDED: LaneState.IDLE,
    S.SKIPPED: LaneState.IDLE,
}


def test_every_state_of_a_delivery_is_in_the_table_of_heads():
    """In flight is no head of a lane that is given back: reap and abandon put it in doubt first."""
    assert set(HEADS) == set(DeliveryState) - {S.IN_FLIGHT}
    heads = set(lane_operations._HEAD_STATE) - {None}
    assert heads == OPEN - {S.IN_FLIGHT}
    assert {state for state, targets in MOVES.items() if not targets} == set(HEADS) - heads


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("state", HEADS)
async def test_lane_follows_its_head(world, state, held):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one()
    if state is not S.PENDING:
        final = not MOVES[state]
        await world.database.write(
            lambda tx: tx._cursor.execute(
                f"UPDATE delivery SET state = '{state}', due_at = 5, settled_at = {'1' if final else 'NULL'}"  # noqa: S608
            )
        )
    if held:
        await world.database.write(lambda tx: tx._cursor.execute("UPDATE lane SET held_by = 'clerk'"))
    await world.release(lane)

    expected = HEADS[state]
    if held and expected is not LaneState.IDLE:
        expected = LaneState.HELD
    assert world.lane_state("H99-a") == expected
    assert world.rows("SELECT lease_owner FROM lane") == [(None,)]


async def test_doubt_without_a_due_time_blocks_the_lane(world):
    await world.accept("H99-a", event("1"))
    await world.send(await world.claim_one(), S.IN_DOUBT, due_at=None)

    assert world.lane_state("H99-a") == "blocked"
    assert await world.claim(now=later(days=365)) == []


async def test_release_of_a_lane_that_was_taken_over_changes_nothing(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one(worker=1)
    await steal(world)

    await world.release(lane)

    assert world.rows("SELECT state, lease_owner FROM lane") == [("leased", 2)]


async def test_release_never_frees_a_lane_with_something_in_flight(world):
    """Only abandon and reap may, and they put it in doubt first."""
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one()
    await world.start(lane)

    with pytest.raises(KeyError):
        await world.release(lane)

    assert world.rows("SELECT state, lease_owner FROM lane") == [("leased", 1)]
    assert len(await world.abandon(lane)) == 1
    assert world.states("H99-a") == ["in_doubt"]


async def test_only_our_own_waits_may_be_hastened(world):
    for code, own in (("H99-a", True), ("H99-b", False)):
        await world.accept(code, event("1"))
        start = await world.start(await world.claim_one())
        await world.settle(start, S.WAITING, due_at=later(hours=1), release=True, hasten=own)

    assert [bool(row[0]) for row in world.rows("SELECT hasten FROM lane ORDER BY dossier_code")] == [
        True,
        False,
    ]


# taking lanes away


async def test_reaped_lane_is_in_doubt_if_something_was_in_flight(world):
    await world.accept("H99-a", event("1"), event("2"))
    start = await world.start(await world.claim_one(worker=1))

    (lost,) = await world.reap(1)

    assert (lost.id, lost.dossier, lost.destination, lost.kind) == (start.attempt, "H99-a", PORTAL, "send")
    assert world.states("H99-a") == ["in_doubt", "pending"]
    assert world.rows("SELECT outcome, code FROM attempt WHERE ended_at IS NOT NULL") == [
        ("in_doubt", "worker_lost")
    ]
    assert world.lane_state("H99-a") == "waiting"
    (again,) = await world.claim(worker=2, now=later(minutes=1))
    assert again.queue[0].delivery.state is S.IN_DOUBT


async def test_reaped_lane_is_ready_if_nothing_was_in_flight(world):
    await world.accept("H99-a", event("1"))
    await world.claim_one(worker=1)

    assert await world.reap(1) == []
    assert world.states("H99-a") == ["pending"]
    assert world.lane_state("H99-a") == "ready"


async def test_question_that_was_lost_leaves_the_doubt(world):
    await world.accept("H99-a", event("1"))
    await world.send(await world.claim_one(), S.IN_DOUBT, due_at=later(hours=-1))
    lane = await world.claim_one()
    await world.start(lane, kind="query")

    (lost,) = await world.reap(1)

    assert lost.kind == "query"
    assert world.states("H99-a") == ["in_doubt"]
    assert world.lane_state("H99-a") == "waiting"


async def test_reaping_takes_only_the_dead(world):
    await world.accept("H99-a", event("1"))
    await world.accept("H99-b", event("1"))
    dead, alive = await world.claim(1, worker=1), await world.claim(1, worker=2)

    await world.reap(1)

    assert {lane.dossier for lane in await world.claim(worker=3)} == {dead[0].dossier}
    await world.start(alive[0])


async def test_reaping_twice_finds_nothing_the_second_time(world):
    await world.accept("H99-a", event("1"))
    await world.start(await world.claim_one(worker=1))

    assert len(await world.reap(1)) == 1
    assert await world.reap(1) == []
    assert world.rows("SELECT doubts FROM delivery") == [(1,)]


async def test_abandoned_lane_is_in_doubt_if_something_was_in_flight(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one()
    await world.start(lane)

    assert len(await world.abandon(lane)) == 1
    assert world.states("H99-a") == ["in_doubt"]
    assert world.lane_state("H99-a") == "waiting"


async def test_abandoning_a_lane_that_was_taken_over_changes_nothing(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one(worker=1)
    thief = await steal(world)
    await world.start(thief)

    assert await world.abandon(lane) == []
    assert world.states("H99-a") == ["in_flight"]
