"""Drift end to end, over real HTTP with the portal's stand-in: made, found, explained, mended, and proven gone."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.delivery.intake import lane_plan
from gateway.domain.errors import ConflictError, NotFoundError, PartnerUnavailable
from gateway.domain.job import RunStopped
from gateway.settings import Maintenance
from gateway.statussync.drift import CHUNK, Drift
from gateway.storage.drift import DriftState
from gateway.storage.drift_repairs import Tolerance
from gateway.storage.operators import operate
from gateway.storage.orders import Pause
from gateway.storage.sql import Statement
from tests.drift_world import NOW, PORTAL, STEPS, Context, World, code_of, dossier, drift_world, step
from tests.unit import portal

CODE = code_of(7)


@pytest.fixture
async def world(database_url):
    async with drift_world(database_url) as opened:
        yield opened


async def told(world: World, *records: bytes) -> dict[str, Any]:
    """The dossier is delivered and everything is in step; what the portal keeps of it."""
    await world.accept(*(records or (dossier(),)))
    await world.deliver()
    assert await world.in_step()
    return json.loads(json.dumps(world.kept[CODE]))


def keys(kept: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["ThoiDiemXuLy"], each["TrangThai"]) for each in kept["steps"]}


def rows_of(world: World, question: str) -> list[tuple[Any, ...]]:
    return world.gateway.database.ask(lambda c: [tuple(row) for row in c.execute(sa.text(question))])


MENDABLE = {
    "dossier lost": ({"remove": True}, ["MISSING_THERE"]),
    "status": ({"fields": {"TrangThaiHoSo": "4"}}, ["STATUS_DIFFERS"]),
    "due moved": ({"fields": {"NgayHenTra": "20240120080500"}}, ["DUE_DIFFERS"]),
    "due lost": ({"fields": {"NgayHenTra": None}}, ["DUE_DIFFERS"]),
    "end time lost": ({"fields": {"NgayKetThucXuLy": None}}, ["END_MISSING"]),
    "end time moved": ({"fields": {"NgayKetThucXuLy": "20240122080500"}}, ["FIELDS_DIFFER"]),
    "end step lost": ({"drop_steps": [{"TrangThai": "9"}]}, ["END_MISSING"]),
    "step lost": ({"drop_steps": [{"NoiDungXuLy": "Bước s2"}]}, ["STEPS_MISSING"]),
    "all steps lost": (
        {"drop_steps": [{}]},
        ["END_MISSING", "STEPS_MISSING", "STEPS_MISSING", "STEPS_MISSING"],
    ),
    "field": ({"fields": {"ChuHoSo": "Nguyễn Văn Khác"}}, ["FIELDS_DIFFER"]),
    "document lost": ({"fields": {"TaiLieuNop": []}}, ["FIELDS_DIFFER", "FIELDS_DIFFER"]),
    "much at once": (
        {
            "fields": {"TrangThaiHoSo": "2", "NgayHenTra": None, "NgayKetThucXuLy": None},
            "drop_steps": [{"TrangThai": "9"}, {"TrangThai": "2"}],
        },
        ["DUE_DIFFERS", "END_MISSING", "END_MISSING", "STATUS_DIFFERS", "STEPS_MISSING"],
    ),
}


@pytest.mark.parametrize("name", MENDABLE)
async def test_drift_is_found_shown_mended_and_gone(world, name):
    order, expected = MENDABLE[name]
    before = await told(world)
    world.tamper(**order)

    summary = await world.look()
    assert [kind for kind, _ in await world.kinds()] == expected
    assert summary["opened"] == len(expected)

    shown = await world.repair(dry_run=True, dossier=CODE)
    assert shown.dossiers[0].outcome == "would_order"
    assert shown.dossiers[0].requests
    assert {row.state for row in await world.rows()} == {DriftState.OPEN}
    assert not rows_of(world, "SELECT 1 FROM delivery WHERE settled_at IS NULL")

    done = await world.repair(dossier=CODE)
    assert done.dossiers[0].outcome == "ordered"
    assert {row.state for row in await world.rows()} == {DriftState.REPAIRING}
    assert {(row.applied_by, row.applied_reason) for row in await world.rows()} == {("tests", "mend it")}

    await world.deliver()
    assert (await world.look())["gone"] == len(expected)
    assert await world.rows() == []
    assert keys(world.kept[CODE]) == keys(before)
    assert {**world.kept[CODE]["fields"], "TaiLieuNop": 0} == {**before["fields"], "TaiLieuNop": 0}
    assert len(world.kept[CODE]["fields"]["TaiLieuNop"]) == len(before["fields"]["TaiLieuNop"])


async def test_dry_run_shows_what_leaves_then(world):
    await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}, {"NoiDungXuLy": "Bước s2"}])
    await world.look()

    (shown,) = (await world.repair(dry_run=True, dossier=CODE)).dossiers
    await world.repair(dossier=CODE)
    await world.deliver()

    (call,) = shown.requests
    body = json.loads(call.body)
    assert body["session"] == "[redacted]"
    assert [each["TrangThai"] for each in body["data"]] == ["4", "9"]
    sent = rows_of(
        world,
        "SELECT b.body_size FROM message AS b WHERE kind = 'request' AND operation = 'step' ORDER BY id DESC LIMIT 1",
    )
    assert sent == [(call.body_size,)]


LEFT_TO_A_PERSON = {
    "step that nobody sent": (
        {
            "add_steps": [
                {
                    "NguoiXuLy": "Ai đó",
                    "ThoiDiemXuLy": "20240118090000",
                    "TrangThai": "4",
                    "NoiDungXuLy": "Lạ",
                }
            ]
        },
        "UNKNOWN_HERE",
    ),
    "wrong order": ({"reverse_steps": True}, "STEPS_OUT_OF_ORDER"),
}


@pytest.mark.parametrize("name", LEFT_TO_A_PERSON)
async def test_what_sending_again_cannot_mend_is_left_to_a_person(world, name):
    order, kind = LEFT_TO_A_PERSON[name]
    await told(world)
    world.tamper(**order)
    await world.look()

    (row,) = await world.rows()
    (done,) = (await world.repair(dossier=CODE)).dossiers

    assert (row.kind, row.repair) == (kind, None)
    assert done.outcome == "held_back"
    assert [each.why for each in done.held_back] == ["needs_a_person"]
    assert not rows_of(world, "SELECT 1 FROM delivery WHERE settled_at IS NULL")


async def test_lost_dossier_is_created_at_once_in_order_and_never_twice(world):
    await told(world)
    world.tamper(remove=True)
    await world.look()
    rejected = len(world.sandbox.record(PORTAL)["rejected"])

    await world.repair(dossier=CODE)
    await world.deliver()

    record = world.sandbox.record(PORTAL)
    assert (
        len(record["rejected"]) == rejected
    )  # what the question taught is remembered: it is created, not updated
    assert record["duplicates"] == record["out_of_order"] == []
    assert len(world.kept[CODE]["steps"]) == len(STEPS)


async def test_step_that_is_there_by_now_is_not_sent_again(world):
    before = await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}, {"NoiDungXuLy": "Bước s2"}])
    await world.look()
    again = next(each for each in before["steps"] if each["NoiDungXuLy"] == "Bước s2")
    world.tamper(add_steps=[again])  # somebody was faster

    (done,) = (await world.repair(dossier=CODE)).dossiers
    await world.deliver()

    assert [each.key for each in done.deliveries] == ["repair:1:s4"]
    assert await world.rows(state=DriftState.GONE)
    assert world.sandbox.record(PORTAL)["duplicates"] == []
    assert await world.in_step()


# Never backwards


async def test_status_never_moves_backwards_without_the_word_for_it(world):
    await told(world)
    world.tamper(fields={"TrangThaiHoSo": "10"}, drop_steps=[{"NoiDungXuLy": "Bước s2"}])
    await world.look()

    (refused,) = (await world.repair(dossier=CODE)).dossiers
    await world.deliver()
    assert world.kept[CODE]["fields"]["TrangThaiHoSo"] == "10"
    assert refused.outcome == "ordered"  # the step is no step back
    assert [(each.kind, each.why) for each in refused.held_back] == [("STATUS_DIFFERS", "backwards")]

    await world.look()
    (row,) = await world.rows()
    assert row.repair is not None
    assert row.repair.backwards
    (done,) = (await world.repair(dossier=CODE, allow_backwards=True)).dossiers
    await world.deliver()
    assert done.outcome == "ordered"
    assert world.kept[CODE]["fields"]["TrangThaiHoSo"] == "9"
    assert await world.in_step()


async def test_word_for_going_backwards_is_needed_for_everything_the_snapshot_carries(world):
    await told(world)
    world.tamper(fields={"TrangThaiHoSo": "10", "NgayHenTra": None})
    await world.look()
    (done,) = (await world.repair(kind="DUE_DIFFERS")).dossiers
    assert (done.outcome, [each.why for each in done.held_back]) == ("held_back", ["backwards"])


# While the lane is busy


async def test_what_is_on_its_way_is_no_drift(world):
    await told(world)
    await world.accept(dossier(version=2, status="returned", returned_at=portal.at(20, 9).isoformat()))
    world.tamper(fields={"TrangThaiHoSo": "4"})

    await world.look()
    assert await world.rows() == []
    await world.deliver()
    assert await world.in_step()


async def test_repair_goes_before_what_waits_in_the_lane(world):
    await told(world)
    world.tamper(remove=True)
    later = step("s5", 20, 9, "returned")
    await world.accept(dossier(version=2, steps=[*STEPS, later]))
    await world.deliver()  # the step finds no dossier, and waits
    waiting = rows_of(world, "SELECT key, state FROM delivery WHERE settled_at IS NULL")
    assert waiting == [("s5", "waiting")]

    await world.look()
    assert [kind for kind, _ in await world.kinds()] == ["MISSING_THERE"]
    await world.repair(dossier=CODE)
    queue = [
        row[0]
        for row in rows_of(world, "SELECT key FROM delivery WHERE settled_at IS NULL ORDER BY position")
    ]
    assert queue == ["repair:1:1", *(f"repair:1:{each['id']}" for each in STEPS), "s5"]

    await asyncio.sleep(0.2)  # the waiting step's own pause
    await world.deliver()
    record = world.sandbox.record(PORTAL)
    assert len(world.kept[CODE]["steps"]) == 5
    assert record["out_of_order"] == record["duplicates"] == []
    assert await world.in_step()


async def test_new_version_takes_the_place_of_a_repair_that_has_not_left(world):
    await told(world)
    world.tamper(fields={"NgayHenTra": None}, drop_steps=[{"NoiDungXuLy": "Bước s2"}])
    await world.look()
    await world.repair(dossier=CODE)
    await world.accept(dossier(version=2, due_at=portal.at(23, 9).isoformat()))
    queue = rows_of(world, "SELECT key FROM delivery WHERE settled_at IS NULL ORDER BY position")
    assert queue == [("2",), ("repair:1:s2",)]
    await world.deliver()
    assert await world.in_step()


async def test_dossiers_that_are_being_delivered_all_the_time_are_never_said_to_drift(world):
    numbers = range(1, 21)
    await world.accept(*(dossier(number) for number in numbers))
    worker = asyncio.create_task(world.gateway.worker.run())
    found: Counter[str] = Counter()
    for version in range(2, 8):
        for number in numbers:
            due = portal.at(22, 8) + timedelta(hours=version)
            await world.accept(dossier(number, version, due_at=due.isoformat()))
        found.update((await world.look(scope="all"))["found"])
    world.gateway.worker.stop()
    await worker
    assert found == {}
    await world.deliver()
    assert await world.in_step()


# Several at once


async def test_two_repairs_at_once_are_one(world):
    await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}], fields={"NgayHenTra": None})
    await world.look()

    results = await asyncio.gather(*(world.repair(dossier=CODE) for _ in range(4)))
    outcomes = Counter(done.dossiers[0].outcome for done in results if done.dossiers)
    await world.deliver()

    assert outcomes["ordered"] == 1
    assert set(outcomes) <= {"ordered", "nothing_to_do", "held_back", "not_possible"}
    repairs = rows_of(world, "SELECT key FROM delivery WHERE substr(key, 1, 7) = 'repair:' ORDER BY position")
    assert repairs == [("repair:1:1",), ("repair:1:s4",)]
    assert await world.in_step()


async def test_second_order_finds_the_first_one(world):
    await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}])
    await world.look()
    (row,) = await world.rows()
    await world.repair(ids=(int(row.id),))
    (again,) = (await world.repair(ids=(int(row.id),))).dossiers
    assert again.outcome == "nothing_to_do"
    assert [each.why for each in again.held_back] == ["repairing"]


async def test_repair_that_did_not_help_is_open_again_and_can_be_ordered_again(world):
    await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}])
    await world.look()
    await world.repair(dossier=CODE)
    await world.deliver()
    world.tamper(drop_steps=[{"TrangThai": "9"}])  # and gone again

    await world.look()
    (row,) = await world.rows()
    assert row.state is DriftState.OPEN
    (done,) = (await world.repair(dossier=CODE)).dossiers
    assert [each.key for each in done.deliveries] == ["repair:2:s4"]
    await world.deliver()
    assert await world.in_step()


async def test_order_for_nothing_is_refused(world):
    with pytest.raises(NotFoundError):
        await world.repair(ids=(4711,))


# The partner is away


async def test_pass_that_loses_its_partner_goes_on_where_it_stopped(world):
    total = CHUNK + 60
    await world.accept(*(dossier(number) for number in range(1, total + 1)))
    await world.deliver()
    assert len(world.kept) == total

    context = Context(None, patience="0.3")
    reported = context.report

    async def report(done: int, **rest: Any) -> None:
        if done == CHUNK + 1:
            await world.sandbox.outage(PORTAL)
        await reported(done, **rest)

    context.report = report
    with pytest.raises(PartnerUnavailable, match="goes on where it stopped"):
        await world.drift.run(context)

    await world.sandbox.restore(PORTAL)
    world.mark = context.mark
    summary = await world.look()
    assert summary["looked"] == total - CHUNK
    assert summary["in_step"] == total - CHUNK
    assert (await world.look())["looked"] == total  # in turn, from the beginning again


async def test_partner_that_comes_back_in_time_is_waited_for(world):
    await told(world)
    await world.sandbox.outage(PORTAL, 0.4)
    assert (await world.look())["in_step"] == 1


async def test_repair_needs_the_partners_own_word(world):
    await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}])
    await world.look()
    await world.sandbox.outage(PORTAL)
    (done,) = (await world.repair(dossier=CODE)).dossiers
    await world.sandbox.restore(PORTAL)
    assert done.outcome == "not_possible"
    assert "try again" in (done.reason or "")
    assert [row.state for row in await world.rows()] == [DriftState.OPEN]


async def test_paused_destination_is_asked_nothing(world):
    await told(world)
    pause = Pause(destination=PORTAL, actor="tests", reason="maintenance", now=world.gateway.hub.clock())
    await world.gateway.database.apply(operate, pause)
    await asyncio.sleep(0.6)  # so long a gate may rest on what it knows
    asked = len(rows_of(world, "SELECT 1 FROM message WHERE operation = 'record'"))
    with pytest.raises(PartnerUnavailable):
        await world.look(patience="0.3")
    assert len(rows_of(world, "SELECT 1 FROM message WHERE operation = 'record'")) == asked


async def test_maintenance_window_is_kept(sqlite_url):
    now = NOW.replace(hour=1)
    async with drift_world(sqlite_url, clock=lambda: now) as world:
        await told(world)
    window = Maintenance(start="00:00", end="23:59")
    async with drift_world(sqlite_url, clock=lambda: now, maintenance=[window]) as world:
        with pytest.raises(PartnerUnavailable):
            await world.look(patience="0.3")


async def test_expired_session_is_renewed(world):
    await told(world)
    world.sandbox.simulator(PORTAL).administer("expire_sessions", b"")
    assert (await world.look())["in_step"] == 1


async def test_run_that_is_stopped_goes_on_where_it_stopped(world):
    total = CHUNK + 5
    await world.accept(*(dossier(number) for number in range(1, total + 1)))
    await world.deliver()
    context = Context(None)
    context.stop_after = CHUNK
    with pytest.raises(RunStopped):
        await world.drift.run(context)
    world.mark = context.mark
    assert (await world.look())["looked"] in {5, total}  # stopped just before or after the mark was set


# Which dossiers, and when


async def test_only_what_has_changed_is_asked_about_again(world):
    await world.accept(*(dossier(number) for number in range(1, 11)))
    await world.deliver()
    assert (await world.look(turn="0"))["looked"] == 10  # the first pass is about everything
    assert (await world.look(turn="0"))["looked"] == 0

    await world.accept(dossier(3, 2, due_at=portal.at(25, 9).isoformat()))
    await world.deliver()
    assert (await world.look(turn="0"))["looked"] == 1
    assert (await world.look(turn="4"))["looked"] == 4
    assert (await world.look(scope="all"))["looked"] == 10


async def test_what_was_acknowledged_a_moment_ago_is_left_for_the_next_pass(world):
    await world.accept(dossier())
    await world.deliver()
    fresh = await world.look(grace="600")
    assert fresh["said_nothing"] == {"too_fresh": 1}
    assert (await world.look(turn="0"))["in_step"] == 1


async def test_differing_dossiers_are_looked_at_in_every_pass(world):
    await told(world)
    world.tamper(fields={"NgayHenTra": None})
    await world.look()
    assert (await world.look(turn="0"))["found"] == {"DUE_DIFFERS": 1}
    world.tamper(fields={"NgayHenTra": "20240122080500"})
    assert (await world.look(turn="0"))["gone"] == 1


async def test_dry_pass_tells_and_writes_nothing(world):
    await told(world)
    world.tamper(remove=True)
    context = Context(world.mark, dry_run=True, scope="all")
    summary = await world.drift.run(context)
    assert summary["found"] == {"MISSING_THERE": 1}
    assert [(each["dossier"], each["kind"]) for each in summary["examples"]] == [(CODE, "MISSING_THERE")]
    assert await world.rows() == []


async def test_lane_that_moves_while_its_partner_is_asked_is_not_judged(world):
    await told(world)
    world.tamper(fields={"TrangThaiHoSo": "4"})

    class Meddling:
        """The destination, with somebody who delivers while a question is on its way."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        async def recorded_exchange(self, *given: Any, **named: Any) -> Any:
            answer = await self._inner.recorded_exchange(*given, **named)
            await world.accept(dossier(version=2, due_at=portal.at(23, 9).isoformat()))
            await world.deliver()
            return answer

    meddled = {PORTAL: Meddling(world.gateway.destinations[PORTAL])}
    drift = Drift(
        world.gateway.database, meddled, world.gateway.hub.clock, may_probe=lambda: True, plan=lane_plan
    )
    summary = await drift.run(Context(None))
    assert summary["said_nothing"] == {"moved": 1}
    assert await world.rows() == []
    assert await world.in_step()


