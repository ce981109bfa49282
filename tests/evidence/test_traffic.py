"""Traffic stops when no evidence can be produced for longer than the grace period, and goes on by itself."""

import asyncio
import re
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest

from gateway.bootstrap import open_gateway
from gateway.cli.doctor.evidence import check_evidence
from gateway.evidence.traffic import NOBODY, Traffic, at_once
from gateway.messagelog.entry import About, request_entry
from gateway.port import CallbackRequest, WireRequest
from gateway.sandbox import FaultPlan, FaultRule, serve_sandbox
from gateway.sandbox.timestamps import NAME, TimestampStandIn
from gateway.settings_evidence import EvidenceSettings, TimestampSettings
from gateway.storage import checkpoints
from gateway.storage.checkpoints import Trouble, note_recovery, note_trouble
from gateway.storage.instants import to_micros
from gateway.storage.rows import insert_messages
from tests.api_world import BOARD, Board, Partner, World, settings
from tests.evidence.world import BOARD as SCOPE
from tests.evidence.world import FAST, START, LogWorld, until

GRACE = msgspec.structs.replace(FAST, grace=60.0)


@pytest.fixture
def world(database, tmp_path):
    return LogWorld(database, tmp_path / "keys")


class Seconds:
    def __init__(self):
        self.now = 500.0

    def __call__(self):
        return self.now


def watching(world, **changes):
    seconds = Seconds()
    chosen = msgspec.structs.replace(GRACE, **changes)
    return Traffic(world.database, chosen, world.clock, monotonic=seconds), seconds


async def later(traffic, seconds, by):
    seconds.now += by
    return await traffic.look()


async def test_entries_that_nobody_proves_stop_traffic_after_the_grace_period(world):
    await world.log(1)
    traffic, seconds = watching(world)

    assert not await traffic.stopped()
    assert not (await later(traffic, seconds, 59)).stopped
    found = await later(traffic, seconds, 2)
    assert (found.stopped, found.reason, traffic.is_stopped) == (True, NOBODY, True)

    await world.checkpointer().make()
    found = await later(traffic, seconds, 2)
    assert (found.stopped, found.delay, found.proven) == (False, 0.0, 1)


async def test_entries_that_nobody_numbers_count_as_well(world):
    traffic, seconds = watching(world)
    await world.keys.open()
    await world.log(1)
    await world.checkpointer().make()
    assert (await traffic.look()).delay == 0.0

    about = About(id=world.database.identifiers.next(), at=START, operation="post")
    row = request_entry(SCOPE, about, WireRequest(method="POST", url="https://board.example/", body=b"x"))
    await world.database.write(partial(insert_messages, rows=[row]))
    await later(traffic, seconds, 2)
    assert (await later(traffic, seconds, 61)).stopped


async def test_progress_is_no_failure_however_much_there_is(world):
    traffic, seconds = watching(world)
    for _ in range(10):
        await world.log(1)
        await later(traffic, seconds, 40)
        await world.checkpointer().make()
        await world.log(1)
    assert not traffic.is_stopped


async def test_what_could_not_be_done_before_a_restart_counts(world):
    await world.log(1)
    trouble = Trouble(since=to_micros(START), reason="the authority is away")
    await world.database.write(partial(note_trouble, trouble=trouble))
    world.clock.forward(61)
    traffic, seconds = watching(world)

    found = await traffic.look()
    assert (found.stopped, found.reason, found.delay) == (True, "the authority is away", 61.0)
    await world.database.write(note_recovery)
    assert not (await later(traffic, seconds, 2)).stopped


async def test_trouble_is_counted_from_its_beginning(world):
    for number in range(3):
        trouble = Trouble(since=to_micros(START) + number, reason=f"reason {number}")
        await world.database.write(partial(note_trouble, trouble=trouble))
    assert world.ask(checkpoints.state, anchored=False).trouble == Trouble(
        since=to_micros(START), reason="reason 2"
    )


async def test_settings_may_let_traffic_go_on(world):
    await world.log(1)
    traffic, seconds = watching(world, stop_traffic=False)
    await traffic.look()
    found = await later(traffic, seconds, 3600)
    assert (found.stopped, found.delay) == (False, 3600.0)


async def test_nothing_stops_where_nothing_is_to_be_proven(world):
    await world.log(1)
    seconds = Seconds()
    traffic = Traffic(world.database, GRACE, world.clock, wanted=False, monotonic=seconds)
    seconds.now += 7200
    assert not await traffic.stopped()


async def test_whoever_looks_once_sees_the_same(world):
    await world.log(1)
    world.clock.forward(100)
    found = world.database.ask(partial(at_once, settings=GRACE, now=world.clock()))
    assert (found.stopped, found.delay) == (True, 100.0)
    await world.checkpointer().make()
    assert world.database.ask(partial(at_once, settings=GRACE, now=world.clock())).delay == 0.0


