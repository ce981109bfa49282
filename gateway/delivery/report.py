"""What the one-door system is told about a delivery, and what the lane remembers as acknowledged.

Events carry identifiers, states and reasons; never a body, a name or an identity number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from gateway.delivery.turn import Turn
from gateway.domain.delivery import DeliveryState
from gateway.port import Operation, OperationKind
from gateway.storage.instants import to_micros
from gateway.storage.lanes import QueuedDelivery, Result
from gateway.storage.rows import EventRow

if TYPE_CHECKING:
    from gateway.delivery.destination import Destination

# states that end a chapter and are told; a doubt is told once, when it begins or when an operator must decide
_TOLD = {
    DeliveryState.DELIVERED: "delivery.delivered",
    DeliveryState.REJECTED: "delivery.rejected",
    DeliveryState.PARKED: "delivery.parked",
    DeliveryState.IN_DOUBT: "delivery.in_doubt",
}


class _Glance(msgspec.Struct, frozen=True):
    status: str
    version: int


def events_of(
    destination: Destination, turn: Turn, results: Sequence[Result], now: datetime
) -> tuple[EventRow, ...]:
    """One event per delivery whose new state is worth telling."""
    return tuple(
        _event(destination, queued, result, now, sends=turn.sends)
        for queued, result in zip(turn.batch, results, strict=True)
        if _worth_telling(queued, result)
    )


def _worth_telling(queued: QueuedDelivery, result: Result) -> bool:
    if result.state not in _TOLD:
        return False
    if result.state is not DeliveryState.IN_DOUBT:
        return True
    return queued.delivery.state is not DeliveryState.IN_DOUBT or result.due_at is None


def _event(
    destination: Destination, queued: QueuedDelivery, result: Result, now: datetime, *, sends: int
) -> EventRow:
    delivery = queued.delivery
    data = {
        "delivery": str(delivery.id),
        "operation": delivery.operation,
        "key": delivery.key,
        "state": result.state,
        "code": result.code,
        "reason": result.reason,
        "actor": result.actor,
        "attempts": delivery.attempts + sends,
    }
    return EventRow(
        id=destination.hub.database.identifiers.next(),
        at=to_micros(now),
        kind=_TOLD[result.state],
        data=msgspec.json.encode(data).decode(),
        dossier_code=delivery.dossier,
        destination=destination.name,
    )


def acknowledgement(
    batch: Sequence[QueuedDelivery], results: Sequence[Result], operation: Operation
) -> tuple[str, int] | None:
    """(status, version) that the partner now has of the dossier, when a snapshot of it was delivered."""
    if operation.kind is not OperationKind.SNAPSHOT:
        return None
    for queued, result in zip(reversed(batch), reversed(results), strict=True):
        if result.state is DeliveryState.DELIVERED:
            try:
                glance = msgspec.json.decode(queued.delivery.payload, type=_Glance)
            except msgspec.DecodeError:
                return None  # a snapshot that is not a dossier has nothing to acknowledge
            return glance.status, glance.version
    return None
