"""What people do to deliveries, lanes and destinations: retry, skip, resolve, hold, release, pause, resume.

Invariants: every action is one transaction with its reason, its actor and an event; the lane is locked before
anything is judged; what is at the partner at this moment is never touched; a lane's state follows from its head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, assert_never

from gateway.domain.delivery import LaneState
from gateway.domain.errors import ConflictError, GatewayError, NotFoundError
from gateway.storage.instants import to_micros
from gateway.storage.operator_bulk import retry_deliveries
from gateway.storage.operator_deliveries import LANE_OF, ask_again, follow_lane, move_delivery
from gateway.storage.operator_log import json_text, lane_target, record_action
from gateway.storage.orders import (
    AskAgain,
    BulkRetry,
    DestinationDone,
    Done,
    Hold,
    LaneDone,
    Order,
    Pause,
    Resolve,
    Resume,
    Retry,
    Skip,
    Unhold,
)
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


_LOCK_LANE = Statement("""
    SELECT id, state, held_by FROM lane WHERE destination = :destination AND dossier_code = :dossier FOR_UPDATE
""")
_FIND_LANE = Statement("SELECT id FROM lane WHERE destination = :destination AND dossier_code = :dossier")
_HOLD = Statement("UPDATE lane SET held_by = :actor, held_reason = :reason WHERE id = :lane")
_PAUSED_BY = Statement("SELECT paused_by FROM destination WHERE name = :name FOR_UPDATE")
_PAUSE = insert(
    "destination",
    ("name", "paused_by", "paused_reason"),
    suffix="ON CONFLICT (name) DO UPDATE SET paused_by = excluded.paused_by, "
    "paused_reason = excluded.paused_reason",
)


def operate(transaction: Transaction, orders: Sequence[Order]) -> list[Done | GatewayError]:
    """Carry out each order, or say why not (ConflictError, NotFoundError); a refusal leaves the others alone.

    Every process locks lanes in the order of their ids, so that no two wait for each other.
    """
    if len(orders) == 1:
        return [_operate(transaction, orders[0])]
    turns = [_turn(transaction, order) for order in orders]
    done = {
        place: _operate(transaction, orders[place])
        for place in sorted(range(len(orders)), key=turns.__getitem__)
    }
    return [done[place] for place in range(len(orders))]


def _turn(transaction: Transaction, order: Order) -> tuple[int, int]:
    """Destinations first, then lanes by their ids; last what locks many lanes, which it sorts itself."""
    match order:
        case Pause() | Resume():
            return 0, 0
        case Hold() | Unhold():
            where = {"destination": order.destination, "dossier": order.dossier}
            row = transaction.one(_FIND_LANE, where)
        case Retry() | Skip() | Resolve() | AskAgain():
            row = transaction.one(LANE_OF, {"delivery": order.delivery})
        case BulkRetry():
            return 2, 0
        case _:
            assert_never(order)
    return 1, 0 if row is None else int(row[0])


def _operate(transaction: Transaction, order: Order) -> Done | GatewayError:
    try:
        match order:
            case Retry() | Skip() | Resolve():
                return move_delivery(transaction, order)
            case AskAgain():
                return ask_again(transaction, order)
            case Hold() | Unhold():
                return _hold(transaction, order)
            case BulkRetry():
                return retry_deliveries(transaction, order)
            case Pause() | Resume():
                return _pause(transaction, order)
            case _:
                assert_never(order)
    except (ConflictError, NotFoundError) as refusal:
        return refusal


def _hold(transaction: Transaction, order: Hold | Unhold) -> LaneDone:
    where = {"destination": order.destination, "dossier": order.dossier}
    row = transaction.one(_LOCK_LANE, where)
    if row is None:
        raise NotFoundError(f"dossier {order.dossier} has no lane to {order.destination}")
    lane, state, held_by = int(row[0]), LaneState(row[1]), row[2]
    holding = isinstance(order, Hold)
    if holding == (held_by is not None):
        answer = f"is already held by {held_by}" if holding else "is not held"
        raise ConflictError(f"the lane of dossier {order.dossier} to {order.destination} {answer}")
    kept = (order.actor, order.reason) if holding else (None, None)
    transaction.run(_HOLD, {"actor": kept[0], "reason": kept[1], "lane": lane})
    after = follow_lane(transaction, lane, state)
    action = record_action(transaction, order, lane_target(**where), {"before": state, "after": after})
    event = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(order.now),
        kind="lane.held" if holding else "lane.released",
        data=json_text({"state": after, "reason": order.reason, "by": order.actor}),
        dossier_code=order.dossier,
        destination=order.destination,
    )
    insert_events(transaction, [event])
    return LaneDone(action=action, held=holding, state=after, **where)


def _pause(transaction: Transaction, order: Pause | Resume) -> DestinationDone:
    row = transaction.one(_PAUSED_BY, {"name": order.destination})
    paused_by = None if row is None else row[0]
    pausing = isinstance(order, Pause)
    if pausing == (paused_by is not None):
        answer = f"is already paused by {paused_by}" if pausing else "is not paused"
        raise ConflictError(f"destination {order.destination} {answer}")
    kept = (order.actor, order.reason) if pausing else (None, None)
    transaction.run(_PAUSE, {"name": order.destination, "paused_by": kept[0], "paused_reason": kept[1]})
    action = record_action(transaction, order, order.destination, {})
    event = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(order.now),
        kind="destination.paused" if pausing else "destination.resumed",
        data=json_text({"reason": order.reason, "by": order.actor}),
        destination=order.destination,
    )
    insert_events(transaction, [event])
    return DestinationDone(action=action, destination=order.destination, paused=pausing)
