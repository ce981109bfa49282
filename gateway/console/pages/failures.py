"""Failures by cause, and sending them again: what would happen first, then a run with its progress.

Invariant: what is sent again is what the page before has listed; a second person is never needed for it, since nothing
in doubt is among it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.api.deliveries import DeliveryPage
from gateway.api.destinations import DestinationList
from gateway.api.failures import FailureList
from gateway.api.problem import Refused
from gateway.api.retry_runs import CauseChoice, RetryRunAnswer, RetryRunPage
from gateway.console.asking import ask
from gateway.console.links import chosen, link
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.storage.clients import Scope
from gateway.storage.queries_failures import Trouble
from gateway.storage.queries_retry_runs import RetryRunView

HERE = "/console/failures"
RETRYABLE = ("rejected", "parked")
_LOOK = "xem trước"  # a dry run is no act: nothing keeps its reason
_LATEST_RUNS = 5


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which failures."""

    destination: str = ""
    state: str = ""


class InCause(msgspec.Struct, frozen=True, kw_only=True):
    """The deliveries of one cause."""

    destination: str
    state: Trouble
    operation: str = ""
    code: str = ""
    cursor: str = ""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen on a list. ``every``: all causes that the page lists with this filter."""

    cause: list[str] = []
    delivery: list[str] = []
    every: str = ""
    destination: str = ""
    state: str = ""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done. ``doubted``: also what was in doubt before."""

    reason: str
    cause: list[str] = []
    delivery: list[str] = []
    per_minute: int | None = None
    doubted: str = ""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of a run."""

    verb: Literal["pause", "resume", "stop"]
    reason: str
    per_minute: int | None = None


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs."""

    cursor: str = ""


async def show_failures(visit: Visit) -> Response:
    """The causes, with what to do, and the runs that go on."""
    query = visit.query_as(Filter)
    found = await ask(visit, "list_failures", FailureList, query=chosen(query))
    runs = (await ask(visit, "list_retry_runs", RetryRunPage, query={"limit": _LATEST_RUNS})).items
    known = (await ask(visit, "list_destinations", DestinationList)).items
    rows = [
        {
            "group": item.group,
            "cause": item.cause,
            "value": _value(item.group.destination, item.group.state, item.group.operation, item.group.code)
            if item.group.state in RETRYABLE
            else "",
            "link": _deliveries_of(item.group),
        }
        for item in found.items
    ]
    acting = [item.group.count for item in found.items if item.group.state in RETRYABLE]
    values = {
        "rows": rows,
        "found": found,
        "acting": sum(acting),
        "groups": len(acting),
        "runs": runs,
        "busy": any(run.state == "running" or run.under_way for run in runs),
        "names": [item.name for item in known],
        "titles": {item.name: (item.title_vi if visit.language == "vi" else item.title) for item in known},
        "query": query,
        "may": visit.viewer.may(Scope.DELIVERIES_OPERATE),
        "here_link": link(HERE, chosen(query)),
    }
    return Shown(template="failures/list.html", values=values)


def _value(destination: str, state: str, operation: str, code: str | None) -> str:
    """A cause as a form carries it."""
    given = {"destination": destination, "state": state, "operation": operation, "code": code}
    return msgspec.json.encode({name: value for name, value in given.items() if value}).decode()


def _deliveries_of(group: object) -> str:
    names = ("destination", "state", "operation", "code")
    where = {name: getattr(group, name) for name in names}
    if where["state"] == "in_doubt":
        return link("/console/doubts", {"destination": where["destination"]})
    return link(f"{HERE}/deliveries", where)


async def show_deliveries(visit: Visit) -> Response:
    """The deliveries of one cause, to choose from."""
    query = visit.query_as(InCause)
    page = await ask(visit, "list_deliveries", DeliveryPage, query={**chosen(query), "limit": 100})
    group = await ask(visit, "list_failures", FailureList, query=chosen(query, "cursor"))
    values = {
        "page": page,
        "group": group.items[0] if group.items else None,
        "query": query,
        "value": _value(query.destination, query.state, query.operation, query.code),
        "next": link(f"{HERE}/deliveries", {**chosen(query), "cursor": page.next}) if page.next else "",
        "may": visit.viewer.may(Scope.DELIVERIES_OPERATE) and query.state != "in_doubt",
    }
    return Shown(template="failures/deliveries.html", values=values)


