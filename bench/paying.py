"""Suite about a payment platform's callbacks over HTTP: how many verified ones a second, how fast, and what a flood of
forged ones beside them costs.

One process with SQLite; every callback is verified, journalled, settled, logged, told and committed before its answer.
Rates are open-loop: a latency counts from the instant at which the call was due.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from bench.load import body
from bench.running import STOLEN, Row, row, sqlite, stolen
from gateway.api.server import run as run_server
from gateway.api.server import serve
from gateway.bootstrap import Gateway, open_gateway
from gateway.codec import canonical
from gateway.domain.dossier import FeeKind
from gateway.domain.payment_order import OrderAgency, OrderItem, OrderPayer, OrderProcedure, PaymentOrder
from gateway.port import Capacity, WireRequest
from gateway.settings import Settings, decode
from gateway.storage.intake import Acceptance, DossierRow, LanePlan, accept_dossiers
from gateway.storage.payments import Opening, open_payments
from gateway.telemetry import configure_logging
from gateway.wire.client import Answered, HttpClient

RATE = 500
FLOOD_RATE = 1000
CONNECTIONS = 64
FLOOD_CONNECTIONS = 256
NAME = "payment_platform"
PARTNER = "BENCHH99"
SECRET = "bench-only-" + "0" * 32
LONGEST_MS = 30
LONGEST_DELAY = 1.2
_ASKED_AT = "20260928143015"
_AMOUNT = 250_000
_LOGGED_A_MINUTE = 6


def callback(runs: int, quick: bool) -> list[Row]:
    """Callbacks a second, p99 at 500/s, and p99 and rows while forged ones come twice as often."""
    seconds = 3 if quick else 10
    rates, costs, forged_costs, empty, calm, flooded = [], [], [], [], [], []
    answered, rows = [], []
    shares: list[float] = []
    for _ in range(1 if quick else runs):
        with sqlite() as database, stolen(shares):
            found = _measure(database, seconds)
        rates.append(found["rate"])
        costs.append(found["cost"] * 1000)
        forged_costs.append(found["forged_cost"] * 1000)
        empty.append(found["empty"] * 1000)
        calm.append(found["calm"] * 1000)
        flooded.append(found["flooded"] * 1000)
        answered.append(found["forged"] / (seconds + 1))
        rows.append(float(found["rows"]))
    delays = [beside / alone for beside, alone in zip(flooded, calm, strict=True)]
    most = 2 * _LOGGED_A_MINUTE * (1 + (4 * seconds + 60) / 60)
    return [
        row("verified callbacks", "1/s", rates, f">= {RATE}", met=min(rates) >= RATE),
        row("processor time of one", "ms", costs, "< 1", met=_middle(costs) < 1),
        row(f"p99 of an empty answer at {RATE}/s: the machine's own", "ms", empty),
        row(f"p99 at {RATE}/s", "ms", calm, f"< {LONGEST_MS}", met=_middle(calm) < LONGEST_MS),
        row(
            f"p99 at {RATE}/s beside {FLOOD_RATE} forged/s",
            "ms",
            flooded,
            f"< {LONGEST_MS}",
            met=_middle(flooded) < LONGEST_MS,
        ),
        row(
            "p99 beside them / without",
            "x",
            delays,
            f"<= {LONGEST_DELAY}",
            met=_middle(delays) <= LONGEST_DELAY,
        ),
        row("processor time of a forged one", "ms", forged_costs),
        row("forged callbacks answered", "1/s", answered),
        row("rows that they cost", "rows", rows, f"<= {most:.0f}", met=max(rows) <= most),
        row(STOLEN, "%", shares),
    ]


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _measure(database: str, seconds: int) -> dict[str, float]:
    count = RATE * (seconds + 1)
    server = _start("serve", database, str(3 * count))
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        numbers = iter(range(3 * count))
        before = _processor_seconds(server.pid)
        rate = asyncio.run(_as_fast_as_possible(url, [next(numbers) for _ in range(count)]))
        spent = _processor_seconds(server.pid) - before
        empty = asyncio.run(_at_rate([WireRequest(method="GET", url=f"{url}/livez")] * count, _alive))
        calm = asyncio.run(_at_rate([_request(url, _confirm(next(numbers))) for _ in range(count)], _genuine))
        flood = _start("flood", url, str(seconds + 1))
        flooded = asyncio.run(_at_rate([_request(url, _confirm(number)) for number in numbers], _genuine))
        forged = int(flood.communicate(timeout=60)[0])
        before = _processor_seconds(server.pid)
        answered = asyncio.run(_flood(url, 1))
        spent_on_forged = (_processor_seconds(server.pid) - before) / answered
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
    return {
        "rate": rate,
        "cost": spent / count,
        "forged_cost": spent_on_forged,
        "empty": _tail(empty),
        "calm": _tail(calm),
        "flooded": _tail(flooded),
        "forged": forged,
        "rows": _refused_rows(database, 3 * count),
    }


def _refused_rows(database: str, payments: int) -> int:
    """How many log entries the forged ones have left; RuntimeError unless every genuine one has settled."""
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        settled, refused = connection.execute(
            "SELECT (SELECT count(*) FROM settlement), (SELECT 2 * count(*) FROM message WHERE outcome = 'refused')"
        ).fetchone()
    if settled != payments:
        raise RuntimeError(f"{settled} of {payments} payments were settled")
    return int(refused)


def _tail(latencies: list[float]) -> float:
    return sorted(latencies)[int(len(latencies) * 0.99)]


def _processor_seconds(process: int) -> float:
    """What a process has used of all processors (proc(5): utime and stime, after the name in brackets)."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.paying", *arguments], stdout=subprocess.PIPE, text=True
    )


