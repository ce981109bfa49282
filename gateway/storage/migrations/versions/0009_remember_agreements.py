"""Drift: what a verdict "in step" followed from, so that it need not be reached again as long as nothing changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift_agreement",
        sa.Column(
            "lane_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("ours", sa.LargeBinary(), nullable=False),
        sa.Column("theirs", sa.LargeBinary(), nullable=False),
        sa.Column("compared_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lane_id", name=op.f("pk_drift_agreement")),
    )
