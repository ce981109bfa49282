"""Money that fits nothing that was asked for: the list, and one with what can be done about it.

Invariant: nothing is given to a payment here; it is put before a second person.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.api.payments import OrphanPage, PaymentPage
from gateway.api.problem import Refused
from gateway.console.asking import ask
from gateway.console.links import chosen, link, to_approval
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.words import say
from gateway.payments.views import OrphanView
from gateway.storage.clients import Scope
from gateway.storage.payment_orders import DecisionDone

LIST = "/console/payments/orphans"
STATES = ("open", "matched", "refunded")
KINDS = {"open": "bad", "matched": "good", "refunded": "plain"}
Text = Annotated[str, Meta(max_length=1000)]


class OrphanSearch(msgspec.Struct, frozen=True, kw_only=True):
    """Which; ``state`` left out: those that nobody has dealt with."""

    state: Text = "open"
    destination: Text = ""
    reference: Text = ""
    cursor: Text = ""


class AdoptForm(msgspec.Struct, frozen=True, kw_only=True):
    """To which attempt: ``attempt`` of the list, or ``other`` by its reference."""

    document: Text
    reason: Text
    attempt: Text = ""
    other: Text = ""


class GivenBackForm(msgspec.Struct, frozen=True, kw_only=True):
    """By which paper."""

    document: Text
    reason: Text


def state_of(orphan: OrphanView) -> str:
    """One of ``STATES``."""
    if orphan.refunded_at is not None:
        return "refunded"
    return "open" if orphan.matched_at is None else "matched"


async def orphans(visit: Visit) -> Response:
    """The list, newest first."""
    search = visit.query_as(OrphanSearch)
    query = {**chosen(search), "state": "" if search.state == "all" else search.state}
    page = await ask(visit, "list_orphans", OrphanPage, query=query)
    return Shown(
        template="payments/orphans.html",
        values={
            "page": page,
            "search": search,
            "states": STATES,
            "kinds": KINDS,
            "state_of": state_of,
            "following": page.next and link(LIST, {**chosen(search, "cursor"), "cursor": page.next}),
        },
    )


async def orphan(visit: Visit) -> Response:
    """One, with payments that it could have been meant for."""
    number = int(visit.path["orphan"])
    found = await ask(visit, "get_orphan", OrphanView, path={"orphan": number})
    candidates = PaymentPage(items=[], next=None)
    if state_of(found) == "open" and found.amount:
        query = {"destination": found.destination, "state": "open", "amount": found.amount, "limit": 10}
        candidates = await ask(visit, "list_payments", PaymentPage, query=query)
    return Shown(
        template="payments/orphan.html",
        values={
            "orphan": found,
            "state": state_of(found),
            "kinds": KINDS,
            "candidates": [each for each in candidates.items if each.attempt is not None],
            "may": visit.viewer.may(Scope.PAYMENTS_WRITE),
        },
    )


async def adopt(visit: Visit) -> Response:
    """Propose that it is the payment of an attempt."""
    form = visit.form_as(AdoptForm)
    other = form.other.strip()
    attempt = form.attempt
    if other:
        found = await ask(visit, "list_payments", PaymentPage, query={"reference": other, "limit": 2})
        attempt = str(found.items[0].attempt) if len(found.items) == 1 else ""
    if not attempt:
        raise Refused("invalid", say(visit.language, "payments.orphan_choose"))
    return await _propose(visit, {"kind": "adopt", "attempt": attempt}, form.document, form.reason)


async def given_back(visit: Visit) -> Response:
    """Propose to record that it was given back."""
    form = visit.form_as(GivenBackForm)
    return await _propose(visit, {"kind": "refund_orphan"}, form.document, form.reason)


async def _propose(visit: Visit, what: dict[str, Any], document: str, reason: str) -> Response:
    body = {**what, "orphan": str(visit.path["orphan"]), "document": document, "reason": reason}
    done = await ask(visit, "propose_decision", DecisionDone, body=body)
    where = to_approval(visit, done.decision, f"{LIST}/{visit.path['orphan']}")
    return Moved(to=where, message="payments.decision_waits")


PAGES = (
    Page(
        path=LIST,
        name="orphans",
        title="payments.orphans",
        scope=Scope.PAYMENTS_READ,
        view=orphans,
        query=OrphanSearch,
    ),
    Page(
        path=LIST + "/{orphan}",
        name="orphan",
        title="payments.orphan",
        scope=Scope.PAYMENTS_READ,
        view=orphan,
    ),
)
ACTIONS = (
    Action(
        path=LIST + "/{orphan}/adopt",
        name="orphan",
        scope=Scope.PAYMENTS_WRITE,
        view=adopt,
        form=AdoptForm,
    ),
    Action(
        path=LIST + "/{orphan}/given-back",
        name="orphan",
        scope=Scope.PAYMENTS_WRITE,
        view=given_back,
        form=GivenBackForm,
    ),
)
