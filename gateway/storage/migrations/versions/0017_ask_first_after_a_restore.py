"""After a restore: which deliveries the partner is asked about before they are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "delivery", sa.Column("ask_first", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
