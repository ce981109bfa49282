"""Builders of rows, and a short hand for the steps of a lane, so that a test shows only what it is about."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState
from gateway.messagelog.entry import About, Scope, no_answer_entry, request_entry, response_entry
from gateway.port import WireRequest, WireResponse
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.intake import (
    Acceptance,
    DossierRow,
    IdempotencyKey,
    LanePlan,
    PlannedDelivery,
    Receipt,
    accept_dossiers,
)
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
from gateway.storage.rows import EventRow, MessageRow
from gateway.storage.takeover import Abandon, LostAttempt, Reap, abandon_lanes, reap_lanes

NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
PORTAL = "portal"
SCOPE = Scope(channel=PORTAL)
S = DeliveryState


def later(**parts: float) -> datetime:
    """``NOW`` plus so many hours, minutes, seconds."""
    return NOW + timedelta(**parts)


def snapshot(key: str, text: str = "") -> PlannedDelivery:
    """A delivery that a newer one of its kind makes pointless."""
    return _planned("dossier", key, text, snapshot=True)


def event(key: str, text: str = "") -> PlannedDelivery:
    """A delivery that must arrive whatever follows."""
    return _planned("step", key, text, snapshot=False)


def _planned(operation: str, key: str, text: str, *, snapshot: bool) -> PlannedDelivery:
    payload = msgspec.json.encode({"operation": operation, "key": key, "text": text})
    return PlannedDelivery(
        operation=operation,
        key=key,
        payload=payload,
        digest=hashlib.sha256(payload).digest(),
        snapshot=snapshot,
    )


def dossier(code: str, version: int, *, due_at: datetime | None = None, text: str = "") -> DossierRow:
    record = msgspec.json.encode({"code": code, "version": version, "text": text})
    return DossierRow(
        code=code,
        source="one-door",
        version=version,
        status="received",
        procedure_code="1.000001",
        agency_code="H99.14",
        channel="counter",
        submitted_at=None,
        received_at=to_micros(NOW),
        due_at=None if due_at is None else to_micros(due_at),
        finished_at=None,
        digest=hashlib.sha256(record).digest(),
        record=record,
    )


def acceptance(
    code: str,
    *deliveries: PlannedDelivery,
    version: int = 1,
    due_at: datetime | None = None,
    text: str = "",
    destination: str = PORTAL,
    **extra: Any,
) -> Acceptance:
    """One version of one dossier with what one destination is to be told."""
    codes = extra.pop("partner_codes", ())
    return Acceptance(
        dossier=dossier(code, version, due_at=due_at, text=text),
        lanes=(LanePlan(destination=destination, partner_codes=codes, deliveries=deliveries),),
        now=to_micros(NOW),
        **extra,
    )


def idempotency(key: str, asked: bytes = b"asked", client: str = "one-door") -> IdempotencyKey:
    return IdempotencyKey(client=client, key=key, digest=hashlib.sha256(asked).digest())


class World:
    """One database, worked by hand: every method is one step that the engine would take."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def accept(self, code: str, *deliveries: PlannedDelivery, **rest: Any) -> Receipt:
        receipt: Receipt = await self.database.apply(accept_dossiers, acceptance(code, *deliveries, **rest))
        return receipt

    async def claim(
        self, lanes: int = 10, *, worker: int = 1, depth: int = 10, now: datetime = NOW
    ) -> list[ClaimedLane]:
        claim = Claim(destination=PORTAL, worker=worker, lanes=lanes, depth=depth, now=now)
        claimed: list[ClaimedLane] = await self.database.apply(claim_lanes, claim)
        return claimed

    async def claim_one(self, *, worker: int = 1, now: datetime = NOW) -> ClaimedLane:
        (lane,) = await self.claim(1, worker=worker, now=now)
        return lane

    async def start(self, lane: ClaimedLane, *, count: int = 1, skip: int = 0, kind: str = "send") -> Start:
        """Put the first ``count`` deliveries of the claim in flight; LeaseLost when that is refused."""
        order = self.start_order(lane, count=count, skip=skip, kind=kind)
        await self.database.apply(start_attempts, order)
        return order

    def start_order(
        self, lane: ClaimedLane, *, count: int = 1, skip: int = 0, kind: str = "send", worker: int = 1
    ) -> Start:
        batch = [queued.delivery for queued in lane.queue[skip : skip + count]]
        attempt = self.database.identifiers.next()
        about = About(
            id=self.database.identifiers.next(),
            at=NOW,
            operation=batch[0].operation,
            dossier=lane.dossier,
            attempt=attempt,
        )
        request = WireRequest(method="POST", url="https://portal.example/service", body=batch[0].payload)
        return Start(
            attempt=attempt,
            lane=lane.id,
            token=lane.token,
            worker=worker,
            destination=PORTAL,
            dossier=lane.dossier,
            operation=batch[0].operation,
            kind=kind,
            deliveries=tuple(delivery.id for delivery in batch),
            now=NOW,
            message=request_entry(SCOPE, about, request),
        )

    def settlement(
        self, start: Start, state: DeliveryState, *, due_at: datetime | None = None, **rest: Any
    ) -> Settlement:
        """The end of ``start`` with every delivery in ``state``."""
        doubted = state is S.IN_DOUBT
        results = tuple(
            Result(
                delivery=delivery,
                state=state,
                due_at=due_at,
                code="code",
                reason="reason",
                doubted=doubted,
            )
            for delivery in start.deliveries
        )
        return Settlement(
            attempt=start.attempt,
            lane=start.lane,
            token=start.token,
            now=NOW,
            outcome="outcome",
            code="code",
            reason="reason",
            results=results,
            messages=(self.answer(start),),
            **rest,
        )

    async def settle(self, start: Start, state: DeliveryState, **rest: Any) -> None:
        await self.database.apply(settle_attempts, self.settlement(start, state, **rest))

    async def send(self, lane: ClaimedLane, state: DeliveryState = S.DELIVERED, **rest: Any) -> None:
        """One whole attempt with the head, lane given back."""
        await self.settle(await self.start(lane), state, release=True, **rest)

    async def release(self, lane: ClaimedLane) -> None:
        await self.database.apply(release_lanes, Release(lane=lane.id, token=lane.token))

    async def abandon(self, lane: ClaimedLane) -> list[LostAttempt]:
        order = Abandon(lane=lane.id, token=lane.token, now=NOW, closing=self.closing)
        lost: list[LostAttempt] = await self.database.apply(abandon_lanes, order)
        return lost

    async def reap(self, *dead: int) -> list[LostAttempt]:
        # long enough ago for what was in flight to be asked about at NOW
        order = Reap(dead=dead, now=later(seconds=-2), closing=self.closing)
        lost: list[LostAttempt] = await self.database.apply(reap_lanes, order)
        return lost

    def answer(self, start: Start) -> MessageRow:
        about = About(
            id=self.database.identifiers.next(), at=NOW, operation=start.operation, attempt=start.attempt
        )
        return response_entry(SCOPE, about, WireResponse(status=200, body=b'{"error_code": "0"}'))

    def closing(self, lost: LostAttempt) -> MessageRow:
        about = About(id=self.database.identifiers.next(), at=NOW, operation=lost.operation, attempt=lost.id)
        return no_answer_entry(SCOPE, about, "the worker disappeared")

    def message(self, text: bytes = b"entry") -> MessageRow:
        about = About(id=self.database.identifiers.next(), at=NOW, operation="note")
        return request_entry(
            SCOPE, about, WireRequest(method="POST", url="https://portal.example/", body=text)
        )

    def event_row(self, kind: str = "note") -> EventRow:
        return EventRow(id=self.database.identifiers.next(), at=to_micros(NOW), kind=kind, data="{}")

    def rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What ``statement`` finds, on a connection of its own."""
        return self.database.ask(
            lambda connection: [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
        )

    def queue(self, code: str) -> list[tuple[str, str]]:
        """(key, state) of every delivery of the dossier, by position and age; superseded ones left out."""
        return [
            (row[0], row[1])
            for row in self.rows(
                "SELECT key, state FROM delivery WHERE dossier_code = :code AND state <> 'superseded' "
                "ORDER BY position, id",
                code=code,
            )
        ]

    def states(self, code: str) -> list[str]:
        return [state for _, state in self.queue(code)]

    def lane_state(self, code: str) -> str:
        return str(self.rows("SELECT state FROM lane WHERE dossier_code = :code", code=code)[0][0])
