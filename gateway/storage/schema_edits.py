"""Table of corrections: what a delivery said before a person corrected it, and what it says since.

Invariant: a row is as much the dossier's content as the delivery's payload is, and is erased with it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text

from gateway.storage.schema import metadata

delivery_edit = Table(
    "delivery_edit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("delivery_id", BigInteger, ForeignKey("delivery.id"), nullable=False),
    Column("dossier_code", Text, nullable=False),
    Column("state", Text, nullable=False),  # proposed: it waits for a second person, until expires_at
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("before_digest", Text, nullable=False),
    Column("after_digest", Text, nullable=False),
    Column("pointers", Text, nullable=False),
    Column("before", LargeBinary, nullable=False),
    Column("after", LargeBinary, nullable=False),
    Column("expires_at", BigInteger),
    CheckConstraint("state IN ('proposed', 'applied', 'declined', 'expired')", name="state"),
)
Index("ix_delivery_edit_delivery_id", delivery_edit.c.delivery_id, delivery_edit.c.id)
Index("ix_delivery_edit_dossier_code", delivery_edit.c.dossier_code)
