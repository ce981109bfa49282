"""``lienthong clients``: who may call the API, and with what rights; on the database, or through a running gateway.

Invariant: a key is shown once, on standard output, and stored as its hash only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from gateway.cli.options import Actor, AsJson, Changing, Way, examples, group, roles_of, spread

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.storage.client_orders import ClientDone, ClientOrder
    from gateway.storage.clients import Client, Scope

app = group("API clients: add, list, rotate and disable them.")
PATH = "/v1/clients"
Id = Annotated[
    str, typer.Argument(metavar="ID", help="The client's id: lower-case letters, digits, hyphens.")
]


@app.command(
    "add",
    epilog=examples(
        "lienthong clients add one-door --role submitter",
        "lienthong clients add inspectorate --role auditor",
        "lienthong clients add monitoring --scope metrics:read --rate 5",
    ),
)
@spread
def add(
    client: Id,
    *,
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is for: submitter, operator, auditor, administrator; repeat the option.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do besides; repeat the option. 'all' for everything.", show_default=False
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    rate: Annotated[
        int | None, typer.Option(min=1, help="Requests a second; else the setting's.", show_default=False)
    ] = None,
    actor: Actor = None,
    way: Way,
    as_json: AsJson = False,
) -> None:
    """Make a client and show its key, once."""
    from gateway.cli.orders import actor_of
    from gateway.storage.client_orders import AddClient
    from gateway.storage.clients import NewClient

    new = NewClient(
        id=client, name=name or client, scopes=_scopes(scope or []), roles=roles_of(role or []), rate=rate
    )
    order = AddClient(actor=actor_of(actor), reason="", now=datetime.now(UTC), new=new)
    _show(_manage(way, order, actor), as_json=as_json)


def _scopes(given: list[str]) -> frozenset[Scope]:
    from gateway.storage.clients import Scope

    if "all" in given:
        return frozenset(Scope)
    unknown = sorted(set(given) - set(Scope))
    if unknown:
        known = ", ".join(sorted(Scope))
        raise typer.BadParameter(f"--scope: got {', '.join(unknown)}; there are: all, {known}")
    return frozenset(Scope(each) for each in given)


@app.command("list", epilog=examples("lienthong clients list"))
@spread
def list_(*, way: Way, as_json: AsJson = False) -> None:
    """List clients; keys are never shown again."""
    from gateway.cli.opening import ask, run
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.clients import list_clients

    found = list(ask(way.config, list_clients)) if way.url is None else run(_listed(way))
    if as_json:
        print_json(found)
        return
    console().print(table(("id", "name", "roles", "scopes", "rate", "made", "disabled"), map(_row, found)))


async def _listed(way: Way) -> list[Client]:
    from gateway.api.clients import ClientList
    from gateway.cli.remote import get_from

    return (await get_from(way, PATH, ClientList)).items


def _row(each: Client) -> tuple[object, ...]:
    named = " ".join(sorted(each.roles)), " ".join(sorted(each.scopes))
    return each.id, each.name, *named, each.rate, each.created_at, each.disabled_at


@app.command(
    "rotate", epilog=examples("lienthong clients rotate one-door --reason 'its key was seen in a mail'")
)
@spread
def rotate(client: Id, *, by: Changing) -> None:
    """Give a client a new key; the old one and every token end at once."""
    from gateway.storage.client_orders import RotateClient

    order = RotateClient(client=client, **by.instruction)
    _show(_manage(by.way, order, by.actor), as_json=by.as_json)


@app.command(
    "disable", epilog=examples("lienthong clients disable one-door --reason 'its contract has ended'")
)
@spread
def disable(client: Id, *, by: Changing) -> None:
    """End a client's access and its tokens."""
    from gateway.storage.client_orders import DisableClient

    order = DisableClient(client=client, **by.instruction)
    _show(_manage(by.way, order, by.actor), as_json=by.as_json)


def _show(done: ClientDone, *, as_json: bool) -> None:
    from gateway.cli.exits import complain
    from gateway.cli.screen import print_json
    from gateway.storage.clients import Issued

    if as_json:
        print_json(done)
    elif isinstance(done, Issued):
        print(done.secret, flush=True)
        complain(f"the key of {done.client}: keep it now, it is not shown again")
    else:
        print(f"{done.client} is disabled" if done.changed else f"{done.client} was disabled already")


def _manage(way: Way, order: ClientOrder, operator: str | None = None) -> ClientDone:
    from gateway.cli.opening import run

    return run(_on_database(way.settings, order) if way.url is None else _through_api(way, order, operator))


async def _on_database(settings: Settings, order: ClientOrder) -> ClientDone:
    """One change of the database; on SQLite no gateway may run meanwhile."""
    from gateway.cli.opening import writing
    from gateway.storage.client_orders import manage_client

    with writing(settings, instead="work through its API: --url URL --key-file FILE") as database:
        return await database.write(lambda tx: manage_client(tx, order))


async def _through_api(way: Way, order: ClientOrder, operator: str | None) -> ClientDone:
    from gateway.cli.remote import api_of
    from gateway.storage.client_orders import AddClient, ClientDisabled, RotateClient
    from gateway.storage.clients import Issued

    async with api_of(way, operator) as remote:
        if isinstance(order, AddClient):
            new = order.new
            body: dict[str, Any] = {"id": new.id, "name": new.name, "scopes": sorted(new.scopes)}
            body |= {"roles": sorted(new.roles)} if new.roles else {}
            return await remote.post(PATH, body | ({"rate": new.rate} if new.rate else {}), Issued)
        path, reason = f"{PATH}/{quote(order.client, safe='')}", {"reason": order.reason}
        if isinstance(order, RotateClient):
            return await remote.post(f"{path}/rotate", reason, Issued)
        return await remote.post(f"{path}/disable", reason, ClientDisabled)
