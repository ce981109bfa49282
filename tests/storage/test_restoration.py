"""After a restore: what may have left since the backup is asked about, never simply sent."""

import msgspec
import pytest

from gateway.domain.errors import LeaseLost
from gateway.storage.instants import to_micros
from gateway.storage.operators import operate
from gateway.storage.orders import Instruction, Retry
from gateway.storage.restoration import Restoration, mark_restored, restored_at
from tests.storage.builders import S, event, later, snapshot

RESTORED = later(hours=2)


async def restore(world, now=RESTORED):
    order = Instruction(actor="lan", reason="the disk broke", now=now)
    count = await world.database.apply(mark_restored, Restoration(order=order, backup={"taken": "earlier"}))
    world.database.restored_at = world.database.ask(restored_at)
    return count


def told(planned, at):
    return msgspec.structs.replace(planned, event_at=to_micros(at))


async def test_database_that_was_never_restored_knows_of_no_restore(world):
    assert world.database.ask(restored_at) is None


async def test_restore_is_written_down_and_known_from_then_on(world):
    await restore(world)

    assert world.database.ask(restored_at) == to_micros(RESTORED)
    assert world.rows("SELECT actor, action, target, reason FROM operator_action") == [
        ("lan", "database.restore", "database", "the disk broke")
    ]


async def test_what_was_open_at_the_backup_is_asked_about_when_its_turn_comes(world):
    await world.accept("H99-a", event("1"), event("2"))

    assert await restore(world) == 2
    lane = await world.claim_one(now=RESTORED)

    assert [each.delivery.state for each in lane.queue] == [S.IN_DOUBT, S.IN_DOUBT]
    assert world.rows("SELECT code, doubts FROM delivery ORDER BY position") == [("restored", 1)] * 2
    with pytest.raises(LeaseLost):
        await world.start(lane)
    await world.start(lane, kind="query")


async def test_what_the_partner_does_not_have_is_sent_once_it_was_asked(world):
    await world.accept("H99-a", event("1"))
    await restore(world)
    lane = await world.claim_one(now=RESTORED)
    asked = await world.start(lane, kind="query")
    await world.settle(asked, S.WAITING, due_at=RESTORED, release=True)

    again = await world.claim_one(now=later(hours=3))
    await world.start(again)

    assert world.states("H99-a") == ["in_flight"]


async def test_what_was_settled_before_the_backup_is_left_alone(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one()
    await world.settle(await world.start(lane), S.DELIVERED, release=True)

    assert await restore(world) == 0
    assert world.states("H99-a") == ["delivered"]


async def test_what_is_told_again_and_happened_before_the_restore_is_asked_about(world):
    await restore(world)
    await world.accept("H99-a", told(event("1"), later(hours=1)), snapshot("v1"))

    lane = await world.claim_one(now=RESTORED)

    assert [each.delivery.state for each in lane.queue] == [S.IN_DOUBT, S.IN_DOUBT]


async def test_what_happened_after_the_restore_is_simply_sent(world):
    await restore(world)
    await world.accept("H99-a", told(event("1"), later(hours=3)))

    await world.start(await world.claim_one(now=later(hours=3)))

    assert world.states("H99-a") == ["in_flight"]


async def test_delivery_that_was_refused_before_the_backup_is_asked_about_when_it_is_retried(world):
    await world.accept("H99-a", event("1"))
    lane = await world.claim_one()
    await world.settle(await world.start(lane), S.REJECTED, release=True)
    await restore(world)
    ((number,),) = world.rows("SELECT id FROM delivery")
    assert world.states("H99-a") == ["rejected"]

    order = Retry(actor="lan", reason="corrected there", now=RESTORED, delivery=number)
    await world.database.apply(operate, order)
    claimed = await world.claim_one(now=RESTORED)

    assert claimed.queue[0].delivery.state is S.IN_DOUBT


async def test_newer_snapshot_still_takes_the_place_of_one_that_was_open_at_the_backup(world):
    await world.accept("H99-a", snapshot("v1", "one"))
    await restore(world)
    await world.accept("H99-a", snapshot("v2", "two"), version=2)

    lane = await world.claim_one(now=RESTORED)

    assert [(each.delivery.key, each.delivery.state) for each in lane.queue] == [("v2", S.IN_DOUBT)]


async def test_database_without_a_restore_asks_nobody(world):
    await world.accept("H99-a", told(event("1"), later(hours=-5)))

    await world.start(await world.claim_one())

    assert world.states("H99-a") == ["in_flight"]
