"""How the message log stands as a whole, in a few figures: its newest entry, what is in archives, what was erased.

Invariant: every figure comes of an index or of a table with a few rows; no figure counts the log.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.storage.checkpoints import newest_anchor_at
from gateway.storage.instants import maybe_from_micros
from gateway.storage.schema import content_key, message
from gateway.storage.schema_archive import archive


class LogExtent(msgspec.Struct, frozen=True, kw_only=True):
    """``entries``: the newest entry's number, sealed or archived; ``archived_to``, ``pruned_to``: numbers up to which
    entries are in archives, and no longer in the database; ``unverified``: archives that were not read back yet;
    ``erased``: keys that were destroyed with a dossier's content; ``stamped_at``: the newest time stamp."""

    entries: int
    archives: int
    archived_to: int
    pruned_to: int
    unverified: int
    erased: int
    stamped_at: datetime | None


def log_extent(connection: sa.Connection) -> LogExtent:
    """How far the log reaches."""
    columns = archive.c
    newest = sa.select(sa.func.max(message.c.seq)).where(message.c.seq.is_not(None))
    kept = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.max(columns.last_seq), 0),
        sa.func.coalesce(sa.func.max(columns.pruned_to), 0),
        sa.func.count().filter(columns.verified_at.is_(None)),
    )
    gone = sa.select(sa.func.count()).where(content_key.c.destroyed_at.is_not(None))
    archives, archived_to, pruned_to, unverified = connection.execute(kept).one()
    return LogExtent(
        entries=max(int(connection.execute(newest).scalar() or 0), archived_to),
        archives=archives,
        archived_to=archived_to,
        pruned_to=pruned_to,
        unverified=unverified,
        erased=int(connection.execute(gone).scalar_one()),
        stamped_at=maybe_from_micros(newest_anchor_at(connection)),
    )
