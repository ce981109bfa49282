"""A running gateway with its worker and API, the portal's stand-in over real HTTP, and one clock that a test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import sqlalchemy as sa

from adapters import national_portal
from gateway.api.app import application, build_api
from gateway.bootstrap import Gateway, open_gateway
from gateway.domain.dossier import Result
from gateway.sandbox import Sandbox, serve_sandbox
from gateway.settings import (
    BreakerSettings,
    DatabaseSettings,
    DeliverySettings,
    DestinationSettings,
    JobSettings,
    RetrySettings,
    Settings,
)
from gateway.settings_evidence import EvidenceSettings
from gateway.storage import upkeep
from gateway.storage.clients import NewClient, Scope, create_client
from tests.unit import portal

PORTAL = "national_portal"
VIETNAM = timezone(timedelta(hours=7))
PATIENCE_SECONDS = 40.0
RESULT = Result(
    id="kq1",
    name="Giấy xác nhận",
    code="KQ.H99.000011",
    file=portal.FileReference(url=f"{portal.FILES}999900001111"),
)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of September 2026 in Viet Nam."""
    return datetime(2026, 9, day, hour, minute, tzinfo=VIETNAM)


def code_of(number: int) -> str:
    return f"H99.14-260928-{number:04d}"


class Clock:
    """Now, aware UTC: goes on like any clock, and stands where the test has put it."""

    def __init__(self, start: datetime) -> None:
        self.go(start)

    def go(self, instant: datetime) -> None:
        self._origin = instant.astimezone(UTC)
        self._since = time.monotonic()

    def __call__(self) -> datetime:
        return self._origin + timedelta(seconds=time.monotonic() - self._since)


class Province:
    """What a province sees of its gateway, and what the portal sees of the province. ``due``: promises by number."""

    def __init__(self, gateway: Gateway, sandbox: Sandbox, clock: Clock, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self.sandbox = sandbox
        self.clock = clock
        self.http = http
        self.due: dict[int, datetime] = {}
        self._versions: dict[int, int] = {}

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self.http.post(path, json=body)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()

    async def receive(self, number: int, due_at: datetime) -> None:
        """A dossier was received at 8:00 on the 28th and promised for ``due_at``."""
        self.due[number] = due_at
        await self._tell(number, "received")

    async def finish(self, number: int, ended_at: datetime | None = None) -> None:
        """The work on the dossier has ended, just now or at ``ended_at``."""
        ended = ended_at or self.clock()
        results = [msgspec.to_builtins(RESULT)]
        await self._tell(number, "finished", finished_at=ended.isoformat(), results=results)

    async def _tell(self, number: int, status: str, **fields: Any) -> None:
        self._versions[number] = self._versions.get(number, 0) + 1
        plain = portal.dossier(
            code=code_of(number),
            version=self._versions[number],
            status=status,
            submitted_at=at(28, 7, 30),
            received_at=at(28, 8),
            due_at=self.due[number],
            steps=[],
        )
        record = msgspec.json.encode({**msgspec.to_builtins(plain), **fields})
        answer = await self.http.put(f"/v1/dossiers/{code_of(number)}", content=record)
        assert answer.status_code == 202, answer.text

    async def lose_portal(self) -> None:
        """The portal refuses connections from now on."""
        await self.sandbox.outage(PORTAL)

    async def regain_portal(self) -> None:
        await self.sandbox.restore(PORTAL)

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until something has come true; what it gave."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while not (found := await condition()):
            assert time.monotonic() < limit, "it never came true"
            await asyncio.sleep(0.02)
        return found

    async def noticed_lost(self) -> None:
        """The gateway has noticed that the portal is away."""

        async def open_breaker() -> bool:
            row = await self.gateway.database.read(partial(upkeep.read_breaker, name=PORTAL))
            return row.open_until is not None

        await self.until(open_breaker)

    async def settled(self, *but: int) -> None:
        """Everything was told, except of the dossiers ``but``."""
        kept = {(code_of(number),) for number in but}

        async def told() -> bool:
            return set(self.rows("SELECT dossier_code FROM delivery WHERE settled_at IS NULL")) <= kept

        await self.until(told)

    async def assessed(self) -> None:
        """Every version was judged by the deadline rules."""

        async def judged() -> bool:
            return not self.rows("SELECT 1 FROM dossier_version WHERE NOT assessed")

        await self.until(judged)

    async def followed(self) -> None:
        """Everything that was acknowledged has its row of lag."""

        async def caught_up() -> bool:
            delivered = self.rows("SELECT COUNT(*) FROM delivery WHERE state = 'delivered'")
            return delivered == self.rows("SELECT COUNT(*) FROM sync_lag")

        await self.until(caught_up)

    async def run(self, job: str, **parameters: str) -> dict[str, Any]:
        """Order a run of ``job`` and wait for its end; its record."""
        run = await self.post(f"/v1/jobs/{job}/runs", parameters=parameters)

        async def ended() -> Any:
            found = await self.get(f"/v1/runs/{run['id']}")
            return found if found["ended_at"] else None

        return dict(await self.until(ended))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.gateway.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement))]
        )

    def shown_late(self) -> set[int]:
        """What the portal itself counts as late at this moment (national_portal §11.2); it must know every dossier."""
        now = self.clock().astimezone(VIETNAM)
        order = msgspec.json.encode({"period_end": now.strftime("%Y%m%d%H%M%S")})
        verdicts = self.sandbox.simulator(PORTAL).administer("indicators", order)["verdicts"]
        assert set(verdicts) == {code_of(number) for number in self.due}
        return {number for number in self.due if verdicts[code_of(number)] == "late"}

    async def late_ones(self) -> list[dict[str, Any]]:
        """The dossiers that the report lists."""
        path = "/v1/sync/lag/dossiers?first=2026-09-28&last=2026-09-30&limit=500"
        return list((await self.get(path))["items"])

    async def headline(self) -> dict[str, Any]:
        report = await self.get("/v1/sync/lag?first=2026-09-28&last=2026-09-30")
        (found,) = report["destinations"]
        return {**found, "absences": report["absences"]}


