"""A gateway beside the portal's stand-in over real HTTP, to make drift, find it and mend it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters import national_portal
from gateway.bootstrap import Gateway, open_gateway
from gateway.delivery.intake import Submission, lane_plan
from gateway.domain.dossier import Result
from gateway.domain.job import RunStopped
from gateway.sandbox import Sandbox, serve_sandbox
from gateway.settings import (
    ApprovalSettings,
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    RetrySettings,
    Settings,
)
from gateway.statussync.drift import PARAMETERS, Drift
from gateway.statussync.repair import RepairDone, RepairRequest
from gateway.storage import drift as stored
from gateway.storage import upkeep
from gateway.storage.drift import DriftFilter, DriftView
from tests.unit import portal

PORTAL = "national_portal"
NOW = datetime(2024, 1, 31, 3, 0, tzinfo=UTC)
FAST = {"rate": "0", "grace": "0", "patience": "5"}


def step(number: str, day: int, hour: int, status: str, note: str = "") -> dict[str, Any]:
    return {
        "id": number,
        "at": portal.at(day, hour).isoformat(),
        "status": status,
        "actor": "Trần Thị Mẫu",
        "note": note or f"Bước {number}",
    }


STEPS = [
    step("s1", 15, 9, "received"),
    step("s2", 16, 9, "processing"),
    step("s3", 17, 9, "processing", "Thẩm định"),
    step("s4", 19, 16, "finished"),
]


def code_of(number: int) -> str:
    return f"H99.14-240115-{number:04d}"


def dossier(number: int = 7, version: int = 1, **changes: Any) -> bytes:
    """A dossier that is finished, with four steps, as its source would send it."""
    plain = portal.dossier(
        code=code_of(number),
        version=version,
        status="finished",
        finished_at=portal.at(19, 16),
        results=[
            Result(
                id="kq1",
                name="Giấy xác nhận",
                code="KQ.H99.000011",
                file=portal.FileReference(url=f"{portal.FILES}999900001111"),
            )
        ],
    )
    record = {**msgspec.to_builtins(plain), "steps": STEPS, **changes}
    return msgspec.json.encode(record)


class Context:
    """A run's context that stands for the jobs engine: keeps the mark from run to run."""

    def __init__(self, mark: str | None, *, dry_run: bool = False, **parameters: str) -> None:
        defaults = {each.name: each.default for each in PARAMETERS if each.default is not None}
        self.run = 1
        self.dry_run = dry_run
        self.actor = "tests"
        self.parameters = {**defaults, **FAST, **parameters}
        self.watermark = mark
        self.mark = mark
        self.reports: list[int] = []
        self.stop_after: int | None = None

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        self.reports.append(done)
        self.mark = self.mark if watermark is None else watermark or None
        if self.stop_after is not None and done >= self.stop_after:
            raise RunStopped("the test wants it")


class World:
    """``gateway`` and ``sandbox``; the worker runs while ``working``."""

    def __init__(self, gateway: Gateway, sandbox: Sandbox) -> None:
        self.gateway = gateway
        self.sandbox = sandbox
        self.mark: str | None = None
        destinations = gateway.destinations
        self.drift = Drift(
            gateway.database,
            destinations,
            gateway.hub.clock,
            may_probe=lambda: not gateway.worker.delivers,
            plan=lane_plan,
        )

    @property
    def kept(self) -> dict[str, Any]:
        """The portal's own record, by number."""
        return self.sandbox.record(PORTAL)["dossiers"]

    def tamper(self, number: int = 7, **order: Any) -> None:
        body = msgspec.json.encode({"MaHoSo": code_of(number), **order})
        self.sandbox.simulator(PORTAL).administer("tamper", body)

    async def accept(self, *records: bytes) -> None:
        for record in records:
            await self.gateway.intake.accept(Submission(body=record, client="tests"))

    async def deliver(self) -> None:
        """Let the worker send until nothing moves any more."""
        for dispatcher in self.gateway.worker._dispatchers.values():
            await self._drain(dispatcher)

    async def _drain(self, dispatcher: Any) -> None:
        from gateway.delivery.pipeline import LaneRun
        from gateway.storage.lanes import Claim, claim_lanes

        hub = self.gateway.hub
        for _ in range(200):
            claim = Claim(destination=PORTAL, worker=1, lanes=20, depth=20, now=hub.clock())
            lanes = await hub.database.apply(claim_lanes, claim)
            if not lanes:
                break
            for lane in lanes:
                await LaneRun(dispatcher.destination, lane, 1, lambda: 0.5).run(stopping=asyncio.Event())
        await hub.database.write(upkeep.seal)

    async def look(self, **parameters: str) -> dict[str, Any]:
        """One pass; its summary. The mark goes on from pass to pass."""
        context = Context(self.mark, **parameters)
        try:
            return dict(await self.drift.run(context))
        finally:
            self.mark = context.mark

    async def rows(self, **wanted: Any) -> list[DriftView]:
        question = functools.partial(stored.drifts, wanted=DriftFilter(**wanted), limit=1000)
        return await self.gateway.database.read(question)

    async def kinds(self, **wanted: Any) -> list[tuple[str, str]]:
        """(kind, field) of the differences that are not gone, in order."""
        return sorted((row.kind, row.field) for row in await self.rows(**wanted))

    async def repair(self, *, dry_run: bool = False, **wanted: Any) -> RepairDone:
        request = RepairRequest(actor="tests", reason="mend it", dry_run=dry_run, **wanted)
        return await self.gateway.repairs.carry_out(request)

    async def in_step(self) -> bool:
        """Whether a pass finds nothing left."""
        await self.look()
        return not await self.rows()


def settings(url: str, portal_url: str, **more: Any) -> Settings:
    adapter = {
        "adapter_url": f"{portal_url}/XrdAdapter/RestService/forward",
        "username": "h99_gateway",
        "password": portal.settings().password,
        "madonvi": "H99",
        "province_code": "H99",
        "agency_name": "Ủy ban nhân dân tỉnh Mô phỏng",
        "lookup_detail": "echo",
        **more.pop("adapter", {}),
    }
    return Settings(
        database=DatabaseSettings(url=url),
        approvals=ApprovalSettings(required=[]),
        delivery=DeliverySettings(
            retry=RetrySettings(first=0.01, longest=0.1, ask_after=0.01, jitter=0.0),
            breaker=BreakerSettings(failures=6, first_pause=0.05, longest_pause=0.1),
        ),
        destination={
            PORTAL: DestinationSettings(connect_timeout=2.0, read_timeout=5.0, settings=adapter, **more)
        },
    )


@asynccontextmanager
async def drift_world(
    url: str, *, clock: Callable[[], datetime] | None = None, **more: Any
) -> AsyncIterator[World]:
    """A world on a migrated database; the portal's clock stands in January 2024, where the dossiers are."""
    own = portal.settings(adapter_url="http://portal.example/forward")
    simulators = {PORTAL: national_portal.simulate(own)}
    async with serve_sandbox(simulators, clock=lambda: NOW) as sandbox:
        gateway = await open_gateway(settings(url, sandbox.url(PORTAL), **more), clock=clock)
        try:
            yield World(gateway, sandbox)
        finally:
            await gateway.close()
