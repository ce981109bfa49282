"""A job: work that is done on a schedule or on demand, in one run at a time, resumable from a watermark.

Invariant: what a run has reported as done is durable; a run that is interrupted goes on from its last watermark.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec

Summary = Mapping[str, Any]
"""What a run has found and done, as JSON."""
Missed = Literal["skip", "once"]
"""A start that was missed (nobody was running): forget it, or make up for it once."""


class RunStopped(Exception):
    """The run is to end now: the process stops, or an operator asked for it. Raised by ``RunContext.report``."""


class RunContext(Protocol):
    """What a run is given. ``parameters`` have been checked against the job's own declaration."""

    @property
    def run(self) -> int:
        """Identifier of the run's record."""

    @property
    def dry_run(self) -> bool:
        """Look, tell, change nothing."""

    @property
    def actor(self) -> str:
        """Who started it: an operator's name, or ``schedule``."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """By name; a parameter that was not given and has no default is missing."""

    @property
    def watermark(self) -> str | None:
        """Where the last run of this job with the same parameters stopped, in the job's own words; None to begin
        from the start. A dry run goes on from the last dry run."""

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        """Make progress durable and visible, and give way to others. Call it at least every few seconds, and after
        every unit of work that needs no waiting: written is at most once a second.

        ``watermark`` "" forgets it: the next run begins from the start. Raises RunStopped.
        """


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a job: ``pattern`` is a regular expression for the whole value."""

    name: str
    help: str
    pattern: str = ".*"
    default: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job by name. ``cron``: five fields in ``time_zone``; None: on demand only. ``run`` gives the summary.

    ``at_first``: where it has never been seen before, it does not wait for its first start.
    """

    name: str
    title: str
    title_vi: str
    run: Callable[[RunContext], Awaitable[Summary]]
    cron: str | None = None
    time_zone: str = "Asia/Ho_Chi_Minh"
    missed: Missed = "once"
    parameters: tuple[Parameter, ...] = ()
    can_dry_run: bool = False
    at_first: bool = False
