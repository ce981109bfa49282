"""Jobs over HTTP: their schedules and runs; ordering, stopping and rescheduling them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason, Reasoned
from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.jobs.parameters import LONGEST_VALUE
from gateway.jobs.service import JobView, NewSchedule, RunOrder
from gateway.jobs.timing import LONGEST_CRON
from gateway.storage.queries_jobs import RunFilter, RunState, RunView

_LIST = "runs"
Value = Annotated[str, Meta(max_length=LONGEST_VALUE)]


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run to begin. ``dry_run``: look, tell, change nothing. ``from_start``: not where the last one stopped."""

    parameters: dict[str, Value] = {}
    dry_run: bool = False
    from_start: bool = False


class ScheduleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule over the configured one; what is null or left out is as configured.

    ``cron``: minute, hour, day of the month, month, day of the week, in ``time_zone``. ``missed``: what becomes of
    starts that nobody was there for, ``once`` (one run makes up for all) or ``skip``. ``dry_run``: answer with the job as
    it would be, and change nothing.
    """

    reason: Reason
    cron: Annotated[str, Meta(max_length=LONGEST_CRON)] | None = None
    time_zone: Annotated[str, Meta(max_length=64)] | None = None
    missed: Literal["skip", "once"] | None = None
    enabled: bool | None = None
    dry_run: bool = False


class JobList(msgspec.Struct, frozen=True, kw_only=True):
    """Every job."""

    items: list[JobView]


class RunsOfJob(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs of a job."""

    state: RunState | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class RunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs, of which job."""

    job: Word | None = None
    state: RunState | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs, newest first. ``next`` null: these were the last."""

    items: list[RunView]
    next: str | None


async def list_jobs(api: Api, _call: Call) -> Answer:
    """Every job as it stands."""
    return Answer(value=JobList(items=await api.gateway.jobs.views()))


async def get_job(api: Api, call: Call) -> Answer:
    """One job."""
    return Answer(value=await api.gateway.jobs.view(str(call.path["job"])))


async def start_run(api: Api, call: Call) -> Answer:
    """Order a run; a worker process does it."""
    order = call.body_as(RunRequest)
    view = await api.gateway.jobs.start(
        RunOrder(
            job=str(call.path["job"]),
            actor=call.actor,
            parameters=order.parameters,
            dry_run=order.dry_run,
            from_start=order.from_start,
        )
    )
    return Answer(value=view, status=202, headers=(("location", f"/v1/runs/{view.id}"),))


async def list_job_runs(api: Api, call: Call) -> Answer:
    """Some runs of a job, newest first."""
    query, job = call.query_as(RunsOfJob), str(call.path["job"])
    api.gateway.jobs.book.job(job)
    return await _page(api, RunQuery(job=job, state=query.state, cursor=query.cursor, limit=query.limit))


async def list_runs(api: Api, call: Call) -> Answer:
    """Some runs of any job, newest first."""
    return await _page(api, call.query_as(RunQuery))


async def _page(api: Api, query: RunQuery) -> Answer:
    key = key_of(_LIST, query.cursor, tuple[int])
    wanted = RunFilter(
        job=query.job, state=query.state, before=None if key is None else key[0], limit=query.limit
    )
    items = await api.gateway.jobs.runs(wanted)
    last = (int(items[-1].id),) if items else None
    return Answer(value=RunPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_run(api: Api, call: Call) -> Answer:
    """One run."""
    return Answer(value=await api.gateway.jobs.run_view(int(call.path["run"])))


async def stop_run(api: Api, call: Call) -> Answer:
    """Ask a run to end."""
    reason = call.body_as(Reasoned).reason
    return Answer(value=await api.gateway.jobs.stop(int(call.path["run"]), actor=call.actor, reason=reason))


async def set_schedule(api: Api, call: Call) -> Answer:
    """Set a schedule over the configured one."""
    order = call.body_as(ScheduleRequest)
    new = NewSchedule(job=str(call.path["job"]), actor=call.actor, **msgspec.structs.asdict(order))
    return Answer(value=await api.gateway.jobs.reschedule(new))