@pytest.fixture
async def stamped(database_url, tmp_path):
    """A whole gateway whose checkpoints are stamped in a sandbox; grace half a second."""
    stand_in = TimestampStandIn(datetime.now(UTC))
    (tmp_path / "roots.pem").write_bytes(stand_in.root)
    async with serve_sandbox({NAME: stand_in}) as sandbox:
        stamps = TimestampSettings(url=sandbox.url(NAME), roots=[str(tmp_path / "roots.pem")])
        evidence = EvidenceSettings(
            keys=str(tmp_path / "keys"), every=0.1, at_least_every=3600.0, grace=0.5, timestamps=stamps
        )
        chosen = msgspec.structs.replace(settings(database_url), evidence=evidence)
        partner = Partner()
        gateway = await open_gateway(chosen, transports={BOARD: partner}, extra={BOARD: Board()})
        world = World(gateway, partner)
        world.sandbox = sandbox
        worker = asyncio.create_task(gateway.worker.run())
        yield world
        gateway.worker.stop()
        await worker
        await world.close()


def call():
    return CallbackRequest(
        method="POST", path="", query="", headers=(), body=b'{"card": "H99-1"}', peer="127.0.0.1"
    )


async def test_deliveries_questions_and_callbacks_stop_and_go_on(stamped, monkeypatch):
    monkeypatch.setattr("gateway.evidence.checkpointer.FIRST_RETRY", 0.1)
    monkeypatch.setattr("gateway.evidence.traffic.LOOK_SECONDS", 0.05)
    world, gateway = stamped, stamped.gateway
    await world.add_client("all")
    await world.put("H99-1")
    await until(lambda: any("H99-1" in str(each.content) for each in world.partner.requests))
    broken = FaultPlan(rules=(FaultRule(fault="http_503", every_nth=1),))
    world.sandbox.use_plan(NAME, broken)
    await world.put("H99-2")
    async with asyncio.timeout(10):
        while not await gateway.evidence.traffic.stopped():
            await asyncio.sleep(0.05)
            await world.put("H99-1", version=2)

    sent = len(world.partner.requests)
    await world.put("H99-3")
    answer = await gateway.callbacks.receive(BOARD, call())
    ready = (await world.call("GET", "/readyz", client=None)).json()
    status = (await world.call("GET", "/v1/status")).json()["evidence"]
    metrics = (await world.call("GET", "/metrics", client=None)).text
    [finding] = check_evidence(gateway.settings)
    await asyncio.sleep(0.5)

    assert len(world.partner.requests) == sent
    assert (answer.status, dict(answer.headers)["retry-after"]) == (503, "5")
    assert ready["traffic"] == "stopped"
    assert "HTTP 503" in ready["reason"]
    assert status["stopped"]
    assert "lienthong_traffic_stopped 1.0" in metrics
    assert float(re.search(r"^lienthong_evidence_delay_seconds (\S+)", metrics, re.MULTILINE)[1]) > 0.5
    assert (finding.level, "HTTP 503" in finding.found) == ("fail", True)

    world.sandbox.use_plan(NAME, FaultPlan())
    await until(lambda: any("H99-3" in str(each.content) for each in world.partner.requests))
    assert not await gateway.evidence.traffic.stopped()
    assert (await gateway.callbacks.receive(BOARD, call())).status != 503


async def permitted(gate, *, wanted):
    async with asyncio.timeout(5):
        while (await gate.permit(probe_for=1.0, idle=True)).allowed is not wanted:  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.1)


async def test_another_process_obeys_what_it_reads(postgresql_url, tmp_path):
    """It makes no checkpoints, and it was told nothing."""
    evidence = EvidenceSettings(keys=str(tmp_path / "keys"), every=1.0, grace=5.0)
    chosen = msgspec.structs.replace(settings(postgresql_url), evidence=evidence)
    gateway = await open_gateway(chosen, transports={BOARD: Partner()}, extra={BOARD: Board()})
    try:
        gate = gateway.destinations[BOARD].gate
        assert (await gate.permit(probe_for=1.0, idle=True)).allowed
        since = to_micros(datetime.now(UTC)) - 6_000_000
        other = LogWorld(gateway.database, tmp_path / "keys")
        await other.database.write(partial(note_trouble, trouble=Trouble(since=since, reason="no disk")))
        await permitted(gate, wanted=False)
        assert gate.shut()
        await other.database.write(note_recovery)
        await permitted(gate, wanted=True)
        assert not gate.shut()
    finally:
        await gateway.close()


async def test_nothing_is_asked_past_the_gate_either(stamped):
    """A login, and what an operator asks for, ask no gate."""
    gateway = stamped.gateway
    destination = gateway.destinations[BOARD]
    destination.gate.halt = Stopped()
    before = len(stamped.partner.requests)
    request = WireRequest(method="GET", url="https://board.example/streets")

    logged = await destination.recorded_exchange("streets", request)

    assert (logged.result.code, logged.message) == ("halted", None)
    assert len(stamped.partner.requests) == before


class Stopped:
    is_stopped = True

    async def stopped(self):
        return True
