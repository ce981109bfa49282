"""A worker process: its life sign, its dispatchers, the reaper, the sealer, rounds and long-running tasks.

Liveness does not depend on wall clocks: a worker is dead for an observer when its beat has not moved for a while by
the observer's own monotonic clock. Invariant: whatever a dead worker held is taken over without a human.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import structlog

from gateway.delivery.destination import Destination, Hub
from gateway.delivery.dispatcher import Dispatcher
from gateway.domain.errors import StorageUnavailable
from gateway.storage import upkeep
from gateway.storage.instants import to_micros
from gateway.storage.presence import Presence, note_presence
from gateway.storage.takeover import Reap, reap_lanes

log = structlog.get_logger(__name__)
SEAL_PAUSE_SECONDS = 0.1
STORAGE_PAUSE_SECONDS = 0.5
ROUND_PAUSE_SECONDS = 60.0

Round = Callable[[], Coroutine[Any, Any, None]]
"""Done once a minute in every process. What is to be done once for all of them is a job."""
Task = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Runs until the event is set, then finishes what it has begun; begun again when it ends or fails before that."""


class Liveness:
    """Who is dead, judged by beats alone. Pure apart from the clock that is passed in.

    Time in which the observer itself could not look (a database away, a process stopped) says nothing about others.
    """

    def __init__(self, dead_after: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._dead_after = dead_after
        self._clock = clock
        self._looked_at = clock()
        self._seen: dict[int, tuple[int, float]] = {}

    def observe(self, beats: Mapping[int, int]) -> list[int]:
        """Take in everybody's beats; the workers whose beat was seen to stand still for too long."""
        now = self._clock()
        watched = min(now - self._looked_at, self._dead_after / 3)
        self._looked_at = now
        before = self._seen
        self._seen = {
            worker: (beat, before[worker][1] + watched if before.get(worker, (None,))[0] == beat else 0.0)
            for worker, beat in beats.items()
        }
        return [worker for worker, (_, still) in self._seen.items() if still >= self._dead_after]


class Worker:
    """Runs every destination's dispatcher. ``alone``: no other process can be alive (SQLite)."""

    def __init__(
        self, hub: Hub, destinations: Mapping[str, Destination], *, rounds: Mapping[str, Round] | None = None
    ) -> None:
        self._hub = hub
        self._rounds = dict(rounds or {})
        self._tasks: dict[str, Task] = {}
        self._wakes: list[Callable[[], None]] = []
        self._id = 0
        self._delivers = False
        self._alone = hub.database.dialect == "sqlite"
        self._liveness = Liveness(hub.settings.dead_after)
        self._dispatchers = {
            name: Dispatcher(destination, lambda: self._id) for name, destination in destinations.items()
        }
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._registered = asyncio.Event()
        self._sealed = asyncio.Condition()
        self._here: Presence | None = None
        self._here_checked = 0.0

    @property
    def id(self) -> int:
        """The worker's row, the owner of its leases; 0 before it runs."""
        return self._id

    async def registered(self) -> int:
        """Wait until the worker has its row; its number."""
        await self._registered.wait()
        return self._id

    @property
    def delivers(self) -> bool:
        """Whether it sends: then it also finds out by itself whether a lost partner is back."""
        return self._delivers

    @property
    def here_since(self) -> int | None:
        """An instant (microseconds) since which this worker has surely been there; None: it is not, or nobody knows."""
        stale = time.monotonic() - self._here_checked >= self._hub.settings.dead_after
        return None if self._here is None or stale else self._here.seen_at

    def attend(self, name: str, task: Task, *, wake: Callable[[], None] | None = None) -> None:
        """Run ``task`` beside the dispatchers; to be called before ``run``. ``wake``: told when a dossier came in."""
        self._tasks[name] = task
        if wake is not None:
            self._wakes.append(wake)

    def wake(self, destination: str) -> None:
        """There may be something to send to ``destination``."""
        dispatcher = self._dispatchers.get(destination)
        if dispatcher is not None:
            dispatcher.wake()
        for wake in self._wakes:
            wake()

    def stop(self) -> None:
        """Finish exchanges in flight, give every lane back, then ``run`` returns."""
        self._stopping.set()
        for dispatcher in self._dispatchers.values():
            dispatcher.stop()

    async def wait_for_events(self, seconds: float) -> None:
        """Wait until new events may be in the feed, at most ``seconds``."""
        try:
            async with asyncio.timeout(seconds), self._sealed:
                await self._sealed.wait()
        except TimeoutError:
            return

    async def run(self, *, idle: bool = False) -> None:
        """Work until ``stop``. ``idle``: only be there, so that something else in this process can own a run."""
        await self._register()
        self._delivers = not idle
        # the beat goes on while exchanges in flight end: a worker that stops is not dead
        beats = asyncio.create_task(self._repeat("beat", self._beat, self._hub.settings.beat, self._ended))
        sealer = asyncio.create_task(self._repeat("seal", self._seal, SEAL_PAUSE_SECONDS, self._stopping))
        rounds = [
            asyncio.create_task(self._repeat(name, step, ROUND_PAUSE_SECONDS, self._stopping))
            for name, step in self._rounds.items()
        ]
        tasks = [
            asyncio.create_task(self._attend(name, task)) for name, task in self._tasks.items() if not idle
        ]
        pumps = [
            asyncio.create_task(dispatcher.run()) for dispatcher in self._dispatchers.values() if not idle
        ]
        try:
            await asyncio.gather(*pumps, self._stopping.wait())
        finally:
            self.stop()
            await asyncio.gather(*pumps, *tasks, return_exceptions=True)
            self._ended.set()
            await asyncio.gather(beats, sealer, *rounds, return_exceptions=True)
            await self._once("seal", self._seal)
            await self._leave()

    async def _register(self) -> None:
        now = to_micros(self._hub.clock())
        session = self._hub.database.session
        while not self._stopping.is_set():
            try:
                self._id = await self._hub.database.write(
                    lambda tx: upkeep.register_worker(tx, now, session=session)
                )
                break
            except StorageUnavailable as fault:
                log.warning("storage_was_lost", reason=str(fault)[:200])
                await asyncio.sleep(STORAGE_PAUSE_SECONDS)
        self._hub.database.identifiers.renew(self._id)
        for dispatcher in self._dispatchers.values():
            dispatcher.destination.gate.worker = self._id
        self._registered.set()
        log.info("worker_started", worker=self._id, destinations=sorted(self._dispatchers))

    async def _beat(self) -> None:
        if not self._id:
            return
        database = self._hub.database
        owners = await database.read(
            upkeep.lease_owners
        )  # first: who has claimed by now has a row in the beats
        beats = await database.apply(upkeep.beat, self._id)
        if self._id not in beats:
            log.warning("worker_was_believed_dead", worker=self._id)
            await self._register()  # under the old number nobody would notice our end
        if self._delivers:
            await self._be_here()
        others = {worker: count for worker, count in beats.items() if worker != self._id}
        dead = list(others) if self._alone else self._liveness.observe(others)
        for dispatcher in self._dispatchers.values():
            dispatcher.destination.gate.share = max(1, len(beats) - len(dead))
        dead = [*dead, *(owners - set(beats))]
        if dead:
            await self._reap(dead)

    async def _be_here(self) -> None:
        """Write down that this worker is there; after a time in which it could not beat, another stretch begins."""
        before, now = self.here_since, to_micros(self._hub.clock())
        goes_on = before is not None and self._here is not None and self._here.worker == self._id
        began_at = self._here.began_at if goes_on and self._here is not None else before or now
        here = Presence(worker=self._id, began_at=min(began_at, now), seen_at=now)
        checked = time.monotonic()
        await self._hub.database.apply(note_presence, here)
        self._here, self._here_checked = here, checked

    async def _reap(self, dead: list[int]) -> None:
        now = to_micros(self._hub.clock())
        await self._hub.database.write(lambda tx: upkeep.cut_off(tx, dead))
        # a probe that died with its worker must not keep a breaker open
        await self._hub.database.write(lambda tx: upkeep.return_probes_of(tx, dead, now=now))
        closing = {name: item.closing_entry for name, item in self._dispatchers.items()}
        fallback = next(iter(closing.values()), None)
        if fallback is None:
            await self._hub.database.write(lambda tx: upkeep.forget_workers(tx, dead))
            return
        order = Reap(
            dead=tuple(dead),
            now=self._hub.clock(),
            closing=lambda lost: closing.get(lost.destination, fallback)(lost),
        )
        lost = await self._hub.database.apply(reap_lanes, order)
        await self._hub.database.write(lambda tx: upkeep.forget_workers(tx, dead))
        log.warning("dead_workers_were_replaced", workers=dead, attempts_in_doubt=len(lost))
        for dispatcher in self._dispatchers.values():
            dispatcher.wake()

    async def _seal(self) -> None:
        sealed = await self._hub.database.write(upkeep.seal)
        if sealed.events:
            async with self._sealed:
                self._sealed.notify_all()

    async def _repeat(self, name: str, step: Round, pause: float, until: asyncio.Event) -> None:
        while not until.is_set():
            await self._once(name, step)
            try:
                async with asyncio.timeout(pause):
                    await until.wait()
            except TimeoutError:
                continue

    async def _attend(self, name: str, task: Task) -> None:
        """Keep ``task`` running until stopped."""
        while not self._stopping.is_set():
            try:
                await task(self._stopping)
            except StorageUnavailable as fault:
                log.warning("storage_was_lost", task=name, reason=str(fault)[:200])
            except Exception:  # why: a defect in one task must be seen, and must not end it for ever
                log.exception("task_failed", task=name)
            if not self._stopping.is_set():
                await asyncio.sleep(STORAGE_PAUSE_SECONDS)

    async def _once(self, name: str, step: Round) -> None:
        try:
            await step()
        except StorageUnavailable as fault:
            log.warning("storage_was_lost", step=name, reason=str(fault)[:200])
            await asyncio.sleep(STORAGE_PAUSE_SECONDS)
        except Exception:  # why: without beats a worker counts as dead, unsealed events stay unseen
            log.exception("step_failed", step=name)

    async def _leave(self) -> None:
        try:
            await self._hub.database.write(lambda tx: upkeep.forget_workers(tx, [self._id]))
        except StorageUnavailable:
            log.warning("worker_row_was_left_behind", worker=self._id)
