"""Files by their SHA-256: kept once, whoever brought them, and never changed.

Invariant: what is read under a digest has that digest, because nothing is written under another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec
import sqlalchemy as sa

from gateway.storage.schema_progress import file
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

Origin = Literal["fetched", "reported"]


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to keep. ``origin``: fetched from where a record says that it is, or reported by a partner."""

    content: bytes
    media_type: str
    origin: Origin
    at: int

    def __repr__(self) -> str:
        return f"KeptFile({len(self.content)} bytes, {self.media_type}, {self.origin})"

    @property
    def sha256(self) -> bytes:
        """Its name."""
        return hashlib.sha256(self.content).digest()


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept."""

    sha256: bytes
    size: int
    media_type: str
    body: bytes


_KEEP = Statement("""
    INSERT INTO file (sha256, size, media_type, origin, at, body)
    VALUES (:digest, :size, :media_type, :origin, :at, :body) ON CONFLICT (sha256) DO NOTHING
""")

# as text: this is asked for every message with attachments, and putting a query together takes longer than its answer
_READ = sa.text("SELECT sha256, body FROM file WHERE sha256 IN :digests").bindparams(
    sa.bindparam("digests", expanding=True, type_=sa.LargeBinary)
)


def keep_files(transaction: Transaction, files: Sequence[KeptFile]) -> list[None]:
    """Keep each; one that is there already stays as it is. In the order of digests, so that two processes that keep the
    same files do not block each other."""
    rows = [
        {
            "digest": each.sha256,
            "size": len(each.content),
            "media_type": each.media_type,
            "origin": each.origin,
            "at": each.at,
            "body": each.content,
        }
        for each in files
    ]
    transaction.many(_KEEP, sorted(rows, key=lambda row: bytes(row["digest"])))  # type: ignore[arg-type]
    return [None] * len(files)


def read_file(connection: sa.Connection, sha256: bytes) -> StoredFile | None:
    """The file with this digest; None when it is not kept here."""
    columns = [file.c[name] for name in StoredFile.__struct_fields__]
    row = connection.execute(sa.select(*columns).where(file.c.sha256 == sha256)).one_or_none()
    if row is None:
        return None
    return StoredFile(
        sha256=bytes(row.sha256), size=int(row.size), media_type=row.media_type, body=bytes(row.body)
    )


def read_files(connection: sa.Connection, digests: Sequence[bytes]) -> dict[str, bytes]:
    """Of ``digests`` those that are kept, as lower-case hex to bytes."""
    rows = connection.execute(_READ, {"digests": list(digests)})
    return {bytes(sha256).hex(): bytes(body) for sha256, body in rows}
