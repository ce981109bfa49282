"""What readers ask about failures: how many deliveries have which cause, since when, and at which pace a partner works.

Invariant: causes are counted from one index, which holds what is in trouble and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.instants import from_micros, maybe_from_micros
from gateway.storage.schema import TROUBLED, attempt, delivery

Trouble: TypeAlias = Literal["rejected", "parked", "in_doubt", "waiting"]
MOST_GROUPS = 200
_LATEST_ATTEMPTS = 2_000
_ENOUGH_ATTEMPTS = 10


class FailureFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which failures."""

    destination: str | None = None
    state: Trouble | None = None
    operation: str | None = None
    code: str | None = None


class FailureRow(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries with one cause. ``since``: when the first of them was tried last, or planned if it never was.

    ``example``: the newest of them, with the partner's ``words`` and the ``actor`` that its answer names. ``retried``: how
    many of them a person has sent again before, the last one at ``retried_at``.
    """

    destination: str
    operation: str
    state: Trouble
    code: str | None
    count: int
    since: datetime
    latest: datetime
    retried: int
    retried_at: datetime | None
    example: str
    example_dossier: str
    words: str | None
    actor: str | None


def failures(
    connection: sa.Connection, wanted: FailureFilter, *, destinations: Sequence[str], limit: int = MOST_GROUPS
) -> list[FailureRow]:
    """The causes, the one with the most deliveries first; ``destinations``: all there are."""
    groups: Sequence[Any] = connection.execute(_groups(wanted, destinations).limit(limit)).all()
    columns = delivery.c
    examples: dict[int, Any] = {
        row.id: row
        for row in connection.execute(
            sa.select(columns.id, columns.dossier_code, columns.reason, columns.actor).where(
                columns.id.in_([group.example for group in groups])
            )
        )
    }
    return [_failure(group, examples[group.example]) for group in groups]


def _groups(wanted: FailureFilter, destinations: Sequence[str]) -> sa.Select[Any]:
    columns = delivery.c
    at = sa.func.coalesce(columns.sent_at, columns.created_at)
    cause = (columns.destination, columns.operation, columns.state, columns.code)
    where = [
        sa.or_(*(columns.state == sa.literal_column(f"'{state}'") for state in TROUBLED)),
        columns.destination == wanted.destination
        if wanted.destination is not None
        else columns.destination.in_(destinations),
    ]
    for column, value in (
        (columns.state, wanted.state),
        (columns.operation, wanted.operation),
        (columns.code, wanted.code),
    ):
        if value is not None:
            where.append(column == value)
    count = sa.func.count().label("deliveries")
    return (
        sa.select(
            *cause,
            count,
            sa.func.min(at).label("since"),
            sa.func.max(at).label("latest"),
            sa.func.count(columns.retried_at).label("retried"),
            sa.func.max(columns.retried_at).label("retried_at"),
            sa.func.max(columns.id).label("example"),
        )
        .where(*where)
        .group_by(*cause)
        .order_by(count.desc(), *cause)
    )


def _failure(group: Any, example: Any) -> FailureRow:
    return FailureRow(
        destination=group.destination,
        operation=group.operation,
        state=group.state,
        code=group.code,
        count=group.deliveries,
        since=from_micros(group.since),
        latest=from_micros(group.latest),
        retried=group.retried,
        retried_at=maybe_from_micros(group.retried_at),
        example=str(group.example),
        example_dossier=example.dossier_code,
        words=example.reason,
        actor=example.actor,
    )


def exchange_seconds(connection: sa.Connection, destination: str) -> float | None:
    """How long an exchange with ``destination`` took lately, in the mean; None when there were hardly any."""
    columns = attempt.c
    latest = (
        sa.select(columns.destination, columns.started_at, columns.ended_at)
        .order_by(columns.id.desc())
        .limit(_LATEST_ATTEMPTS)
        .subquery()
    )
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.sum(latest.c.ended_at - latest.c.started_at)).where(
            latest.c.destination == destination, latest.c.ended_at.is_not(None)
        )
    ).one()
    return None if row[0] < _ENOUGH_ATTEMPTS else float(row[1]) / 1e6 / row[0]


def destinations_of(connection: sa.Connection, deliveries: Sequence[int]) -> dict[int, str]:
    """Where each of ``deliveries`` goes; those that do not exist are missing."""
    columns = delivery.c
    rows = connection.execute(sa.select(columns.id, columns.destination).where(columns.id.in_(deliveries)))
    return {row[0]: row[1] for row in rows}
