"""Suite about drift: two passes over dossiers that are all in step, against a partner that answers at once.

The first one compares everything; before the later one nothing has changed, so that it asks, logs and recognises. The
partner, and each pass, is a process of its own; what is measured is our share of one dossier, the rows written included.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from sqlalchemy.engine import make_url

from bench.running import Row, row, sqlite
from gateway.bootstrap import build_adapter, open_gateway
from gateway.delivery.intake import lane_plan
from gateway.domain.delivery import Delivery
from gateway.domain.dossier import Dossier
from gateway.domain.errors import CannotEncode
from gateway.port import Adapter, Context, Planned, Secret
from gateway.settings import DatabaseSettings, DestinationSettings, Settings
from gateway.statussync.drift import PARAMETERS, Drift
from gateway.storage import migrate
from mappings.sources import Translation

PORTAL = "national_portal"
FULL, QUICK = 10_000, 500
MOST_MICROSECONDS = 1000.0
EXAMPLES = Path(__file__).parents[1] / "examples" / "dossiers.jsonl"
_EPOCH = 1_780_000_000_000_000
_SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
_LANES = f"""{_SERIES} INSERT INTO lane (id, destination, dossier_code, partner_code, state, promise_at, next_position,
    memory) SELECT i, '{PORTAL}', printf('H99.14-240115-%06d', i), printf('H99.14-240115-%06d', i), 'idle', :epoch + i,
    :places + 1, '{{"exists": "yes"}}' FROM n"""
_DELIVERIES = f"""{_SERIES} INSERT INTO delivery (id, lane_id, destination, dossier_code, operation, key, position, state,
    attempts, digest, created_at, sent_at, settled_at, payload) SELECT i * 100 + :place, i, '{PORTAL}',
    printf('H99.14-240115-%06d', i), :operation, :key, :place, 'delivered', 1, x'00', :epoch, :epoch, :epoch, :payload
    FROM n"""


def drift(runs: int, quick: bool) -> list[Row]:
    """CPU and time of one dossier in passes that are limited by nobody."""
    count = QUICK if quick else FULL
    first, later = [], []
    for _ in range(runs):
        with sqlite() as database, _partner() as url:
            _fill(database, url, count)
            first.append(_pass(database, url))
            later.append(_pass(database, url))
        assert (first[-1]["in_step"], first[-1]["remembered"]) == (count, 0), first[-1]
        assert (later[-1]["in_step"], later[-1]["remembered"]) == (count, count), later[-1]
    return [*_rows("first pass", first), *_rows("a later pass, nothing changed", later)]


def _rows(name: str, passes: list[dict[str, Any]]) -> list[Row]:
    spent = [each["cpu_us"] for each in passes]
    met = sorted(spent)[len(spent) // 2] <= MOST_MICROSECONDS
    return [
        row(f"drift, {name}: our share of a dossier", "us CPU", spent, f"<= {MOST_MICROSECONDS:g}", met=met),
        row(f"drift, {name}: dossiers, SQLite, 1 process", "1/s", [each["rate"] for each in passes]),
    ]


def settings(database: str, url: str) -> Settings:
    portal = {
        "adapter_url": url,
        "username": "h99_gateway",
        "password": Secret("mat-khau-mo-phong"),
        "madonvi": "H99",
        "province_code": "H99",
        "lookup_detail": "echo",
        "session_ttl_s": 86_400.0,
    }
    return Settings(
        database=DatabaseSettings(url=database), destination={PORTAL: DestinationSettings(settings=portal)}
    )


def _example(adapter: Adapter) -> tuple[list[Planned], dict[str, Any]]:
    """What is told of a finished dossier of the examples, and how the portal would show it."""
    context = Context(now=datetime(2026, 11, 22, tzinfo=UTC))
    translation = Translation.load(None)
    for text in EXAMPLES.read_bytes().splitlines():
        dossier = translation.translate(msgspec.json.decode(text, type=Dossier), date(2026, 11, 22))
        if not isinstance(dossier, Dossier) or not adapter.wants(dossier) or len(dossier.steps) < 4:
            continue
        planned = list(adapter.plan(dossier))
        try:
            shown = _shown(adapter, planned, dossier.code, context)
        except CannotEncode:
            continue  # wants a name from the catalogue
        if dossier.status == "returned" and planned[0].operation == "dossier":
            return planned, shown
    raise AssertionError("the examples hold no dossier that can be told without a catalogue")


def _shown(adapter: Adapter, planned: list[Planned], code: str, context: Context) -> dict[str, Any]:
    items = []
    for place, each in enumerate(planned):
        delivery = Delivery(
            id=place,
            lane=1,
            destination=PORTAL,
            dossier=code,
            operation=each.operation,
            key=each.key,
            position=place,
            payload=each.payload,
        )
        items.append(json.loads(adapter.encode([delivery], context).body)["data"][0])
    return {**items[0], "TienDo": items[1:]}


def _fill(database: str, url: str, count: int) -> None:
    migrate.upgrade(database)
    section = settings(database, url).destination[PORTAL]
    planned, shown = _example(build_adapter(PORTAL, section))
    connection = sqlite3.connect(Path(make_url(database).database or ""))
    with connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(_LANES, {"count": count, "epoch": _EPOCH, "places": len(planned)})
        for place, each in enumerate(planned, start=1):
            values = {"operation": each.operation, "key": each.key, "payload": each.payload}
            connection.execute(_DELIVERIES, {"count": count, "epoch": _EPOCH, "place": place, **values})
        connection.execute("ANALYZE")
    connection.close()
    body = json.dumps({"service": "show", "item": shown}).encode()
    _post(url, body)


def _post(url: str, body: bytes) -> None:
    urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=10).close()


def _pass(database: str, url: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-m", "bench.drifting", "pass", database, url],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(ran.stdout.splitlines()[-1]))


class Run:
    """A run's context that writes nothing."""

    run, dry_run, actor, watermark = 1, False, "bench", None

    def __init__(self) -> None:
        defaults = {each.name: each.default for each in PARAMETERS if each.default is not None}
        self.parameters = {**defaults, "rate": "0", "grace": "0", "concurrency": "16"}

    async def report(self, done: int, *, total: int | None = None, watermark: str | None = None) -> None:
        await asyncio.sleep(0)


