"""Runs of jobs and their schedules: who has which run, how far it is, when the next one starts.

A run without a worker waits for one; a run whose worker has no row any more has lost it. Invariants: one run of a job
at a time (a unique partial index says so); only the owner of a run reports on it and ends it; a run begins where the
last one of the same job with the same parameters stopped, and a dry one never moves the mark of a real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage.instants import to_micros
from gateway.storage.operator_log import json_text, write_action
from gateway.storage.oversight import Action
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

Trigger: TypeAlias = Literal["schedule", "operator", "missed"]
Ended: TypeAlias = Literal["done", "failed", "interrupted"]
KEPT_RUNS = 50_000  # of each job; a job of every minute fills them in five weeks
FORGOTTEN_AT_ONCE = 5_000
WORKER_LOST = "the process that ran it disappeared"


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run to begin. ``parameters``: canonical JSON. ``worker`` None: whoever takes it first."""

    job: str
    trigger: Trigger
    actor: str
    now: int
    parameters: str = "{}"
    dry_run: bool = False
    from_start: bool = False
    worker: int | None = None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has an owner, as whoever runs it needs it."""

    id: int
    job: str
    trigger: str
    actor: str
    dry_run: bool
    parameters: str
    watermark: str | None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far run ``run`` of worker ``worker`` is. ``watermark`` as it is to stand."""

    run: int
    worker: int
    done: int
    total: int | None
    watermark: str | None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is answered. ``ours`` False: somebody has taken the run away. ``stop_by``: who wants it to end."""

    ours: bool
    stop_by: str | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. ``resume``: let whoever comes first go on with it."""

    progress: Progress
    state: Ended
    now: int
    summary: str = "{}"
    failure: str | None = None
    resume: bool = False


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose worker is gone."""

    run: int
    job: str
    resumed: bool


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a start by the schedule: the run that it began, or why it was dropped; neither: none was due."""

    run: RunRow | None = None
    dropped: str | None = None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule to look at: ``schedule`` in words, the ``next_at`` that follows ``now`` (None: never again), and what
    to do with a start that is more than ``grace`` late. ``parameters``: canonical JSON, as an operator's run without
    any would have it. ``at_first``: seen for the first time, it is due."""

    job: str
    schedule: str
    now: int
    next_at: int | None
    missed: Literal["skip", "once"]
    grace: int
    worker: int
    parameters: str = "{}"
    at_first: bool = False


class Reschedule(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's schedule in the place of the configured one; None: as configured."""

    job: str
    actor: str
    reason: str
    now: datetime
    cron: str | None
    time_zone: str | None
    missed: str | None
    enabled: bool | None


class StopRun(msgspec.Struct, frozen=True, kw_only=True):
    """An operator wants a run to end."""

    run: int
    actor: str
    reason: str
    now: datetime


_NEWEST = Statement("SELECT MAX(id) FROM job_run")
_BEGIN = Statement("""
    INSERT INTO job_run (id, job, "trigger", actor, dry_run, parameters, worker, state, started_at)
    VALUES (:id, :job, :trigger, :actor, :dry_run, :parameters, :worker, 'running', :now)
    ON CONFLICT (job) WHERE state = 'running' DO NOTHING
""")
_MARK = Statement("""
    SELECT watermark FROM job_run
    WHERE job = :job AND state <> 'running' AND dry_run = :dry_run AND parameters = :parameters
    ORDER BY id DESC LIMIT 1
""")
_SET_MARK = Statement("UPDATE job_run SET watermark = :watermark WHERE id = :run")
_TAKE = Statement("""
    UPDATE job_run SET worker = :worker, started_at = :now WHERE id = :run AND state = 'running' AND worker IS NULL
    RETURNING id, job, "trigger", actor, dry_run, parameters, watermark
""")
_REPORT = Statement("""
    UPDATE job_run SET done = :done, total = :total, watermark = :watermark
    WHERE id = :run AND worker = :worker AND state = 'running' RETURNING stop_by
""")
_END = Statement("""
    UPDATE job_run SET done = :done, total = :total, watermark = :watermark, state = :state, ended_at = :now,
        summary = :summary, failure = :failure
    WHERE id = :run AND worker = :worker AND state = 'running'
    RETURNING id, job, "trigger", actor, dry_run, parameters, watermark
""")
_ORPHANS = Statement("""
    SELECT id, job, "trigger", actor, dry_run, parameters, watermark, done, stop_by FROM job_run
    WHERE state = 'running' AND worker IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = job_run.worker)
    ORDER BY id SKIP_LOCKED
""")
_BEFORE = Statement("SELECT state FROM job_run WHERE job = :job AND id < :run ORDER BY id DESC LIMIT 1")
_CLOSE = Statement("""
    UPDATE job_run SET state = 'interrupted', ended_at = :now, failure = :failure
    WHERE id = :run AND state = 'running'
""")
_NEXT = Statement("SELECT next_at, schedule FROM job WHERE name = :job FOR_UPDATE")
_PLAN = Statement("""
    INSERT INTO job (name, next_at, schedule) VALUES (:job, :next_at, :schedule)
    ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at, schedule = excluded.schedule
""")
_OVERRIDE = Statement("""
    INSERT INTO job (name, cron, time_zone, missed, enabled, changed_by)
    VALUES (:job, :cron, :time_zone, :missed, :enabled, :actor)
    ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, time_zone = excluded.time_zone,
        missed = excluded.missed, enabled = excluded.enabled, changed_by = excluded.changed_by
""")
_STANDING = Statement("""
    SELECT job, state, worker IS NULL OR NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = job_run.worker)
    FROM job_run WHERE id = :run FOR_UPDATE
""")
_WANT_STOP = Statement("UPDATE job_run SET stop_by = :actor WHERE id = :run")
_OLD = Statement("SELECT id FROM job_run WHERE job = :job ORDER BY id DESC LIMIT 1 OFFSET :kept")
_FORGET = Statement("""
    DELETE FROM job_run WHERE id IN (
        SELECT id FROM job_run WHERE job = :job AND id <= :oldest AND state = 'done' AND "trigger" <> 'operator'
        ORDER BY id LIMIT :most)
""")


