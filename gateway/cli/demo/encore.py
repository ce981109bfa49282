"""After the demo: the gateway goes on running with its API, and a key to try it.

Invariant: the key is shown once and stored nowhere but as its hash.
"""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import Any

from gateway.api.server import serve
from gateway.bootstrap import Gateway
from gateway.cli.demo.platform import Platform
from gateway.cli.demo.show import Show
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.storage.queries import DossierFilter, dossiers

CLIENT = "demo"


async def encore(show: Show, gateway: Gateway, platform: Platform) -> None:
    """Serve until Ctrl-C; the payment platform calls back here from now on."""
    tasks: set[asyncio.Task[None]] = set()

    def started(url: str) -> None:
        tasks.add(asyncio.create_task(platform.call_back(url)))
        _announce(show, url, issued.secret, dossier)

    new = NewClient(
        id=f"{CLIENT}-{secrets.token_hex(3)}", name="make serve", scopes=frozenset(Scope), rate=None
    )
    issued = await gateway.database.write(partial(create_client, new=new, now=gateway.hub.clock()))
    dossier = await gateway.database.read(_some_dossier)
    # the worker of the demo goes on
    await serve(gateway, worker=False, started=started)


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
