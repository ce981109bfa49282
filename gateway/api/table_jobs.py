"""Rows of the table: jobs and their runs."""

from __future__ import annotations

from gateway.api.jobs import (
    JobList,
    RunPage,
    RunQuery,
    RunRequest,
    RunsOfJob,
    ScheduleRequest,
    get_job,
    get_run,
    list_job_runs,
    list_jobs,
    list_runs,
    set_schedule,
    start_run,
    stop_run,
)
from gateway.api.route import Body, Route, Success
from gateway.api.table_operations import action
from gateway.jobs.service import JobView
from gateway.storage.clients import Scope
from gateway.storage.queries_jobs import RunView

JOBS: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/v1/jobs",
        name="list_jobs",
        tag="jobs",
        scope=Scope.DELIVERIES_READ,
        summary="List jobs",
        description="What is done on a schedule or on demand: when next, what runs, how the last run ended.",
        handler=list_jobs,
        successes=(Success(status=200, description="Every job.", kind=JobList),),
    ),
    Route(
        method="GET",
        path="/v1/jobs/{job}",
        name="get_job",
        tag="jobs",
        scope=Scope.DELIVERIES_READ,
        summary="Read a job",
        description="Its schedule and the next starts, its parameters, its run and the one before.",
        handler=get_job,
        successes=(Success(status=200, description="The job.", kind=JobView),),
    ),
    Route(
        method="GET",
        path="/v1/jobs/{job}/runs",
        name="list_job_runs",
        tag="jobs",
        scope=Scope.DELIVERIES_READ,
        summary="List the runs of a job",
        description="Newest first.",
        handler=list_job_runs,
        query=RunsOfJob,
        successes=(Success(status=200, description="A page of runs.", kind=RunPage),),
    ),
    Route(
        method="POST",
        path="/v1/jobs/{job}/runs",
        name="start_run",
        tag="jobs",
        scope=Scope.JOBS_OPERATE,
        summary="Run a job",
        description=(
            "A worker process begins it within a second, where the last run with the same parameters stopped; look at "
            "the run to see how far it is. A job has one run at a time: a second one is a conflict."
        ),
        handler=start_run,
        body=Body(kind=RunRequest, example={"parameters": {}, "dry_run": False}),
        successes=(
            Success(
                status=202,
                description="Ordered.",
                kind=RunView,
                headers={"Location": "Where the run can be looked at."},
            ),
        ),
        problems=("unreadable", "conflict"),
    ),
    Route(
        method="PUT",
        path="/v1/jobs/{job}/schedule",
        name="set_schedule",
        tag="jobs",
        scope=Scope.JOBS_OPERATE,
        summary="Set a job's schedule",
        description=(
            "Over the configured one, in all processes at once. With nothing but a reason it is as configured again. "
            "Starts that the new schedule would have had in the past are not made up for."
        ),
        handler=set_schedule,
        body=Body(
            kind=ScheduleRequest,
            example={"cron": "15 2 * * 1-5", "missed": "once", "reason": "the portal is quiet at night"},
        ),
        successes=(Success(status=200, description="The job.", kind=JobView),),
        problems=("unreadable",),
    ),
    Route(
        method="GET",
        path="/v1/runs",
        name="list_runs",
        tag="jobs",
        scope=Scope.DELIVERIES_READ,
        summary="List runs",
        description="Of all jobs, newest first.",
        handler=list_runs,
        query=RunQuery,
        successes=(Success(status=200, description="A page of runs.", kind=RunPage),),
    ),
    Route(
        method="GET",
        path="/v1/runs/{run}",
        name="get_run",
        tag="jobs",
        scope=Scope.DELIVERIES_READ,
        summary="Read a run",
        description="How far it is, at what rate, how long it still takes; or how it ended and what it found.",
        handler=get_run,
        successes=(Success(status=200, description="The run.", kind=RunView),),
    ),
    action(
        "/v1/runs/{run}/stop",
        "stop_run",
        stop_run,
        summary="Stop a run",
        description=(
            "It ends at its next report, a second or two; nobody goes on with it by itself, and the next run begins "
            "where it stopped. One that no process has ends at once."
        ),
        done=RunView,
        tag="jobs",
        scope=Scope.JOBS_OPERATE,
    ),
)
