"""Reconciling from the console: a run that looks first, its progress, and settlement files that are handed in.

Invariant: nothing is written down before a dry run was looked at, unless the reader says so on its page; nothing settles
without being told to.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.problem import Refused
from gateway.console.asking import ask
from gateway.console.links import day_of, link
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.pages.reconciliation import HOME, KINDS
from gateway.console.words import say
from gateway.domain.reconciliation import Item, Kind
from gateway.payments.settlement_import import TakenIn
from gateway.storage.clients import Scope
from gateway.storage.queries_jobs import RunView

Text = Annotated[str, Meta(max_length=1000)]
GOING = frozenset({"queued", "running"})
STATES = {"queued": "plain", "running": "plain", "done": "good", "failed": "bad", "interrupted": "warn"}


class StartForm(msgspec.Struct, frozen=True, kw_only=True):
    """A run over ``date``; without it every day since the last one. ``really``: write down what is found; else look
    only. ``apply``: settle what is proved."""

    date: Text = ""
    destination: Text = ""
    really: bool = False
    apply: bool = False


class FileForm(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement file, or its lines as ``text``."""

    date: Text
    destination: Text
    text: Annotated[str, Meta(max_length=200_000)] = ""


async def start(visit: Visit) -> Response:
    """Order a run; its page shows how far it is."""
    form = visit.form_as(StartForm)
    chosen_day = day_of(form.date, "date")
    body: dict[str, Any] = {"dry_run": not form.really, "apply": form.apply}
    body |= {"date": chosen_day.isoformat()} if chosen_day else {}
    body |= {"destination": form.destination} if form.destination else {}
    run = await ask(visit, "start_payment_reconciliation", RunView, body=body)
    return Moved(to=f"{HOME}/runs/{run.id}")


async def run(visit: Visit) -> Response:
    """One run: its progress, then what it found."""
    number = int(visit.path["run"])
    found = await ask(visit, "get_run", RunView, path={"run": number})
    summary = found.summary
    items = msgspec.convert(summary.get("items", []), list[Item])
    given = found.parameters.get("date", "")
    days = [date.fromisoformat(each) for each in summary.get("days", [])]
    return Shown(
        template="reconciliation/run.html",
        values={
            "run": found,
            "going": found.state in GOING,
            "state_kind": STATES[found.state],
            "summary": summary,
            "classes": [
                (kind, summary["classes"][kind]) for kind in Kind if summary.get("classes", {}).get(kind)
            ],
            "items": items,
            "kinds": KINDS,
            "given": given,
            "ledger": link(HOME, {"from": min(days), "to": max(days)}) if days else HOME,
            "may": visit.viewer.may(Scope.PAYMENTS_WRITE),
        },
    )


async def hand_in(visit: Visit) -> Response:
    """Take in a settlement file, and say what became of it."""
    form = visit.form_as(FileForm)
    content, name = form.text.encode(), "dan-tay.csv"
    if visit.upload is not None and visit.upload.content:
        content, name = visit.upload.content, visit.upload.name or "settlement"
    if not content.strip():
        raise Refused("invalid", say(visit.language, "reconciliation.no_file"))
    query = {"date": form.date, "destination": form.destination, "name": name}
    taken = await ask(visit, "hand_in_settlement_file", TakenIn, query=query, content=content)
    return Shown(
        template="reconciliation/file.html",
        values={
            "title": "reconciliation.file_taken",
            "taken": taken,
            "day": day_of(form.date, "date"),
            "destination": form.destination,
        },
    )


PAGES = (
    Page(
        path=HOME + "/runs/{run}",
        name="reconciliation_run",
        title="reconciliation.run",
        scope=Scope.DELIVERIES_READ,
        view=run,
    ),
)
ACTIONS = (
    Action(
        path=HOME + "/start",
        name="reconciliation",
        scope=Scope.PAYMENTS_WRITE,
        view=start,
        form=StartForm,
    ),
    Action(
        path=HOME + "/files",
        name="reconciliation",
        scope=Scope.PAYMENTS_WRITE,
        view=hand_in,
        form=FileForm,
        upload="file",
    ),
)
