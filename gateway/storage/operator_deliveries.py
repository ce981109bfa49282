"""What people do to one delivery: retry, skip, resolve, ask again; and how several are put back together.

Invariants: the lane is locked before anything is judged; every move is in the table of legal moves; what is at the
partner at this moment is never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, assert_never

import msgspec

from gateway.domain.delivery import MOVES, SENDABLE, DeliveryState, LaneState, require_move
from gateway.domain.errors import ApprovalRequired, ConflictError, NotFoundError
from gateway.storage.approvals import Permit, Wanted, approved
from gateway.storage.instants import to_micros
from gateway.storage.lanes import follow_heads
from gateway.storage.operator_log import json_text, lane_target, record_action
from gateway.storage.orders import (
    AskAgain,
    DeliveryDone,
    DeliveryOrder,
    Instruction,
    Resolve,
    Retry,
    Skip,
    Verdict,
)
from gateway.storage.oversight import Dangerous
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

LANE_OF = Statement("SELECT lane_id FROM delivery WHERE id = :delivery")
_LOCK_LANES = Statement("SELECT id, state FROM lane WHERE id IN_ARRAY(:lanes) ORDER BY id FOR_UPDATE")
_DELIVERIES = Statement("""
    SELECT id, lane_id, destination, dossier_code, operation, key, state, attempts, payload, sent_at, retried_at
    FROM delivery
    WHERE id IN_ARRAY(:deliveries) ORDER BY id
""")
_AT_PARTNER = Statement("""
    SELECT deliveries FROM attempt WHERE lane_id IN_ARRAY(:lanes) AND ended_at IS NULL
""")
_MOVE = Statement("""
    UPDATE delivery SET state = :state, due_at = :due_at, code = :code, reason = :reason, actor = :actor,
        settled_at = :settled_at, retried_at = COALESCE(:retried_at, retried_at),
        doubts = CASE WHEN CAST(:retried_at AS BIGINT) IS NOT NULL AND doubts > 1 THEN 1 ELSE doubts END
    WHERE id = :delivery
""")
_ASK = Statement("UPDATE delivery SET due_at = :now WHERE id = :delivery")
_ACKNOWLEDGE = Statement("""
    UPDATE lane SET acknowledged_status = :status, acknowledged_version = :version, acknowledged_at = :now
    WHERE id = :lane
""")
_STATE_OF = Statement("SELECT state FROM lane WHERE id = :lane")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it is under the lock of its lane."""

    id: int
    lane: int
    destination: str
    dossier: str
    operation: str
    key: str
    state: DeliveryState
    attempts: int
    payload: bytes
    sent_at: int
    retried_at: int


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """Where a delivery goes, and the event that tells it.

    Sent again on a person's word, it gets its full patience anew: time and rounds are counted from there.
    """

    state: DeliveryState
    event: str
    code: str | None = None
    reason: str | None = None
    actor: str | None = None
    due_at: int | None = None
    settled_at: int | None = None

    @property
    def again(self) -> bool:
        """Whether it will be sent again."""
        return self.state in SENDABLE


_RETRIED = _Change(state=DeliveryState.PENDING, event="delivery.retried")


class _Glance(msgspec.Struct, frozen=True):
    status: str
    version: int


def move_delivery(transaction: Transaction, order: DeliveryOrder) -> DeliveryDone | ApprovalRequired:
    """Move one delivery; NotFoundError, or ConflictError that says what stands against it."""
    delivery, lane_state = locked_delivery(transaction, order.delivery)
    lane, change = delivery.lane, _change(order)
    require_move(delivery.state, change.state, delivery=str(delivery.id))
    permit = _permit(transaction, order, delivery)
    if isinstance(permit, ApprovalRequired):
        return permit
    _write(transaction, [(delivery, change)], to_micros(order.now))
    if change.state is DeliveryState.DELIVERED and isinstance(order, Resolve) and order.snapshot:
        _acknowledge(transaction, delivery, to_micros(order.now))
    lane_state = follow_lane(transaction, lane, lane_state)
    detail = {"delivery": str(delivery.id), "before": delivery.state, "after": change.state}
    detail |= permit.detail
    action = record_action(transaction, order, lane_target(delivery.destination, delivery.dossier), detail)
    insert_events(transaction, [_event(transaction, order, delivery, change)])
    return DeliveryDone(
        action=action,
        delivery=str(delivery.id),
        destination=delivery.destination,
        dossier=delivery.dossier,
        before=delivery.state,
        after=change.state,
        lane_state=lane_state,
    )


