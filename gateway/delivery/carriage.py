"""Deliveries of several lanes in one call, where the partner takes them together and its settings allow it.

Nobody waits for company: whoever comes while every berth is taken travels together as soon as one is free. What cannot
be encoded together, or has been refused together, goes alone. Invariant: every lane of a call has an attempt of its
own; all of them become durable in one commit, before the socket opens, or none does; each lane settles for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec
import structlog

from gateway.delivery import call
from gateway.delivery.preparation import signed
from gateway.delivery.trail import exchanged
from gateway.delivery.turn import Encoded, Exchanged, Share, code_of, start_of, tag_of
from gateway.domain.errors import LeaseLost
from gateway.messagelog.entry import About, companion_entry, request_entry
from gateway.port import Context, Operation
from gateway.storage.advance import start_together
from gateway.storage.lanes import ClaimedLane, QueuedDelivery, Start
from gateway.telemetry.tracing import stand
from gateway.wire.authentication import Credentials, NoCredential
from gateway.wire.client import Answered, Exchange

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination

log = structlog.get_logger(__name__)
_Kind = tuple[str, ...]
"""Operation and what the lanes' memories have in common: only riders of one kind travel together."""


class Rider:
    """A lane's delivery on its way; ``share`` is what the call meant for it, None: go alone.

    ``may_leave``: asked when its call is about to be made, since it may have waited long for it.
    """

    __slots__ = ("lane", "may_leave", "memory", "operation", "queued", "share", "worker")

    def __init__(  # noqa: PLR0913 - all that a lane brings along
        self,
        lane: ClaimedLane,
        queued: QueuedDelivery,
        operation: Operation,
        *,
        memory: dict[str, str],
        worker: int,
        may_leave: Callable[[], bool],
    ) -> None:
        self.lane = lane
        self.queued = queued
        self.operation = operation
        self.memory = memory
        self.worker = worker
        self.may_leave = may_leave
        self.share: asyncio.Future[Share | None] = asyncio.get_running_loop().create_future()

    @property
    def kind(self) -> _Kind:
        return (self.operation.name, *(self.memory.get(name, "") for name in self.operation.alike))


