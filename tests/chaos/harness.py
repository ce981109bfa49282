"""Starting, killing and judging gateway processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.dossier import Dossier
from gateway.storage.reading import ReadingDatabase
from tests.chaos.journal import DESTINATION, Arrival

EXAMPLES = Path(__file__).parents[2] / "examples" / "dossiers.jsonl"
RECOVERY_SECONDS = 15.0
READY_SECONDS = 60.0
FINISH_SECONDS = 90.0


class Line(msgspec.Struct):
    """One line of the feed, as far as the harness must know it."""

    code: str
    version: int


def write_feed(path: Path, dossiers: int) -> list[Dossier]:
    """The complete histories of the first ``dossiers`` of the examples; the newest version of each."""
    lines = EXAMPLES.read_bytes().splitlines()
    heads = [msgspec.json.decode(line, type=Line) for line in lines]
    chosen = list(dict.fromkeys(head.code for head in heads))[:dossiers]
    kept = [line for line, head in zip(lines, heads, strict=True) if head.code in set(chosen)]
    path.write_bytes(b"\n".join(kept) + b"\n")
    newest = {dossier.code: dossier for dossier in (msgspec.json.decode(line, type=Dossier) for line in kept)}
    return list(newest.values())


def acknowledged(acks: Path) -> dict[str, int]:
    """The newest version of each dossier that the gateway has promised to deliver."""
    found: dict[str, int] = {}
    for line in acks.read_text().splitlines() if acks.exists() else ():
        code, version = line.rsplit(" ", 1)
        found[code] = max(int(version), found.get(code, 0))
    return found


class Fleet:
    """The gateway processes of a run, one per slot; a killed one is started again in its slot."""

    def __init__(
        self,
        folder: Path,
        config: Path,
        feed: Path,
        *,
        slots: int = 1,
        module: str = "tests.chaos.gateway_process",
        extra: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.acks = folder / "acks"
        self._command = (
            *(sys.executable, "-m", module),
            *("--config", str(config), "--feed", str(feed), "--acks", str(self.acks)),
            *extra,
        )
        self._slots = slots
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        self.errors = folder / "errors.log"

    async def start(self, slot: int = 0) -> float:
        """Start the process of ``slot``; seconds until it was ready."""
        began = time.monotonic()
        with self.errors.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *("--part", f"{slot}/{self._slots}"),
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.processes[slot] = process
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
        assert line == b"ready\n", f"the process did not start:\n{self.errors.read_text()[-3000:]}"
        return time.monotonic() - began

    async def start_all(self) -> None:
        """Start every slot; the first one alone, so that it brings the schema up."""
        for slot in range(self._slots):
            await self.start(slot)

    async def kill(self, slot: int = 0) -> int:
        """SIGKILL; the process number it had."""
        process = self.processes[slot]
        process.send_signal(signal.SIGKILL)
        await process.wait()
        return process.pid

    async def stop(self) -> None:
        """SIGTERM to all, and they must end in order by themselves."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        async with asyncio.timeout(30):
            await asyncio.gather(*(process.wait() for process in self.processes.values()))

    async def end(self) -> None:
        """Whatever is left, at the end of a test that failed."""
        for process in self.processes.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def complaints(self) -> list[str]:
        """Lines of the program log that speak of a defect."""
        if not self.errors.exists():
            return []
        return [
            line
            for line in self.errors.read_text(errors="replace").splitlines()
            if '"level": "error"' in line or "Traceback" in line or "_failed" in line
        ]


@asynccontextmanager
async def fleet(folder: Path, config: Path, feed: Path, **options: Any) -> AsyncIterator[Fleet]:
    """A fleet that is gone when the block ends, whatever happened."""
    ships = Fleet(folder, config, feed, **options)
    try:
        yield ships
    finally:
        await ships.end()