def begin_run(transaction: Transaction, new: NewRun) -> RunRow | None:
    """Begin a run at the mark of the last one like it; None when a run of this job is going on or waiting."""
    if (newest := _newest(transaction)) is not None:
        transaction.identifiers.follow(
            newest
        )  # runs of several machines have one order, whatever their clocks say
    run = transaction.identifiers.next()
    row = {
        name: getattr(new, name) for name in ("job", "trigger", "actor", "dry_run", "parameters", "worker")
    }
    if not transaction.run(_BEGIN, {"id": run, "now": new.now, **row}):
        return None
    watermark = None
    if not new.from_start:
        # only now: the one before has ended, and what it left is visible
        mark = transaction.one(_MARK, {name: row[name] for name in ("job", "dry_run", "parameters")})
        watermark = None if mark is None else mark[0]
        transaction.run(_SET_MARK, {"run": run, "watermark": watermark})
    kept = {name: row[name] for name in ("job", "trigger", "actor", "dry_run", "parameters")}
    return RunRow(id=run, watermark=watermark, **kept)


def _newest(transaction: Transaction) -> int | None:
    row = transaction.one(_NEWEST, {})
    return None if row is None or row[0] is None else int(row[0])


def take_run(transaction: Transaction, run: int, *, worker: int, now: int) -> RunRow | None:
    """Take a run that waits for a worker; None when another one was faster."""
    row = transaction.one(_TAKE, {"run": run, "worker": worker, "now": now})
    return None if row is None else _run_row(row)


def _run_row(row: Sequence[Any]) -> RunRow:
    values = dict(zip(RunRow.__struct_fields__, row, strict=False))
    return RunRow(**{**values, "dry_run": bool(values["dry_run"])})


def report_progress(transaction: Transaction, progress: Progress) -> Heard:
    """Write down how far a run is."""
    row = transaction.one(_REPORT, msgspec.structs.asdict(progress))
    return Heard(ours=False) if row is None else Heard(ours=True, stop_by=row[0])


def end_run(transaction: Transaction, ending: Ending) -> bool:
    """Write down how a run ended; False when it is not its worker's any more. A failure is told in the feed."""
    row = transaction.one(
        _END,
        {
            **msgspec.structs.asdict(ending.progress),
            **{name: getattr(ending, name) for name in ("state", "now", "summary", "failure")},
        },
    )
    if row is None:
        return False
    ended = _run_row(row)
    if ending.state == "failed":
        _tell_failure(transaction, ended, ending)
    if ending.resume and _worth_resuming(transaction, ended, ending.progress.done):
        _resume(transaction, ended, ending.now)
    return True


def _tell_failure(transaction: Transaction, run: RunRow, ending: Ending) -> None:
    data = {"run": str(run.id), "job": run.job, "trigger": run.trigger, "failure": ending.failure}
    event = EventRow(
        id=transaction.identifiers.next(), at=ending.now, kind="job.failed", data=json_text(data)
    )
    insert_events(transaction, [event])


