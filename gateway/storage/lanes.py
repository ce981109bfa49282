"""The hot operations on lanes: claim, start an attempt, settle it, release; each over a whole group at once.

Invariants: a lane has one owner and a token that grows with every claim, and whoever lost the lane changes nothing
in it; an attempt starts only with the lane's first open delivery; a lane's state always follows from its head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.domain.delivery import SENDABLE, Delivery, DeliveryState, LaneState
from gateway.domain.errors import LeaseLost
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.restoration import doubt_restored
from gateway.storage.rows import EventRow, MessageRow, insert_events, insert_messages
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for up to ``lanes`` ready lanes of ``destination``, with up to ``depth`` deliveries each."""

    destination: str
    worker: int
    lanes: int
    depth: int
    now: datetime


class QueuedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery at or near the head of a claimed lane."""

    delivery: Delivery
    doubts: int
    due_at: datetime | None


class ClaimedLane(msgspec.Struct, frozen=True, kw_only=True):
    """A lane that is ours until it is released, with its first open deliveries in order."""

    id: int
    destination: str
    dossier: str
    token: int
    memory: dict[str, str]
    queue: list[QueuedDelivery]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Put ``deliveries`` (consecutive, from the head) in flight and log the request, before the socket opens."""

    attempt: int
    lane: int
    token: int
    worker: int
    destination: str
    dossier: str
    operation: str
    kind: str
    deliveries: tuple[int, ...]
    now: datetime
    message: MessageRow


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one delivery. ``due_at`` None with an open state: somebody must act."""

    delivery: int
    state: DeliveryState
    due_at: datetime | None
    code: str
    reason: str
    actor: str | None = None
    doubted: bool = False


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The end of an attempt. ``memory`` None leaves the lane's memory; ``acknowledged`` is (status, version).

    ``repeated``: the first try ended without a word from the database, so it may have been committed.
    """

    attempt: int | None
    lane: int
    token: int
    now: datetime
    outcome: str
    code: str
    reason: str
    results: tuple[Result, ...]
    messages: tuple[MessageRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    memory: dict[str, str] | None = None
    acknowledged: tuple[str, int] | None = None
    hasten: bool = False
    release: bool = False
    repeated: bool = False


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Give the lane back; its state then follows from its head."""

    lane: int
    token: int


# materialized: a sub-select inside a nested loop would run once a row, and lock other rows every time
_PROMOTE = Statement("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM lane WHERE destination = :destination AND state = 'waiting' AND due_at <= :now
        ORDER BY due_at LIMIT :promoted SKIP_LOCKED)
    UPDATE lane SET state = 'ready' WHERE id IN (SELECT id FROM chosen)
""")
_CLAIM = Statement("""
    WITH chosen AS MATERIALIZED (
        SELECT id FROM lane WHERE destination = :destination AND state = 'ready'
        ORDER BY promise_at LIMIT :lanes SKIP_LOCKED)
    UPDATE lane SET state = 'leased', lease_owner = :worker, lease_token = lease_token + 1
    WHERE id IN (SELECT id FROM chosen)
    RETURNING id, dossier_code, lease_token, memory, partner_code, promise_at
""")
_QUEUE_COLUMNS = (
    "d.id, d.lane_id, d.destination, d.dossier_code, d.operation, d.key, d.position, d.payload, d.attempts, d.state, "
    "d.created_at, d.doubts, d.due_at, d.retried_at"
)
_QUEUE = Statement(
    f"""
    SELECT {_QUEUE_COLUMNS} FROM json_each(:lanes) AS j JOIN delivery AS d ON d.id IN (
        SELECT id FROM delivery WHERE lane_id = j.value AND settled_at IS NULL ORDER BY position LIMIT :depth)
    ORDER BY d.lane_id, d.position
    """,  # noqa: S608 - constants
    postgresql=f"""
    SELECT {_QUEUE_COLUMNS} FROM unnest(:lanes) AS l(id) CROSS JOIN LATERAL (
        SELECT * FROM delivery WHERE lane_id = l.id AND settled_at IS NULL ORDER BY position LIMIT :depth) AS d
    ORDER BY d.lane_id, d.position
    """,  # noqa: S608 - constants
)
_OWNED = Statement("""
    SELECT id, lease_token, held_by FROM lane WHERE id IN_ARRAY(:lanes) AND state = 'leased' ORDER BY id FOR_UPDATE
""")
_HEADS = Statement("""
    SELECT lane_id, MIN(position) FROM delivery WHERE lane_id IN_ARRAY(:lanes) AND settled_at IS NULL
    GROUP BY lane_id
""")
_STATES = Statement("""
    SELECT id, lane_id, position, CASE WHEN ask_first THEN 'ask_first' ELSE state END FROM delivery
    WHERE id IN_ARRAY(:deliveries)
""")
_INSERT_ATTEMPT = insert(
    "attempt",
    (
        "id",
        "lane_id",
        "destination",
        "dossier_code",
        "operation",
        "kind",
        "deliveries",
        "worker",
        "started_at",
    ),
)
_FLY = Statement("""
    UPDATE delivery SET state = 'in_flight', attempts = attempts + 1, sent_at = :now WHERE id IN_ARRAY(:deliveries)
""")
END_ATTEMPT = Statement("""
    UPDATE attempt SET ended_at = :now, outcome = :outcome, code = :code, reason = :reason WHERE id = :attempt
""")
_LOGGED = Statement("SELECT id FROM message WHERE id IN_ARRAY(:messages)")
_SETTLE = Statement("""
    UPDATE delivery SET state = :state, due_at = :due_at, code = :code, reason = :reason, actor = :actor,
        settled_at = :settled_at, doubts = doubts + :doubted
    WHERE id = :delivery AND settled_at IS NULL AND state NOT IN ('rejected', 'parked')
""")
_REMEMBER = Statement("UPDATE lane SET memory = :memory WHERE id = :lane")
_ACKNOWLEDGE = Statement("""
    UPDATE lane SET acknowledged_status = :status, acknowledged_version = :version, acknowledged_at = :now
    WHERE id = :lane
""")
_LANE_HEADS = Statement("""
    SELECT lane.id, lane.held_by, d.state, d.due_at, lane.hasten AND lane.due_at = d.due_at FROM lane
    LEFT JOIN delivery AS d ON d.lane_id = lane.id AND d.settled_at IS NULL AND d.position = (
        SELECT MIN(x.position) FROM delivery AS x WHERE x.lane_id = lane.id AND x.settled_at IS NULL)
    WHERE lane.id IN_ARRAY(:lanes)
""")
_SET_STATE = Statement("""
    UPDATE lane SET state = :state, due_at = :due_at, hasten = :hasten, lease_owner = NULL WHERE id = :lane
""")


