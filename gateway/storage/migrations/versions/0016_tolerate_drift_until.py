"""Drift: until when a difference is tolerated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("drift", sa.Column("tolerated_until", sa.BigInteger(), nullable=True))