# the platform


def _confirm(number: int, *, genuine: bool = True) -> bytes:
    values = {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": "00",
        "MaDoiTac": PARTNER,
        "MaThamChieu": _reference(number),
        "SoTien": _AMOUNT,
        "MaTienTe": "VND",
        "MaGiaoDich": f"PP{number:014d}",
        "MaNganHang": "DEMOBANK",
        "ThoiGianGD": _ASKED_AT,
        "ThongTinGiaoDich": f"THANH TOAN HO SO {_dossier(number)}",
    }
    joined = "|".join((*map(str, values.values()), SECRET if genuine else f"guess {number}"))
    return json.dumps({**values, "MaXacThuc": hashlib.sha256(joined.encode()).hexdigest()}).encode()


def _reference(number: int) -> str:
    return f"PG26092800{number:010d}"


def _dossier(number: int) -> str:
    return f"H99.15-261001-{number:07d}"


def _request(url: str, content: bytes) -> WireRequest:
    headers = (("content-type", "application/json; charset=utf-8"),)
    return WireRequest(method="POST", url=f"{url}/in/{NAME}/confirm", headers=headers, body=content)


async def _as_fast_as_possible(url: str, numbers: list[int]) -> float:
    """Callbacks a second that ``CONNECTIONS`` callers get answered."""
    client = HttpClient(Capacity(concurrency=CONNECTIONS))
    requests = iter([_request(url, _confirm(number)) for number in numbers])

    async def caller() -> None:
        for request in requests:
            await _genuine(client, request)

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CONNECTIONS)))
    seconds = time.perf_counter() - started
    await client.close()
    return len(numbers) / seconds


async def _at_rate(
    requests: list[WireRequest], ask: Callable[[HttpClient, WireRequest], Awaitable[None]]
) -> list[float]:
    """The latencies of ``requests`` at the fixed rate; the first second warms both sides up."""
    client = HttpClient(Capacity(concurrency=CONNECTIONS))
    latencies: list[float] = []

    async def one(request: WireRequest, due: float, begun: float) -> None:
        await ask(client, request)
        if due >= begun + 1.0:
            latencies.append(time.perf_counter() - due)

    await _paced(requests, RATE, one)
    await client.close()
    return latencies


async def _paced(
    requests: list[WireRequest], rate: int, one: Callable[[WireRequest, float, float], Any]
) -> None:
    begun = time.perf_counter() + 0.1
    tasks = []
    for number, request in enumerate(requests):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(request, due, begun)))
    await asyncio.gather(*tasks)


async def _genuine(client: HttpClient, request: WireRequest) -> None:
    result = await client.exchange(request)
    if not isinstance(result, Answered) or json.loads(result.response.body)["MaLoi"] != "00":
        raise RuntimeError(str(result)[:500])


async def _alive(client: HttpClient, request: WireRequest) -> None:
    result = await client.exchange(request)
    if not isinstance(result, Answered) or result.response.status != 200:
        raise RuntimeError(str(result)[:500])