def settings(url: str, portal_url: str, keys: Path | None = None) -> Settings:
    adapter = {
        "adapter_url": f"{portal_url}/XrdAdapter/RestService/forward",
        "username": "h99_gateway",
        "password": portal.settings().password,
        "madonvi": "H99",
        "province_code": "H99",
        "agency_name": "Ủy ban nhân dân tỉnh Mô phỏng",
        "lookup_detail": "echo",
    }
    return Settings(
        database=DatabaseSettings(url=url),
        evidence=EvidenceSettings(keys=None if keys is None else str(keys), every=1.0),
        delivery=DeliverySettings(
            retry=RetrySettings(first=0.05, longest=0.5, ask_after=0.05, jitter=0.0),
            breaker=BreakerSettings(failures=4, first_pause=0.1, longest_pause=0.5),
            poll=0.05,
        ),
        # runs are ordered here: a clock that jumps over the night must not start them at a moment of its own
        jobs={name: JobSettings(enabled=False) for name in ("drift", "deadline-sweep")},
        destination={PORTAL: DestinationSettings(settings=adapter, connect_timeout=2.0, read_timeout=5.0)},
    )


@asynccontextmanager
async def running_province(url: str, keys: Path | None = None) -> AsyncIterator[Province]:
    clock = Clock(at(28, 8, 1))
    simulator = national_portal.simulate(portal.settings(adapter_url="http://portal.example/forward"))
    async with serve_sandbox({PORTAL: simulator}, clock=clock) as sandbox:
        gateway = await open_gateway(settings(url, sandbox.url(PORTAL), keys), clock=clock)
        client = NewClient(id="ops", name="ops", scopes=frozenset(Scope))
        issued = await gateway.database.write(lambda tx: create_client(tx, client, clock()))
        transport = httpx.ASGITransport(application(build_api(gateway)))
        headers = {"authorization": f"Bearer {issued.secret}", "content-type": "application/json"}
        worker = asyncio.create_task(gateway.worker.run())
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://gateway.example", headers=headers, timeout=30
            ) as http:
                yield Province(gateway, sandbox, clock, http)
        finally:
            gateway.worker.stop()
            await worker
            await gateway.close()
