"""The record of what people did: one row per action, found by its target.

A target is ``destination/dossier`` for a lane and its deliveries, ``destination`` for the whole partner, ``job:name``
for a job.
Invariant: rows are only added, in the transaction of what they record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from gateway.storage.instants import to_micros
from gateway.storage.orders import (
    AskAgain,
    BulkRetry,
    Hold,
    Instruction,
    Pause,
    Resolve,
    Resume,
    Retry,
    Skip,
    Unhold,
)
from gateway.storage.oversight import Action
from gateway.storage.rows import insert_messages
from gateway.storage.sql import insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_INSERT_ACTION = insert(
    "operator_action", ("id", "at", "actor", "action", "target", "reason", "detail", "message_id")
)


_VERBS: dict[type[Instruction], str] = {
    Retry: "retry",
    Skip: "skip",
    Resolve: "resolve",
    Hold: "hold",
    Unhold: "release",
    AskAgain: "ask",
    BulkRetry: "retry",
    Pause: "pause",
    Resume: "resume",
}


def record_action(transaction: Transaction, order: Instruction, target: str, detail: dict[str, Any]) -> str:
    """Write down ``order``; the row's identifier."""
    action = Action(
        actor=order.actor,
        verb=_VERBS[type(order)],
        target=target,
        reason=order.reason,
        now=order.now,
        detail=detail,
    )
    return write_action(transaction, action)


def write_action(transaction: Transaction, action: Action) -> str:
    """Write down what somebody did, here and in the message log; the row's identifier."""
    row = transaction.identifiers.next()
    entry = transaction.oversight.entry
    if entry is not None:
        insert_messages(transaction, [entry(row, action)])
    transaction.run(
        _INSERT_ACTION,
        {
            "id": row,
            "at": to_micros(action.now),
            "actor": action.actor,
            "action": action.verb,
            "target": action.target,
            "reason": action.reason,
            "detail": json_text(action.detail),
            "message_id": None if entry is None else row,
        },
    )
    return str(row)


def lane_target(destination: str, dossier: str) -> str:
    """The target of what concerns one lane."""
    return f"{destination}/{dossier}"


def dossier_of(target: str) -> str | None:
    """The dossier that ``target`` names, if it is a lane."""
    return target.partition("/")[2] or None


def json_text(value: dict[str, Any]) -> str:
    """``value`` as the text of a JSON column."""
    return msgspec.json.encode(value).decode()