async def look_first(visit: Visit) -> Response:
    """What a run would do with what was chosen."""
    form = visit.form_as(Choice)
    causes = list(form.cause)
    if form.every:
        query = {"destination": form.destination, "state": form.state}
        found = await ask(visit, "list_failures", FailureList, query=query)
        groups = [item.group for item in found.items if item.group.state in RETRYABLE]
        causes = [_value(each.destination, each.state, each.operation, each.code) for each in groups]
    if not causes and not form.delivery:
        return Moved(to=HERE, message="failures.nothing_chosen")
    body = {"causes": _read(causes), "deliveries": form.delivery, "reason": _LOOK, "dry_run": True}
    plan = await ask(visit, "start_retry_run", RetryRunAnswer, body=body)
    total = sum(item.plan.deliveries for item in plan.items)
    values = {
        "title": "failures.look_title",
        "plans": plan.items,
        "total": total,
        "left_out": sum(item.plan.left_out for item in plan.items),
        "seconds": max((item.plan.seconds for item in plan.items), default=0.0),
        "per_minute": min((item.plan.per_minute for item in plan.items), default=60),
        "causes": causes,
        "deliveries": form.delivery,
    }
    return Shown(template="failures/look.html", values=values)


def _read(causes: list[str]) -> list[dict[str, object]]:
    """Causes as forms carry them. Refused for what is none."""
    try:
        choices = [msgspec.json.decode(each, type=CauseChoice) for each in causes]
    except msgspec.DecodeError as fault:
        raise Refused("invalid", f"form: cause: {fault}") from fault
    return [msgspec.structs.asdict(each) for each in choices]


async def begin(visit: Visit) -> Response:
    """Begin the runs."""
    form = visit.form_as(Confirmed)
    body = {
        "causes": _read(form.cause),
        "deliveries": form.delivery,
        "reason": form.reason,
        "per_minute": form.per_minute,
        "doubted": bool(form.doubted),
        "dry_run": False,
    }
    answer = await ask(visit, "start_retry_run", RetryRunAnswer, body=body)
    total = sum(item.plan.deliveries for item in answer.items)
    return Moved(to=HERE, message="failures.begun", values={"count": total})


async def show_runs(visit: Visit) -> Response:
    """Every run, newest first."""
    query = visit.query_as(Runs)
    page = await ask(visit, "list_retry_runs", RetryRunPage, query=chosen(query))
    following = link(f"{HERE}/runs", {"cursor": page.next}) if page.next else ""
    return Shown(template="failures/runs.html", values={"page": page, "next": following})


async def show_run(visit: Visit) -> Response:
    """One run with its progress."""
    run = await ask(visit, "get_retry_run", RetryRunView, path=visit.path)
    values = {"run": run, "may": visit.viewer.may(Scope.DELIVERIES_OPERATE)}
    return Shown(template="failures/run.html", values=values)


async def change_run(visit: Visit) -> Response:
    """Pause, resume or stop a run."""
    form = visit.form_as(Wish)
    body = {"reason": form.reason, "per_minute": form.per_minute}
    run = await ask(visit, f"{form.verb}_retry_run", RetryRunView, path=visit.path, body=body)
    return Moved(to=f"{HERE}/runs/{run.id}", message=f"failures.told_{form.verb}")


_READ = Scope.DELIVERIES_READ
_OPERATE = Scope.DELIVERIES_OPERATE
PAGES: tuple[Page, ...] = (
    Page(
        path=HERE,
        name="failures",
        title="failures.title",
        scope=_READ,
        view=show_failures,
        query=Filter,
        group="work",
    ),
    Page(
        path=f"{HERE}/deliveries",
        name="failures_deliveries",
        title="failures.deliveries_title",
        scope=_READ,
        view=show_deliveries,
        query=InCause,
    ),
    Page(
        path=f"{HERE}/runs",
        name="retry_runs",
        title="failures.runs_title",
        scope=_READ,
        view=show_runs,
        query=Runs,
    ),
    Page(
        path=f"{HERE}/runs/{{run}}",
        name="retry_run",
        title="failures.run_title",
        scope=_READ,
        view=show_run,
    ),
)
ACTIONS: tuple[Action, ...] = (
    Action(path=f"{HERE}/retry", name="failures_look", scope=_OPERATE, view=look_first, form=Choice),
    Action(path=f"{HERE}/begin", name="failures_begin", scope=_OPERATE, view=begin, form=Confirmed),
    Action(path=f"{HERE}/runs/{{run}}", name="retry_run", scope=_OPERATE, view=change_run, form=Wish),
)
