"""What became of each INIT, in the tables: the attempt follows its delivery.

Invariant: the delivery is judged as it stands in the transaction that moves the place in the feed, under the lock of its
request, so that reading a stretch twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState, LaneState
from gateway.domain.payment import AttemptState, require_move
from gateway.domain.payment_init import Heard, Init, heard
from gateway.storage.feed import Span, StoredEvent, newest_position, read_events
from gateway.storage.operator_deliveries import follow_lane
from gateway.storage.payments import INIT
from gateway.storage.rows import EventRow, insert_events
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

NAME = "payments"
KINDS = (
    "delivery.delivered",
    "delivery.rejected",
    "delivery.parked",
    "delivery.in_doubt",
    "delivery.skipped",
)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The INITs named after one position, and the position up to which nothing of them is left."""

    upto: int
    newest: int
    deliveries: list[int]


_LOCK_REQUEST = Statement("""
    SELECT r.id FROM payment_request AS r WHERE r.id = (
        SELECT request_id FROM payment_attempt WHERE delivery_id = :delivery) FOR_UPDATE
""")
_ATTEMPT = Statement("""
    SELECT id, request_id, destination, dossier_code, reference, amount, currency, state, pay_url
    FROM payment_attempt WHERE delivery_id = :delivery FOR_UPDATE
""")
_LANE = Statement("""
    SELECT l.id, l.state, l.memory FROM lane AS l WHERE l.id = (
        SELECT lane_id FROM delivery WHERE id = :delivery) FOR_UPDATE
""")
_DELIVERY = Statement("SELECT state, attempts, code, reason FROM delivery WHERE id = :delivery")
_MOVE = Statement("""
    UPDATE payment_attempt SET state = :state, pay_url = COALESCE(:pay_url, pay_url), code = :code,
        reason = :reason, ended_at = :ended_at, next_question_at = :next_question_at WHERE id = :attempt
""")
_TAKE_URL = Statement("UPDATE payment_attempt SET pay_url = :pay_url WHERE id = :attempt")
_STEP_ASIDE = Statement("""
    UPDATE delivery SET state = 'skipped', settled_at = :now
    WHERE id = :delivery AND state IN ('rejected', 'parked')
""")
_ENDED = frozenset({AttemptState.FAILED, AttemptState.EXPIRED})


class _Named(msgspec.Struct, frozen=True):
    delivery: str
    operation: str = ""


_NAMED = msgspec.json.Decoder(_Named)


def page(connection: sa.Connection, after: int, limit: int) -> Page:
    """The INITs that the next events name, in their order, each once."""
    newest = newest_position(connection)
    span = Span(after=after, newest=newest, limit=limit, kinds=KINDS)
    events, upto = read_events(connection, span) if newest > after else ([], after)
    return Page(upto=upto, newest=newest, deliveries=list(dict.fromkeys(_inits(events))))


def _inits(events: Iterable[StoredEvent]) -> Iterable[int]:
    for event in events:
        named = _NAMED.decode(event.data)
        if named.operation == INIT:
            yield int(named.delivery)


def follow(
    transaction: Transaction, deliveries: Iterable[int], *, now: int, first_question: Mapping[str, int]
) -> int:
    """Let attempts follow; how many moved. ``first_question``: how long after its end an attempt is asked about, by
    destination, in microseconds."""
    return sum(follow_init(transaction, delivery, now, first_question) for delivery in deliveries)


def follow_init(transaction: Transaction, delivery: int, now: int, first_question: Mapping[str, int]) -> bool:
    """Let the attempt that ``delivery`` carries follow it as it stands; whether that changed anything."""
    if transaction.one(_LOCK_REQUEST, {"delivery": delivery}) is None:
        return False  # a delivery that carries no attempt
    attempt = transaction.one(_ATTEMPT, {"delivery": delivery})
    lane = transaction.one(_LANE, {"delivery": delivery})
    carried = transaction.one(_DELIVERY, {"delivery": delivery})
    if attempt is None or lane is None or carried is None:
        return False
    state, url = AttemptState(attempt[7]), attempt[8]
    init = Init(state=DeliveryState(carried[0]), sends=int(carried[1]), pay_url=_pay_url(lane[2], attempt[4]))
    effect = heard(state, init, has_url=url is not None)
    if effect.step_aside and transaction.run(_STEP_ASIDE, {"now": now, "delivery": delivery}):
        follow_lane(transaction, int(lane[0]), LaneState(lane[1]))
    pay_url = init.pay_url if effect.take_url else None
    pause = 0 if effect.ask_now else first_question.get(attempt[2], 0)
    about = {"now": now, "pay_url": pay_url, "next_question_at": now + pause}
    if effect.move is not None:
        _move(transaction, attempt, carried, effect.move, about)
    elif pay_url is not None:
        transaction.run(_TAKE_URL, {"pay_url": pay_url, "attempt": attempt[0]})
    if effect.event:
        _tell(transaction, attempt, carried, effect, about)
    return effect.move is not None or effect.take_url


def _pay_url(memory: str, reference: str) -> str:
    """The payer's address as INIT's answer taught it to the lane."""
    return msgspec.json.decode(memory, type=dict[str, str]).get(f"pay_url:{reference}", "")


def _move(
    transaction: Transaction, attempt: Row, carried: Row, move: AttemptState, about: dict[str, Any]
) -> None:
    require_move(AttemptState(attempt[7]), move, attempt=attempt[4])
    told = move is not AttemptState.REDIRECTED  # an accepted INIT leaves nothing to explain
    transaction.run(
        _MOVE,
        {
            "attempt": attempt[0],
            "state": move,
            "pay_url": about["pay_url"],
            "code": carried[2] if told else None,
            "reason": carried[3] if told else None,
            "ended_at": about["now"] if move in _ENDED else None,
            "next_question_at": about["next_question_at"],
        },
    )


def _tell(transaction: Transaction, attempt: Row, carried: Row, effect: Heard, about: dict[str, Any]) -> None:
    data: dict[str, Any] = {
        "payment": str(attempt[1]),
        "attempt": str(attempt[0]),
        "reference": attempt[4],
        "amount": int(attempt[5]),
        "currency": attempt[6],
    }
    if effect.take_url:
        data["pay_url"] = about["pay_url"]
    else:
        data |= {"source": "init", "code": carried[2], "reason": carried[3]}
    event = EventRow(
        id=transaction.identifiers.next(),
        at=about["now"],
        kind=effect.event,
        data=msgspec.json.encode(data).decode(),
        dossier_code=attempt[3],
        destination=attempt[2],
    )
    insert_events(transaction, [event])
