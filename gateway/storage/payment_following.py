"""What became of each INIT, in the tables: the attempt follows its delivery, and one place in the feed is kept.

Invariants: a stretch of the feed and everything that follows from it are one commit; the delivery is judged as it stands
in that transaction, under the lock of its request, so that reading a stretch twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from gateway.storage.schema import worker
from gateway.storage.schema_status import follower
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


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far the feed has been followed. ``free``: nobody alive but the asker holds it."""

    position: int
    free: bool


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the feed that ``owner`` has read: from ``before`` to ``upto``, with the INITs that it names.

    ``first_question``: how long after its end an attempt is asked about, by destination, in microseconds.
    """

    owner: int
    before: int
    upto: int
    now: int
    deliveries: Sequence[int] = ()
    first_question: Mapping[str, int] = {}


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The INITs named after one position, and the position up to which nothing of them is left."""

    upto: int
    newest: int
    deliveries: list[int]


_CLAIM = Statement("""
    INSERT INTO follower (name, position, lease_owner) VALUES (:name, 0, :owner)
    ON CONFLICT (name) DO UPDATE SET lease_owner = :owner
    WHERE follower.lease_owner IS NULL OR follower.lease_owner = :owner
        OR NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = follower.lease_owner)
    RETURNING position
""")
_ADVANCE = Statement("""
    UPDATE follower SET position = :upto WHERE name = :name AND lease_owner = :owner AND position = :before
""")
_RELEASE = Statement("UPDATE follower SET lease_owner = NULL WHERE name = :name AND lease_owner = :owner")
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


def place(connection: sa.Connection, owner: int) -> Place:
    """Where the follower stands, as worker ``owner`` sees it."""
    columns = follower.c
    row = connection.execute(
        sa.select(columns.position, columns.lease_owner, worker.c.id.label("alive"))
        .outerjoin(worker, worker.c.id == columns.lease_owner)
        .where(columns.name == NAME)
    ).one_or_none()
    if row is None:
        return Place(position=0, free=True)
    return Place(position=row.position, free=row.alive is None or row.lease_owner == owner)


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


def claim(transaction: Transaction, owner: int) -> int | None:
    """Take the follower's place for worker ``owner``; the position to read on from, None when a living one has it."""
    row = transaction.one(_CLAIM, {"name": NAME, "owner": owner})
    return None if row is None else int(row[0])


def release(transaction: Transaction, owner: int) -> None:
    """Give the place back, if it is ``owner``'s."""
    transaction.run(_RELEASE, {"name": NAME, "owner": owner})


def advance(transaction: Transaction, stretch: Stretch) -> int | None:
    """Let attempts follow and move on; how many moved. None, and nothing changed, when the place is somebody else's."""
    about = {name: getattr(stretch, name) for name in ("owner", "before", "upto")}
    if not transaction.run(_ADVANCE, {"name": NAME, **about}):
        return None
    return sum(
        follow_init(transaction, delivery, stretch.now, stretch.first_question)
        for delivery in stretch.deliveries
    )


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
