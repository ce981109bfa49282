"""``lienthong clients``: who may call the API, and with what rights.

Invariant: a key is shown once, on standard output, and stored as its hash only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from gateway.cli.options import AsJson, Config, examples, group

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.storage.clients import Client, Issued, Scope
    from gateway.storage.database import Transaction

app = group("API clients: add, list, rotate and disable them.")
T = TypeVar("T")
Id = Annotated[
    str, typer.Argument(metavar="ID", help="The client's id: lower-case letters, digits, hyphens.")
]


@app.command(
    "add",
    epilog=examples(
        "lienthong clients add one-door --scope dossiers:write --scope events:read",
        "lienthong clients add monitoring --scope metrics:read --rate 5",
    ),
)
def add(
    client: Id,
    *,
    scope: Annotated[
        list[str], typer.Option(help="What it may do; repeat the option. 'all' for everything.")
    ],
    name: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    rate: Annotated[
        int | None, typer.Option(min=1, help="Requests a second; else the setting's.", show_default=False)
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make a client and show its key, once."""
    from gateway.cli.opening import configured, run
    from gateway.storage.clients import NewClient, create_client

    new = NewClient(id=client, name=name or client, scopes=_scopes(scope), rate=rate)
    issued = run(_write(configured(config), partial(create_client, new=new, now=datetime.now(UTC))))
    _show_key(issued, as_json=as_json)


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
def list_(*, config: Config = None, as_json: AsJson = False) -> None:
    """List clients; keys are never shown again."""
    from gateway.cli.opening import ask
    from gateway.cli.screen import console, print_json, table
    from gateway.storage.clients import list_clients

    found = list(ask(config, list_clients))
    if as_json:
        print_json(found)
        return
    console().print(table(("id", "name", "scopes", "rate", "made", "disabled"), map(_row, found)))


def _row(each: Client) -> tuple[object, ...]:
    return each.id, each.name, " ".join(sorted(each.scopes)), each.rate, each.created_at, each.disabled_at


@app.command("rotate", epilog=examples("lienthong clients rotate one-door"))
def rotate(client: Id, *, config: Config = None, as_json: AsJson = False) -> None:
    """Give a client a new key; the old one and every token end at once."""
    from gateway.cli.opening import configured, run
    from gateway.storage.clients import rotate_client

    issued = run(_write(configured(config), partial(rotate_client, client_id=client)))
    _show_key(issued, as_json=as_json)


@app.command("disable", epilog=examples("lienthong clients disable one-door"))
def disable(client: Id, *, config: Config = None, as_json: AsJson = False) -> None:
    """End a client's access and its tokens."""
    from gateway.cli.opening import configured, run
    from gateway.cli.screen import print_json
    from gateway.storage.clients import disable_client

    changed = run(
        _write(configured(config), partial(disable_client, client_id=client, now=datetime.now(UTC)))
    )
    if as_json:
        print_json({"client": client, "disabled": True, "changed": changed})
    else:
        print(f"{client} is disabled" if changed else f"{client} was disabled already")


def _show_key(issued: Issued, *, as_json: bool) -> None:
    from gateway.cli.exits import complain
    from gateway.cli.screen import print_json

    if as_json:
        print_json(issued)
        return
    print(issued.secret, flush=True)
    complain(f"the key of {issued.client}: keep it now, it is not shown again")


async def _write(settings: Settings, unit: Callable[[Transaction], T]) -> T:
    """One change of the database; on SQLite no gateway may run meanwhile."""
    from gateway.cli.opening import require_free
    from gateway.settings import database_url
    from gateway.storage.database import Database
    from gateway.storage.migrate import upgrade

    require_free(settings, instead="stop it for a moment, or make clients before it starts")
    url = database_url(settings.database)
    upgrade(url)
    database = Database(url)
    try:
        return await database.write(unit)
    finally:
        database.close()
