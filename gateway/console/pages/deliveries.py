"""One delivery: what became of it, and what its state allows: send again, ask, decide, skip.

Invariant: what cannot be taken back shows what follows from it before it is confirmed.
"""

from __future__ import annotations

import msgspec

from gateway.api.deliveries import DeliveryPage
from gateway.api.destinations import DestinationList
from gateway.api.failures import DeliveryOptions
from gateway.api.messages import MessageDetail
from gateway.console.asking import ask
from gateway.console.legible import legible
from gateway.console.links import chosen, link
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.storage.clients import Scope
from gateway.storage.orders import DeliveryDone, Verdict
from gateway.storage.queries_deliveries import DeliveryDetail
from gateway.storage.queries_lanes import LaneDetail

HERE = "/console/deliveries"
DOUBTS = "/console/doubts"
_MOST_READ = 8


class Because(msgspec.Struct, frozen=True, kw_only=True):
    """Why."""

    reason: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it, and how that is known."""

    verdict: Verdict
    reason: str


class Doubted(msgspec.Struct, frozen=True, kw_only=True):
    """Which doubts."""

    destination: str = ""
    cursor: str = ""


async def show_delivery(visit: Visit) -> Response:
    """Everything about one delivery."""
    return Shown(template="deliveries/one.html", values=await _values(visit))


async def _values(visit: Visit) -> dict[str, object]:
    detail = await ask(visit, "get_delivery", DeliveryDetail, path=visit.path)
    options = await ask(visit, "get_delivery_options", DeliveryOptions, path=visit.path)
    return {
        "detail": detail,
        "each": detail.delivery,
        "options": options,
        "may": visit.viewer.may(Scope.DELIVERIES_OPERATE),
        "reads": visit.viewer.may(Scope.MESSAGES_READ),
    }


async def retry(visit: Visit) -> Response:
    """Send it again."""
    return await _act(visit, "retry_delivery", "delivery.told_retry")


async def ask_partner(visit: Visit) -> Response:
    """Ask the partner again."""
    return await _act(visit, "ask_partner", "delivery.told_ask")


async def look_at_skip(visit: Visit) -> Response:
    """What follows from skipping it."""
    values = await _values(visit)
    detail = await ask(visit, "get_delivery", DeliveryDetail, path=visit.path)
    where = {"destination": detail.delivery.destination, "dossier": detail.delivery.dossier}
    lane = await ask(visit, "get_lane", LaneDetail, path=where)
    rest = [item for item in lane.queue if item.id != detail.delivery.id]
    return Shown(
        template="deliveries/skip.html", values={**values, "lane": lane.lane, "next": rest[:1], "rest": rest}
    )


async def skip(visit: Visit) -> Response:
    """Never send it."""
    return await _act(visit, "skip_delivery", "delivery.told_skip")


async def _act(visit: Visit, route: str, message: str) -> Response:
    await ask(visit, route, DeliveryDone, path=visit.path, body={"reason": visit.form_as(Because).reason})
    return Moved(to=_here(visit), message=message)


async def look_at_resolve(visit: Visit) -> Response:
    """What was sent, and what follows from each decision."""
    return Shown(template="deliveries/resolve.html", values=await _values(visit))


async def resolve(visit: Visit) -> Response:
    """Say what became of it."""
    form = visit.form_as(Decision)
    body = {"verdict": form.verdict, "reason": form.reason}
    await ask(visit, "resolve_delivery", DeliveryDone, path=visit.path, body=body)
    return Moved(to=_here(visit), message="delivery.told_resolve")


async def read_contents(visit: Visit) -> Response:
    """The latest exchanges, decoded beside raw, personal data masked."""
    reason = visit.form_as(Because).reason
    values = await _values(visit)
    detail = await ask(visit, "get_delivery", DeliveryDetail, path=visit.path)
    numbers = [message for attempt in detail.attempts for message in attempt.messages][-_MOST_READ:]
    read = []
    for number in numbers:
        path, query = {"message": number}, {"reason": reason, "body": True}
        entry = await ask(visit, "get_message", MessageDetail, path=path, query=query)
        read.append({"entry": entry, "decoded": legible(entry.body_text)})
    return Shown(
        template="deliveries/contents.html", values={**values, "read": read, "title": "delivery.contents"}
    )


async def show_doubts(visit: Visit) -> Response:
    """Every delivery in doubt, newest first."""
    query = visit.query_as(Doubted)
    page = await ask(visit, "list_deliveries", DeliveryPage, query={**chosen(query), "state": "in_doubt"})
    known = (await ask(visit, "list_destinations", DestinationList)).items
    values = {
        "page": page,
        "query": query,
        "names": [item.name for item in known],
        "may": visit.viewer.may(Scope.DELIVERIES_OPERATE),
        "next": link(DOUBTS, {**chosen(query), "cursor": page.next}) if page.next else "",
    }
    return Shown(template="deliveries/doubts.html", values=values)


def _here(visit: Visit) -> str:
    return f"{HERE}/{visit.path['delivery']}"


_READ = Scope.DELIVERIES_READ
_OPERATE = Scope.DELIVERIES_OPERATE
_ONE = f"{HERE}/{{delivery}}"
PAGES: tuple[Page, ...] = (
    Page(
        path=DOUBTS,
        name="doubts",
        title="doubts.title",
        scope=_READ,
        view=show_doubts,
        query=Doubted,
        group="work",
    ),
    Page(path=_ONE, name="delivery", title="delivery.title", scope=_READ, view=show_delivery),
    Page(
        path=f"{_ONE}/skip",
        name="delivery_skip",
        title="delivery.skip_title",
        scope=_OPERATE,
        view=look_at_skip,
    ),
    Page(
        path=f"{_ONE}/resolve",
        name="delivery_resolve",
        title="delivery.resolve_title",
        scope=_OPERATE,
        view=look_at_resolve,
    ),
)
ACTIONS: tuple[Action, ...] = (
    Action(path=f"{_ONE}/retry", name="delivery_retry", scope=_OPERATE, view=retry, form=Because),
    Action(path=f"{_ONE}/ask", name="delivery_ask", scope=_OPERATE, view=ask_partner, form=Because),
    Action(path=f"{_ONE}/skip", name="delivery_skip", scope=_OPERATE, view=skip, form=Because),
    Action(path=f"{_ONE}/resolve", name="delivery_resolve", scope=_OPERATE, view=resolve, form=Decision),
    Action(
        path=f"{_ONE}/contents",
        name="delivery_contents",
        scope=Scope.MESSAGES_READ,
        view=read_contents,
        form=Because,
    ),
)
