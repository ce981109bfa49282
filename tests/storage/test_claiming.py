"""Claiming: the nearest promise first, due lanes only, never the same lane twice."""

import asyncio
import json
import subprocess
import sys
import textwrap

import pytest

from gateway.storage.database import Database
from tests.storage.builders import S, World, event, later, snapshot


async def accept_many(world, count, **rest):
    await asyncio.gather(*(world.accept(f"H99-{number:04}", event("1"), **rest) for number in range(count)))


async def test_nearest_promise_goes_first(world):
    for code, hours in (("H99-b", 2), ("H99-c", 3), ("H99-a", 1)):
        await world.accept(code, event("1"), due_at=later(hours=hours))
    await world.accept("H99-none", event("1"))

    claimed = await world.claim(10)

    assert [lane.dossier for lane in claimed] == ["H99-a", "H99-b", "H99-c", "H99-none"]


async def test_claim_takes_the_nearest_promises_when_it_cannot_take_all(world):
    for code, hours in (("H99-b", 2), ("H99-c", 3), ("H99-a", 1)):
        await world.accept(code, event("1"), due_at=later(hours=hours))

    first, second = await world.claim(2), await world.claim(2)

    assert [lane.dossier for lane in first] == ["H99-a", "H99-b"]
    assert [lane.dossier for lane in second] == ["H99-c"]


async def test_new_promise_moves_the_lane(world):
    await world.accept("H99-a", event("1"), due_at=later(hours=1))
    await world.accept("H99-b", event("1"), due_at=later(hours=2))
    await world.accept("H99-a", event("1"), event("2"), version=2, due_at=later(hours=9))

    assert [lane.dossier for lane in await world.claim()] == ["H99-b", "H99-a"]


@pytest.mark.parametrize("asked", [1, 3, 7])
async def test_claim_never_takes_more_lanes_than_asked(world, asked):
    """PostgreSQL may run a locking sub-select more than once when it stands in IN (…)."""
    await accept_many(world, 40)

    taken = [len(await world.claim(asked)) for _ in range(3)]

    assert taken == [asked] * 3


async def test_claim_reads_the_head_of_the_queue_in_order(world):
    await world.accept("H99-a", snapshot("v1"), *(event(str(number)) for number in range(9)))

    (lane,) = await world.claim(depth=4)

    assert [queued.delivery.key for queued in lane.queue] == ["v1", "0", "1", "2"]
    assert [queued.delivery.position for queued in lane.queue] == [1, 2, 3, 4]
    assert lane.queue[0].delivery.payload == snapshot("v1").payload


async def test_claimed_lane_is_not_claimed_again(world):
    await world.accept("H99-a", event("1"))

    assert len(await world.claim(worker=1)) == 1
    assert await world.claim(worker=2) == []


async def test_waiting_lane_is_claimed_once_it_is_due(world):
    await world.accept("H99-a", event("1"))
    await world.send(await world.claim_one(), S.WAITING, due_at=later(minutes=5))

    assert await world.claim(now=later(minutes=4)) == []
    (lane,) = await world.claim(now=later(minutes=5))
    assert [queued.delivery.state for queued in lane.queue] == [S.WAITING]
    assert lane.queue[0].due_at == later(minutes=5)


async def test_other_destinations_lanes_are_left_alone(world):
    await world.accept("H99-a", event("1"), destination="ministry")

    assert await world.claim() == []


async def test_memory_and_partner_code_come_with_the_claim(world):
    await world.accept("H99-a", event("1"), event("2"), partner_codes=("H99-a", "H99-a-2"))
    lane = await world.claim_one()
    assert lane.memory == {"partner_code": "H99-a"}

    await world.send(lane, memory={"created": "yes", "partner_code": "H99-a"})

    assert (await world.claim_one()).memory == {"created": "yes", "partner_code": "H99-a"}


async def test_every_claim_has_a_larger_token(world):
    await world.accept("H99-a", event("1"))
    tokens = []
    for _ in range(3):
        lane = await world.claim_one()
        tokens.append(lane.token)
        await world.release(lane)

    assert tokens == sorted(set(tokens))


async def test_concurrent_claims_share_the_lanes(world):
    await accept_many(world, 60)

    claims = await asyncio.gather(*(world.claim(7, worker=worker) for worker in range(1, 11)))

    lanes = [lane.id for claimed in claims for lane in claimed]
    assert len(lanes) == len(set(lanes))
    rest = [lane.id for claimed in [await world.claim(100)] for lane in claimed]
    assert len(set(lanes) | set(rest)) == 60


CLAIMING_PROCESS = textwrap.dedent("""
    import asyncio, json, sys
    from datetime import UTC, datetime
    from gateway.storage.database import Database
    from gateway.storage.lanes import Claim, claim_lanes

    async def main(url, worker):
        database = Database(url)
        taken = []
        for _ in range(200):
            claim = Claim(destination="portal", worker=worker, lanes=3, depth=1, now=datetime.now(UTC))
            taken += [lane.id for lane in await database.apply(claim_lanes, claim)]
        print(json.dumps(taken))
        database.close()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
""")


async def test_several_processes_never_claim_the_same_lane(postgresql_url):
    database = Database(postgresql_url)
    try:
        await accept_many(World(database), 900)
    finally:
        database.close()

    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLAIMING_PROCESS, postgresql_url, str(worker), stdout=subprocess.PIPE
        )
        for worker in (1, 2, 3)
    ]
    taken = [json.loads((await process.communicate())[0]) for process in processes]

    assert all(taken), "every process got some"
    together = [lane for lanes in taken for lane in lanes]
    assert len(together) == len(set(together)) == 900


async def test_claim_passes_over_a_lane_that_somebody_is_changing(postgresql_url):
    """SKIP LOCKED: an upsert in progress delays its own lane and no other."""
    database = Database(postgresql_url)
    world = World(database)
    await world.accept("H99-a", event("1"), due_at=later(hours=1))
    await world.accept("H99-b", event("1"), due_at=later(hours=2))
    try:
        with database._writer_engine.connect() as other:
            other.exec_driver_sql("SELECT id FROM lane WHERE dossier_code = 'H99-a' FOR UPDATE")
            assert [lane.dossier for lane in await world.claim()] == ["H99-b"]
            other.rollback()
        assert [lane.dossier for lane in await world.claim()] == ["H99-a"]
    finally:
        database.close()


async def test_claim_plan_locks_no_more_rows_than_it_takes(postgresql_url):
    """With statistics that invite a nested loop, the locking sub-select must still run once."""
    database = Database(postgresql_url)
    world = World(database)
    try:
        await accept_many(world, 5)
        with database._writer_engine.connect() as other:
            other.exec_driver_sql("ANALYZE lane")
            other.commit()
        await asyncio.gather(*(world.accept(f"H99-x{number}", event("1")) for number in range(300)))
        assert [len(await world.claim(1)) for _ in range(10)] == [1] * 10
    finally:
        database.close()
