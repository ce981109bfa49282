"""Looking at jobs: their runs, newest first, and what operators have set over their schedules.

Invariant: reading only; a run that waits for a worker is shown as ``queued``, though it is kept as ``running``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.schema import job, worker
from gateway.storage.schema_status import job_run

RunState: TypeAlias = Literal["queued", "running", "done", "failed", "interrupted"]


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``answer`` "no": it ended well and found what should not be (drift, a broken identity).

    ``started_at``: when it began, while it is queued when it was ordered. ``done`` of ``total`` units of its own work
    (``total`` null: not known), ``rate`` a second, ``seconds_left`` at that rate. ``host`` and ``pid``: the process
    that has it. ``stop_by``: who has asked it to end.
    """

    id: str
    job: str
    state: RunState
    trigger: str
    actor: str
    dry_run: bool
    parameters: dict[str, str]
    started_at: datetime
    ended_at: datetime | None
    done: int
    total: int | None
    rate: float | None
    seconds_left: float | None
    watermark: str | None
    answer: Literal["yes", "no"] | None
    summary: dict[str, Any]
    failure: str | None
    stop_by: str | None
    host: str | None
    pid: int | None


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs; None: any."""

    job: str | None = None
    state: RunState | None = None
    before: int | None = None
    limit: int = 50


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept about a job beside its runs. ``next_at`` None: never worked out."""

    name: str
    next_at: datetime | None = None
    schedule: str | None = None
    cron: str | None = None
    time_zone: str | None = None
    missed: Literal["skip", "once"] | None = None
    enabled: bool | None = None
    changed_by: str | None = None


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """One job at a glance: what is kept of it, its run that has not ended, its newest that has, its last success, and
    since when real runs of it have failed without one that ended well."""

    row: JobRow
    running: RunView | None
    last: RunView | None
    last_success_at: datetime | None
    failing_since: datetime | None


class OpenRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has not ended. ``worker`` None: nobody has it; ``orphan``: its worker is gone."""

    id: int
    job: str
    worker: int | None
    orphan: bool


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides on what is to be begun now."""

    jobs: dict[str, JobRow]
    open: list[OpenRun]


def board(connection: sa.Connection) -> Board:
    """How schedules and open runs stand."""
    living = sa.exists().where(worker.c.id == job_run.c.worker)
    opened = sa.select(job_run.c.id, job_run.c.job, job_run.c.worker, living.label("living")).where(
        job_run.c.state == "running"
    )
    return Board(
        jobs=job_rows(connection),
        open=[
            OpenRun(
                id=row.id,
                job=row.job,
                worker=row.worker,
                orphan=row.worker is not None and not row.living,
            )
            for row in connection.execute(opened.order_by(job_run.c.id))
        ],
    )


def job_rows(connection: sa.Connection) -> dict[str, JobRow]:
    """What is kept about each job, by name."""
    columns = [job.c[name] for name in JobRow.__struct_fields__]
    rows = [row._mapping for row in connection.execute(sa.select(*columns))]  # noqa: SLF001 - its public name
    return {row["name"]: JobRow(**{**row, "next_at": _planned(row["next_at"])}) for row in rows}


def _planned(next_at: int) -> datetime | None:
    return from_micros(next_at) if next_at else None


def runs(connection: sa.Connection, wanted: RunFilter, now: datetime) -> list[RunView]:
    """Some runs, the newest first."""
    query = _query()
    if wanted.job is not None:
        query = query.where(job_run.c.job == wanted.job)
    if wanted.state is not None:
        query = query.where(*_in_state(wanted.state))
    if wanted.before is not None:
        query = query.where(job_run.c.id < wanted.before)
    found = connection.execute(query.order_by(job_run.c.id.desc()).limit(wanted.limit))
    return [_view(row, now) for row in found]


def run_view(connection: sa.Connection, run: int, now: datetime) -> RunView | None:
    """One run."""
    row = connection.execute(_query().where(job_run.c.id == run)).one_or_none()
    return None if row is None else _view(row, now)


def latest(connection: sa.Connection, name: str, now: datetime) -> tuple[RunView | None, RunView | None]:
    """The run of job ``name`` that has not ended, and the newest that has."""
    query = _query().where(job_run.c.job == name)
    going = connection.execute(query.where(job_run.c.state == "running")).one_or_none()
    ended = connection.execute(
        query.where(job_run.c.state != "running").order_by(job_run.c.id.desc()).limit(1)
    ).one_or_none()
    return (
        None if going is None else _view(going, now),
        None if ended is None else _view(ended, now),
    )


