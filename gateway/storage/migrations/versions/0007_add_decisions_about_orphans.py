"""Payments: attempts that two people give up, orphans that they give back, decisions found by their attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CHECKS = {
    "kind": "kind IN ('settle', 'accept', 'reject', 'adopt', 'excess', 'give_up', 'refund_orphan')",
    "orphan": "(kind IN ('adopt', 'refund_orphan')) = (orphan_id IS NOT NULL)",
}
_ABOUT = (
    "CASE WHEN kind = 'refund_orphan' THEN attempt_id IS NULL AND request_id IS NULL AND dossier_code IS NULL "
    "ELSE attempt_id IS NOT NULL AND request_id IS NOT NULL AND dossier_code IS NOT NULL END"
)
_OPTIONAL = ("request_id", "attempt_id", "dossier_code")


def upgrade() -> None:
    with op.batch_alter_table("payment_orphan", schema=None) as batch_op:
        batch_op.add_column(sa.Column("refunded_at", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("payment_decision", schema=None) as batch_op:
        for column in _OPTIONAL:
            batch_op.alter_column(column, nullable=True)
        for name, condition in _CHECKS.items():
            batch_op.drop_constraint(op.f(f"ck_payment_decision_{name}"), type_="check")
            batch_op.create_check_constraint(op.f(f"ck_payment_decision_{name}"), condition)
        batch_op.create_check_constraint(op.f("ck_payment_decision_about"), _ABOUT)
        batch_op.create_index("ix_payment_decision_attempt_id", ["attempt_id"], unique=False)
