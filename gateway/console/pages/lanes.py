"""Lanes that stand still, and one lane: what it waits for, hold and release.

Invariant: what holding or releasing would do stands beside the button that does it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.api.destinations import DestinationList
from gateway.api.failures import LanePage
from gateway.console.asking import ask
from gateway.console.links import chosen, link
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.storage.clients import Scope
from gateway.storage.orders import LaneDone
from gateway.storage.queries_lanes import LaneDetail

HERE = "/console/lanes"


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lanes."""

    destination: str = ""
    state: str = ""
    cursor: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Hold or release, and why."""

    verb: Literal["hold", "release"]
    reason: str


async def show_lanes(visit: Visit) -> Response:
    """Some lanes that stand still."""
    query = visit.query_as(Filter)
    page = await ask(visit, "list_lanes", LanePage, query=chosen(query))
    known = (await ask(visit, "list_destinations", DestinationList)).items
    values = {
        "page": page,
        "query": query,
        "names": [item.name for item in known],
        "next": link(HERE, {**chosen(query), "cursor": page.next}) if page.next else "",
    }
    return Shown(template="lanes/list.html", values=values)


async def show_lane(visit: Visit) -> Response:
    """One lane with what waits in it."""
    found = await ask(visit, "get_lane", LaneDetail, path=visit.path)
    values = {
        "found": found,
        "lane": found.lane,
        "waiting": 0 if found.lane.head is None else found.lane.behind + 1,
        "stuck": found.lane.head is not None and found.lane.head.state in {"rejected", "parked", "in_doubt"},
        "may": visit.viewer.may(Scope.DELIVERIES_OPERATE),
    }
    return Shown(template="lanes/one.html", values=values)


async def change_lane(visit: Visit) -> Response:
    """Hold or release a lane."""
    form = visit.form_as(Wish)
    await ask(visit, f"{form.verb}_lane", LaneDone, path=visit.path, body={"reason": form.reason})
    return Moved(
        to=f"{HERE}/{visit.path['destination']}/{visit.path['dossier']}", message=f"lanes.told_{form.verb}"
    )


_ONE = f"{HERE}/{{destination}}/{{dossier}}"
PAGES: tuple[Page, ...] = (
    Page(
        path=HERE,
        name="lanes",
        title="lanes.title",
        scope=Scope.DELIVERIES_READ,
        view=show_lanes,
        query=Filter,
        group="work",
    ),
    Page(path=_ONE, name="lane", title="lanes.one_title", scope=Scope.DELIVERIES_READ, view=show_lane),
)
ACTIONS: tuple[Action, ...] = (
    Action(path=_ONE, name="lane", scope=Scope.DELIVERIES_OPERATE, view=change_lane, form=Wish),
)