class Carriage:
    """Where the lanes of one destination meet."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._waiting: dict[_Kind, deque[Rider]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0

    async def ride(self, rider: Rider) -> Share | None:
        """Travel with whoever goes the same way; None when it must go alone.

        Raises LeaseLost (the lane is somebody else's) and StorageUnavailable, like a call of its own.
        """
        self._waiting.setdefault(rider.kind, deque()).append(rider)
        if self._running < self._destination.capacity.concurrency:
            self._running += 1
            task = asyncio.create_task(self._run(), name=f"carriage-{self._destination.name}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await rider.share

    async def _run(self) -> None:
        try:
            stand(None)  # a call of several dossiers is part of no one's journey
            await asyncio.sleep(0)  # lanes that were claimed together come together
            while self._waiting:
                async with self._destination.berths:
                    await self._carry(self._board())
        finally:
            self._running -= (
                1  # at once: who comes between the last look and the task's end must not wait for ever
            )

    def _board(self) -> list[Rider]:
        """The riders of the next call: those of the kind that has waited longest."""
        if not self._waiting:
            return []
        kind, queue = next(iter(self._waiting.items()))
        riders = [queue.popleft() for _ in range(min(len(queue), queue[0].operation.across))]
        del self._waiting[kind]
        if queue:
            self._waiting[kind] = queue  # behind the other kinds
        return riders

    async def _carry(self, riders: list[Rider]) -> None:
        try:
            await self._call(riders)
        except Exception as fault:  # why: each lane must learn what became of its own call
            if all(rider.share.done() for rider in riders):
                log.exception("health_was_not_reported", destination=self._destination.name)
            for rider in riders:
                if not rider.share.done():
                    rider.share.set_exception(fault)
        for rider in riders:
            if not rider.share.done():
                rider.share.set_result(None)

    async def _call(self, riders: list[Rider]) -> None:
        """One call for all riders; those that it leaves without a share go alone."""
        if len(riders) < 2 or not all(rider.may_leave() for rider in riders):
            return
        credentials = await self._destination.authenticator.obtain()
        if isinstance(credentials, NoCredential):
            return
        while len(riders) > 1:
            encoded = self._encode(riders, credentials)
            if isinstance(encoded, Encoded):
                encoded = await signed(self._destination, riders[0].operation.name, encoded)
            if not isinstance(encoded, Encoded):
                return
            logged_at = asyncio.get_running_loop().time()
            starts = self._starts(riders, encoded)
            refusals = await self._destination.hub.database.apply(start_together, starts)
            if not any(refusals):
                sent_at = time.time_ns()
                answer = await call.exchange(self._destination, encoded.request, logged_at=logged_at)
                told = exchanged(sent_at, answer)
                await self._hand_out(riders, starts, encoded, (answer, told), credentials)
                return
            riders = _refuse(riders, refusals)

    def _encode(self, riders: Sequence[Rider], credentials: Credentials) -> object:
        context = msgspec.structs.replace(
            self._destination.context(credentials, {}),
            memories={rider.queued.delivery.id: rider.memory for rider in riders},
        )
        return call.encode(self._destination, [rider.queued.delivery for rider in riders], "send", context)

    def _starts(self, riders: Sequence[Rider], encoded: Encoded) -> tuple[Start, ...]:
        """An attempt each; the bytes of the request are stored once, with the first."""
        destination = self._destination
        abouts = [self._about(rider, encoded.context) for rider in riders]
        first = request_entry(destination.scope, abouts[0], encoded.request, secrets=destination.secrets())
        first = msgspec.structs.replace(first, shared=len(riders) > 1)
        messages = [first, *(companion_entry(about, first) for about in abouts[1:])]
        return tuple(
            start_of(rider.lane, rider.worker, (rider.queued,), "send", about=about, message=message)
            for rider, about, message in zip(riders, abouts, messages, strict=True)
        )

    def _about(self, rider: Rider, context: Context) -> About:
        attempt, message = self._destination.hub.database.identifiers.take(2)
        return About(
            id=message,
            at=context.now,
            operation=rider.operation.name,
            dossier=rider.lane.dossier,
            attempt=attempt,
        )

    async def _hand_out(
        self,
        riders: Sequence[Rider],
        starts: Sequence[Start],
        encoded: Encoded,
        got: tuple[Exchange, Exchanged],
        credentials: Credentials,
    ) -> None:
        answer, told = got
        destination, hub = self._destination, self._destination.hub
        deliveries = [rider.queued.delivery for rider in riders]
        outcomes = call.understood(destination, deliveries, "send", answer, encoded)
        call.renew(destination, outcomes, credentials)
        for rider, start, outcome in zip(riders, starts, outcomes, strict=True):
            about = About(
                id=hub.database.identifiers.next(),
                at=hub.clock(),
                operation=rider.operation.name,
                dossier=rider.lane.dossier,
                attempt=start.attempt,
                request_id=start.message.id,
                outcome=tag_of([outcome]),
                code=code_of([outcome]),
            )
            share = Share(
                attempt=start.attempt,
                outcome=outcome,
                message=destination.answer_entry(about, answer),
                unanswered=not isinstance(answer, Answered),
                exchanged=told,
            )
            if not rider.share.done():  # whoever waits no more must not cost the others their answer
                rider.share.set_result(share)
        await call.report_health(destination, answer, outcomes, probe=False)


def _refuse(riders: Sequence[Rider], refusals: Sequence[LeaseLost | None]) -> list[Rider]:
    """Tell the riders whose lane has changed; the others, who go on without them."""
    for rider, refusal in zip(riders, refusals, strict=True):
        if refusal is not None and not rider.share.done():
            rider.share.set_exception(refusal)
    return [rider for rider, refusal in zip(riders, refusals, strict=True) if refusal is None]
