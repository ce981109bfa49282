"""Dossiers: finding one, and its whole story with the answer to "was it on time?" on top.

Invariant: persons are masked until somebody asks for them with a reason, which is logged as the API logs it.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta

from gateway.api.dossiers import DossierPage, DossierView
from gateway.api.drift import DriftPage
from gateway.api.inputs import Word
from gateway.api.paging import Cursor
from gateway.api.payments import PaymentPage
from gateway.api.timeline import TimelinePage, goes_on_from
from gateway.console.asking import BY_NAME, ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.pages.story import story
from gateway.console.reasons import Reasoned
from gateway.domain.dossier import NO_NUL
from gateway.domain.errors import NotFoundError
from gateway.domain.status import Status
from gateway.messagelog.erasure import Erased, ErasurePlan
from gateway.statussync.drift_phrases import ExplainedDrift
from gateway.statussync.explain_views import Explanation
from gateway.storage.clients import Scope
from gateway.storage.queries import DossierOrder
from gateway.storage.queries_jobs import RunView

_ORDERS: tuple[DossierOrder, ...] = ("code", "due_at", "updated_at")
Text = Annotated[str, Meta(max_length=100, pattern=NO_NUL)]
LATE = frozenset({"LATE", "OVERDUE", "PAUSED_LATE"})
GOOD = frozenset({"EARLY", "ON_TIME", "IN_TIME"})


class DossierSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers; the API judges what is given. ``search``: a number, or how it begins."""

    search: Text = ""
    status: Text = ""
    agency: Text = ""
    order: Text = "code"
    cursor: Cursor | None = None