PROMOTED_AT_ONCE = 500


def claim_lanes(transaction: Transaction, claims: Sequence[Claim]) -> list[list[ClaimedLane]]:
    """Lease ready lanes, nearest promise first, and read the head of each queue."""
    return [_claim(transaction, claim) for claim in claims]


def _claim(transaction: Transaction, claim: Claim) -> list[ClaimedLane]:
    now = to_micros(claim.now)
    transaction.run(_PROMOTE, {"destination": claim.destination, "now": now, "promoted": PROMOTED_AT_ONCE})
    rows = transaction.all(
        _CLAIM, {"destination": claim.destination, "worker": claim.worker, "lanes": claim.lanes}
    )
    if not rows:
        return []
    queues: dict[int, list[QueuedDelivery]] = {row[0]: [] for row in rows}
    doubt_restored(transaction, queues, now)
    for row in transaction.all(_QUEUE, {"lanes": transaction.array(queues), "depth": claim.depth}):
        queues[row[1]].append(_queued(row))
    rows.sort(key=lambda row: int(row[5]))
    return [
        ClaimedLane(
            id=row[0],
            destination=claim.destination,
            dossier=row[1],
            token=row[2],
            memory=memory_in(row[3], row[4]),
            queue=queues[row[0]],
        )
        for row in rows
    ]


def memory_in(stored: str, partner_code: str | None) -> dict[str, str]:
    """What a lane has learnt, from its columns."""
    memory: dict[str, str] = msgspec.json.decode(stored, type=dict[str, str])
    return memory if partner_code is None else {**memory, "partner_code": partner_code}


