"""Status synchronisation: claims, standings, due changes, lag, job runs, drift."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "anomaly",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("first_value", sa.Text(), nullable=True),
        sa.Column("later_value", sa.Text(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_anomaly")),
        sa.UniqueConstraint("dossier_code", "key", name=op.f("uq_anomaly_dossier_code_key")),
    )
    with op.batch_alter_table("anomaly", schema=None) as batch_op:
        batch_op.create_index("ix_anomaly_kind", ["kind", "id"], unique=False)

    op.create_table(
        "crossing",
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('near_due', 'due_today', 'overdue', 'at_risk', 'reception_late')",
            name=op.f("ck_crossing_kind"),
        ),
        sa.PrimaryKeyConstraint("dossier_code", "kind", "due_at", name=op.f("pk_crossing")),
    )
    op.create_table(
        "dossier_version",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("assessed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier_version")),
        sa.UniqueConstraint("dossier_code", "version", name=op.f("uq_dossier_version_dossier_code_version")),
    )
    with op.batch_alter_table("dossier_version", schema=None) as batch_op:
        batch_op.create_index(
            "ix_dossier_version_unassessed",
            ["id"],
            unique=False,
            sqlite_where=sa.text("NOT assessed"),
            postgresql_where=sa.text("NOT assessed"),
        )

    op.create_table(
        "drift",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ours", sa.Text(), nullable=True),
        sa.Column("theirs", sa.Text(), nullable=True),
        sa.Column("repair", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.Column("applied_by", sa.Text(), nullable=True),
        sa.Column("applied_reason", sa.Text(), nullable=True),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'repairing', 'gone', 'tolerated')", name=op.f("ck_drift_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift")),
    )
    with op.batch_alter_table("drift", schema=None) as batch_op:
        batch_op.create_index("ix_drift_dossier_code", ["dossier_code"], unique=False)
        batch_op.create_index(
            "ix_drift_open",
            ["destination", "state", "id"],
            unique=False,
            sqlite_where=sa.text("state <> 'gone'"),
            postgresql_where=sa.text("state <> 'gone'"),
        )
        batch_op.create_index(
            "uq_drift_open",
            ["destination", "dossier_code", "kind", "field"],
            unique=True,
            sqlite_where=sa.text("state <> 'gone'"),
            postgresql_where=sa.text("state <> 'gone'"),
        )

    op.create_table(
        "due_change",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("old_due_at", sa.BigInteger(), nullable=True),
        sa.Column("new_due_at", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=True),
        sa.Column("signer", sa.Text(), nullable=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.Column("flags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "cause IN ('first', 'supplement', 'payment', 'reappointment', 'calendar', 'correction', 'none')",
            name=op.f("ck_due_change_cause"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_due_change")),
        sa.UniqueConstraint("dossier_code", "key", name=op.f("uq_due_change_dossier_code_key")),
    )
    op.create_table(
        "job_run",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("parameters", sa.Text(), server_default="{}", nullable=False),
        sa.Column("worker", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("watermark", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), server_default="{}", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("stop_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (ended_at IS NULL)", name=op.f("ck_job_run_ended")),
        sa.CheckConstraint(
            "state IN ('running', 'done', 'failed', 'interrupted')", name=op.f("ck_job_run_state")
        ),
        sa.CheckConstraint(
            "\"trigger\" IN ('schedule', 'operator', 'missed')", name=op.f("ck_job_run_trigger")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_run")),
    )
    with op.batch_alter_table("job_run", schema=None) as batch_op:
        batch_op.create_index("ix_job_run_job", ["job", "id"], unique=False)
        batch_op.create_index(
            "uq_job_run_running",
            ["job"],
            unique=True,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )

    op.create_table(
        "standing",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("effective_from", sa.BigInteger(), nullable=False),
        sa.Column("effective_to", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("agency_code", sa.Text(), nullable=False),
        sa.Column("field_code", sa.Text(), nullable=True),
        sa.Column("procedure_code", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("officer", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=True),
        sa.Column("received_day", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("due_day", sa.Integer(), nullable=True),
        sa.Column("due_original_at", sa.BigInteger(), nullable=True),
        sa.Column("due_declared_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_day", sa.Integer(), nullable=True),
        sa.Column("waiting_since", sa.BigInteger(), nullable=True),
        sa.Column("by_date", sa.Text(), nullable=False),
        sa.Column("by_instant", sa.Text(), nullable=False),
        sa.Column("original_by_date", sa.Text(), nullable=False),
        sa.Column("original_by_instant", sa.Text(), nullable=False),
        sa.Column("late_calendar_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("late_working_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("late_working_minutes", sa.Integer(), server_default="0", nullable=False),
        sa.Column("flags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("calendar_version", sa.Text(), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("effective_from < effective_to", name=op.f("ck_standing_period")),
        sa.CheckConstraint("status BETWEEN 1 AND 10", name=op.f("ck_standing_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing")),
    )
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.create_index(
            "ix_standing_data_error",
            ["effective_to"],
            unique=False,
            sqlite_where=sa.text("by_date = 'DATA_ERROR'"),
            postgresql_where=sa.text("by_date = 'DATA_ERROR'"),
        )
        batch_op.create_index("ix_standing_dossier_code", ["dossier_code", "effective_from"], unique=False)
        batch_op.create_index(
            "ix_standing_due_at",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("effective_to = 4611686018427387904 AND status IN (2, 4)"),
            postgresql_where=sa.text("effective_to = 4611686018427387904 AND status IN (2, 4)"),
        )
        batch_op.create_index(
            "ix_standing_ended",
            [
                "ended_day",
                "effective_to",
                "effective_from",
                "status",
                "channel",
                "received_day",
                "due_day",
                "agency_code",
                "field_code",
                "procedure_code",
            ],
            unique=False,
            sqlite_where=sa.text("status IN (7, 9, 10)"),
            postgresql_where=sa.text("status IN (7, 9, 10)"),
        )
        batch_op.create_index(
            "ix_standing_look_at",
            ["look_at"],
            unique=False,
            sqlite_where=sa.text("effective_to = 4611686018427387904 AND look_at IS NOT NULL"),
            postgresql_where=sa.text("effective_to = 4611686018427387904 AND look_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_standing_running",
            ["effective_to", "effective_from"],
            unique=False,
            sqlite_where=sa.text("status NOT IN (7, 9, 10)"),
            postgresql_where=sa.text("status NOT IN (7, 9, 10)"),
        )
        batch_op.create_index(
            "uq_standing_now",
            ["dossier_code"],
            unique=True,
            sqlite_where=sa.text("effective_to = 4611686018427387904"),
            postgresql_where=sa.text("effective_to = 4611686018427387904"),
        )

    op.create_table(
        "sync_lag",
        sa.Column(
            "delivery_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("event_at", sa.BigInteger(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("by_date", sa.Text(), nullable=True),
        sa.Column("by_instant", sa.Text(), nullable=True),
        sa.Column("late_cause", sa.Text(), nullable=True),
        sa.Column("late_cause_by_instant", sa.Text(), nullable=True),
        sa.Column("late", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "by_date = 'in_time' OR by_date = 'late' OR by_date = 'sync_late'",
            name=op.f("ck_sync_lag_by_date"),
        ),
        sa.CheckConstraint(
            "by_instant = 'in_time' OR by_instant = 'late' OR by_instant = 'sync_late'",
            name=op.f("ck_sync_lag_by_instant"),
        ),
        sa.CheckConstraint(
            "(COALESCE(by_date, '') = 'sync_late') = (late_cause IS NOT NULL)",
            name=op.f("ck_sync_lag_caused"),
        ),
        sa.CheckConstraint(
            "late_cause = 'gateway' OR late_cause = 'source' OR late_cause = 'partner'",
            name=op.f("ck_sync_lag_late_cause"),
        ),
        sa.CheckConstraint(
            "late_cause_by_instant = 'gateway' OR late_cause_by_instant = 'source' OR late_cause_by_instant = 'partner'",
            name=op.f("ck_sync_lag_late_cause_by_instant"),
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_sync_lag")),
    )
    with op.batch_alter_table("sync_lag", schema=None) as batch_op:
        batch_op.create_index("ix_sync_lag_day", ["destination", "day"], unique=False)
        batch_op.create_index("ix_sync_lag_dossier_code", ["dossier_code"], unique=False)
        batch_op.create_index(
            "ix_sync_lag_late",
            ["destination", "day"],
            unique=False,
            sqlite_where=sa.text("late"),
            postgresql_where=sa.text("late"),
        )

    op.create_table(
        "sync_lag_day",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("p50", sa.BigInteger(), nullable=False),
        sa.Column("p90", sa.BigInteger(), nullable=False),
        sa.Column("p99", sa.BigInteger(), nullable=False),
        sa.Column("longest", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "destination", "part", name=op.f("pk_sync_lag_day")),
    )

    op.create_table(
        "outage",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("destination", "began_at", name=op.f("pk_outage")),
    )
    with op.batch_alter_table("outage", schema=None) as batch_op:
        batch_op.create_index(
            "uq_outage_open",
            ["destination"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "follower",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_follower")),
    )

    with op.batch_alter_table("lane", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lane_urgent",
            ["dossier_code"],
            unique=False,
            sqlite_where=sa.text("promise_at < 0"),
            postgresql_where=sa.text("promise_at < 0"),
        )

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("event_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("retried_at", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("destination", schema=None) as batch_op:
        batch_op.add_column(sa.Column("probe_owner", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("webhook", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_secret", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("former_until", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cron", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("time_zone", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("missed", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("enabled", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("changed_by", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("schedule", sa.Text(), nullable=True))
