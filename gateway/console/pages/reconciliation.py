"""Both ledgers on one page: a period by day and class, what is open, and each item with its evidence and ways to settle it.

Invariant: a figure comes from the same rows as the list beside it; an item shows what was found then beside what our books
say now.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.jobs import RunPage
from gateway.api.reconciliation import ItemPage
from gateway.console.asking import ask
from gateway.console.links import chosen, day_of, link
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.pages.payments import ATTEMPT_KIND, REQUEST_KIND, decisions_for
from gateway.console.payment_story import both_sides
from gateway.console.render import VIETNAM
from gateway.domain.ledger import Ledger
from gateway.domain.payment import SETTLED
from gateway.domain.reconciliation import Item, Kind, Repair
from gateway.payments.reconcile import NAME as JOB
from gateway.payments.reconcile import Resolved
from gateway.payments.views import PaymentView
from gateway.storage.clients import Scope

HOME = "/console/payments/reconciliation"
USUAL_DAYS = 7
Text = Annotated[str, Meta(max_length=1000)]
KINDS = {
    Kind.MATCHED: "good",
    Kind.PAID_HERE_NOT_THERE: "bad",
    Kind.PAID_THERE_NOT_HERE: "bad",
    Kind.AMOUNT_DIFFERS: "bad",
    Kind.DUPLICATE: "bad",
    Kind.ORPHAN: "bad",
    Kind.REFUNDED: "plain",
    Kind.UNANSWERED: "warn",
}
ASKING = frozenset({Repair.APPLY_EVIDENCE, Repair.ASK_AGAIN, Repair.ASK_PLATFORM})
"""Repairs that asking the platform now may end, or bring nearer."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Days, both inclusive; the last week without. ``shown``: open items, or all of the period's one day."""

    start: Text = msgspec.field(name="from", default="")
    end: Text = msgspec.field(name="to", default="")
    destination: Text = ""
    kind: Text = ""
    shown: Annotated[str, Meta(pattern="^(|open|all)$")] = ""
    cursor: Text = ""


class ResolveForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing more is to be done."""

    reason: Text


def days_of(visit: Visit, period: Period) -> tuple[date, date]:
    """First and last day; the week that ended yesterday where none is given."""
    yesterday = visit.now.astimezone(VIETNAM).date() - timedelta(days=1)
    first, last = day_of(period.start, "from"), day_of(period.end, "to")
    if first is None and last is None:
        return yesterday - timedelta(days=USUAL_DAYS - 1), yesterday
    return first or last or yesterday, last or first or yesterday


async def reconciliation(visit: Visit) -> Response:
    """Both ledgers over a period."""
    period = visit.query_as(Period)
    first, last = days_of(visit, period)
    query = {"from": first.isoformat(), "to": last.isoformat(), "destination": period.destination}
    ledger = await ask(visit, "get_payment_ledger", Ledger, query=query)
    whole_day = first == last and period.shown != "open"
    wanted = {
        "destination": period.destination,
        "kind": period.kind,
        "date": first.isoformat() if whole_day else "",
        "state": "" if whole_day else "open",
        "cursor": period.cursor,
        "limit": 100,
    }
    page = await ask(visit, "list_payment_items", ItemPage, query=wanted)
    here = {**chosen(period, "cursor"), "from": first.isoformat(), "to": last.isoformat()}
    return Shown(
        template="reconciliation/home.html",
        values={
            "ledger": ledger,
            "period": period,
            "page": page,
            "whole_day": whole_day,
            "kinds": KINDS,
            "all_kinds": list(Kind),
            "runs": await _runs(visit),
            "following": page.next and link(HOME, {**here, "cursor": page.next}),
            "may": visit.viewer.may(Scope.PAYMENTS_WRITE),
            "live": link(HOME, {**here, "cursor": period.cursor}),
        },
    )


async def _runs(visit: Visit) -> RunPage | None:
    if not visit.viewer.may(Scope.DELIVERIES_READ):
        return None
    return await ask(visit, "list_job_runs", RunPage, path={"job": JOB}, query={"limit": 5})


async def item(visit: Visit) -> Response:
    """One item: what was found, what our books say now, and what can be done."""
    number = int(visit.path["item"])
    found = await ask(visit, "get_payment_item", Item, path={"item": number})
    payment = None
    if found.payment is not None:
        payment = await ask(visit, "get_payment", PaymentView, path={"payment": int(found.payment)})
    attempt = (
        None
        if payment is None
        else next((each for each in payment.attempts if each.id == found.attempt), None)
    )
    return Shown(
        template="reconciliation/item.html",
        values={
            "item": found,
            "payment": payment,
            "attempt": attempt,
            "now_here": None if payment is None else both_sides(payment, []),
            "settled_here": attempt is not None and attempt.state in SETTLED,
            "decisions": {} if payment is None else decisions_for(payment),
            "asking": payment is not None and found.repair in ASKING,
            "kinds": KINDS,
            "attempt_kinds": ATTEMPT_KIND,
            "request_kinds": REQUEST_KIND,
            "may": visit.viewer.may(Scope.PAYMENTS_WRITE),
            "here": f"{HOME}/items/{found.id}",
        },
    )


async def resolve(visit: Visit) -> Response:
    """End an open item."""
    number = int(visit.path["item"])
    body = {"reason": visit.form_as(ResolveForm).reason}
    await ask(visit, "resolve_payment_item", Resolved, path={"item": number}, body=body)
    return Moved(to=f"{HOME}/items/{number}", message="reconciliation.resolved")


PAGES = (
    Page(
        path=HOME,
        name="reconciliation",
        title="reconciliation.title",
        scope=Scope.PAYMENTS_READ,
        view=reconciliation,
        query=Period,
        group="partners",
    ),
    Page(
        path=HOME + "/items/{item}",
        name="reconciliation_item",
        title="reconciliation.item",
        scope=Scope.PAYMENTS_READ,
        view=item,
    ),
)
ACTIONS = (
    Action(
        path=HOME + "/items/{item}/resolve",
        name="reconciliation_item",
        scope=Scope.PAYMENTS_WRITE,
        view=resolve,
        form=ResolveForm,
    ),
)
