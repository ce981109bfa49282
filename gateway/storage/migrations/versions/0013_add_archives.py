"""Archives of the message log, and which dossiers share a key with what is in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("checkpoint", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("pruned_to", sa.BigInteger(), nullable=True),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("last_seq >= first_seq AND size >= last_seq", name=op.f("ck_archive_span")),
        sa.CheckConstraint(
            "pruned_to IS NULL OR verified_at IS NOT NULL", name=op.f("ck_archive_verified_first")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_archive")),
    )
    op.create_index("ix_archive_first_seq", "archive", ["first_seq"], unique=False)
    op.create_table(
        "archived_share",
        sa.Column("key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "dossier_code", name=op.f("pk_archived_share")),
    )
    op.create_index("ix_archived_share_dossier_code", "archived_share", ["dossier_code"], unique=False)
    op.create_index(
        "ix_content_key_destroyed",
        "content_key",
        ["scope"],
        unique=False,
        sqlite_where=sa.text("destroyed_at IS NOT NULL"),
        postgresql_where=sa.text("destroyed_at IS NOT NULL"),
    )
