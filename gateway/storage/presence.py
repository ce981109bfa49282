"""When a worker of ours was there: stretches that grow with every beat, and the gaps between them.

Instants in microseconds. Invariant: a stretch ends where its worker was last seen; what no stretch covers was nobody's
time but ours, because nobody of ours could have told, or have seen that a partner was back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import message
from gateway.storage.schema_status import dossier_version, presence
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

Span: TypeAlias = tuple[int, int]


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """``worker`` has been there without a break from ``began_at`` to ``seen_at``."""

    worker: int
    began_at: int
    seen_at: int


_NOTE = Statement("""
    INSERT INTO presence (worker, began_at, seen_at) VALUES (:worker, :began_at, :seen_at)
    ON CONFLICT (worker, began_at) DO UPDATE SET seen_at = :seen_at
""")


def note_presence(transaction: Transaction, items: Sequence[Presence]) -> list[None]:
    """Write down how far each stretch reaches by now."""
    transaction.many(_NOTE, [msgspec.structs.asdict(item) for item in items])
    return [None] * len(items)


def gaps(connection: sa.Connection, since: int, until: int, *, here_since: int | None = None) -> list[Span]:
    """When no worker of ours was there between ``since`` and ``until``, as far as it is on record.

    ``here_since``: from then to now a worker of the asking process was there, which its next beat will say. Nothing is
    said of the time before the first stretch that there is.
    """
    columns = presence.c
    first = connection.execute(sa.select(sa.func.min(columns.began_at))).scalar()
    if first is None:
        return []
    rows = connection.execute(
        sa.select(columns.began_at, columns.seen_at)
        .where(columns.seen_at >= since, columns.began_at <= until)
        .order_by(columns.began_at)
    )
    spans = [(int(row.began_at), int(row.seen_at)) for row in rows]
    if here_since is not None:
        spans = sorted([*spans, (here_since, max(here_since, until))])
    return list(_between(spans, max(since, first), until))


def _between(spans: Sequence[Span], since: int, until: int) -> Iterator[Span]:
    reached = since
    for began_at, seen_at in spans:
        if began_at > reached:
            yield reached, min(began_at, until)
        reached = max(reached, seen_at)
        if reached >= until:
            return
    if reached < until:
        yield reached, until


def first_run(connection: sa.Connection) -> int | None:
    """When this gateway first did anything: was there, heard a dossier, or wrote to its log; None: never."""
    found = [
        connection.execute(sa.select(sa.func.min(presence.c.began_at))).scalar(),
        *(
            connection.execute(sa.select(table.c.at).order_by(table.c.id).limit(1)).scalar()
            for table in (message, dossier_version)
        ),
    ]
    return min((int(at) for at in found if at is not None), default=None)
