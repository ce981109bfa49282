"""What people do to API clients: make one, give it a new key, end its access; and what is written down of it.

Invariant: every change is one transaction with its actor, and with its reason where something is taken away; no key
and no hash of one stands in what is written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

import msgspec

from gateway.storage.clients import Issued, NewClient, create_client, disable_client, rotate_client
from gateway.storage.operator_log import write_action
from gateway.storage.orders import Instruction
from gateway.storage.oversight import Action

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class AddClient(Instruction, frozen=True, kw_only=True):
    """Make a client with a fresh key."""

    new: NewClient


class RotateClient(Instruction, frozen=True, kw_only=True):
    """Give a client a new key; the old one and every token end, and a disabled client is enabled again."""

    client: str


class DisableClient(Instruction, frozen=True, kw_only=True):
    """End a client's access and its tokens."""

    client: str


class ClientDisabled(msgspec.Struct, frozen=True, kw_only=True):
    """A client has no access. ``changed``: it had some until now."""

    client: str
    changed: bool
    disabled: bool = True


ClientOrder: TypeAlias = AddClient | RotateClient | DisableClient
ClientDone: TypeAlias = Issued | ClientDisabled


def manage_client(transaction: Transaction, order: ClientOrder) -> ClientDone:
    """Carry out ``order``. ConflictError: the id is taken or unfit; NotFoundError: there is no such client."""
    match order:
        case AddClient(new=new):
            done: ClientDone = create_client(transaction, new, order.now)
            told = {"roles": sorted(new.roles), "scopes": sorted(new.scopes), "rate": new.rate}
            _write_down(transaction, order, "client.create", told)
        case RotateClient(client=client):
            done = rotate_client(transaction, client)
            _write_down(transaction, order, "client.rotate", {})
        case DisableClient(client=client):
            done = ClientDisabled(client=client, changed=disable_client(transaction, client, order.now))
            _write_down(transaction, order, "client.disable", {"changed": done.changed})
        case _:
            assert_never(order)
    return done


def target_of(client: str) -> str:
    """What a client is called where people's actions are written down."""
    return f"client:{client}"


def _write_down(transaction: Transaction, order: ClientOrder, verb: str, detail: dict[str, Any]) -> None:
    client = order.new.id if isinstance(order, AddClient) else order.client
    write_action(
        transaction,
        Action(
            actor=order.actor,
            verb=verb,
            target=target_of(client),
            reason=order.reason,
            now=order.now,
            detail=detail,
        ),
    )
