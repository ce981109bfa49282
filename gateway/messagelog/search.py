"""Searching the message log, and reading one entry with the bytes that were stored.

Invariant: what is handed out is what was stored, and whether that is still what was logged is said with it.
"""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec
import zstandard

from gateway.domain.errors import NotFoundError
from gateway.messagelog.entry import stored_body
from gateway.storage.database import Database
from gateway.storage.queries_messages import (
    MessageFilter,
    MessageView,
    StoredMessage,
    messages,
    stored_message,
)

MOST = 500


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first, without headers and bodies; ``next``: pass it as ``before`` for the older ones."""

    entries: list[MessageView]
    next: str | None


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, whole. ``body`` None: it is no longer kept. ``intact``: the body gives its logged digest."""

    view: MessageView
    headers: list[tuple[str, str]]
    body: bytes | None
    intact: bool


class MessageLog:
    """The message log of one database, for reading."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, wanted: MessageFilter, *, before: str | None = None, limit: int = 100) -> LogPage:
        """Up to ``limit`` entries that fit ``wanted``, older than entry ``before``. For a dossier, a partner's call
        is found by its answer, since the call was logged before it was read.

        NotFoundError: ``before`` is no entry's id. StorageUnavailable: ask again.
        """
        count = min(max(limit, 1), MOST)
        older = None if before is None else _number(before)
        found = await self._database.read(partial(messages, wanted=wanted, before=older, limit=count + 1))
        page = found[:count]
        return LogPage(entries=page, next=page[-1].id if len(found) > count else None)

    async def fetch(self, entry: str) -> LogEntry:
        """Entry ``entry`` with its headers and its body. NotFoundError: there is none."""
        found = await self._database.read(partial(stored_message, message_id=_number(entry)))
        if found is None:
            raise _unknown(entry)
        body = _unpacked(found)
        intact = body is not None and hashlib.sha256(body).hexdigest() == found.view.body_sha256
        return LogEntry(view=found.view, headers=found.headers, body=body, intact=intact)


def _unpacked(found: StoredMessage) -> bytes | None:
    """The stored bytes; those that cannot be unpacked as they lie, for whoever has to look into it."""
    if found.encoding is None:
        return None
    try:
        if found.encoding == "zstd" and zstandard.frame_content_size(found.body) != found.view.body_size:
            return found.body
        return stored_body(found.encoding, found.body)
    except (zstandard.ZstdError, ValueError):
        return found.body


def _number(entry: str) -> int:
    if entry.isascii() and entry.isdigit() and len(entry) < 20 and int(entry) < 2**63:
        return int(entry)
    raise _unknown(entry)


def _unknown(entry: str) -> NotFoundError:
    return NotFoundError(f"there is no log entry {entry[:40]!r}")
