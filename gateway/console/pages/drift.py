"""Drift and repairs: what partners have otherwise than they were told, and having it mended.

Invariant: nothing is ordered that was not shown first: what would be sent, in which order, what needs a second person.
"""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.deliveries import DeliveryPage, Reason
from gateway.api.drift import DriftPage, DriftSummary
from gateway.api.inputs import Identifier
from gateway.console.asking import ask
from gateway.console.page import Action, Language, Moved, Page, Response, Shown, Visit
from gateway.console.render import instant
from gateway.console.words import said
from gateway.domain.dossier import NO_NUL
from gateway.statussync.drift_phrases import ExplainedDrift
from gateway.statussync.repair import RepairDone, Tolerated
from gateway.storage.clients import Scope

Text = Annotated[str, Meta(max_length=200, pattern=NO_NUL)]
AT_ONCE = 20
"""So many differences in one portion: the partner is asked about every dossier anew, at its own rate."""
_SHOWN = 50
_REPAIR = "repair:"
_PARTS = 2  # a step is its status and its instant


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which differences; what is empty was left out."""

    destination: Text = ""
    dossier: Text = ""
    kind: Text = ""
    field: Text = ""
    state: Text = ""
    cursor: Annotated[str, Meta(max_length=400)] = ""


class Mend(msgspec.Struct, frozen=True, kw_only=True):
    """Differences to be mended: those that are ticked, or all open ones of a kind at a destination.

    ``confirmed``: it was looked at; ``after``, ``looked``, ``ordered`` and ``left``: how far the portions are.
    """

    reason: Reason
    ids: list[Identifier] = []
    destination: Text = ""
    dossier: Text = ""
    kind: Text = ""
    field: Text = ""
    allow_backwards: bool = False
    confirmed: bool = False
    after: Identifier | None = None
    looked: int = 0
    ordered: int = 0
    left: int = 0


class Leave(msgspec.Struct, frozen=True, kw_only=True):
    """A difference to be left as it is, up to the end of a day or for good."""

    reason: Reason
    until: Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")] = ""


def _asked(which: Which | Mend) -> dict[str, str]:
    names = ("destination", "dossier", "kind", "field")
    return {name: getattr(which, name) for name in names if getattr(which, name)}


async def list_drift(visit: Visit) -> Response:
    """Differences by kind, and the list."""
    which = visit.query_as(Which)
    asked = {**_asked(which), **({"state": which.state} if which.state else {})}
    summary = await ask(visit, "get_drift_summary", DriftSummary)
    query = {**asked, "cursor": which.cursor, "limit": _SHOWN}
    page = await ask(visit, "list_drift", DriftPage, query=query)
    values = {
        "said": functools.partial(spoken_value, visit.language),
        "summary": summary,
        "states": _by_state(summary),
        "page": page,
        "asked": asked,
        "which": which,
        "paged": bool(which.cursor),
        "may_operate": visit.viewer.may(Scope.DELIVERIES_OPERATE),
        "may_look": visit.viewer.may(Scope.JOBS_OPERATE),
        "now": visit.now,
    }
    return Shown(template="drift/list.html", values=values)


def _by_state(summary: DriftSummary) -> dict[str, int]:
    found = {"open": 0, "repairing": 0, "tolerated": 0}
    for place in summary.items:
        found[place.state] = found.get(place.state, 0) + place.count
    return found


def spoken_value(language: Language, text: str) -> str:
    """A status, an instant or a step in words; anything else as it stands."""
    parts = text.split(" ")
    return ", ".join(_word(language, part) for part in parts) if len(parts) <= _PARTS else text


def _word(language: Language, part: str) -> str:
    try:
        at = datetime.fromisoformat(part)
    except ValueError:
        return said(language, f"reports.status_{part}", part)
    return instant(at, seconds=True) if at.tzinfo is not None else part


async def show_drift(visit: Visit) -> Response:
    """One difference, and what came of it."""
    drift = await ask(visit, "get_drift", ExplainedDrift, path=visit.path)
    question = {"dossier": drift.dossier, "destination": drift.destination, "limit": 200}
    sent = await ask(visit, "list_deliveries", DeliveryPage, query=question)
    repairs = [item for item in sent.items if item.key.startswith(_REPAIR)]
    values = {
        "said": functools.partial(spoken_value, visit.language),
        "drift": drift,
        "repairs": repairs,
        "may_operate": visit.viewer.may(Scope.DELIVERIES_OPERATE),
        "now": visit.now,
    }
    return Shown(template="drift/drift.html", values=values)


async def mend(visit: Visit) -> Response:
    """Show what would be sent; with the word for it order it, a portion after the other."""
    form = visit.form_as(Mend)
    body = {
        **_asked(form),
        "ids": form.ids,
        "after": form.after,
        "reason": form.reason,
        "allow_backwards": form.allow_backwards,
        "dry_run": not form.confirmed,
        "limit": max(AT_ONCE, len(form.ids)) if form.ids else AT_ONCE,
    }
    done = await ask(visit, "apply_repairs", RepairDone, body=body)
    counts = {
        "looked": form.looked + done.looked,
        "ordered": form.ordered + sum(each.outcome == "ordered" for each in done.dossiers),
        "left": form.left + sum(each.outcome in {"held_back", "not_possible"} for each in done.dossiers),
    }
    values = {
        "done": done,
        "form": form,
        "asked": _asked(form),
        "total": await _total(visit, form),
        "needs_second": [each for each in done.dossiers if each.approval],
        **counts,
    }
    return Shown(template="drift/mended.html" if form.confirmed else "drift/check.html", values=values)


async def _total(visit: Visit, form: Mend) -> int:
    """How many open differences the wish is about now; the chosen ones, where they are chosen."""
    if form.ids:
        return len(form.ids)
    if form.dossier:
        return 0
    summary = await ask(visit, "get_drift_summary", DriftSummary)
    return sum(
        place.count
        for place in summary.items
        if place.state == "open"
        and form.destination in {"", place.destination}
        and form.kind in {"", place.kind}
        and form.field in {"", place.field}
    )


async def leave(visit: Visit) -> Response:
    """Leave a difference as it is."""
    form = visit.form_as(Leave)
    until = f"{form.until}T23:59:59+07:00" if form.until else None
    done = await ask(
        visit, "tolerate_drift", Tolerated, path=visit.path, body={"reason": form.reason, "until": until}
    )
    return Moved(to=f"/console/drift/{done.drift}", message="drift.left_as_it_is")


_READ, _OPERATE = Scope.DELIVERIES_READ, Scope.DELIVERIES_OPERATE
PAGES: tuple[Page, ...] = (
    Page(
        path="/console/drift",
        name="drift",
        title="drift.title",
        scope=_READ,
        view=list_drift,
        query=Which,
        group="work",
    ),
    Page(path="/console/drift/{drift}", name="drift", title="drift.title_one", scope=_READ, view=show_drift),
)
ACTIONS: tuple[Action, ...] = (
    Action(path="/console/drift", name="drift", scope=_OPERATE, view=mend, form=Mend),
    Action(path="/console/drift/{drift}", name="drift", scope=_OPERATE, view=leave, form=Leave),
)
