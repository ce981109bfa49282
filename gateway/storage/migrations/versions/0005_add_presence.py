"""Status synchronisation: when our own workers were there, and what happened before the gateway first ran."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CAUSED = ("late_cause", "late_cause_by_instant")


def upgrade() -> None:
    with op.batch_alter_table("anomaly", schema=None) as batch_op:
        batch_op.create_index("ix_anomaly_recorded_at", ["recorded_at"], unique=False)
    op.create_table(
        "presence",
        sa.Column("worker", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("worker", "began_at", name=op.f("pk_presence")),
    )
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.create_index("ix_presence_seen_at", ["seen_at"], unique=False)
    with op.batch_alter_table("sync_lag", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("before_start", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
        for column in _CAUSED:
            batch_op.drop_constraint(op.f(f"ck_sync_lag_{column}"), type_="check")
            batch_op.create_check_constraint(
                op.f(f"ck_sync_lag_{column}"),
                f"{column} = 'gateway' OR {column} = 'source' OR {column} = 'partner' "
                f"OR {column} = 'before_start'",
            )
    # SQLite asks the newest index first, and a table that was made anew has its indexes in another order
    op.drop_index("ix_sync_lag_late", table_name="sync_lag")
    op.create_index(
        "ix_sync_lag_late",
        "sync_lag",
        ["destination", "day"],
        unique=False,
        sqlite_where=sa.text("late"),
        postgresql_where=sa.text("late"),
    )
