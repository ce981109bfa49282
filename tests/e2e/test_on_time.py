"""A portal that is away over a due time: what it shows late meanwhile, through whom, and that nothing is left after.

A real gateway with its worker, the portal's stand-in over real HTTP, one clock for both that the test moves. The portal's
own indicator (national_portal §11.2) says what it shows; the gateway's report must say the same, and why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from adapters import national_portal
from gateway.api.app import application, build_api
from gateway.bootstrap import Gateway, open_gateway
from gateway.domain.dossier import Result
from gateway.reports.form_06a import compute_06a
from gateway.reports.periods import Span, as_of
from gateway.reports.terms import Asked
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
from gateway.storage import upkeep
from gateway.storage.clients import NewClient, Scope, create_client
from tests.unit import portal

PORTAL = "national_portal"
VIETNAM = timezone(timedelta(hours=7))
PATIENCE_SECONDS = 40.0
# everything is promised for 17:00 on the 28th but what says otherwise
NAMES = ("told", "away", "later", "late", "source", "running", "ours")
CODES = {name: f"H99.14-260928-{number:04d}" for number, name in enumerate(NAMES, start=1)}
IN_TIME = {"told", "later", "away", "source", "ours"}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of September 2026 in Viet Nam."""
    return datetime(2026, 9, day, hour, minute, tzinfo=VIETNAM)


