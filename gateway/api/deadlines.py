"""Deadlines over HTTP: why a dossier stands where it stands, and which may be shown late although they are not."""

from __future__ import annotations

import functools

import msgspec

from gateway.api.inputs import Word
from gateway.api.paging import Cursor, Limit, key_of, next_cursor
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.errors import NotFoundError
from gateway.statussync.at_risk import AtRisk, Question, at_risk
from gateway.statussync.explain import Asked, explain

_LIST = "at-risk"


class AtRiskQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers. ``upcoming``: those whose promise is not near yet, too."""

    destination: Word | None = None
    upcoming: bool = False
    cursor: Cursor | None = None
    limit: Limit = 100


class AtRiskPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some dossiers, nearest promise first. ``next`` null: these were the last."""

    items: list[AtRisk]
    next: str | None


async def get_deadline(api: Api, call: Call) -> Answer:
    """Everything about the deadline of one dossier."""
    desk = api.gateway.deadlines
    asked = Asked(code=str(call.path["code"]), now=desk.now(), destinations=desk.destinations)
    question = functools.partial(explain, asked=asked, rules=desk.rules)
    return Answer(value=await api.gateway.database.read(question))


async def list_at_risk(api: Api, call: Call) -> Answer:
    """One page of the dossiers that may be shown late."""
    query, desk = call.query_as(AtRiskQuery), api.gateway.deadlines
    if query.destination is not None and query.destination not in desk.destinations:
        raise NotFoundError(f"there is no destination {query.destination}")
    question = Question(
        now=desk.now(),
        destinations=desk.destinations if query.destination is None else {query.destination},
        after=key_of(_LIST, query.cursor, tuple[int, str]),
        limit=query.limit,
        upcoming=query.upcoming,
    )
    found = await api.gateway.database.read(functools.partial(at_risk, question=question, rules=desk.rules))
    last = found[-1][0] if found else None
    items = [entry for _, entry in found]
    return Answer(value=AtRiskPage(items=items, next=next_cursor(_LIST, items, query.limit, last)))
