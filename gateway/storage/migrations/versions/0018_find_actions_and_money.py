"""By what people's actions, payments and open differences are found."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_operator_action_at", "operator_action", ["at", "id"], unique=False)
    op.create_index("ix_operator_action_actor", "operator_action", ["actor", "at", "id"], unique=False)
    op.create_index("ix_operator_action_action", "operator_action", ["action", "at", "id"], unique=False)
    op.create_index(
        "ix_payment_request_amount", "payment_request", ["amount", "created_at", "id"], unique=False
    )
    op.create_index("ix_reconciliation_state", "reconciliation", ["state", "id"], unique=False)
