"""Events for the one-door system over HTTP: the feed with its cursor, and endpoints to push to."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.inputs import Word
from gateway.api.problem import invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.violation import Violation, shown
from gateway.inbound.addresses import masked
from gateway.inbound.feed import FeedPage
from gateway.inbound.webhooks import Endpoint
from gateway.storage.clients import Scope

MOST_KINDS = 20
Position = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Kind = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$(?!\n)")]


class FeedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """From where, how much, and how long to wait when there is nothing yet."""

    after: Annotated[int, Meta(ge=0, le=2**63 - 1, description="`next` of the last answer; 0 at first.")] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    wait: Annotated[int, Meta(ge=0, le=60, description="Seconds, at most `api.long_poll`.")] = 0
    kinds: Annotated[
        str,
        Meta(
            max_length=1000,
            pattern=r"^([a-z0-9_.]+(,[a-z0-9_.]+)*)?$(?!\n)",
            description="Kinds of events, separated by commas; empty for all.",
            examples=["delivery.delivered,delivery.rejected"],
        ),
    ] = ""


class WebhookOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to register. ``kinds`` empty: every kind. ``after``: from this position on, else from now."""

    url: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=2000,
            pattern=r"^[\x21-\x7e]+$(?!\n)",
            examples=["https://motcua.h99.example/hooks/lienthong"],
        ),
    ]
    kinds: Annotated[list[Kind], Meta(max_length=MOST_KINDS)] = []
    after: Position | None = None


class WebhookResumption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send again to an endpoint that was given up. ``after`` may leave out what it cannot take."""

    reason: Word
    after: Position | None = None


class WebhookRotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new secret. ``overlap``: seconds for which the one so far signs, too."""

    reason: Word
    overlap: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 86_400


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """Every registered endpoint."""

    items: list[Endpoint]


async def read_feed(api: Api, call: Call) -> Answer:
    """Events after a position; waits for one when there is none."""
    query = call.query_as(FeedQuery)
    kinds = tuple(kind for kind in query.kinds.split(",") if kind)
    if len(kinds) > MOST_KINDS:
        raise invalid(
            "too many kinds",
            Violation(
                pointer="/query/kinds",
                code="too_many",
                got=shown(str(len(kinds))),
                expected=f"at most {MOST_KINDS}",
                advice="leave it empty and choose yourself",
            ),
        )
    wait = min(float(query.wait), api.settings.long_poll)
    reading = asyncio.create_task(api.gateway.feed.page(query.after, query.limit, wait, kinds))
    ending = asyncio.create_task(api.stopping.wait())
    try:
        await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
        # a gateway that ends lets nobody wait; the reader asks the next one with the same cursor
        page = reading.result() if reading.done() else FeedPage(events=[], next=query.after)
    finally:
        reading.cancel()
        ending.cancel()
    return Answer(value=page)


async def list_webhooks(api: Api, call: Call) -> Answer:
    """Every endpoint; what an address may carry as a key only for those who manage them."""
    found = await api.gateway.webhooks.list()
    if not call.may(Scope.WEBHOOKS_MANAGE):
        found = [msgspec.structs.replace(each, url=masked(each.url)) for each in found]
    return Answer(value=WebhookList(items=found))


async def create_webhook(api: Api, call: Call) -> Answer:
    """Register an endpoint; its secret is shown this once."""
    order = call.body_as(WebhookOrder)
    created = await api.gateway.webhooks.create(order.url, order.kinds, actor=call.actor, after=order.after)
    return Answer(value=created, status=201, headers=(("location", f"/v1/webhooks/{created.endpoint.id}"),))


async def delete_webhook(api: Api, call: Call) -> Answer:
    """Stop sending to an endpoint for ever."""
    await api.gateway.webhooks.delete(str(call.path["webhook"]), actor=call.actor)
    return Answer(status=204, content=b"")


async def enable_webhook(api: Api, call: Call) -> Answer:
    """Send again to an endpoint that was given up."""
    order = call.body_as(WebhookResumption)
    endpoint = await api.gateway.webhooks.enable(
        str(call.path["webhook"]), actor=call.actor, reason=order.reason, after=order.after
    )
    return Answer(value=endpoint)


async def rotate_webhook(api: Api, call: Call) -> Answer:
    """A new secret for an endpoint, shown this once."""
    order = call.body_as(WebhookRotation)
    revealed = await api.gateway.webhooks.rotate(
        str(call.path["webhook"]), actor=call.actor, reason=order.reason, overlap=order.overlap
    )
    return Answer(value=revealed)


async def test_webhook(api: Api, call: Call) -> Answer:
    """Send one test event to an endpoint and tell what it answered."""
    return Answer(value=await api.gateway.webhooks.test(str(call.path["webhook"]), actor=call.actor))
