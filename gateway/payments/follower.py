"""What became of each INIT, learnt from the event feed: the payer's address, a doubt, a refusal.

Invariants: one worker follows at a time and goes on from the stored place; a state that evidence has given an attempt
meanwhile is never overwritten; what the one-door system is told here, it is told once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from gateway.domain.errors import StorageUnavailable
from gateway.storage import payment_following as following
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.payment_following import Stretch
from gateway.storage.payments import FIRST_QUESTION_MICROS

log = structlog.get_logger(__name__)
BATCH = 100
ROUND_SECONDS = 0.5
PAUSE_SECONDS = 0.2  # a payer waits for the address
TAKEOVER_SECONDS = 5.0
NOTED = 1000  # positions without an INIT that are read again at most after a crash


class Watch(Protocol):
    """Knows when there are new events (``gateway.inbound.watch``)."""

    async def beyond(self, position: int, seconds: float) -> int:
        """Wait until there is something after ``position``, at most ``seconds``; the newest position then."""


class Follower:
    """A task of the worker. ``owner``: this process's worker id, which holds the follower's place. ``schedules``: when
    attempts of each destination are asked about, in seconds."""

    def __init__(
        self,
        database: Database,
        watch: Watch,
        *,
        clock: Callable[[], datetime],
        owner: Callable[[], int],
        schedules: Mapping[str, tuple[float, ...]],
    ) -> None:
        self._database = database
        self._watch = watch
        self._clock = clock
        self._owner = owner
        self._first = {
            name: int(schedule[0] * 1e6) if schedule else FIRST_QUESTION_MICROS
            for name, schedule in schedules.items()
        }

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until ``stopping``. Raises StorageUnavailable; run it again then."""
        while not stopping.is_set():
            position = await self._take()
            if position is None:
                await _pause(stopping, TAKEOVER_SECONDS)
                continue
            try:
                await self._follow(position, stopping)
            finally:
                await self._leave()

    async def run_once(self) -> int | None:
        """Follow up to the newest event; how many attempts moved, None when somebody else follows."""
        position = await self._take()
        if position is None:
            return None
        moved = 0
        try:
            while True:
                stretch, newest = await self._stretch(position)
                done = await self._write(stretch)
                if done is None:
                    return None
                position, moved = stretch.upto, moved + done
                if position >= newest:
                    return moved
        finally:
            await self._leave()

    async def _follow(self, position: int, stopping: asyncio.Event) -> None:
        """From ``position`` on until ``stopping``, or until somebody else has taken the place."""
        stored = position
        while not stopping.is_set():
            await self._watch.beyond(position, ROUND_SECONDS)
            stretch, newest = await self._stretch(position, since=stored)
            position = stretch.upto
            if stretch.deliveries or position - stored >= NOTED:
                if await self._write(stretch) is None:
                    log.info("payment_follower_was_replaced", position=stored)
                    return
                stored = position
            if position >= newest:
                await _pause(stopping, PAUSE_SECONDS)

    async def _stretch(self, position: int, *, since: int | None = None) -> tuple[Stretch, int]:
        """The next stretch after ``position``, and the newest position of the feed."""
        page = await self._database.read(partial(following.page, after=position, limit=BATCH))
        stretch = Stretch(
            owner=self._owner(),
            before=position if since is None else since,
            upto=page.upto,
            now=to_micros(self._clock()),
            deliveries=page.deliveries,
            first_question=self._first,
        )
        return stretch, page.newest

    async def _take(self) -> int | None:
        """Where to read on from, if the place is free for this worker."""
        owner = self._owner()
        place = await self._database.read(partial(following.place, owner=owner))
        if not place.free:
            return None
        return await self._database.write(lambda tx: following.claim(tx, owner))

    async def _write(self, stretch: Stretch) -> int | None:
        return await self._database.write(lambda tx: following.advance(tx, stretch))

    async def _leave(self) -> None:
        try:
            await self._database.write(lambda tx: following.release(tx, self._owner()))
        except StorageUnavailable:
            log.info("payment_follower_left_its_place_taken")  # free again when this worker's row is gone


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return
