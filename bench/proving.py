"""The evidence that contenders produce beside their work: contents encrypted, checkpoints, a local time-stamping authority.

A plan's ``evidence`` says which: left out, what the product does by default; a mapping, that in its settings; false,
none. Invariant: a contender of which nothing else is said produces the evidence that a province's gateway does.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.running import scratch
from gateway.delivery.clock import SteadyClock
from gateway.delivery.destination import Destination, Hub
from gateway.evidence.service import Evidencing, open_evidence
from gateway.messagelog.keys import open_contents
from gateway.settings import DatabaseSettings, DeliverySettings, Settings, keys_folder
from gateway.settings_evidence import EvidenceSettings
from gateway.signing.authority import TimestampAuthority, new_authority
from gateway.signing.timestamp import REPLY_TYPE
from gateway.storage import migrate
from gateway.storage.checkpoints import checkpoints
from gateway.storage.database import Database
from gateway.worker import Worker

Plan = dict[str, Any]
_MOST_CHECKPOINTS = 10_000


def open_hub(plan: Plan) -> Hub:
    """A hub on the migrated database of ``plan``. ``plan["folder"]`` holds the keys; SQLite has them beside it."""
    url = plan["database"]
    migrate.upgrade(url)
    database = Database(url)
    settings = settings_of(plan)
    if settings is not None:
        open_contents(database, _folder(plan, settings))
    return Hub(database=database, clock=SteadyClock(), settings=DeliverySettings())


def settings_of(plan: Plan) -> EvidenceSettings | None:
    """The evidence that ``plan`` asks for; None for none."""
    asked = plan.get("evidence", {})
    return None if asked is False else msgspec.convert(asked, EvidenceSettings)


def _folder(plan: Plan, settings: EvidenceSettings) -> Path:
    kept = msgspec.structs.replace(settings, keys=plan.get("folder", settings.keys))
    folder = keys_folder(Settings(database=DatabaseSettings(url=plan["database"]), evidence=kept))
    if folder is None:
        raise ValueError("a server's database needs plan['folder'], or nothing would be encrypted")
    return folder


async def attend(worker: Worker, hub: Hub, destinations: Mapping[str, Destination], plan: Plan) -> Evidencing:
    """Let ``worker`` make checkpoints and ``destinations`` obey them, as the composition root does."""
    settings = settings_of(plan)
    folder = None if settings is None else _folder(plan, settings)
    evidence = await open_evidence(
        hub.database, settings or EvidenceSettings(), folder, clock=hub.clock, owner=lambda: worker.id
    )
    for destination in destinations.values():
        destination.gate.halt = evidence.traffic
    if evidence.checkpointer is not None:
        worker.attend("checkpoints", evidence.checkpointer.run)
    return evidence


async def prove(plan: Plan) -> dict[str, Any]:
    """A contender: one checkpoint of everything that is logged, so that the next one has only to go on."""
    hub = open_hub(plan)
    evidence = await attend(Worker(hub, {}), hub, {}, plan)
    made = None if evidence.checkpointer is None else await evidence.checkpointer.make()
    await evidence.close()
    hub.database.close()
    return {"size": 0 if made is None else made.size}


async def produced(hub: Hub) -> dict[str, int]:
    """How many checkpoints were made, and how many of them were stamped."""
    made = await hub.database.read(partial(checkpoints, before=None, limit=_MOST_CHECKPOINTS))
    return {"checkpoints": len(made), "stamped": sum(each.token is not None for each in made)}


class _Authority(asyncio.Protocol):
    """Stamps whatever is posted to it."""

    def __init__(self, stamping: TimestampAuthority) -> None:
        self._stamping = stamping
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        answer = self._stamping.answer(rest[:length], datetime.now(UTC))
        told = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(told % (REPLY_TYPE.encode(), len(answer)) + answer)


async def _serve(stamping: TimestampAuthority) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Authority(stamping), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def authority() -> Iterator[dict[str, Any]]:
    """A time-stamping authority in its own process; its section of the settings."""
    with scratch() as folder:
        root = folder / "root.pem"
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.proving", str(root)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield {"url": f"http://127.0.0.1:{port}/", "roots": [str(root)]}
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    made, certificate = new_authority(datetime.now(UTC))
    Path(sys.argv[1]).write_bytes(certificate)
    uvloop.run(_serve(made))
