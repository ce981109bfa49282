"""Evidence: the tiles of the log's Merkle tree, its checkpoints, its keys, and what witnesses say of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(hashes) = 8192", name=op.f("ck_log_tile_full")),
        sa.PrimaryKeyConstraint("level", "idx", name=op.f("pk_log_tile")),
    )
    op.create_table(
        "log_key",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("handover", sa.Text(), nullable=True),
        sa.CheckConstraint("(number = 1) = (handover IS NULL)", name=op.f("ck_log_key_handover")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_log_key")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=True),
        sa.Column("anchored_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(token IS NULL) = (anchored_at IS NULL)", name=op.f("ck_checkpoint_anchored")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_checkpoint")),
    )
    op.create_index("ix_checkpoint_size", "checkpoint", ["size", "number"], unique=False)
    op.create_index(
        "ix_checkpoint_anchored",
        "checkpoint",
        ["number"],
        unique=False,
        sqlite_where=sa.text("anchored_at IS NOT NULL"),
        postgresql_where=sa.text("anchored_at IS NOT NULL"),
    )
    op.create_table(
        "cosignature",
        sa.Column("checkpoint", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("checkpoint", "witness", name=op.f("pk_cosignature")),
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_evidence_one")),
        sa.CheckConstraint("(failing_since IS NULL) = (reason IS NULL)", name=op.f("ck_evidence_reason")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
