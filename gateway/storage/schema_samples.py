"""Table of what the backlog was: one row a minute and destination, for trends.

Invariant: a row says what was found in the tables in its minute; minutes in which nobody looked have none.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from gateway.storage.schema import metadata

backlog_sample = Table(
    "backlog_sample",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),  # the begin of its minute
    Column("waiting", Integer, nullable=False),  # open deliveries, in whatever state
    Column("in_doubt", Integer, nullable=False),
    Column("failed", Integer, nullable=False),  # rejected or parked
    Column("oldest_at", BigInteger),  # when the oldest open one was planned
)
Index("ix_backlog_sample_at", backlog_sample.c.at)
