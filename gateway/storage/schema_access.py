"""The table of what waits for a second person.

Invariant: of the same thing at most one row is live (asked for, or approved and not carried out yet); what was asked for
is never changed, so that what is carried out is what was approved.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, Text, text

from gateway.storage.schema import metadata

LIVE = "state IN ('requested', 'approved')"

approval = Table(
    "approval",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("decided_by", Text),
    Column("decided_reason", Text),
    Column("decided_at", BigInteger),
    Column("carried_out_by", Text),
    Column("carried_out_at", BigInteger),
    CheckConstraint("state IN ('requested', 'approved', 'declined', 'expired', 'carried_out')", name="state"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided"),
    CheckConstraint(
        "state NOT IN ('approved', 'declined', 'carried_out') OR decided_by IS NOT NULL", name="four_eyes"
    ),
    CheckConstraint("(state = 'carried_out') = (carried_out_at IS NOT NULL)", name="carried_out"),
)
Index(
    "uq_approval_live", approval.c.digest, unique=True, sqlite_where=text(LIVE), postgresql_where=text(LIVE)
)
Index("ix_approval_live", approval.c.id, sqlite_where=text(LIVE), postgresql_where=text(LIVE))
