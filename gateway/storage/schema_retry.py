"""The tables of retry runs: many deliveries that a person has sent again, step by step, at a pace.

Invariants: a delivery waits in at most one run; what a run takes is listed when it begins and never grows.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from gateway.storage.schema import metadata, one_of

RUN_STATES = ("running", "paused", "done", "stopped")
ITEM_STATES = ("waiting", "sent", "left", "dropped")
_OPEN = one_of("state", ("running", "paused"))
_WAITING = "state = 'waiting'"

retry_run = Table(
    "retry_run",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("destination", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("selection", Text, nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("changed_by", Text),  # who has paused, resumed or stopped it last; "gateway": it has paused itself
    Column("note", Text),
    Column("resumed_at", BigInteger),  # when somebody last let it go on
    CheckConstraint(one_of("state", RUN_STATES), name="state"),
    CheckConstraint("(state = 'done' OR state = 'stopped') = (ended_at IS NOT NULL)", name="ended"),
)
Index("ix_retry_run_open", retry_run.c.id, sqlite_where=text(_OPEN), postgresql_where=text(_OPEN))

retry_item = Table(
    "retry_item",
    metadata,
    Column("run_id", BigInteger, ForeignKey("retry_run.id"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("delivery_id", BigInteger, nullable=False),
    Column("lane_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    CheckConstraint(one_of("state", ITEM_STATES), name="state"),
)
Index(
    "uq_retry_item_waiting",
    retry_item.c.delivery_id,
    unique=True,
    sqlite_where=text(_WAITING),
    postgresql_where=text(_WAITING),
)
Index(
    "ix_retry_item_next",
    retry_item.c.run_id,
    retry_item.c.place,
    sqlite_where=text(_WAITING),
    postgresql_where=text(_WAITING),
)
Index("ix_retry_item_delivery_id", retry_item.c.delivery_id)
