"""Accepting a dossier version: the dossier, the deliveries in their lanes and the log entry, in one transaction.

Invariants: the same version with the same content again changes nothing; an older version never replaces a newer
one; a delivery whose key the lane already has is never enqueued a second time; a snapshot that was not sent yet
gives its place in the lane to the newer one, an event is never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from gateway.domain.delivery import SUPERSEDABLE, DeliveryState, LaneState
from gateway.domain.errors import ConflictError, GatewayError
from gateway.storage.journeys import JourneyRow, keep_journey
from gateway.storage.lanes import follow_heads
from gateway.storage.rows import EventRow, MessageRow, insert_events, insert_messages
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Row, Transaction

_FAR_FUTURE = 2**62


class PlannedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery to enqueue; ``snapshot``: it replaces an unsent older one of the same operation, and is dropped
    when the newest one has the same ``digest`` (what the partner would see of it)."""

    operation: str
    key: str
    payload: bytes
    digest: bytes
    snapshot: bool
    event_at: int | None = None


class LanePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination is to be told. ``partner_codes``: dossier numbers to try there, best first."""

    destination: str
    partner_codes: tuple[str, ...]
    deliveries: tuple[PlannedDelivery, ...]


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """Whose lane is filled, and when. ``promise_at``: the dossier's due time, by which lanes take turns. ``known_at``: when
    the source had this to tell at the earliest; None: it is told for the first time."""

    code: str
    promise_at: int | None
    now: int
    known_at: int | None = None


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries that are new in the lane, in order, and the keys of events that differ from what was sent."""

    deliveries: tuple[int, ...]
    changed: tuple[str, ...]


