"""Processes killed at random moments with a partner that fails one request in twenty: nothing lost, nothing out of
order, nothing doubled, and everything goes on by itself.

Judged by the record of the national portal's stand-in, which knows nothing of the gateway's own beliefs.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from gateway.bootstrap import adapter_settings, build_adapter
from gateway.cli.comparison import Verdict, compare
from gateway.domain.dossier import Dossier
from gateway.sandbox import Latency, five_percent, serve_sandbox
from gateway.settings import Settings, load
from gateway.storage import tallies
from mappings.national_portal.stored_record import read_record
from tests.chaos.harness import RECOVERY_SECONDS, Fleet, Watcher, chance, finish, fleet, until, write_feed

PORTAL = "national_portal"
SLOTS = {"sqlite": 1, "postgresql": 3}
CONFIG = """
[database]
url = "{url}"

[delivery.retry]
first = 0.5
longest = 5.0
ask_after = 0.3

[delivery.breaker]
first_pause = 0.5
longest_pause = 2.0

[destination.national_portal]
concurrency = 8
connect_timeout = 2.0
read_timeout = 5.0

[destination.national_portal.settings]
adapter_url = "{portal}/XrdAdapter/RestService/forward"
username = "h99_gateway"
password = {{ file = "{secret}" }}
madonvi = "H99"
province_code = "H99"
agency_name = "Ủy ban nhân dân tỉnh Mô phỏng"
timeout_s = 5.0
profile = "2023"
lookup_detail = "echo"
send_unreceived = "all"
batch = {{ dossier = {together}, progress = 10 }}
"""


def portal_settings(folder: Path) -> Settings:
    secret = folder / "portal-password"
    secret.write_text("chaos")
    config = folder / "simulator.toml"
    config.write_text(
        CONFIG.format(url="sqlite:///unused.db", portal="http://127.0.0.1:1", secret=secret, together=1)
    )
    return load(config, {})


class Run:
    """One run: so many kills, judged at the end. ``together``: dossiers in one call."""

    def __init__(
        self, folder: Path, url: str, *, kills: int, dossiers: int, pace: float, together: int = 1
    ) -> None:
        self.folder = folder
        self.url = url
        self.kills = kills
        self.dossiers = dossiers
        self.pace = pace
        self.together = together
        self.seed, self._random = chance()
        self.recoveries: list[float] = []
        self.calls_shared = 0

    async def go(self) -> None:
        settings = portal_settings(self.folder)
        simulator = _simulator(settings)
        plan, pace = five_percent(self.seed), Latency(low=20, high=80)
        async with serve_sandbox({PORTAL: simulator}, plan=plan, latency=pace) as sandbox:
            config = self.folder / "gateway.toml"
            secret = self.folder / "portal-password"
            portal = sandbox.url(PORTAL)
            config.write_text(
                CONFIG.format(url=self.url, portal=portal, secret=secret, together=self.together)
            )
            feed = self.folder / "feed.jsonl"
            newest = write_feed(feed, self.dossiers)
            slots = SLOTS["sqlite" if self.url.startswith("sqlite") else "postgresql"]
            extra = ("--pace", str(self.pace / slots))
            async with fleet(self.folder, config, feed, slots=slots, extra=extra) as ships:
                await ships.start_all()
                watcher = Watcher(self.url)
                try:
                    await self._kill_all(ships, watcher, lambda: sandbox.injected(PORTAL)["total"])
                    await finish(ships, watcher, newest)
                    self._judge(sandbox.record(PORTAL), watcher, settings, newest)
                    assert [line for line in ships.complaints() if "_failed" in line] == []
                finally:
                    watcher.close()

    async def _kill_all(self, ships: Fleet, watcher: Watcher, calls: Callable[[], int]) -> None:
        recoveries = []
        for _ in range(self.kills):
            await asyncio.sleep(self._random.uniform(0.0, 1.2))
            slot = self._random.choice(sorted(ships.processes))
            pid = await ships.kill(slot)
            workers, called = watcher.worker_of(pid), calls()
            await ships.start(slot)
            recoveries.append(asyncio.create_task(self._recovered(watcher, workers, calls, called)))
        self.recoveries = await asyncio.gather(*recoveries)

    async def _recovered(
        self, watcher: Watcher, workers: list[int], calls: Callable[[], int], called: int
    ) -> float:
        """The partner is called again, and what the dead process held is somebody else's or free."""
        return await until(
            lambda: (calls() > called or watcher.open_deliveries() == 0) and watcher.leases_of(workers) == 0,
            RECOVERY_SECONDS,
            lambda: f"seed {self.seed}: not recovered\n{watcher.explain()}",
        )

    def _judge(
        self, record: dict[str, Any], watcher: Watcher, settings: Settings, newest: list[Dossier]
    ) -> None:
        verdict = judge_portal(record, watcher, settings)
        assert verdict.holds, f"seed {self.seed}: {verdict}"
        assert verdict.compared >= 0.9 * len(newest)
        assert verdict.compared == verdict.in_step
        self.calls_shared = watcher.count("message WHERE kind = 'request' AND request_id IS NOT NULL")
        assert watcher.count("delivery WHERE doubts > 0") > 0, "no kill hit anything; the run proves nothing"
        assert max(self.recoveries) <= RECOVERY_SECONDS
        states = dict(watcher.rows("SELECT state, count(*) FROM delivery GROUP BY state"))
        assert set(states) <= {"delivered", "superseded"}, states
        assert watcher.count("attempt WHERE ended_at IS NULL") == 0
        sealed = watcher.rows("SELECT count(*), max(seq) FROM message")[0]
        assert sealed[0] == sealed[1], "the log has no gaps"


