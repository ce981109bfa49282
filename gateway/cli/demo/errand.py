"""Running a job's round in the demo itself, without the book of runs.

Invariant: it is the very function that the scheduler calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.bootstrap import Gateway

AT_ONCE = 8


class Errand:
    """A run of a job that nobody has to remember."""

    run = 0
    dry_run = False
    actor = "demo"
    watermark: str | None = None

    def __init__(self, **parameters: str) -> None:
        self.parameters: Mapping[str, str] = {"concurrency": str(AT_ONCE), "limit": "500", **parameters}

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        """Nobody watches."""
        del done, total, watermark


async def round_of(gateway: Gateway, job: str, **parameters: str) -> Mapping[str, Any]:
    """One round of ``job``, and what it tells."""
    return await gateway.jobs.book.job(job).run(Errand(**parameters))
