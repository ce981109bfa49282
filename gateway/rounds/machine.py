"""What a process measures of the machine it runs on: how late its event loop comes, free space, clocks.

Invariant: nothing here touches a delivery; a place that is not there, or a database that is away, leaves its figure out.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.domain.errors import StorageUnavailable
from gateway.rounds.pausing import pause
from gateway.settings import Settings, keys_folder
from gateway.storage.database import Database
from gateway.storage.reading import database_clock
from gateway.telemetry import CLOCK_SKEW, DISK_FREE, DISK_SIZE, LOOP_DELAY
from gateway.telemetry.skew import surely_ahead

TICK_SECONDS = 0.5
LOOK_SECONDS = 15.0
_SQLITE = "sqlite:///"


def places_of(settings: Settings) -> dict[str, Path]:
    """The folders that must not fill up. A database server has its own disk, which nobody here can see."""
    found = {}
    if settings.database.url.startswith(_SQLITE):
        found["database"] = Path(settings.database.url.removeprefix(_SQLITE)).resolve().parent
    keys, archives = keys_folder(settings), settings.evidence.retention.archives
    if keys is not None:
        found["keys"] = keys
    if archives is not None:
        found["archives"] = Path(archives)
    return found


class MachineGauges:
    """``places``: folders by what lies in them. ``clock``: ours, aware UTC."""

    def __init__(self, database: Database, places: Mapping[str, Path], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._places = dict(places)
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Measure until ``stopping``."""
        look_at = 0.0
        while not stopping.is_set():
            due = time.perf_counter() + TICK_SECONDS
            await pause(stopping, TICK_SECONDS)
            now = time.perf_counter()
            if not stopping.is_set():
                LOOP_DELAY.observe(max(0.0, now - due))
            if now >= look_at:
                look_at = now + LOOK_SECONDS
                await self.look()

    async def look(self) -> None:
        """Look at disks and at the database's clock once."""
        for place, (free, size) in (await asyncio.to_thread(self._disks)).items():
            DISK_FREE.labels(place).set(free)
            DISK_SIZE.labels(place).set(size)
        if self._database.dialect == "postgresql":  # SQLite has no clock but ours
            with contextlib.suppress(StorageUnavailable):
                began, theirs, ended = await self._database.read(
                    lambda connection: (self._clock(), database_clock(connection), self._clock())
                )
                skew = surely_ahead(theirs.astimezone(UTC), began, ended, grain=timedelta(0))
                CLOCK_SKEW.labels("database", "database").set(skew)

    def _disks(self) -> dict[str, tuple[int, int]]:
        found = {}
        for place, folder in self._places.items():
            with contextlib.suppress(OSError):
                usage = shutil.disk_usage(folder)
                found[place] = usage.free, usage.total
        return found
