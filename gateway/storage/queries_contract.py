"""Answers that no contract describes: how many there were of late, by destination, operation and code, and the latest.

Invariant: it looks at the latest answers that were no acceptance and no further, so it costs the same however much is
stored; ``complete`` says whether that reached back to the asked instant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from gateway.storage.identity import lowest_identifier
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.schema import message

LATEST = 2_000
_OUTCOMES = ("in_doubt", "rejected", "deferred")
_CLOCK_SLACK = timedelta(days=1)


class OffContract(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of one kind. ``example``: the log entry of the latest."""

    destination: str
    operation: str
    code: str
    count: int
    first_at: datetime
    last_at: datetime
    example: str


class Drifted(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind since the asked instant, the most frequent first. ``complete`` False: there may be more, further back."""

    kinds: list[OffContract]
    complete: bool


def off_contract(connection: sa.Connection, codes: Mapping[str, Collection[str]], since: datetime) -> Drifted:
    """What destinations have answered since ``since`` under their ``codes`` for what is none of the contract's."""
    found: dict[tuple[str, str, str], OffContract] = {}
    complete = True
    for outcome in _OUTCOMES:
        rows = connection.execute(_latest(outcome, since)).all()
        complete = complete and len(rows) < LATEST
        for row in rows:
            if row.code in codes.get(row.channel, ()) and row.at >= to_micros(since):
                _count(found, row)
    kinds = sorted(found.values(), key=lambda each: (-each.count, each.destination, each.code))
    return Drifted(kinds=kinds, complete=complete)


def _latest(outcome: str, since: datetime) -> sa.Select[tuple[int, str, str, str, int]]:
    columns = message.c
    return (
        sa.select(columns.id, columns.channel, columns.operation, columns.code, columns.at)
        .where(
            columns.outcome == outcome,
            columns.outcome != sa.literal_column("'accepted'"),  # as ix_message_trouble has it
            columns.id >= lowest_identifier(since, -_CLOCK_SLACK),
        )
        .order_by(columns.id.desc())
        .limit(LATEST)
    )


def _count(
    found: dict[tuple[str, str, str], OffContract], row: sa.Row[tuple[int, str, str, str, int]]
) -> None:
    key = (row.channel, row.operation, row.code)
    at, before = from_micros(row.at), found.get(key)
    if before is None:
        found[key] = OffContract(
            destination=row.channel,
            operation=row.operation,
            code=row.code,
            count=1,
            first_at=at,
            last_at=at,
            example=str(row.id),
        )
        return
    found[key] = msgspec.structs.replace(
        before,
        count=before.count + 1,
        first_at=min(before.first_at, at),
        last_at=max(before.last_at, at),
        example=str(max(int(before.example), row.id)),
    )
