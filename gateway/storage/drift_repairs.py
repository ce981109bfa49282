"""Ordering a repair: deliveries that were acknowledged once are planned again, before everything that still waits.

Invariants: one transaction with its reason, its actor and an event; the lane is locked before anything is judged, and
must be as it was when the partner was asked; what is at the partner at this moment keeps its place before the repair;
of one delivery there is at most one open repair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.errors import ApprovalRequired, ConflictError, GatewayError, NotFoundError
from gateway.port import REPAIR_PREFIX
from gateway.storage.approvals import Permit, Wanted, approved
from gateway.storage.drift import DriftState
from gateway.storage.drift_lanes import Stamp
from gateway.storage.instants import to_micros
from gateway.storage.lanes import follow_heads
from gateway.storage.operator_log import json_text, lane_target, write_action
from gateway.storage.oversight import Action, Dangerous
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction


class Ordering(Protocol):
    """What every order says: by whose word, why, when, about which dossier, against which differences."""

    @property
    def actor(self) -> str:
        """By whose word."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def now(self) -> datetime:
        """When."""

    @property
    def destination(self) -> str:
        """Where."""

    @property
    def dossier(self) -> str:
        """Which dossier."""

    @property
    def drifts(self) -> tuple[int, ...]:
        """Against which differences."""


class RepairOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Send ``deliveries`` again in this order, against the differences ``drifts``. ``stamp``: the lane's, when the
    partner was asked. ``learned``: what the partner's answer taught about the dossier. ``backwards``: it takes back a
    status that the partner has."""

    actor: str
    reason: str
    now: datetime
    destination: str
    dossier: str
    stamp: Stamp
    deliveries: tuple[int, ...]
    drifts: tuple[int, ...]
    learned: dict[str, str] = {}
    backwards: bool = False


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """Leave the difference ``drift`` as it is. ``until`` None: as long as neither of its two values changes."""

    actor: str
    reason: str
    now: datetime
    drift: int
    until: datetime | None = None


class Enqueued(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery of a repair; ``again``: the one whose payload it carries, empty when it is told for the first time."""

    delivery: str
    operation: str
    key: str
    again: str


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """A repair that was ordered. ``action``: its record."""

    action: str
    deliveries: list[Enqueued]
    drifts: list[str]
    lane_state: LaneState


class LaneMoved(ConflictError):
    """The lane has moved on since the partner was asked; ask again, then decide again."""


_LOCK_LANE = Statement("""
    SELECT id, state, next_position, memory FROM lane
    WHERE destination = :destination AND dossier_code = :dossier FOR_UPDATE
""")
_SETTLED = Statement("""
    SELECT COUNT(settled_at) FROM delivery WHERE lane_id = :lane AND state <> 'superseded'
""")
_OPEN = Statement("""
    SELECT id, position, state, operation, key FROM delivery
    WHERE lane_id = :lane AND settled_at IS NULL ORDER BY position
""")
_AGAIN = Statement("""
    SELECT id, operation, key, digest, payload, edited_at FROM delivery
    WHERE id IN_ARRAY(:deliveries) AND lane_id = :lane AND state = 'delivered'
""")
_REPAIRS = Statement("""
    SELECT operation, key FROM delivery
    WHERE lane_id = :lane AND state <> 'superseded' AND substr(key, 1, 7) = 'repair:'
""")
_DRIFTS = Statement("""
    SELECT id, state FROM drift
    WHERE id IN_ARRAY(:drifts) AND destination = :destination AND dossier_code = :dossier ORDER BY id FOR_UPDATE
""")
_SHIFT = Statement("UPDATE delivery SET position = :position WHERE id = :delivery")
_NEXT = Statement("UPDATE lane SET next_position = :next_position WHERE id = :lane")
_LEARN = Statement("UPDATE lane SET memory = :memory WHERE id = :lane AND state <> 'leased'")
_STATE = Statement("SELECT state FROM lane WHERE id = :lane")
_PLAN = insert(
    "delivery",
    (
        *("id", "lane_id", "destination", "dossier_code", "operation", "key", "position", "state", "digest"),
        *("created_at", "payload", "edited_at"),
    ),
)
_REPAIRING = Statement("""
    UPDATE drift SET state = 'repairing', applied_at = :now, applied_by = :actor, applied_reason = :reason
    WHERE id = :id
""")
_TOLERATE = Statement("""
    UPDATE drift SET state = 'tolerated', applied_at = :now, applied_by = :actor, applied_reason = :reason,
        tolerated_until = :until
    WHERE id = :id
""")
_FIND = Statement("SELECT state, destination, dossier_code, kind, field FROM drift WHERE id = :id FOR_UPDATE")
_Order = TypeVar("_Order")
_AT_PARTNER = frozenset({DeliveryState.IN_FLIGHT, DeliveryState.IN_DOUBT})


