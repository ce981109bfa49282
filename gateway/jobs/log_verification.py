"""The job that verifies the message log from the contents up, from where the last verification that found nothing ended.

What it remembers lies with the log's keys, out of reach of who can write to the database alone. Invariant: what is found is
in the run's summary and in the program's log, and the memory of a run that found something is not kept. Whoever does not
trust this machine runs ``lienthong log verify`` with keys and checkpoints that were kept elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gateway.domain.job import Job, Parameter, RunContext, Summary
from gateway.messagelog.verification import Report, Step, Verification, Wanted
from gateway.messagelog.verified import read_state, write_state
from gateway.proof.lienthong_verify import Trust
from gateway.storage.database import Database

log = structlog.get_logger(__name__)
NAME = "log-verification"
STATE_FILE = "verified.json"
MOST_FAULTS = 50


class Auditing(msgspec.Struct, frozen=True, kw_only=True):
    """What the job works on. ``folder``: of the log's keys, where it remembers how far it came; None: it begins anew every
    time. ``trust``: what is pinned here."""

    database: Database
    folder: Path | None
    trust: Callable[[], Trust]


def verification_job(auditing: Auditing) -> Job:
    """The job ``log-verification``."""
    return Job(
        name=NAME,
        title="Verify the message log from its contents up",
        title_vi="Kiểm tra toàn bộ nhật ký thông điệp",
        run=partial(_run, auditing),
        cron="20 4 * * *",
        parameters=(
            Parameter(
                name="scope",
                help="new: from where the last verification ended; all: everything again",
                pattern="new|all",
                default="new",
            ),
        ),
    )


async def _run(auditing: Auditing, context: RunContext) -> Summary:
    state_file = None if auditing.folder is None else auditing.folder / STATE_FILE
    whole = context.parameters.get("scope") == "all"
    state = None if whole or state_file is None else read_state(state_file)
    run = Verification(auditing.database, Wanted(trust=auditing.trust(), state=state))
    steps = run.steps()
    while (step := await asyncio.to_thread(_next, steps)) is not None:
        await context.report(step.checked, total=max(step.last - step.seq + step.checked, step.checked))
    report = run.report
    if not report.holds:
        log.error("log_verification_failed", faults=len(report.faults), first=report.faults[0].seq)
    elif state_file is not None and report.state is not None:
        write_state(state_file, report.state)
    return _summary(report)


def _next(steps: Any) -> Step | None:
    found: Step | None = next(steps, None)
    return found


def _summary(report: Report) -> dict[str, Any]:
    return {
        "answer": "yes" if report.holds else "no",
        "verified": report.holds,
        "begun": report.begun,
        "last": report.last,
        "proven": report.proven,
        "checked": report.checked,
        "erased": report.erased,
        "archived": report.archived,
        "checkpoints": report.checkpoints,
        "stamps": report.stamps,
        "cosignatures": report.cosignatures,
        "witnessed": report.witnessed,
        "faults": [msgspec.to_builtins(each) for each in report.faults[:MOST_FAULTS]],
        "more": report.more + max(0, len(report.faults) - MOST_FAULTS),
    }
