"""What readers ask about retry runs: how far each one is, and which runs had a delivery in them.

Invariant: what is counted is the list of one run, never all deliveries.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.schema import delivery, one_of
from gateway.storage.schema_retry import retry_item, retry_run

RetryState: TypeAlias = Literal["running", "paused", "done", "stopped"]
_FAILED = ("rejected", "parked")
_DUE_AT_ONCE = 100


class RetryRunView(msgspec.Struct, frozen=True, kw_only=True):
    """A retry run. ``changed_by`` has paused, resumed or stopped it last, for the reason ``note``; ``gateway`` with the note
    ``failing``: it has paused itself, since what was sent came back.

    ``waiting``: not sent again yet. ``sent``: of them ``delivered``, ``failed`` again, ``doubtful``, ``under_way``, as they
    stand now. ``left``: were sent or settled otherwise meanwhile. ``dropped``: not sent, since the run was stopped.
    ``seconds``: what is left, at its pace.
    """

    id: str
    destination: str
    actor: str
    reason: str
    state: RetryState
    per_minute: int
    created_at: datetime
    ended_at: datetime | None
    changed_by: str | None
    note: str | None
    causes: list[dict[str, Any]]
    total: int
    waiting: int
    sent: int
    delivered: int
    failed: int
    doubtful: int
    under_way: int
    left: int
    dropped: int
    seconds: float


class RetryOf(msgspec.Struct, frozen=True, kw_only=True):
    """A run that had a delivery in it, and what became of it there."""

    run: str
    actor: str
    reason: str
    created_at: datetime
    item: str


class _Selection(msgspec.Struct):
    causes: list[dict[str, Any]] = []


def retry_runs(
    connection: sa.Connection, *, state: RetryState | None, before: int | None, limit: int
) -> list[RetryRunView]:
    """Some runs, the newest first, older than ``before``."""
    question = sa.select(retry_run).order_by(retry_run.c.id.desc()).limit(limit)
    if state is not None:
        question = question.where(retry_run.c.state == state)
    if before is not None:
        question = question.where(retry_run.c.id < before)
    return [_view(connection, row) for row in connection.execute(question).all()]


def retry_run_view(connection: sa.Connection, run: int) -> RetryRunView | None:
    """One run; None when there is none."""
    row = connection.execute(sa.select(retry_run).where(retry_run.c.id == run)).one_or_none()
    return None if row is None else _view(connection, row)


def due_runs(connection: sa.Connection, now: int) -> list[tuple[int, str]]:
    """Runs whose next step is due, with their destination."""
    columns = retry_run.c
    is_open = sa.text(one_of("state", ("running", "paused")))
    rows = connection.execute(
        sa.select(columns.id, columns.destination)
        .where(is_open, columns.state == "running", columns.next_at <= now)
        .order_by(columns.id)
        .limit(_DUE_AT_ONCE)
    )
    return [(row[0], row[1]) for row in rows]


def retries_of(connection: sa.Connection, delivery_id: int, *, limit: int = 20) -> list[RetryOf]:
    """The runs that had ``delivery_id`` in them, the newest first."""
    rows = connection.execute(
        sa.select(retry_run, retry_item.c.state.label("item"))
        .join(retry_item, retry_item.c.run_id == retry_run.c.id)
        .where(retry_item.c.delivery_id == delivery_id)
        .order_by(retry_run.c.id.desc())
        .limit(limit)
    )
    return [
        RetryOf(
            run=str(row.id),
            actor=row.actor,
            reason=row.reason,
            created_at=from_micros(row.created_at),
            item=row.item,
        )
        for row in rows
    ]


def _view(connection: sa.Connection, row: sa.Row[Any]) -> RetryRunView:
    items, states = _counts(connection, row.id)
    waiting, sent = items.get("waiting", 0), items.get("sent", 0)
    delivered, failed = states.get("delivered", 0), sum(states.get(state, 0) for state in _FAILED)
    doubtful = states.get("in_doubt", 0)
    return RetryRunView(
        id=str(row.id),
        destination=row.destination,
        actor=row.actor,
        reason=row.reason,
        state=row.state,
        per_minute=row.per_minute,
        created_at=from_micros(row.created_at),
        ended_at=maybe_from_micros(row.ended_at),
        changed_by=row.changed_by,
        note=row.note,
        causes=msgspec.json.decode(row.selection, type=_Selection).causes,
        total=row.total,
        waiting=waiting,
        sent=sent,
        delivered=delivered,
        failed=failed,
        doubtful=doubtful,
        under_way=max(0, sent - delivered - failed - doubtful),
        left=items.get("left", 0),
        dropped=items.get("dropped", 0),
        seconds=waiting * 60 / row.per_minute,
    )


def _counts(connection: sa.Connection, run: int) -> tuple[dict[str, int], dict[str, int]]:
    """How many of a run's list stand how, and the states now of those that it has sent again."""
    rows: Sequence[Any] = connection.execute(
        sa.select(retry_item.c.state, delivery.c.state, sa.func.count())
        .join(delivery, delivery.c.id == retry_item.c.delivery_id)
        .where(retry_item.c.run_id == run)
        .group_by(retry_item.c.state, delivery.c.state)
    ).all()
    items: dict[str, int] = {}
    states: dict[str, int] = {}
    for item, state, count in rows:
        items[item] = items.get(item, 0) + count
        if item == "sent":
            states[state] = states.get(state, 0) + count
    return items, states
