"""What readers ask about the message log: lists of entries, one entry with its stored body.

Entries are listed newest first. Identifiers grow with time, so a span of time is also a span of identifiers.
Invariant: reading changes nothing, and a body is handed out exactly as it was stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.identity import HIGHEST, WINDOW_OF_A_CALL, lowest_identifier
from gateway.storage.instants import from_micros
from gateway.storage.log import STORED_BODY, StoredBody, stored_body, with_body
from gateway.storage.queries import within
from gateway.storage.schema import message

Direction: TypeAlias = Literal["in", "out"]
# Identifiers follow the wall clock, entries the steady one: after a clock was set back they differ for a while.
_CLOCK_SLACK = timedelta(days=1)


class MessageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries. ``exchange``: a request, and what answered it; ``attempt``: every entry of one. ``since`` inclusive,
    ``before`` exclusive."""

    dossier: str | None = None
    channel: str | None = None
    operation: str | None = None
    exchange: int | None = None
    attempt: int | None = None
    direction: Direction | None = None
    outcome: str | None = None
    since: datetime | None = None
    before: datetime | None = None


MASK = "•••"
"""What stands in place of personal data."""


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry without its body. ``sequence``: its gapless number, null until it is sealed (a moment).
    ``commitment`` and ``leaf`` in hexadecimal: what the entry commits to (of form 1 the body's SHA-256, of form 2 the root
    over its salted parts), and the RFC 9162 leaf hash."""

    id: str
    sequence: int | None
    at: datetime
    direction: str
    kind: str
    channel: str
    operation: str
    dossier: str | None
    attempt: str | None
    request: str | None
    method: str | None
    url: str | None
    status: int | None
    outcome: str | None
    code: str | None
    body_size: int
    commitment: str
    leaf: str
    form: int


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One entry with its headers, as they are listed in the log, too, and its content as it is kept."""

    view: MessageView
    headers: list[tuple[str, str]]
    listed: str
    stored: StoredBody


VIEW_COLUMNS = tuple(column for column in message.c if column.name != "headers")


def messages(
    connection: sa.Connection, wanted: MessageFilter, before: int | None, limit: int
) -> list[MessageView]:
    """Up to ``limit`` entries, newest first, with identifiers below ``before``."""
    where = _conditions(wanted)
    if before is not None:
        where.append(message.c.id < before)
    question = sa.select(*VIEW_COLUMNS).where(*where).order_by(message.c.id.desc()).limit(limit)
    return [listed_message(row) for row in connection.execute(question)]


def _conditions(wanted: MessageFilter) -> list[sa.ColumnElement[bool]]:
    columns = message.c
    where = [
        column == value
        for column, value in (
            (columns.channel, wanted.channel),
            (columns.direction, wanted.direction),
            (columns.outcome, wanted.outcome),
            (columns.operation, wanted.operation),
            (columns.attempt_id, wanted.attempt),
        )
        if value is not None
    ]
    # identifiers of one exchange lie close together: no index of its own is needed
    where += [
        columns.id.between(first - WINDOW_OF_A_CALL, min(first + WINDOW_OF_A_CALL, HIGHEST))
        for first in (wanted.exchange, wanted.attempt)
        if first is not None
    ]
    if wanted.exchange is not None:
        where.append(sa.or_(columns.id == wanted.exchange, columns.request_id == wanted.exchange))
    if wanted.dossier is not None:
        where.append(columns.id.in_(_about(wanted.dossier)))
    if wanted.outcome not in {None, "accepted"}:
        where.append(columns.outcome != sa.literal_column("'accepted'"))  # as ix_message_trouble has it
    where += within(columns.at, wanted.since, wanted.before)
    if wanted.since is not None:
        where.append(columns.id >= lowest_identifier(wanted.since, -_CLOCK_SLACK))
    if wanted.before is not None:
        where.append(columns.id < lowest_identifier(wanted.before, _CLOCK_SLACK))
    return where


def _about(dossier: str) -> sa.CompoundSelect[Any]:
    """Entries that name the dossier, and the requests that they answer: a partner's call is logged before anybody
    has read which dossier it is about."""
    named = message.c.dossier_code == dossier
    answers = sa.and_(named, message.c.request_id.is_not(None))
    return sa.union(sa.select(message.c.id).where(named), sa.select(message.c.request_id).where(answers))


def stored_message(connection: sa.Connection, message_id: int) -> StoredMessage | None:
    """One entry; None when there is none."""
    row = connection.execute(
        sa.select(message, *STORED_BODY).select_from(with_body(message)).where(message.c.id == message_id)
    ).one_or_none()
    if row is None:
        return None
    headers = msgspec.json.decode(row.headers, type=list[tuple[str, str]])
    return StoredMessage(view=message_view(row), headers=headers, listed=row.headers, stored=stored_body(row))


def listed_message(row: sa.Row[Any]) -> MessageView:
    """One row as it is shown in a list."""
    return shown(message_view(row))


def shown(view: MessageView) -> MessageView:
    """An entry as anybody may see it: its address without parameters, since only the content tells which of them are
    personal."""
    if view.url is None or "?" not in view.url:
        return view
    return msgspec.structs.replace(view, url=f"{view.url.partition('?')[0]}?{MASK}")


def message_view(row: sa.Row[Any]) -> MessageView:
    """One row as it is stored."""
    return MessageView(
        id=str(row.id),
        sequence=row.seq,
        at=from_micros(row.at),
        direction=row.direction,
        kind=row.kind,
        channel=row.channel,
        operation=row.operation,
        dossier=row.dossier_code,
        attempt=_text(row.attempt_id),
        request=_text(row.request_id),
        method=row.method,
        url=row.url,
        status=row.status,
        outcome=row.outcome,
        code=row.code,
        body_size=row.body_size,
        commitment=bytes(row.body_digest).hex(),
        leaf=bytes(row.leaf).hex(),
        form=row.form,
    )


def _text(identifier: int | None) -> str | None:
    return None if identifier is None else str(identifier)