async def test_dossier_that_is_known_there_alone_is_unknown_here(world):
    await told(world)
    portals = world.sandbox.simulator(PORTAL)._state.ledger.dossiers
    portals["H99.14-240115-9999"] = portals[CODE]
    summary = await world.look(dossier="H99.14-240115-8888")
    assert summary["in_step"] == 1  # neither side knows it
    portals["H99.14-240115-9999"].fields["MaHoSo"] = "H99.14-240115-9999"
    await world.look(dossier="H99.14-240115-9999")
    (row,) = await world.rows()
    assert (row.kind, row.dossier, row.repair) == ("UNKNOWN_HERE", "H99.14-240115-9999", None)
    (done,) = (await world.repair(ids=(int(row.id),))).dossiers
    assert done.outcome == "not_possible"


async def test_tolerated_difference_is_left_alone_until_it_changes(world):
    await told(world)
    world.tamper(fields={"NgayHenTra": "20240120080500"})
    await world.look()
    (row,) = await world.rows()
    order = Tolerance(actor="tests", reason="agreed", now=world.gateway.hub.clock(), drift=int(row.id))
    await world.gateway.repairs.tolerate(order)
    await world.look()
    assert [each.state for each in await world.rows()] == [DriftState.TOLERATED]
    assert (await world.repair(dossier=CODE)).dossiers == []
    with pytest.raises(ConflictError, match="only an open one"):
        await world.gateway.repairs.tolerate(order)

    world.tamper(fields={"NgayHenTra": "20240121080500"})
    await world.look()
    assert [each.state for each in await world.rows()] == [DriftState.OPEN]