def _queued(row: Row) -> QueuedDelivery:
    return QueuedDelivery(
        delivery=Delivery(
            id=row[0],
            lane=row[1],
            destination=row[2],
            dossier=row[3],
            operation=row[4],
            key=row[5],
            position=row[6],
            payload=bytes(row[7]),
            attempts=row[8],
            state=DeliveryState(row[9]),
            created_at=from_micros(row[10]),
            retried_at=None if row[13] is None else from_micros(row[13]),
        ),
        doubts=row[11],
        due_at=None if row[12] is None else from_micros(row[12]),
    )


def start_attempts(transaction: Transaction, starts: Sequence[Start]) -> list[LeaseLost | None]:
    """Put deliveries in flight with their request in the log; LeaseLost where the lane or the queue has changed."""
    refused = refusals(transaction, starts)
    good = [start for start, refusal in zip(starts, refused, strict=True) if refusal is None]
    if good:
        transaction.many(_INSERT_ATTEMPT, [_attempt_row(start) for start in good])
        flying = [delivery for start in good if start.kind == "send" for delivery in start.deliveries]
        if flying:
            transaction.run(_FLY, {"now": to_micros(good[0].now), "deliveries": transaction.array(flying)})
        insert_messages(transaction, [start.message for start in good])
    return refused


def _attempt_row(start: Start) -> dict[str, Any]:
    return {
        "id": start.attempt,
        "lane_id": start.lane,
        "destination": start.destination,
        "dossier_code": start.dossier,
        "operation": start.operation,
        "kind": start.kind,
        "deliveries": msgspec.json.encode(start.deliveries).decode(),
        "worker": start.worker,
        "started_at": to_micros(start.now),
    }


_STARTABLE = {"send": SENDABLE, "query": frozenset({DeliveryState.IN_DOUBT})}


def refusals(transaction: Transaction, starts: Sequence[Start]) -> list[LeaseLost | None]:
    """Why each attempt may not start, as things stand; None where it may."""
    lanes = transaction.array([start.lane for start in starts])
    owned = transaction.all(_OWNED, {"lanes": lanes})
    # an operator's hold stops a lane that is at work before its next delivery
    tokens: dict[int, int] = {row[0]: row[1] for row in owned if row[2] is None}
    heads: dict[int, int] = dict(transaction.all(_HEADS, {"lanes": lanes}))
    wanted = [delivery for start in starts for delivery in start.deliveries]
    found = {row[0]: row[1:] for row in transaction.all(_STATES, {"deliveries": transaction.array(wanted)})}
    return [_refusal(start, tokens, heads, found) for start in starts]


def _refusal(
    start: Start, tokens: dict[int, int], heads: dict[int, int], found: dict[int, Row]
) -> LeaseLost | None:
    if tokens.get(start.lane) != start.token:
        return LeaseLost(f"lane {start.lane} ({start.dossier}) is held, or belongs to another worker now")
    rows = [found[delivery] for delivery in start.deliveries]
    if rows[0][1] != heads.get(start.lane) or any(row[2] not in _STARTABLE[start.kind] for row in rows):
        return LeaseLost(f"the queue of lane {start.lane} ({start.dossier}) has changed; claim it again")
    return None


def settle_attempts(transaction: Transaction, settlements: Sequence[Settlement]) -> list[LeaseLost | None]:
    """End attempts: states, memory, log and events together. A lost lease still logs the answer that came."""
    tokens = lease_tokens(transaction, [settlement.lane for settlement in settlements])
    done = _done(transaction, settlements)
    fresh = [item for item in settlements if item.attempt not in done]
    insert_messages(transaction, [row for settlement in fresh for row in settlement.messages])
    verdicts = [
        None
        if settlement.attempt in done or tokens.get(settlement.lane) == settlement.token
        else LeaseLost(f"lane {settlement.lane} belongs to another worker now")
        for settlement in settlements
    ]
    good = [item for item in fresh if tokens.get(item.lane) == item.token]
    _write_settlements(transaction, good)
    released = {item.lane: item.hasten for item in good if item.release}
    if released:
        follow_heads(transaction, released, hasten=released)
    return verdicts


