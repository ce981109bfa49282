"""Partners that must be asked what became of a dossier, and files that are kept by their SHA-256."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "file",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("origin = 'fetched' OR origin = 'reported'", name=op.f("ck_file_origin")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_file")),
    )
    _create_progress()
    op.create_table(
        "progress_report",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("handling", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "dossier_code", "key", name=op.f("pk_progress_report")),
    )
    op.create_table(
        "progress_feed",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_progress_feed")),
    )


def _create_progress() -> None:
    op.create_table(
        "progress",
        sa.Column("lane_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("pause", sa.BigInteger(), nullable=False),
        sa.Column("questions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=True),
        sa.Column("promised_at", sa.BigInteger(), nullable=True),
        sa.Column("alarmed_for", sa.BigInteger(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("learned", sa.Text(), server_default="{}", nullable=False),
        sa.Column("unmerged", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("lane_id", name=op.f("pk_progress")),
    )
    for name, columns, where in (
        ("ix_progress_due", ["destination", "next_at"], "next_at IS NOT NULL"),
        ("ix_progress_unmerged", ["lane_id"], "unmerged"),
    ):
        clause = sa.text(where)
        op.create_index(name, "progress", columns, unique=False, sqlite_where=clause, postgresql_where=clause)