async def test_every_question_and_order_is_on_record(world):
    await told(world)
    world.tamper(drop_steps=[{"TrangThai": "9"}])
    await world.look()
    await world.repair(dossier=CODE)
    await world.deliver()
    await world.look()
    questions = rows_of(
        world, "SELECT kind, dossier_code FROM message WHERE operation = 'record' ORDER BY id"
    )
    assert questions == [("request", CODE), ("response", CODE)] * 4  # three passes and the order
    actions = rows_of(world, "SELECT action, actor, target, reason FROM operator_action")
    assert actions == [("repair", "tests", f"{PORTAL}/{CODE}", "mend it")]
    events = rows_of(world, "SELECT kind FROM event WHERE kind LIKE 'drift.%' ORDER BY id")
    assert [kind for (kind,) in events] == ["drift.found", "drift.repair_ordered", "drift.gone"]


# Other portals


async def test_portal_that_shows_only_presence_can_still_lose_a_dossier(sqlite_url):
    async with drift_world(sqlite_url, adapter={"lookup_detail": "presence"}) as world:
        await told(world)
        world.tamper(fields={"TrangThaiHoSo": "4"}, drop_steps=[{"TrangThai": "9"}])
        assert await world.in_step()  # which it cannot show
        world.tamper(remove=True)
        await world.look()
        assert [kind for kind, _ in await world.kinds()] == ["MISSING_THERE"]
        await world.repair(dossier=CODE)
        await world.deliver()
        assert await world.in_step()
        assert len(world.kept[CODE]["steps"]) == len(STEPS)


