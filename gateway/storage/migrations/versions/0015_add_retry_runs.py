"""Retry runs, and an index by which failures are counted by cause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TROUBLED = sa.text("state = 'rejected' OR state = 'parked' OR state = 'in_doubt' OR state = 'waiting'")
_OPEN = sa.text("state = 'running' OR state = 'paused'")
_WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.create_index(
        "ix_delivery_troubled",
        "delivery",
        ["destination", "state", "operation", "code", "sent_at", "created_at", "retried_at", "id"],
        unique=False,
        sqlite_where=_TROUBLED,
        postgresql_where=_TROUBLED,
    )
    op.create_table(
        "retry_run",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("changed_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state = 'running' OR state = 'paused' OR state = 'done' OR state = 'stopped'",
            name=op.f("ck_retry_run_state"),
        ),
        sa.CheckConstraint(
            "(state = 'done' OR state = 'stopped') = (ended_at IS NOT NULL)", name=op.f("ck_retry_run_ended")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retry_run")),
    )
    op.create_index(
        "ix_retry_run_open", "retry_run", ["id"], unique=False, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_table(
        "retry_item",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("lane_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.CheckConstraint(
            "state = 'waiting' OR state = 'sent' OR state = 'left' OR state = 'dropped'",
            name=op.f("ck_retry_item_state"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["retry_run.id"], name=op.f("fk_retry_item_run_id")),
        sa.PrimaryKeyConstraint("run_id", "place", name=op.f("pk_retry_item")),
    )
    op.create_index(
        "uq_retry_item_waiting",
        "retry_item",
        ["delivery_id"],
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index(
        "ix_retry_item_next",
        "retry_item",
        ["run_id", "place"],
        unique=False,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    )
    op.create_index("ix_retry_item_delivery_id", "retry_item", ["delivery_id"], unique=False)