class DossierLook(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the history."""

    cursor: Cursor | None = None


class AskPartner(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked."""

    destination: Word


async def list_dossiers(visit: Visit) -> Response:
    """Some dossiers; one whose whole number was given is opened at once."""
    query = visit.query_as(DossierSearch)
    wanted = query.search.strip()
    asked = {"prefix": wanted, "status": query.status, "agency": query.agency, "order": query.order}
    found = await ask(
        visit, "list_dossiers", DossierPage, query={**asked, "cursor": query.cursor, "limit": 50}
    )
    if wanted and [each.code for each in found.items[:1]] == [wanted] and query.cursor is None:
        return Moved(to=f"/console/dossiers/{quote(wanted, safe='')}")
    kept = {
        "search": wanted,
        "status": query.status or "",
        "agency": query.agency or "",
        "order": query.order,
    }
    return Shown(
        template="dossiers/list.html",
        values={
            "page": found,
            "kept": kept,
            "statuses": [each.value for each in Status],
            "orders": _ORDERS,
            "next": f"/console/dossiers?{urlencode({**kept, 'cursor': found.next})}" if found.next else "",
            "first": f"/console/dossiers?{urlencode(kept)}" if query.cursor else "",
        },
    )


async def show_dossier(visit: Visit) -> Response:
    """One dossier, its people masked."""
    code, cursor = str(visit.path["code"]), visit.query_as(DossierLook).cursor
    view = await ask(visit, "get_dossier", DossierView, path={"code": code})
    return await _page(visit, view, cursor)


async def show_people(visit: Visit) -> Response:
    """One dossier with its people, for a reason that is in the log now."""
    code, reason = str(visit.path["code"]), visit.form_as(Reasoned).reason
    asked = {"personal": True, "reason": reason}
    view = await ask(visit, "get_dossier", DossierView, path={"code": code}, query=asked)
    return await _page(visit, view, None)


async def ask_partner(visit: Visit) -> Response:
    """Have a partner asked about the dossier now; what it has otherwise is a difference."""
    code, destination = str(visit.path["code"]), visit.form_as(AskPartner).destination
    wanted = {"parameters": {"dossier": code, "destination": destination}}
    run = await ask(visit, "start_run", RunView, path={"job": "drift"}, body=wanted)
    return Moved(
        to=f"/console/runs/{run.id}",
        message="dossiers.asked",
        values={"partner": destination, "dossier": code},
    )


async def plan_erasure(visit: Visit) -> Response:
    """What erasing the content would take: the dry run."""
    found = await ask(visit, "plan_erasure", ErasurePlan, path=visit.path)
    return Shown(template="dossiers/erasure.html", values={"plan": found})


async def erase(visit: Visit) -> Response:
    """Erase it, or put it before a second person."""
    body = {"reason": visit.form_as(Reasoned).reason}
    done = await ask(visit, "erase_dossier", Erased, path=visit.path, body=body)
    return Moved(
        to=f"/console/dossiers/{quote(done.dossier, safe='')}",
        message="dossiers.erased",
        values={"dossier": done.dossier, "action": done.action},
    )


async def _page(visit: Visit, view: DossierView, cursor: str | None) -> Response:
    code = view.record.code
    path = {"code": code}
    timeline = await ask(
        visit, "get_timeline", TimelinePage, path=path, query={"cursor": cursor, "limit": 200}
    )
    explanation = await _deadline(visit, code)
    drift = await _drift(visit, code)
    here = f"/console/dossiers/{quote(code, safe='')}"
    return Shown(
        template="dossiers/one.html",
        values={
            "title": "dossiers.title_one",
            "here": "dossiers",
            "view": view,
            "code_path": here,
            "explanation": explanation,
            "verdict": _verdict(explanation),
            "moments": story(timeline, explanation, drift, since=goes_on_from(code, cursor)),
            "drift": drift,
            "payments": await _payments(visit, code),
            "next": f"{here}?{urlencode({'cursor': timeline.next})}" if timeline.next else "",
            "first": here if cursor else "",
            "may": {
                "people": visit.viewer.may(Scope.PERSONAL_READ) and view.masked,
                "export": visit.viewer.may(Scope.LOG_READ) and visit.viewer.may(Scope.MESSAGES_READ),
                "export_people": visit.viewer.may(Scope.PERSONAL_READ),
                "messages": visit.viewer.may(Scope.MESSAGES_READ),
                "deliveries": visit.viewer.may(Scope.DELIVERIES_READ),
                "ask": visit.viewer.may(Scope.JOBS_OPERATE),
                "erase": visit.viewer.may(Scope.DELIVERIES_OPERATE),
            },
        },
    )


def _verdict(explanation: Explanation | None) -> tuple[str, str]:
    """How the answer looks: good, warn, bad or plain; and whether the two counts differ."""
    if explanation is None or explanation.classes is None:
        return "plain", ""
    by_date, by_instant = explanation.classes.by_date, explanation.classes.by_instant
    level = "bad" if by_date in LATE else "good" if by_date in GOOD else "warn"
    return level, "differ" if (by_date in LATE) != (by_instant in LATE) else ""


async def _deadline(visit: Visit, code: str) -> Explanation | None:
    try:
        return await ask(visit, "get_deadline", Explanation, path={"code": code})
    except NotFoundError:
        return None


async def _drift(visit: Visit, code: str) -> list[ExplainedDrift]:
    if not visit.viewer.may(BY_NAME["list_drift"].scope):
        return []
    return (await ask(visit, "list_drift", DriftPage, query={"dossier": code, "limit": 100})).items


async def _payments(visit: Visit, code: str) -> PaymentPage | None:
    if not visit.viewer.may(BY_NAME["list_payments"].scope):
        return None
    return await ask(visit, "list_payments", PaymentPage, query={"dossier": code, "limit": 20})


_READ = Scope.DOSSIERS_READ
PAGES: tuple[Page, ...] = (
    Page(
        path="/console/dossiers",
        name="dossiers",
        title="dossiers.title",
        scope=_READ,
        view=list_dossiers,
        query=DossierSearch,
        group="work",
    ),
    Page(
        path="/console/dossiers/{code}",
        name="dossiers",
        title="dossiers.title_one",
        scope=_READ,
        view=show_dossier,
        query=DossierLook,
    ),
    Page(
        path="/console/dossiers/{code}/erasure",
        name="dossiers",
        title="dossiers.erase_page",
        scope=Scope.DELIVERIES_OPERATE,
        view=plan_erasure,
    ),
)
ACTIONS: tuple[Action, ...] = (
    Action(path="/console/dossiers/{code}", name="dossiers", scope=_READ, view=show_people, form=Reasoned),
    Action(
        path="/console/dossiers/{code}/ask",
        name="dossiers",
        scope=Scope.JOBS_OPERATE,
        view=ask_partner,
        form=AskPartner,
    ),
    Action(
        path="/console/dossiers/{code}/erasure",
        name="dossiers",
        scope=Scope.DELIVERIES_OPERATE,
        view=erase,
        form=Reasoned,
    ),
)
