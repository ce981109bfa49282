"""The API at work: a gateway with what the API keeps for its own running time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from gateway.api.access import Access
from gateway.api.alarms import AlarmMemory
from gateway.api.evidence_desk import evidence_desk
from gateway.api.glance import GlanceMemory
from gateway.api.health import Health, HealthMemory
from gateway.api.limits import Buckets
from gateway.api.measuring import TableGauges
from gateway.api.parts import Gateway
from gateway.api.recent import Recent
from gateway.storage.apart import Question, ReadingProcess
from gateway.storage.clients import Principal
from gateway.storage.operators import operate
from gateway.storage.orders import Done, Order

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The description of the API, rendered."""

    openapi: bytes
    page: bytes


class Api:
    """What every handler is given. ``stopping`` is set when the process is to end; ``soon``: what ``serve`` does a moment after
    the start, so that nobody has to wait for it."""

    def __init__(
        self, gateway: Gateway, documents: Documents, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.gateway = gateway
        self.documents = documents
        self.settings = gateway.settings.api
        self.access = Access(gateway.database, gateway.hub.clock, monotonic)
        self.stopping = asyncio.Event()
        self.recent = Recent(monotonic)
        self._reading: ReadingProcess | None = None
        # a report may take seconds of a reader; one at a time leaves the others to everybody else
        self.reporting = asyncio.Semaphore(1)
        self.exports = evidence_desk(gateway)
        self.started_at = gateway.hub.clock()
        self._buckets = Buckets(monotonic)
        self._strangers = Buckets(monotonic)  # however many there are, they crowd no client out
        self.alarms = AlarmMemory(monotonic)
        self.glance = GlanceMemory(monotonic)
        self.soon: list[Callable[[Api], Coroutine[Any, Any, None]]] = [self.glance.warm]
        self._health = HealthMemory(gateway.database, list(gateway.destinations), monotonic)
        self.tables = TableGauges(monotonic)
        self._kept: set[asyncio.Task[Any]] = set()

    @property
    def now(self) -> datetime:
        """Now, aware UTC."""
        return self.gateway.hub.clock()

    def admit(self, principal: Principal) -> None:
        """Count a request of ``principal``; Refused (429) when there were too many."""
        own = principal.rate
        rate = self.settings.rate if own is None else float(own)
        burst = float(self.settings.burst) if own is None else max(1.0, 2.0 * own)
        self._buckets.take(principal.client, rate=rate, burst=burst)

    def limit(self, name: str, *, rate: float, burst: float) -> None:
        """Count a request of somebody who is no client of ours; Refused (429) when there were too many."""
        self._strangers.take(name, rate=rate, burst=burst)

    async def health(self) -> Health:
        """The health of every destination, at most a moment old."""
        return await self._health.read()

    def forget_health(self) -> None:
        """Something about a destination was changed just now."""
        self._health.forget()

    def compute_apart(self) -> None:
        """From now on compute in another process, which starts with the first question."""
        self._reading = ReadingProcess(
            self.gateway.database.url, lambda: log.warning("computing_process_died")
        )

    async def compute(self, question: Question[T]) -> T:
        """The answer to a question that may take seconds of processor time: where this API computes apart, both can be
        pickled. Raises what it raised, StorageUnavailable."""
        async with self.reporting:
            if self._reading is not None:
                return await self._reading.ask(question)
            return await self.gateway.database.read(question)

    async def close(self) -> None:
        """End the process that computes, if there is one."""
        if self._reading is not None:
            await asyncio.to_thread(self._reading.close)

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to ``task`` until it is done, whoever else has lost interest in it."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def operate(self, order: Order) -> Done:
        """Carry out an operator's order; ConflictError or NotFoundError when it cannot be."""
        done: Done = await self.gateway.database.apply(operate, order)
        return done
