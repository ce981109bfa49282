"""One run of a job: its progress made durable, its end written down whatever happens.

Invariant: a run that is not its worker's any more changes nothing in its record; a job's failure is told in words and
logged in full, and never reaches a reader as a stack trace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
import structlog

from gateway.domain.errors import GatewayError, StorageUnavailable
from gateway.domain.job import Job, RunStopped
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.jobs import Ended, Ending, Heard, Progress, RunRow, end_run, report_progress
from gateway.telemetry import JOB_RUNS, JOB_SECONDS

log = structlog.get_logger(__name__)
REPORT_SECONDS = 1.0
STOP_SECONDS = 5.0
STORAGE_PAUSE_SECONDS = 0.5
ENDING_TRIES = 6  # of a process that is to end; another one clears up behind it
LONGEST_FAILURE = 500
_PROCESS_STOPPED = "the process that ran it was stopped"


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What every run of a process needs. ``stopping`` is set when the process is to end."""

    database: Database
    clock: Callable[[], datetime]
    stopping: asyncio.Event
    monotonic: Callable[[], float] = time.monotonic


class Run:
    """A run at work: the ``RunContext`` of its job."""

    def __init__(self, desk: Desk, row: RunRow, worker: int) -> None:
        self._desk = desk
        self._row = row
        self._worker = worker
        self._parameters = msgspec.json.decode(row.parameters, type=dict[str, str])
        self._done = 0
        self._total: int | None = None
        self._watermark = row.watermark
        self._reported_at = desk.monotonic()
        self.stopped_by: str | None = None

    @property
    def run(self) -> int:
        """Identifier of the run's record."""
        return self._row.id

    @property
    def dry_run(self) -> bool:
        """Look, tell, change nothing."""
        return self._row.dry_run

    @property
    def actor(self) -> str:
        """Who started it."""
        return self._row.actor

    @property
    def parameters(self) -> Mapping[str, str]:
        """By name, checked when the run was ordered."""
        return self._parameters

    @property
    def watermark(self) -> str | None:
        """Where the last run like this one stopped."""
        return self._row.watermark

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(
            run=self._row.id,
            worker=self._worker,
            done=self._done,
            total=self._total,
            watermark=self._watermark,
        )

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        """Make progress durable, at most about once a second; give way to others every time."""
        self._done = done
        self._total = self._total if total is None else total
        self._watermark = self._watermark if watermark is None else watermark or None
        if self._desk.stopping.is_set():
            raise RunStopped(_PROCESS_STOPPED)
        if self._desk.monotonic() - self._reported_at < REPORT_SECONDS:
            await asyncio.sleep(0)  # a job that never waits must not keep the process's beat from going out
            return
        heard: Heard = await self._desk.database.write(lambda tx: report_progress(tx, self.progress))
        self._reported_at = self._desk.monotonic()
        if not heard.ours:
            raise RunStopped("it was taken away: its process was believed dead")
        if heard.stop_by is not None:
            self.stopped_by = heard.stop_by
            raise RunStopped(f"stopped by {heard.stop_by}")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a job. ``resumable``: it was not its own fault, nor anybody's wish."""

    state: Ended
    summary: str = "{}"
    failure: str | None = None
    resumable: bool = False


async def execute(desk: Desk, job: Job, row: RunRow, *, worker: int, resume: bool) -> None:
    """Do one run from its beginning to the record of its end. ``resume``: somebody goes on with one that was
    interrupted by the end of this process or by a lost database."""
    run = Run(desk, row, worker)
    began = desk.monotonic()
    with structlog.contextvars.bound_contextvars(job=job.name, run=row.id):
        log.info("run_started", trigger=row.trigger, dry_run=row.dry_run)
        result = await _guarded(desk, job, run)
        seconds = desk.monotonic() - began
        JOB_RUNS.labels(job.name, result.state).inc()
        JOB_SECONDS.labels(job.name).observe(seconds)
        ending = Ending(
            progress=run.progress,
            state=result.state,
            now=to_micros(desk.clock()),
            summary=result.summary,
            failure=result.failure,
            resume=resume and result.resumable,
        )
        await _write_down(desk, ending)
        log.info(
            "run_ended",
            state=result.state,
            seconds=round(seconds, 3),
            done=ending.progress.done,
            reason=result.failure,
        )


async def _guarded(desk: Desk, job: Job, run: Run) -> Result:
    """The job's result. When the process is to end, a job that does not report is cut off after a while."""
    work = asyncio.ensure_future(_result(job, run))
    ending = asyncio.create_task(desk.stopping.wait())
    try:
        await asyncio.wait([work, ending], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await asyncio.wait([work], timeout=STOP_SECONDS)
        if not work.done():
            work.cancel()
            await asyncio.wait([work], timeout=STOP_SECONDS)
        if work.done() and not work.cancelled():
            return work.result()
        return Result(state="interrupted", failure=_PROCESS_STOPPED, resumable=True)
    finally:
        ending.cancel()
        work.cancel()


async def _result(job: Job, run: Run) -> Result:
    try:
        return Result(state="done", summary=_written(await job.run(run)))
    except RunStopped as stop:
        return Result(state="interrupted", failure=str(stop) or "stopped", resumable=run.stopped_by is None)
    except StorageUnavailable as fault:
        log.warning("storage_was_lost", reason=str(fault)[:200])
        return Result(state="interrupted", failure="the database was away", resumable=True)
    except GatewayError as fault:
        log.warning("run_failed", reason=str(fault)[:LONGEST_FAILURE])
        return Result(state="failed", failure=str(fault)[:LONGEST_FAILURE])
    except Exception as fault:  # why: a defect in one job must be told, and must not end the others
        log.exception("job_failed")
        told = f"a defect of the gateway ({type(fault).__name__}); the program log has it under this run's number"
        return Result(state="failed", failure=told)


def _written(summary: object) -> str:
    if not isinstance(summary, Mapping):
        raise TypeError(f"a summary is a mapping, not a {type(summary).__name__}")
    return msgspec.json.encode(dict[str, Any](summary)).decode()


async def _write_down(desk: Desk, ending: Ending) -> None:
    """Write the end down, again and again while the database is away and the process goes on."""
    tries = 0
    while True:
        try:
            if not await desk.database.write(lambda tx: end_run(tx, ending)):
                log.warning("run_was_lost")
            return
        except StorageUnavailable as fault:
            tries += 1
            log.warning("storage_was_lost", reason=str(fault)[:200])
        if desk.stopping.is_set() and tries >= ENDING_TRIES:
            log.warning("run_was_left_behind")
            return
        await asyncio.sleep(STORAGE_PAUSE_SECONDS)
