"""Suite about accepting over HTTP: latency of ``PUT /v1/dossiers/{code}`` at a fixed rate.

The load is open-loop: every request has its instant, and its latency counts from that instant, so that a stall is
seen by everything that it delays.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.running import STOLEN, Row, row, sqlite, stolen
from gateway.api.server import run as run_server
from gateway.api.server import serve
from gateway.bootstrap import open_gateway
from gateway.port import Capacity, WireRequest
from gateway.settings import Settings, decode
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.telemetry import configure_logging
from gateway.wire.client import Answered, HttpClient

RATE = 500
EXAMPLES = Path(__file__).parent.parent / "examples" / "dossiers.jsonl"
CONNECTIONS = 64


def latency(runs: int, quick: bool) -> list[Row]:
    """p50 and p99 at 500 requests a second, every record translated, checked, planned, logged, committed."""
    seconds = 3 if quick else 10
    middles, tails, shares = [], [], []
    for _ in range(runs):
        with sqlite() as database, stolen(shares):
            middle, tail = _measure(database, seconds)
        middles.append(middle * 1000)
        tails.append(tail * 1000)
    met = sorted(tails)[len(tails) // 2] < 25
    return [
        row(f"p50 of an accepted dossier at {RATE}/s", "ms", middles),
        row(f"p99 of an accepted dossier at {RATE}/s", "ms", tails, "< 25", met=met),
        row(STOLEN, "%", shares),
    ]


def _measure(database: str, seconds: int) -> tuple[float, float]:
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.accepting", database], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        latencies = sorted(asyncio.run(_knock(told["url"], told["key"], seconds)))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
    return latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]


async def _knock(url: str, key: str, seconds: int) -> list[float]:
    bodies = _bodies(RATE * (seconds + 1))
    headers = (("authorization", f"Bearer {key}"), ("content-type", "application/json"))
    client = HttpClient(Capacity(concurrency=CONNECTIONS))
    latencies: list[float] = []

    async def one(code: str, body: bytes, due: float) -> None:
        request = WireRequest(method="PUT", url=f"{url}/v1/dossiers/{code}", headers=headers, body=body)
        result = await client.exchange(request)
        if not isinstance(result, Answered) or result.response.status != 202:
            raise RuntimeError(str(result))
        if due >= measured_from:
            latencies.append(time.perf_counter() - due)

    begun = time.perf_counter() + 0.1
    measured_from = begun + 1.0  # the first second warms both sides up
    tasks = []
    for number, (code, body) in enumerate(bodies):
        due = begun + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(code, body, due)))
    await asyncio.gather(*tasks)
    await client.close()
    return latencies


def _bodies(count: int) -> list[tuple[str, bytes]]:
    """Example records under codes of their own."""
    records = [json.loads(line) for line in EXAMPLES.read_bytes().splitlines()]
    chosen = []
    for number in range(count):
        code = f"H99.14-261001-{number:06d}"
        chosen.append((code, msgspec.json.encode({**records[number % len(records)], "code": code})))
    return chosen


async def _serve(database: str) -> None:
    document: dict[str, Any] = {
        "database": {"url": database},
        "api": {"port": 0, "rate": 100_000.0, "burst": 100_000},
        "destination": {
            "national_portal": {
                "settings": {
                    "adapter_url": "http://127.0.0.1:9/XrdAdapter/RestService/forward",
                    "username": "bench",
                    "password": {"env": "BENCH_PASSWORD"},
                    "madonvi": "H99",
                    "province_code": "H99",
                    "agency_name": "Bench",
                    "send_unreceived": "all",
                }
            }
        },
    }
    os.environ["BENCH_PASSWORD"] = secrets.token_hex(8)
    configure_logging("warning")  # a line a request on a pipe that nobody reads would stop the server
    gateway = await open_gateway(decode(document, Settings))
    new = NewClient(id="bench", name="Bench", scopes=frozenset({Scope.DOSSIERS_WRITE}))
    issued = await gateway.database.write(lambda tx: create_client(tx, new, gateway.hub.clock()))
    try:
        await serve(
            gateway,
            worker=False,
            started=lambda url: print(json.dumps({"url": url, "key": issued.secret}), flush=True),
        )
    finally:
        await gateway.close()


if __name__ == "__main__":
    run_server(_serve(sys.argv[1]))
