"""Tables of what left the database: archives of the message log, and which dossiers share a key with what is in them.

Invariant: archives are numbered without gaps, each names the one before, and together they begin at the log's first entry.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from gateway.storage.schema import metadata

archive = Table(
    "archive",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the file
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # of the tree whose root covers it
    Column("root", LargeBinary, nullable=False),
    Column("checkpoint", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("verified_at", BigInteger),  # read back from disk, and it proves
    Column("pruned_to", BigInteger),  # its entries up to this one are no longer in the database
    Column("restored_at", BigInteger),  # they were brought back: nothing prunes them by itself
    CheckConstraint("last_seq >= first_seq AND size >= last_seq", name="span"),
    CheckConstraint("pruned_to IS NULL OR verified_at IS NOT NULL", name="verified_first"),
)
Index("ix_archive_first_seq", archive.c.first_seq)

# dossiers whose bytes travelled in one call with those of others, by the key of that call: when its rows are pruned, this
# is how an erasure finds it
archived_share = Table(
    "archived_share",
    metadata,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("dossier_code", Text, primary_key=True),
)
Index("ix_archived_share_dossier_code", archived_share.c.dossier_code)
