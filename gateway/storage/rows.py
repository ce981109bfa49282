"""Rows that hot operations write, as values: log entries and events, and how they are inserted."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from gateway.storage.sql import insert_rows

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the message log with its stored body; made by ``gateway.messagelog``."""

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
    encoding: str
    body: bytes
    dossier_code: str | None = None
    attempt_id: int | None = None
    request_id: int | None = None
    method: str | None = None
    url: str | None = None
    status: int | None = None
    outcome: str | None = None
    code: str | None = None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event for the one-door system. ``data`` is its JSON document."""

    id: int
    at: int
    kind: str
    data: str
    dossier_code: str | None = None
    destination: str | None = None


_MESSAGE_COLUMNS = tuple(name for name in MessageRow.__struct_fields__ if name not in {"encoding", "body"})
_message_values = attrgetter(*_MESSAGE_COLUMNS)
_INSERT_MESSAGE = insert_rows("message", _MESSAGE_COLUMNS)
_INSERT_BODY = insert_rows("message_body", ("message_id", "encoding", "body"))
_INSERT_EVENT = insert_rows("event", EventRow.__struct_fields__)


def insert_messages(transaction: Transaction, rows: Iterable[MessageRow]) -> None:
    """Append log entries; an empty body has no row of its own."""
    listed = list(rows)
    transaction.many(_INSERT_MESSAGE, [_message_values(row) for row in listed])
    transaction.many(_INSERT_BODY, [(row.id, row.encoding, row.body) for row in listed if row.body])


def insert_events(transaction: Transaction, rows: Iterable[EventRow]) -> None:
    """Append events; they become visible in the feed once the sealer has given them a position."""
    transaction.many(_INSERT_EVENT, [msgspec.structs.astuple(row) for row in rows])