class DossierRow(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a dossier; ``record`` is its canonical JSON after translation, ``digest`` its SHA-256."""

    code: str
    source: str
    version: int
    status: str
    procedure_code: str
    agency_code: str
    channel: str
    submitted_at: int | None
    received_at: int | None
    due_at: int | None
    finished_at: int | None
    digest: bytes
    record: bytes


class IdempotencyKey(msgspec.Struct, frozen=True, kw_only=True):
    """A client's key for one request, with the digest of what was asked under it."""

    client: str
    key: str
    digest: bytes


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """One dossier version to accept, with everything that follows from it.

    ``account``: what the version says about time, kept for the deadline rules (``gateway.deadlines.account``).
    ``journey``: the trace that it came in on.
    """

    dossier: DossierRow
    lanes: tuple[LanePlan, ...]
    now: int
    messages: tuple[MessageRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    idempotency: IdempotencyKey | None = None
    expected_version: int | None = None
    account: bytes | None = None
    journey: JourneyRow | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was accepted. ``enqueued`` counts new deliveries per destination; ``changed_events`` lists keys of
    events that differ from what was already sent under the same key (recorded, not sent again)."""

    code: str
    version: int
    result: Literal["created", "updated", "unchanged"]
    enqueued: dict[str, int] = {}
    changed_events: list[str] = []
    replayed: bool = False


_FIND_KEY = Statement("SELECT digest, answer FROM idempotency WHERE client = :client AND key = :key")
_SAVE_KEY = insert("idempotency", ("client", "key", "digest", "status", "answer", "at"))
_FIND_DOSSIER = Statement("SELECT version, digest FROM dossier WHERE code = :code FOR_UPDATE")
_DOSSIER_COLUMNS = (*DossierRow.__struct_fields__, "created_at", "updated_at")
_INSERT_DOSSIER = insert("dossier", _DOSSIER_COLUMNS)
_KEPT = {"code", "created_at"}
_ASSIGNMENTS = ", ".join(f"{name} = :{name}" for name in _DOSSIER_COLUMNS if name not in _KEPT)
_UPDATE_DOSSIER = Statement(f"UPDATE dossier SET {_ASSIGNMENTS} WHERE code = :code")  # noqa: S608 - our own names
_INSERT_VERSION = insert(
    "dossier_version", ("id", "dossier_code", "version", "at", "message_id", "account", "assessed")
)
_FIND_LANE = Statement("""
    SELECT id, next_position, state FROM lane WHERE destination = :destination AND dossier_code = :code FOR_UPDATE
""")
_CODE_TAKEN = Statement(
    "SELECT dossier_code FROM lane WHERE destination = :destination AND partner_code = :partner_code"
)
_INSERT_LANE = Statement("""
    INSERT INTO lane (id, destination, dossier_code, state, promise_at, partner_code, next_position)
    VALUES (:id, :destination, :code, :state, :promise_at, :partner_code, :next_position)
""")
_KEYS = Statement("""
    SELECT operation, key, id, state, digest, position FROM delivery
    WHERE lane_id = :lane AND state <> 'superseded'
""")
_SUPERSEDE = Statement("""
    UPDATE delivery SET state = 'superseded', settled_at = :now, code = 'superseded', reason = :reason
    WHERE id = :delivery AND settled_at IS NULL
""")
_INSERT_DELIVERY = insert(
    "delivery",
    (
        "id",
        "lane_id",
        "destination",
        "dossier_code",
        "operation",
        "key",
        "position",
        "state",
        "digest",
        "created_at",
        "event_at",
        "payload",
        "ask_first",
    ),
)
_MOVE_LANE = Statement(
    "UPDATE lane SET next_position = :next_position, promise_at = :promise_at WHERE id = :lane"
)


def accept_dossiers(transaction: Transaction, items: Sequence[Acceptance]) -> list[Receipt | GatewayError]:
    """Accept each version; a refusal (ConflictError) is that item's result and leaves the others alone.

    Every process locks dossiers in the order of their codes, so that no two wait for each other.
    """
    order = sorted(range(len(items)), key=lambda place: items[place].dossier.code)
    receipts = {place: _accept(transaction, items[place]) for place in order}
    return [receipts[place] for place in range(len(items))]


def _accept(transaction: Transaction, item: Acceptance) -> Receipt | GatewayError:
    replay = _replay(transaction, item.idempotency)
    if replay is not None:
        return replay
    found = transaction.one(_FIND_DOSSIER, {"code": item.dossier.code})
    verdict = _judge_version(item, found)
    if isinstance(verdict, GatewayError):
        return verdict
    receipt = Receipt(code=item.dossier.code, version=item.dossier.version, result=verdict)
    if verdict != "unchanged":
        _write_dossier(transaction, item, new=found is None)
        receipt = _enqueue(transaction, item, receipt)
        insert_events(transaction, item.events)
        if item.journey is not None:
            keep_journey(transaction, item.dossier.code, item.now, item.journey)
    insert_messages(transaction, item.messages)
    _remember_answer(transaction, item, receipt)
    return receipt


def _replay(transaction: Transaction, key: IdempotencyKey | None) -> Receipt | GatewayError | None:
    if key is None:
        return None
    row = transaction.one(_FIND_KEY, {"client": key.client, "key": key.key})
    if row is None:
        return None
    if bytes(row[0]) != key.digest:
        return ConflictError(
            f"Idempotency-Key {key.key!r} was used for a different request; use a new key for a new request"
        )
    answer = msgspec.json.decode(bytes(row[1]), type=Receipt)
    return msgspec.structs.replace(answer, replayed=True)


Verdict = Literal["created", "updated", "unchanged"]


def _judge_version(item: Acceptance, found: Row | None) -> Verdict | GatewayError:
    code, version = item.dossier.code, item.dossier.version
    current = None if found is None else int(found[0])
    if item.expected_version is not None and item.expected_version != (current or 0):
        return ConflictError(
            f"dossier {code}: If-Match asks for version {item.expected_version}, stored is {current or 'none'}; "
            "read it and decide again"
        )
    if found is None or current is None:
        return "created"
    if version > current:
        return "updated"
    if version < current:
        return ConflictError(
            f"dossier {code}: got version {version}, stored is {current}; send a newer version"
        )
    if bytes(found[1]) == item.dossier.digest:
        return "unchanged"
    return ConflictError(
        f"dossier {code}: version {version} is already stored with different content; "
        "a changed record needs a higher version"
    )


def _write_dossier(transaction: Transaction, item: Acceptance, *, new: bool) -> None:
    row = {**msgspec.structs.asdict(item.dossier), "created_at": item.now, "updated_at": item.now}
    transaction.run(_INSERT_DOSSIER if new else _UPDATE_DOSSIER, row)
    if item.account is not None:
        transaction.run(
            _INSERT_VERSION,
            {
                "id": transaction.identifiers.next(),
                "dossier_code": item.dossier.code,
                "version": item.dossier.version,
                "at": item.now,
                "message_id": item.messages[0].id if item.messages else None,
                "account": item.account,
                "assessed": False,
            },
        )


def _enqueue(transaction: Transaction, item: Acceptance, receipt: Receipt) -> Receipt:
    dossier = item.dossier
    known_at = dossier.received_at or dossier.submitted_at or 0
    filling = Filling(code=dossier.code, promise_at=dossier.due_at, now=item.now, known_at=known_at)
    enqueued: dict[str, int] = {}
    changed: list[str] = []
    for plan in item.lanes:
        filled = fill_lane(transaction, plan, filling)
        enqueued[plan.destination] = len(filled.deliveries)
        changed += filled.changed
    return msgspec.structs.replace(receipt, enqueued=enqueued, changed_events=changed)


def fill_lane(transaction: Transaction, plan: LanePlan, filling: Filling) -> Filled:
    """Put what ``plan`` calls for into the dossier's lane, which is made if it is missing."""
    promise_at = filling.promise_at or _FAR_FUTURE
    found = transaction.one(_FIND_LANE, {"destination": plan.destination, "code": filling.code})
    lane, position, state = found or (transaction.identifiers.next(), 1, LaneState.IDLE)
    known = [] if found is None else transaction.all(_KEYS, {"lane": lane})
    writer = _LaneWriter(transaction, lane, position, filling, known)
    for planned in plan.deliveries:
        writer.add(planned)
    if found is None:
        _open_lane(transaction, plan, filling.code, promise_at, writer)
    transaction.many(
        _INSERT_DELIVERY,
        [{**row, "destination": plan.destination, "dossier_code": filling.code} for row in writer.rows],
    )
    if found is not None:
        transaction.run(
            _MOVE_LANE, {"next_position": writer.position, "promise_at": promise_at, "lane": lane}
        )
        if state != LaneState.LEASED:
            follow_heads(transaction, [lane])
    return Filled(deliveries=tuple(row["id"] for row in writer.rows), changed=tuple(writer.changed))


def _open_lane(
    transaction: Transaction, plan: LanePlan, code: str, promise_at: int, writer: _LaneWriter
) -> None:
    """A new lane as its first deliveries leave it: none of them was tried, so the head is ready to go."""
    transaction.run(
        _INSERT_LANE,
        {
            "id": writer.lane,
            "destination": plan.destination,
            "code": code,
            "state": LaneState.READY if writer.rows else LaneState.IDLE,
            "promise_at": promise_at,
            "partner_code": _free_code(transaction, plan),
            "next_position": writer.position,
        },
    )


def _free_code(transaction: Transaction, plan: LanePlan) -> str | None:
    """The first partner code that no other dossier uses at this destination."""
    for code in plan.partner_codes:
        if transaction.one(_CODE_TAKEN, {"destination": plan.destination, "partner_code": code}) is None:
            return code
    if not plan.partner_codes:
        return None
    raise ConflictError(
        f"every dossier number proposed for {plan.destination} is taken ({plan.partner_codes[0]} and "
        f"{len(plan.partner_codes) - 1} more); give the dossier another number"
    )


class _LaneWriter:
    """Collects the new rows of one lane; knows what the lane already has."""

    def __init__(
        self, transaction: Transaction, lane: int, position: int, filling: Filling, known: Sequence[Row]
    ) -> None:
        self._transaction = transaction
        self.lane = lane
        self._now = filling.now
        self._known_at = filling.known_at
        self.position = position
        self.rows: list[dict[str, Any]] = []
        self.changed: list[str] = []
        self._known = {(row[0], row[1]): row[2:] for row in known}

    def add(self, planned: PlannedDelivery) -> None:
        """Enqueue ``planned`` unless the lane has it; a newer snapshot takes the place of an unsent older one."""
        known = self._known.get((planned.operation, planned.key))
        if known is not None:
            self._again(planned, known)
        elif planned.snapshot:
            if not self._is_unchanged(planned):
                self._insert(planned, self._supersede_snapshots(planned))
        else:
            self._insert(planned, None)

    def _is_unchanged(self, planned: PlannedDelivery) -> bool:
        """Whether the newest snapshot shows the partner the same, and nobody has refused or given up on it."""
        newest = max(
            (row for (operation, _), row in self._known.items() if operation == planned.operation),
            key=lambda row: int(row[0]),
            default=None,
        )
        return (
            newest is not None
            and bytes(newest[2]) == planned.digest
            and DeliveryState(newest[1])
            not in {DeliveryState.REJECTED, DeliveryState.PARKED, DeliveryState.SKIPPED}
        )

    def _again(self, planned: PlannedDelivery, known: Row) -> None:
        delivery, state, digest, position = known
        if bytes(digest) == planned.digest:
            return
        if DeliveryState(state) in SUPERSEDABLE:
            self._supersede(delivery, f"replaced by a corrected {planned.operation} {planned.key}")
            self._insert(planned, position)
        else:
            self.changed.append(f"{planned.operation}/{planned.key}")

    def _supersede_snapshots(self, planned: PlannedDelivery) -> int | None:
        older = sorted(
            (row[3], row[0], name)
            for name, row in self._known.items()
            if name[0] == planned.operation and DeliveryState(row[1]) in SUPERSEDABLE
        )
        for _, delivery, name in older:
            self._supersede(delivery, f"replaced by {planned.operation} {planned.key}")
            del self._known[name]  # its place is taken once, even if the plan has several snapshots
        return older[0][0] if older else None

    def _supersede(self, delivery: int, reason: str) -> None:
        self._transaction.run(_SUPERSEDE, {"now": self._now, "reason": reason, "delivery": delivery})

    def _insert(self, planned: PlannedDelivery, position: int | None) -> None:
        if position is None:
            position = self.position
            self.position += 1
        self.rows.append(
            {
                "id": self._transaction.identifiers.next(),
                "lane_id": self.lane,
                "operation": planned.operation,
                "key": planned.key,
                "position": position,
                "state": DeliveryState.PENDING.value,
                "digest": planned.digest,
                "created_at": self._now,
                "event_at": planned.event_at,
                "payload": planned.payload,
                "ask_first": self._may_have_left(planned),
            }
        )

    def _may_have_left(self, planned: PlannedDelivery) -> bool:
        """Whether it may have been sent after the backup that this database was restored from, and told again now."""
        restored_at = self._transaction.restored_at
        if restored_at is None or self._known_at is None:
            return False
        return (planned.event_at or self._known_at) <= restored_at


def _remember_answer(transaction: Transaction, item: Acceptance, receipt: Receipt) -> None:
    if item.idempotency is not None:
        transaction.run(
            _SAVE_KEY,
            {
                "client": item.idempotency.client,
                "key": item.idempotency.key,
                "digest": item.idempotency.digest,
                "status": 202,
                "answer": msgspec.json.encode(receipt),
                "at": item.now,
            },
        )