async def test_portal_that_cannot_be_asked_is_named(sqlite_url):
    async with drift_world(sqlite_url, adapter={"dialect": "lgsp_document"}) as world:
        assert (await world.look())["cannot_be_asked"] == [PORTAL]


async def test_dossier_filed_with_the_portal_is_compared_by_its_status(world):
    code = "G22.99-240115-000012"
    world.sandbox.simulator(PORTAL).administer("online", json.dumps({"codes": [code]}).encode())
    filed = {**json.loads(dossier(12, status="processing", finished_at=None, steps=STEPS[:3]))}
    await world.accept(json.dumps({**filed, "code": code, "origin": "national"}).encode())
    await world.deliver()
    assert await world.in_step()

    world.sandbox.simulator(PORTAL)._state.ledger.reports[code][-1]["TrangThai"] = "2"
    await world.look()
    assert [kind for kind, _ in await world.kinds()] == ["STATUS_DIFFERS"]
    (done,) = (await world.repair(dossier=code)).dossiers
    assert [each.operation for each in done.deliveries] == ["status"]
    await world.deliver()
    assert await world.in_step()

    world.sandbox.simulator(PORTAL)._state.online.discard(code)
    await world.look()
    (row,) = await world.rows()
    assert (row.kind, row.repair) == ("MISSING_THERE", None)