class Watcher:
    """Looks at the database of a running gateway from outside."""

    def __init__(self, url: str) -> None:
        self._database = ReadingDatabase(url)

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return self._database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def count(self, statement: str, **parameters: Any) -> int:
        return int(self.rows(f"SELECT count(*) FROM {statement}", **parameters)[0][0])  # noqa: S608 - tests' own

    def open_deliveries(self) -> int:
        return self.count("delivery WHERE settled_at IS NULL")

    def worker_of(self, pid: int) -> list[int]:
        return [row[0] for row in self.rows("SELECT id FROM worker WHERE pid = :pid", pid=pid)]

    def leases_of(self, workers: list[int]) -> int:
        return sum(
            self.count("lane WHERE state = 'leased' AND lease_owner = :owner", owner=owner)
            for owner in workers
        )

    def explain(self) -> str:
        """What stands in the way, for a failure's message."""
        stuck = self.rows(
            "SELECT l.state, d.state, d.code, d.reason, count(*) FROM delivery AS d JOIN lane AS l ON l.id = d.lane_id "
            "WHERE d.settled_at IS NULL GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 12"
        )
        return "\n".join(map(str, stuck))

    def activity(self) -> str:
        """Who holds which lane and what PostgreSQL's connections are doing."""
        rows = [
            *self.rows("SELECT id, pid, beat FROM worker ORDER BY id"),
            *self.rows("SELECT lease_owner, state, count(*) FROM lane GROUP BY 1, 2 ORDER BY 1, 2"),
            *self.rows(
                "SELECT pid, state, wait_event, xact_start, left(query, 150) FROM pg_stat_activity "
                "WHERE datname = current_database() ORDER BY xact_start"
            ),
        ]
        return "\n".join(map(str, rows))

    def close(self) -> None:
        self._database.close()


async def until(expected: Callable[[], bool], seconds: float, explain: Callable[[], str] = str) -> float:
    """Wait for ``expected``; the seconds it took."""
    began = time.monotonic()
    while not expected():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s: {explain()}")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def finish(ships: Fleet, watcher: Watcher, newest: list[Dossier]) -> None:
    """Wait until everything was taken in and delivered; then stop every process in order."""
    wanted = {dossier.code: dossier.version for dossier in newest}
    await until(
        lambda: acknowledged(ships.acks) == wanted and watcher.open_deliveries() == 0,
        FINISH_SECONDS,
        lambda: f"{len(acknowledged(ships.acks))} of {len(wanted)} dossiers taken in\n{watcher.explain()}",
    )
    await ships.stop()


class Verdict(msgspec.Struct):
    """What the partner's journal says; every list is empty when all is well."""

    lost: list[str]
    out_of_order: list[str]
    doubled: list[str]
    repeats: int


def judge(journal: list[Arrival], newest: list[Dossier], watcher: Watcher) -> Verdict:
    """Compare what arrived, in the order in which it arrived, with what was promised.

    A second arrival is a fault unless the delivery went through a doubt; an arrival after a later one is always one.
    """
    places = {
        (row[0], row[1], row[2]): (row[3], row[4])
        for row in watcher.rows(
            "SELECT dossier_code, operation, key, position, doubts FROM delivery WHERE destination = :name "
            "ORDER BY doubts",
            name=DESTINATION,
        )
    }
    arrived: dict[str, list[Arrival]] = {}
    for arrival in journal:
        arrived.setdefault(arrival.dossier, []).append(arrival)
    verdict = Verdict(lost=[], out_of_order=[], doubled=[], repeats=0)
    for dossier in newest:
        _judge_dossier(dossier, arrived.get(dossier.code, []), places, verdict)
    return verdict


def _judge_dossier(
    dossier: Dossier,
    arrivals: list[Arrival],
    places: dict[tuple[str, str, str], tuple[int, int]],
    verdict: Verdict,
) -> None:
    seen = {(arrival.operation, arrival.key) for arrival in arrivals}
    promised = {("dossier", str(dossier.version)), *(("step", step.id) for step in dossier.steps)}
    verdict.lost += [f"{dossier.code} {operation} {key}" for operation, key in sorted(promised - seen)]
    highest = 0
    for arrival in arrivals:
        name = f"{dossier.code} {arrival.operation} {arrival.key}"
        position, doubts = places[dossier.code, arrival.operation, arrival.key]
        if not arrival.first:
            verdict.repeats += 1
            if not doubts:
                verdict.doubled.append(name)
        if position < highest:
            verdict.out_of_order.append(name)
        highest = max(highest, position)


def chance(seed: int | None = None) -> tuple[int, random.Random]:
    """A seed, from CHAOS_SEED or drawn, and what follows from it."""
    chosen = (
        seed
        if seed is not None
        else int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    )
    return chosen, random.Random(chosen)
