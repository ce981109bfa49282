"""Ordering that a dossier be told to a destination that was never told of it: its lane is made and filled.

Invariants: one transaction with its reason, its actor and an event; the dossier is locked, and must be the version that
the plan was made from, without a lane by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from gateway.domain.delivery import LaneState
from gateway.domain.errors import GatewayError, NotFoundError
from gateway.storage.drift_repairs import (
    Enqueued,
    LaneMoved,
    Ordered,
    mark_repairing,
    or_refusal,
    record_order,
    repairable,
)
from gateway.storage.instants import to_micros
from gateway.storage.intake import Filling, LanePlan, fill_lane
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Carry out ``plan``, which was made from ``version`` of the dossier, against the differences ``drifts``."""

    actor: str
    reason: str
    now: datetime
    destination: str
    dossier: str
    version: int
    plan: LanePlan
    drifts: tuple[int, ...]


_LOCK_DOSSIER = Statement("SELECT version, due_at FROM dossier WHERE code = :dossier FOR_UPDATE")
_LANE = Statement("SELECT id FROM lane WHERE destination = :destination AND dossier_code = :dossier")


def open_lanes(transaction: Transaction, orders: Sequence[Opening]) -> list[Ordered | GatewayError]:
    """Carry out each order; ConflictError, LaneMoved or NotFoundError is that order's result."""
    return [or_refusal(_open, transaction, order) for order in orders]


def _open(transaction: Transaction, order: Opening) -> Ordered:
    where = {"destination": order.destination, "dossier": order.dossier}
    row = transaction.one(_LOCK_DOSSIER, {"dossier": order.dossier})
    if row is None:
        raise NotFoundError(f"there is no dossier {order.dossier}")
    if row[0] != order.version or transaction.one(_LANE, where) is not None:
        raise LaneMoved(
            f"dossier {order.dossier} has moved on since {order.destination} was asked about it; ask again"
        )
    drifts = repairable(transaction, order)
    filling = Filling(code=order.dossier, promise_at=row[1], now=to_micros(order.now))
    filled = fill_lane(transaction, order.plan, filling)
    mark_repairing(transaction, order, drifts)
    enqueued = [
        Enqueued(delivery=str(delivery), operation=planned.operation, key=planned.key, again="")
        for delivery, planned in zip(filled.deliveries, order.plan.deliveries, strict=True)
    ]
    return Ordered(
        action=record_order(transaction, order, drifts, enqueued),
        deliveries=enqueued,
        drifts=[str(drift) for drift in drifts],
        lane_state=LaneState.READY if enqueued else LaneState.IDLE,
    )
