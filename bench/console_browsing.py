"""What two browsers cost: deliveries with and without two people who look at the console, in turn, on the same database.

Each browser refreshes the live part of the front page every five seconds and opens another page every second. The
gateway that delivers serves the console in the same process and loop. Invariant: both runs of a pair deliver the same
load through the same process, and the partner's record must be flawless.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop

from bench import load, partner
from bench.console_asking import Browser, closing_connection, days
from bench.console_pages import addresses, numbers
from bench.console_server import settings_of, signed_in
from bench.contenders import drained
from bench.delivering import LATENCY, require_flawless, total
from bench.running import Row, ratio_row, row, run, wait
from gateway.api.server import listening
from gateway.bootstrap import open_gateway
from gateway.console.app import faces
from gateway.console.render import prepare
from gateway.telemetry import configure_logging

BROWSERS = 2
LIVE_SECONDS, PAGE_SECONDS = 5.0, 1.0
LEAST = 0.95
_CLOSING_SECONDS = 5.0
FULL, QUICK = {"dossiers": 2_000, "messages": 20}, {"dossiers": 100, "messages": 20}
_HEAVY = ("/file", "/erasure", "/evidence")  # nobody opens these every minute


def deliveries(runs: int, demo: Path, url: str, *, quick: bool) -> list[Row]:
    """Deliveries a second alone and beside browsers, and their ratio. ``url``: of an SQLite database."""
    shape = QUICK if quick else FULL
    listed = _walked(url)
    alone: list[float] = []
    beside: list[float] = []
    opened: list[float] = []
    for turn in range(1 if quick else runs):
        for browsers in ((0, BROWSERS), (BROWSERS, 0))[turn % 2]:
            plan = {**shape, "database": url, "demo": str(demo), "first": next(_FIRST), "browsers": browsers}
            rate, seen = _delivered(plan, listed)
            (beside if browsers else alone).append(rate)
            opened += [float(seen)] if browsers else []
    ratios = [with_them / without for with_them, without in zip(beside, alone, strict=True)]
    return [
        row("deliveries, console at rest", "msg/s", alone),
        row(f"deliveries beside {BROWSERS} browsers", "msg/s", beside),
        row("pages that they opened", "pages", opened),
        ratio_row("beside browsers / at rest", ratios, LEAST),
    ]


_FIRST = itertools.count(1_000_000, 100_000)


def _walked(url: str) -> list[str]:
    asked = numbers(url) | days() | {"export": "/console/evidence"}
    found = [each for listed in addresses(asked).values() for each in listed]
    return [each for each in found if not any(part in each for part in _HEAVY)]


def _delivered(plan: Row, listed: list[str]) -> tuple[float, int]:
    """Deliveries a second, and how many pages were opened meanwhile."""
    with partner.running(LATENCY) as url:
        whole = {**plan, "partner": url, "folder": str(Path(plan["demo"]) / "lienthong-keys")}
        run("fill", whole)
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.console_browsing", json.dumps(whole)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        with _browsing(told, listed, plan["browsers"]) as seen:
            result = wait(process)
        require_flawless(partner.record_of(url), total(plan))
    return total(plan) / float(result["seconds"]), len(seen)


@contextlib.contextmanager
def _browsing(told: dict[str, Any], listed: list[str], count: int) -> Iterator[list[str]]:
    """People look around while the block runs; what they have opened."""
    over, seen = threading.Event(), list[str]()
    threads = [
        threading.Thread(target=_look_around, args=(told, listed, (place, seen), over))
        for place in range(count)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _look_around(
    told: dict[str, Any], listed: list[str], who: tuple[int, list[str]], over: threading.Event
) -> None:
    place, seen = who
    pages = random.Random(place).sample(listed, len(listed))
    live_at = time.monotonic()
    with (
        closing_connection(told["url"]) as connection,
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        browser = Browser(connection, {**told, "tell": None})
        for page in itertools.cycle(pages):
            if over.wait(PAGE_SECONDS):
                return
            if time.monotonic() >= live_at:
                browser.get("/console")
                live_at += LIVE_SECONDS
            try:
                browser.get(page)
            except RuntimeError:
                if over.wait(
                    _CLOSING_SECONDS
                ):  # everything was delivered and the database closed under the page
                    return
                raise
            seen.append(page)


async def _serve(plan: Row) -> dict[str, Any]:
    """Deliver what is queued, as the contender ``gateway`` does, with the console on the same loop."""
    configure_logging("error", "json")
    opened = await open_gateway(
        settings_of(Path(plan["demo"]) / "lienthong.toml", plan["database"], plan["folder"])
    )
    destination = load.destination(opened.hub, plan["partner"])
    word = await signed_in(opened)
    await prepare(pause=0.0)  # as ``lienthong serve`` does a moment after its start
    async with listening(opened, faces) as url:
        print(json.dumps({"url": url, "word": word}), flush=True)
        await asyncio.sleep(2.0)  # browsers open their first pages, and the front page's figures are counted
        return await drained(opened.hub, destination, plan)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_serve(json.loads(sys.argv[1])))), flush=True)