def locked_delivery(transaction: Transaction, number: int) -> tuple[Standing, LaneState]:
    """A delivery and its lane's state, locked. NotFoundError; ConflictError while it is at the partner."""
    found = transaction.one(LANE_OF, {"delivery": number})
    if found is None:
        raise NotFoundError(f"there is no delivery {number}")
    lane = int(found[0])
    lane_state = _lock(transaction, [lane])[lane]
    delivery = _read(transaction, [number])[0]
    if delivery.id in _at_partner(transaction, [lane]):
        raise ConflictError(
            f"delivery {delivery.id} is at {delivery.destination} at this moment; wait for the answer and look "
            "again. To keep the lane from going on meanwhile, hold it"
        )
    return delivery, lane_state


def ask_again(transaction: Transaction, order: AskAgain) -> DeliveryDone:
    """Have the partner asked now what became of a doubt; what is known of it stays. NotFoundError, ConflictError."""
    delivery, lane_state = locked_delivery(transaction, order.delivery)
    if delivery.state is not DeliveryState.IN_DOUBT:
        raise ConflictError(
            f"delivery {delivery.id} is {delivery.state}, not in doubt: there is nothing to ask about"
        )
    transaction.run(_ASK, {"delivery": delivery.id, "now": to_micros(order.now)})
    lane_state = follow_lane(transaction, delivery.lane, lane_state)
    detail = {"delivery": str(delivery.id)}
    action = record_action(transaction, order, lane_target(delivery.destination, delivery.dossier), detail)
    return DeliveryDone(
        action=action,
        delivery=str(delivery.id),
        destination=delivery.destination,
        dossier=delivery.dossier,
        before=delivery.state,
        after=delivery.state,
        lane_state=lane_state,
    )


def _permit(transaction: Transaction, order: DeliveryOrder, delivery: Standing) -> Permit | ApprovalRequired:
    """Skipping and resolving cannot be taken back; sent again, it is another thing that would be approved."""
    judged = {"delivery": str(delivery.id), "state": delivery.state.value, "attempts": delivery.attempts}
    match order:
        case Retry():
            return Permit()
        case Skip():
            action, parameters = Dangerous.SKIP, judged
        case Resolve(verdict=verdict, snapshot=snapshot):
            action, parameters = Dangerous.RESOLVE, {**judged, "verdict": verdict, "snapshot": snapshot}
        case _:
            assert_never(order)
    return approved(
        transaction,
        Wanted(
            actor=order.actor,
            reason=order.reason,
            now=order.now,
            action=action,
            target=lane_target(delivery.destination, delivery.dossier),
            parameters=parameters,
        ),
    )


_S = DeliveryState
_RESOLVED: dict[Verdict, tuple[DeliveryState, str]] = {
    "delivered": (_S.DELIVERED, "delivery.delivered"),
    "absent": (_S.WAITING, "delivery.retried"),
    "rejected": (_S.REJECTED, "delivery.rejected"),
}


def _change(order: DeliveryOrder) -> _Change:
    now = to_micros(order.now)
    match order:
        case Retry():
            return _RETRIED
        case Skip():
            code, state, event = "skipped", _S.SKIPPED, "delivery.skipped"
        case Resolve(verdict=verdict):
            code, (state, event) = f"resolved_{verdict}", _RESOLVED[verdict]
        case _:
            assert_never(order)
    return _Change(
        state=state,
        event=event,
        code=code,
        reason=order.reason,
        actor="province" if state is _S.REJECTED else None,
        due_at=now if state is _S.WAITING else None,
        settled_at=None if MOVES[state] else now,
    )


def _lock(transaction: Transaction, lanes: Iterable[int]) -> dict[int, LaneState]:
    rows = transaction.all(_LOCK_LANES, {"lanes": transaction.array(lanes)})
    return {int(row[0]): LaneState(row[1]) for row in rows}


