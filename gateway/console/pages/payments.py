"""Payments: the list, and one payment with its story and both sides' words about it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.actions import ActionPage
from gateway.api.messages import MessagePage
from gateway.api.payments import PaymentPage
from gateway.api.reconciliation import ItemPage
from gateway.console.asking import answered, ask
from gateway.console.links import chosen, day_of, link, morning
from gateway.console.page import Action, Download, Page, Response, Shown, Visit
from gateway.console.payment_story import Told, both_sides, story
from gateway.console.reasons import Reasoned
from gateway.domain.payment import ABANDONABLE, SETTLED, AttemptState, RequestState
from gateway.domain.reconciliation import Item
from gateway.payments.views import PaymentView
from gateway.storage.clients import Scope
from gateway.storage.queries_payments import PaymentTroubles

LIST = "/console/payments"
MOST_REFERENCES = 10
Given = Annotated[str, Meta(max_length=300)]
REQUEST_KIND = {
    RequestState.OPEN: "warn",
    RequestState.PAID: "good",
    RequestState.PARTLY_REFUNDED: "plain",
    RequestState.REFUNDED: "plain",
    RequestState.CANCELLED: "plain",
}
ATTEMPT_KIND = {
    AttemptState.CREATED: "plain",
    AttemptState.INIT_UNKNOWN: "warn",
    AttemptState.REDIRECTED: "plain",
    AttemptState.PENDING: "warn",
    AttemptState.PAID: "good",
    AttemptState.FAILED: "plain",
    AttemptState.EXPIRED: "plain",
    AttemptState.QUARANTINED: "bad",
    AttemptState.DUPLICATE_PAID: "bad",
}
TROUBLES = {
    "quarantined": f"{LIST}?attempt=quarantined",
    "paid_twice": f"{LIST}?attempt=duplicate_paid",
    "unknown": f"{LIST}?attempt=init_unknown",
    "unasked": f"{LIST}?state=open",
    "orphans": f"{LIST}/orphans?state=open",
    "receipts": f"{LIST}?state=paid",
    "refunds": "/console/approvals?kind=payment.refund",
    "decisions": "/console/approvals",
}


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which payments; the API judges what is given. ``from`` and ``to``: days, both inclusive."""

    dossier: Given = ""
    destination: Given = ""
    state: Given = ""
    attempt: Given = ""
    reference: Given = ""
    transaction: Given = ""
    amount: Given = ""
    start: Given = msgspec.field(name="from", default="")
    end: Given = msgspec.field(name="to", default="")
    cursor: Given = ""


def plain_amount(text: str) -> str:
    """An amount as people write it, 1.250.000 or 1 250 000, in the API's digits."""
    bare = text.strip().removesuffix("đ").replace(".", "").replace(" ", "").replace("\u00a0", "")
    return bare if bare.isdigit() else text


async def payments(visit: Visit) -> Response:
    """The list, newest first, under what needs a person."""
    search = visit.query_as(Search)
    query = {
        **chosen(search, "from", "to", "amount"),
        "amount": plain_amount(search.amount),
        "from": morning(day_of(search.start, "from")),
        "to": morning(day_of(search.end, "to"), after=1),
    }
    page = await ask(visit, "list_payments", PaymentPage, query=query)
    troubles = await ask(visit, "get_payment_troubles", PaymentTroubles)
    return Shown(
        template="payments/list.html",
        values={
            "page": page,
            "search": search,
            "troubles": [
                (name, getattr(troubles, name), href)
                for name, href in TROUBLES.items()
                if getattr(troubles, name)
            ],
            "states": list(RequestState),
            "attempts": list(AttemptState),
            "kinds": REQUEST_KIND,
            "attempt_kinds": ATTEMPT_KIND,
            "following": page.next and link(LIST, {**chosen(search, "cursor"), "cursor": page.next}),
            "first": link(LIST, chosen(search, "cursor")) if search.cursor else "",
            "filtered": any(chosen(search, "cursor").values()),
        },
    )


async def payment(visit: Visit) -> Response:
    """One payment."""
    number = int(visit.path["payment"])
    found = await ask(visit, "get_payment", PaymentView, path={"payment": number})
    items = await items_of(visit, found)
    told = Told(
        payment=found,
        items=items,
        messages=await _messages(visit, found),
        actions=await _actions(visit, found),
    )
    newest = found.attempts[-1] if found.attempts else None
    return Shown(
        template="payments/one.html",
        values={
            "payment": found,
            "sides": both_sides(found, items),
            "story": story(told),
            "items": items,
            "newest": newest,
            "kinds": REQUEST_KIND,
            "attempt_kinds": ATTEMPT_KIND,
            "may": visit.viewer.may(Scope.PAYMENTS_WRITE),
            "reads_log": visit.viewer.may(Scope.MESSAGES_READ),
            "decisions": decisions_for(found),
            "refundable": [each for each in found.attempts if each.state in SETTLED],
            "reads_people": visit.viewer.may(Scope.PERSONAL_READ),
            "receipt": next((each for each in found.receipts if each.state == "kept"), None),
        },
    )


async def items_of(visit: Visit, found: PaymentView) -> list[Item]:
    """What reconciliations found about the newest attempts of a payment, newest look last."""
    items: list[Item] = []
    for each in found.attempts[-MOST_REFERENCES:]:
        query = {"reference": each.reference, "destination": found.destination}
        items += (await ask(visit, "list_payment_items", ItemPage, query=query)).items
    return sorted(items, key=lambda item: item.at)


def decisions_for(found: PaymentView) -> dict[str, list[str]]:
    """Which decisions can be proposed about which attempt."""
    return {each.id: possible for each in found.attempts if (possible := _possible(each.state))}


def _possible(state: AttemptState) -> list[str]:
    if state is AttemptState.QUARANTINED:
        return ["accept", "reject"]
    if state in SETTLED:
        return ["excess"]
    return ["settle", "give_up"] if state in ABANDONABLE else ["settle"]


async def _messages(visit: Visit, found: PaymentView) -> MessagePage | None:
    if not visit.viewer.may(Scope.MESSAGES_READ):
        return None
    query = {"dossier": found.dossier, "channel": found.destination, "limit": 200}
    return await ask(visit, "list_messages", MessagePage, query=query)


async def _actions(visit: Visit, found: PaymentView) -> ActionPage | None:
    if not visit.viewer.may(Scope.LOG_READ):
        return None
    query = {"target": f"{found.destination}/{found.dossier}", "limit": 200}
    return await ask(visit, "list_actions", ActionPage, query=query)


async def receipt(visit: Visit) -> Response:
    """The receipt's file, for a reason."""
    number = int(visit.path["payment"])
    why = {"reason": visit.form_as(Reasoned).reason}
    answer = await answered(visit, "get_receipt", path={"payment": number}, query=why)
    return Download(
        content=answer.content or b"", media_type=answer.media_type, filename=f"bien-lai-{number}.pdf"
    )


PAGES = (
    Page(
        path=LIST,
        name="payments",
        title="payments.title",
        scope=Scope.PAYMENTS_READ,
        view=payments,
        query=Search,
        group="partners",
    ),
)
LAST_PAGES = (
    Page(
        path=LIST + "/{payment}",
        name="payment",
        title="payments.one",
        scope=Scope.PAYMENTS_READ,
        view=payment,
    ),
)
ACTIONS = (
    Action(
        path=LIST + "/{payment}/receipt",
        name="payment",
        scope=Scope.PAYMENTS_READ,
        view=receipt,
        form=Reasoned,
    ),
)
