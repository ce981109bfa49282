"""Destinations: health, pause, limits, maintenance, certificates, catalogues, a test, answers off the contract.

Invariant: a pause is seen with what it stops before it is done, and a test changes nothing at the partner.
"""

from __future__ import annotations

import msgspec

from gateway.api.alarms import BacklogTrends
from gateway.api.destination_desk import CertificateList, DestinationDesk
from gateway.api.destinations import DestinationDetail, DestinationList
from gateway.api.problem import invalid
from gateway.console.asking import ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.pages.overview import counts_of, points_of, state_of, title_of
from gateway.console.plot import line
from gateway.console.reasons import Confirmed, Reasoned
from gateway.console.render import duration, number
from gateway.console.words import said, say
from gateway.delivery.catalogues import Refreshed
from gateway.delivery.trial import Trial
from gateway.storage.clients import Scope
from gateway.storage.orders import DestinationDone
from gateway.storage.queries_contract import Drifted
from gateway.storage.queries_pace import PauseEffect

_ANSWER_DAYS = 7
_HOURS = 24


class Refreshing(msgspec.Struct, frozen=True, kw_only=True):
    """Which catalogue to fetch now. ``parameters``: as it is cached, canonical JSON."""

    catalogue: str
    parameters: str = "{}"


async def list_all(visit: Visit) -> Response:
    """Every destination, and every certificate."""
    found = await ask(visit, "list_destinations", DestinationList)
    certificates = await ask(visit, "list_certificates", CertificateList)
    rows = [
        {"view": each, "title": title_of(visit, each), "state": state_of(each), **counts_of(each)}
        for each in found.items
    ]
    return Shown(template="destinations/list.html", values={"rows": rows, "certificates": certificates.items})


async def show(visit: Visit) -> Response:
    """One destination."""
    path = {"destination": visit.path["destination"]}
    detail = await ask(visit, "get_destination", DestinationDetail, path=path)
    desk = await ask(visit, "get_destination_desk", DestinationDesk, path=path)
    answers = await ask(visit, "get_off_contract", Drifted, path=path, query={"days": _ANSWER_DAYS})
    name = detail.destination.name
    trends = await ask(visit, "get_backlog", BacklogTrends, query={"destination": name, "hours": _HOURS})
    view = detail.destination
    return Shown(
        template="destinations/destination.html",
        values={
            "title": "destinations.title_one",
            "view": view,
            "name": title_of(visit, view),
            "state": state_of(view),
            "counts": counts_of(view),
            "desk": desk,
            "cached": {(each.name, each.parameters): each for each in detail.cached}.values(),
            "never": [
                each for each in desk.catalogues if each.name not in {kept.name for kept in detail.cached}
            ],
            "answers": answers,
            "answer_days": _ANSWER_DAYS,
            "trend": _trend(visit, trends),
            "may_operate": visit.viewer.may(Scope.DESTINATIONS_OPERATE),
            "may_read_log": visit.viewer.may(Scope.MESSAGES_READ),
        },
    )


def _trend(visit: Visit, trends: BacklogTrends) -> dict[str, object] | None:
    samples = trends.items[0].samples
    if not samples:
        return None
    most = max(each.waiting for each in samples)
    words = say(visit.language, "overview.backlog_words", last=number(samples[-1].waiting), most=number(most))
    return {
        "plot": line(points_of(samples, trends.minutes), words),
        "most": most,
        "first": samples[0].at,
        "last": samples[-1].at,
    }


async def pause(visit: Visit) -> Response:
    """Show what a pause stops; the second time, pause."""
    form, path = visit.form_as(Confirmed), {"destination": visit.path["destination"]}
    if not form.confirmed:
        effect = await ask(visit, "get_pause_effect", PauseEffect, path=path)
        detail = await ask(visit, "get_destination", DestinationDetail, path=path)
        view = detail.destination
        values = {"title": "destinations.pause_title", "view": view, "name": title_of(visit, view)}
        return Shown(
            template="destinations/pause.html", values={**values, "effect": effect, "reason": form.reason}
        )
    done = await ask(visit, "pause_destination", DestinationDone, path=path, body={"reason": form.reason})
    return _back(done.destination, "destinations.paused")


async def resume(visit: Visit) -> Response:
    """End a pause."""
    form, path = visit.form_as(Reasoned), {"destination": visit.path["destination"]}
    done = await ask(visit, "resume_destination", DestinationDone, path=path, body={"reason": form.reason})
    return _back(done.destination, "destinations.resumed")


async def test(visit: Visit) -> Response:
    """Ask the partner something harmless, and say what came of it."""
    form, path = visit.form_as(Reasoned), {"destination": visit.path["destination"]}
    trial = await ask(visit, "test_destination", Trial, path=path, body={"reason": form.reason})
    detail = await ask(visit, "get_destination", DestinationDetail, path=path)
    return Shown(
        template="destinations/test.html",
        values={
            "title": "destinations.test_title",
            "trial": trial,
            "view": detail.destination,
            "name": title_of(visit, detail.destination),
            "took": duration(visit.language, trial.seconds) if trial.seconds >= 1 else "",
            "may_read_log": visit.viewer.may(Scope.MESSAGES_READ),
        },
    )


async def refresh(visit: Visit) -> Response:
    """Fetch a catalogue now."""
    form, name = visit.form_as(Refreshing), str(visit.path["destination"])
    try:
        parameters = msgspec.json.decode(form.parameters, type=dict[str, str])
    except msgspec.MsgspecError as fault:
        raise invalid(f"parameters: {fault}") from fault
    done = await ask(
        visit,
        "refresh_catalogue",
        Refreshed,
        path={"destination": name, "catalogue": form.catalogue},
        body={"parameters": parameters},
    )
    if done.failure is None:
        return _back(name, "destinations.refreshed", catalogue=form.catalogue, entries=done.entries or 0)
    code = done.failure.partition(":")[0]
    told = said(visit.language, f"destinations.code_{code}", done.failure)
    return _back(name, "destinations.not_refreshed", catalogue=form.catalogue, failure=told)


def _back(name: str, message: str, **values: str | int) -> Moved:
    return Moved(to=f"/console/destinations/{name}", message=message, values={"name": name, **values})


_ONE = "/console/destinations/{destination}"
PAGES = (
    Page(
        path="/console/destinations",
        name="destinations",
        title="destinations.title",
        scope=Scope.DELIVERIES_READ,
        view=list_all,
        group="partners",
    ),
    Page(
        path=_ONE, name="destination", title="destinations.title_one", scope=Scope.DELIVERIES_READ, view=show
    ),
)
ACTIONS = tuple(
    Action(path=f"{_ONE}/{verb}", name=f"{verb}_destination", scope=scope, view=view, form=form)
    for verb, scope, view, form in (
        ("pause", Scope.DESTINATIONS_OPERATE, pause, Confirmed),
        ("resume", Scope.DESTINATIONS_OPERATE, resume, Reasoned),
        ("test", Scope.DESTINATIONS_OPERATE, test, Reasoned),
        ("refresh", Scope.DESTINATIONS_OPERATE, refresh, Refreshing),
    )
)
