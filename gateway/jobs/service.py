"""What people and programs can do with jobs: look, order, stop, reschedule, or run one in this very process.

Invariant: what is ordered here is checked here, once, for the API and the command line alike.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.job import Missed
from gateway.jobs.book import JobBook, Plan
from gateway.jobs.parameters import checked, written
from gateway.jobs.run import Desk, execute
from gateway.jobs.scheduler import Scheduler, clear_up
from gateway.storage import jobs, queries_jobs
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.queries_jobs import Board, JobRow, RunFilter, RunView

UPCOMING = 5
OWNER_POLL_SECONDS = 0.25


class ParameterView(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a job. ``pattern``: a regular expression for the whole value."""

    name: str
    help: str
    pattern: str
    default: str | None


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator has set over the configured schedule; null: as configured."""

    cron: str | None = None
    time_zone: str | None = None
    missed: Missed | None = None
    enabled: bool | None = None


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """When a job runs by itself, as it holds. ``cron`` null: never. ``source``: shipped, configuration, or operator
    with ``changed_by`` and the ``override``. ``upcoming``: the next starts."""

    cron: str | None
    time_zone: str
    missed: Missed
    enabled: bool
    source: str
    changed_by: str | None
    override: Override | None
    upcoming: list[datetime]


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One job: its schedule, the run that is going on, the one that ended last, when it last ended well.

    ``failing_since``: when the first run after that one failed; null while the job is well.
    """

    name: str
    title: str
    title_vi: str
    can_dry_run: bool
    parameters: list[ParameterView]
    schedule: ScheduleView
    running: RunView | None
    last: RunView | None
    last_success_at: datetime | None
    failing_since: datetime | None = None


class RunOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A run that somebody wants. ``from_start``: forget where the last one stopped."""

    job: str
    actor: str
    parameters: Mapping[str, str] = {}
    dry_run: bool = False
    from_start: bool = False


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that somebody sets over the configured one; None: as configured. ``dry_run``: only look at it."""

    job: str
    actor: str
    reason: str
    cron: str | None = None
    time_zone: str | None = None
    missed: Missed | None = None
    enabled: bool | None = None
    dry_run: bool = False