def order_repairs(transaction: Transaction, orders: Sequence[RepairOrder]) -> list[Ordered | GatewayError]:
    """Carry out each order; ConflictError, LaneMoved or NotFoundError is that order's result."""
    return [or_refusal(_order, transaction, order) for order in orders]


def or_refusal(
    carry_out: Callable[[Transaction, _Order], Ordered | GatewayError],
    transaction: Transaction,
    order: _Order,
) -> Ordered | GatewayError:
    """The result of ``order``; a refusal is its result, too, so that the next one is still carried out."""
    try:
        return carry_out(transaction, order)
    except (ConflictError, NotFoundError) as refusal:
        return refusal


def _permit(transaction: Transaction, order: RepairOrder, drifts: Sequence[int]) -> Permit | ApprovalRequired:
    """A status that citizens have been shown is taken back on two people's word."""
    if not order.backwards:
        return Permit()
    wanted = Wanted(
        actor=order.actor,
        reason=order.reason,
        now=order.now,
        action=Dangerous.REPAIR_BACKWARDS,
        target=lane_target(order.destination, order.dossier),
        parameters={
            "drifts": [str(each) for each in drifts],
            "deliveries": [str(each) for each in order.deliveries],
        },
    )
    return approved(transaction, wanted)


def _order(transaction: Transaction, order: RepairOrder) -> Ordered | ApprovalRequired:
    lane, state, next_position, memory = _lock(transaction, order)
    drifts = repairable(transaction, order)
    permit = _permit(transaction, order, drifts)
    if isinstance(permit, ApprovalRequired):
        return permit
    waiting = transaction.all(_OPEN, {"lane": lane})
    planned = list(_plan(transaction, order, lane, waiting))
    behind = _behind_partner(waiting)
    first = behind[0][1] if behind else next_position
    for row in reversed(behind):  # from the end, so that no two ever stand in one place
        transaction.run(_SHIFT, {"position": row[1] + len(planned), "delivery": row[0]})
    rows = [{**row, "position": first + place} for place, (row, _) in enumerate(planned)]
    transaction.many(_PLAN, rows)
    transaction.run(_NEXT, {"next_position": next_position + len(planned), "lane": lane})
    if order.learned:
        known = {**msgspec.json.decode(memory, type=dict[str, str]), **order.learned}
        kept = {name: value for name, value in known.items() if value}
        transaction.run(_LEARN, {"memory": json_text(kept), "lane": lane})
    if state is not LaneState.LEASED:
        follow_heads(transaction, [lane])
    mark_repairing(transaction, order, drifts)
    enqueued = [_enqueued(row, again) for row, again in planned]
    action = record_order(transaction, order, drifts, enqueued, permit)
    after = transaction.one(_STATE, {"lane": lane})
    return Ordered(
        action=action,
        deliveries=enqueued,
        drifts=[str(drift) for drift in drifts],
        lane_state=state if after is None else LaneState(after[0]),
    )


def _lock(transaction: Transaction, order: RepairOrder) -> tuple[int, LaneState, int, str]:
    row = transaction.one(_LOCK_LANE, {"destination": order.destination, "dossier": order.dossier})
    if row is None:
        raise NotFoundError(f"dossier {order.dossier} has no lane to {order.destination}")
    settled = transaction.one(_SETTLED, {"lane": row[0]})
    if Stamp(next_position=row[2], settled=int(settled[0]) if settled else 0) != order.stamp:
        raise LaneMoved(
            f"the lane of dossier {order.dossier} to {order.destination} has moved on since the partner was asked; "
            "ask again"
        )
    return row[0], LaneState(row[1]), row[2], row[3]


def repairable(transaction: Transaction, order: Ordering) -> list[int]:
    """The differences that nobody has ordered a repair against."""
    rows = transaction.all(
        _DRIFTS,
        {
            "drifts": transaction.array(order.drifts),
            "destination": order.destination,
            "dossier": order.dossier,
        },
    )
    free = [int(row[0]) for row in rows if row[1] in {DriftState.OPEN, DriftState.TOLERATED}]
    if not free:
        raise ConflictError(
            f"dossier {order.dossier} at {order.destination}: a repair was ordered already, or the difference is "
            "gone; look again"
        )
    return free


