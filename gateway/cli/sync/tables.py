"""Jobs and runs as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from gateway.cli.screen import age, console, local, table
from gateway.cli.sync.bar import pace_of
from gateway.jobs.service import JobView, ScheduleView
from gateway.storage.queries_jobs import RunView

_LONGEST = 80


def print_jobs(jobs: Sequence[JobView]) -> None:
    """Every job: when next, what runs, how the last run ended."""
    headings = ("job", "what it does", "schedule", "next start", "now", "last ended", "how")
    _output().print(table(headings, map(_job_row, jobs)))


def _job_row(job: JobView) -> tuple[Any, ...]:
    upcoming = job.schedule.upcoming
    last = job.last
    return (
        *(job.name, job.title, _schedule_of(job.schedule), upcoming[0] if upcoming else None),
        None if job.running is None else f"{job.running.state}: {pace_of(job.running)}",
        None if last is None else last.ended_at,
        None if last is None else _short(_result_of(last)),
    )


def _schedule_of(schedule: ScheduleView) -> str:
    if schedule.cron is None:
        return "on demand"
    return schedule.cron if schedule.enabled else f"{schedule.cron} (off)"


def _result_of(run: RunView) -> str:
    if run.state != "done":
        return f"{run.state}: {run.failure}"
    return "done, the answer is no" if run.answer == "no" else "done"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def print_runs(runs: Sequence[RunView]) -> None:
    """Runs, one a line."""
    headings = ("run", "job", "began", "took", "by", "done", "result", "found")
    _output().print(table(headings, map(_run_row, runs)))


def _run_row(run: RunView) -> tuple[Any, ...]:
    took = None if run.ended_at is None else age((run.ended_at - run.started_at).total_seconds())
    by = run.actor if run.trigger == "operator" else f"{run.actor} ({run.trigger})"
    result = _result_of(run) if run.ended_at is not None else run.state
    found = ", ".join(f"{name} {value}" for name, value in run.summary.items())
    return (
        *(run.id, f"{run.job}{' (dry run)' if run.dry_run else ''}", run.started_at, took, by),
        *(pace_of(run), _short(result), _short(found)),
    )


def print_run(run: RunView) -> None:
    """One run with everything that is known of it."""
    fields = {name: getattr(run, name) for name in run.__struct_fields__ if name != "summary"}
    fields["parameters"] = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
    output = _output()
    output.print(table(("run", ""), fields.items()))
    if run.summary:
        output.print(table(("found", ""), run.summary.items()))


def print_schedule(job: JobView) -> None:
    """One job's schedule, its next starts and its parameters."""
    schedule = job.schedule
    rows = [
        ("what it does", job.title),
        ("cron", schedule.cron or "none: on demand only"),
        ("time zone", schedule.time_zone),
        ("missed starts", "one run makes up for them" if schedule.missed == "once" else "are skipped"),
        ("enabled", schedule.enabled),
        ("as", f"set by {schedule.changed_by}" if schedule.changed_by else schedule.source),
        *((f"start {place}", local(at)) for place, at in enumerate(schedule.upcoming, 1)),
    ]
    output = _output()
    output.print(table((job.name, ""), rows))
    if job.parameters:
        headings = ("parameter", "what it is", "form", "default")
        parameters = [(each.name, each.help, each.pattern, each.default) for each in job.parameters]
        output.print(table(headings, parameters))


def print_schedules(jobs: Sequence[JobView]) -> None:
    """Every job that has a schedule, the next start first."""
    planned = [job for job in jobs if job.schedule.cron is not None]
    planned.sort(key=lambda job: (not job.schedule.upcoming, job.schedule.upcoming[:1], job.name))
    headings = ("next start", "job", "cron", "time zone", "missed", "as")
    rows = [
        (
            *(job.schedule.upcoming[0] if job.schedule.upcoming else "off", job.name, job.schedule.cron),
            *(job.schedule.time_zone, job.schedule.missed),
            f"set by {job.schedule.changed_by}" if job.schedule.changed_by else job.schedule.source,
        )
        for job in planned
    ]
    _output().print(table(headings, rows))


def told(run: RunView) -> list[str]:
    """What a person reads when a run has been waited for."""
    name = f"{run.job}{' (dry run)' if run.dry_run else ''}"
    if run.ended_at is None:
        return [f"run {run.id} of {name}: {run.state}"]
    took = age((run.ended_at - run.started_at).total_seconds())
    pace = f": {pace_of(run)}" if run.done or run.total else ""
    lines = [f"run {run.id} of {name}: {_result_of(run)}, after {took}{pace}"]
    return lines + [f"  {key}: {value}" for key, value in run.summary.items()]


def _output() -> Console:
    return console()
