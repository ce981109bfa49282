"""Payments: decisions of two people, receipts by their digest, refunds with their answer, payments that end a wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_clock",
        sa.Column("settlement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("paid_at", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("assessed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("paid_at <= heard_at", name=op.f("ck_payment_clock_heard")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_request.id"], name=op.f("fk_payment_clock_request_id")
        ),
        sa.ForeignKeyConstraint(
            ["settlement_id"], ["settlement.id"], name=op.f("fk_payment_clock_settlement_id")
        ),
        sa.PrimaryKeyConstraint("settlement_id", name=op.f("pk_payment_clock")),
    )
    with op.batch_alter_table("payment_clock", schema=None) as batch_op:
        batch_op.create_index("ix_payment_clock_dossier_code", ["dossier_code"], unique=False)
        batch_op.create_index(
            "ix_payment_clock_unassessed",
            ["settlement_id"],
            unique=False,
            sqlite_where=sa.text("NOT assessed"),
            postgresql_where=sa.text("NOT assessed"),
        )

    op.create_table(
        "payment_decision",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("orphan_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transaction_no", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_payment_decision_amount")),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> requested_by", name=op.f("ck_payment_decision_four_eyes")
        ),
        sa.CheckConstraint(
            "(state = 'requested') = (decided_by IS NULL)", name=op.f("ck_payment_decision_decided")
        ),
        sa.CheckConstraint(
            "kind IN ('settle', 'accept', 'reject', 'adopt', 'excess')",
            name=op.f("ck_payment_decision_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'declined')", name=op.f("ck_payment_decision_state")
        ),
        sa.CheckConstraint(
            "(kind = 'adopt') = (orphan_id IS NOT NULL)", name=op.f("ck_payment_decision_orphan")
        ),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["payment_attempt.id"], name=op.f("fk_payment_decision_attempt_id")
        ),
        sa.ForeignKeyConstraint(
            ["orphan_id"], ["payment_orphan.id"], name=op.f("fk_payment_decision_orphan_id")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"], ["payment_request.id"], name=op.f("fk_payment_decision_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_decision")),
    )
    with op.batch_alter_table("payment_decision", schema=None) as batch_op:
        batch_op.create_index("ix_payment_decision_request_id", ["request_id"], unique=False)
        batch_op.create_index(
            "uq_payment_decision_attempt",
            ["attempt_id"],
            unique=True,
            sqlite_where=sa.text("state = 'requested'"),
            postgresql_where=sa.text("state = 'requested'"),
        )
        batch_op.create_index(
            "uq_payment_decision_orphan",
            ["orphan_id"],
            unique=True,
            sqlite_where=sa.text("state <> 'declined' AND orphan_id IS NOT NULL"),
            postgresql_where=sa.text("state <> 'declined' AND orphan_id IS NOT NULL"),
        )

    op.create_table(
        "receipt_file",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_receipt_file")),
    )
    with op.batch_alter_table("payment_attempt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("absent_since", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_payment_attempt_standing",
            ["destination", "state", "created_at"],
            unique=False,
            sqlite_where=sa.text("state NOT IN ('expired', 'failed', 'paid')"),
            postgresql_where=sa.text("state NOT IN ('expired', 'failed', 'paid')"),
        )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("since", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.add_column(sa.Column("decided_reason", sa.Text(), nullable=True))
        batch_op.create_index(
            "uq_refund_document",
            ["attempt_id", "document"],
            unique=True,
            sqlite_where=sa.text("declined_at IS NULL"),
            postgresql_where=sa.text("declined_at IS NULL"),
        )

    # reconciliation: amounts beside the class, and the settlement files that operators hand in
    with op.batch_alter_table("reconciliation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dossier_code", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("ours_amount", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("theirs_amount", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("transaction_no", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("code", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("asked", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("applied", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index(
            "ix_reconciliation_open",
            ["destination", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.create_index("ix_reconciliation_reference", ["destination", "reference"], unique=False)
    op.create_table(
        "settlement_file",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lines", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unread", sa.Integer(), server_default="0", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("complete", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement_file")),
        sa.UniqueConstraint(
            "destination", "day", "digest", name=op.f("uq_settlement_file_destination_day_digest")
        ),
    )
    op.create_table(
        "settlement_line",
        sa.Column("file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("transaction_no", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("bank", sa.Text(), nullable=False),
        sa.Column("paid_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "amount > 0 AND amount <= 999999999999999", name=op.f("ck_settlement_line_amount")
        ),
        sa.CheckConstraint(
            "claim IN ('paid', 'failed', 'pending', 'refunded')", name=op.f("ck_settlement_line_claim")
        ),
        sa.ForeignKeyConstraint(["file_id"], ["settlement_file.id"], name=op.f("fk_settlement_line_file_id")),
        sa.PrimaryKeyConstraint("file_id", "line", name=op.f("pk_settlement_line")),
    )
    with op.batch_alter_table("settlement_line", schema=None) as batch_op:
        batch_op.create_index("ix_settlement_line_day", ["destination", "day"], unique=False)
        batch_op.create_index("ix_settlement_line_reference", ["destination", "reference"], unique=False)
    _index_what_is_looked_for()


def _index_what_is_looked_for() -> None:
    """Lists of payments, and what waits for a person, each by an index of its own."""
    with op.batch_alter_table("payment_request", schema=None) as batch_op:
        batch_op.create_index("ix_payment_request_state", ["state", "created_at", "id"], unique=False)
    with op.batch_alter_table("payment_attempt", schema=None) as batch_op:
        batch_op.create_index("ix_payment_attempt_state", ["state", "request_id"], unique=False)
        batch_op.create_index("ix_payment_attempt_reference", ["reference"], unique=False)
        batch_op.create_index(
            "ix_payment_attempt_transaction_no",
            ["transaction_no"],
            unique=False,
            sqlite_where=sa.text("transaction_no IS NOT NULL"),
            postgresql_where=sa.text("transaction_no IS NOT NULL"),
        )
    with op.batch_alter_table("payment_orphan", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payment_orphan_open",
            ["id"],
            unique=False,
            sqlite_where=sa.text("matched_at IS NULL"),
            postgresql_where=sa.text("matched_at IS NULL"),
        )
    with op.batch_alter_table("receipt", schema=None) as batch_op:
        batch_op.create_index(
            "ix_receipt_given_up",
            ["attempt_id"],
            unique=False,
            sqlite_where=sa.text("state = 'given_up'"),
            postgresql_where=sa.text("state = 'given_up'"),
        )
    with op.batch_alter_table("refund", schema=None) as batch_op:
        batch_op.create_index(
            "ix_refund_waiting",
            ["id"],
            unique=False,
            sqlite_where=sa.text("approved_by IS NULL AND declined_by IS NULL"),
            postgresql_where=sa.text("approved_by IS NULL AND declined_by IS NULL"),
        )
    with op.batch_alter_table("payment_decision", schema=None) as batch_op:
        batch_op.create_index(
            "ix_payment_decision_waiting",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'requested'"),
            postgresql_where=sa.text("state = 'requested'"),
        )

    with op.batch_alter_table("reconciliation", schema=None) as batch_op:
        batch_op.create_index("ix_reconciliation_day", ["day"], unique=False)
