"""A process with a worker and one job, for tests that kill it.

The job ``count`` writes the numbers up to LAST into a file, one a line with the process's number before it, and reports
each. Usage: jobs_process URL FILE LAST
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from gateway.delivery.clock import SteadyClock
from gateway.delivery.destination import Hub
from gateway.domain.job import Job, RunContext
from gateway.jobs.book import JobBook
from gateway.jobs.service import Jobs
from gateway.settings import DeliverySettings
from gateway.storage.database import Database
from gateway.telemetry import configure_logging
from gateway.worker import Worker

FAST = DeliverySettings(beat=0.1, dead_after=1.0)
PAUSE_SECONDS = 0.01


def counting(file: Path, last: int) -> Job:
    async def count(context: RunContext) -> dict[str, Any]:
        first = int(context.watermark or "0")
        with file.open("a", encoding="utf-8") as numbers:
            for number in range(first + 1, last + 1):
                numbers.write(f"{os.getpid()} {number}\n")
                numbers.flush()
                await context.report(number - first, total=last - first, watermark=str(number))
                await asyncio.sleep(PAUSE_SECONDS)
        await context.report(last - first, watermark="")
        return {"counted": last - first}

    return Job(name="count", title="Count", title_vi="Đếm", run=count)


def jobs_of(database: Database, job: Job, worker: Worker | None = None) -> Jobs:
    owner = (lambda: worker.id) if worker is not None else (lambda: 0)
    return Jobs(JobBook([job], {}), database, SteadyClock(), owner)


async def main(url: str, file: str, last: str) -> None:
    configure_logging("info", "json")
    database = Database(url)
    worker = Worker(Hub(database=database, clock=SteadyClock(), settings=FAST), {})
    jobs = jobs_of(database, counting(Path(file), int(last)), worker)
    worker.attend("jobs", jobs.scheduler.run)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await worker.run()
    database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
