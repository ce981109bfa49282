"""Suite about the console: how long every page takes with a province's year stored, how long it holds the loop, and what two
browsers cost deliveries.

The database is the demo's, many times over (``bench.console_clones``). Every page is asked over HTTP, with a signed-in
session, by one client: what is measured is what a person waits for, the server's queue aside.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import console_browsing, console_clones, console_desk
from bench.console_asking import Browser, closing_connection, days, serving
from bench.console_asking import asked as asked_all
from bench.console_pages import addresses, numbers
from bench.running import STOLEN, Row, postgresql, row, run, scratch, stolen
from gateway.messagelog.keys import open_vault
from gateway.storage import migrate

MESSAGES = int(os.environ.get("PAGES_MESSAGES", "1000000"))
QUICK_MESSAGES = 60_000
PER_GENERATION = 5_873  # messages of the demo
TIMES, QUICK_TIMES = 20, 3
MOST_MS = 300.0
MOST_HELD_MS = 50.0


def console(runs: int, quick: bool) -> list[Row]:
    """Every page on both engines; deliveries beside two browsers."""
    messages, times = (QUICK_MESSAGES, QUICK_TIMES) if quick else (MESSAGES, TIMES)
    rows: list[Row] = []
    shares: list[float] = []
    with scratch() as folder, stolen(shares):
        demo = made_demo(folder)
        generations = max(1, messages // PER_GENERATION - 1)
        database = folder / "console.db"
        shutil.copy(demo / "lienthong.db", database)
        console_clones.clone_sqlite(str(database), generations, _decrypter(demo))
        console_desk.furnish(f"sqlite:///{database}")
        run("prove", {"database": f"sqlite:///{database}", "folder": str(demo / "lienthong-keys")})
        rows += pages("SQLite", f"sqlite:///{database}", demo, times)
        rows += console_browsing.deliveries(runs, demo, f"sqlite:///{database}", quick=quick)
        database.unlink()
        with postgresql() as server:
            url = server.database()
            migrate.upgrade(url)
            console_clones.clone_postgresql(str(demo / "lienthong.db"), url, generations, _decrypter(demo))
            console_desk.furnish(url)
            rows += pages("PostgreSQL", url, demo, times)
    return [*rows, row(STOLEN, "%", shares)]


def made_demo(folder: Path) -> Path:
    """What ``lienthong demo`` leaves behind: configuration, keys, database."""
    demo = folder / "demo"
    subprocess.run(
        [sys.executable, "-m", "gateway.cli", "demo", "--keep", str(demo), "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return demo


def _decrypter(demo: Path) -> Any:
    vault = open_vault(demo / "lienthong-keys", ())

    def decrypt(entry: int, body: bytes, _key: int, wrapped: bytes, master: str) -> bytes:
        return vault.unwrap(bytes(wrapped), master).decrypt(entry, bytes(body))

    return decrypt


def pages(engine: str, url: str, demo: Path, times: int) -> list[Row]:
    """A row for every page: its slowest address; then the worst of all."""
    asked = numbers(url)
    with serving(url, demo) as told, closing_connection(told["url"]) as connection:
        browser = Browser(connection, told)
        counted = browser.counted()
        asked |= days() | {"export": browser.exported(asked["code"])}
        figures = {path: asked_all(browser, each, times) for path, each in sorted(addresses(asked).items())}
    rows = []
    for path, found in figures.items():
        slowest = max(found, key=lambda figure: figure.tail)
        held = max(figure.held for figure in found)
        note = (
            f"{engine}: {path}, p95 of the slowest of {len(found)} ({slowest.address.partition('?')[2][:40]})"
        )
        rows.append(row(note, "ms", [slowest.tail], f"< {MOST_MS:g}", met=slowest.tail < MOST_MS))
        if held > MOST_HELD_MS / 2:
            rows.append(row(f"{engine}: {path}, loop held at most", "ms CPU", [held]))
    flat = [figure for found in figures.values() for figure in found]
    worst, longest = max(figure.tail for figure in flat), max(figure.held for figure in flat)
    middle = statistics.median(figure.tail for figure in flat)
    return [
        *rows,
        row(f"{engine}: the front page's slow figures are there after", "s", [counted]),
        row(f"{engine}: p95 of {len(flat)} addresses, the median", "ms", [middle]),
        row(f"{engine}: p95, the worst", "ms", [worst], f"< {MOST_MS:g}", met=worst < MOST_MS),
        row(
            f"{engine}: loop held at most",
            "ms CPU",
            [longest],
            f"<= {MOST_HELD_MS:g}",
            met=longest <= MOST_HELD_MS,
        ),
    ]
