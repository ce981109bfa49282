"""The tables of partners that must be asked, and of files that are kept by their SHA-256.

Instants in microseconds. Invariants: a report on a dossier is in ``progress_report`` once, from the transaction of its
effect; a row of ``file`` never changes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from gateway.storage.schema import metadata

file = Table(
    "file",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("origin = 'fetched' OR origin = 'reported'", name="origin"),
)

progress = Table(
    "progress",
    metadata,
    Column("lane_id", BigInteger, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("next_at", BigInteger),  # null: nothing more will come
    Column("pause", BigInteger, nullable=False),
    Column("questions", Integer, nullable=False, server_default="0"),
    Column("asked_at", BigInteger),
    Column("reported_at", BigInteger),
    Column("promised_at", BigInteger),  # the partner's own promise, where it has made one
    Column("alarmed_for", BigInteger),  # the promise that officials have been warned of
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failure", Text),
    # what answers taught while the lane was at work, so that it has not been told yet
    Column("learned", Text, nullable=False, server_default="{}"),
    Column("unmerged", Boolean, nullable=False, server_default=text("false")),
)
_OPEN = text("next_at IS NOT NULL")
_UNMERGED = text("unmerged")
progress.append_constraint(
    Index("ix_progress_due", "destination", "next_at", sqlite_where=_OPEN, postgresql_where=_OPEN)
)
progress.append_constraint(
    Index("ix_progress_unmerged", "lane_id", sqlite_where=_UNMERGED, postgresql_where=_UNMERGED)
)

progress_report = Table(
    "progress_report",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("dossier_code", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("handling", Text, nullable=False),
    # null: told before reports were put in order, or without a state
    Column("happened_at", BigInteger),
    Column("status", Text),
    # the report itself, while it cannot follow from the dossier's state but may once an earlier one has come
    Column("parked", LargeBinary),
)

progress_feed = Table(
    "progress_feed",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("read_at", BigInteger),
    Column("next_at", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failure", Text),
)
