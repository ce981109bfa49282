"""Rows for tests: dossiers taken in, lanes claimed, deliveries sent and settled, all through the real operations."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import msgspec

from gateway.domain.delivery import DeliveryState
from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry
from gateway.port import WireRequest
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import Acceptance, DossierRow, LanePlan, PlannedDelivery, Receipt, accept_dossiers
from gateway.storage.lanes import (
    Claim,
    ClaimedLane,
    Release,
    Result,
    Settlement,
    Start,
    claim_lanes,
    release_lanes,
    settle_attempts,
    start_attempts,
)

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
WORKER = 7


def planned(
    key: str, *, operation: str = "note", snapshot: bool = False, version: int = 1
) -> PlannedDelivery:
    payload = msgspec.json.encode({"key": key, "status": "received", "version": version})
    return PlannedDelivery(
        operation=operation,
        key=key,
        payload=payload,
        digest=hashlib.sha256(payload).digest(),
        snapshot=snapshot,
    )


class Province:
    """A database with dossiers that move. ``now`` is the clock of whatever is done next."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW

    def later(self, seconds: float = 1.0) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    async def accept(
        self,
        code: str,
        *keys: str | PlannedDelivery,
        destination: str = "stub",
        version: int = 1,
        **columns: object,
    ) -> Receipt:
        record = msgspec.json.encode({"code": code, "version": version})
        row = DossierRow(
            code=code,
            version=version,
            digest=hashlib.sha256(record).digest(),
            record=record,
            **{
                "source": "one-door",
                "status": "received",
                "procedure_code": "1.001234",
                "agency_code": "H99.14",
                "channel": "counter",
                "submitted_at": None,
                "received_at": to_micros(self.now),
                "due_at": to_micros(self.now + timedelta(days=3)),
                "finished_at": None,
                **columns,
            },
        )
        deliveries = tuple(planned(key) if isinstance(key, str) else key for key in keys)
        plan = LanePlan(destination=destination, partner_codes=(code,), deliveries=deliveries)
        about = About(
            id=self.database.identifiers.next(),
            at=self.now,
            operation="dossier",
            direction="in",
            dossier=code,
        )
        message = request_entry(Scope(channel="api"), about, WireRequest(method="PUT", url="/", body=record))
        acceptance = Acceptance(dossier=row, lanes=(plan,), now=to_micros(self.now), messages=(message,))
        receipt: Receipt = await self.database.apply(accept_dossiers, acceptance)
        return receipt

    async def claim(self, destination: str = "stub", lanes: int = 1) -> list[ClaimedLane]:
        claim = Claim(destination=destination, worker=WORKER, lanes=lanes, depth=10, now=self.now)
        found: list[ClaimedLane] = await self.database.apply(claim_lanes, claim)
        return found

    async def send(self, lane: ClaimedLane, *, count: int = 1, kind: str = "send") -> Start:
        """Put the lane's first deliveries in flight, as a worker does before the socket opens."""
        attempt, message = self.database.identifiers.take(2)
        about = About(id=message, at=self.now, operation="note", dossier=lane.dossier, attempt=attempt)
        entry = request_entry(
            Scope(channel=lane.destination), about, WireRequest(method="POST", url="https://portal.example/")
        )
        start = Start(
            attempt=attempt,
            lane=lane.id,
            token=lane.token,
            worker=WORKER,
            destination=lane.destination,
            dossier=lane.dossier,
            operation="note",
            kind=kind,
            deliveries=tuple(item.delivery.id for item in lane.queue[:count]),
            now=self.now,
            message=entry,
        )
        await self.database.apply(start_attempts, start)
        return start

    async def settle(
        self, lane: ClaimedLane, start: Start, state: DeliveryState, *, due_at: datetime | None = None
    ) -> None:
        """End the attempt: every delivery in it goes to ``state``, and the lane is given back."""
        outcome = {"delivered": "accepted", "waiting": "deferred"}.get(state, state.value)
        about = About(
            id=self.database.identifiers.next(),
            at=self.now,
            operation="note",
            dossier=lane.dossier,
            attempt=start.attempt,
            request_id=start.message.id,
            outcome=outcome,
            code="tested",
        )
        results = tuple(
            Result(delivery=item, state=state, due_at=due_at, code="tested", reason="because of the test")
            for item in start.deliveries
        )
        settlement = Settlement(
            attempt=start.attempt,
            lane=lane.id,
            token=lane.token,
            now=self.now,
            outcome=outcome,
            code="tested",
            reason="because of the test",
            results=results,
            messages=(no_answer_entry(Scope(channel=lane.destination), about, "nothing"),),
            release=True,
        )
        await self.database.apply(settle_attempts, settlement)

    async def arrange(self, code: str, state: DeliveryState, *keys: str | PlannedDelivery) -> int:
        """A dossier whose first delivery is in ``state``; the delivery's identifier."""
        await self.accept(code, *(keys or ("a",)))
        claimed = await self.claim(lanes=100)
        [lane] = [item for item in claimed if item.dossier == code]
        for other in claimed:
            if other is not lane:
                await self.database.apply(release_lanes, Release(lane=other.id, token=other.token))
        start = await self.send(lane)
        if state is not DeliveryState.IN_FLIGHT:
            due_at = self.now if state is DeliveryState.WAITING else None
            await self.settle(lane, start, state, due_at=due_at)
        return start.deliveries[0]
