"""Remembered agreement over real HTTP: it saves the comparison and never the question, and it hides no drift."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from adapters import national_portal
from gateway.bootstrap import open_gateway
from gateway.sandbox import Sandbox, serve_sandbox
from gateway.storage.drift import DriftState
from gateway.storage.operators import operate
from gateway.storage.orders import Skip
from tests.drift_world import (
    NOW,
    PORTAL,
    STEPS,
    Context,
    World,
    code_of,
    dossier,
    drift_world,
    settings,
    step,
)
from tests.unit import portal

CODE = code_of(7)
LOST_FIELD = {"fields": {"ChuHoSo": "Nguyễn Văn Khác"}}
STRANGE = {"NguoiXuLy": "Ai đó", "ThoiDiemXuLy": "20240118090000", "TrangThai": "4", "NoiDungXuLy": "Lạ"}
# every class of drift that a dossier with a lane can have, and each way in which it comes about
TAMPERED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "lost": ({"remove": True}, {"MISSING_THERE"}),
    "step that nobody sent": ({"add_steps": [STRANGE]}, {"UNKNOWN_HERE"}),
    "status": ({"fields": {"TrangThaiHoSo": "4"}}, {"STATUS_DIFFERS"}),
    "due": ({"fields": {"NgayHenTra": "20240120080500"}}, {"DUE_DIFFERS"}),
    "end time": ({"fields": {"NgayKetThucXuLy": None}}, {"END_MISSING"}),
    "end step": ({"drop_steps": [{"TrangThai": "9"}]}, {"END_MISSING"}),
    "step": ({"drop_steps": [{"NoiDungXuLy": "Bước s2"}]}, {"STEPS_MISSING"}),
    "order": ({"reverse_steps": True}, {"STEPS_OUT_OF_ORDER"}),
    "field": (LOST_FIELD, {"FIELDS_DIFFER"}),
    "document": ({"fields": {"TaiLieuNop": []}}, {"FIELDS_DIFFER"}),
}


@pytest.fixture
async def world(database_url):
    async with drift_world(database_url) as opened:
        yield opened


async def told(world: World, *records: bytes) -> None:
    """The dossier is delivered, was compared in full and is remembered."""
    await world.accept(*(records or (dossier(),)))
    await world.deliver()
    assert await passed(world) == (1, 0)
    assert await passed(world) == (1, 1)


async def passed(world: World, **parameters: str) -> tuple[int, int]:
    """A pass over everything; how many were in step, and how many of them remembered."""
    summary = await world.look(scope="all", **parameters)
    return summary["in_step"], summary["remembered"]


def count(world: World, question: str) -> int:
    return int(world.gateway.database.ask(lambda c: c.execute(sa.text(question)).scalar_one()))


async def test_question_is_asked_and_logged_all_the_same(world):
    await told(world)
    question = "SELECT count(*) FROM message WHERE operation = 'record'"
    before = count(world, question)
    assert await passed(world) == (1, 1)
    assert count(world, question) == before + 2


@pytest.mark.parametrize("name", TAMPERED)
async def test_drift_after_a_remembered_pass_is_found_by_the_next_one(world, name):
    order, kinds = TAMPERED[name]
    await told(world)
    world.tamper(**order)

    summary = await world.look(scope="all")

    assert set(summary["found"]) == kinds
    assert (summary["in_step"], summary["remembered"], summary["differing"]) == (0, 0, 1)
    assert {kind for kind, _ in await world.kinds()} == kinds


def test_every_class_of_a_dossier_with_a_lane_is_tried():
    from gateway.statussync.compare import DriftKind

    assert {kind for _, kinds in TAMPERED.values() for kind in kinds} == set(DriftKind)


async def test_difference_that_goes_by_itself_is_gone_although_the_answer_is_the_remembered_one(world):
    await told(world)
    before = json.loads(json.dumps(world.kept[CODE]["fields"]))
    world.tamper(**LOST_FIELD)
    assert await passed(world) == (0, 0)
    world.tamper(fields={"ChuHoSo": before["ChuHoSo"]})

    summary = await world.look(scope="all")
    assert (summary["gone"], summary["in_step"], summary["remembered"]) == (1, 1, 0)
    assert await world.rows() == []
    assert await passed(world) == (1, 1)


async def test_repair_is_compared_in_full_before_it_is_remembered(world):
    await told(world)
    world.tamper(drop_steps=[{"NoiDungXuLy": "Bước s2"}])
    await world.look()
    await world.repair(dossier=CODE)
    await world.deliver()

    assert await passed(world) == (1, 0)
    assert [row.state for row in await world.rows(state=DriftState.GONE)] == [DriftState.GONE]
    assert await passed(world) == (1, 0)  # nothing is remembered of a look at what was on record as differing
    assert await passed(world) == (1, 1)


async def test_tolerated_difference_is_never_remembered(world):
    await told(world)
    world.tamper(**LOST_FIELD)
    await world.look()
    assert await passed(world) == (0, 0)
    assert await passed(world) == (0, 0)


# Our side changes


async def test_delivery_more_is_compared_in_full(world):
    await told(world)
    await world.accept(dossier(version=2, steps=[*STEPS, step("s5", 20, 9, "returned")]))
    await world.deliver()
    assert await passed(world) == (1, 0)
    assert await passed(world) == (1, 1)


async def test_lane_with_something_open_is_neither_recognised_nor_remembered(world):
    await told(world)
    await world.accept(dossier(version=2, due_at=portal.at(23, 9).isoformat()))
    assert await passed(world) == (1, 0)
    assert await passed(world) == (1, 0)


async def test_skipped_delivery_is_neither_recognised_nor_remembered(world):
    await told(world)
    await world.accept(dossier(version=2, due_at=portal.at(23, 9).isoformat()))
    waiting = count(world, "SELECT id FROM delivery WHERE settled_at IS NULL")
    order = Skip(actor="tests", reason="never mind", now=world.gateway.hub.clock(), delivery=waiting)
    await world.gateway.database.apply(operate, order)
    assert await passed(world) == (1, 0)
    assert await passed(world) == (1, 0)


async def test_superseded_delivery_is_compared_in_full(world):
    await told(world)
    await world.accept(dossier(version=2, due_at=portal.at(23, 9).isoformat()))
    await world.accept(dossier(version=3))  # the portal hears of the third version alone
    await world.deliver()
    assert count(world, "SELECT count(*) FROM delivery WHERE state = 'superseded'") == 1
    assert await passed(world) == (1, 0)


async def test_lane_that_moves_meanwhile_is_not_in_step(world):
    await told(world)
    context = Context(world.mark, scope="all")
    reported = context.report

    async def report(done: int, **rest: Any) -> None:
        if done == 1 and count(world, "SELECT count(*) FROM delivery WHERE settled_at IS NULL") == 0:
            await world.accept(dossier(version=2, due_at=portal.at(23, 9).isoformat()))
        await reported(done, **rest)

    context.report = report  # type: ignore[method-assign]  # the moment between the look and its writing down
    summary = await world.drift.run(context)
    assert (summary["in_step"], summary["remembered"], summary["said_nothing"]) == (0, 0, {"moved": 1})


# The rules change


@asynccontextmanager
async def reopened(url: str, sandbox: Sandbox, **adapter: Any) -> AsyncIterator[World]:
    """A gateway that starts on what another one has left, beside the same portal."""
    gateway = await open_gateway(settings(url, sandbox.url(PORTAL), adapter=adapter))
    try:
        yield World(gateway, sandbox)
    finally:
        await gateway.close()


async def test_other_settings_or_another_catalogue_are_compared_in_full(database_url):
    simulators = {
        PORTAL: national_portal.simulate(portal.settings(adapter_url="http://portal.example/forward"))
    }
    async with serve_sandbox(simulators, clock=lambda: NOW) as sandbox:
        async with reopened(database_url, sandbox) as world:
            await told(world)
        async with reopened(database_url, sandbox) as world:
            assert await passed(world) == (1, 1)  # a restart alone changes nothing
        async with reopened(database_url, sandbox, default_actor="Cán bộ") as world:
            assert await passed(world) == (1, 0)
            assert await passed(world) == (1, 1)
            destination = world.gateway.destinations[PORTAL]
            destination.catalogues = {**destination.catalogues, "procedure": {"x": {"TENTTHC": "Khác"}}}
            assert await passed(world) == (1, 0)
            assert await passed(world) == (1, 1)


# Time


class Clock:
    """The gateway's clock, which a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2024, 1, 31, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def test_remembered_agreement_ends_with_its_days(database_url):
    clock = Clock()
    async with drift_world(database_url, clock=clock) as world:
        await told(world)
        clock.now += timedelta(days=6, hours=23)
        assert await passed(world) == (1, 1)  # recognising is no full comparison, so it prolongs nothing
        clock.now += timedelta(hours=1)
        assert await passed(world) == (1, 0)
        assert await passed(world) == (1, 1)
        clock.now += timedelta(days=2)
        assert await passed(world, full_after="1") == (1, 0)


async def test_whoever_wants_everything_compared_gets_it(world):
    await told(world)
    assert await passed(world, full_after="0") == (1, 0)
    assert (await world.look(dossier=CODE))["remembered"] == 0


async def test_dry_pass_recognises_and_remembers_nothing_new(world):
    await world.accept(dossier())
    await world.deliver()
    for _ in range(2):
        assert (await world.drift.run(Context(None, dry_run=True)))["remembered"] == 0
    assert count(world, "SELECT count(*) FROM drift_agreement") == 0
    assert await passed(world) == (1, 0)
    assert (await world.drift.run(Context(None, dry_run=True)))["remembered"] == 1