async def test_a_dossier_that_was_never_planned_for_the_partner_is_found_told_and_gone(world):
    """The destination was switched on later, or its rules have changed: the adapter wants it, and there is no lane."""
    await told(world)
    await world.accept(dossier(8))
    await forget_lane(world, 8)

    assert (await world.look(scope="all"))["found"] == {"MISSING_THERE": 1}
    (row,) = await world.rows()
    assert (row.dossier, row.field, row.ours, row.theirs) == (code_of(8), "/lane", "finished", None)
    assert [part.operation for part in row.repair.deliveries] == ["dossier", *["step"] * 4]

    (shown,) = (await world.repair(dry_run=True, dossier=code_of(8))).dossiers
    assert (shown.outcome, [call.operation for call in shown.requests]) == (
        "would_order",
        ["dossier", "step"],
    )
    assert rows_of(world, f"SELECT 1 FROM lane WHERE dossier_code = '{code_of(8)}'") == []  # noqa: S608 - a code of the test

    (done,) = (await world.repair(dossier=code_of(8))).dossiers
    assert (done.outcome, len(done.deliveries)) == ("ordered", 5)
    assert {each.state for each in await world.rows()} == {DriftState.REPAIRING}

    await world.deliver()
    assert (await world.look())["gone"] == 1
    assert await world.rows() == []
    assert len(world.kept[code_of(8)]["steps"]) == 4


