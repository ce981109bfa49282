"""Samples of the backlog: writing one a minute, reading them back as a trend, dropping the old ones.

Invariant: one sample a minute and destination, however many processes look; a trend shows the worst of each of its
steps, and has no step for a time in which nobody looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.domain.delivery import DeliveryState
from gateway.storage.instants import from_micros, maybe_from_micros, maybe_micros, to_micros
from gateway.storage.queries_status import Backlog
from gateway.storage.schema_samples import backlog_sample
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

MINUTE = 60_000_000
FAILED = (DeliveryState.REJECTED, DeliveryState.PARKED)
_COLUMNS = ("destination", "at", "waiting", "in_doubt", "failed", "oldest_at")
_INSERT = insert("backlog_sample", _COLUMNS, suffix="ON CONFLICT (destination, at) DO NOTHING")
_DROP = Statement(
    "DELETE FROM backlog_sample WHERE at IN (SELECT at FROM backlog_sample WHERE at < :before ORDER BY at LIMIT :most)"
)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a trend: the most of each within it, and when the oldest open delivery was planned."""

    at: datetime
    waiting: int
    in_doubt: int
    failed: int
    oldest_at: datetime | None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Since when there have always been some; None: at the last look there were none."""

    in_doubt: datetime | None = None
    failed: datetime | None = None


def minute_of(now: datetime) -> int:
    """The begin of the minute that ``now`` lies in."""
    return to_micros(now) // MINUTE * MINUTE


def sampled(connection: sa.Connection, names: Sequence[str], at: int) -> bool:
    """Whether somebody has looked in the minute ``at`` already."""
    table = backlog_sample.c
    question = sa.select(sa.func.count()).where(table.at == at, table.destination.in_(names))
    return bool(connection.execute(question).scalar_one() >= len(names))


def record_samples(transaction: Transaction, at: int, backlogs: Mapping[str, Backlog]) -> None:
    """Write what was found in the minute ``at``; a destination that was written before is left alone."""
    rows = [
        {
            "destination": name,
            "at": at,
            "waiting": sum(each.deliveries.values()),
            "in_doubt": each.deliveries.get(DeliveryState.IN_DOUBT, 0),
            "failed": failed_of(each),
            "oldest_at": maybe_micros(each.oldest_at),
        }
        for name, each in sorted(backlogs.items())
    ]
    transaction.many(_INSERT, rows)


def failed_of(backlog: Backlog) -> int:
    """What waits for a person."""
    return sum(backlog.deliveries.get(state, 0) for state in FAILED)


def trend(connection: sa.Connection, name: str, since: datetime, *, minutes: int) -> list[Sample]:
    """The samples of ``name`` from ``since`` on, in steps of so many ``minutes``, the oldest first."""
    table, length = backlog_sample.c, minutes * MINUTE
    # spelt out: to PostgreSQL a bound length in SELECT is not the one in GROUP BY
    whole = table.at - table.at % sa.literal_column(str(length), sa.BigInteger)
    question = (
        sa.select(
            whole.label("step"),
            sa.func.max(table.waiting).label("waiting"),
            sa.func.max(table.in_doubt).label("in_doubt"),
            sa.func.max(table.failed).label("failed"),
            sa.func.min(table.oldest_at).label("oldest_at"),
        )
        .where(table.destination == name, table.at >= to_micros(since))
        .group_by(whole)
        .order_by(whole)
    )
    return [
        Sample(
            at=from_micros(row.step),
            waiting=row.waiting,
            in_doubt=row.in_doubt,
            failed=row.failed,
            oldest_at=maybe_from_micros(row.oldest_at),
        )
        for row in connection.execute(question)
    ]


def stretch(connection: sa.Connection, name: str) -> Stretch:
    """Since when there have always been deliveries in doubt, and failed ones, as far back as samples are kept."""
    return Stretch(
        in_doubt=_since(connection, name, backlog_sample.c.in_doubt),
        failed=_since(connection, name, backlog_sample.c.failed),
    )


def _since(connection: sa.Connection, name: str, column: sa.ColumnElement[int]) -> datetime | None:
    table = backlog_sample.c
    last_none = sa.select(sa.func.max(table.at)).where(table.destination == name, column == 0)
    after = sa.func.coalesce(last_none.scalar_subquery(), sa.literal_column("-1"))
    question = sa.select(sa.func.min(table.at)).where(table.destination == name, table.at > after)
    return maybe_from_micros(connection.execute(question).scalar())


def drop_samples(transaction: Transaction, before: int, *, most: int = 2_000) -> int:
    """Drop up to ``most`` samples that are older than ``before``; how many."""
    return transaction.run(_DROP, {"before": before, "most": most})
