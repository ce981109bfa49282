"""Reading the message log in its sequence, header and body as they are stored.

Invariant: nothing is judged here, so that whatever is wrong with an entry reaches whoever checks it.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import message, message_body


class SealedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed entry. ``at`` in microseconds; ``encoding`` and ``body`` None: there is no stored body."""

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
    encoding: str | None
    body: bytes | None


_BODY = {"encoding", "body"}
# the bytes of a call that carried several dossiers are stored once, with the entry that the others' name
BODY_OWNER = sa.case(
    (sa.and_(message.c.kind == "request", message.c.request_id.is_not(None)), message.c.request_id),
    else_=message.c.id,
)


def in_sequence(connection: sa.Connection, first: int, limit: int) -> list[SealedRow]:
    """Up to ``limit`` entries from sequence number ``first`` on, in order."""
    names = SealedRow.__struct_fields__
    columns = [message_body.c[name] if name in _BODY else message.c[name] for name in names]
    question = (
        sa.select(*columns)
        .outerjoin_from(message, message_body, message_body.c.message_id == BODY_OWNER)
        .where(message.c.seq.is_not(None), message.c.seq >= first)
        .order_by(message.c.seq)
        .limit(limit)
    )
    return [SealedRow(**row) for row in connection.execute(question).mappings()]


def last_sequence(connection: sa.Connection) -> int:
    """The highest sequence number; 0 for an empty log."""
    question = sa.select(sa.func.max(message.c.seq)).where(message.c.seq.is_not(None))
    return int(connection.execute(question).scalar() or 0)
