"""The jobs of this gateway by name, and each one's schedule as it holds: as shipped, as configured, as an operator
set it, the later over the earlier.

Invariant: a schedule that cannot be read stops the start, or is refused when an operator sets it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
import structlog

from gateway.domain.errors import ConfigurationError, NotFoundError, RecordError
from gateway.domain.job import Job, Missed
from gateway.domain.violation import Violation, shown
from gateway.jobs.timing import Timing, violations_of
from gateway.settings import JobSettings
from gateway.storage.queries_jobs import JobRow

log = structlog.get_logger(__name__)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """When a job runs. ``cron`` None: on demand only. ``source``: who has said so last."""

    cron: str | None
    time_zone: str
    missed: Missed
    enabled: bool
    source: Literal["shipped", "configuration", "operator"]

    @property
    def timing(self) -> Timing | None:
        """Its starts; None when it has none by itself."""
        if self.cron is None or not self.enabled:
            return None
        return Timing(cron=self.cron, time_zone=self.time_zone)

    @property
    def resumes(self) -> bool:
        """Whether a run that was cut short is gone on with at once."""
        return self.missed == "once" and self.enabled

    def next_after(self, instant: datetime) -> datetime | None:
        """The first start after ``instant``; None when there is none."""
        return None if self.timing is None else self.timing.after(instant)


class JobBook:
    """Every job with its configured plan. ConfigurationError names the key that is wrong."""

    def __init__(self, jobs: Sequence[Job], configured: Mapping[str, JobSettings]) -> None:
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) != len(jobs):
            raise ValueError(f"two jobs have one name: {sorted(job.name for job in jobs)}")
        sections = {_named(name, self._jobs): section for name, section in configured.items()}
        self._plans = {name: _configured(job, sections.get(name)) for name, job in self._jobs.items()}

    @property
    def names(self) -> list[str]:
        """Every job's name, sorted."""
        return sorted(self._jobs)

    def job(self, name: str) -> Job:
        """The job of that name; NotFoundError lists those that there are."""
        if name not in self._jobs:
            raise NotFoundError(f"there is no job {shown(name)!r}; there are: {', '.join(self.names)}")
        return self._jobs[name]

    def plan(self, name: str, row: JobRow | None = None) -> Plan:
        """The schedule that holds, with what an operator has set."""
        configured = self._plans[name]
        if row is None or row.changed_by is None or not _overrides(row):
            return configured
        plan = _over(configured, row)
        if _wrong(plan):
            log.error("schedule_cannot_be_read", job=name, cron=plan.cron, time_zone=plan.time_zone)
            return configured  # set by a release that could read it
        return plan

    def require_plan(self, name: str, row: JobRow) -> Plan:
        """The schedule as it would be with ``row``; RecordError says what is wrong with it."""
        plan = _over(self._plans[name], row)
        if found := _wrong(plan):
            raise RecordError("the schedule cannot be taken", found)
        return plan


def _wrong(plan: Plan) -> list[Violation]:
    # the time zone is judged even when no start needs it yet
    return violations_of("* * * * *" if plan.cron is None else plan.cron, plan.time_zone)


def _overrides(row: JobRow) -> bool:
    return any(value is not None for value in (row.cron, row.time_zone, row.missed, row.enabled))


def _over(plan: Plan, row: JobRow) -> Plan:
    if not _overrides(row):
        return plan
    return Plan(
        cron=plan.cron if row.cron is None else row.cron,
        time_zone=plan.time_zone if row.time_zone is None else row.time_zone,
        missed=plan.missed if row.missed is None else row.missed,
        enabled=plan.enabled if row.enabled is None else row.enabled,
        source="operator",
    )


def _named(section: str, jobs: Mapping[str, Job]) -> str:
    # a variable of the environment cannot have a hyphen in its name
    name = section if section in jobs else section.replace("_", "-")
    if name not in jobs:
        raise ConfigurationError(
            f"jobs.{section}: there is no such job; there are: {', '.join(sorted(jobs))}"
        )
    return name


def _configured(job: Job, section: JobSettings | None) -> Plan:
    shipped = Plan(cron=job.cron, time_zone=job.time_zone, missed=job.missed, enabled=True, source="shipped")
    if section is None:
        if found := _wrong(shipped):
            raise ValueError(f"job {job.name} comes with a schedule that cannot be read: {found}")
        return shipped
    row = JobRow(
        name=job.name,
        cron=section.cron,
        time_zone=section.time_zone,
        missed=section.missed,
        enabled=section.enabled,
    )
    plan = msgspec.structs.replace(_over(shipped, row), source="configuration")
    if found := _wrong(plan):
        wrong = found[0]
        raise ConfigurationError(
            f"jobs.{job.name}{wrong.pointer.replace('/', '.')}: got {wrong.got!r}, expected {wrong.expected}"
        )
    return plan
