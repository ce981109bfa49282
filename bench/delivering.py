"""Suites about delivering: throughput against peer and limit, scale, memory, stored rows, a dead neighbour."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from bench import fabricated, partner
from bench.running import (
    STOLEN,
    PostgreSQL,
    Row,
    postgresql,
    ratio_row,
    row,
    run,
    scratch,
    sqlite,
    start,
    stolen,
    wait,
)

LATENCY = 0.02
FULL = {"dossiers": 500, "messages": 20}
QUICK = {"dossiers": 50, "messages": 20}


def throughput(runs: int, quick: bool) -> list[Row]:
    """One process on SQLite, against the bare client and against Procrastinate, interleaved."""
    shape = QUICK if quick else FULL
    ours, bare, peer, cpu, shares = [], [], [], [], []
    with postgresql() as server:
        for _ in range(runs):
            with stolen(shares), sqlite() as database:
                bare.append(_bare(shape))
                rate, spent = _gateway(shape, database)
            ours.append(rate)
            cpu.append(spent)
            peer.append(_procrastinate(shape, server))
    return [
        row("bare loop, nothing stored", "msg/s", bare),
        row("gateway, SQLite, 1 process", "msg/s", ours),
        row("gateway, SQLite: CPU", "us/msg", cpu),
        row("Procrastinate, lock per dossier", "msg/s", peer),
        ratio_row("gateway / Procrastinate", [a / b for a, b in zip(ours, peer, strict=True)], 5),
        ratio_row("gateway / bare loop", [a / b for a, b in zip(ours, bare, strict=True)], 0.5),
        row(STOLEN, "%", shares),
    ]


def scale(runs: int, quick: bool) -> list[Row]:
    """PostgreSQL: as many workers as cores against one worker."""
    shape = QUICK if quick else FULL
    cores = os.cpu_count() or 1
    one, many = [], []
    with postgresql() as server:
        for _ in range(runs):
            one.append(_workers(shape, server.database(), 1))
            many.append(_workers(shape, server.database(), cores))
    least = 2.5 if cores >= 4 else 1.4
    return [
        row("gateway, PostgreSQL, 1 worker", "msg/s", one),
        row(f"gateway, PostgreSQL, {cores} workers", "msg/s", many),
        ratio_row(f"{cores} workers / 1 worker", [b / a for a, b in zip(one, many, strict=True)], least),
    ]


def memory(runs: int, quick: bool) -> list[Row]:
    """A worker holding 100,000 queued deliveries."""
    shape = {"dossiers": 500 if quick else 5000, "messages": 20}
    with sqlite() as database, partner.running(LATENCY) as url:
        plan = {**shape, "database": database, "partner": url, "most": 8.0}
        run("fill", plan)
        result = run("gateway", plan)
    megabytes = result["rss"] / 1e6
    queued = shape["dossiers"] * shape["messages"]
    return [row(f"memory with {queued:,} queued", "MB", [megabytes], "< 200", met=megabytes < 200)]


def stored(runs: int, quick: bool) -> list[Row]:
    """CPU per message with few and with many stored messages in the same tables."""
    few, many = 10_000, 50_000 if quick else 1_000_000
    shape = QUICK if quick else {"dossiers": 200, "messages": 20}
    costs: dict[int, list[float]] = {few: [], many: []}
    for count in (few, many):
        with sqlite() as database:
            fabricated.fill(database, messages=count)
            run("prove", {"database": database})  # growing the tree over them is not what is measured
            for turn in range(runs):
                costs[count].append(_gateway(shape, database, first=turn * 100_000)[1])
    ratio = [b / a for a, b in zip(costs[few], costs[many], strict=True)]
    middle = sorted(ratio)[len(ratio) // 2]
    return [
        row(f"cost with {few:,} stored", "us/msg", costs[few]),
        row(f"cost with {many:,} stored", "us/msg", costs[many]),
        row("many stored / few stored", "x", ratio, "<= 1.2", met=middle <= 1.2),
    ]


def neighbours(runs: int, quick: bool) -> list[Row]:
    """p99 of a healthy destination while another one is down with a backlog, against one that is idle."""
    plan = {"rate": 100, "seconds": 3 if quick else 15}
    calm, beside = [], []
    for _ in range(min(runs, 3)):
        calm.append(_beside(plan, backlog=0))
        beside.append(_beside(plan, backlog=1_000 if quick else 20_000))
    ratio = [b / a for a, b in zip(calm, beside, strict=True)]
    middle = sorted(ratio)[len(ratio) // 2]
    return [
        row("p99 beside an idle destination", "ms", [value * 1000 for value in calm]),
        row("p99 beside a dead one with a backlog", "ms", [value * 1000 for value in beside]),
        row("dead neighbour / idle neighbour", "x", ratio, "<= 1.5", met=middle <= 1.5),
    ]


def _bare(shape: Row) -> float:
    with partner.running(LATENCY) as url:
        result = run("bare", {**shape, "partner": url})
    return total(shape) / float(result["seconds"])


def _gateway(shape: Row, database: str, *, first: int = 0) -> tuple[float, float]:
    """(messages a second, CPU microseconds a message); the partner's record must be flawless."""
    with partner.running(LATENCY) as url:
        plan = {**shape, "database": database, "partner": url, "first": first}
        run("fill", plan)
        result = run("gateway", plan)
        require_flawless(partner.record_of(url), total(shape))
    return total(shape) / float(result["seconds"]), float(result["cpu"]) * 1e6 / total(shape)


def _workers(shape: Row, database: str, count: int) -> float:
    with partner.running(LATENCY) as url, scratch() as folder:
        plan: dict[str, Any] = {**shape, "database": database, "partner": url, "folder": str(folder)}
        run("fill", plan)
        plan["start_at"] = time.time() + 5.0
        results = [wait(process) for process in [start("gateway", plan) for _ in range(count)]]
        require_flawless(partner.record_of(url), total(shape))
    return total(shape) / max(float(result["seconds"]) for result in results)


def _procrastinate(shape: Row, server: PostgreSQL) -> float:
    with partner.running(LATENCY) as url:
        result = run("procrastinate", {**shape, "database": server.database(), "partner": url})
    return total(shape) / float(result["seconds"])


def _beside(plan: Row, *, backlog: int) -> float:
    with sqlite() as database, partner.running(LATENCY) as url:
        dead = f"http://127.0.0.1:{_closed_port()}/"
        whole = {**plan, "database": database, "partner": url, "neighbour": dead, "backlog": backlog}
        return float(run("neighbours", whole)["p99"])


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def total(shape: Row) -> int:
    return int(shape["dossiers"]) * int(shape["messages"])


def require_flawless(record: dict[str, int], total: int) -> None:
    if record != {"received": total, "repeated": 0, "out_of_order": 0}:
        raise RuntimeError(f"the partner's record is not flawless: {record}, expected {total} in order")