async def forget_lane(world: World, number: int) -> None:
    """As if the destination had not been there when the dossier came in."""
    statements = [
        Statement("DELETE FROM attempt WHERE dossier_code = :code"),
        Statement("DELETE FROM delivery WHERE dossier_code = :code"),
        Statement("DELETE FROM lane WHERE dossier_code = :code"),
    ]

    def forget(transaction: Any) -> None:
        for statement in statements:
            transaction.run(statement, {"code": code_of(number)})

    await world.gateway.database.write(forget)


async def test_a_search_for_dossiers_without_a_lane_is_bounded_and_goes_on_where_it_stopped(
    world, monkeypatch
):
    monkeypatch.setattr("gateway.statussync.drift.PAGE", 2)
    monkeypatch.setattr("gateway.statussync.drift.SOUGHT", 2)
    await world.accept(*(dossier(number) for number in range(1, 6)))
    await world.deliver()
    assert await world.in_step()
    for number in (2, 5):
        await forget_lane(world, number)
    world.tamper(2, remove=True)
    world.tamper(5, remove=True)

    found = [(await world.look(turn="1"))["opened"] for _ in range(3)]

    assert found == [1, 0, 1]
    assert [row.dossier for row in await world.rows()] == [code_of(2), code_of(5)]


async def test_what_the_partner_has_although_nothing_was_planned_is_left_to_a_person(world):
    await told(world)
    await forget_lane(world, 7)

    assert (await world.look(scope="all"))["found"] == {"UNKNOWN_HERE": 1}
    (done,) = (await world.repair(dossier=CODE)).dossiers
    assert (done.outcome, [each.why for each in done.held_back]) == ("held_back", ["needs_a_person"])
    assert rows_of(world, "SELECT 1 FROM lane") == []


async def test_a_dossier_that_the_partner_is_not_to_know_is_no_difference(world, monkeypatch):
    await told(world)
    await forget_lane(world, 7)
    adapter = world.gateway.destinations[PORTAL].adapter
    monkeypatch.setattr(type(adapter), "wants", lambda self, dossier: False)

    summary = await world.look(scope="all")

    assert (summary["said_nothing"], summary["found"]) == ({"not_for_them": 1}, {})


async def test_a_dossier_that_got_its_lane_meanwhile_is_not_planned_twice(world):
    await world.accept(dossier(8))
    await forget_lane(world, 8)
    await world.look(scope="all")
    await world.accept(dossier(8, version=2))  # comes in again, and is planned

    (done,) = (await world.repair(dossier=code_of(8))).dossiers

    assert done.outcome in {"nothing_to_do", "not_possible"}
    assert rows_of(world, "SELECT COUNT(*) FROM lane") == [(1,)]
