"""What belongs into one transaction: an answer and the next request of its lane; the requests of one shared call.

A lane at work waits for the disk once a delivery instead of twice, and the acknowledgement of a delivery is still
durable before the next one leaves, because both are in the commit that the next one waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import LeaseLost
from gateway.storage.lanes import Settlement, Start, refusals, settle_attempts, start_attempts

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Advance(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one exchange and the beginning of the next, of the same lane."""

    settlement: Settlement
    start: Start


def advance_lanes(transaction: Transaction, items: Sequence[Advance]) -> list[LeaseLost | None]:
    """Settle, then start; LeaseLost when the lane is lost (nothing changed) or only its queue has changed."""
    settled = settle_attempts(transaction, [item.settlement for item in items])
    going_on = [item for item, lost in zip(items, settled, strict=True) if lost is None]
    started = iter(start_attempts(transaction, [item.start for item in going_on]) if going_on else ())
    return [lost if lost is not None else next(started) for lost in settled]


def start_together(
    transaction: Transaction, calls: Sequence[tuple[Start, ...]]
) -> list[list[LeaseLost | None]]:
    """Start the attempts of each call, all of them or none: none when a lane is lost or its queue has changed."""
    return [_together(transaction, call) for call in calls]


def _together(transaction: Transaction, call: tuple[Start, ...]) -> list[LeaseLost | None]:
    refused = refusals(transaction, call)
    return refused if any(refused) else start_attempts(transaction, call)