async def _flood(url: str, seconds: int) -> int:
    """Forged callbacks, every one of its own, as many as ``FLOOD_CONNECTIONS`` get answered, at most ``FLOOD_RATE`` a
    second; how many were refused as they should."""
    client = HttpClient(Capacity(concurrency=FLOOD_CONNECTIONS))
    begun, numbers, refused = time.perf_counter(), itertools.count(), 0

    async def attacker(due: float) -> None:
        nonlocal refused
        while due < begun + seconds:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            result = await client.exchange(_request(url, _confirm(next(numbers), genuine=False)))
            if not isinstance(result, Answered) or result.response.status != 401:
                raise RuntimeError(str(result)[:500])
            refused += 1
            due = max(due + FLOOD_CONNECTIONS / FLOOD_RATE, time.perf_counter())

    places = range(FLOOD_CONNECTIONS)
    await asyncio.gather(*(attacker(begun + place / FLOOD_RATE) for place in places))
    await client.close()
    return refused


# the gateway


async def _serve(database: str, count: int) -> None:
    address = "https://platform.h99.example/api"
    partner = {
        "secret": {"env": "BENCH_SECRET"},
        **dict.fromkeys(("init_url", "query_url", "bill_url"), address),
        "ip": "203.0.113.10",
    }
    hosts = ["pay.h99.example"]
    document: dict[str, Any] = {
        "database": {"url": database},
        "api": {"port": 0},
        "destination": {
            NAME: {
                "settings": {
                    "partners": {PARTNER: partner},
                    "payment_hosts": hosts,
                    "receipt_hosts": hosts,
                }
            }
        },
    }
    os.environ["BENCH_SECRET"] = SECRET
    configure_logging("error")  # a line a call on a pipe that nobody reads would stop the server
    gateway = await open_gateway(decode(document, Settings))
    await _ask_for_money(gateway, count)
    try:
        await serve(
            gateway,
            worker=False,
            started=lambda url: print(json.dumps({"url": url}), flush=True),
        )
    finally:
        await gateway.close()


async def _ask_for_money(gateway: Gateway, count: int) -> None:
    """``count`` dossiers with an attempt to pay each, in groups as a busy counter would make them."""
    for first in range(0, count, 500):
        numbers = range(first, min(first + 500, count))
        apply = gateway.database.apply
        await asyncio.gather(*(apply(accept_dossiers, _acceptance(number)) for number in numbers))
        await asyncio.gather(*(apply(open_payments, opening) for opening in _openings(numbers)))


def _acceptance(number: int) -> Acceptance:
    record = DossierRow(
        code=_dossier(number),
        source="bench",
        version=1,
        status="financial_obligation",
        procedure_code="1.000001",
        agency_code="H99.15",
        channel="online",
        submitted_at=None,
        received_at=None,
        due_at=None,
        finished_at=None,
        digest=b"-",
        record=body(number, 0, 2000),
    )
    lane = LanePlan(destination=NAME, partner_codes=(), deliveries=())
    return Acceptance(dossier=record, lanes=(lane,), now=time.time_ns() // 1000)


def _openings(numbers: range) -> Iterator[Opening]:
    for number in numbers:
        order = PaymentOrder(
            reference=_reference(number),
            asked_at=_ASKED_AT,
            partner=PARTNER,
            dossier=_dossier(number),
            amount=_AMOUNT,
            items=[OrderItem(kind=FeeKind.FEE, name="Phí thẩm định", amount=_AMOUNT)],
            payer=OrderPayer(name="Nguyễn Văn Mẫu"),
            procedure=OrderProcedure(code="1.000001", name="Cấp giấy phép mẫu"),
            agency=OrderAgency(code="H99.15", name="Sở Xây dựng tỉnh Mẫu"),
        )
        yield Opening(
            destination=NAME,
            dossier=order.dossier,
            purpose="fees",
            amount=_AMOUNT,
            currency="VND",
            terms=b"{}",
            partner=PARTNER,
            reference=order.reference,
            asked_at=_ASKED_AT,
            payload=canonical.encode(order),
            by="bench",
            now=time.time_ns() // 1000,
        )


if __name__ == "__main__":
    if sys.argv[1] == "flood":
        print(asyncio.run(_flood(sys.argv[2], int(sys.argv[3]))))
    elif "BENCH_PROFILE" in os.environ:
        import cProfile

        with cProfile.Profile() as profile:
            run_server(_serve(sys.argv[2], int(sys.argv[3])))
        profile.dump_stats(os.environ["BENCH_PROFILE"])
    else:
        run_server(_serve(sys.argv[2], int(sys.argv[3])))
