"""Corrections that were proposed end with the word of the second person, or with their time."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_STATES = "state IN ('proposed', 'applied', 'declined', 'expired')"
_END = sa.text(
    "UPDATE delivery_edit SET state = :state, expires_at = :expires_at WHERE delivery_id = :delivery "
    "AND before_digest = :shown AND after_digest = :edit AND state = 'proposed'"
)
_ASKED = sa.text(
    "SELECT state, expires_at, parameters FROM approval WHERE action = 'delivery.edit' ORDER BY id"
)


def upgrade() -> None:
    with op.batch_alter_table("delivery_edit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expires_at", sa.BigInteger(), nullable=True))
        batch_op.drop_constraint(op.f("ck_delivery_edit_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_delivery_edit_state"), _STATES)
    _end_what_is_over()


def _end_what_is_over() -> None:
    """What was proposed before this release follows the last approval that was asked for it."""
    connection = op.get_bind()
    last = {}
    for state, expires_at, parameters in connection.execute(_ASKED):
        told = json.loads(parameters)
        last[told["delivery"], told["shown"], told["edit"]] = (state, expires_at)
    for (delivery, shown, edit), (state, expires_at) in last.items():
        ended = state if state in {"declined", "expired"} else "proposed"
        about = {"delivery": int(delivery), "shown": shown, "edit": edit}
        connection.execute(_END, {**about, "state": ended, "expires_at": expires_at})
