"""The record of what people did: one row per action, found by its target.

A target is ``destination/dossier`` for a lane and its deliveries, ``destination`` for the whole partner.
Invariant: rows are only added, in the transaction of what they record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.storage.instants import to_micros
from gateway.storage.orders import BulkRetry, Hold, Instruction, Pause, Resolve, Resume, Retry, Skip, Unhold
from gateway.storage.sql import insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_INSERT_ACTION = insert("operator_action", ("id", "at", "actor", "action", "target", "reason", "detail"))


_VERBS: dict[type[Instruction], str] = {
    Retry: "retry",
    Skip: "skip",
    Resolve: "resolve",
    Hold: "hold",
    Unhold: "release",
    BulkRetry: "retry",
    Pause: "pause",
    Resume: "resume",
}


def record_action(transaction: Transaction, order: Instruction, target: str, detail: dict[str, Any]) -> str:
    """Write down ``order``; the row's identifier."""
    action = transaction.identifiers.next()
    transaction.run(
        _INSERT_ACTION,
        {
            "id": action,
            "at": to_micros(order.now),
            "actor": order.actor,
            "action": _VERBS[type(order)],
            "target": target,
            "reason": order.reason,
            "detail": json_text(detail),
        },
    )
    return str(action)


def lane_target(destination: str, dossier: str) -> str:
    """The target of what concerns one lane."""
    return f"{destination}/{dossier}"


def json_text(value: dict[str, Any]) -> str:
    """``value`` as the text of a JSON column."""
    return msgspec.json.encode(value).decode()