async def compare_all(database: str, url: str) -> dict[str, Any]:
    gateway = await open_gateway(settings(database, url), upgrade=False)
    job = Drift(
        gateway.database, gateway.destinations, gateway.hub.clock, may_probe=lambda: True, plan=lane_plan
    )
    before, began = _cpu(), time.perf_counter()
    summary = await job.run(Run())
    seconds, spent = time.perf_counter() - began, _cpu() - before
    await gateway.close()
    looked = summary["looked"]
    return {
        "in_step": summary["in_step"],
        "remembered": summary["remembered"],
        "cpu_us": spent / looked * 1e6,
        "rate": looked / seconds,
    }


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Portal(asyncio.Protocol):
    """Shows the one dossier that it was given under every number; logs everybody in."""

    shown = (b"", b"")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        at = lowered.index(b"content-length:") + 15
        length = int(lowered[at:].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self._answer(json.loads(rest[:length]))

    def _answer(self, asked: dict[str, Any]) -> None:
        if asked.get("service") == "show":
            text = json.dumps({"error_code": 0, "message": "", "result": [asked["item"]]}).encode()
            before, _, after = text.partition(json.dumps(asked["item"]["MaHoSo"]).encode())
            Portal.shown = (before, after)
            body = b"{}"
        elif "username" in asked:
            body = b'{"error_code": 0, "message": "", "session": "bench-session"}'
        else:
            body = Portal.shown[0] + json.dumps(asked["mahoso"]).encode() + Portal.shown[1]
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Portal, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def _partner() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.drifting", "portal"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/forward"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "portal":
        uvloop.run(serve())
    else:
        print(json.dumps(uvloop.run(compare_all(*sys.argv[2:]))))
