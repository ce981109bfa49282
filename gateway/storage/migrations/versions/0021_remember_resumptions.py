"""Retry runs: when somebody last let one go on, so that what came back before does not stop it again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("retry_run", sa.Column("resumed_at", sa.BigInteger(), nullable=True))
