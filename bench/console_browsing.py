"""What two browsers cost: deliveries while two people look at the console and while nobody does, by turns in one run.

Each browser refreshes the live part of the front page every five seconds and opens another page every second, for some
seconds; then both rest as long, and so on until everything is delivered. The gateway that delivers serves the console in
the same process and loop. By turns, because what others take of a shared machine within minutes is more than what is
measured. Invariant: the partner's record must be flawless.
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
from typing import Any, NamedTuple

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
from gateway.telemetry import DELIVERED, configure_logging

BROWSERS = 2
LIVE_SECONDS, PAGE_SECONDS = 5.0, 1.0
TURN_SECONDS, SETTLING_SECONDS = 5.0, 0.5  # how long they look and rest; what is left out after each change
USED = 0.9  # of the deliveries: at the end lanes run out, whoever looks
LEAST = 0.95
_CLOSING_SECONDS = 5.0
FULL, QUICK = {"dossiers": 4_000, "messages": 20}, {"dossiers": 800, "messages": 20}
_HEAVY = ("/file", "/erasure", "/evidence")  # nobody opens these every minute


class Turn(NamedTuple):
    """From when to when (``time.time``), and whether the browsers looked."""

    begun: float
    ended: float
    looking: bool


def deliveries(runs: int, demo: Path, url: str, *, quick: bool) -> list[Row]:
    """Deliveries a second while browsers look and while they rest, and their ratio. ``url``: of an SQLite database."""
    shape = QUICK if quick else FULL
    listed = _walked(url)
    resting: list[float] = []
    looking: list[float] = []
    opened: list[float] = []
    for _ in range(1 if quick else runs):
        plan = {**shape, "database": url, "demo": str(demo), "first": next(_FIRST)}
        counted, turns, seen = _delivered(plan, listed)
        resting.append(_rate(counted, [turn for turn in turns if not turn.looking]))
        looking.append(_rate(counted, [turn for turn in turns if turn.looking]))
        opened.append(float(len(seen)))
    ratios = [with_them / without for with_them, without in zip(looking, resting, strict=True)]
    return [
        row("deliveries, console at rest", "msg/s", resting),
        row(f"deliveries beside {BROWSERS} browsers", "msg/s", looking),
        row("pages that they opened", "pages", opened),
        ratio_row("beside browsers / at rest", ratios, LEAST),
    ]


def _rate(counted: list[tuple[float, float]], turns: list[Turn]) -> float:
    """Deliveries a second in ``turns``. ``counted``: (when, how many until then), in the order of time."""
    last = USED * counted[-1][1]
    within = [
        [
            each
            for each in counted
            if turn.begun + SETTLING_SECONDS <= each[0] <= turn.ended and each[1] <= last
        ]
        for turn in turns
    ]
    pieces = [piece for piece in within if len(piece) > 1]
    return sum(piece[-1][1] - piece[0][1] for piece in pieces) / sum(
        piece[-1][0] - piece[0][0] for piece in pieces
    )


_FIRST = itertools.count(1_000_000, 100_000)


def _walked(url: str) -> list[str]:
    asked = numbers(url) | days() | {"export": "/console/evidence"}
    found = [each for listed in addresses(asked).values() for each in listed]
    return [each for each in found if not any(part in each for part in _HEAVY)]


def _delivered(plan: Row, listed: list[str]) -> tuple[list[tuple[float, float]], list[Turn], list[str]]:
    """How many were delivered when, when the browsers looked, and which pages they opened."""
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
        with _browsing(told, listed) as (turns, seen):
            result = wait(process)
        require_flawless(partner.record_of(url), total(plan))
    return [(at, count) for at, count in result["counted"]], turns, seen


@contextlib.contextmanager
def _browsing(told: dict[str, Any], listed: list[str]) -> Iterator[tuple[list[Turn], list[str]]]:
    """People look around and rest while the block runs; when, and what they have opened."""
    over, looking, turns, seen = threading.Event(), threading.Event(), list[Turn](), list[str]()
    threads = [
        threading.Thread(target=_look_around, args=(told, listed, (place, seen), (looking, over)))
        for place in range(BROWSERS)
    ]
    threads.append(threading.Thread(target=_take_turns, args=(looking, over, turns)))
    for thread in threads:
        thread.start()
    try:
        yield turns, seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _take_turns(looking: threading.Event, over: threading.Event, turns: list[Turn]) -> None:
    for look in itertools.cycle((False, True)):
        begun = time.time()
        (looking.set if look else looking.clear)()
        if over.wait(TURN_SECONDS):
            return
        turns.append(Turn(begun, time.time(), look))


def _look_around(
    told: dict[str, Any],
    listed: list[str],
    who: tuple[int, list[str]],
    when: tuple[threading.Event, threading.Event],
) -> None:
    (place, seen), (looking, over) = who, when
    pages = random.Random(place).sample(listed, len(listed))
    live_at = time.monotonic()
    with (
        closing_connection(told["url"]) as connection,
        contextlib.suppress(OSError, http.client.HTTPException),
    ):
        browser = Browser(connection, {**told, "tell": None})
        for page in itertools.cycle(pages):
            while not looking.wait(0.1):
                if over.is_set():
                    return
            try:
                if time.monotonic() >= live_at:
                    browser.get("/console")
                    live_at = time.monotonic() + LIVE_SECONDS
                browser.get(page)
            except RuntimeError:  # everything was delivered, and the database was closed under the page
                if not over.wait(_CLOSING_SECONDS):
                    raise
                return
            seen.append(page)
            if over.wait(PAGE_SECONDS):
                return


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
        await asyncio.sleep(2.0)
        counted: list[tuple[float, float]] = []
        counting = asyncio.create_task(_count(counted))
        result = await drained(opened.hub, destination, plan)
        counting.cancel()
        return {**result, "counted": counted}


async def _count(counted: list[tuple[float, float]]) -> None:
    while True:
        samples = [sample for metric in DELIVERED.collect() for sample in metric.samples]
        delivered = sum(sample.value for sample in samples if sample.name.endswith("_total"))
        counted.append((time.time(), delivered))
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_serve(json.loads(sys.argv[1])))), flush=True)
