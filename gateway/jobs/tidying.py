"""The job that drops what nobody needs any more: expired tokens, old idempotency keys, records of uneventful runs, rows
of the lag, samples of the backlog."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.deadlines.instants import day_number_of
from gateway.domain.job import Job, RunContext, Summary
from gateway.storage import jobs, lag, queries_jobs, samples
from gateway.storage.clients import forget_expired
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.journeys import drop_journeys
from gateway.storage.lag import Retention

JOURNEYS_KEPT = timedelta(days=30)  # what is sent or reported later than that is in no trace
SAMPLES_KEPT = timedelta(days=8)  # a week, and the day before to compare with


def tidy_job(database: Database, clock: Callable[[], datetime], *, lag_kept: timedelta) -> Job:
    """The job ``tidy``. ``lag_kept``: so long the rows of the lag of single deliveries are kept."""
    return Job(
        name="tidy",
        title="Drop expired tokens, old idempotency keys, the oldest records of uneventful runs and rows of the lag",
        title_vi="Dọn dẹp dữ liệu hết hạn",
        run=functools.partial(_tidy, database, clock, lag_kept),
        cron="*/10 * * * *",
    )


async def _tidy(
    database: Database, clock: Callable[[], datetime], lag_kept: timedelta, context: RunContext
) -> Summary:
    expired = await database.write(functools.partial(forget_expired, now=clock()))
    forgotten = 0
    for name in await database.read(queries_jobs.job_rows):
        while dropped := await database.write(
            functools.partial(jobs.forget_runs, job=name, kept=jobs.KEPT_RUNS)
        ):
            forgotten += dropped
            await context.report(forgotten)
    since = to_micros(clock() - lag_kept)
    old, rows = Retention(before=day_number_of(since), since=since), 0
    while dropped := await database.write(functools.partial(lag.drop_rows, old=old)):
        rows += dropped
        await context.report(forgotten + rows)
    before = to_micros(clock() - SAMPLES_KEPT)
    dropped_samples = 0
    while dropped := await database.write(functools.partial(samples.drop_samples, before=before)):
        dropped_samples += dropped
    before = to_micros(clock() - JOURNEYS_KEPT)
    journeys = 0
    while dropped := await database.write(functools.partial(drop_journeys, before=before)):
        journeys += dropped
        await context.report(forgotten + rows + journeys)
    return {
        "expired": expired,
        "runs": forgotten,
        "lag_rows": rows,
        "samples": dropped_samples,
        "journeys": journeys,
    }