def _plan(
    transaction: Transaction, order: RepairOrder, lane: int, waiting: Sequence[Row]
) -> Iterator[tuple[dict[str, Any], int]]:
    """The new rows, without their places, and the delivery that each repeats."""
    found = {
        row[0]: row
        for row in transaction.all(_AGAIN, {"deliveries": transaction.array(order.deliveries), "lane": lane})
    }
    if len(found) != len(set(order.deliveries)):
        raise ConflictError(
            f"dossier {order.dossier}: not every delivery to repeat was delivered by this lane; look again"
        )
    taken = {(row[0], row[1]) for row in transaction.all(_REPAIRS, {"lane": lane})}
    under_way = {(row[3], original_key(row[4])) for row in waiting}
    for delivery in order.deliveries:
        _, operation, key, digest, payload, edited_at = found[delivery]
        if (operation, original_key(key)) in under_way:
            continue
        fresh = _free_key(operation, original_key(key), taken)
        taken.add((operation, fresh))
        row = {
            "id": transaction.identifiers.next(),
            "lane_id": lane,
            "destination": order.destination,
            "dossier_code": order.dossier,
            "operation": operation,
            "key": fresh,
            "state": DeliveryState.PENDING.value,
            "digest": digest,
            "created_at": to_micros(order.now),
            "payload": payload,
            "edited_at": edited_at,
        }
        yield row, delivery


def original_key(key: str) -> str:
    """The key under which a repaired delivery was planned first."""
    head, _, rest = key.removeprefix(REPAIR_PREFIX).partition(":")
    return rest if key.startswith(REPAIR_PREFIX) and head.isdecimal() and rest else key


def repair_key(number: int, original: str) -> str:
    """The key of the ``number``-th repair of the delivery ``original``."""
    return f"{REPAIR_PREFIX}{number}:{original}"


def _free_key(operation: str, original: str, taken: set[tuple[str, str]]) -> str:
    number = 1
    while (operation, repair_key(number, original)) in taken:
        number += 1
    return repair_key(number, original)


def _behind_partner(waiting: Sequence[Row]) -> Sequence[Row]:
    """What waits behind everything that is, or may be, at the partner at this moment."""
    last = max((place for place, row in enumerate(waiting) if row[2] in _AT_PARTNER), default=-1)
    return waiting[last + 1 :]


def _enqueued(row: dict[str, Any], again: int) -> Enqueued:
    return Enqueued(delivery=str(row["id"]), operation=row["operation"], key=row["key"], again=str(again))


def mark_repairing(transaction: Transaction, order: Ordering, drifts: Sequence[int]) -> None:
    """Deliveries were ordered against ``drifts``."""
    for drift in drifts:
        transaction.run(_REPAIRING, {**by_whom(order), "id": drift})


def by_whom(order: Ordering | Tolerance) -> dict[str, Any]:
    """Who has ordered it, when and why, as columns."""
    return {"now": to_micros(order.now), "actor": order.actor, "reason": order.reason}


def record_order(
    transaction: Transaction,
    order: Ordering,
    drifts: Sequence[int],
    enqueued: Sequence[Enqueued],
    permit: Permit = Permit(),  # noqa: B008 - it is frozen
) -> str:
    """The event and the action of an order that was carried out; the action's identifier."""
    told = {
        "drifts": [str(drift) for drift in drifts],
        "deliveries": [each.delivery for each in enqueued],
    }
    event = EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(order.now),
        kind="drift.repair_ordered",
        data=json_text({**told, "by": order.actor, "reason": order.reason}),
        dossier_code=order.dossier,
        destination=order.destination,
    )
    insert_events(transaction, [event])
    return write_action(
        transaction,
        Action(
            actor=order.actor,
            verb="repair",
            target=lane_target(order.destination, order.dossier),
            reason=order.reason,
            now=order.now,
            detail={**told, **permit.detail},
        ),
    )


def tolerate(transaction: Transaction, orders: Sequence[Tolerance]) -> list[str | GatewayError]:
    """Leave differences as they are; the identifier of each action's record, or why not."""
    return [_tolerate(transaction, order) for order in orders]


def _tolerate(transaction: Transaction, order: Tolerance) -> str | GatewayError:
    row = transaction.one(_FIND, {"id": order.drift})
    if row is None:
        return NotFoundError(f"there is no difference {order.drift}")
    state, destination, dossier, kind, field = row
    if order.until is not None and order.until <= order.now:
        return ConflictError(f"until {order.until.isoformat()} is over already; give a later day, or none")
    if state != DriftState.OPEN:
        return ConflictError(f"difference {order.drift} is {state}; only an open one can be tolerated")
    until = None if order.until is None else to_micros(order.until)
    transaction.run(_TOLERATE, {**by_whom(order), "id": order.drift, "until": until})
    return write_action(
        transaction,
        Action(
            actor=order.actor,
            verb="tolerate",
            target=lane_target(destination, dossier),
            reason=order.reason,
            now=order.now,
            detail={
                "drift": str(order.drift),
                "kind": kind,
                "field": field,
                **({} if order.until is None else {"until": order.until.isoformat()}),
            },
        ),
    )
