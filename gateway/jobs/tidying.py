"""The job that drops what nobody needs any more: expired tokens, old idempotency keys, records of uneventful runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime

from gateway.domain.job import Job, RunContext, Summary
from gateway.storage import jobs, queries_jobs
from gateway.storage.clients import forget_expired
from gateway.storage.database import Database


def tidy_job(database: Database, clock: Callable[[], datetime]) -> Job:
    """The job ``tidy``."""
    return Job(
        name="tidy",
        title="Drop expired tokens, old idempotency keys and the oldest records of uneventful runs",
        title_vi="Dọn dẹp dữ liệu hết hạn",
        run=functools.partial(_tidy, database, clock),
        cron="*/10 * * * *",
    )


async def _tidy(database: Database, clock: Callable[[], datetime], context: RunContext) -> Summary:
    expired = await database.write(functools.partial(forget_expired, now=clock()))
    forgotten = 0
    for name in await database.read(queries_jobs.job_rows):
        while dropped := await database.write(
            functools.partial(jobs.forget_runs, job=name, kept=jobs.KEPT_RUNS)
        ):
            forgotten += dropped
            await context.report(forgotten)
    return {"expired": expired, "runs": forgotten}
