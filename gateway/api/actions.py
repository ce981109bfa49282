"""What people did, over HTTP: a list by person, kind, target, dossier and time, and the same as a file.

Invariant: reading only; the file holds what the list shows, and says so when there is more.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import HIGHEST_IDENTIFIER, Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import DossierCode, Instant
from gateway.reports.actions import actions_file
from gateway.storage.queries_actions import ActionFilter, ActionView, action_key, actions

CSV = "text/csv; charset=utf-8"
_LIST = "actions"
_Place = Annotated[int, Meta(ge=0, le=HIGHEST_IDENTIFIER)]


class ActionChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which actions. ``actor``: as it stands in the history, or the bare name of a
    person at the console or the command line; ``action``: the kind; ``target``: exactly.
    ``from`` (inclusive), ``to`` (exclusive): when it was done."""

    actor: Word | None = None
    action: Word | None = None
    target: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    dossier: DossierCode | None = None
    start: Instant | None = msgspec.field(name="from", default=None)
    end: Instant | None = msgspec.field(name="to", default=None)


class ActionQuery(ActionChoice, frozen=True, kw_only=True):
    """Which actions, and how many."""

    cursor: Cursor | None = None
    limit: Limit = 50


class ActionFileQuery(ActionChoice, frozen=True, kw_only=True):
    """Which actions; the newest ``limit`` of them."""

    limit: Annotated[int, Meta(ge=1, le=20_000, description="At most so many lines.")] = 10_000


class ActionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some actions, newest first. ``next`` null: these were the last."""

    items: list[ActionView]
    next: str | None


async def list_actions(api: Api, call: Call) -> Answer:
    """Some actions, newest first."""
    query = call.query_as(ActionQuery)
    before = key_of(_LIST, query.cursor, tuple[_Place, _Place])
    question = functools.partial(actions, wanted=_wanted(api, query), before=before, limit=query.limit)
    items = await api.gateway.database.read(question)
    last = action_key(items[-1]) if items else None
    return Answer(value=ActionPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))


async def export_actions(api: Api, call: Call) -> Answer:
    """The same as a file."""
    query = call.query_as(ActionFileQuery)
    question = functools.partial(actions, wanted=_wanted(api, query), before=None, limit=query.limit + 1)
    async with api.reporting:
        found = await api.gateway.database.read(question)
        content = await asyncio.to_thread(actions_file, found[: query.limit], more=len(found) > query.limit)
    return Answer(
        content=content,
        media_type=CSV,
        headers=(("content-disposition", 'attachment; filename="actions.csv"'),),
    )


def _wanted(api: Api, query: ActionChoice) -> ActionFilter:
    return ActionFilter(
        actor=query.actor,
        action=query.action,
        target=query.target,
        dossier=query.dossier,
        destinations=tuple(api.gateway.destinations),
        since=query.start,
        until=query.end,
    )
