"""When partners' reports say that something happened, and those that may have their effect later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("progress_report", sa.Column("happened_at", sa.BigInteger(), nullable=True))
    op.add_column("progress_report", sa.Column("status", sa.Text(), nullable=True))
    op.add_column("progress_report", sa.Column("parked", sa.LargeBinary(), nullable=True))