def _simulator(settings: Settings) -> Any:
    from gateway import registry

    return registry.load(PORTAL).simulate(adapter_settings(PORTAL, settings.destination[PORTAL]))


def judge_portal(record: dict[str, Any], watcher: Watcher, settings: Settings) -> Verdict:
    """The portal's own record against the newest versions that were promised.

    For every doubt of a dossier one second arrival is no fault: the portal may be asked before it has
    read what a process that died had sent, and then says truly that it has not got it.
    """
    adapter = build_adapter(PORTAL, settings.destination[PORTAL])

    def question(connection: Any) -> Verdict:
        codes = tallies.partner_codes(connection, PORTAL)
        records = list(tallies.dossier_records(connection))
        doubts = "SELECT dossier_code, SUM(doubts) FROM delivery WHERE doubts > 0 GROUP BY dossier_code"
        allowed = Counter(
            {codes.get(code, code): int(count) for code, count in connection.execute(sa.text(doubts))}
        )
        repeated = Counter(each["MaHoSo"] for each in record["duplicates"])
        surely = list((repeated - allowed).elements())
        return compare(
            (msgspec.json.decode(each, type=Dossier) for each in records),
            read_record({**record, "duplicates": surely}),
            wanted=adapter.wants,
            partner_code=lambda code: codes.get(code, code),
        )

    return watcher._database.ask(question)


@pytest.mark.xdist_group("chaos-1")
@pytest.mark.timeout(300)
async def test_fifteen_kills_of_the_one_process_on_sqlite(tmp_path):
    run = Run(tmp_path, f"sqlite:///{tmp_path / 'gateway.db'}", kills=15, dossiers=90, pace=12.0)

    await run.go()

    assert len(run.recoveries) == 15


@pytest.mark.xdist_group("chaos-2")
@pytest.mark.timeout(300)
async def test_fifteen_kills_among_three_workers_on_postgresql(tmp_path, empty_postgresql_url):
    run = Run(tmp_path, empty_postgresql_url, kills=15, dossiers=150, pace=12.0)

    await run.go()

    assert len(run.recoveries) == 15


@pytest.mark.timeout(300)
async def test_kills_while_dossiers_travel_together(tmp_path, empty_postgresql_url):
    run = Run(tmp_path, empty_postgresql_url, kills=6, dossiers=150, pace=40.0, together=5)

    await run.go()

    assert run.calls_shared > 0


@pytest.mark.chaos_long
@pytest.mark.timeout(0)
async def test_as_many_kills_as_asked_for(tmp_path, postgresql_server, capsys):
    """KILLS in rounds of 25, on both engines in turn, every round with a seed of its own."""
    left, round_, began = int(os.environ.get("KILLS") or 1000), 0, time.monotonic()
    while left > 0:
        folder = tmp_path / f"round-{round_}"
        folder.mkdir()
        on_sqlite = round_ % 2 == 0
        url = f"sqlite:///{folder / 'gateway.db'}" if on_sqlite else postgresql_server.create()
        together = 1 if round_ % 4 < 2 else 5
        run = Run(folder, url, kills=min(25, left), dossiers=150, pace=14.0, together=together)
        await run.go()
        left, round_ = left - run.kills, round_ + 1
        with capsys.disabled():
            print(  # noqa: T201 - a long run shows where it is
                f"{'sqlite' if on_sqlite else 'postgresql'}: {run.kills} kills, seed {run.seed}, slowest takeover "
                f"{max(run.recoveries):.1f} s; {left} to go, {time.monotonic() - began:.0f} s"
            )
        if not on_sqlite:
            postgresql_server.drop(url)
