"""The message log over HTTP: what went out and came in, headers and exact bytes as they were stored."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.access import require_scope
from gateway.api.deliveries import Reason
from gateway.api.inputs import HIGHEST_IDENTIFIER, Identifier, Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.preview import text_or_base64
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import DossierCode, Instant
from gateway.domain.errors import NotFoundError
from gateway.domain.violation import Violation
from gateway.messagelog.content import Missing
from gateway.messagelog.search import LogEntry, MessageLog, Reading, without_body
from gateway.storage import queries_messages
from gateway.storage.clients import Scope
from gateway.storage.queries_messages import Direction, MessageFilter, MessageView

_LIST = "messages"
BYTES = "application/octet-stream"
OPERATION_SPAN = timedelta(days=31)


class MessageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries. ``channel``: a destination's name, or ``api``. ``exchange``: a request's entry, found with what answered
    it; ``attempt``: an attempt's identifier. ``since`` inclusive, ``before`` exclusive; an ``operation`` without ``since``
    is looked for in the last thirty-one days."""

    dossier: DossierCode | None = None
    channel: Word | None = None
    operation: Word | None = None
    exchange: Identifier | None = None
    attempt: Identifier | None = None
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


class BodyQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What of an entry. Its body is read for a ``reason``, which is logged with who reads it; ``body=false`` needs none.
    Personal data in it is masked unless ``personal`` asks for it, which needs scope personal:read."""

    reason: Reason | None = None
    body: Annotated[bool, Meta(description="Answer with the body, too.")] = True
    raw: Annotated[bool, Meta(description="Answer with the bytes of the body alone.")] = False
    personal: Annotated[bool, Meta(description="Show personal data.")] = False


class MessageDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. The body stands as text where it is UTF-8, else in Base64; both null when it cannot be shown, and
    ``body_missing`` says why: no longer kept, erased, its master key not at hand, damaged, withheld since it cannot be
    masked; nothing when it was not asked for. ``intact``: it is what was
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
            operation=query.operation,
            exchange=_number(query.exchange),
            attempt=_number(query.attempt),
            direction=query.direction,
            outcome=query.outcome,
            since=_since(api, query),
            before=query.before,
        ),
        before=None if key is None else key[0],
        limit=query.limit,
    )
    items = await api.gateway.database.read(question)
    last = (int(items[-1].id),) if items else None
    return Answer(value=MessagePage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


def _number(text: str | None) -> int | None:
    """An identifier that the database can compare with others."""
    return None if text is None else min(int(text), HIGHEST_IDENTIFIER)


def _since(api: Api, query: MessageQuery) -> datetime | None:
    """A rare operation is not looked for through years of entries."""
    narrow = query.dossier or query.exchange or query.attempt
    if query.since is not None or query.operation is None or narrow:
        return query.since
    return (query.before or api.now) - OPERATION_SPAN


async def get_message(api: Api, call: Call) -> Answer:
    """One log entry, or the bytes of its body."""
    query = call.query_as(BodyQuery)
    found = await _found(api, call, query)
    number, body = found.view.id, None if found.missing else found.body
    if query.raw:
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


async def _found(api: Api, call: Call, query: BodyQuery) -> LogEntry:
    """The entry as the caller may see it."""
    log, number = MessageLog(api.gateway.database), str(call.path["message"])
    if query.personal and call.principal is not None:
        require_scope(call.principal, Scope.PERSONAL_READ)
    if not query.body and not query.raw:
        return without_body(await log.fetch(number))
    if query.reason is None:
        raise invalid(
            "a body is read for a reason, which is logged",
            Violation(
                pointer="/query/reason",
                code="required",
                got="nothing",
                expected="why it is read",
                advice="give a reason, or ask with body=false",
            ),
        )
    reading = Reading(actor=call.actor, reason=query.reason, now=api.now, personal=query.personal)
    return await log.open(number, reading)