def _done(transaction: Transaction, settlements: Sequence[Settlement]) -> set[int | None]:
    """Attempts of repeated settlements whose first try was committed after all: the log has their answer.

    That the attempt has ended proves nothing: whoever took the lane over ends it, too.
    """
    answers = {
        message.id: item.attempt
        for item in settlements
        if item.repeated and item.attempt is not None
        for message in item.messages
    }
    if not answers:
        return set()
    return {answers[row[0]] for row in transaction.all(_LOGGED, {"messages": transaction.array(answers)})}


def lease_tokens(transaction: Transaction, lanes: Iterable[int]) -> dict[int, int]:
    """The current token of each lane that is leased, the rows locked. A lane that was reaped has none."""
    return {row[0]: row[1] for row in transaction.all(_OWNED, {"lanes": transaction.array(lanes)})}


def _write_settlements(transaction: Transaction, settlements: Sequence[Settlement]) -> None:
    transaction.many(
        END_ATTEMPT,
        [
            {
                "now": to_micros(item.now),
                "outcome": item.outcome,
                "code": item.code,
                "reason": item.reason,
                "attempt": item.attempt,
            }
            for item in settlements
            if item.attempt is not None
        ],
    )
    transaction.many(
        _SETTLE, [_result_row(result, item.now) for item in settlements for result in item.results]
    )
    transaction.many(
        _REMEMBER,
        [
            {"memory": msgspec.json.encode(item.memory).decode(), "lane": item.lane}
            for item in settlements
            if item.memory is not None
        ],
    )
    transaction.many(
        _ACKNOWLEDGE,
        [
            {
                "status": item.acknowledged[0],
                "version": item.acknowledged[1],
                "now": to_micros(item.now),
                "lane": item.lane,
            }
            for item in settlements
            if item.acknowledged is not None
        ],
    )
    insert_events(transaction, [row for item in settlements for row in item.events])


def _result_row(result: Result, now: datetime) -> dict[str, Any]:
    final = result.state is DeliveryState.DELIVERED
    return {
        "delivery": result.delivery,
        "state": result.state.value,
        "due_at": None if result.due_at is None else to_micros(result.due_at),
        "code": result.code,
        "reason": result.reason,
        "actor": result.actor,
        "settled_at": to_micros(now) if final else None,
        "doubted": int(result.doubted),
    }


def release_lanes(transaction: Transaction, releases: Sequence[Release]) -> list[None]:
    """Give lanes back; a lane that was taken over meanwhile is left alone."""
    tokens = lease_tokens(transaction, [release.lane for release in releases])
    follow_heads(transaction, [item.lane for item in releases if tokens.get(item.lane) == item.token])
    return [None] * len(releases)


_HEAD_STATE: dict[str | None, LaneState] = {
    None: LaneState.IDLE,
    DeliveryState.PENDING: LaneState.READY,
    DeliveryState.WAITING: LaneState.WAITING,
    DeliveryState.IN_DOUBT: LaneState.WAITING,
    DeliveryState.REJECTED: LaneState.BLOCKED,
    DeliveryState.PARKED: LaneState.BLOCKED,
}


def follow_heads(
    transaction: Transaction, lanes: Iterable[int], *, hasten: dict[int, bool] | None = None
) -> None:
    """Set each lane's state from its head delivery, ending any lease.

    ``hasten``: lanes whose wait is our own back-off, so that it may be cut short when the destination recovers; a
    lane that is not in it keeps what it was as long as it waits for the same instant.
    """
    rows = transaction.all(_LANE_HEADS, {"lanes": transaction.array(lanes)})
    transaction.many(_SET_STATE, [_lane_row(row, hasten or {}) for row in rows])


def _lane_row(row: Row, hasten: dict[int, bool]) -> dict[str, Any]:
    lane, held_by, head, due_at, kept = row
    state = _HEAD_STATE[head]
    if state is LaneState.WAITING and due_at is None:
        state = LaneState.BLOCKED  # in doubt, and only an operator can tell
    if held_by is not None and state is not LaneState.IDLE:
        state = LaneState.HELD
    return {
        "lane": lane,
        "state": state.value,
        "due_at": due_at or 0,
        "hasten": hasten.get(lane, bool(kept)) and state is LaneState.WAITING,
    }
