"""Reading the message log in its sequence, header and body as they are stored.

Invariant: nothing is judged here, so that whatever is wrong with an entry reaches whoever checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import content_key, message, message_body


class StoredBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an entry's content. ``owner``: the entry that it was written with; ``encoding`` and ``body`` None:
    nothing is. ``key``, ``wrapped``, ``master``: the key that encrypted it, as it is kept; ``wrapped`` None: destroyed."""

    owner: int
    encoding: str | None = None
    body: bytes | None = None
    key: int | None = None
    wrapped: bytes | None = None
    master: str | None = None


class SealedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed entry. ``at`` in microseconds."""

    seq: int
    id: int
    at: int
    direction: str
    kind: str
    channel: str
    operation: str
    dossier_code: str | None
    attempt_id: int | None
    request_id: int | None
    method: str | None
    url: str | None
    status: int | None
    headers: str
    body_digest: bytes
    body_size: int
    outcome: str | None
    code: str | None
    leaf: bytes
    form: int
    stored: StoredBody


# the bytes of a call that carried several dossiers are stored once, with the entry that the others' name
BODY_OWNER = sa.case(
    (sa.and_(message.c.kind == "request", message.c.request_id.is_not(None)), message.c.request_id),
    else_=message.c.id,
)

STORED_BODY = (
    BODY_OWNER.label("owner"),
    message_body.c.encoding,
    message_body.c.body,
    message_body.c.key_id,
    content_key.c.wrapped,
    content_key.c.master,
)
"""What ``stored_body`` reads, for a question over ``with_body``."""
_HEADER = tuple(name for name in SealedRow.__struct_fields__ if name != "stored")
_COLUMNS = tuple(message.c[name] for name in _HEADER)


def with_body(entries: sa.FromClause) -> sa.FromClause:
    """``entries`` with the contents that are kept of them, and their keys."""
    return entries.outerjoin(message_body, message_body.c.message_id == BODY_OWNER).outerjoin(
        content_key, content_key.c.id == message_body.c.key_id
    )


def stored_body(row: Sequence[Any]) -> StoredBody:
    """The content in a row that has the columns of ``STORED_BODY``."""
    owner, encoding, body, key, wrapped, master = row[-len(STORED_BODY) :]
    return StoredBody(
        owner=owner, encoding=encoding, body=_bytes(body), key=key, wrapped=_bytes(wrapped), master=master
    )


def _bytes(value: bytes | memoryview | None) -> bytes | None:
    return None if value is None else bytes(value)


def in_sequence(connection: sa.Connection, first: int, limit: int) -> list[SealedRow]:
    """Up to ``limit`` entries from sequence number ``first`` on, in order."""
    question = (
        sa.select(*_COLUMNS, *STORED_BODY)
        .select_from(with_body(message))
        .where(message.c.seq.is_not(None), message.c.seq >= first)
        .order_by(message.c.seq)
        .limit(limit)
    )
    return [_sealed(tuple(row)) for row in connection.execute(question)]


def those(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[SealedRow]:
    """The entries for which ``which`` holds, in order; ``seq`` 0: not sealed yet."""
    question = (
        sa.select(*_COLUMNS, *STORED_BODY)
        .select_from(with_body(message))
        .where(which)
        .order_by(message.c.seq.nulls_last(), message.c.id)
    )
    return [_sealed(tuple(row)) for row in connection.execute(question)]


def _sealed(row: Sequence[Any]) -> SealedRow:
    header = dict(zip(_HEADER, row, strict=False))
    header["seq"] = header["seq"] or 0
    return SealedRow(**header, stored=stored_body(row))


def last_sequence(connection: sa.Connection) -> int:
    """The highest sequence number; 0 for an empty log."""
    question = sa.select(sa.func.max(message.c.seq)).where(message.c.seq.is_not(None))
    return int(connection.execute(question).scalar() or 0)
