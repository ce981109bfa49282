"""The history of a dossier over HTTP: versions, deliveries, attempts, messages, events, payments and people's
actions."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import TypeAlias

import msgspec

from gateway.api.dossiers import stored
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.messagelog.content import Unreadable, read
from gateway.storage import queries_timeline
from gateway.storage.contents import Contents
from gateway.storage.instants import from_micros
from gateway.storage.queries_timeline import (
    ActionEntry,
    AttemptEntry,
    DeliveryEntry,
    Entry,
    EventEntry,
    MessageEntry,
    PaymentEntry,
    ReceivedVersion,
    SettlementEntry,
    StoredEntry,
)

_LIST = "timeline"


class VersionEntry(Entry, frozen=True, kw_only=True, tag="version"):
    """A version came in. ``message``: its entry in the message log. ``version`` and ``status`` are as the source
    system sent them; null when the body is no longer kept."""

    message: str
    version: int | None
    status: str | None


TimelineEntry: TypeAlias = (
    VersionEntry
    | DeliveryEntry
    | AttemptEntry
    | MessageEntry
    | EventEntry
    | ActionEntry
    | PaymentEntry
    | SettlementEntry
)


class TimelineQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the history."""

    cursor: Cursor | None = None
    limit: Limit = 100


class TimelinePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, oldest first. ``next`` null: these were the last."""

    code: str
    items: list[TimelineEntry]
    next: str | None


class _Glance(msgspec.Struct, frozen=True):
    version: int
    status: str


async def get_timeline(api: Api, call: Call) -> Answer:
    """A page of one dossier's history."""
    code, query = str(call.path["code"]), call.query_as(TimelineQuery)
    await stored(api, code)
    kind = f"{_LIST}:{code}"
    question = functools.partial(
        queries_timeline.timeline,
        code=code,
        after=key_of(kind, query.cursor, tuple[int, int]),
        limit=query.limit,
    )
    found = await api.gateway.database.read(question)
    last = queries_timeline.timeline_key(found[-1]) if found else None
    page = TimelinePage(
        code=code,
        items=[_shown(item, api.gateway.database.contents) for item in found],
        next=next_cursor(kind, found, query.limit, last),
    )
    return Answer(value=page)


def goes_on_from(code: str, cursor: str | None) -> datetime | None:
    """The moment of the last entry before the page at ``cursor``; None for the first page."""
    key = key_of(f"{_LIST}:{code}", cursor, tuple[int, int])
    return None if key is None else from_micros(key[0])


def _shown(entry: StoredEntry, contents: Contents | None) -> TimelineEntry:
    if not isinstance(entry, ReceivedVersion):
        return entry
    glance = _glance(entry, contents)
    return VersionEntry(
        id=entry.id,
        at=entry.at,
        message=entry.id,
        version=None if glance is None else glance.version,
        status=None if glance is None else glance.status,
    )


def _glance(entry: ReceivedVersion, contents: Contents | None) -> _Glance | None:
    content = read(entry.stored, entry.size, contents)
    if isinstance(content, Unreadable):
        return None
    try:
        return msgspec.json.decode(content.body, type=_Glance)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
