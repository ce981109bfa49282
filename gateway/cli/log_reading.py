"""Reading one entry of the message log: on the database, or through the API of the gateway that has it open.

Invariant: a body is handed out only after its reading was logged, which on SQLite needs the database to itself.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from gateway.api.messages import MessageDetail
from gateway.cli.opening import reading, writing
from gateway.cli.options import Way
from gateway.cli.orders import actor_of, require_reason
from gateway.cli.remote import api_of
from gateway.messagelog.search import LogEntry, MessageLog, Reading, without_body

INSTEAD = "read it through its API: --url URL --key-file FILE"


class Asked(NamedTuple):
    """Which entry, why, and by whom. ``reason`` None: without its body."""

    entry: str
    reason: str | None
    personal: bool
    actor: str | None


async def entry_of(way: Way, asked: Asked) -> LogEntry:
    """The entry. NotFoundError, ConfigurationError."""
    if way.url is not None:
        return await _through_api(way, asked)
    if asked.reason is None:
        with reading(way.settings) as database:
            return without_body(await MessageLog(database).fetch(asked.entry))
    read = Reading(
        actor=actor_of(asked.actor),
        reason=require_reason(asked.reason),
        now=datetime.now(UTC),
        personal=asked.personal,
    )
    with writing(way.settings, instead=INSTEAD) as database:
        return await MessageLog(database).open(asked.entry, read)


async def _through_api(way: Way, asked: Asked) -> LogEntry:
    query = {"body": "false"} if asked.reason is None else {"reason": asked.reason}
    query |= {"personal": "true"} if asked.personal else {}
    async with api_of(way, asked.actor) as remote:
        found = await remote.get(f"/v1/messages/{asked.entry}?{urlencode(query)}", MessageDetail)
    body = None if found.body_text is None else found.body_text.encode()
    if found.body_base64 is not None:
        body = base64.b64decode(found.body_base64)
    return LogEntry(
        view=found.message,
        headers=found.headers,
        body=body,
        intact=found.intact,
        missing=found.body_missing,
        personal=found.personal_fields,
    )
