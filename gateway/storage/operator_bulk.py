"""Sending many deliveries again: what stands in one state, at once, and the steps of a retry run.

Invariants: lanes are locked before anything is judged; what is at the partner at this moment is never touched; every
lane's history has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

import msgspec

from gateway.domain.delivery import DeliveryState
from gateway.storage.instants import to_micros
from gateway.storage.operator_deliveries import Standing, send_again, standing
from gateway.storage.operator_log import lane_target, record_action, write_action
from gateway.storage.orders import BulkDone, BulkRetry, Retryable
from gateway.storage.oversight import Action
from gateway.storage.retry_orders import RetryStep
from gateway.storage.schema import STUCK, one_of
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_RETRYABLE = frozenset(DeliveryState(state) for state in get_args(Retryable))
_STUCK = Statement(f"""
    SELECT id, lane_id FROM delivery
    WHERE destination = :destination AND state = :state AND ({one_of("state", STUCK)})
        AND (CAST(:code AS TEXT) IS NULL OR code = :code)
        AND (CAST(:dossier AS TEXT) IS NULL OR dossier_code = :dossier)
    ORDER BY id LIMIT :most
""")  # noqa: S608 - our own names
_WAITING = Statement("""
    SELECT id, lane_id FROM delivery
    WHERE settled_at IS NULL AND destination = :destination AND state = :state
        AND (CAST(:code AS TEXT) IS NULL OR code = :code)
        AND (CAST(:dossier AS TEXT) IS NULL OR dossier_code = :dossier)
    ORDER BY lane_id, position LIMIT :most
""")


def retry_deliveries(transaction: Transaction, order: BulkRetry) -> BulkDone:
    """Retry what matches, or say what would be retried."""
    statement = _WAITING if order.state == "waiting" else _STUCK
    found = transaction.all(
        statement,
        {
            "destination": order.destination,
            "state": order.state,
            "code": order.code,
            "dossier": order.dossier,
            "most": order.limit + 1,
        },
    )
    chosen, lanes = [row[0] for row in found[: order.limit]], {row[1] for row in found[: order.limit]}
    states, wanted, busy = standing(transaction, chosen, lanes)
    # what moved meanwhile is no longer meant
    wanted = [item for item in wanted if item.state == order.state]
    free = [item for item in wanted if item.id not in busy]
    done = BulkDone(
        action=None,
        dry_run=order.dry_run,
        deliveries=[str(item.id) for item in free],
        busy=[str(item.id) for item in wanted if item.id in busy],
        more=len(found) > order.limit,
    )
    if order.dry_run or not free:
        return done
    send_again(transaction, order, free, states)
    action = _record_bulk(transaction, order, free)
    return msgspec.structs.replace(done, action=action)


def put_back(
    transaction: Transaction, order: RetryStep, chosen: Iterable[int], lanes: Iterable[int]
) -> set[int]:
    """Let those of ``chosen`` be sent again that still stand as their run found them: stuck or waiting, neither sent nor
    retried since. Those that were; each lane's history has it."""
    states, found, busy = standing(transaction, chosen, lanes)
    since = to_micros(order.since)
    free = [
        item
        for item in found
        if item.state in _RETRYABLE and item.id not in busy and max(item.sent_at, item.retried_at) <= since
    ]
    if not free:
        return set()
    send_again(transaction, order, free, states)
    for target, deliveries in _by_lane(free).items():
        detail = {"run": str(order.run), "deliveries": deliveries}
        told = Action(
            actor=order.actor, verb="retry", target=target, reason=order.reason, now=order.now, detail=detail
        )
        write_action(transaction, told)
    return {item.id for item in free}


def _record_bulk(transaction: Transaction, order: BulkRetry, moved: Sequence[Standing]) -> str:
    """One row for the whole, and one for every lane, so that each dossier's history shows it."""
    by_lane = _by_lane(moved)
    detail = {"state": order.state, "code": order.code, "deliveries": len(moved), "lanes": len(by_lane)}
    bulk = record_action(transaction, order, order.destination, detail)
    for target, deliveries in by_lane.items():
        record_action(transaction, order, target, {"bulk": bulk, "deliveries": deliveries})
    return bulk


def _by_lane(moved: Sequence[Standing]) -> dict[str, list[str]]:
    """Deliveries by the target under which their lane's history stands."""
    found: dict[str, list[str]] = {}
    for item in moved:
        found.setdefault(lane_target(item.destination, item.dossier), []).append(str(item.id))
    return found
