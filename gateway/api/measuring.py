"""The figures of a scrape that follow from the tables: the same in every process, whatever it did itself.

Invariant: without a database the figures stand where they were, and ``lienthong_tables_measured_timestamp_seconds`` says
since when; however often a scraper asks, the tables are read once in a few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gateway.api.health import Health
from gateway.domain.alarm import Figures
from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.storage import queries_status
from gateway.storage.checkpoints import newest_anchor_at, newest_checkpoint
from gateway.telemetry import (
    ANCHORED_AT,
    BACKLOG,
    BREAKER_OPEN,
    CERTIFICATE_UNTIL,
    CHECKPOINT_AT,
    CLOCK_SKEW,
    DOSSIERS_AT_RISK,
    JOB_FAILING,
    JOB_LAST_SUCCESS,
    LANES,
    MEASURED_AT,
    OFF_CONTRACT,
    OLDEST_UNSENT_SECONDS,
    PAUSED,
    WORKERS,
)
from gateway.wire.tls import certificates_of

if TYPE_CHECKING:
    from gateway.api.service import Api

REMEMBERED_SECONDS = 2.0
JOBS_REMEMBERED_SECONDS = 15.0
_MICROS = 1e6


class Beats:
    """Which workers live, judged by their beats alone: a row of a worker that was killed stands still."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: dict[int, tuple[int, float]] = {}

    def living(self, beats: Mapping[int, int], dead_after: float) -> int:
        """How many of ``beats`` (by worker) have moved within ``dead_after`` seconds, or were never looked at before."""
        now = self._monotonic()
        self._seen = {
            worker: (beat, self._seen[worker][1] if self._seen.get(worker, (None,))[0] == beat else now)
            for worker, beat in beats.items()
        }
        return sum(now - moved <= dead_after for _, moved in self._seen.values())


class TableGauges:
    """Reads, and sets the gauges. ``monotonic``: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._beats = Beats(monotonic)
        self._measuring = asyncio.Lock()
        self._read_at: float | None = None
        self._jobs_read_at: float | None = None

    async def measure(self, api: Api) -> None:
        """Bring the gauges up to date. Raises nothing when the database is away."""
        async with self._measuring:
            now = self._monotonic()
            if self._read_at is not None and now - self._read_at < REMEMBERED_SECONDS:
                return
            try:
                _show_health(api, await api.health())
                await self._show_workers(api)
                await self._show_jobs(api, now)
                await _show_evidence(api)
                _show_figures(await api.alarms.figures(api))
            except StorageUnavailable:
                return
            _show_tls(api)
            self._read_at = now
            MEASURED_AT.set(api.now.timestamp())

    async def _show_workers(self, api: Api) -> None:
        beats = await api.gateway.database.read(queries_status.worker_beats)
        WORKERS.set(self._beats.living(beats, api.gateway.settings.delivery.dead_after))

    async def _show_jobs(self, api: Api, now: float) -> None:
        if self._jobs_read_at is not None and now - self._jobs_read_at < JOBS_REMEMBERED_SECONDS:
            return
        for job in await api.gateway.jobs.views():
            JOB_FAILING.labels(job.name).set(job.failing_since is not None)
            if job.last_success_at is not None:
                JOB_LAST_SUCCESS.labels(job.name).set(job.last_success_at.timestamp())
        self._jobs_read_at = now


def _show_tls(api: Api) -> None:
    """Until when what partners are shown, and what they are trusted by, is good; the keyring's own is shown at the start."""
    for name in api.gateway.destinations:
        section = api.gateway.settings.destination.get(name)
        with contextlib.suppress(ConfigurationError):  # its file is gone: the last figure stands
            for each in () if section is None else certificates_of(section.tls, name):
                CERTIFICATE_UNTIL.labels(f"tls_{each.role}", name).set(each.until.timestamp())


def _show_health(api: Api, health: Health) -> None:
    for gauge in (BACKLOG, LANES):
        gauge.clear()
    for name in api.gateway.destinations:
        row = health.rows[name]
        BREAKER_OPEN.labels(name).set(row.open_until is not None)
        PAUSED.labels(name).set(row.paused_by is not None)
        backlog = health.backlogs.get(name, queries_status.Backlog())
        for state, count in backlog.deliveries.items():
            BACKLOG.labels(name, state).set(count)
        for lanes, count in health.lanes.get(name, {}).items():
            LANES.labels(name, lanes).set(count)
        age = 0.0 if backlog.oldest_at is None else (api.now - backlog.oldest_at).total_seconds()
        OLDEST_UNSENT_SECONDS.labels(name).set(max(0.0, age))


def _show_figures(figures: Figures) -> None:
    """What alarms are judged from and no other gauge shows."""
    for each in figures.destinations:
        OFF_CONTRACT.labels(each.name).set(each.off_contract)
        DOSSIERS_AT_RISK.labels(each.name).set(each.at_risk)
    CLOCK_SKEW.labels("records", "records").set(figures.skew)


async def _show_evidence(api: Api) -> None:
    await api.gateway.evidence.traffic.look()
    newest = await api.gateway.database.read(newest_checkpoint)
    CHECKPOINT_AT.set(0 if newest is None else newest.at / _MICROS)
    ANCHORED_AT.set((await api.gateway.database.read(newest_anchor_at) or 0) / _MICROS)
