"""Differences at rest, what a lane has told, and repairs in a lane's order, on both engines."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.errors import ApprovalRequired, ConflictError, LeaseLost, NotFoundError
from gateway.messagelog.acts import oversight
from gateway.storage import upkeep
from gateway.storage.approvals import Word, decide
from gateway.storage.drift import (
    DriftFilter,
    DriftState,
    Findings,
    Found,
    RepairPart,
    RepairPlan,
    drift_by_id,
    drift_counts,
    drift_dossiers,
    drifting_dossiers,
    drifts,
    record_findings,
)
from gateway.storage.drift_figures import places
from gateway.storage.drift_lanes import (
    LaneFile,
    count_lanes,
    lane_files,
    lanes_after,
    position_before,
    stamps,
    told_between,
)
from gateway.storage.drift_repairs import (
    LaneMoved,
    Ordered,
    RepairOrder,
    Tolerance,
    order_repairs,
    original_key,
    repair_key,
    tolerate,
)
from gateway.storage.instants import to_micros
from gateway.storage.rows import EventRow, insert_events
from tests.storage.builders import NOW, PORTAL, World, event, later, snapshot

S = DeliveryState
CODE = "H99-1"
SNAPSHOTS = frozenset({"dossier"})


def difference(kind: str = "STEPS_MISSING", field: str = "k1", **changes: Any) -> Found:
    plan = RepairPlan(deliveries=[RepairPart(delivery="7", operation="step", key="s1")])
    plain = {"kind": kind, "field": field, "ours": "received", "theirs": None, "repair": plan}
    return Found(**{**plain, **changes})


def seen(*found: Found, run: int = 1, minutes: float = 0, **changes: Any) -> Findings:
    plain = {"run": run, "destination": PORTAL, "dossier": CODE, "now": to_micros(later(minutes=minutes))}
    return Findings(found=found, **{**plain, **changes})


class Drifting:
    """A world with short hands for this file."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.database = world.database

    async def record(self, *found: Found, **changes: Any) -> tuple[int, int]:
        done = await self.database.apply(record_findings, seen(*found, **changes))
        return done.opened, done.gone

    async def rows(self, **wanted: Any) -> list[Any]:
        question = functools.partial(drifts, wanted=DriftFilter(**wanted))
        return await self.database.read(question)

    async def delivered(self, *deliveries: Any, code: str = CODE) -> None:
        """A lane whose deliveries were all acknowledged."""
        await self.world.accept(code, *deliveries)
        lane = await self.world.claim_one()
        for place in range(len(lane.queue)):
            start = await self.world.start(lane, skip=place)
            await self.settle(start, S.DELIVERED)
        await self.world.release(lane)

    async def settle(self, start: Any, state: DeliveryState, **rest: Any) -> None:
        await self.world.settle(start, state, **rest)

    async def file(self, code: str = CODE) -> LaneFile:
        question = functools.partial(lane_files, destination=PORTAL, codes=[code], snapshots=SNAPSHOTS)
        return (await self.database.read(question))[code]

    async def order(self, *keys: str, file: LaneFile | None = None, **changes: Any) -> Ordered:
        """Order a repair of the deliveries with these keys, against all differences on record."""
        known = file or await self.file()
        ids = {each.key: each.id for each in known.delivered}
        rows = await self.rows()
        plain = {
            "actor": "an",
            "reason": "restored from a backup",
            "now": NOW,
            "destination": PORTAL,
            "dossier": CODE,
            "stamp": known.stamp,
            "deliveries": tuple(ids[key] for key in keys),
            "drifts": tuple(int(row.id) for row in rows),
        }
        return await self.database.apply(order_repairs, RepairOrder(**{**plain, **changes}))

    def queue(self) -> list[tuple[str, str]]:
        """(key, state) of what is not settled, in order."""
        return self.ask("SELECT key, state FROM delivery WHERE settled_at IS NULL ORDER BY position")

    def lane(self) -> Any:
        return self.ask("SELECT state, next_position, memory FROM lane")[0]

    def ask(self, statement: str) -> list[Any]:
        return self.database.ask(lambda c: [tuple(row) for row in c.execute(sa.text(statement))])