class Jobs:
    """The jobs of one process. ``owner`` is its worker row; 0 as long as it has none."""

    def __init__(
        self,
        book: JobBook,
        database: Database,
        clock: Callable[[], datetime],
        owner: Callable[[], int],
    ) -> None:
        self.book = book
        self.scheduler = Scheduler(book, database, clock, owner)
        self._database = database
        self._clock = clock
        self._owner = owner

    async def views(self) -> list[JobView]:
        """Every job as it stands, by name."""
        return [await self.view(name) for name in self.book.names]

    async def view(self, name: str) -> JobView:
        """One job; NotFoundError."""
        seen = await self._database.read(
            functools.partial(queries_jobs.glance, name=self.book.job(name).name, now=self._clock())
        )
        return self._shown(seen)

    def _shown(self, seen: queries_jobs.Glance) -> JobView:
        job, now = self.book.job(seen.row.name), self._clock()
        return JobView(
            name=job.name,
            title=job.title,
            title_vi=job.title_vi,
            can_dry_run=job.can_dry_run,
            parameters=[
                ParameterView(name=item.name, help=item.help, pattern=item.pattern, default=item.default)
                for item in job.parameters
            ],
            schedule=_schedule(self.book.plan(job.name, seen.row), seen.row, now),
            running=seen.running,
            last=seen.last,
            last_success_at=seen.last_success_at,
            failing_since=seen.failing_since,
        )

    async def last_success(self) -> dict[str, datetime]:
        """When each job last ended well; one that never did is missing."""
        return await self._database.read(functools.partial(queries_jobs.last_success, names=self.book.names))

    async def runs(self, wanted: RunFilter) -> list[RunView]:
        """Some runs, the newest first."""
        question = functools.partial(queries_jobs.runs, wanted=wanted, now=self._clock())
        return await self._database.read(question)

    async def run_view(self, run: int) -> RunView:
        """One run; NotFoundError."""
        question = functools.partial(queries_jobs.run_view, run=run, now=self._clock())
        found = await self._database.read(question)
        if found is None:
            raise NotFoundError(f"there is no run {run}")
        return found

    async def start(self, order: RunOrder) -> RunView:
        """Order a run; the first worker process that sees it does it.

        Raises NotFoundError, RecordError for parameters, ConflictError when the job is running.
        """
        new = self._new_run(order, worker=None)
        row = await self._database.write(lambda tx: jobs.begin_run(tx, new))
        if row is None:
            raise await self._running(order.job)
        self.scheduler.wake()
        return await self.run_view(row.id)

    def _new_run(self, order: RunOrder, *, worker: int | None) -> jobs.NewRun:
        job = self.book.job(order.job)
        parameters = written(checked(job, order.parameters, dry_run=order.dry_run))
        return jobs.NewRun(
            job=order.job,
            trigger="operator",
            actor=order.actor,
            now=to_micros(self._clock()),
            parameters=parameters,
            dry_run=order.dry_run,
            from_start=order.from_start,
            worker=worker,
        )

    async def _running(self, name: str) -> ConflictError:
        question = functools.partial(queries_jobs.latest, name=name, now=self._clock())
        going, _ = await self._database.read(question)
        told = "is being run already"
        if going is not None:
            place = f"at {going.host} (process {going.pid})" if going.host else "and waits for a worker"
            told = f"is being run already: run {going.id} by {going.actor} {place}"
        return ConflictError(f"job {name} {told}; a job has one run at a time")

    async def run_here(
        self, order: RunOrder, stopping: asyncio.Event, begun: Callable[[int], None]
    ) -> RunView:
        """Do a run in this process, which must have a worker row by now; the record of it.

        ``begun`` is told its number. Raises like ``start``; a run whose process is dead stands in nobody's way.
        """
        new = self._new_run(order, worker=self._owner())
        row = await self._database.write(lambda tx: jobs.begin_run(tx, new))
        while row is None and await self._owner_is_dead(order.job, stopping):
            row = await self._database.write(lambda tx: jobs.begin_run(tx, new))
        if row is None:
            raise await self._running(order.job)
        begun(row.id)
        desk = Desk(database=self._database, clock=self._clock, stopping=stopping)
        # whoever started it here wanted it to end here, too: nobody goes on with it
        await execute(desk, self.book.job(order.job), row, worker=self._owner(), resume=False)
        return await self.run_view(row.id)

    async def _owner_is_dead(self, name: str, stopping: asyncio.Event) -> bool:
        """Wait until it is plain whether the process that has the job's run lives. Dead: its run is ended."""
        first: tuple[int, int] | None = None
        while not stopping.is_set():
            seen: Board = await self._database.read(queries_jobs.board)
            run = next((item for item in seen.open if item.job == name), None)
            if run is None:
                return True
            if run.orphan:
                await clear_up(self._database, to_micros(self._clock()))
                return True
            beat = await self._database.read(functools.partial(queries_jobs.beat_of, run=run.id))
            if beat is None and run.worker is None:
                return False
            if first is not None and beat is not None and beat != first:
                return False
            first = first or beat
            await asyncio.sleep(OWNER_POLL_SECONDS)
        return False

    async def stop(self, run: int, *, actor: str, reason: str) -> RunView:
        """Ask a run to end. NotFoundError; ConflictError when it has ended."""
        order = jobs.StopRun(run=run, actor=actor, reason=reason, now=self._clock())
        await self._database.write(lambda tx: jobs.stop_run(tx, order))
        return await self.run_view(run)

    async def reschedule(self, order: NewSchedule) -> JobView:
        """Set a schedule over the configured one. NotFoundError; RecordError says what is wrong with it.

        A dry run gives the job as it would be, with its next starts, and changes nothing.
        """
        self.book.job(order.job)
        fields = {name: getattr(order, name) for name in ("cron", "time_zone", "missed", "enabled")}
        wanted = JobRow(name=order.job, changed_by=order.actor, **fields)
        self.book.require_plan(order.job, wanted)
        if order.dry_run:
            question = functools.partial(queries_jobs.glance, name=order.job, now=self._clock())
            seen = await self._database.read(question)
            return self._shown(msgspec.structs.replace(seen, row=wanted))
        row = jobs.Reschedule(
            job=order.job, actor=order.actor, reason=order.reason, now=self._clock(), **fields
        )
        await self._database.write(lambda tx: jobs.set_schedule(tx, row))
        self.scheduler.wake()
        return await self.view(order.job)


def _schedule(plan: Plan, row: JobRow, now: datetime) -> ScheduleView:
    by_operator = plan.source == "operator"
    override = Override(cron=row.cron, time_zone=row.time_zone, missed=row.missed, enabled=row.enabled)
    return ScheduleView(
        cron=plan.cron,
        time_zone=plan.time_zone,
        missed=plan.missed,
        enabled=plan.enabled,
        source=plan.source,
        changed_by=row.changed_by if by_operator else None,
        override=override if by_operator else None,
        upcoming=[] if plan.timing is None else plan.timing.upcoming(now, UPCOMING),
    )
