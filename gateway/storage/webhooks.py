"""Endpoints of the one-door system: where each stands in the feed, and who is sending to it.

Invariant: a cursor moves only from the position that its sender has read, and only for the sender that holds the
endpoint; an endpoint whose sender is dead (its worker row is gone) is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.feed import newest_position
from gateway.storage.operator_log import write_action
from gateway.storage.oversight import Action
from gateway.storage.rows import EventRow, MessageRow, insert_events, insert_messages
from gateway.storage.schema import webhook, worker
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint. ``kinds``: JSON array, empty for every kind. Instants in microseconds.

    ``secret`` and ``former_secret`` (which signs, too, until ``former_until``) are sealed where there is a key.
    """

    id: str
    url: str
    secret: str
    kinds: str
    position: int
    created_at: int
    failures: int = 0
    failing_since: int | None = None
    next_at: int = 0
    lease_owner: int | None = None
    last_failure: str | None = None
    disabled_at: int | None = None
    former_secret: str | None = None
    former_until: int | None = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """A new ``secret`` for endpoint ``id``; the one so far signs, too, until ``until`` (None: no more)."""

    id: str
    secret: str
    until: int | None


class Resealed(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets of endpoint ``id`` sealed anew; ``before`` is what stood in place of ``secret``."""

    id: str
    before: str
    secret: str
    former_secret: str | None


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """How everything stands: the newest position in the feed, all endpoints, the workers that are not known dead."""

    newest: int
    endpoints: list[WebhookRow]
    living: frozenset[int]

    def is_due(self, row: WebhookRow, owner: int, now: int) -> bool:
        """Whether worker ``owner`` should send to the endpoint now."""
        taken = row.lease_owner is not None and row.lease_owner != owner and row.lease_owner in self.living
        return row.disabled_at is None and row.next_at <= now and row.position < self.newest and not taken


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for endpoint ``id`` in the name of worker ``owner``."""

    id: str
    owner: int
    now: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint has everything up to ``position``; ``message`` is the log entry of its answer, if it was asked."""

    id: str
    owner: int
    before: int
    position: int
    message: MessageRow | None = None


class Setback(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint did not take an event. ``disabled``: no more tries; ``event`` tells about that."""

    id: str
    owner: int
    now: int
    next_at: int
    failure: str
    message: MessageRow | None = None
    disabled: bool = False
    event: EventRow | None = None


_ADD = insert(
    "webhook", tuple(name for name in WebhookRow.__struct_fields__ if name not in {"failures", "next_at"})
)
_DROP = Statement("DELETE FROM webhook WHERE id = :id")
_ENABLE = Statement("""
    UPDATE webhook SET disabled_at = NULL, failures = 0, failing_since = NULL, next_at = 0, last_failure = NULL,
        position = COALESCE(:position, position)
    WHERE id = :id
""")
_CLAIM = Statement(f"""
    UPDATE webhook SET lease_owner = :owner
    WHERE id = :id AND disabled_at IS NULL AND next_at <= :now AND (lease_owner IS NULL OR lease_owner = :owner
        OR NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = webhook.lease_owner))
    RETURNING {", ".join(WebhookRow.__struct_fields__)}
""")  # noqa: S608 - our own names
_RELEASE = Statement("UPDATE webhook SET lease_owner = NULL WHERE id = :id AND lease_owner = :owner")
_ADVANCE = Statement("""
    UPDATE webhook SET position = :position, failures = 0, failing_since = NULL, next_at = 0, last_failure = NULL
    WHERE id = :id AND lease_owner = :owner AND position = :before AND disabled_at IS NULL
""")
_SET_BACK = Statement("""
    UPDATE webhook SET failures = failures + 1, failing_since = COALESCE(failing_since, :now), next_at = :next_at,
        last_failure = :failure, lease_owner = NULL, disabled_at = :disabled_at
    WHERE id = :id AND lease_owner = :owner AND disabled_at IS NULL
""")
_ROTATE = Statement("""
    UPDATE webhook SET former_secret = CASE WHEN CAST(:until AS BIGINT) IS NULL THEN NULL ELSE secret END,
        former_until = :until, secret = :secret
    WHERE id = :id
""")
_RESEAL = Statement("""
    UPDATE webhook SET secret = :secret, former_secret = :former_secret WHERE id = :id AND secret = :before
""")
_FORGET_FORMER = Statement("""
    UPDATE webhook SET former_secret = NULL, former_until = NULL WHERE former_until <= :now
""")


def add_webhook(transaction: Transaction, row: WebhookRow, action: Action) -> None:
    """Register an endpoint."""
    transaction.run(_ADD, msgspec.structs.asdict(row))
    write_action(transaction, action)


def drop_webhook(transaction: Transaction, action: Action) -> bool:
    """Remove endpoint ``action.target``; whether it was there."""
    there = transaction.run(_DROP, {"id": action.target}) > 0
    if there:
        write_action(transaction, action)
    return there


def enable_webhook(transaction: Transaction, action: Action, position: int | None) -> bool:
    """Send to endpoint ``action.target`` again, from ``position`` or from where it stood; whether it was there."""
    there = transaction.run(_ENABLE, {"id": action.target, "position": position}) > 0
    if there:
        write_action(transaction, action)
    return there


def rotate_webhook(transaction: Transaction, action: Action, rotation: Rotation) -> bool:
    """Sign with a new secret from now on; whether the endpoint was there."""
    there = transaction.run(_ROTATE, msgspec.structs.asdict(rotation)) > 0
    if there:
        write_action(transaction, action)
    return there


def note_test(transaction: Transaction, answer: MessageRow, action: Action) -> None:
    """Keep what an endpoint made of a test event, and who sent it."""
    insert_messages(transaction, [answer])
    write_action(transaction, action)


def reseal_webhooks(transaction: Transaction, resealed: Sequence[Resealed]) -> None:
    """Keep secrets in another form; one that was rotated meanwhile is left alone."""
    transaction.many(_RESEAL, [msgspec.structs.asdict(item) for item in resealed])


def forget_former_secrets(transaction: Transaction, now: int) -> int:
    """Drop secrets whose time to sign, too, is over; how many."""
    return transaction.run(_FORGET_FORMER, {"now": now})


def claim_webhook(transaction: Transaction, claim: Claim) -> WebhookRow | None:
    """Take the endpoint, if it is due and nobody living has it."""
    row = transaction.one(_CLAIM, msgspec.structs.asdict(claim))
    return None if row is None else WebhookRow(**dict(zip(WebhookRow.__struct_fields__, row, strict=True)))


def release_webhook(transaction: Transaction, endpoint: str, owner: int) -> None:
    """Give the endpoint back."""
    transaction.run(_RELEASE, {"id": endpoint, "owner": owner})


def advance_webhook(transaction: Transaction, progress: Progress) -> bool:
    """Move the cursor; False when the endpoint is somebody else's, disabled, gone, or stands elsewhere by now."""
    if progress.message is not None:
        insert_messages(transaction, [progress.message])
    moved = transaction.run(
        _ADVANCE,
        {name: getattr(progress, name) for name in ("id", "owner", "before", "position")},
    )
    return moved > 0


def set_back_webhook(transaction: Transaction, setback: Setback) -> bool:
    """Note a failure and give the endpoint back; False when it was not ours any more."""
    if setback.message is not None:
        insert_messages(transaction, [setback.message])
    noted = transaction.run(
        _SET_BACK,
        {
            **{name: getattr(setback, name) for name in ("id", "owner", "now", "next_at", "failure")},
            "disabled_at": setback.now if setback.disabled else None,
        },
    )
    if noted and setback.event is not None:
        insert_events(transaction, [setback.event])
    return noted > 0


def survey(connection: sa.Connection) -> Survey:
    """Every endpoint, oldest first, with what is needed to tell which of them is due."""
    columns = [webhook.c[name] for name in WebhookRow.__struct_fields__]
    rows = connection.execute(sa.select(*columns).order_by(webhook.c.created_at, webhook.c.id)).mappings()
    return Survey(
        newest=newest_position(connection),
        endpoints=[WebhookRow(**row) for row in rows],
        living=frozenset(connection.execute(sa.select(worker.c.id)).scalars()),
    )


def unsealed(connection: sa.Connection) -> int:
    """How many endpoints have a secret in clear."""
    question = sa.select(sa.func.count()).where(webhook.c.secret.startswith("whsec_"))
    return int(connection.execute(question).scalar_one())


def find_webhook(connection: sa.Connection, endpoint: str) -> WebhookRow | None:
    """Endpoint ``endpoint``, or None."""
    columns = [webhook.c[name] for name in WebhookRow.__struct_fields__]
    row = connection.execute(sa.select(*columns).where(webhook.c.id == endpoint)).mappings().one_or_none()
    return None if row is None else WebhookRow(**row)
