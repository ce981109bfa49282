"""Searching the message log, and reading one entry with the bytes that were stored.

Invariant: what is handed out is what was stored, and whether that is still what was logged is said with it.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from gateway.domain.errors import NotFoundError
from gateway.messagelog.acts import UNWATCHED, AccessNote, note_access
from gateway.messagelog.content import Missing, Redacted, Unreadable, head_of, head_parts, read
from gateway.messagelog.masking import masked
from gateway.proof.lienthong_verify import Cut
from gateway.storage.database import Database
from gateway.storage.queries_messages import (
    MessageFilter,
    MessageView,
    StoredMessage,
    messages,
    shown,
    stored_message,
)

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

MOST = 500


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first, without headers and bodies; ``next``: pass it as ``before`` for the older ones."""

    entries: list[MessageView]
    next: str | None


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, whole. ``body`` None: it cannot be shown, and ``missing`` says why. ``intact``: it is what was logged.
    ``personal``: the fields in it that name a person; ``removed``: those whose values were taken out for good."""

    view: MessageView
    headers: list[tuple[str, str]]
    body: bytes | None
    intact: bool
    missing: Missing | None = None
    personal: list[str] = []
    removed: list[str] = []
    cuts: list[Cut] = []  # where in the body the values of ``personal`` stand


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Who reads a body, and why. ``personal``: with the personal data in it."""

    actor: str
    reason: str
    now: datetime
    personal: bool = False


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
        content = read(found.stored, found.view.body_size, self._database.contents)
        if isinstance(content, Unreadable):
            damaged = (
                content.packed if content.why is Missing.DAMAGED else None
            )  # for whoever has to look into it
            return LogEntry(
                view=found.view, headers=found.headers, body=damaged, intact=False, missing=content.why
            )
        head = head_of(found.view.method, found.view.url, found.listed)
        if isinstance(content, Redacted):
            return _redacted(found, content, head)
        return LogEntry(
            view=found.view,
            headers=found.headers,
            body=content.body,
            intact=content.gives(found.view.form, bytes.fromhex(found.view.commitment), head),
            personal=[cut.label for cut in content.cuts],
            cuts=[
                Cut(cut.start - len(head), cut.length, cut.label)
                for cut in content.cuts
                if cut.start >= len(head)
            ],
        )

    async def open(self, entry: str, reading: Reading) -> LogEntry:
        """Entry ``entry`` as ``reading`` may see it; that it was read is in the log before it is handed out. Entries of
        the log about people are read without another one. NotFoundError, StorageUnavailable."""
        found = await self.fetch(entry)
        if found.body is not None and found.view.channel not in UNWATCHED:
            await self._database.write(partial(_write_down, reading=reading, found=found))
        return found if reading.personal else _masked(found)


def _write_down(transaction: Transaction, *, reading: Reading, found: LogEntry) -> None:
    told = AccessNote(
        actor=reading.actor,
        reason=reading.reason,
        now=reading.now,
        dossier=found.view.dossier,
        detail={"entry": found.view.id, "personal": reading.personal},
    )
    note_access(transaction, "read_body", told)


def _masked(found: LogEntry) -> LogEntry:
    """``found`` for somebody who may not see, or does not need, what is personal in it."""
    view = shown(found.view)
    if found.body is None or found.view.channel in UNWATCHED or found.removed:
        return msgspec.structs.replace(found, view=view)
    if found.view.form == 1 or found.missing is not None:
        missing = found.missing or Missing.WITHHELD
        return msgspec.structs.replace(found, view=view, body=None, missing=missing)
    return msgspec.structs.replace(found, view=view, body=masked(found.body, found.cuts))


def without_body(found: LogEntry) -> LogEntry:
    """An entry for somebody who gives no reason to read its body."""
    return msgspec.structs.replace(found, view=shown(found.view), body=None, cuts=[])


def _redacted(found: StoredMessage, content: Redacted, head: bytes) -> LogEntry:
    """What is left of an entry, with address and headers out of its content."""
    method, url, headers = head_parts(content.head)
    return LogEntry(
        view=msgspec.structs.replace(
            found.view,
            method=None if method == "-" else method,
            url=None if url == "-" else url,
        ),
        headers=msgspec.json.decode(headers, type=list[tuple[str, str]]),
        body=content.body,
        intact=content.gives(found.view.form, bytes.fromhex(found.view.commitment), head),
        personal=content.removed,
        removed=content.removed,
    )


def _number(entry: str) -> int:
    if entry.isascii() and entry.isdigit() and len(entry) < 20 and int(entry) < 2**63:
        return int(entry)
    raise _unknown(entry)


def _unknown(entry: str) -> NotFoundError:
    return NotFoundError(f"there is no log entry {entry[:40]!r}")
