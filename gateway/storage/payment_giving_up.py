"""Giving an attempt up: two people end what the platform never ends (payment_platform §11.6: then manual).

Invariants: nothing is given up that the platform may still be asked about by schedule; who is given up is watched like
everybody who has expired, so that money that comes all the same settles, or is told as paid twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.domain.delivery import LaneState
from gateway.domain.errors import ConflictError
from gateway.domain.payment import ABANDONABLE, GIVEN_UP, PATIENCE, AttemptState, require_move
from gateway.storage.instants import to_micros
from gateway.storage.operator_deliveries import follow_lane
from gateway.storage.payment_files import AttemptFile, RequestFile, tell
from gateway.storage.payments import FIRST_QUESTION_MICROS
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.storage.database import Transaction
    from gateway.storage.payment_orders import Answer

_MOVE = Statement("""
    UPDATE payment_attempt SET state = :state, code = :code, reason = :reason, ended_at = :now,
        next_question_at = :next WHERE id = :attempt
""")
_LANE = Statement("""
    SELECT l.id, l.state, d.id FROM lane AS l JOIN delivery AS d ON d.lane_id = l.id
    WHERE d.id = (SELECT delivery_id FROM payment_attempt WHERE id = :attempt) FOR_UPDATE
""")
# nobody waits for the end of its INIT any more, least of all the next attempt behind it
_STEP_ASIDE = Statement("""
    UPDATE delivery SET state = 'skipped', settled_at = :now, code = :code, reason = :reason
    WHERE id = :delivery AND state IN ('in_doubt', 'rejected', 'parked')
""")


def require_hopeless(attempt: AttemptFile, now: datetime) -> None:
    """ConflictError while the platform is still asked about ``attempt`` by schedule, or when it is no open one."""
    if attempt.state not in ABANDONABLE:
        raise ConflictError(
            f"attempt {attempt.reference} is {attempt.state}; only what has left and never ends is given up"
        )
    young = to_micros(now) < attempt.created_at + PATIENCE.total_seconds() * 1_000_000
    if young and attempt.next_question_at is not None:
        raise ConflictError(
            f"attempt {attempt.reference} is {attempt.state} and could still be paid: the platform is asked about it "
            "by schedule; wait for payment.unresolved, or for three days"
        )


def give_up(transaction: Transaction, order: Answer, request: RequestFile, attempt: AttemptFile) -> str:
    """End a locked attempt without money, and let what is behind its INIT go on."""
    require_hopeless(attempt, order.now)
    require_move(attempt.state, AttemptState.EXPIRED, attempt=attempt.reference)
    now, told = to_micros(order.now), {"code": GIVEN_UP, "reason": "two people have given it up"}
    transaction.run(
        _MOVE,
        {
            **told,
            "state": AttemptState.EXPIRED,
            "now": now,
            "next": now + FIRST_QUESTION_MICROS,
            "attempt": attempt.id,
        },
    )
    lane = transaction.one(_LANE, {"attempt": attempt.id})
    if lane is not None and transaction.run(_STEP_ASIDE, {**told, "now": now, "delivery": lane[2]}):
        follow_lane(transaction, int(lane[0]), LaneState(lane[1]))
    data = {
        "attempt": str(attempt.id),
        "reference": attempt.reference,
        "amount": attempt.amount,
        "currency": attempt.currency,
        "source": "operator",
    }
    tell(transaction, order, request, "payment.failed", {**data, **told})
    return GIVEN_UP
