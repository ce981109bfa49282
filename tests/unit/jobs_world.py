"""Jobs that do as told, and processes that run them on a real database with a clock that moves when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.domain.errors import StorageUnavailable
from gateway.domain.job import Job, RunContext
from gateway.jobs.book import JobBook
from gateway.jobs.run import Desk
from gateway.jobs.service import Jobs
from gateway.storage import upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.queries_jobs import RunFilter, RunView
from tests import clocks

START = datetime(2026, 9, 28, 1, 0, 30, tzinfo=UTC)


class Clock(clocks.Clock):
    """Half a minute past, so that no minute is missed or met by chance."""

    def __init__(self) -> None:
        super().__init__(START)


class Work:
    """A job's work: ``steps`` units, each only when ``allow`` lets it; ``fault`` or ``summary`` at the end.

    ``seen`` has the context of every run; ``begun`` is set when a run has begun.
    """

    def __init__(self, steps: int = 0, *, fault: BaseException | None = None, summary: Any = None) -> None:
        self.steps = steps
        self.fault = fault
        self.summary = {} if summary is None else summary
        self.seen: list[RunContext] = []
        self.begun = asyncio.Event()
        self.allowed = asyncio.Semaphore(0)
        self.free = True

    def hold(self) -> Work:
        """Do a unit only when ``allow`` says so."""
        self.free = False
        return self

    def allow(self, units: int = 1) -> None:
        for _ in range(units):
            self.allowed.release()

    async def run(self, context: RunContext) -> Mapping[str, Any]:
        self.seen.append(context)
        self.begun.set()
        first = int(context.watermark or "0")
        for place in range(first + 1, self.steps + 1):
            if not self.free:
                await self.allowed.acquire()
            await context.report(place - first, total=self.steps - first, watermark=str(place))
        if self.fault is not None:
            raise self.fault
        found: Mapping[str, Any] = self.summary
        return found


def job(work: Work, name: str = "sweep", **fields: Any) -> Job:
    return Job(name=name, title=name, title_vi=name, run=work.run, **{"cron": None, **fields})


class Process:
    """One process: its worker row, its jobs. Nothing runs by itself; ``look`` is one look of its scheduler."""

    def __init__(self, database: Database, clock: Clock, *jobs: Job) -> None:
        self.database = database
        self.clock = clock
        self.worker = 0
        self.stopping = asyncio.Event()
        self.book = JobBook(jobs, {})
        self.jobs = Jobs(self.book, database, clock, lambda: self.worker)
        self.ticks = 0.0
        self.desk = Desk(database=database, clock=clock, stopping=self.stopping, monotonic=lambda: self.ticks)

    async def register(self) -> Process:
        self.worker = await self.database.write(
            lambda tx: upkeep.register_worker(tx, to_micros(self.clock()))
        )
        return self

    async def die(self) -> None:
        """What the others do when its beat stands still."""
        dead = self.worker
        await self.database.write(lambda tx: upkeep.forget_workers(tx, [dead]))

    async def look(self) -> None:
        await self.jobs.scheduler.look(self.desk)

    def runs(self, **wanted: Any) -> list[RunView]:
        from gateway.storage import queries_jobs

        return self.database.ask(lambda c: queries_jobs.runs(c, RunFilter(**wanted), self.clock()))

    def states(self, name: str = "sweep") -> list[str]:
        """Of every run of a job, the newest first."""
        return [run.state for run in self.runs(job=name)]

    async def until(self, expected: Callable[[], bool], *, seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not expected():  # noqa: ASYNC110 - what is awaited happens in a database
                await asyncio.sleep(0.005)

    async def ended(self, count: int = 1, name: str = "sweep") -> list[RunView]:
        """The ended runs of a job, the newest first, once there are ``count``."""

        def over() -> list[RunView]:
            return [run for run in self.runs(job=name) if run.ended_at is not None]

        await self.until(lambda: len(over()) >= count)
        if all(run.state != "running" for run in self.runs(job=name)):
            # the scheduler itself hears of it a moment after the tables
            await self.until(lambda: name not in self.jobs.scheduler._at_work)
        return over()


class Flaky:
    """A database that does not take some writes: those whose unit is named, ``failures`` times."""

    def __init__(self, database: Database, *, failures: int = 0) -> None:
        self._database = database
        self.failures = failures
        self.reads_fail = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, unit: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise StorageUnavailable("away")
        return await self._database.write(unit)

    async def read(self, question: Any) -> Any:
        if self.reads_fail:
            raise StorageUnavailable("away")
        return await self._database.read(question)
