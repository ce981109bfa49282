"""Warning of promises that come near without a result.

Invariant: one event per promise and dossier; it says since when the partner has the dossier and when it was last heard
of, and names no person.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import msgspec
import structlog

from gateway.port.progress import Schedule
from gateway.progress.schedule import warned_until
from gateway.storage import progress as storage
from gateway.storage.database import Database
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.queries_progress import Near, near
from gateway.storage.rows import EventRow
from gateway.telemetry import PROGRESS_ALARMS

log = structlog.get_logger(__name__)
KIND = "progress.promise_near"
_AT_ONCE = 500


class Alarms:
    """Warns officials through the event feed."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def warn(self, destination: str, schedule: Schedule) -> int:
        """Warn of every promise at ``destination`` that has come near; how many were new."""
        done = 0
        while True:
            now = to_micros(self._clock())
            until = warned_until(schedule, now)
            found = await self._database.read(
                partial(near, destination=destination, until=until, limit=_AT_ONCE)
            )
            if not found:
                return done
            items = [self._alarm(destination, each, now) for each in found]
            fresh = await self._database.write(partial(storage.alarm, items=items))
            if fresh:
                PROGRESS_ALARMS.labels(destination).inc(fresh)
                log.warning("promises_are_near", destination=destination, dossiers=fresh)
            done += fresh
            if len(found) < _AT_ONCE:
                return done

    def _alarm(self, destination: str, item: Near, now: int) -> storage.Alarm:
        data = {
            "promised_at": from_micros(item.promise_at),
            "since": from_micros(item.since),
            "asked_at": None if item.asked_at is None else from_micros(item.asked_at),
            "overdue": item.promise_at < now,
            "failure": item.failure,
        }
        event = EventRow(
            id=self._database.identifiers.next(),
            at=now,
            kind=KIND,
            data=msgspec.json.encode(data).decode(),
            dossier_code=item.dossier,
            destination=destination,
        )
        return storage.Alarm(lane=item.lane, promise_at=item.promise_at, event=event)
