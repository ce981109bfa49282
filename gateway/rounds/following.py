"""Following the event feed from a stored place, stretch by stretch.

Invariants: one worker of all processes follows under one name at a time; what follows from a stretch and the new place
are one commit, so that whatever is left half done is done again from the stored place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

import msgspec

from gateway.domain.errors import StorageUnavailable
from gateway.rounds.pausing import pause
from gateway.storage import following
from gateway.storage.database import Database, Transaction
from gateway.storage.following import Stretch

T = TypeVar("T")
ROUND_SECONDS = 0.5
TAKEOVER_SECONDS = 5.0
NOTED = 1000  # positions without anything of interest that are read again at most after a crash


class Watch(Protocol):
    """Knows when there are new events (``gateway.inbound.watch``)."""

    async def beyond(self, position: int, seconds: float) -> int:
        """Wait until there is something after ``position``, at most ``seconds``; the newest position then."""


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """``pause``: seconds to wait after the newest event. ``rest``: while there is much to do, how many times as long as
    the work to leave to the deliveries themselves, though no longer than ``pause``."""

    pause: float
    rest: float = 0.0


class Found(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What is of interest between one position and ``upto``; ``newest``: of the whole feed."""

    items: Sequence[T]
    upto: int
    newest: int


class Subject(Protocol[T]):
    """What a follower looks for, and what it makes of it."""

    @property
    def name(self) -> str:
        """Under which the place is kept."""

    async def read(self, after: int) -> Found[T]:
        """The next stretch after position ``after``."""

    def write(self, transaction: Transaction, items: Sequence[T]) -> int:
        """What follows from ``items``, in the transaction that moves the place; how much that was."""

    def written(self, items: Sequence[T]) -> None:
        """That is durable now."""

    async def at_leisure(self) -> bool:
        """Nothing is left to read: do one thing that had to wait for that; False when there is none."""

    def replaced(self, position: int) -> None:
        """Somebody else has taken the place, which was at ``position``."""

    def left_taken(self) -> None:
        """The place could not be given back; it is free again when this worker's row is gone."""


class Follower(Generic[T]):
    """A task of the worker. ``owner``: this process's worker id, which holds the follower's place."""

    def __init__(
        self,
        database: Database,
        watch: Watch,
        subject: Subject[T],
        *,
        owner: Callable[[], int],
        rhythm: Rhythm,
    ) -> None:
        self._database = database
        self._watch = watch
        self._subject = subject
        self._owner = owner
        self._rhythm = rhythm

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow until ``stopping``. Raises StorageUnavailable; run it again then."""
        while not stopping.is_set():
            position = await self._take()
            if position is None:
                await pause(stopping, TAKEOVER_SECONDS)
                continue
            try:
                await self._follow(position, stopping)
            finally:
                await self._leave()

    async def run_once(self) -> int | None:
        """Follow up to the newest event, and do what waited for that; how much followed, None when somebody else
        follows."""
        position = await self._take()
        if position is None:
            return None
        total = 0
        try:
            while True:
                found = await self._subject.read(position)
                done = await self._write(position, found)
                if done is None:
                    return None
                position, total = found.upto, total + done
                if position >= found.newest:
                    break
            while await self._subject.at_leisure():
                continue
            return total
        finally:
            await self._leave()

    async def _follow(self, position: int, stopping: asyncio.Event) -> None:
        """From ``position`` on until ``stopping``, or until somebody else has taken the place."""
        stored = position
        while not stopping.is_set():
            await self._watch.beyond(position, ROUND_SECONDS)
            began = time.monotonic()
            found = await self._subject.read(position)
            position = found.upto
            if found.items or position - stored >= NOTED:
                if await self._write(stored, found) is None:
                    self._subject.replaced(stored)
                    return
                stored = position
            if position >= found.newest:
                await self._subject.at_leisure()
                await pause(stopping, self._rhythm.pause)
            elif self._rhythm.rest:
                took = time.monotonic() - began
                await pause(stopping, min(self._rhythm.pause, self._rhythm.rest * took))

    async def _take(self) -> int | None:
        """Where to read on from, if the place is free for this worker."""
        name, owner = self._subject.name, self._owner()
        place = await self._database.read(partial(following.place, name=name, owner=owner))
        if not place.free:
            return None
        return await self._database.write(lambda tx: following.claim(tx, name, owner))

    async def _write(self, before: int, found: Found[T]) -> int | None:
        stretch = Stretch(name=self._subject.name, owner=self._owner(), before=before, upto=found.upto)
        write = partial(self._subject.write, items=found.items)
        done = await self._database.write(lambda tx: following.advance(tx, stretch, write))
        if done is not None:
            self._subject.written(found.items)
        return done

    async def _leave(self) -> None:
        name, owner = self._subject.name, self._owner()
        try:
            await self._database.write(lambda tx: following.release(tx, name, owner))
        except StorageUnavailable:
            self._subject.left_taken()
