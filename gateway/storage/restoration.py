"""What a restored database does not know: which of its deliveries left after the backup was taken.

Nothing tells them from those that did not, so each is marked (``delivery.ask_first``) and goes the way of a delivery in
doubt before it is sent: the partner is asked; what cannot be asked about and may not be repeated is an operator's. What the
one-door system tells again after the restore is marked, too, when it happened before it. Invariant: a marked delivery
never goes in flight; the mark goes when its lane is claimed, together with the move to ``in_doubt``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import to_micros
from gateway.storage.operator_log import write_action
from gateway.storage.oversight import Action
from gateway.storage.schema import delivery, operator_action
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction
    from gateway.storage.orders import Instruction

VERB = "database.restore"
TARGET = "database"
REASON = "this database was restored; the delivery may have left after the backup"


class Restoration(msgspec.Struct, frozen=True, kw_only=True):
    """A restore to write down. ``backup``: what the backup says of itself."""

    order: Instruction
    backup: dict[str, Any]


# what is in flight is in doubt by itself, since its worker is gone; what is in doubt is asked about already
_MARK = Statement("""
    UPDATE delivery SET ask_first = :yes
    WHERE settled_at IS NULL AND state IN ('pending', 'waiting', 'rejected', 'parked')
""")
_DOUBT = Statement(f"""
    UPDATE delivery SET state = 'in_doubt', due_at = :now, code = 'restored', doubts = doubts + 1, ask_first = :no,
        reason = '{REASON}'
    WHERE lane_id IN_ARRAY(:lanes) AND settled_at IS NULL AND ask_first AND state IN ('pending', 'waiting')
""")  # noqa: S608 - our own words


def doubt_restored(transaction: Transaction, lanes: Iterable[int], now: int) -> None:
    """Of lanes that were just claimed: what may have left before the restore is in doubt from here on."""
    if transaction.restored_at is not None:
        transaction.run(_DOUBT, {"lanes": transaction.array(lanes), "now": now, "no": False})


def mark_restored(transaction: Transaction, restorations: Sequence[Restoration]) -> list[int]:
    """Write a restore down, here and in the message log, and mark what may have left since the backup; how many
    deliveries."""
    return [_mark(transaction, each) for each in restorations]


def _mark(transaction: Transaction, restoration: Restoration) -> int:
    order = restoration.order
    marked = transaction.run(_MARK, {"yes": True})
    write_action(
        transaction,
        Action(
            actor=order.actor,
            verb=VERB,
            target=TARGET,
            reason=order.reason,
            now=order.now,
            detail={"backup": restoration.backup, "asked_first": marked},
        ),
    )
    transaction.restored_at = to_micros(order.now)
    return marked


def restored_at(connection: sa.Connection) -> int | None:
    """When this database was last restored, in microseconds; None: never."""
    found = connection.execute(
        sa.select(sa.func.max(operator_action.c.at)).where(
            operator_action.c.target == TARGET, operator_action.c.action == VERB
        )
    ).scalar_one()
    return None if found is None else int(found)


class OpenOperation(msgspec.Struct, frozen=True, kw_only=True):
    """Open deliveries of one operation at one destination."""

    destination: str
    operation: str
    count: int


def open_operations(connection: sa.Connection) -> list[OpenOperation]:
    """What is open, by destination and operation: what a restore of this database would ask the partners about."""
    question = (
        sa.select(delivery.c.destination, delivery.c.operation, sa.func.count())
        .where(delivery.c.settled_at.is_(None))
        .group_by(delivery.c.destination, delivery.c.operation)
        .order_by(delivery.c.destination, delivery.c.operation)
    )
    return [
        OpenOperation(destination=row[0], operation=row[1], count=row[2])
        for row in connection.execute(question)
    ]


def delivered_since(connection: sa.Connection, instant: int) -> dict[str, int]:
    """How many deliveries each destination has acknowledged after ``instant``, in microseconds."""
    question = (
        sa.select(delivery.c.destination, sa.func.count())
        .where(delivery.c.state == "delivered", delivery.c.settled_at > instant)
        .group_by(delivery.c.destination)
        .order_by(delivery.c.destination)
    )
    return {row[0]: row[1] for row in connection.execute(question)}
