"""Correcting what one failed delivery says, and sending it again under the same key.

Invariants: only what was rejected or parked is corrected, under the lock of its lane, never what is at the partner; the
content that was shown must still be the stored one; what it said before is kept; the key, the place in the lane and the
digest by which newer versions are compared stay, so that only a newer version that really differs replaces it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import STUCK, DeliveryState, LaneState, require_move
from gateway.domain.errors import ApprovalRequired, ConflictError
from gateway.storage.approvals import Approval, Permit, Wanted, approved
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.operator_deliveries import Standing, event_of, follow_lane, locked_delivery
from gateway.storage.operator_log import lane_target, write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action, Dangerous
from gateway.storage.rows import insert_events
from gateway.storage.schema import delivery
from gateway.storage.schema_edits import delivery_edit
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

EditState = Literal["proposed", "applied", "declined", "expired"]


class Edit(Instruction, frozen=True, kw_only=True):
    """Put ``content`` in the place of what delivery ``delivery`` says. ``shown``: digest of what the person has seen;
    ``pointers``: where the two differ."""

    delivery: int
    shown: str
    content: bytes
    pointers: tuple[str, ...]


class EditDone(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery was corrected and waits for its turn. ``edit``: the kept correction."""

    action: str
    edit: str
    delivery: str
    destination: str
    dossier: str
    before: DeliveryState
    after: DeliveryState
    lane_state: LaneState


class StoredContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a delivery says now. ``position``, ``lane``: its place; ``reason``: the last outcome's words."""

    id: int
    lane: int
    destination: str
    dossier: str
    operation: str
    key: str
    position: int
    state: DeliveryState
    reason: str | None
    payload: bytes

    @property
    def digest(self) -> str:
        """Digest of what it says."""
        return content_digest(self.payload)


class KeptEdit(msgspec.Struct, frozen=True, kw_only=True):
    """One correction, as it is kept. ``state`` proposed: it waits for a second person, and its time is not over."""

    id: str
    state: EditState
    at: datetime
    actor: str
    reason: str
    before_digest: str
    after_digest: str
    pointers: list[str]
    before: bytes
    after: bytes


_CORRECT = Statement("""
    UPDATE delivery SET payload = :content, edited_at = :now, state = 'pending', due_at = NULL, code = NULL,
        reason = NULL, actor = NULL, retried_at = :now, doubts = CASE WHEN doubts > 1 THEN 1 ELSE doubts END
    WHERE id = :delivery
""")
_PROPOSED = Statement("""
    SELECT id FROM delivery_edit WHERE delivery_id = :delivery AND before_digest = :before AND after_digest = :after
        AND state = 'proposed' ORDER BY id DESC LIMIT 1
""")
_APPLY = Statement("UPDATE delivery_edit SET state = 'applied', at = :now WHERE id = :edit")
_WAIT = Statement("""
    UPDATE delivery_edit SET state = 'proposed',
        expires_at = (SELECT approval.expires_at FROM approval WHERE approval.id = :approval)
    WHERE id = :edit
""")
_EXPIRE = Statement("""
    UPDATE delivery_edit SET state = 'expired' WHERE delivery_id = :delivery AND state = 'proposed'
        AND expires_at <= :now
""")
_DECLINE = Statement("""
    UPDATE delivery_edit SET state = 'declined' WHERE delivery_id = :delivery AND before_digest = :before
        AND after_digest = :after AND state = 'proposed' AND expires_at <= :expires_at
""")
_KEEP = insert(
    "delivery_edit",
    (
        *("id", "delivery_id", "dossier_code", "state", "at", "actor", "reason"),
        *("before_digest", "after_digest", "pointers", "before", "after"),
    ),
)


