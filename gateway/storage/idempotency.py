"""Answers kept for idempotency keys, for requests that are no versions of dossiers (those keep theirs at intake).

The operation itself must be safe to repeat: the answer is kept behind it, so a crash in between runs it once more.
Invariant: a key stands for one request of one client for a week; used for another one it is a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.domain.errors import ConflictError
from gateway.storage.schema import idempotency
from gateway.storage.sql import insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The first answer to a request: its ``body`` as it was sent. ``digest``: SHA-256 of the request."""

    client: str
    key: str
    digest: bytes
    status: int
    body: bytes
    at: int


_KEEP = insert(
    "idempotency",
    ("client", "key", "digest", "status", "answer", "at"),
    suffix="ON CONFLICT (client, key) DO NOTHING",
)


def kept_answer(connection: sa.Connection, client: str, key: str, digest: bytes) -> KeptAnswer | None:
    """The answer that ``key`` got before; ConflictError when that was another request."""
    columns = idempotency.c
    row = connection.execute(
        sa.select(idempotency).where(columns.client == client, columns.key == key)
    ).one_or_none()
    if row is None:
        return None
    if bytes(row.digest) != digest:
        raise ConflictError(
            f"Idempotency-Key {key!r} was used for a different request; use a new key for a new request"
        )
    return KeptAnswer(
        client=client, key=key, digest=digest, status=row.status, body=bytes(row.answer), at=row.at
    )


def keep_answer(transaction: Transaction, answer: KeptAnswer) -> None:
    """Keep the first answer to a request."""
    transaction.run(
        _KEEP,
        {
            "client": answer.client,
            "key": answer.key,
            "digest": answer.digest,
            "status": answer.status,
            "answer": answer.body,
            "at": answer.at,
        },
    )