def glance(connection: sa.Connection, name: str, now: datetime) -> Glance:
    """How job ``name`` stands."""
    running, last = latest(connection, name, now)
    return Glance(
        row=job_rows(connection).get(name, JobRow(name=name)),
        running=running,
        last=last,
        last_success_at=last_success(connection, [name]).get(name),
        failing_since=_failing_since(connection, name),
    )


def _failing_since(connection: sa.Connection, name: str) -> datetime | None:
    """When the first real run after the last good one ended in failure; None while the job is well."""
    real = (job_run.c.job == name, sa.not_(job_run.c.dry_run))
    good = (
        sa.select(job_run.c.id).where(*real, job_run.c.state == "done").order_by(job_run.c.id.desc()).limit(1)
    )
    failed = (
        sa.select(job_run.c.ended_at)
        .where(
            *real,
            job_run.c.state == "failed",
            job_run.c.id > sa.func.coalesce(good.scalar_subquery(), 0),
        )
        .order_by(job_run.c.id)
        .limit(1)
    )
    return maybe_from_micros(connection.execute(failed).scalar_one_or_none())


def last_success(connection: sa.Connection, names: Sequence[str]) -> dict[str, datetime]:
    """When a real run of each job last ended well; a job that never did is missing."""
    found: dict[str, datetime] = {}
    for name in names:
        ended = (
            sa.select(job_run.c.ended_at)
            .where(job_run.c.job == name, job_run.c.state == "done", sa.not_(job_run.c.dry_run))
            .order_by(job_run.c.id.desc())
            .limit(1)
        )
        at = connection.execute(ended).scalar_one_or_none()
        if at is not None:
            found[name] = from_micros(at)
    return found


def beat_of(connection: sa.Connection, run: int) -> tuple[int, int] | None:
    """(worker, its beat) of the run's owner; None when the run has ended or its owner is gone."""
    owner = sa.select(worker.c.id, worker.c.beat).join(job_run, job_run.c.worker == worker.c.id)
    row = connection.execute(owner.where(job_run.c.id == run, job_run.c.state == "running")).one_or_none()
    return None if row is None else (int(row.id), int(row.beat))


def _query() -> sa.Select[Any]:
    return sa.select(job_run, worker.c.host, worker.c.pid).outerjoin(worker, worker.c.id == job_run.c.worker)


def _in_state(state: RunState) -> tuple[sa.ColumnElement[bool], ...]:
    match state:
        case "queued":
            return job_run.c.state == "running", job_run.c.worker.is_(None)
        case "running":
            return job_run.c.state == "running", job_run.c.worker.is_not(None)
        case _:
            return (job_run.c.state == state,)


def _view(row: sa.Row[Any], now: datetime) -> RunView:
    going = row.state == "running"
    started, ended = from_micros(row.started_at), maybe_from_micros(row.ended_at)
    summary = msgspec.json.decode(row.summary, type=dict[str, Any])
    rate = _rate(row.done, ((ended or now) - started).total_seconds())
    answer: Literal["yes", "no"] = "no" if summary.get("answer") == "no" else "yes"
    return RunView(
        id=str(row.id),
        job=row.job,
        state="queued" if going and row.worker is None else row.state,
        trigger=row.trigger,
        actor=row.actor,
        dry_run=row.dry_run,
        parameters=msgspec.json.decode(row.parameters, type=dict[str, str]),
        started_at=started,
        ended_at=ended,
        done=row.done,
        total=row.total,
        rate=rate,
        seconds_left=_left(row.total, row.done, rate) if going else None,
        watermark=row.watermark,
        answer=answer if row.state == "done" else None,
        summary=summary,
        failure=row.failure,
        stop_by=row.stop_by,
        host=row.host,
        pid=row.pid,
    )


def _rate(done: int, seconds: float) -> float | None:
    return round(done / seconds, 3) if done > 0 and seconds > 0 else None


def _left(total: int | None, done: int, rate: float | None) -> float | None:
    return None if total is None or not rate else round(max(0, total - done) / rate, 1)