@pytest.fixture
def drifting(world) -> Drifting:
    return Drifting(world)


# What a pass has seen


async def test_difference_is_one_row_as_long_as_it_is_there(drifting):
    assert await drifting.record(difference()) == (1, 0)
    assert await drifting.record(difference(theirs="new"), run=2, minutes=5) == (0, 0)
    (row,) = await drifting.rows()
    assert (row.state, row.run, row.theirs) == (DriftState.OPEN, "2", "new")
    assert (row.found_at, row.seen_at) == (NOW, later(minutes=5))
    assert row.repair is not None
    assert [part.key for part in row.repair.deliveries] == ["s1"]


async def test_difference_that_is_no_longer_seen_is_gone(drifting):
    await drifting.record(difference(), difference("DUE_DIFFERS", "/due_at"))
    assert await drifting.record(difference("DUE_DIFFERS", "/due_at"), minutes=5) == (0, 1)
    (gone,) = await drifting.rows(state=DriftState.GONE)
    assert (gone.kind, gone.gone_at) == ("STEPS_MISSING", later(minutes=5))
    assert [row.kind for row in await drifting.rows()] == ["DUE_DIFFERS"]


async def test_difference_that_comes_back_is_a_new_row(drifting):
    await drifting.record(difference())
    await drifting.record()
    assert await drifting.record(difference(), minutes=9) == (1, 0)
    rows = [*await drifting.rows(state=DriftState.GONE), *await drifting.rows()]
    assert [row.state for row in rows] == [DriftState.GONE, DriftState.OPEN]


async def test_what_a_look_could_not_judge_stays_as_it_is(drifting):
    await drifting.record(difference(), difference("DUE_DIFFERS", "/due_at"), difference(field="k2"))
    unjudged = {"unjudged_kinds": frozenset({"DUE_DIFFERS"}), "unjudged_fields": frozenset({"k2"})}
    assert await drifting.record(**unjudged) == (0, 1)
    assert sorted(row.field for row in await drifting.rows()) == ["/due_at", "k2"]


