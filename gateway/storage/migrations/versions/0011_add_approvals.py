"""What waits for a second person, and which log entry an operator's action is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_LIVE = sa.text("state IN ('requested', 'approved')")


def upgrade() -> None:
    op.add_column("operator_action", sa.Column("message_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("carried_out_by", sa.Text(), nullable=True),
        sa.Column("carried_out_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'declined', 'expired', 'carried_out')",
            name=op.f("ck_approval_state"),
        ),
        sa.CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("ck_approval_decided")),
        sa.CheckConstraint(
            "state NOT IN ('approved', 'declined', 'carried_out') OR decided_by IS NOT NULL",
            name=op.f("ck_approval_four_eyes"),
        ),
        sa.CheckConstraint(
            "(state = 'carried_out') = (carried_out_at IS NOT NULL)", name=op.f("ck_approval_carried_out")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(
        "uq_approval_live",
        "approval",
        ["digest"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    op.create_index(
        "ix_approval_live", "approval", ["id"], unique=False, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
