"""What is measured, each in a process of its own: ``python -m bench.contenders NAME JSON`` prints one JSON line.

gateway       our worker on SQLite or PostgreSQL: ordered, durable, logged
bare          the same HTTP client in a loop that stores nothing: the limit
procrastinate the peer: PostgreSQL task queue with a lock per dossier
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

import psutil
import sqlalchemy as sa
import uvloop

from bench import load, portal_load, proving, verifying
from bench.partner import record_of
from gateway.delivery.destination import Destination, Hub
from gateway.port import Capacity
from gateway.wire.client import Answered, HttpClient
from gateway.worker import Worker

Plan = dict[str, Any]
POLL_SECONDS = 0.02


async def fill(plan: Plan) -> dict[str, Any]:
    """Enqueue the whole load without sending; dossiers are numbered from ``first`` on. ``load`` "portal": messages as the
    national portal gets them."""
    hub = proving.open_hub(plan)
    first = plan.get("first", 0)
    started = time.perf_counter()
    await asyncio.gather(
        *(
            load.plan(hub, number, _payloads(plan, number), name="bench", due_at=number + 1)
            for number in range(first, first + plan["dossiers"])
        )
    )
    hub.database.close()
    return {"seconds": time.perf_counter() - started}


def _payloads(plan: Plan, number: int) -> list[bytes]:
    count = plan["messages"]
    if plan.get("load") == "portal":
        return portal_load.payloads(number, count)
    return [load.body(number, index) for index in range(count)]


async def gateway(plan: Plan) -> dict[str, Any]:
    """Deliver what is queued, from the agreed instant ``start_at`` on; at most ``most`` seconds. ``personal``: names of
    fields that hold personal data."""
    hub = proving.open_hub(plan)
    destination = load.destination(hub, plan["partner"], personal=tuple(plan.get("personal", ())))
    return await drained(hub, destination, plan)


async def drained(hub: Hub, destination: Destination, plan: Plan) -> dict[str, Any]:
    """Let a worker deliver everything that is queued for ``destination``, which is called ``bench``; close everything."""
    worker = Worker(hub, {"bench": destination})
    evidence = await proving.attend(worker, hub, {"bench": destination}, plan)
    process = psutil.Process()
    await asyncio.sleep(max(0.0, plan.get("start_at", 0.0) - time.time()))
    before, started, largest = process.cpu_times(), time.perf_counter(), 0
    running = asyncio.create_task(worker.run())
    while await hub.database.read(_left) and time.perf_counter() - started < plan.get("most", 600.0):
        await asyncio.sleep(POLL_SECONDS * 5)
        largest = max(largest, process.memory_info().rss)
    seconds = time.perf_counter() - started
    after = process.cpu_times()
    worker.stop()
    await running
    await evidence.close()
    await destination.close()
    made = await proving.produced(hub)
    hub.database.close()
    spent = after.user + after.system - before.user - before.system
    return {"seconds": seconds, "cpu": spent, "rss": largest, **made}


def _left(connection: sa.Connection) -> bool:
    # two questions that an index answers at once, so that asking does not cost what is measured
    open_lane = "SELECT 1 FROM lane WHERE destination = 'bench' AND state = '{}' LIMIT 1"
    return any(
        connection.execute(sa.text(open_lane.format(state))).first() is not None
        for state in ("ready", "waiting", "leased")
    )


async def neighbours(plan: Plan) -> dict[str, Any]:
    """Latency of a healthy destination, message by message at a fixed rate, beside one that may be down.

    ``backlog`` messages wait for the other one, whose address is ``neighbour``.
    """
    hub = proving.open_hub(plan)
    healthy = load.destination(hub, plan["partner"])
    other = load.destination(hub, plan["neighbour"], name="other", slots=16)
    for number in range(plan["backlog"] // 10):
        await load.enqueue(hub, 1_000_000 + number, 10, name="other", due_at=1)
    worker = Worker(hub, {"bench": healthy, "other": other})
    evidence = await proving.attend(worker, hub, {"bench": healthy, "other": other}, plan)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(2.0)
    sent: dict[str, float] = {}
    latencies: list[float] = []
    for number in range(int(plan["rate"] * plan["seconds"])):
        sent[f"H99.bench-{number:07d}"] = time.perf_counter()
        await load.enqueue(hub, number, 1, due_at=number + 1)
        worker.wake("bench")
        await asyncio.sleep(1 / plan["rate"])
        latencies += await _settled(hub, sent)
    while sent:
        await asyncio.sleep(POLL_SECONDS / 4)
        latencies += await _settled(hub, sent)
    worker.stop()
    await running
    await evidence.close()
    await healthy.close()
    await other.close()
    hub.database.close()
    latencies.sort()
    return {"p50": latencies[len(latencies) // 2], "p99": latencies[int(len(latencies) * 0.99)]}


async def _settled(hub: Hub, sent: dict[str, float]) -> list[float]:
    """Latencies of what has become final; the messages are taken out of ``sent``."""
    codes = list(sent)[:200]
    query = sa.text(
        "SELECT dossier_code, settled_at FROM delivery WHERE destination = 'bench' AND settled_at IS NOT NULL "
        "AND dossier_code IN :codes"
    ).bindparams(sa.bindparam("codes", expanding=True))
    offset = time.time() - time.perf_counter()
    rows = await hub.database.read(lambda connection: connection.execute(query, {"codes": codes}).all())
    return [row.settled_at / 1e6 - offset - sent.pop(row.dossier_code) for row in rows]


async def bare(plan: Plan) -> dict[str, Any]:
    """The same client, the same bodies, the same slots, nothing stored, order kept per dossier."""
    client = HttpClient(Capacity(concurrency=load.SLOTS))
    queue = [
        [load.body(number, index) for index in range(plan["messages"])] for number in range(plan["dossiers"])
    ]
    process = psutil.Process()
    before = process.cpu_times()
    started = time.perf_counter()

    async def slot() -> None:
        while queue:
            for payload in queue.pop():
                result = await client.exchange(load.request_for(plan["partner"], payload))
                if not isinstance(result, Answered):
                    raise RuntimeError(str(result))

    await asyncio.gather(*(slot() for _ in range(load.SLOTS)))
    seconds = time.perf_counter() - started
    after = process.cpu_times()
    await client.close()
    return {"seconds": seconds, "cpu": after.user + after.system - before.user - before.system}


async def procrastinate(plan: Plan) -> dict[str, Any]:
    """Procrastinate as its documentation has it: one worker, a lock per dossier, the payload as job argument."""
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=plan["database"]))
    client = HttpClient(Capacity(concurrency=load.SLOTS))

    @app.task(name="send")
    async def send(payload: str) -> None:
        result = await client.exchange(load.request_for(plan["partner"], payload.encode()))
        if not isinstance(result, Answered):
            raise RuntimeError(str(result))

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for number in range(plan["dossiers"]):
            await send.configure(lock=f"dossier-{number}").batch_defer_async(
                *({"payload": load.body(number, index).decode()} for index in range(plan["messages"]))
            )
        started = time.perf_counter()
        worker = asyncio.create_task(
            app.run_worker_async(concurrency=load.SLOTS, wait=False, install_signal_handlers=False)
        )
        total = plan["dossiers"] * plan["messages"]
        while not worker.done() and (await asyncio.to_thread(record_of, plan["partner"]))["received"] < total:
            await asyncio.sleep(POLL_SECONDS * 5)
        seconds = time.perf_counter() - started
        await worker
    await client.close()
    return {"seconds": seconds}


CONTENDERS: dict[str, Callable[[Plan], Coroutine[Any, Any, dict[str, Any]]]] = {
    "fill": fill,
    "prove": proving.prove,
    "fill_log": verifying.fill,
    "verify_log": verifying.verify,
    "gateway": gateway,
    "neighbours": neighbours,
    "bare": bare,
    "procrastinate": procrastinate,
}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(CONTENDERS[sys.argv[1]](json.loads(sys.argv[2])))), flush=True)
