"""One endpoint's turn: events in order from its cursor, one request each, until it has everything or refuses.

Invariants: an event leaves only after its request is in the message log; the cursor moves only after the endpoint
has said that it has the event, so an event may be repeated (under its own id) but is never left out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Protocol

import msgspec
import structlog

from gateway.inbound.courier import Courier, Verdict, answered_entry, asked_entry, judge
from gateway.inbound.feed import FeedEvent, told
from gateway.inbound.watch import Watch
from gateway.settings import WebhookSettings
from gateway.storage.database import Database
from gateway.storage.feed import Span, read_events
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.rows import EventRow, MessageRow, insert_messages
from gateway.storage.webhooks import Progress, Setback, WebhookRow, advance_webhook, set_back_webhook
from gateway.telemetry import WEBHOOKS

log = structlog.get_logger(__name__)
PAGE = 100
DISABLED = "webhook.disabled"


class Hub(Protocol):
    """What is shared: the database and the clock."""

    @property
    def database(self) -> Database:
        """The open database."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Now, aware UTC."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What every turn needs. ``chance``: a random number in [0, 1)."""

    hub: Hub
    watch: Watch
    courier: Courier
    settings: WebhookSettings
    chance: Callable[[], float] = random.random


class Turn:
    """A claimed endpoint until it is given back."""

    def __init__(self, means: Means, endpoint: WebhookRow, owner: int) -> None:
        self._means = means
        self._hub = means.hub
        self._endpoint = endpoint
        self._owner = owner
        self._position = endpoint.position
        self._failures = endpoint.failures
        self._failing_since = endpoint.failing_since
        self.delivered = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until nothing is left, one event is not taken, or ``stopping``. Raises StorageUnavailable."""
        kinds = msgspec.json.decode(self._endpoint.kinds, type=tuple[str, ...])
        while not stopping.is_set():
            newest = await self._means.watch.newest()
            if self._position >= newest:
                return
            span = Span(after=self._position, newest=newest, limit=PAGE, kinds=kinds)
            events, upto = await self._hub.database.read(partial(read_events, span=span))
            for stored in events:
                if stopping.is_set() or not await self._deliver(told(stored)):
                    return
            if upto > self._position and not await self._advance(upto):
                return

    async def give_up(self, reason: str) -> None:
        """Note a defect of our own as a failure, so that it is seen and backs off."""
        await self._set_back(Verdict(delivered=False, reason=reason), None)

    async def _deliver(self, event: FeedEvent) -> bool:
        """Whether the endpoint has the event now and is still ours."""
        means, database = self._means, self._hub.database
        parcel = means.courier.parcel(self._endpoint, event)
        asked, answered = database.identifiers.take(2)
        entry = asked_entry(parcel, asked, self._hub.clock())
        await database.write(lambda tx: insert_messages(tx, [entry]))
        result = await means.courier.send(parcel)
        message = answered_entry(parcel, (answered, asked), self._hub.clock(), result)
        verdict = judge(result)
        if not verdict.delivered:
            await self._set_back(verdict, message)
            return False
        WEBHOOKS.labels("delivered").inc()
        self.delivered += 1
        self._failures, self._failing_since = 0, None
        return await self._advance(event.position, message)

    async def _advance(self, position: int, message: MessageRow | None = None) -> bool:
        progress = Progress(
            id=self._endpoint.id,
            owner=self._owner,
            before=self._position,
            position=position,
            message=message,
        )
        ours = await self._hub.database.write(lambda tx: advance_webhook(tx, progress))
        self._position = position
        return ours

    async def _set_back(self, verdict: Verdict, message: MessageRow | None) -> None:
        now = self._hub.clock()
        since = from_micros(self._failing_since) if self._failing_since is not None else now
        over = verdict.gone or (now - since).total_seconds() >= self._means.settings.give_up_after
        setback = Setback(
            id=self._endpoint.id,
            owner=self._owner,
            now=to_micros(now),
            next_at=to_micros(now) + int(self._pause(verdict) * 1e6),
            failure=verdict.reason[:500],
            message=message,
            disabled=over,
            event=self._farewell(verdict, since, now) if over else None,
        )
        noted = await self._hub.database.write(lambda tx: set_back_webhook(tx, setback))
        WEBHOOKS.labels("failed").inc()
        log.warning("webhook_was_not_taken", endpoint=self._endpoint.id, reason=verdict.reason[:200])
        if over and noted:
            # the alarm for operators: events pile up until somebody enables the endpoint again
            log.error("webhook_was_disabled", endpoint=self._endpoint.id, failing_since=since.isoformat())

    def _pause(self, verdict: Verdict) -> float:
        """Seconds until the next try: doubling with jitter, or what the endpoint asks for, within our limit."""
        settings = self._means.settings
        plain = min(settings.longest, settings.first * settings.factor ** min(self._failures, 64))
        jittered = plain * (1 + settings.jitter * (2 * self._means.chance() - 1))
        return max(jittered, min(verdict.retry_after or 0.0, settings.longest))

    def _farewell(self, verdict: Verdict, since: datetime, now: datetime) -> EventRow:
        data = {
            "webhook": self._endpoint.id,
            "reason": verdict.reason[:500],
            "failing_since": since,
            "position": self._position,
        }
        return EventRow(
            id=self._hub.database.identifiers.next(),
            at=to_micros(now),
            kind=DISABLED,
            data=msgspec.json.encode(data).decode(),
        )
