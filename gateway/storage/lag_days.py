"""How long deliveries took, day by day: counts, percentiles, the longest, and how many kept to the target.

Lengths in microseconds, days since 1970-01-01 in Viet Nam, by acknowledgement. Days that are over are kept as they
were counted, and counted again when a row came late. Invariant: percentiles are exact, by nearest rank, over every row
of the day; an estimate never stands in for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.lag import NAME, Connection
from gateway.storage.lag_figures import Days
from gateway.storage.schema_status import sync_lag, sync_lag_day
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

_COLUMNS = sync_lag.c
# how old something was when the gateway first ran is nobody's lag
_EVENT_AT = sa.case((_COLUMNS.before_start, sa.null()), else_=_COLUMNS.event_at)
_LENGTHS: dict[str, sa.ColumnElement[int]] = {
    "source": _COLUMNS.received_at - _EVENT_AT,
    "queue": _COLUMNS.sent_at - _COLUMNS.received_at,
    "wire": _COLUMNS.acknowledged_at - _COLUMNS.sent_at,
    "ours": _COLUMNS.acknowledged_at - _COLUMNS.received_at,
    "total": _COLUMNS.acknowledged_at - _EVENT_AT,
}
PARTS = tuple(_LENGTHS)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the lag on one day. ``kept``: how many were no longer than the target."""

    destination: str
    day: int
    part: str
    count: int
    p50: int
    p90: int
    p99: int
    longest: int
    kept: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day at one destination."""

    destination: str
    day: int


def spreads(connection: Connection, days: Days, *, target: int) -> list[Spread]:
    """Every part of the lag on every one of ``days`` that has any, by day and destination."""
    columns = sync_lag_day.c
    rows = connection.execute(
        sa.select(*(columns[name] for name in Spread.__struct_fields__)).where(
            columns.day.between(days.first, days.last), columns.destination.in_(list(days.destinations))
        )
    ).mappings()
    found = [Spread(**row) for row in rows]
    closed = {(spread.destination, spread.day) for spread in found}
    for day in range(days.first, days.last + 1):
        for name in days.destinations:
            if (name, day) not in closed:
                found += measure(connection, Day(destination=name, day=day), target=target)
    return sorted(found, key=lambda spread: (spread.day, spread.destination))


def measure(connection: Connection, day: Day, *, target: int) -> list[Spread]:
    """Every part of the lag on one day, counted now; empty when nothing was acknowledged."""
    of_day = sa.and_(_COLUMNS.destination == day.destination, _COLUMNS.day == day.day)
    if not connection.execute(sa.select(sa.exists().where(of_day))).scalar():
        return []
    return [
        spread
        for part, length in _LENGTHS.items()
        if (spread := _measure(connection, day, part, (length, of_day, target))) is not None
    ]


def kept_on(
    connection: Connection, names: Sequence[str], day: int, *, target: int
) -> dict[str, tuple[int, int]]:
    """By destination: how many deliveries of known event were acknowledged on ``day``, and how many of them kept to the
    target."""
    total = _LENGTHS["total"]
    kept = sa.func.sum(sa.case((total <= target, 1), else_=0))
    question = (
        sa.select(_COLUMNS.destination, sa.func.count(), kept)
        .where(_COLUMNS.destination.in_(names), _COLUMNS.day == day, total.is_not(None))
        .group_by(_COLUMNS.destination)
    )
    return {name: (int(count), int(keeping)) for name, count, keeping in connection.execute(question)}


def _measure(
    connection: Connection,
    day: Day,
    part: str,
    about: tuple[sa.ColumnElement[int], sa.ColumnElement[bool], int],
) -> Spread | None:
    length, of_day, target = about
    # a source's clock that runs ahead of ours gives 0, not less
    known = (
        sa.select(sa.case((length < 0, 0), else_=length).label("length"))
        .where(of_day, length.is_not(None))
        .subquery()
    )
    kept = sa.func.sum(sa.case((known.c.length <= target, 1), else_=0))
    count, longest, keeping = connection.execute(
        sa.select(sa.func.count(), sa.func.max(known.c.length), kept)
    ).one()
    if not count:
        return None
    places = {percent: -(-count * percent // 100) for percent in (50, 90, 99)}
    ranked = sa.select(
        known.c.length, sa.func.row_number().over(order_by=known.c.length).label("place")
    ).subquery()
    question = sa.select(ranked.c.place, ranked.c.length).where(ranked.c.place.in_(set(places.values())))
    at = {row.place: row.length for row in connection.execute(question)}
    return Spread(
        destination=day.destination,
        day=day.day,
        part=part,
        count=count,
        longest=longest,
        kept=int(keeping),
        **{f"p{percent}": at[place] for percent, place in places.items()},
    )


# from one destination to the next by the index, never over all its rows
_DESTINATIONS = """
    WITH RECURSIVE known(name) AS (
        SELECT MIN(destination) FROM sync_lag
        UNION ALL SELECT (SELECT MIN(destination) FROM sync_lag WHERE destination > known.name) FROM known
        WHERE known.name IS NOT NULL)
    SELECT name FROM known WHERE name IS NOT NULL
"""


def open_days(connection: Connection, *, before: int) -> list[Day]:
    """Days before day ``before`` that have rows and are not kept yet, newest first."""
    return sorted(_open_days(connection, before), key=lambda day: day.day, reverse=True)


def _open_days(connection: Connection, before: int) -> Iterator[Day]:
    columns = sync_lag_day.c
    for name in connection.execute(sa.text(_DESTINATIONS)).scalars().all():
        first = connection.execute(
            sa.select(sa.func.min(_COLUMNS.day)).where(_COLUMNS.destination == name)
        ).scalar()
        kept = set(
            connection.execute(sa.select(columns.day).where(columns.destination == name).distinct()).scalars()
        )
        for day in range(before if first is None else first, before):
            some = sa.exists().where(_COLUMNS.destination == name, _COLUMNS.day == day)
            if day not in kept and connection.execute(sa.select(some)).scalar():
                yield Day(destination=name, day=day)


_OURS = Statement("UPDATE follower SET position = position WHERE name = :name AND lease_owner = :owner")
_FORGET = Statement("DELETE FROM sync_lag_day WHERE day = :day AND destination = :destination")
_KEEP = Statement("""
    INSERT INTO sync_lag_day (day, destination, part, count, p50, p90, p99, longest, kept)
    VALUES (:day, :destination, :part, :count, :half, :nine_of_ten, :nearly_all, :longest, :kept)
""")


def keep(transaction: Transaction, owner: int, found: Sequence[Spread]) -> bool:
    """Keep what was measured of a day; False, and nothing changed, when ``owner`` is not the follower any more."""
    if not transaction.run(_OURS, {"name": NAME, "owner": owner}):
        return False
    for destination, day in {(spread.destination, spread.day) for spread in found}:
        transaction.run(_FORGET, {"destination": destination, "day": day})
    named = {"p50": "half", "p90": "nine_of_ten", "p99": "nearly_all"}
    rows = [msgspec.structs.asdict(spread) for spread in found]
    transaction.many(_KEEP, [{named.get(name, name): value for name, value in row.items()} for row in rows])
    return True
