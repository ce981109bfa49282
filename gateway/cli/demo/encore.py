"""After the demo: the gateway goes on running with its API and console, with a key and an account to try them.

Invariant: key and password are shown once and stored nowhere but as their hashes.
"""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import Any

from gateway.accounts.passwords import generated, passwords
from gateway.api.server import serve
from gateway.bootstrap import Gateway
from gateway.cli.demo.platform import Platform
from gateway.cli.demo.show import Show
from gateway.console.app import faces
from gateway.storage.account_orders import AddAccount, manage_account
from gateway.storage.accounts import NewAccount
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.storage.queries import DossierFilter, dossiers
from gateway.storage.scopes import Role

CLIENT = "demo"


async def encore(show: Show, gateway: Gateway, platform: Platform) -> None:
    """Serve until Ctrl-C; the payment platform calls back here from now on."""
    tasks: set[asyncio.Task[None]] = set()

    def started(url: str) -> None:
        tasks.add(asyncio.create_task(platform.call_back(url)))
        show.say("console", url=f"{url}/console", account=account, password=password)
        _announce(show, url, issued.secret, dossier)

    new = NewClient(
        id=f"{CLIENT}-{secrets.token_hex(3)}", name="make serve", scopes=frozenset(Scope), rate=None
    )
    issued = await gateway.database.write(partial(create_client, new=new, now=gateway.hub.clock()))
    dossier = await gateway.database.read(_some_dossier)
    account, password = await _account(gateway)
    # the worker of the demo goes on
    await serve(gateway, worker=False, started=started, faces=faces)


async def _account(gateway: Gateway) -> tuple[str, str]:
    """An account that may see and do everything, and its password."""
    name, password = f"{CLIENT}-{secrets.token_hex(3)}", generated()
    hashed = await asyncio.to_thread(passwords().hash_now, password)
    new = NewAccount(
        name=name,
        display_name="Người xem thử",
        roles=frozenset(Role),
        password_hash=hashed,
        must_change=False,
    )
    order = AddAccount(actor="make serve", reason="", now=gateway.hub.clock(), new=new)
    await gateway.database.write(partial(manage_account, order=order))
    return name, password


def _some_dossier(connection: Any) -> str:
    found = dossiers(connection, DossierFilter(), None, 1)
    return found[0].code if found else "H99.14-260928-0007"


def _announce(show: Show, url: str, key: str, dossier: str) -> None:
    show.say("serving", url=url)
    show.say("key", key=key)
    show.say("try")
    for path in (
        "/v1/status",
        f"/v1/dossiers/{dossier}",
        f"/v1/dossiers/{dossier}/timeline",
        "/v1/deliveries",
        "/v1/payments",
    ):
        print(f"  curl -s -H 'Authorization: Bearer {key}' {url}{path}", flush=True)
    print(f"  lienthong status --config {show.folder}/lienthong.toml", flush=True)