def _worth_resuming(transaction: Transaction, run: RunRow, done: int) -> bool:
    """Not a dry run, which nobody waits for; not one that came no further than the one before, which was cut short as
    well: what kills its process must not do so for ever."""
    if run.dry_run or done > 0:
        return not run.dry_run
    before = transaction.one(_BEFORE, {"job": run.job, "run": run.id})
    return before is None or before[0] != "interrupted"


def _resume(transaction: Transaction, run: RunRow, now: int) -> None:
    """Let the same be done again from where it stopped, by whoever takes it."""
    begin_run(
        transaction,
        NewRun(job=run.job, trigger="missed", actor=run.actor, now=now, parameters=run.parameters),
    )


def interrupt_orphans(transaction: Transaction, *, now: int, resumable: frozenset[str]) -> list[Lost]:
    """End the runs whose worker is gone; those of ``resumable`` jobs wait for somebody to go on with them."""
    lost: list[Lost] = []
    for row in transaction.all(_ORPHANS, {}):
        run, (done, stop_by) = _run_row(row), row[-2:]
        failure = WORKER_LOST if stop_by is None else f"stopped by {stop_by}"
        transaction.run(_CLOSE, {"run": run.id, "now": now, "failure": failure})
        wanted = run.job in resumable and stop_by is None
        resumed = wanted and _worth_resuming(transaction, run, int(done))
        if resumed:
            _resume(transaction, run, now)
        lost.append(Lost(run=run.id, job=run.job, resumed=resumed))
    return lost


def claim_start(transaction: Transaction, due: Due) -> Start:
    """Begin the run that is due by the schedule, if one is; the schedule moves on to its next start either way.

    A start that falls into a run that is still going on is dropped, and however many were missed, one makes up for
    them.
    """
    row = transaction.one(_NEXT, {"job": due.job})
    known = row is not None and row[1] == due.schedule
    planned = int(row[0]) if row is not None else 0
    if known and not 0 < planned <= due.now:
        return Start()
    transaction.run(_PLAN, {"job": due.job, "next_at": due.next_at or 0, "schedule": due.schedule})
    if not known and not (row is None and due.at_first):
        return Start()
    late = known and due.now - planned > due.grace
    if late and due.missed == "skip":
        return Start(dropped="nobody was there for it")
    new = NewRun(
        job=due.job,
        trigger="missed" if late else "schedule",
        actor="schedule",
        now=due.now,
        parameters=due.parameters,
        worker=due.worker,
    )
    run = begin_run(transaction, new)
    return Start(run=run, dropped="the run before is still going on" if run is None else None)


def set_schedule(transaction: Transaction, order: Reschedule) -> str:
    """Put an operator's schedule in the place of the configured one; the identifier of the record of it."""
    settings = {name: getattr(order, name) for name in ("cron", "time_zone", "missed", "enabled")}
    transaction.run(_OVERRIDE, {"job": order.job, "actor": order.actor, **settings})
    return write_action(
        transaction,
        Action(
            actor=order.actor,
            verb="reschedule",
            target=job_target(order.job),
            reason=order.reason,
            now=order.now,
            detail=settings,
        ),
    )


def stop_run(transaction: Transaction, order: StopRun) -> str:
    """Ask a run to end; one that nobody has ends at once. The name of its job.

    Raises NotFoundError, and ConflictError when it has ended.
    """
    row = transaction.one(_STANDING, {"run": order.run})
    if row is None:
        raise NotFoundError(f"there is no run {order.run}")
    job, state, ownerless = str(row[0]), row[1], bool(row[2])
    if state != "running":
        raise ConflictError(f"run {order.run} of job {job} has ended: {state}")
    transaction.run(_WANT_STOP, {"run": order.run, "actor": order.actor})
    if ownerless:
        closing = {"run": order.run, "now": to_micros(order.now), "failure": f"stopped by {order.actor}"}
        transaction.run(_CLOSE, closing)
    action = Action(
        actor=order.actor,
        verb="stop",
        target=job_target(job),
        reason=order.reason,
        now=order.now,
        detail={"run": str(order.run)},
    )
    write_action(transaction, action)
    return job


def job_target(job: str) -> str:
    """The target of what people do to a job, in the record of it."""
    return f"job:{job}"


def forget_runs(transaction: Transaction, job: str, *, kept: int = KEPT_RUNS) -> int:
    """Drop the oldest records beyond the newest ``kept`` of a job: those of runs that no person started and that
    ended well. How many."""
    oldest = transaction.one(_OLD, {"job": job, "kept": kept})
    if oldest is None:
        return 0
    return transaction.run(_FORGET, {"job": job, "oldest": oldest[0], "most": FORGOTTEN_AT_ONCE})
