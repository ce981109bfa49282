"""Active alarms over HTTP, and what the backlog was.

Invariant: alarms are judged from figures by one table (``gateway.domain.alarm``); nothing is remembered of them, so one
that is mended is gone at the next look.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from gateway.api.figures import figures_of
from gateway.api.inputs import Word
from gateway.api.route import Answer, Call
from gateway.domain.alarm import Alarm, Figures, alarms
from gateway.domain.errors import NotFoundError
from gateway.storage import samples
from gateway.storage.samples import Sample

if TYPE_CHECKING:
    from gateway.api.service import Api

REMEMBERED_SECONDS = 5.0
MOST_HOURS = 168
STEPS = 240
"""A trend has at most so many steps, whatever its length."""


class AlarmList(msgspec.Struct, frozen=True, kw_only=True):
    """Every active alarm, critical ones first, as of ``at``."""

    at: datetime
    items: list[Alarm]


class BacklogQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which destination, and how far back."""

    destination: Word | None = None
    hours: Annotated[int, Meta(ge=1, le=MOST_HOURS)] = 24


class BacklogTrend(msgspec.Struct, frozen=True, kw_only=True):
    """What the backlog of one destination was. Where nobody looked there is no step."""

    destination: str
    samples: list[Sample]


class BacklogTrends(msgspec.Struct, frozen=True, kw_only=True):
    """Trends in steps of so many ``minutes``, each showing the worst of its step."""

    since: datetime
    minutes: int
    items: list[BacklogTrend]


class AlarmMemory:
    """Alarms as they were a moment ago, read once however many look. ``monotonic``: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: AlarmList | None = None
        self._figures: Figures | None = None
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def read(self, api: Api) -> AlarmList:
        """The alarms, at most five seconds old. Raises StorageUnavailable."""
        return (await self._look(api))[0]

    async def figures(self, api: Api) -> Figures:
        """The figures that they come from, at most five seconds old. Raises StorageUnavailable."""
        return (await self._look(api))[1]

    async def _look(self, api: Api) -> tuple[AlarmList, Figures]:
        async with self._reading:
            stale = self._monotonic() - self._read_at >= REMEMBERED_SECONDS
            if self._known is None or self._figures is None or stale:
                now = api.now
                evidence = await api.gateway.evidence.traffic.look()
                self._figures = await figures_of(api.gateway, now, evidence=evidence, wall=datetime.now(UTC))
                self._known = AlarmList(at=now, items=alarms(self._figures))
                self._read_at = self._monotonic()
            return self._known, self._figures

    def forget(self) -> None:
        """Read anew the next time: somebody has just mended something."""
        self._known = None


async def list_alarms(api: Api, _call: Call) -> Answer:
    """Every active alarm."""
    return Answer(value=await api.alarms.read(api))


async def get_backlog(api: Api, call: Call) -> Answer:
    """What the backlog was, by destination."""
    query = call.query_as(BacklogQuery)
    names = sorted(api.gateway.destinations)
    if query.destination is not None:
        if query.destination not in names:
            raise NotFoundError(f"there is no destination {query.destination}")
        names = [query.destination]
    since = api.now - timedelta(hours=query.hours)
    minutes = -(-query.hours * 60 // STEPS)
    items = []
    for name in names:
        question = functools.partial(samples.trend, name=name, since=since, minutes=minutes)
        items.append(BacklogTrend(destination=name, samples=await api.gateway.database.read(question)))
    return Answer(value=BacklogTrends(since=since, minutes=minutes, items=items))
