"""Table of where dossier versions came in on a trace, so that what follows from them can go on with it.

Invariant: rows are written only while traces are recorded; without them nothing is missing but lines in a trace.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from gateway.storage.schema import metadata

journey = Table(
    "journey",
    metadata,
    Column("dossier_code", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),  # when the version was accepted: created_at of its deliveries
    Column("traceparent", Text, nullable=False),
    Column("correlation", Text, nullable=False),
)
Index("ix_journey_at", journey.c.at)
