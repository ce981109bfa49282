"""Reaching the cashier and the questions: on the database, or through the API of a gateway that has it open.

Invariant: the same request either way; through the API the actor is the key's client with the name of who calls it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.api.payments import Asked as Answered
from gateway.api.payments import PaymentOrderPreview
from gateway.api.preview import encoded
from gateway.bootstrap import Gateway
from gateway.cli.opening import actor_name, opened, require_free
from gateway.cli.options import Way
from gateway.cli.orders import actor_of
from gateway.cli.paying.asked import Asked
from gateway.cli.remote import Remote, api_of
from gateway.domain.errors import NotFoundError
from gateway.payments.cashier import PaymentWish
from gateway.payments.questions import Questioned
from gateway.storage.payment_views import PaymentView
from gateway.storage.queries_payment import payment

INSTEAD = "give the order through its API: --url URL --key-file FILE"


@asynccontextmanager
async def reached(way: Way, *, reading: bool = False) -> AsyncIterator[Gateway | Remote]:
    """A gateway opened here, or the API of a running one. ``reading``: nothing is written, so it may be beside it."""
    if way.url is not None:
        async with api_of(way) as remote:
            yield remote
        return
    if not reading:
        require_free(way.settings, instead=INSTEAD)
    async with opened(way.settings, reading=reading) as gateway:
        yield gateway


async def view_of(gateway: Gateway, identifier: int) -> PaymentView:
    """One payment; NotFoundError when there is none."""
    found = await gateway.database.read(lambda connection: payment(connection, identifier))
    if found is None:
        raise NotFoundError(f"there is no payment {identifier}")
    return found


async def create_payment(way: Way, dossier: str, asked: Asked, actor: str | None) -> PaymentView:
    """Ask for money; the payment afterwards."""
    asked.require_sense()
    async with reached(way) as door:
        if isinstance(door, Remote):
            path = f"/v1/dossiers/{quote(dossier, safe='')}/payments"
            return await door.post(path, _body(asked, actor), PaymentView)
        made = await door.payments.cashier.create(_wish(dossier, asked, actor))
        return await view_of(door, int(made.payment))


async def preview_payment(way: Way, dossier: str, asked: Asked, actor: str | None) -> PaymentOrderPreview:
    """What would be sent; nothing is written."""
    asked.require_sense()
    async with reached(way, reading=True) as door:
        if isinstance(door, Remote):
            path = f"/v1/dossiers/{quote(dossier, safe='')}/payments/preview"
            return await door.post(path, _body(asked, actor), PaymentOrderPreview)
        found = await door.payments.cashier.preview(_wish(dossier, asked, actor))
        return PaymentOrderPreview(
            destination=found.destination,
            result=found.result,
            amount=found.order.amount,
            order=found.order,
            request=encoded(door.destinations[found.destination], found.request),
        )


async def ask_payment(way: Way, identifier: int) -> Questioned:
    """Ask the platform about the newest attempt of a payment."""
    async with reached(way) as door:
        if isinstance(door, Remote):
            return (await door.post(f"/v1/payments/{identifier}/ask", {}, Answered)).answer
        view = await view_of(door, identifier)
        if not view.attempts:
            raise NotFoundError(f"payment {identifier} has no attempt that could be asked about")
        return await door.payments.questions.ask(int(view.attempts[-1].id))


def operator_of(actor: str | None) -> str:
    """Whom the API is told that the key's client acts for."""
    return actor_name(actor)


def _wish(dossier: str, asked: Asked, actor: str | None) -> PaymentWish:
    return PaymentWish(
        dossier=dossier,
        actor=actor_of(actor),
        purpose=asked.purpose,
        destination=asked.destination,
        items=asked.items(),
        payer=asked.who(),
    )


def _body(asked: Asked, actor: str | None) -> dict[str, Any]:
    items, payer = asked.items(), asked.who()
    given = {
        "destination": asked.destination,
        "items": None if items is None else [msgspec.to_builtins(each) for each in items],
        "payer": None if payer is None else msgspec.to_builtins(payer),
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return {"purpose": asked.purpose, "operator": operator_of(actor), **kept}
