"""Contents of the message log: encrypted under a key per dossier, and committed to with salts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("form", sa.Integer(), server_default="1", nullable=False))
    op.add_column("message_body", sa.Column("key_id", sa.BigInteger(), nullable=True))
    op.create_table(
        "content_key",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("master", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("destroyed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name=op.f("ck_content_key_destroyed")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_key")),
    )
    with op.batch_alter_table("content_key", schema=None) as batch_op:
        batch_op.create_index("ix_content_key_master", ["master"], unique=False)
        batch_op.create_index(
            "uq_content_key_scope",
            ["scope"],
            unique=True,
            sqlite_where=sa.text("destroyed_at IS NULL"),
            postgresql_where=sa.text("destroyed_at IS NULL"),
        )
