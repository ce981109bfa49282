"""A delivery, its states and the only table of legal moves; a lane and its states.

Invariant: every change of state goes through ``require_move``; a move that is not in ``MOVES`` is refused.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.domain.errors import ConflictError


class DeliveryState(StrEnum):
    """Where one delivery stands."""

    PENDING = "pending"
    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    IN_DOUBT = "in_doubt"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    PARKED = "parked"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"


S = DeliveryState
MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    # waiting without having been sent: no credential, no reference data; in doubt without having been sent by what this
    # database knows: it was restored, and the delivery may have left after the backup
    S.PENDING: frozenset({S.IN_FLIGHT, S.IN_DOUBT, S.WAITING, S.REJECTED, S.PARKED, S.SUPERSEDED, S.SKIPPED}),
    S.WAITING: frozenset({S.IN_FLIGHT, S.IN_DOUBT, S.PENDING, S.REJECTED, S.PARKED, S.SUPERSEDED, S.SKIPPED}),
    S.IN_FLIGHT: frozenset({S.DELIVERED, S.REJECTED, S.WAITING, S.IN_DOUBT, S.PARKED}),
    # parked after a doubt: surely not at the partner, which keeps losing it
    S.IN_DOUBT: frozenset({S.DELIVERED, S.WAITING, S.REJECTED, S.PARKED, S.SKIPPED}),
    S.REJECTED: frozenset({S.PENDING, S.SUPERSEDED, S.SKIPPED}),
    S.PARKED: frozenset({S.PENDING, S.SUPERSEDED, S.SKIPPED}),
    S.DELIVERED: frozenset(),
    S.SUPERSEDED: frozenset(),
    S.SKIPPED: frozenset(),
}
OPEN: frozenset[DeliveryState] = frozenset(state for state, targets in MOVES.items() if targets)
SENDABLE: frozenset[DeliveryState] = frozenset({S.PENDING, S.WAITING})
STUCK: frozenset[DeliveryState] = frozenset({S.REJECTED, S.PARKED})
SUPERSEDABLE: frozenset[DeliveryState] = SENDABLE | STUCK


def require_move(before: DeliveryState, after: DeliveryState, *, delivery: str) -> None:
    """Refuse a move that is not in the table; ConflictError names the delivery and the legal targets."""
    if after not in MOVES[before]:
        legal = ", ".join(sorted(MOVES[before])) or "none: the state is final"
        raise ConflictError(
            f"delivery {delivery}: cannot go from {before} to {after}; legal from here: {legal}"
        )


class LaneState(StrEnum):
    """Where one lane (destination, dossier) stands.

    idle     nothing to send
    ready    its head may leave now
    waiting  its head may leave at ``due_at``
    leased   a worker is at it
    blocked  its head needs somebody (rejected, parked, in doubt for an operator)
    held     an operator holds it
    """

    IDLE = "idle"
    READY = "ready"
    WAITING = "waiting"
    LEASED = "leased"
    BLOCKED = "blocked"
    HELD = "held"


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one partner is to be told about one dossier.

    ``key`` identifies it inside (destination, dossier, operation), so the same step is never enqueued twice.
    ``payload`` is the canonical JSON of what is to be told (a dossier, a step), in the gateway's vocabulary.
    ``position`` orders deliveries inside the lane. ``retried_at``: when a person last had it sent again. Instants are
    aware UTC.
    """

    id: int
    lane: int
    destination: str
    dossier: str
    operation: str
    key: str
    position: int
    payload: bytes
    attempts: int = 0
    state: DeliveryState = DeliveryState.PENDING
    created_at: datetime | None = None
    retried_at: datetime | None = None
