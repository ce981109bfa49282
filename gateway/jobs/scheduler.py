"""Begins runs: what the schedules say, what somebody has ordered, what a dead process has left behind.

Every worker process runs one; they agree through the tables alone. Invariant: a start is begun by one of them, or
dropped with a reason; it is never begun twice, and missed starts never come in a burst.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.domain.errors import StorageUnavailable
from gateway.jobs.book import JobBook, Plan
from gateway.jobs.parameters import checked, written
from gateway.jobs.run import Desk, execute
from gateway.storage import jobs
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.queries_jobs import Board, JobRow, OpenRun, board

log = structlog.get_logger(__name__)
POLL_SECONDS = 1.0
GRACE_SECONDS = 60  # a start that is later than this was missed


class Scheduler:
    """Begins and does the runs of one process. ``owner`` is its worker row; 0 as long as it has none."""

    def __init__(
        self,
        book: JobBook,
        database: Database,
        clock: Callable[[], datetime],
        owner: Callable[[], int],
    ) -> None:
        self._book = book
        self._database = database
        self._clock = clock
        self._owner = owner
        self._wake = asyncio.Event()
        self._at_work: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Somebody has ordered a run, or changed a schedule."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Look every second, until ``stopping``; runs at work then end as interrupted. A task of the worker."""
        desk = Desk(database=self._database, clock=self._clock, stopping=stopping)
        ending = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                self._wake.clear()
                await self._look_safely(desk)
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait(
                    [ending, waking], timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                waking.cancel()
        finally:
            ending.cancel()
            if self._at_work:
                await asyncio.wait(list(self._at_work.values()))

    async def _look_safely(self, desk: Desk) -> None:
        try:
            await self.look(desk)
        except StorageUnavailable as fault:
            log.warning("storage_was_lost", task="jobs", reason=str(fault)[:200])
        except Exception:  # why: runs at work go on, and a defect in one schedule must not end all the others
            log.exception("schedules_were_not_looked_at")

    async def look(self, desk: Desk) -> None:
        """Begin what is to be begun now."""
        worker = self._owner()
        if not worker:
            return
        seen = await self._database.read(board)
        if any(run.orphan for run in seen.open):
            resumable = {name for name in self._book.names if self._plan(name, seen).resumes}
            await clear_up(self._database, to_micros(self._clock()), frozenset(resumable))
            seen = await self._database.read(board)
        for run in seen.open:
            if run.worker is None and run.job in self._book.names:
                await self._take(desk, run, seen, worker)
        for name in self._book.names:
            await self._start_if_due(desk, name, seen, worker)

    async def _take(self, desk: Desk, run: OpenRun, seen: Board, worker: int) -> None:
        if run.job in self._at_work:
            return  # a run that was taken away from this very process has not noticed it yet
        now = to_micros(self._clock())
        taking = functools.partial(jobs.take_run, run=run.id, worker=worker, now=now)
        row = await self._database.write(taking)
        if row is not None:
            self._begin(desk, row, seen, worker)

    async def _start_if_due(self, desk: Desk, name: str, seen: Board, worker: int) -> None:
        row = seen.jobs.get(name, JobRow(name=name))
        plan = self._plan(name, seen)
        schedule = plan.timing.text if plan.timing is not None else ""
        now = self._clock()
        if schedule == (row.schedule or "") and (row.next_at is None or row.next_at > now):
            return
        if name in self._at_work and all(run.job != name for run in seen.open):
            return  # as above
        job, following = self._book.job(name), plan.next_after(now)
        due = jobs.Due(
            job=name,
            schedule=schedule,
            now=to_micros(now),
            next_at=None if following is None else to_micros(following),
            missed=plan.missed,
            grace=GRACE_SECONDS * 1_000_000,
            worker=worker,
            parameters=written(checked(job, {}, dry_run=False)),
            at_first=job.at_first,
        )
        start = await self._database.write(lambda tx: jobs.claim_start(tx, due))
        if row.schedule not in {None, schedule}:
            log.info("schedule_was_changed", job=name, schedule=schedule or "none")
        if start.run is not None:
            self._begin(desk, start.run, seen, worker)
        elif start.dropped is not None:
            log.info("start_was_dropped", job=name, reason=start.dropped)

    def _begin(self, desk: Desk, row: jobs.RunRow, seen: Board, worker: int) -> None:
        job = self._book.job(row.job)
        work = execute(desk, job, row, worker=worker, resume=self._plan(job.name, seen).resumes)
        task = asyncio.create_task(work, name=f"run {row.id} of {job.name}")
        self._at_work[job.name] = task
        task.add_done_callback(functools.partial(self._ended, job.name))

    def _plan(self, name: str, seen: Board) -> Plan:
        return self._book.plan(name, seen.jobs.get(name))

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._at_work.get(name) is task:
            del self._at_work[name]
        self.wake()  # what it has left may be gone on with


async def clear_up(database: Database, now: int, resumable: frozenset[str] = frozenset()) -> None:
    """End the runs of dead processes; those of ``resumable`` jobs wait for somebody to go on with them."""
    ending = functools.partial(jobs.interrupt_orphans, now=now, resumable=resumable)
    for lost in await database.write(ending):
        log.warning("run_was_interrupted", job=lost.job, run=lost.run, resumed=lost.resumed)
