"""At risk: dossiers that are in time here and may be shown late there, with why each waits.

Invariant: the list is what the database says at this moment; who is late here is never on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.deadlines import AtRiskPage
from gateway.api.reports import ReportedDossiers
from gateway.console.asking import ask
from gateway.console.page import Page, Response, Shown, Visit
from gateway.console.render import VIETNAM
from gateway.domain.dossier import NO_NUL
from gateway.reports.dossiers import DossierLine
from gateway.storage.clients import Scope

_SHOWN = 50


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which dossiers; what is empty was left out. ``upcoming``: those with time left, too."""

    destination: Annotated[str, Meta(max_length=100, pattern=NO_NUL)] = ""
    upcoming: Annotated[str, Meta(pattern="^(true|false|)$")] = ""
    cursor: Annotated[str, Meta(max_length=400)] = ""


async def show_at_risk(visit: Visit) -> Response:
    """The dossiers at risk, and those that are due soon."""
    which = visit.query_as(Which)
    asked = {"destination": which.destination, "upcoming": which.upcoming}
    asked = {name: value for name, value in asked.items() if value}
    page = await ask(
        visit, "list_at_risk", AtRiskPage, query={**asked, "cursor": which.cursor, "limit": _SHOWN}
    )
    near = await ask(visit, "list_near_due", ReportedDossiers, query={"limit": _SHOWN})
    today = [item for item in near.items if "DUE_TODAY" in item.flags]
    values = {
        "rows": [(item, _left(item.due_at, visit.now)) for item in page.items],
        "page": page,
        "which": which,
        "asked": asked,
        "paged": bool(which.cursor),
        "destinations": sorted(visit.api.gateway.destinations),
        "today": today,
        "near": _others(near.items, today),
        "near_goes_on": near.next is not None,
        "now": visit.now,
    }
    return Shown(template="at_risk/list.html", values=values)


def _left(due_at: datetime, now: datetime) -> float:
    """Seconds until the promise is over; a promise at midnight means that day (domain_rules R25)."""
    local = due_at.astimezone(VIETNAM)
    end = due_at + timedelta(days=1) if (local.hour, local.minute, local.second) == (0, 0, 0) else due_at
    return (end - now).total_seconds()


def _others(items: Sequence[DossierLine], today: Sequence[DossierLine]) -> list[DossierLine]:
    shown = {item.code for item in today}
    return [item for item in items if item.code not in shown]


PAGES: tuple[Page, ...] = (
    Page(
        path="/console/at-risk",
        name="at_risk",
        title="at_risk.title",
        scope=Scope.DOSSIERS_READ,
        view=show_at_risk,
        query=Which,
        group="work",
    ),
)
