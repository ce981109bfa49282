"""Following the feed for the lag of synchronisation: what was delivered, and one row for each of it.

Invariant: a delivery has one row, however often its event is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.feed import Span, StoredEvent, newest_position, read_events
from gateway.storage.schema import delivery
from gateway.storage.schema_status import sync_lag
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

Connection: TypeAlias = sa.Connection
NAME = "lag"
KINDS = ("delivery.delivered",)


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that tells something. Instants in microseconds; ``settled_at`` None: not acknowledged yet."""

    id: int
    lane_id: int
    destination: str
    dossier_code: str
    operation: str
    payload: bytes
    event_at: int | None
    created_at: int
    sent_at: int | None
    settled_at: int | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What was delivered after one position, and the position up to which nothing of it is left."""

    upto: int
    newest: int
    delivered: list[Delivered]


class LagRow(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of ``sync_lag``."""

    delivery_id: int
    destination: str
    dossier_code: str
    operation: str
    day: int
    event_at: int | None
    received_at: int
    sent_at: int | None
    acknowledged_at: int
    ended_at: int | None = None
    due_at: int | None = None
    by_date: str | None = None
    by_instant: str | None = None
    late_cause: str | None = None
    late_cause_by_instant: str | None = None
    late: bool = False
    before_start: bool = False


_REOPEN = Statement("DELETE FROM sync_lag_day WHERE day IN_ARRAY(:days)")
_INSERT = insert("sync_lag", LagRow.__struct_fields__, suffix="ON CONFLICT (delivery_id) DO NOTHING")


def keep(transaction: Transaction, rows: Sequence[LagRow]) -> int:
    """Write ``rows``, those of deliveries that have one again or not; how many they are."""
    transaction.many(_INSERT, [msgspec.structs.asdict(row) for row in rows])
    if rows:
        days = {row.day for row in rows}
        transaction.run(_REOPEN, {"days": transaction.array(sorted(days))})
    return len(rows)


# a dossier that was heard of since may be told again, and then it must be known what was told of it before
_DROP = Statement("""
    DELETE FROM sync_lag WHERE delivery_id IN (
        SELECT s.delivery_id FROM sync_lag AS s JOIN dossier AS d ON d.code = s.dossier_code
        WHERE s.day < :before AND d.updated_at < :since AND EXISTS (
            SELECT 1 FROM sync_lag_day AS k WHERE k.day = s.day AND k.destination = s.destination)
        LIMIT :most)
""")


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """What may go: rows of days before ``before``, of dossiers that were not heard of since ``since``."""

    before: int
    since: int


def drop_rows(transaction: Transaction, old: Retention, *, most: int = 2_000) -> int:
    """Drop up to ``most`` rows that no report can need any more, of days whose percentiles are kept; how many."""
    return transaction.run(_DROP, {"before": old.before, "since": old.since, "most": most})


class _Named(msgspec.Struct, frozen=True):
    delivery: str


def page(connection: Connection, after: int, limit: int) -> Page:
    """The next up to ``limit`` deliveries in the order in which they were acknowledged."""
    newest = newest_position(connection)
    span = Span(after=after, newest=newest, limit=limit, kinds=KINDS)
    events, upto = read_events(connection, span) if newest > after else ([], after)
    return Page(upto=upto, newest=newest, delivered=_delivered(connection, events))


def _delivered(connection: Connection, events: Sequence[StoredEvent]) -> list[Delivered]:
    wanted = [int(msgspec.json.decode(event.data, type=_Named).delivery) for event in events]
    if not wanted:
        return []
    columns = [delivery.c[name] for name in Delivered.__struct_fields__]
    question = sa.select(*columns).where(delivery.c.id.in_(wanted), delivery.c.settled_at.is_not(None))
    found = {row["id"]: Delivered(**row) for row in connection.execute(question).mappings()}
    return [found[each] for each in wanted if each in found]


Telling: TypeAlias = tuple[str, str, str, int]
"""Destination, dossier, operation and the instant that was told."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What destinations have been told already: instants at which something happened, and those of ends."""

    events: set[Telling]
    ends: set[Telling]


def told_before(connection: Connection, dossiers: Iterable[str]) -> Told:
    """What the destinations of ``dossiers`` have been told."""
    columns = sync_lag.c
    rows = connection.execute(
        sa.select(
            columns.destination, columns.dossier_code, columns.operation, columns.event_at, columns.ended_at
        ).where(columns.dossier_code.in_(list(dossiers)))
    ).all()
    return Told(
        events={(name, code, operation, at) for name, code, operation, at, _ in rows if at is not None},
        ends={(name, code, operation, at) for name, code, operation, _, at in rows if at is not None},
    )


def first_planned(connection: Connection, lanes: Iterable[int]) -> dict[tuple[int, str, int], int]:
    """When what a later snapshot has replaced unsent was first planned, by (lane, operation, instant told)."""
    columns = delivery.c
    question = (
        sa.select(columns.lane_id, columns.operation, columns.event_at, sa.func.min(columns.created_at))
        .where(
            columns.lane_id.in_(list(lanes)),
            columns.state == sa.literal_column("'superseded'"),
            columns.event_at.is_not(None),
        )
        .group_by(columns.lane_id, columns.operation, columns.event_at)
    )
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(question)}
