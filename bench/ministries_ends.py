"""Applications delivered end to end: ``python -m bench.ministries_ends NAME JSON`` prints one line.

gateway   our worker on SQLite with the ministry's adapter: ordered, durable, logged, attachments out of the file store
zeep      the peer for construction: its client with threads, nothing stored
requests  the peer for judicial records: its session with threads, the body ready, nothing stored

A plan without ``keys`` is about judicial records, which nobody signs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

import uvloop

from bench import load as common
from bench import ministries_load as load
from bench import proving
from bench.contenders import drained
from gateway.delivery.destination import Destination, Hub
from gateway.delivery.files import FileKeeper
from gateway.delivery.intake import lane_plan
from gateway.delivery.keyed_seal import seal_of
from gateway.domain.dossier import Dossier
from gateway.settings import DestinationSettings, FileSettings
from gateway.signing.keyring import Keyring
from gateway.signing.keys import from_pem
from gateway.storage.files import KeptFile, keep_files
from gateway.storage.intake import accept_dossiers

Plan = dict[str, Any]


def gateway(plan: Plan) -> dict[str, Any]:
    """Accept everything, then deliver it; only the second is measured."""
    return uvloop.run(_gateway(plan))


async def _gateway(plan: Plan) -> dict[str, Any]:
    hub = proving.open_hub(plan)
    destination = _construction(hub, plan) if plan["keys"] else _judicial(hub, plan)
    made = load.permit if plan["keys"] else load.application
    numbers = range(plan["dossiers"])
    await asyncio.gather(*(_accept(hub, destination, made(number), number) for number in numbers))
    if plan["keys"]:
        await asyncio.gather(*(_keep(hub, each) for each in load.files(load.SMALL).values()))
    gc.collect()
    gc.freeze()  # as the server does when it has started
    return await drained(hub, destination, plan)


def _construction(hub: Hub, plan: Plan) -> Destination:
    keys = load.keys_in(plan["keys"], plan["kind"])
    adapter = load.construction_adapter(plan["partner"])
    destination = Destination("bench", adapter, hub, DestinationSettings(concurrency=common.SLOTS))
    key = from_pem("bench", keys.certificate, keys.key, None)
    destination.sealer = seal_of(destination, Keyring(keys={"bench": [key]}))
    destination.lend = FileKeeper(hub.database, hub.clock, FileSettings()).lend
    return destination


def _judicial(hub: Hub, plan: Plan) -> Destination:
    adapter = load.judicial_adapter(plan["partner"])
    return Destination("bench", adapter, hub, DestinationSettings(concurrency=common.SLOTS))


async def _accept(hub: Hub, destination: Destination, dossier: Dossier, number: int) -> None:
    planned = lane_plan(destination, dossier)
    await hub.database.apply(accept_dossiers, common.acceptance(dossier.code, planned, number + 1))


async def _keep(hub: Hub, content: bytes) -> None:
    now = time.time_ns() // 1000
    kept = KeptFile(content=content, media_type="application/pdf", origin="fetched", at=now)
    await hub.database.apply(keep_files, kept)


def zeep(plan: Plan) -> dict[str, Any]:
    from bench.ministries_peer import deliver

    return deliver(plan)


def requests(plan: Plan) -> dict[str, Any]:
    from bench.ministries_peer import deliver_records

    return deliver_records(plan)


CONTENDERS = {"gateway": gateway, "zeep": zeep, "requests": requests}

if __name__ == "__main__":
    print(json.dumps(CONTENDERS[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
