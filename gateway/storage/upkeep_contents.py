"""Contents of the message log that are kept under another key than before, or no longer.

Invariants: an entry's row, its leaf and its number never change; address and headers of an entry of form 2 go when its
content goes, because nothing proves them any more; a key is re-wrapped only as it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.identity import WINDOW_OF_A_CALL
from gateway.storage.log import BODY_OWNER, SealedRow, those
from gateway.storage.schema import content_key, message, message_body
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class WrappedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A data key as it is kept."""

    id: int
    wrapped: bytes
    master: str


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how long an entry's content is kept. ``at`` in microseconds; ``about``: it, or the answer to it, names
    a dossier; ``held``: there is a content."""

    seq: int
    id: int
    at: int
    channel: str
    operation: str
    kind: str
    about: bool
    held: bool


_REWRAP = Statement("""
    UPDATE content_key SET wrapped = :wrapped, master = :master
    WHERE id = :id AND master = :before AND destroyed_at IS NULL
""")
_DROP = Statement("DELETE FROM message_body WHERE message_id IN_ARRAY(:entries)")
_BLANK = Statement("""
    UPDATE message SET method = NULL, url = NULL, headers = '[]' WHERE form = 2 AND id IN_ARRAY(:entries)
""")
_ENCRYPTED = Statement("""
    UPDATE message_body SET encoding = 'encrypted', body = :body, key_id = :key
    WHERE message_id = :owner AND encoding = :before AND key_id IS NULL
""")


def keys_not_under(connection: sa.Connection, master: str, after: int, limit: int) -> list[WrappedKey]:
    """Up to ``limit`` keys with numbers beyond ``after`` that another master key than ``master`` has wrapped."""
    question = (
        sa.select(content_key.c.id, content_key.c.wrapped, content_key.c.master)
        .where(content_key.c.id > after, content_key.c.master != master, content_key.c.destroyed_at.is_(None))
        .order_by(content_key.c.id)
        .limit(limit)
    )
    return [
        WrappedKey(id=row.id, wrapped=bytes(row.wrapped), master=row.master)
        for row in connection.execute(question)
    ]


def count_keys(connection: sa.Connection) -> dict[str, int]:
    """How many keys that are not destroyed each master key has wrapped."""
    question = sa.select(content_key.c.master, sa.func.count()).where(content_key.c.destroyed_at.is_(None))
    rows = connection.execute(question.group_by(content_key.c.master))
    return {str(master): int(count) for master, count in rows}


def rewrap(transaction: Transaction, keys: Sequence[tuple[WrappedKey, bytes]], master: str) -> int:
    """Keep each key as ``master`` has wrapped it; how many were still as they were read."""
    done = 0
    for key, wrapped in keys:
        changed = {"id": key.id, "before": key.master, "wrapped": wrapped, "master": master}
        done += transaction.run(_REWRAP, changed)
    return done


def clear_entries(connection: sa.Connection, after: int, limit: int) -> list[SealedRow]:
    """Up to ``limit`` entries with identifiers beyond ``after`` whose content is not encrypted, with it."""
    owners = (
        sa.select(message_body.c.message_id)
        .where(message_body.c.message_id > after, message_body.c.encoding != "encrypted")
        .order_by(message_body.c.message_id)
        .limit(limit)
    )
    found = [int(owner) for owner in connection.execute(owners).scalars()]
    return sorted(those(connection, message.c.id.in_(found)), key=lambda row: row.id) if found else []


def count_clear(connection: sa.Connection) -> int:
    """How many contents are not encrypted."""
    question = sa.select(sa.func.count()).select_from(message_body)
    return int(connection.execute(question.where(message_body.c.encoding != "encrypted")).scalar_one())


def shared_among(connection: sa.Connection, entries: Sequence[int]) -> set[int]:
    """Of ``entries`` those whose bytes several dossiers share."""
    if not entries:
        return set()
    question = sa.select(message.c.request_id).where(
        message.c.id.between(min(entries), max(entries) + WINDOW_OF_A_CALL),
        message.c.kind == "request",
        message.c.request_id.in_(entries),
    )
    return {int(entry) for entry in connection.execute(question).scalars()}


def put_encrypted(transaction: Transaction, row: SealedRow, body: bytes, key: int) -> bool:
    """Keep the content of ``row`` as ``body``, encrypted with ``key``. False: it is no longer what was read."""
    changed = {"owner": row.id, "before": row.stored.encoding, "body": body, "key": key}
    return transaction.run(_ENCRYPTED, changed) == 1


def log_lines(connection: sa.Connection, after: int, limit: int) -> list[LogLine]:
    """Up to ``limit`` sealed entries beyond number ``after``, in order."""
    question = (
        sa.select(
            *(
                message.c[name]
                for name in ("seq", "id", "at", "channel", "operation", "kind", "dossier_code")
            ),
            message_body.c.message_id.label("body"),
        )
        .select_from(message.outerjoin(message_body, message_body.c.message_id == BODY_OWNER))
        .where(message.c.seq > after)
        .order_by(message.c.seq)
        .limit(limit)
    )
    rows = connection.execute(question).all()
    if not rows:
        return []
    identifiers = [row.id for row in rows]
    answers = sa.select(message.c.request_id).where(
        message.c.id.between(min(identifiers), max(identifiers) + WINDOW_OF_A_CALL),
        message.c.dossier_code.is_not(None),
        message.c.request_id.is_not(None),
    )
    answered = set(connection.execute(answers).scalars())
    return [
        LogLine(
            seq=row.seq,
            id=row.id,
            at=row.at,
            channel=row.channel,
            operation=row.operation,
            kind=row.kind,
            about=row.dossier_code is not None or row.id in answered,
            held=row.body is not None,
        )
        for row in rows
    ]


def drop_contents(transaction: Transaction, entries: Sequence[int]) -> int:
    """Keep the contents of these entries no longer; how many there were."""
    listed = {"entries": transaction.array(entries)}
    dropped = transaction.run(_DROP, listed)
    transaction.run(_BLANK, listed)
    return dropped
