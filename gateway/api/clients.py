"""API clients over HTTP: who may call, a new one, a new key, the end of one.

Invariants: a key is in one answer, once; nobody gives rights, or takes a key with rights, that it does not have
itself, judged in the unit that does it.
"""

from __future__ import annotations

from typing import Annotated, assert_never

import msgspec
from msgspec import Meta

from gateway.api.deliveries import Reasoned
from gateway.api.problem import Refused, invalid
from gateway.api.route import Answer, Call
from gateway.api.service import Api
from gateway.domain.dossier import NO_NUL
from gateway.domain.errors import ConflictError
from gateway.domain.violation import Violation
from gateway.storage.callers import client_now
from gateway.storage.client_orders import (
    AddClient,
    ClientDone,
    ClientOrder,
    DisableClient,
    RotateClient,
    manage_client,
)
from gateway.storage.clients import Client, NewClient, Scope, list_clients
from gateway.storage.database import Transaction
from gateway.storage.scopes import Role

ClientId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$(?!\n)",
        description="Names the client in logs and histories: lower-case letters, digits, hyphens.",
        examples=["one-door"],
    ),
]


class ClientOrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client to make, with roles, scopes or both. ``name``: for people; its id if left out. ``rate``: requests a
    second, else the setting's."""

    id: ClientId
    roles: Annotated[list[Role], Meta(max_length=len(Role))] = []
    scopes: Annotated[list[Scope], Meta(max_length=len(Scope))] = []
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NO_NUL)] | None = None
    rate: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class ClientList(msgspec.Struct, frozen=True, kw_only=True):
    """Every client; never its key."""

    items: list[Client]


async def get_clients(api: Api, _call: Call) -> Answer:
    """Every client, by id."""
    return Answer(value=ClientList(items=list(await api.gateway.database.read(list_clients))))


async def create_client(api: Api, call: Call) -> Answer:
    """Make a client; its key is shown this once."""
    order = call.body_as(ClientOrderBody)
    new = NewClient(
        id=order.id,
        name=order.name or order.id,
        scopes=frozenset(order.scopes),
        roles=frozenset(order.roles),
        rate=order.rate,
    )
    if not new.allowed:
        raise invalid(
            f"client {order.id} would be refused everything",
            Violation(
                pointer="/scopes",
                code="minItems",
                got="[]",
                expected="a role or a scope",
                advice="give one",
            ),
        )
    wish = AddClient(actor=call.actor, reason="", now=api.now, new=new)
    return Answer(value=await _manage(api, call, wish), status=201)


async def rotate_client(api: Api, call: Call) -> Answer:
    """A new key, shown this once; the old one and every token end."""
    client, reason = str(call.path["client"]), call.body_as(Reasoned).reason
    order = RotateClient(actor=call.actor, reason=reason, now=api.now, client=client)
    return Answer(value=await _manage(api, call, order))


async def disable_client(api: Api, call: Call) -> Answer:
    """End a client's access."""
    client, reason = str(call.path["client"]), call.body_as(Reasoned).reason
    if client == call.client:
        raise ConflictError(
            f"client {client} cannot disable itself; do it with another client's key, or on the command line"
        )
    order = DisableClient(actor=call.actor, reason=reason, now=api.now, client=client)
    return Answer(value=await _manage(api, call, order))


async def _manage(api: Api, call: Call, order: ClientOrder) -> ClientDone:
    """``order`` carried out, if the caller may do so then: two administrators may act at once."""

    def unit(tx: Transaction) -> ClientDone:
        _judge(tx, call, order)
        return manage_client(tx, order)

    done = await api.gateway.database.write(unit)
    api.access.forget(done.client)
    return done


def _judge(transaction: Transaction, call: Call, order: ClientOrder) -> None:
    """Refused (403) for a caller that may not do this any more, or would get at more than it has."""
    if call.principal is None:
        raise TypeError("nobody is known to have called; the row has no scope")
    name = order.new.id if isinstance(order, AddClient) else order.client
    own, found = client_now(transaction, call.principal, name)
    if Scope.CLIENTS_MANAGE not in own:
        raise Refused(
            "forbidden", f"{call.client} may not decide about clients any more; nothing was changed"
        )
    match order:
        case AddClient(new=new):
            _require_own(call, own, new.allowed, f"give client {name}")
        case RotateClient():
            taken = frozenset() if found is None else found.scopes
            _require_own(call, own, taken, f"take the key of client {name}, which has")
        case DisableClient():
            return
        case _:
            assert_never(order)


def _require_own(call: Call, own: frozenset[Scope], scopes: frozenset[Scope], what: str) -> None:
    """Refuse (403) to hand out what the caller does not have itself."""
    missing = sorted(scopes - own)
    if missing:
        raise Refused(
            "forbidden",
            f"client {call.client} cannot {what} {', '.join(missing)}: it does not have that itself; ask a client "
            "that has, or use the command line",
        )
