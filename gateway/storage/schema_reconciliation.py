"""The tables of settlement files that operators hand in: each file once a day and destination, and its lines.

Same conventions as ``gateway.storage.schema``. Invariant: a line is never changed; a file that was read to its end is
``complete``, and only such a file says anything about what it does not have.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from gateway.domain.payment import MOST_VND
from gateway.storage.schema import _Id, metadata

settlement_file = Table(
    "settlement_file",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of its bytes, hex
    Column("name", Text, nullable=False),
    Column("lines", Integer, nullable=False, server_default="0"),
    Column("unread", Integer, nullable=False, server_default="0"),
    Column("amount", BigInteger, nullable=False, server_default="0"),
    Column("complete", Integer, nullable=False, server_default="0"),
    Column("by", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Unique("destination", "day", "digest"),
)

settlement_line = Table(
    "settlement_line",
    metadata,
    Column("file_id", BigInteger, ForeignKey("settlement_file.id"), primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("partner", Text, nullable=False),  # empty where the file does not say it
    Column("reference", Text, nullable=False),
    Column("transaction_no", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("bank", Text, nullable=False),
    Column("paid_at", Text, nullable=False),  # verbatim
    CheckConstraint("claim IN ('paid', 'failed', 'pending', 'refunded')", name="claim"),
    CheckConstraint(f"amount > 0 AND amount <= {MOST_VND}", name="amount"),
)
Index("ix_settlement_line_reference", settlement_line.c.destination, settlement_line.c.reference)
Index("ix_settlement_line_day", settlement_line.c.destination, settlement_line.c.day)
