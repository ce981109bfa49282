"""Rows that hot operations write, as values: log entries and events, and how they are inserted."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from gateway.storage.contents import CLEAR, Kept
from gateway.storage.sql import insert_rows

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the message log with its content, packed; made by ``gateway.messagelog``.

    ``shared``: the content is of several dossiers; ``body`` empty: it is kept with another entry.
    """

    id: int
    at: int
    direction: str
    kind: str
    channel: str
    operation: str
    headers: str
    body_digest: bytes
    body_size: int
    leaf: bytes
    body: bytes
    form: int = 2
    dossier_code: str | None = None
    attempt_id: int | None = None
    request_id: int | None = None
    method: str | None = None
    url: str | None = None
    status: int | None = None
    outcome: str | None = None
    code: str | None = None
    shared: bool = False


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event for the one-door system. ``data`` is its JSON document."""

    id: int
    at: int
    kind: str
    data: str
    dossier_code: str | None = None
    destination: str | None = None


_MESSAGE_COLUMNS = tuple(name for name in MessageRow.__struct_fields__ if name not in {"body", "shared"})
_message_values = attrgetter(*_MESSAGE_COLUMNS)
_INSERT_MESSAGE = insert_rows("message", _MESSAGE_COLUMNS)
_INSERT_BODY = insert_rows("message_body", ("message_id", "encoding", "body", "key_id"))
_INSERT_EVENT = insert_rows("event", EventRow.__struct_fields__)


def insert_messages(transaction: Transaction, rows: Iterable[MessageRow]) -> None:
    """Append log entries, their contents encrypted where this process has keys."""
    listed = list(rows)
    transaction.many(_INSERT_MESSAGE, [_message_values(row) for row in listed])
    with_content = [row for row in listed if row.body]
    if transaction.contents is None:
        kept: list[Kept] = [(row.id, CLEAR, row.body, None) for row in with_content]
    else:
        kept = transaction.contents.encrypted(transaction, with_content)
    transaction.many(_INSERT_BODY, kept)


def insert_events(transaction: Transaction, rows: Iterable[EventRow]) -> None:
    """Append events; they become visible in the feed once the sealer has given them a position."""
    transaction.many(_INSERT_EVENT, [msgspec.structs.astuple(row) for row in rows])
