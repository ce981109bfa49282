"""The way of a claimed lane: encode, record, exchange, record, interpret, settle; one delivery after the other.

Invariant: between the commit of the request and the commit of its settlement the deliveries are ``in_flight``; a
crash in between leaves them in doubt, never failed and never sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial

import msgspec
import structlog

from gateway.delivery import call
from gateway.delivery.carriage import Rider
from gateway.delivery.destination import Destination
from gateway.delivery.disposition import Circumstances, after_asking, after_sending, ask_again
from gateway.delivery.preparation import Task, prepare
from gateway.delivery.report import acknowledgement, events_of
from gateway.delivery.retry import Chance
from gateway.delivery.trail import Trail, exchanged
from gateway.delivery.turn import (
    Encoded,
    Kind,
    Order,
    Turn,
    asks_again,
    code_of,
    deliveries_of,
    is_delivered,
    on_own_schedule,
    start_of,
    tag_of,
)
from gateway.domain.delivery import SENDABLE, DeliveryState
from gateway.domain.errors import StorageUnavailable
from gateway.domain.outcome import Deferred, InDoubt, Outcome, Rejected, remembered
from gateway.messagelog.entry import About, request_entry
from gateway.port import Operation, OperationKind
from gateway.storage.advance import Advance, advance_lanes
from gateway.storage.lanes import (
    ClaimedLane,
    QueuedDelivery,
    Release,
    Result,
    Settlement,
    Start,
    release_lanes,
    settle_attempts,
    start_attempts,
)
from gateway.telemetry import ATTEMPTS, DELIVERED, SYNC_LAG_SECONDS, labelled
from gateway.wire.authentication import Credentials, NoCredential
from gateway.wire.client import Answered

log = structlog.get_logger(__name__)
SETTLE_PATIENCE_SECONDS = 120.0


class LaneRun:
    """One worker's turn at one lane."""

    def __init__(self, destination: Destination, lane: ClaimedLane, worker: int, chance: Chance) -> None:
        self._destination = destination
        self._lane = lane
        self._worker = worker
        self._chance = chance
        self._memory = dict(lane.memory)
        self._queue = list(lane.queue)
        self._immediate = 0
        self._released = False
        self._stopping = asyncio.Event()
        self._unsettled: Settlement | None = None
        self._trail = Trail(destination) if destination.hub.tracing.on else None

    async def run(self, *, stopping: asyncio.Event, probe: bool = False) -> None:
        """Work the queue until it is empty, must wait, or the gate shuts; then give the lane back.

        Raises LeaseLost (the lane is somebody else's) and StorageUnavailable (the lane must be abandoned).
        """
        self._stopping = stopping
        try:
            await self._work(probe=probe)
        finally:
            await self._flush()  # whatever ended the turn: an answer that is known must not be lost
        if not self._released:
            await self._destination.hub.database.apply(
                release_lanes, Release(lane=self._lane.id, token=self._lane.token)
            )

    async def _work(self, *, probe: bool) -> None:
        gate = self._destination.gate
        turns = 0
        while self._queue and not self._released and not self._stopping.is_set():
            if not self._actionable(self._queue[0]) or (turns and (probe or gate.shut())):
                break
            if gate.paced:
                await self._flush()
                await gate.pace(self._stopping)
                if self._stopping.is_set():
                    break
            await self._turn(probe=probe)
            turns += 1

    def _actionable(self, queued: QueuedDelivery) -> bool:
        state, due_at = queued.delivery.state, queued.due_at
        if state is DeliveryState.PENDING:
            return True
        waiting = state in {DeliveryState.WAITING, DeliveryState.IN_DOUBT}
        return waiting and due_at is not None and due_at <= self._destination.hub.clock()

    async def _turn(self, *, probe: bool) -> None:
        kind: Kind = "query" if self._queue[0].delivery.state is DeliveryState.IN_DOUBT else "send"
        batch = self._batch(kind)
        if self._trail is not None:
            await self._trail.enter(batch)
        if kind == "query" and not self._operation().queryable:  # a lost worker left it so
            unasked = InDoubt(
                code="cannot_be_asked", reason="sent, effect unknown; the partner has no question for it"
            )
            await self._settle(Turn(batch=batch, kind=kind, outcomes=[unasked] * len(batch)))
            return
        if kind == "send" and not probe and await self._shared(batch[0]):
            return
        if not self._destination.authenticator.fresh:
            await self._flush()
        credentials = await self._destination.authenticator.obtain()
        if isinstance(credentials, NoCredential):
            await self._without_credential(batch, kind, credentials, probe=probe)
            return
        request = await self._encode(batch, kind, credentials)
        if isinstance(request, Rejected) and len(batch) > 1:
            batch = batch[:1]
            request = await self._encode(batch, kind, credentials)
        if isinstance(request, Rejected | Deferred):
            await self._settle(Turn(batch=batch, kind=kind, outcomes=[request] * len(batch), unanswered=True))
            return
        order = Order(batch=batch, kind=kind, credentials=credentials, encoded=request, probe=probe)
        berths = self._destination.berths
        if berths.locked():
            await self._flush()
        async with berths:
            if self._may_leave(probe=probe):
                await self._attempt(order)

    def _may_leave(self, *, probe: bool) -> bool:
        """Whether a request may still leave after its lane has waited its turn: the gate may have shut meanwhile."""
        return not self._stopping.is_set() and (probe or not self._destination.gate.shut())

    async def _shared(self, queued: QueuedDelivery) -> bool:
        """Send ``queued`` in one call with other lanes'; False when there is no such call, or it must go alone."""
        operation = self._operation()
        if operation.across == 1 or self._memory.get("batch") == "1":
            return False
        await self._flush()
        rider = Rider(
            self._lane,
            queued,
            operation,
            memory=self._memory,
            worker=self._worker,
            may_leave=partial(self._may_leave, probe=False),
        )
        share = await self._destination.carriage.ride(rider)
        if share is None:
            return False
        await self._settle(
            Turn(
                batch=[queued],
                kind="send",
                outcomes=[share.outcome],
                attempt=share.attempt,
                messages=(share.message,),
                unanswered=share.unanswered,
                exchanged=share.exchanged,
            )
        )
        return True

    def _batch(self, kind: Kind) -> list[QueuedDelivery]:
        """The head and what may travel with it: same operation, same kind of turn, actionable, up to the limit."""
        operation = self._operation()
        told = self._memory.get("batch", "")
        limit = min(operation.batch, int(told)) if told.isdecimal() else operation.batch
        batch = self._queue[:1]
        for queued in self._queue[1 : max(1, limit)]:
            same_kind = (queued.delivery.state in SENDABLE) == (kind == "send")
            if queued.delivery.operation != operation.name or not same_kind or not self._actionable(queued):
                break
            batch.append(queued)
        return batch

    def _operation(self, name: str | None = None) -> Operation:
        """The operation of the head, or the one called ``name``.

        One that a new release of the adapter has dropped is an event that cannot be asked about nor repeated.
        """
        wanted = name or self._queue[0].delivery.operation
        try:
            return self._destination.adapter.manifest.operation(wanted)
        except KeyError:
            return Operation(name=wanted, kind=OperationKind.EVENT, title=wanted, source="no longer declared")

    async def _encode(
        self, batch: Sequence[QueuedDelivery], kind: Kind, credentials: Credentials
    ) -> Encoded | Rejected | Deferred:
        """The signed request; reference data and files that are missing are fetched first."""
        task = Task(
            deliveries=deliveries_of(batch),
            kind=kind,
            credentials=credentials,
            memory=self._memory,
            before_waiting=self._flush,
        )
        return await prepare(self._destination, task)

    async def _attempt(self, order: Order) -> None:
        batch, kind, context, request = order.batch, order.kind, order.encoded.context, order.encoded.request
        destination, hub = self._destination, self._destination.hub
        attempt, message = hub.database.identifiers.take(2)
        asked = About(
            id=message,
            at=context.now,
            operation=self._label(kind),
            dossier=self._lane.dossier,
            attempt=attempt,
        )
        entry = request_entry(destination.scope, asked, request, secrets=destination.secrets())
        began = asyncio.get_running_loop().time()
        await self._begin(start_of(self._lane, self._worker, batch, kind, about=asked, message=entry))
        sent_at = time.time_ns()
        answer = await call.exchange(destination, request, logged_at=began)
        told = None if self._trail is None else exchanged(sent_at, answer)
        outcomes = call.understood(destination, deliveries_of(batch), kind, answer, order.encoded)
        call.renew(destination, outcomes, order.credentials)
        about = msgspec.structs.replace(
            asked,
            id=hub.database.identifiers.next(),
            at=hub.clock(),
            request_id=message,
            outcome=tag_of(outcomes),
            code=code_of(outcomes),
        )
        await self._settle(
            Turn(
                batch=batch,
                kind=kind,
                outcomes=outcomes,
                attempt=attempt,
                messages=(destination.answer_entry(about, answer),),
                unanswered=not isinstance(answer, Answered),
                exchanged=told,
            )
        )
        await call.report_health(destination, answer, outcomes, probe=order.probe)

    def _label(self, kind: Kind) -> str:
        return self._operation().name if kind == "send" else f"{self._operation().name}.query"

    async def _without_credential(
        self, batch: list[QueuedDelivery], kind: Kind, refusal: NoCredential, *, probe: bool
    ) -> None:
        """Nothing of the request left: the delivery waits, the destination is counted as failing."""
        # the partner's words, which may repeat what it was given
        reason = self._destination.shown(refusal.reason)
        deferred: Outcome = Deferred(code=refusal.code, reason=reason)
        turn = Turn(batch=batch[:1], kind=kind, outcomes=[deferred], unanswered=True)
        await self._settle(turn)
        await self._destination.gate.failed(reason, probe=probe)

    async def _begin(self, start: Start) -> None:
        """Make the request durable, and with it, in the same commit, the settlement of the one before."""
        database = self._destination.hub.database
        settlement, self._unsettled = self._unsettled, None
        if settlement is None:
            await database.apply(start_attempts, start)
            return
        try:
            await database.apply(advance_lanes, Advance(settlement=settlement, start=start))
        except Exception:  # why: whatever is wrong with this request, the answer before it must not be lost
            await self._store(msgspec.structs.replace(settlement, repeated=True))
            raise

    async def _flush(self) -> None:
        """Settle what was to be settled together with the next request, now."""
        settlement, self._unsettled = self._unsettled, None
        if settlement is not None:
            await self._store(settlement)

    async def _settle(self, turn: Turn) -> None:
        await self._flush()
        now = self._destination.hub.clock()
        results = self._results(turn, now)
        memory = remembered(self._memory, turn.outcomes)
        self._advance(turn, results)
        again = bool(self._queue) and self._actionable(self._queue[0])
        settlement = Settlement(
            attempt=turn.attempt,
            lane=self._lane.id,
            token=self._lane.token,
            now=now,
            outcome=tag_of(turn.outcomes),
            code=code_of(turn.outcomes),
            reason=results[0].reason,
            results=results,
            messages=turn.messages,
            events=events_of(self._destination, turn, results, now),
            memory=memory if memory != self._memory else None,
            acknowledged=acknowledgement(turn.batch, results, self._operation_of(turn)),
            hasten=any(on_own_schedule(outcome) for outcome in turn.outcomes),
            release=not again,
        )
        if again and turn.attempt is not None and all(is_delivered(result) for result in results):
            self._unsettled = settlement  # the next request leaves only after the commit that holds both
        else:
            await self._store(settlement)
        self._memory = memory
        self._released = not again
        self._count(turn, results, now)
        if self._trail is not None:
            self._trail.leave(turn, results)

    def _operation_of(self, turn: Turn) -> Operation:
        return self._operation(turn.batch[0].delivery.operation)

    def _results(self, turn: Turn, now: datetime) -> tuple[Result, ...]:
        case = Circumstances(
            settings=self._destination.hub.settings.retry,
            operation=self._operation_of(turn),
            now=now,
            chance=self._chance,
            immediate=self._immediate,
        )
        if turn.kind == "send":
            return tuple(
                after_sending(queued, outcome, case)
                for queued, outcome in zip(turn.batch, turn.outcomes, strict=True)
            )
        return tuple(
            ask_again(queued, outcome, case)
            if turn.unanswered or asks_again(outcome)
            else after_asking(queued, outcome, case)
            for queued, outcome in zip(turn.batch, turn.outcomes, strict=True)
        )

    def _advance(self, turn: Turn, results: Sequence[Result]) -> None:
        """Bring the local view of the queue in line with the results."""
        progressed = any(result.state is DeliveryState.DELIVERED for result in results)
        self._immediate = 0 if progressed else self._immediate + 1
        rest = [
            msgspec.structs.replace(
                queued,
                delivery=msgspec.structs.replace(
                    queued.delivery, state=result.state, attempts=queued.delivery.attempts + turn.sends
                ),
                due_at=result.due_at,
                doubts=queued.doubts + int(result.doubted),
            )
            for queued, result in zip(turn.batch, results, strict=True)
            if result.state is not DeliveryState.DELIVERED
        ]
        self._queue = rest + self._queue[len(turn.batch) :]

    async def _store(self, settlement: Settlement) -> None:
        """Settle, waiting out a database that is away for a while: the answer is known and must not be lost."""
        database = self._destination.hub.database
        loop = asyncio.get_running_loop()
        give_up = loop.time() + SETTLE_PATIENCE_SECONDS
        pause = 0.1
        while True:
            try:
                await database.apply(settle_attempts, settlement)
                return
            except StorageUnavailable:
                if loop.time() > give_up:
                    raise
                await asyncio.sleep(pause)
                pause = min(2.0, pause * 2)
                settlement = msgspec.structs.replace(settlement, repeated=True)

    def _count(self, turn: Turn, results: Sequence[Result], now: datetime) -> None:
        name, operation = self._destination.name, turn.batch[0].delivery.operation
        labelled(ATTEMPTS, name, operation, tag_of(turn.outcomes)).inc()
        for queued, result in zip(turn.batch, results, strict=True):
            if result.state is DeliveryState.DELIVERED and queued.delivery.created_at is not None:
                labelled(DELIVERED, name, operation).inc()
                labelled(SYNC_LAG_SECONDS, name).observe((now - queued.delivery.created_at).total_seconds())
