"""API clients: which programs may call, what each may do, and the end of one's access.

Invariant: no key is made, shown or asked for here; keys belong on the machine that uses them and are made at its
command line. What stops working is seen before an access is ended.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.api.clients import ClientList
from gateway.console.asking import ask
from gateway.console.page import Action, Moved, Page, Response, Shown, Visit
from gateway.console.reasons import Confirmed
from gateway.domain.errors import NotFoundError
from gateway.storage.client_orders import ClientDisabled
from gateway.storage.clients import Client, Scope

LIST = "/console/clients"


async def show_clients(visit: Visit) -> Response:
    """Every client; those that have no access any more stand last."""
    found = await ask(visit, "list_clients", ClientList)
    values = {
        "clients": sorted(found.items, key=lambda each: (each.disabled_at is not None, each.id)),
        "scopes_of": in_order,
        "may_manage": visit.viewer.may(Scope.CLIENTS_MANAGE),
    }
    return Shown(template="clients/list.html", values=values)


async def disable(visit: Visit) -> Response:
    """Show what stops working; the second time, end the access."""
    form, name = visit.form_as(Confirmed), str(visit.path["client"])
    if form.confirmed:
        body = {"reason": form.reason}
        done = await ask(visit, "disable_client", ClientDisabled, path={"client": name}, body=body)
        told = "clients.was_disabled" if done.changed else "clients.was_disabled_already"
        return Moved(to=LIST, message=told, values={"name": done.client})
    found = (await ask(visit, "list_clients", ClientList)).items
    client = next((each for each in found if each.id == name), None)
    if client is None:
        raise NotFoundError(f"there is no client {name!r}")
    values = {
        "title": "clients.disable_title",
        "client": client,
        "scopes": in_order(client.scopes),
        "alone": in_order(left_alone(client, found)),
        "reason": form.reason,
    }
    return Shown(template="clients/disable.html", values=values)


def in_order(scopes: Iterable[Scope]) -> list[Scope]:
    """``scopes`` in the order in which they are told everywhere."""
    given = frozenset(scopes)
    return [each for each in Scope if each in given]


def left_alone(client: Client, found: Iterable[Client]) -> frozenset[Scope]:
    """What only ``client`` of all that have access may do."""
    others = [each.scopes for each in found if each.id != client.id and each.disabled_at is None]
    return client.scopes.difference(*others)


PAGES: tuple[Page, ...] = (
    Page(
        path=LIST,
        name="clients",
        title="clients.title",
        scope=Scope.CLIENTS_READ,
        view=show_clients,
        group="people",
    ),
)
ACTIONS: tuple[Action, ...] = (
    Action(
        path=LIST + "/{client}/disable",
        name="clients",
        scope=Scope.CLIENTS_MANAGE,
        view=disable,
        form=Confirmed,
    ),
)
