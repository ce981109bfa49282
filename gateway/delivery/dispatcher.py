"""The pump of one destination: claims ready lanes, nearest promise first, and keeps the agreed number at work.

Invariant: a lane that was claimed is always given back, abandoned, or known to belong to somebody else.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Callable

import msgspec
import structlog

from gateway.delivery.destination import Destination
from gateway.delivery.pipeline import LaneRun
from gateway.domain.errors import LeaseLost, StorageUnavailable
from gateway.messagelog.entry import About, no_answer_entry
from gateway.storage.lanes import Claim, ClaimedLane, claim_lanes
from gateway.storage.rows import MessageRow
from gateway.storage.takeover import Abandon, LostAttempt, abandon_lanes, leases_of
from gateway.telemetry import IN_FLIGHT, STORAGE_LOST

log = structlog.get_logger(__name__)
STORAGE_PAUSE_SECONDS = 0.5
SHUT_PAUSE_SECONDS = 0.1
DEFECT_PAUSE_SECONDS = 30.0  # a lane whose turn raised stays leased so long, so that it cannot spin
PUMP_DEFECT_PAUSE_SECONDS = 5.0
STRAYS_PAUSE_SECONDS = 10.0
CLAIM_SHARE = (
    16  # claim when this part of the places is free: a larger part stands idle, a smaller one asks too often
)


class Dispatcher:
    """Works one destination until told to stop. ``wake`` cuts the idle wait short."""

    def __init__(self, destination: Destination, worker: Callable[[], int]) -> None:
        self.destination = destination
        self._worker = worker
        self._tasks: dict[asyncio.Task[None], ClaimedLane] = {}
        self._abandoned: list[ClaimedLane] = []
        self._set_aside: list[tuple[float, ClaimedLane]] = []
        self._looked_for_strays = 0.0
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._chance = random.Random().random  # noqa: S311 - jitter

    def wake(self) -> None:
        """There may be something to send."""
        self._changed.set()

    def stop(self) -> None:
        """Finish the exchanges in flight, claim nothing new."""
        self._stopping.set()
        self._changed.set()

    async def run(self) -> None:
        """Pump until ``stop``; every lane is given back before this returns."""
        while not self._stopping.is_set():
            self._changed.clear()
            try:
                wait = await self._round()
            except StorageUnavailable as fault:
                STORAGE_LOST.inc()
                log.warning("storage_was_lost", destination=self.destination.name, reason=str(fault)[:200])
                wait = STORAGE_PAUSE_SECONDS
            except Exception:  # why: one defect must not end the delivery to every destination
                log.exception("pump_failed", destination=self.destination.name)
                wait = PUMP_DEFECT_PAUSE_SECONDS
            if wait:
                await self._idle(wait)
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._give_up_abandoned()

    async def _round(self) -> float:
        """Claim what fits; the seconds to wait before the next round (0: at once)."""
        await self._give_up_abandoned()
        await self._give_up_strays()
        capacity = self.destination.capacity.concurrency * self.destination.across
        free = capacity - len(self._tasks)
        if free < max(1, capacity // CLAIM_SHARE):
            return self.destination.hub.settings.poll
        gate = self.destination.gate
        permit = await gate.permit(probe_for=self.destination.longest_exchange, idle=not self._tasks)
        if not permit.allowed:
            return permit.wait or SHUT_PAUSE_SECONDS
        lanes = await self._claim(1 if permit.probe else free)
        if permit.probe and not lanes:
            await gate.return_probe()
        for lane in lanes:
            self._begin(lane, probe=permit.probe)
        return 0.0 if len(lanes) == free and not permit.probe else self.destination.hub.settings.poll

    async def _claim(self, count: int) -> list[ClaimedLane]:
        hub = self.destination.hub
        batch = max((item.batch for item in self.destination.adapter.manifest.operations), default=1)
        claim = Claim(
            destination=self.destination.name,
            worker=self._worker(),
            lanes=count,
            depth=hub.settings.depth * (2 if batch > 1 else 1),
            now=hub.clock(),
        )
        lanes: list[ClaimedLane] = await hub.database.apply(claim_lanes, claim)
        return lanes

    def _begin(self, lane: ClaimedLane, *, probe: bool) -> None:
        task = asyncio.create_task(self._work(lane, probe=probe), name=f"lane-{lane.id}")
        self._tasks[task] = lane
        IN_FLIGHT.labels(self.destination.name).set(len(self._tasks))
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        IN_FLIGHT.labels(self.destination.name).set(len(self._tasks))
        self._changed.set()

    async def _work(self, lane: ClaimedLane, *, probe: bool) -> None:
        run = LaneRun(self.destination, lane, self._worker(), self._chance)
        try:
            await run.run(stopping=self._stopping, probe=probe)
        except LeaseLost as event:
            log.info("lane_was_lost", destination=self.destination.name, lane=lane.id, reason=str(event))
            self._abandoned.append(lane)  # still ours when only its queue has changed
        except StorageUnavailable as fault:
            log.warning(
                "lane_was_abandoned", destination=self.destination.name, lane=lane.id, reason=str(fault)[:200]
            )
            self._abandoned.append(lane)
        except Exception:  # why: a defect in one lane's turn must not end the pump; the lane is taken back
            log.exception("lane_failed", destination=self.destination.name, lane=lane.id)
            self._set_aside.append((asyncio.get_running_loop().time() + DEFECT_PAUSE_SECONDS, lane))
        if probe:
            await self._return_probe()

    async def _return_probe(self) -> None:
        try:
            await self.destination.gate.return_probe()
        except StorageUnavailable:
            log.warning("probe_was_not_returned", destination=self.destination.name)

    async def _give_up_abandoned(self) -> None:
        """Take back lanes whose turn ended without a settlement; retried until the database answers."""
        now = asyncio.get_running_loop().time()
        due = [item for item in self._set_aside if item[0] <= now or self._stopping.is_set()]
        self._set_aside = [item for item in self._set_aside if item not in due]
        self._abandoned += [lane for _, lane in due]
        while self._abandoned:
            lane = self._abandoned.pop(0)
            try:
                await self._give_up(lane.id, lane.token)
            except StorageUnavailable:
                self._abandoned.append(lane)  # others may have joined the list meanwhile
                raise

    async def _give_up_strays(self) -> None:
        """Take back lanes that are leased to us without our knowing: a claim that was committed although the
        database's word for it was lost. Nobody else would, as long as this worker lives."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_for_strays < STRAYS_PAUSE_SECONDS:
            return
        self._looked_for_strays = now
        # taken before the question: what is claimed is claimed by this pump alone, so it cannot grow meanwhile
        lanes = [*self._tasks.values(), *self._abandoned, *(lane for _, lane in self._set_aside)]
        known = {lane.id for lane in lanes}
        asked = functools.partial(leases_of, destination=self.destination.name, worker=self._worker())
        for lane, token in await self.destination.hub.database.read(asked):
            if lane not in known:
                log.warning("stray_lane_was_found", destination=self.destination.name, lane=lane)
                await self._give_up(lane, token)

    async def _give_up(self, lane: int, token: int) -> None:
        order = Abandon(lane=lane, token=token, now=self.destination.hub.clock(), closing=self.closing_entry)
        await self.destination.hub.database.apply(abandon_lanes, order)

    def closing_entry(self, lost: LostAttempt) -> MessageRow:
        """The log entry of an attempt whose end nobody saw."""
        hub = self.destination.hub
        about = About(
            id=hub.database.identifiers.next(),
            at=hub.clock(),
            operation=lost.operation,
            dossier=lost.dossier,
            attempt=lost.id,
            outcome="in_doubt",
            code="worker_lost",
        )
        # its destination need not be one that this process knows
        scope = msgspec.structs.replace(self.destination.scope, channel=lost.destination)
        return no_answer_entry(scope, about, "the worker disappeared while the request was in flight")

    async def _idle(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return
