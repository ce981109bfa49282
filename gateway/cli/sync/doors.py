"""Two ways to the jobs: a gateway on the database, or the API of a running one.

Invariant: both answer with the same values and raise the same errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from urllib.parse import quote

import msgspec

from gateway.api.jobs import JobList, RunPage
from gateway.cli.opening import configured, opened, require_free
from gateway.cli.options import Way
from gateway.cli.remote import Remote, api_of
from gateway.jobs.service import Jobs, JobView, NewSchedule, RunOrder
from gateway.storage.queries_jobs import RunFilter, RunView

INSTEAD = "work through its API: --url URL --key-file FILE"


class Door(Protocol):
    """What the commands ask of the jobs."""

    async def views(self) -> list[JobView]:
        """Every job."""

    async def view(self, name: str) -> JobView:
        """One job; NotFoundError."""

    async def runs(self, wanted: RunFilter) -> list[RunView]:
        """Some runs, the newest first."""

    async def run_view(self, run: int) -> RunView:
        """One run; NotFoundError."""

    async def stop(self, run: int, *, actor: str, reason: str) -> RunView:
        """Ask a run to end."""

    async def reschedule(self, order: NewSchedule) -> JobView:
        """Set a schedule over the configured one."""


class Through:
    """The jobs of a running gateway, through its API."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def views(self) -> list[JobView]:
        """Every job."""
        return (await self._remote.get("/v1/jobs", JobList)).items

    async def view(self, name: str) -> JobView:
        """One job; NotFoundError."""
        return await self._remote.get(_job(name), JobView)

    async def runs(self, wanted: RunFilter) -> list[RunView]:
        """Some runs, the newest first; page by page."""
        asked = {"job": wanted.job, "state": wanted.state}
        return await self._remote.gather("/v1/runs", asked, RunPage, most=wanted.limit)

    async def run_view(self, run: int) -> RunView:
        """One run; NotFoundError."""
        return await self._remote.get(f"/v1/runs/{run}", RunView)

    async def start(self, order: RunOrder) -> RunView:
        """Order a run."""
        body = {
            "parameters": dict(order.parameters),
            "dry_run": order.dry_run,
            "from_start": order.from_start,
        }
        return await self._remote.post(f"{_job(order.job)}/runs", body, RunView)

    async def stop(self, run: int, *, actor: str, reason: str) -> RunView:
        """Ask a run to end; the actor is the key's client, with the person of this door."""
        del actor
        return await self._remote.post(f"/v1/runs/{run}/stop", {"reason": reason}, RunView)

    async def reschedule(self, order: NewSchedule) -> JobView:
        """Set a schedule over the configured one; the actor is the key's client, with the person of this door."""
        body = msgspec.structs.asdict(order)
        del body["job"], body["actor"]
        return await self._remote.put(f"{_job(order.job)}/schedule", body, JobView)


def _job(name: str) -> str:
    return f"/v1/jobs/{quote(name, safe='')}"


@asynccontextmanager
async def through(way: Way, operator: str | None = None) -> AsyncIterator[Through]:
    """The API at the way's address, in the name of ``operator``."""
    async with api_of(way, operator) as remote:
        yield Through(remote)


@asynccontextmanager
async def looking(way: Way) -> AsyncIterator[Door]:
    """The jobs, to look at: beside a running gateway, or through its API."""
    if way.url is not None:
        async with through(way) as door:
            yield door
        return
    async with opened(configured(way.config), reading=True) as gateway:
        yield gateway.jobs


@asynccontextmanager
async def changing(way: Way, operator: str | None = None) -> AsyncIterator[Door]:
    """The jobs, to change something: on the database if no gateway holds it, or through the API."""
    if way.url is not None:
        async with through(way, operator) as door:
            yield door
        return
    async with on_database(way) as jobs:
        yield jobs


@asynccontextmanager
async def on_database(way: Way) -> AsyncIterator[Jobs]:
    """The jobs of this very process; ConfigurationError when a running gateway holds an SQLite database."""
    settings = configured(way.config)
    require_free(settings, instead=INSTEAD)
    async with opened(settings) as gateway:
        yield gateway.jobs
