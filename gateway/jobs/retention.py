"""The job that drops contents whose period is over, and puts old entries into archives.

Invariant: it never takes more than its rate allows, and what it drops or prunes is what ``gateway.messagelog.retention``
and ``gateway.messagelog.archiving`` let go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gateway.domain.job import Job, RunContext, Summary
from gateway.messagelog.archiving import Archiving, Step, archive, due_archives, prune
from gateway.messagelog.retention import Dropping, Periods, drop_expired
from gateway.settings_evidence import RetentionSettings
from gateway.storage.database import Database

NAME = "log-retention"


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """What the job works on. ``folder``: where archives go; None: nowhere."""

    database: Database
    clock: Callable[[], datetime]
    terms: RetentionSettings
    folder: Path | None = None


def retention_job(keeping: Keeping) -> Job:
    """The job ``log-retention``."""
    return Job(
        name=NAME,
        title="Drop contents of the message log whose period is over; archive and prune old entries",
        title_vi="Lưu trữ và dọn nhật ký trao đổi",
        run=partial(_run, keeping),
        cron="40 2 * * *",
        can_dry_run=True,
    )


async def _run(keeping: Keeping, context: RunContext) -> Summary:
    terms, now = keeping.terms, keeping.clock()

    async def report(done: int, watermark: str) -> None:
        await context.report(done, watermark=None if context.dry_run else watermark)

    dropping = Dropping(
        database=keeping.database,
        periods=Periods(debug=timedelta(days=terms.debug_days), health=timedelta(days=terms.health_days)),
        now=now,
        rate=terms.rate,
        report=report,
        dry_run=context.dry_run,
    )
    dropped = await drop_expired(dropping, None if context.dry_run else context.watermark)
    summary: dict[str, Any] = {"dropped": dropped}
    if terms.evidence_days and keeping.folder is not None:
        before = now - timedelta(days=terms.evidence_days)
        summary |= await _archived(keeping, context, keeping.folder, before)
    return summary


async def _archived(keeping: Keeping, context: RunContext, folder: Path, before: datetime) -> dict[str, Any]:
    if context.dry_run:
        due = await keeping.database.read(lambda _: due_archives(keeping.database, before))
        return {"archives": [[each.span.first, each.span.last] for each in due], "pruned": 0}
    order = Archiving(database=keeping.database, folder=folder, clock=keeping.clock, tell=_telling(context))
    made = await archive(order, before)
    gone = await prune(order) if keeping.terms.prune else 0
    return {"archives": [[row.first_seq, row.last_seq] for row in made], "pruned": gone}


def _telling(context: RunContext) -> Callable[[Step], Awaitable[None]]:
    async def tell(step: Step) -> None:
        await context.report(step.done, total=step.total)

    return tell