async def test_ordered_repair_that_did_not_help_is_open_again(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    await drifting.order("s1")
    assert [row.state for row in await drifting.rows()] == [DriftState.REPAIRING]
    assert await drifting.record(difference()) == (1, 0)
    (row,) = await drifting.rows()
    assert (row.state, row.applied_by) == (DriftState.OPEN, "an")


async def test_two_passes_that_find_the_same_at_once_write_one_row(drifting):
    await asyncio.gather(*(drifting.record(difference(), run=run) for run in range(1, 6)))
    assert len(await drifting.rows()) == 1


async def test_values_are_kept_short_and_storable(drifting):
    await drifting.record(difference(ours="x" * 1000, theirs="a\0b"))
    (row,) = await drifting.rows()
    assert (len(row.ours), row.theirs) == (300, "a\ufffdb")


async def test_new_and_gone_are_told(drifting):
    await drifting.record(difference())
    await drifting.record()
    assert [row[0] for row in drifting.ask("SELECT kind FROM event ORDER BY id")] == [
        "drift.found",
        "drift.gone",
    ]


async def test_differences_are_listed_by_what_is_wanted(drifting):
    await drifting.record(difference(), difference("DUE_DIFFERS", "/due_at"))
    await drifting.record(difference(), dossier="H99-2")
    first, second, third = await drifting.rows()
    assert [row.id for row in await drifting.rows(kind="DUE_DIFFERS")] == [second.id]
    assert [row.id for row in await drifting.rows(dossier="H99-2")] == [third.id]
    assert [row.id for row in await drifting.rows(ids=(int(first.id), int(third.id)))] == [first.id, third.id]
    assert await drifting.rows(destination="elsewhere") == []
    database = drifting.database
    page = functools.partial(drifts, wanted=DriftFilter(), after=int(first.id), limit=1)
    assert [row.id for row in await database.read(page)] == [second.id]
    assert await database.read(functools.partial(drift_by_id, identifier=int(third.id))) == third
    assert await database.read(functools.partial(drift_by_id, identifier=1)) is None
    assert await database.read(functools.partial(drifting_dossiers, destination=PORTAL)) == [CODE, "H99-2"]
    known = functools.partial(drift_dossiers, destination=PORTAL, codes=["H99-2", "H99-3"])
    assert await database.read(known) == {"H99-2"}
    assert await database.read(drift_counts) == {"open": {"DUE_DIFFERS": 1, "STEPS_MISSING": 2}}


# What a lane has told


async def test_of_snapshots_the_newest_counts_and_of_events_every_one(drifting):
    await drifting.delivered(snapshot("1"), event("s1"))
    await drifting.world.accept(CODE, snapshot("2"), version=2)
    lane = await drifting.world.claim_one()
    start = await drifting.world.start(lane)
    await drifting.settle(start, S.DELIVERED)
    await drifting.world.release(lane)
    await drifting.world.accept(CODE, event("s2"), snapshot("3"), version=3)

    file = await drifting.file()
    assert [each.key for each in file.delivered] == ["s1", "2"]
    assert [each.key for each in file.open] == ["s2", "3"]
    assert file.delivered[0].payload
    assert file.settled_at == to_micros(NOW)


async def test_stamp_changes_with_everything_that_is_planned_or_settled(drifting):
    await drifting.delivered(event("s1"))
    first = (await drifting.file()).stamp
    await drifting.world.accept(CODE, event("s2"), version=2)
    second = (await drifting.file()).stamp
    lane = await drifting.world.claim_one()
    start = await drifting.world.start(lane)
    in_flight = (await drifting.file()).stamp
    await drifting.settle(start, S.DELIVERED)
    file = await drifting.file()
    assert len({first, second, file.stamp}) == 3
    assert in_flight == second
    now = await drifting.database.read(functools.partial(stamps, lanes=[file.lane]))
    assert now == {file.lane: file.stamp}


async def test_lanes_are_walked_by_number(drifting):
    for code in ("H99-3", "H99-1", "H99-2"):
        await drifting.world.accept(code, event("s1"))
    walk = functools.partial(lanes_after, destination=PORTAL)
    assert await drifting.database.read(functools.partial(walk, after="", limit=2)) == ["H99-1", "H99-2"]
    assert await drifting.database.read(functools.partial(walk, after="H99-2", limit=2)) == ["H99-3"]
    assert await drifting.database.read(functools.partial(count_lanes, destination=PORTAL)) == 3


async def test_feed_tells_what_has_changed(drifting):
    database = drifting.database

    def happened(minutes: int, code: str, kind: str = "delivery.delivered") -> EventRow:
        return EventRow(
            id=database.identifiers.next(),
            at=to_micros(later(minutes=minutes)),
            kind=kind,
            data="{}",
            dossier_code=code,
            destination=PORTAL,
        )

    rows = [happened(0, "a"), happened(1, "b"), happened(2, "a"), happened(3, "c", "delivery.rejected")]
    await database.write(lambda tx: insert_events(tx, [*rows, happened(9, "d")]))
    await database.write(upkeep.seal)
    horizon = functools.partial(position_before, instant=to_micros(later(minutes=5)))
    assert await database.read(horizon) == 4
    told = functools.partial(told_between, destination=PORTAL)
    assert await database.read(functools.partial(told, after=0, newest=4)) == (["a", "b"], 4)
    assert await database.read(functools.partial(told, after=2, newest=4)) == (["a"], 4)
    assert await database.read(functools.partial(position_before, instant=0)) == 0


# Repairs in their order


async def test_repair_is_planned_under_a_key_of_its_own_and_the_lane_is_ready(drifting):
    await drifting.delivered(snapshot("1"), event("s1"), event("s2"))
    await drifting.record(difference())
    done = await drifting.order("1", "s2")
    assert drifting.queue() == [("repair:1:1", "pending"), ("repair:1:s2", "pending")]
    assert [each.key for each in done.deliveries] == ["repair:1:1", "repair:1:s2"]
    assert done.lane_state is LaneState.READY
    payloads = dict(drifting.ask("SELECT key, payload FROM delivery"))
    assert bytes(payloads["repair:1:s2"]) == bytes(payloads["s2"])
    (action,) = drifting.ask("SELECT action, actor, target, reason FROM operator_action")
    assert action == ("repair", "an", f"{PORTAL}/{CODE}", "restored from a backup")


async def test_repair_goes_before_everything_that_waits(drifting):
    await drifting.delivered(event("s1"))
    await drifting.world.accept(CODE, event("s2"), event("s3"), version=2)
    await drifting.record(difference())
    await drifting.order("s1")
    assert [key for key, _ in drifting.queue()] == ["repair:1:s1", "s2", "s3"]
    lane = await drifting.world.claim_one()
    assert [each.delivery.key for each in lane.queue] == ["repair:1:s1", "s2", "s3"]


@pytest.mark.parametrize("doubtful", [False, True])
async def test_repair_goes_behind_what_is_at_the_partner(drifting, doubtful):
    await drifting.delivered(event("s1"))
    await drifting.world.accept(CODE, event("s2"), event("s3"), version=2)
    lane = await drifting.world.claim_one()
    start = await drifting.world.start(lane)
    if doubtful:
        await drifting.settle(start, S.IN_DOUBT, due_at=NOW)
    await drifting.record(difference())
    done = await drifting.order("s1")
    assert [key for key, _ in drifting.queue()] == ["s2", "repair:1:s1", "s3"]
    assert done.lane_state is LaneState.LEASED

    if not doubtful:
        await drifting.settle(start, S.DELIVERED)
    with pytest.raises(LeaseLost):  # the worker's own queue is old by now
        await drifting.world.start(lane, skip=1)


async def test_repair_unblocks_a_lane_without_losing_what_blocks_it(drifting):
    await drifting.delivered(event("s1"))
    await drifting.world.accept(CODE, event("s2"), version=2)
    lane = await drifting.world.claim_one()
    start = await drifting.world.start(lane)
    await drifting.settle(start, S.REJECTED, release=True)
    await drifting.record(difference())
    done = await drifting.order("s1")
    assert drifting.queue() == [("repair:1:s1", "pending"), ("s2", "rejected")]
    assert done.lane_state is LaneState.READY


async def test_second_repair_of_a_delivery_has_another_key(drifting):
    await drifting.delivered(event("s1"))
    for number in (1, 2, 3):
        await drifting.record(difference())
        done = await drifting.order("s1" if number == 1 else f"repair:{number - 1}:s1")
        assert [each.key for each in done.deliveries] == [f"repair:{number}:s1"]
        lane = await drifting.world.claim_one()
        start = await drifting.world.start(lane)
        await drifting.settle(start, S.DELIVERED)
        await drifting.world.release(lane)


def test_key_of_a_repair_leads_back_to_the_delivery():
    assert original_key(repair_key(3, "auto:received")) == "auto:received"
    assert original_key("repair:me") == "repair:me"
    assert original_key("repair:1:") == "repair:1:"
    assert original_key("s1") == "s1"


async def test_two_orders_at_once_are_one(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    file = await drifting.file()
    results = await asyncio.gather(
        *(drifting.order("s1", file=file) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, Ordered) for each in results) == 1
    assert sum(isinstance(each, LaneMoved) for each in results) == 4
    assert drifting.queue() == [("repair:1:s1", "pending")]


async def test_lane_that_moved_since_the_question_is_left_alone(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    file = await drifting.file()
    await drifting.world.accept(CODE, event("s2"), version=2)
    with pytest.raises(LaneMoved, match="ask again"):
        await drifting.order("s1", file=file)
    assert drifting.queue() == [("s2", "pending")]


async def test_difference_that_is_being_mended_is_not_mended_twice(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    await drifting.order("s1")
    with pytest.raises(ConflictError, match="ordered already"):
        await drifting.order("s1")


async def test_delivery_whose_repair_is_open_is_not_planned_again(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    await drifting.order("s1")
    await drifting.record(difference(field="k2"), unjudged_kinds=frozenset({"STEPS_MISSING"}))
    done = await drifting.order("s1")
    assert done.deliveries == []
    assert drifting.queue() == [("repair:1:s1", "pending")]


async def test_only_what_was_delivered_can_be_repeated(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    with pytest.raises(ConflictError, match="not every delivery"):
        await drifting.order(deliveries=(12345,))
    with pytest.raises(NotFoundError):
        await drifting.order("s1", dossier="H99-9")
    assert drifting.queue() == []


async def test_what_the_question_taught_is_remembered(drifting):
    await drifting.delivered(event("s1"))
    await drifting.record(difference())
    await drifting.order("s1", learned={"exists": "no", "flips": ""})
    assert msgspec.json.decode(drifting.lane()[2]) == {"exists": "no"}


async def test_tolerated_difference_has_its_reason_and_opens_when_it_changes(drifting):
    await drifting.record(difference())
    (row,) = await drifting.rows()
    order = Tolerance(actor="an", reason="agreed", now=NOW, drift=int(row.id))
    await drifting.database.apply(tolerate, order)
    assert await drifting.record(difference()) == (0, 0)
    (kept,) = await drifting.rows()
    assert (kept.state, kept.applied_reason) == (DriftState.TOLERATED, "agreed")
    assert await drifting.record(difference(theirs="other")) == (1, 0)
    with pytest.raises(NotFoundError):
        await drifting.database.apply(tolerate, msgspec.structs.replace(order, drift=99))


async def test_status_is_taken_back_on_two_peoples_word(drifting):
    await drifting.delivered(snapshot("1"))
    await drifting.record(difference())
    drifting.database.oversight = oversight(["drift.repair_backwards"], 3600)
    with pytest.raises(ApprovalRequired) as waits:
        await drifting.order("1", backwards=True)
    assert drifting.queue() == []

    said = Word(actor="binh", reason="yes", now=NOW, approval=int(waits.value.approval), verdict="approved")
    await drifting.database.write(lambda tx: decide(tx, said))
    done = await drifting.order("1", backwards=True)

    assert [each.key for each in done.deliveries] == ["repair:1:1"]


async def test_status_that_does_not_go_back_needs_no_second_person(drifting):
    await drifting.delivered(snapshot("1"))
    await drifting.record(difference())
    drifting.database.oversight = oversight(["drift.repair_backwards"], 3600)

    assert (await drifting.order("1")).deliveries


async def test_difference_is_tolerated_until_a_day_and_no_longer(drifting):
    await drifting.record(difference())
    (row,) = await drifting.rows()
    order = Tolerance(actor="an", reason="agreed", now=NOW, drift=int(row.id), until=later(minutes=10))
    await drifting.database.apply(tolerate, order)

    await drifting.record(difference(), minutes=9)
    (row,) = await drifting.rows()
    assert (row.state, row.tolerated_until) == (DriftState.TOLERATED, later(minutes=10))
    assert await drifting.record(difference(), minutes=10) == (1, 0)

    past = msgspec.structs.replace(order, until=NOW)
    with pytest.raises(ConflictError, match="over already"):
        await drifting.database.apply(tolerate, past)


async def test_differences_are_counted_by_the_place_where_they_stand(drifting):
    back = RepairPlan(deliveries=[RepairPart(delivery="7", operation="step", key="s1")], backwards=True)
    await drifting.record(
        difference("DUE_DIFFERS", "/due_at", repair=back), difference(), difference(field="k2")
    )
    await drifting.record(difference("DUE_DIFFERS", "/due_at", repair=None), dossier="H99-2")

    found = await drifting.database.read(places)
    counted = [(each.kind, each.field, each.count, each.mendable, each.backwards) for each in found]
    assert counted == [("DUE_DIFFERS", "/due_at", 2, 1, 1), ("STEPS_MISSING", "", 2, 2, 0)]
    assert {each.oldest_at for each in found} == {NOW}
    assert len(await drifting.rows(field="/due_at")) == 2
