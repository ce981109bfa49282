"""The message log: searching it, one entry with its proof, and how the whole log stands.

Invariant: a list shows no body and no address's parameters; a body is shown for a reason, which is in the log first.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reason
from gateway.api.log_state import LogState
from gateway.api.messages import MessageDetail, MessagePage
from gateway.api.problem import invalid
from gateway.console.asking import ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.render import VIETNAM
from gateway.domain.dossier import NO_NUL
from gateway.domain.errors import ConflictError, NotFoundError
from gateway.domain.violation import Violation, shown
from gateway.messagelog.faults import Kind
from gateway.messagelog.proofs import EntryProof
from gateway.proof.lienthong_verify import decoded
from gateway.storage.clients import Scope
from gateway.storage.queries_jobs import RunView

Given = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]
OUTCOMES = ("accepted", "rejected", "deferred", "in_doubt")
MOST_SHOWN = 200_000
_FILTERS = ("dossier", "channel", "operation", "direction", "outcome", "exchange", "attempt")


class LogSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries; the API judges what is given. ``from`` and ``to``: days, both inclusive."""

    dossier: Given = ""
    channel: Given = ""
    operation: Given = ""
    direction: Given = ""
    outcome: Given = ""
    exchange: Given = ""
    attempt: Given = ""
    start: Given = msgspec.field(name="from", default="")
    end: Given = msgspec.field(name="to", default="")
    cursor: Given = ""


class OpenBody(msgspec.Struct, frozen=True, kw_only=True):
    """Why a body is read. ``personal``: with the personal data in it."""

    reason: Reason
    personal: bool = False


class Verify(msgspec.Struct, frozen=True, kw_only=True):
    """How much is verified."""

    scope: Literal["new", "all"] = "new"


async def search(visit: Visit) -> Response:
    """Some entries, the newest first."""
    query = visit.query_as(LogSearch)
    asked = {name: getattr(query, name).strip() for name in _FILTERS}
    since, before = _midnight(query.start, "from", 0), _midnight(query.end, "to", 1)
    page = await ask(
        visit,
        "list_messages",
        MessagePage,
        query={**asked, "since": since, "before": before, "cursor": query.cursor},
    )
    kept = {name: value for name, value in {**asked, "from": query.start, "to": query.end}.items() if value}
    return Shown(
        template="log/list.html",
        values={
            "page": page,
            "given": {**asked, "from": query.start, "to": query.end},
            "outcomes": OUTCOMES,
            "state": await _state(visit),
            "filtered": bool(kept),
            "next": f"/console/log?{urlencode({**kept, 'cursor': page.next})}" if page.next else "",
            "first": f"/console/log?{urlencode(kept)}" if query.cursor else "",
        },
    )


def _midnight(given: str, name: str, days: int) -> datetime | None:
    if not given:
        return None
    try:
        return datetime.combine(date.fromisoformat(given) + timedelta(days=days), time(), VIETNAM)
    except (ValueError, OverflowError) as fault:
        wrong = Violation(
            pointer=f"/query/{name}",
            code="date",
            got=shown(given),
            expected="a day like 2026-09-28",
            advice="choose a day",
        )
        raise invalid("that is no day", wrong) from fault


async def show(visit: Visit) -> Response:
    """One entry without its body."""
    found = await ask(visit, "get_message", MessageDetail, path=visit.path, query={"body": False})
    return await _entry(visit, found, opened=False)


async def open_body(visit: Visit) -> Response:
    """One entry with its body, decoded beside raw; that it was read is in the log now."""
    form = visit.form_as(OpenBody)
    query = {"reason": form.reason, "personal": form.personal}
    found = await ask(visit, "get_message", MessageDetail, path=visit.path, query=query)
    return await _entry(visit, found, opened=True)


async def _entry(visit: Visit, found: MessageDetail, *, opened: bool) -> Response:
    view, may_prove = found.message, visit.viewer.may(Scope.LOG_READ)
    wanted = {"attempt": view.attempt} if view.attempt else {"exchange": view.request or view.id}
    neighbours = await ask(visit, "list_messages", MessagePage, query={**wanted, "limit": 50})
    return Shown(
        template="log/entry.html",
        values={
            "title": "log.title_entry",
            "here": "log",
            "entry": found,
            "opened": opened,
            "plain": _readable(found),
            "most": MOST_SHOWN,
            "neighbours": [each for each in reversed(neighbours.items) if each.id != view.id],
            "proof": await _proof(visit, view.id) if may_prove else None,
            "may_prove": may_prove,
            "may_people": visit.viewer.may(Scope.PERSONAL_READ),
            "may_evidence": may_prove and visit.viewer.may(Scope.DOSSIERS_READ),
        },
    )


def _readable(found: MessageDetail) -> tuple[str, str] | None:
    """What the bytes say, and in which form they say it."""
    if found.body_text is None or not found.body_text:
        return None
    form, told = decoded(found.body_text.encode())
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False, indent=2)
    return form, text[:MOST_SHOWN]


async def _proof(visit: Visit, entry: str) -> EntryProof | str:
    """The proof, or why there is none yet."""
    try:
        return await ask(visit, "get_proof", EntryProof, path={"entry": int(entry)})
    except (ConflictError, NotFoundError) as fault:
        return str(fault)


async def _state(visit: Visit) -> LogState | None:
    return await ask(visit, "get_log_state", LogState) if visit.viewer.may(Scope.LOG_READ) else None


async def show_state(visit: Visit) -> Response:
    """How the whole log stands."""
    values = {"state": await _state(visit), "kinds": [kind.value for kind in Kind], "may_archive": False}
    return Shown(template="log/state.html", values=values)


async def verify(visit: Visit) -> Response:
    """Have the whole log verified."""
    body = {"scope": visit.form_as(Verify).scope}
    run = await ask(visit, "verify_log", RunView, body=body)
    return Moved(to="/console/log/state", message="log.ordered", values={"run": run.id})


_READ = Scope.MESSAGES_READ
PAGES: tuple[Page, ...] = (
    Page(
        path="/console/log",
        name="log",
        title="log.title",
        scope=_READ,
        view=search,
        query=LogSearch,
        group="evidence",
    ),
    Page(
        path="/console/log/state",
        name="log_state",
        title="log.title_state",
        scope=Scope.LOG_READ,
        view=show_state,
        group="evidence",
    ),
    Page(path="/console/log/{message}", name="log", title="log.title_entry", scope=_READ, view=show),
)
ACTIONS: tuple[Action, ...] = (
    Action(path="/console/log/state", name="log_state", scope=Scope.LOG_READ, view=verify, form=Verify),
    Action(path="/console/log/{message}", name="log", scope=_READ, view=open_body, form=OpenBody),
)