def _read(transaction: Transaction, deliveries: Iterable[int]) -> list[Standing]:
    rows = transaction.all(_DELIVERIES, {"deliveries": transaction.array(deliveries)})
    return [_delivery(row) for row in rows]


def _delivery(row: Row) -> Standing:
    return Standing(
        id=row[0],
        lane=row[1],
        destination=row[2],
        dossier=row[3],
        operation=row[4],
        key=row[5],
        state=DeliveryState(row[6]),
        attempts=row[7],
        payload=bytes(row[8]),
        sent_at=row[9] or 0,
        retried_at=row[10] or 0,
    )


def _at_partner(transaction: Transaction, lanes: Iterable[int]) -> set[int]:
    """Deliveries that are being sent or asked about at this moment."""
    rows = transaction.all(_AT_PARTNER, {"lanes": transaction.array(lanes)})
    return {delivery for row in rows for delivery in msgspec.json.decode(row[0], type=list[int])}


def _write(transaction: Transaction, moves: Sequence[tuple[Standing, _Change]], now: int) -> None:
    transaction.many(
        _MOVE,
        [
            {
                "delivery": delivery.id,
                "state": change.state.value,
                "due_at": change.due_at,
                "code": change.code,
                "reason": change.reason,
                "actor": change.actor,
                "settled_at": change.settled_at,
                "retried_at": now if change.again else None,
            }
            for delivery, change in moves
        ],
    )


def _acknowledge(transaction: Transaction, delivery: Standing, now: int) -> None:
    """The partner has this snapshot after all; a payload that is not a dossier acknowledges nothing."""
    try:
        glance = msgspec.json.decode(delivery.payload, type=_Glance)
    except msgspec.DecodeError:
        return
    row = {"status": glance.status, "version": glance.version, "now": now, "lane": delivery.lane}
    transaction.run(_ACKNOWLEDGE, row)


def follow_lane(transaction: Transaction, lane: int, before: LaneState) -> LaneState:
    """Let a locked lane's state follow from its head; a leased one follows when its worker gives it back."""
    if before is not LaneState.LEASED:
        follow_heads(transaction, [lane])
    row = transaction.one(_STATE_OF, {"lane": lane})
    return before if row is None else LaneState(row[0])


def standing(
    transaction: Transaction, chosen: Iterable[int], lanes: Iterable[int]
) -> tuple[dict[int, LaneState], list[Standing], set[int]]:
    """The lanes, locked, with their states; the deliveries as they are under the locks; those at the partner."""
    states = _lock(transaction, lanes)
    return states, _read(transaction, chosen), _at_partner(transaction, lanes)


def send_again(
    transaction: Transaction,
    order: Instruction,
    items: Sequence[Standing],
    states: dict[int, LaneState],
) -> None:
    """Let ``items`` be sent again when their turn comes, and tell it; their lanes are locked."""
    _write(transaction, [(item, _RETRIED) for item in items], to_micros(order.now))
    follow_heads(transaction, {item.lane for item in items if states.get(item.lane) is not LaneState.LEASED})
    insert_events(transaction, [_event(transaction, order, item, _RETRIED) for item in items])


def _event(transaction: Transaction, order: Instruction, delivery: Standing, change: _Change) -> EventRow:
    about = {"state": change.state, "code": change.code, "actor": change.actor}
    return event_of(transaction, order, delivery, change.event, about)


def event_of(
    transaction: Transaction, order: Instruction, delivery: Standing, kind: str, about: dict[str, Any]
) -> EventRow:
    """The event that tells what ``order`` has made of ``delivery``. ``about``: what it says besides."""
    data = {
        "delivery": str(delivery.id),
        "operation": delivery.operation,
        "key": delivery.key,
        **about,
        "reason": order.reason,
        "attempts": delivery.attempts,
        "by": order.actor,
    }
    return EventRow(
        id=transaction.identifiers.next(),
        at=to_micros(order.now),
        kind=kind,
        data=json_text(data),
        dossier_code=delivery.dossier,
        destination=delivery.destination,
    )