DUE = {"later": at(30, 17)}


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
    """A running gateway with its API, the portal's stand-in, and the clock of both."""

    def __init__(self, gateway: Gateway, sandbox: Sandbox, clock: Clock, http: httpx.AsyncClient) -> None:
        self.gateway = gateway
        self.sandbox = sandbox
        self.clock = clock
        self.http = http
        self._versions = dict.fromkeys(NAMES, 0)

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        answer = await self.http.post(path, json=body)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()

    async def tell(self, name: str, status: str, **fields: Any) -> None:
        """The one-door system hands over a new version of the dossier."""
        self._versions[name] += 1
        record = dossier(name, self._versions[name], status, **fields)
        answer = await self.http.put(f"/v1/dossiers/{CODES[name]}", content=record)
        assert answer.status_code == 202, answer.text

    async def finish(self, name: str, ended_at: datetime | None = None) -> None:
        """The work on the dossier has ended, just now or at ``ended_at``."""
        result = Result(
            id="kq1",
            name="Giấy xác nhận",
            code="KQ.H99.000011",
            file=portal.FileReference(url=f"{portal.FILES}999900001111"),
        )
        ended = ended_at or self.clock()
        await self.tell(
            name, "finished", finished_at=ended.isoformat(), results=[msgspec.to_builtins(result)]
        )

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until something has come true; what it gave."""
        limit = time.monotonic() + PATIENCE_SECONDS
        while not (found := await condition()):
            assert time.monotonic() < limit, "it never came true"
            await asyncio.sleep(0.02)
        return found

    async def run(self, job: str, **parameters: str) -> dict[str, Any]:
        """Order a run of ``job`` and wait for its end; its record."""
        run = await self.post(f"/v1/jobs/{job}/runs", parameters=parameters)

        async def ended() -> Any:
            found = await self.get(f"/v1/runs/{run['id']}")
            return found if found["ended_at"] else None

        return dict(await self.until(ended))

    async def settled(self, *but: str) -> None:
        """Everything was told, except of the dossiers ``but``."""
        kept = {(CODES[name],) for name in but}

        async def told() -> bool:
            return set(self.rows("SELECT dossier_code FROM delivery WHERE settled_at IS NULL")) <= kept

        await self.until(told)

    async def assessed(self) -> None:
        """Every version was judged by the deadline rules."""

        async def judged() -> bool:
            rows = self.rows("SELECT 1 FROM dossier_version WHERE NOT assessed")
            return not rows

        await self.until(judged)

    async def followed(self) -> None:
        """Everything that was acknowledged has its row of lag."""

        async def caught_up() -> bool:
            delivered = self.rows("SELECT COUNT(*) FROM delivery WHERE state = 'delivered'")
            return delivered == self.rows("SELECT COUNT(*) FROM sync_lag")

        await self.until(caught_up)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.gateway.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement))]
        )

    def shown_late(self) -> set[str]:
        """What the portal itself counts as late at this moment, of what it knows, by name."""
        now = self.clock().astimezone(VIETNAM)
        order = msgspec.json.encode({"period_end": now.strftime("%Y%m%d%H%M%S")})
        verdicts = self.sandbox.simulator(PORTAL).administer("indicators", order)["verdicts"]
        assert set(verdicts) == set(CODES.values())
        return {name for name, code in CODES.items() if verdicts[code] == "late"}

    async def late(self, grain: str = "instant") -> dict[str, str]:
        """What the report says was shown late of ended dossiers: ``late``, or through whom, by name."""
        found = await self.get("/v1/sync/lag/dossiers?first=2026-09-28&last=2026-09-29")
        names = {code: name for name, code in CODES.items()}
        return {
            names[item["dossier"]]: item[f"cause_by_{grain}"] or item[f"shown_by_{grain}"]
            for item in found["items"]
            if item[f"shown_by_{grain}"] != "in_time"
        }

    async def headline(self) -> dict[str, Any]:
        report = await self.get("/v1/sync/lag?first=2026-09-28&last=2026-09-29")
        (found,) = report["destinations"]
        return {**found, "absences": report["absences"]}


def dossier(name: str, version: int, status: str, **fields: Any) -> bytes:
    plain = portal.dossier(
        code=CODES[name],
        version=version,
        status=status,
        submitted_at=at(28, 7, 30),
        received_at=at(28, 8),
        due_at=DUE.get(name, at(28, 17)),
        steps=[],
    )
    return msgspec.json.encode({**msgspec.to_builtins(plain), **fields})


def settings(url: str, portal_url: str) -> Settings:
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
async def running_province(url: str) -> AsyncIterator[Province]:
    clock = Clock(at(28, 8, 1))
    simulator = national_portal.simulate(portal.settings(adapter_url="http://portal.example/forward"))
    async with serve_sandbox({PORTAL: simulator}, clock=clock) as sandbox:
        gateway = await open_gateway(settings(url, sandbox.url(PORTAL)), clock=clock)
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


@pytest.fixture
async def province(database_url: str) -> AsyncIterator[Province]:
    async with running_province(database_url) as opened:
        yield opened


async def morning(province: Province) -> None:
    """Seven dossiers are received and known to the portal; one lane is held, two dossiers end."""
    for name in NAMES:
        await province.tell(name, "received")
    await province.settled()
    province.clock.go(at(28, 14))
    await province.finish("told")
    await province.settled()
    await province.post(f"/v1/lanes/{PORTAL}/{CODES['ours']}/hold", reason="somebody was too careful")
    province.clock.go(at(28, 14, 30))
    await province.finish("ours")


async def outage_begins(province: Province) -> None:
    """From 15:00 the portal refuses connections; what ends now cannot be told."""
    province.clock.go(at(28, 15))
    await province.sandbox.outage(PORTAL)
    await province.finish("away")

    async def given_up() -> bool:
        row = await province.gateway.database.read(partial(upkeep.read_breaker, name=PORTAL))
        return row.open_until is not None

    await province.until(given_up)
    province.clock.go(at(28, 15, 45))
    await province.finish("later")


async def night(province: Province) -> None:
    """One dossier ends after its promise, another one that had ended in time comes in late."""
    province.clock.go(at(29, 5))
    await province.finish("late")
    province.clock.go(at(29, 5, 30))
    await province.finish("source", at(28, 16))
    province.clock.go(at(29, 5, 45))


async def recovery(province: Province) -> None:
    """The portal is back at 6:00, and at 7:00 the held lane goes on."""
    province.clock.go(at(29, 6))
    await province.sandbox.restore(PORTAL)
    await province.settled("ours")
    province.clock.go(at(29, 7))
    await province.post(f"/v1/lanes/{PORTAL}/{CODES['ours']}/release", reason="there was no cause for it")
    await province.settled()


@pytest.mark.timeout(240)
async def test_a_portal_that_is_away_over_a_due_time(province: Province) -> None:
    await morning(province)
    await outage_begins(province)

    # before the due time: nobody is shown late, and the alarm has rung
    province.clock.go(at(28, 16, 30))
    await province.assessed()
    await province.run("deadline-sweep")
    risky = {item["dossier"] for item in (await province.get("/v1/dossiers/at-risk"))["items"]}
    assert risky == {CODES["away"], CODES["ours"]}
    assert await province.late() == {}
    assert province.shown_late() == set()

    # after it, on the same day: late by instant, as the portal counts; by date nobody is
    province.clock.go(at(28, 18))
    assert await province.late() == {"away": "partner", "ours": "gateway"}
    assert await province.late("date") == {}
    assert province.shown_late() == {"away", "ours", "late", "source", "running"}

    # on the day after: who would not be shown late if everything were known, and why not
    await night(province)
    late = {"away": "partner", "ours": "gateway", "source": "source", "late": "late"}
    assert await province.late() == await province.late("date") == late
    assert province.shown_late() == {*late, "running"}
    found = await province.headline()
    expected = {"shown": 5, "rightly": 2, "gateway": 1, "source": 1, "partner": 1, "ours": 0.2}
    assert found["now"]["by_date"] == found["late"]["by_date"] == expected

    # the portal knows everything: it shows late what is late, and the causes stay on record
    await recovery(province)
    await province.followed()
    assert province.shown_late() == {"late", "running"}
    assert await province.late() == await province.late("date") == late
    found = await province.headline()
    assert found["late"]["by_date"] == expected
    assert found["now"]["by_date"] == {
        **expected,
        "shown": 1,
        "rightly": 1,
        "gateway": 0,
        "source": 0,
        "partner": 0,
        "ours": 0.0,
    }
    (absence,) = found["absences"]
    assert absence["destination"] == PORTAL
    assert at(28, 15) <= datetime.fromisoformat(absence["began_at"]) < at(28, 15, 5)
    assert at(29, 6) <= datetime.fromisoformat(absence["ended_at"]) < at(29, 6, 5)

    await nothing_is_left_to_repair(province)
    await the_form_counts_what_is_true(province)
    await the_story_tells_it(province)


async def nothing_is_left_to_repair(province: Province) -> None:
    run = await province.run("drift", scope="all", rate="0", grace="0")
    assert (run["state"], run["answer"]) == ("done", "yes"), run
    assert run["summary"]["looked"] == run["summary"]["in_step"] == len(NAMES)
    assert (await province.get("/v1/drift"))["items"] == []


async def the_form_counts_what_is_true(province: Province) -> None:
    """What was wrongly shown late is on time in form 06a (domain_rules R27), by both counting rules."""
    await province.assessed()
    period = as_of(Span(date(2026, 9, 1), date(2026, 9, 30)), province.clock())
    question = partial(
        compute_06a,
        asked=Asked(period=period),
        terms=province.gateway.deadlines.rules,
        now=province.clock(),
    )
    form = await province.gateway.database.read(question)
    assert form.sound
    total = form.total.by_date
    assert (total.c3, total.c7, total.c11) == (len(NAMES), len(IN_TIME) + 1, 1)
    assert total.c8 + total.c9 == form.total.by_instant.c8 + form.total.by_instant.c9 == len(IN_TIME)
    assert (total.c10, total.c13) == (1, 1)


async def the_story_tells_it(province: Province) -> None:
    """Each delivery of the dossier says how long it took, and the end what was shown meanwhile."""
    found = await province.get(f"/v1/dossiers/{CODES['away']}/timeline?limit=500")
    told = [item["lag"] for item in found["items"] if item["kind"] == "delivery"]
    assert all(told)
    ends = [lag for lag in told if lag["by_date"] is not None]
    assert len(ends) == 2  # the dossier as a whole, and its step 9
    for lag in ends:
        assert (lag["by_date"], lag["late_cause"]) == ("sync_late", "partner")
        assert datetime.fromisoformat(lag["received_at"]) < at(28, 15, 5)
        assert datetime.fromisoformat(lag["acknowledged_at"]) > at(29, 6)


def test_the_scenario_has_every_cause() -> None:
    assert set(NAMES) >= IN_TIME | {"late", "running"}
