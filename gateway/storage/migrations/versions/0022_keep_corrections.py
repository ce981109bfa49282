"""What deliveries said before a person corrected them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("edited_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "delivery_edit",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before_digest", sa.Text(), nullable=False),
        sa.Column("after_digest", sa.Text(), nullable=False),
        sa.Column("pointers", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("after", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("state IN ('proposed', 'applied')", name=op.f("ck_delivery_edit_state")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_edit_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_edit")),
    )
    op.create_index("ix_delivery_edit_delivery_id", "delivery_edit", ["delivery_id", "id"], unique=False)
    op.create_index("ix_delivery_edit_dossier_code", "delivery_edit", ["dossier_code"], unique=False)
