"""Tables of the proof of the message log: its Merkle tree, its checkpoints and who has signed them.

Invariant: rows of ``log_tile`` and ``checkpoint`` are only ever added; all that a checkpoint gets later is the word of
others about it (a time stamp, cosignatures).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, text

from gateway.storage.schema import metadata

# full tiles of the tree (C2SP tlog-tiles, height 8): 256 hashes of a level; the right edge follows from message.leaf
log_tile = Table(
    "log_tile",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    CheckConstraint("length(hashes) = 8192", name="full"),
)

# the keys that sign checkpoints, in the order of their use; only the public halves are here
log_key = Table(
    "log_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("handover", Text),  # the note in which the key before it names it; null for the first
    CheckConstraint("(number = 1) = (handover IS NULL)", name="handover"),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),  # signed by the log alone
    Column("digest", LargeBinary, nullable=False),
    Column("key", Integer, nullable=False),
    Column("token", LargeBinary),
    Column("anchored_at", BigInteger),
    CheckConstraint("(token IS NULL) = (anchored_at IS NULL)", name="anchored"),
)
Index("ix_checkpoint_size", checkpoint.c.size, checkpoint.c.number)
Index(
    "ix_checkpoint_anchored",
    checkpoint.c.number,
    sqlite_where=text("anchored_at IS NOT NULL"),
    postgresql_where=text("anchored_at IS NOT NULL"),
)

cosignature = Table(
    "cosignature",
    metadata,
    Column("checkpoint", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
)

# one row: since when no evidence can be produced, as far as whoever makes checkpoints knows; null: it can
evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("failing_since", BigInteger),
    Column("reason", Text),
    CheckConstraint("id = 1", name="one"),
    CheckConstraint("(failing_since IS NULL) = (reason IS NULL)", name="reason"),
)
