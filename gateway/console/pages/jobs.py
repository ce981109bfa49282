"""Sync jobs: what runs by itself, how it went; start, stop, another schedule.

Invariant: a schedule is shown with its next starts before it is stored, and a run that changes much can be looked at
first where its job has a dry run.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.jobs import JobList, RunPage, Value
from gateway.api.paging import Cursor
from gateway.console.asking import ask
from gateway.console.cron import explain
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.reasons import Reasoned
from gateway.domain.errors import RecordError
from gateway.domain.violation import Violation
from gateway.jobs.service import JobView
from gateway.jobs.timing import LONGEST_CRON
from gateway.storage.clients import Scope
from gateway.storage.queries_jobs import RunState, RunView

_SCHEDULE = ("cron", "time_zone", "missed", "enabled")


class JobQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which of its runs."""

    state: RunState | None = None
    cursor: Cursor | None = None


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """A run to begin."""

    parameters: dict[str, Value] = {}
    dry_run: bool = False
    from_start: bool = False


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Another schedule. ``reset``: as configured again. ``confirmed``: it was looked at."""

    reason: Reason
    cron: Annotated[str, Meta(max_length=LONGEST_CRON)] | None = None
    time_zone: Annotated[str, Meta(max_length=64)] | None = None
    missed: Literal["skip", "once"] | None = None
    enabled: bool | None = None
    reset: bool = False
    confirmed: bool = False


async def list_jobs(visit: Visit) -> Response:
    """Every job."""
    found = await ask(visit, "list_jobs", JobList)
    rows = [(job, explain(job.schedule.cron, visit.language)) for job in found.items]
    rows.sort(key=lambda row: (row[0].failing_since is None, row[0].running is None))
    return Shown(template="jobs/list.html", values={"rows": rows, "now": visit.now})


async def show_job(visit: Visit) -> Response:
    """One job and its runs."""
    name, query = str(visit.path["job"]), visit.query_as(JobQuery)
    job = await ask(visit, "get_job", JobView, path={"job": name})
    runs = await ask(
        visit,
        "list_job_runs",
        RunPage,
        path={"job": name},
        query={"state": query.state, "cursor": query.cursor, "limit": 20},
    )
    values = {**_about(visit, job), "runs": runs, "state": query.state, "paged": query.cursor is not None}
    return Shown(template="jobs/job.html", values=values)


def _about(visit: Visit, job: JobView) -> dict[str, object]:
    return {
        "job": job,
        "words": explain(job.schedule.cron, visit.language),
        "may_operate": visit.viewer.may(Scope.JOBS_OPERATE),
        "now": visit.now,
    }


async def start_job(visit: Visit) -> Response:
    """Order a run."""
    form = visit.form_as(Start)
    run = await ask(
        visit,
        "start_run",
        RunView,
        path={"job": str(visit.path["job"])},
        body={"parameters": form.parameters, "dry_run": form.dry_run, "from_start": form.from_start},
    )
    return Moved(to=f"/console/runs/{run.id}", message="jobs.started", values={"job": run.job})


async def show_run(visit: Visit) -> Response:
    """One run."""
    run = await ask(visit, "get_run", RunView, path=visit.path)
    job = await ask(visit, "get_job", JobView, path={"job": run.job})
    return Shown(template="jobs/run.html", values={**_about(visit, job), "run": run})


async def stop_run(visit: Visit) -> Response:
    """Ask a run to end."""
    reason = visit.form_as(Reasoned).reason
    run = await ask(visit, "stop_run", RunView, path=visit.path, body={"reason": reason})
    return Moved(to=f"/console/runs/{run.id}", message="jobs.stopping", values={"job": run.job})


async def edit_schedule(visit: Visit) -> Response:
    """The form for another schedule."""
    job = await ask(visit, "get_job", JobView, path={"job": str(visit.path["job"])})
    return _form(visit, job, Schedule(reason="---"), [])


def _form(visit: Visit, job: JobView, form: Schedule, violations: list[Violation]) -> Shown:
    now = job.schedule
    given = {
        name: getattr(now, name) if getattr(form, name) is None else getattr(form, name) for name in _SCHEDULE
    }
    return Shown(
        template="jobs/schedule.html",
        values={**_about(visit, job), "given": given, "violations": violations},
        status=422 if violations else 200,
    )


async def set_schedule(visit: Visit) -> Response:
    """Show a schedule as it would be; with the word for it, set it."""
    form, path = visit.form_as(Schedule), {"job": str(visit.path["job"])}
    wanted = {} if form.reset else {name: getattr(form, name) for name in _SCHEDULE}
    body = {**wanted, "reason": form.reason, "dry_run": not form.confirmed}
    try:
        job = await ask(visit, "set_schedule", JobView, path=path, body=body)
    except RecordError as fault:
        now = await ask(visit, "get_job", JobView, path=path)
        return _form(visit, now, form, list(fault.violations))
    if form.confirmed:
        return Moved(to=f"/console/jobs/{job.name}", message="jobs.rescheduled", values={"job": job.name})
    before = await ask(visit, "get_job", JobView, path=path)
    values = {
        **_about(visit, job),
        "before": before,
        "words_before": explain(before.schedule.cron, visit.language),
        "form": form,
    }
    return Shown(template="jobs/schedule_check.html", values=values)


_READ, _OPERATE = Scope.DELIVERIES_READ, Scope.JOBS_OPERATE
PAGES: tuple[Page, ...] = (
    Page(path="/console/jobs", name="jobs", title="jobs.title", scope=_READ, view=list_jobs, group="work"),
    Page(
        path="/console/jobs/{job}",
        name="jobs",
        title="jobs.title_job",
        scope=_READ,
        view=show_job,
        query=JobQuery,
    ),
    Page(
        path="/console/jobs/{job}/schedule",
        name="jobs",
        title="jobs.title_schedule",
        scope=_OPERATE,
        view=edit_schedule,
    ),
    Page(path="/console/runs/{run}", name="jobs", title="jobs.title_run", scope=_READ, view=show_run),
)
ACTIONS: tuple[Action, ...] = (
    Action(path="/console/jobs/{job}", name="jobs", scope=_OPERATE, view=start_job, form=Start),
    Action(
        path="/console/jobs/{job}/schedule", name="jobs", scope=_OPERATE, view=set_schedule, form=Schedule
    ),
    Action(path="/console/runs/{run}", name="jobs", scope=_OPERATE, view=stop_run, form=Reasoned),
)
