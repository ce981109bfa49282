"""The event feed: everything that the one-door system is to be told, in one order, read with a durable cursor.

Invariant: the cursor is a position, positions are gapless and become visible in order, so whoever reads on from the
last position that he has stored misses nothing and sees nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec

from gateway.domain.errors import ConflictError
from gateway.inbound.watch import Waiter, Watch
from gateway.storage.database import Database
from gateway.storage.feed import Span, StoredEvent, read_events
from gateway.storage.instants import from_micros

MOST = 1000


class FeedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``id`` never changes and is the ``webhook-id`` too; ``data`` depends on ``kind``."""

    id: str
    position: int
    at: datetime
    kind: str
    dossier: str | None
    destination: str | None
    data: object


class FeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some events, and the cursor to go on from: with ``kinds`` it moves even when nothing matched."""

    events: list[FeedEvent]
    next: int


class Feed:
    """Reads events. ``waiter`` is ``Worker.wait_for_events`` where a worker runs in this process."""

    def __init__(self, database: Database, waiter: Waiter) -> None:
        self._database = database
        self.watch = Watch(database, waiter)

    async def read(
        self, after: int = 0, limit: int = 100, wait: float = 0.0, kinds: Sequence[str] = ()
    ) -> list[FeedEvent]:
        """Like ``page``, without the cursor."""
        return (await self.page(after, limit, wait, kinds)).events

    async def page(
        self, after: int = 0, limit: int = 100, wait: float = 0.0, kinds: Sequence[str] = ()
    ) -> FeedPage:
        """Up to ``limit`` events after position ``after``, of ``kinds`` (empty: every kind).

        When there is none, waits for one, at most ``wait`` seconds. ConflictError: the cursor is not from this
        database. StorageUnavailable: ask again with the same cursor.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        newest = await self.watch.newest()
        if after > newest:  # the look may have begun before another process gave the caller this cursor
            newest = await self.watch.newest()
        if after > newest:
            raise ConflictError(
                f"the cursor {after} lies beyond the newest event {newest}: it is not from this database; "
                "compare the dossiers' states once, then read on from there"
            )
        while True:
            page = await self._scan(after, newest, min(max(limit, 1), MOST), tuple(kinds))
            if page.events or loop.time() >= deadline:
                return page
            after = page.next
            newest = await self.watch.beyond(after, deadline - loop.time())

    async def _scan(self, after: int, newest: int, limit: int, kinds: tuple[str, ...]) -> FeedPage:
        while after < newest:
            span = Span(after=after, newest=newest, limit=limit, kinds=kinds)
            found, after = await self._database.read(partial(read_events, span=span))
            if found:
                return FeedPage(events=[told(item) for item in found], next=after)
        return FeedPage(events=[], next=after)


def told(stored: StoredEvent) -> FeedEvent:
    """The event as the one-door system sees it."""
    return FeedEvent(
        id=f"evt_{stored.id}",
        position=stored.position,
        at=from_micros(stored.at),
        kind=stored.kind,
        dossier=stored.dossier_code,
        destination=stored.destination,
        data=msgspec.json.decode(stored.data),
    )