def content_digest(content: bytes) -> str:
    """What stands for exactly this content, in 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def edit_delivery(transaction: Transaction, order: Edit) -> EditDone | ApprovalRequired:
    """Correct one delivery. NotFoundError; ConflictError: its state does not allow it, an attempt is under way, or it says
    something else than what was shown."""
    found, lane_state = locked_delivery(transaction, order.delivery)
    _require(found, order)
    now = to_micros(order.now)
    permit = approved(transaction, _wanted(found, order))
    if isinstance(permit, ApprovalRequired):
        _keep(transaction, found, order, permit)
        return permit
    edit = _keep(transaction, found, order, None)
    transaction.run(_CORRECT, {"content": order.content, "now": now, "delivery": found.id})
    lane_state = follow_lane(transaction, found.lane, lane_state)
    action = write_action(transaction, _action(found, order, edit, permit))
    about = {"state": DeliveryState.PENDING, "pointers": list(order.pointers)}
    insert_events(transaction, [event_of(transaction, order, found, "delivery.edited", about)])
    return EditDone(
        action=action,
        edit=str(edit),
        delivery=str(found.id),
        destination=found.destination,
        dossier=found.dossier,
        before=found.state,
        after=DeliveryState.PENDING,
        lane_state=lane_state,
    )


def end_proposals(transaction: Transaction, about: Approval, now: datetime) -> None:
    """A correction that was proposed ends when its approval ``about`` was declined, but for one that was asked for again
    since; others of its delivery end with their time. Do it in the transaction that declines."""
    told = about.parameters
    delivery_id = int(told["delivery"])
    if about.state == "declined":
        digests = {"before": told["shown"], "after": told["edit"]}
        expires_at = None if about.expires_at is None else to_micros(about.expires_at)
        transaction.run(_DECLINE, {"delivery": delivery_id, **digests, "expires_at": expires_at})
    transaction.run(_EXPIRE, {"delivery": delivery_id, "now": to_micros(now)})


def _require(found: Standing, order: Edit) -> None:
    if found.state not in STUCK:
        raise ConflictError(
            f"delivery {found.id} is {found.state}; only what was rejected or parked can be corrected"
        )
    require_move(found.state, DeliveryState.PENDING, delivery=str(found.id))
    if content_digest(found.payload) != order.shown:
        raise ConflictError(
            f"delivery {found.id} says something else than what you have seen; look again and decide again"
        )
    if found.payload == order.content or not order.pointers:
        raise ConflictError(f"delivery {found.id}: nothing was changed; to send it as it is, retry it")


def _wanted(found: Standing, order: Edit) -> Wanted:
    return Wanted(
        actor=order.actor,
        reason=order.reason,
        now=order.now,
        action=Dangerous.EDIT,
        target=lane_target(found.destination, found.dossier),
        parameters={
            "delivery": str(found.id),
            "state": found.state.value,
            "attempts": found.attempts,
            "shown": order.shown,
            "edit": content_digest(order.content),
            "pointers": list(order.pointers),
        },
    )


def _keep(transaction: Transaction, found: Standing, order: Edit, waits: ApprovalRequired | None) -> int:
    """Keep both contents, once, as long as the approval that they wait for is good; what was proposed becomes what was
    applied."""
    transaction.run(_EXPIRE, {"delivery": found.id, "now": to_micros(order.now)})
    digests = {"before": order.shown, "after": content_digest(order.content)}
    row = transaction.one(_PROPOSED, {"delivery": found.id, **digests})
    if row is not None:
        if waits is None:
            transaction.run(_APPLY, {"edit": row[0], "now": to_micros(order.now)})
        else:
            transaction.run(_WAIT, {"edit": row[0], "approval": int(waits.approval)})
        return int(row[0])
    edit = transaction.identifiers.next()
    transaction.run(
        _KEEP,
        {
            "id": edit,
            "delivery_id": found.id,
            "dossier_code": found.dossier,
            "state": "applied",
            "at": to_micros(order.now),
            "actor": order.actor,
            "reason": order.reason,
            "before_digest": order.shown,
            "after_digest": digests["after"],
            "pointers": msgspec.json.encode(order.pointers).decode(),
            "before": found.payload,
            "after": order.content,
        },
    )
    if waits is not None:
        transaction.run(_WAIT, {"edit": edit, "approval": int(waits.approval)})
    return edit


def _action(found: Standing, order: Edit, edit: int, permit: Permit) -> Action:
    """Pointers and digests, never values: they are personal data, and stand in the kept correction."""
    return Action(
        actor=order.actor,
        verb="edit",
        target=lane_target(found.destination, found.dossier),
        reason=order.reason,
        now=order.now,
        detail={
            "delivery": str(found.id),
            "before": found.state,
            "after": DeliveryState.PENDING,
            "edit": str(edit),
            "pointers": list(order.pointers),
            "shown": order.shown,
            "content": content_digest(order.content),
            **permit.detail,
        },
    )


def stored_content(connection: sa.Connection, delivery_id: int) -> StoredContent | None:
    """What a delivery says now; None when there is none."""
    columns = delivery.c
    row = connection.execute(
        sa.select(
            *(columns.id, columns.lane_id, columns.destination, columns.dossier_code, columns.operation),
            *(columns.key, columns.position, columns.state, columns.reason, columns.payload),
        ).where(columns.id == delivery_id)
    ).one_or_none()
    if row is None:
        return None
    return StoredContent(
        id=row.id,
        lane=row.lane_id,
        destination=row.destination,
        dossier=row.dossier_code,
        operation=row.operation,
        key=row.key,
        position=row.position,
        state=DeliveryState(row.state),
        reason=row.reason,
        payload=bytes(row.payload),
    )


def edits_of(
    connection: sa.Connection, delivery_id: int, now: datetime, *, limit: int = 50
) -> list[KeptEdit]:
    """The corrections of a delivery, newest first; what nobody has decided in its time is expired at ``now``."""
    columns = delivery_edit.c
    rows = connection.execute(
        sa.select(delivery_edit)
        .where(columns.delivery_id == delivery_id)
        .order_by(columns.id.desc())
        .limit(limit)
    )
    return [
        KeptEdit(
            id=str(row.id),
            state="expired" if _is_over(row, now) else row.state,
            at=from_micros(row.at),
            actor=row.actor,
            reason=row.reason,
            before_digest=row.before_digest,
            after_digest=row.after_digest,
            pointers=msgspec.json.decode(row.pointers, type=list[str]),
            before=bytes(row.before),
            after=bytes(row.after),
        )
        for row in rows
    ]


def _is_over(row: sa.Row[Any], now: datetime) -> bool:
    return row.state == "proposed" and row.expires_at is not None and bool(row.expires_at <= to_micros(now))
