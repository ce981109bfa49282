"""Reading events in the order of their positions, for the feed and for webhooks.

Invariant: positions are given by one sealer, gapless, so everything up to the newest position is there to be read.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import event

WINDOW = 10_000
"""Positions that one filtered question looks at, so that a rare kind never costs a scan of everything."""


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed event; ``at`` in microseconds, ``data`` its JSON document."""

    id: int
    position: int
    at: int
    kind: str
    dossier_code: str | None
    destination: str | None
    data: str


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Positions after ``after`` up to ``newest``, at most ``limit`` events of ``kinds`` (empty: every kind)."""

    after: int
    newest: int
    limit: int
    kinds: tuple[str, ...] = ()


def newest_position(connection: sa.Connection) -> int:
    """The position of the newest sealed event; 0 when there is none."""
    question = sa.select(sa.func.max(event.c.position)).where(event.c.position.is_not(None))
    return int(connection.execute(question).scalar() or 0)


def read_events(connection: sa.Connection, span: Span) -> tuple[list[StoredEvent], int]:
    """The next events of ``span``, and the position up to which nothing of it is left unread."""
    end = min(span.newest, span.after + (WINDOW if span.kinds else span.limit))
    columns = [event.c[name] for name in StoredEvent.__struct_fields__]
    question = (
        sa.select(*columns)
        .where(event.c.position.is_not(None), event.c.position > span.after, event.c.position <= end)
        .order_by(event.c.position)
        .limit(span.limit)
    )
    if span.kinds:
        question = question.where(event.c.kind.in_(span.kinds))
    rows = connection.execute(question).mappings()
    events = [StoredEvent(**row) for row in rows]
    return events, events[-1].position if len(events) == span.limit else end
