"""The message log over HTTP: what went out and came in, headers and exact bytes as they were stored."""

from __future__ import annotations

import functools
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.preview import text_or_base64
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import DossierCode, Instant
from gateway.domain.errors import NotFoundError
from gateway.messagelog.content import Missing
from gateway.messagelog.search import MessageLog
from gateway.storage import queries_messages
from gateway.storage.queries_messages import Direction, MessageFilter, MessageView

_LIST = "messages"
BYTES = "application/octet-stream"


class MessageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries. ``channel``: a destination's name, or ``api``. ``since`` inclusive, ``before`` exclusive."""

    dossier: DossierCode | None = None
    channel: Word | None = None
    direction: Direction | None = None
    outcome: Word | None = None
    since: Instant | None = None
    before: Instant | None = None
    cursor: Cursor | None = None
    limit: Limit = 50


class MessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, newest first. ``next`` null: these were the last."""

    items: list[MessageView]
    next: str | None


class RawQuery(msgspec.Struct, frozen=True, kw_only=True):
    """``raw``: the stored bytes of the body instead of the entry."""

    raw: Annotated[bool, Meta(description="Answer with the stored bytes of the body.")] = False


class MessageDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. The body stands as text where it is UTF-8, else in Base64; both null when it cannot be shown, and
    ``body_missing`` says why: no longer kept, erased, its master key not at hand, damaged. ``intact``: it is what was
    logged. ``personal_fields``: names of the fields in it that hold personal data."""

    message: MessageView
    headers: list[tuple[str, str]]
    body_kept: bool
    body_text: str | None
    body_base64: str | None
    body_missing: Missing | None
    intact: bool
    personal_fields: list[str]


async def list_messages(api: Api, call: Call) -> Answer:
    """Some log entries, newest first."""
    query = call.query_as(MessageQuery)
    key = key_of(_LIST, query.cursor, tuple[int])
    question = functools.partial(
        queries_messages.messages,
        wanted=MessageFilter(
            dossier=query.dossier,
            channel=query.channel,
            direction=query.direction,
            outcome=query.outcome,
            since=query.since,
            before=query.before,
        ),
        before=None if key is None else key[0],
        limit=query.limit,
    )
    items = await api.gateway.database.read(question)
    last = (int(items[-1].id),) if items else None
    return Answer(value=MessagePage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def get_message(api: Api, call: Call) -> Answer:
    """One log entry, or the bytes of its body."""
    number = int(call.path["message"])
    found = await MessageLog(api.gateway.database).fetch(str(number))
    body = None if found.missing else found.body
    if call.query_as(RawQuery).raw:
        if body is None:
            raise NotFoundError(f"the body of log entry {number} cannot be shown: {found.missing}")
        name = f'attachment; filename="message-{number}.bin"'
        return Answer(content=body, media_type=BYTES, headers=(("content-disposition", name),))
    text, encoded = (None, None) if body is None else text_or_base64(body)
    detail = MessageDetail(
        message=found.view,
        headers=found.headers,
        body_kept=body is not None,
        body_text=text,
        body_base64=encoded,
        body_missing=found.missing,
        intact=found.intact,
        personal_fields=found.personal,
    )
    return Answer(value=detail)
