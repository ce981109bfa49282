"""Runs stand-ins over real HTTP on the loopback interface: one port each, and a control port for all.

Invariant: closing gives back every port and ends every connection and task; the control port answers even while a
stand-in refuses connections.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from gateway.port.simulator import Simulator
from gateway.sandbox.admin import PREFIX, Booth, PushOrder, push, reset, serve_admin
from gateway.sandbox.courier import Receipt
from gateway.sandbox.damage import Manner
from gateway.sandbox.faults import FaultPlan, calm
from gateway.sandbox.http import Exchange, Request, json_exchange
from gateway.sandbox.listener import Listener
from gateway.sandbox.postman import Postman
from gateway.sandbox.stand import Latency, Stand

CONTROL = "control"
"""Name of the control port in ``ports``."""


def utc_now() -> datetime:
    """The real clock, aware UTC."""
    return datetime.now(UTC)


Plans: TypeAlias = FaultPlan | Mapping[str, FaultPlan]
"""One plan for every stand-in, or a plan by name (calm where none is named)."""
Latencies: TypeAlias = Latency | Mapping[str, Latency]
"""One latency for every stand-in, or one by name (none where none is named)."""
Tls: TypeAlias = ssl.SSLContext | Mapping[str, ssl.SSLContext]
"""TLS of every stand-in, or by name (plain HTTP where none is named); see ``certificates``. Never of the control port."""


class Sandbox:
    """Running stand-ins, by name. Get one from ``serve_sandbox``."""

    def __init__(self, stands: Sequence[Stand], ports: Mapping[str, int], tls: Tls | None = None) -> None:
        if any(stand.name == CONTROL for stand in stands):
            raise ValueError(f"{CONTROL!r} is the control port's name; call the stand-in something else")
        spoken = tls if isinstance(tls, Mapping) else {stand.name: tls for stand in stands}
        self._booths = {
            stand.name: self._booth(stand, ports.get(stand.name, 0), spoken.get(stand.name))
            for stand in stands
        }
        self._control = Listener(self._serve_control, ports.get(CONTROL, 0))

    @property
    def names(self) -> tuple[str, ...]:
        """The stand-ins."""
        return tuple(self._booths)

    @property
    def control_url(self) -> str:
        """``<control_url>/<name>/-/…`` is a stand-in's admin door that no outage closes."""
        return self._control.url

    def url(self, name: str) -> str:
        """Where a stand-in answers, without a trailing slash."""
        return self._booths[name].listener.url

    def simulator(self, name: str) -> Simulator:
        """The stand-in itself."""
        return self._booths[name].stand.simulator

    def record(self, name: str) -> dict[str, Any]:
        """Everything that the stand-in received and kept."""
        return self._booths[name].stand.simulator.record()

    def injected(self, name: str) -> dict[str, Any]:
        """What was injected: ``counts`` per fault, ``injected`` in order, ``requests`` per service."""
        booth = self._booths[name]
        return {**booth.stand.injector.report(), "outages": booth.listener.outages}

    def use_plan(self, name: str, plan: FaultPlan) -> None:
        """Follow another fault plan from now on."""
        self._booths[name].stand.injector.use(plan)

    def reset(self, name: str) -> None:
        """Empty the stand-in and begin its plan anew."""
        reset(self._booths[name].stand)

    async def outage(self, name: str, seconds: float | None = None) -> None:
        """Refuse connections for ``seconds``, or until ``restore``."""
        await self._booths[name].listener.outage(seconds)

    async def restore(self, name: str) -> None:
        """End an outage."""
        await self._booths[name].listener.restore()

    async def push(self, name: str, order: PushOrder) -> list[Receipt]:
        """Send the partner's own calls to a gateway on this machine; what it answered, in order."""
        return await push(self._booths[name].stand, order)

    async def open(self) -> None:
        """Listen on every port; all or nothing."""
        async with AsyncExitStack() as stack:
            for listener in (self._control, *(booth.listener for booth in self._booths.values())):
                await listener.open()
                stack.push_async_callback(listener.close)
            stack.pop_all()
        for booth in self._booths.values():
            booth.postman.start()

    async def close(self) -> None:
        """Give everything back."""
        await self._control.close()
        for booth in self._booths.values():
            await booth.postman.close()
            await booth.listener.close()

    def _booth(self, stand: Stand, port: int, tls: ssl.SSLContext | None) -> Booth:
        async def serve(request: Request) -> Exchange:
            return await self._serve(stand.name, request)

        return Booth(stand=stand, listener=Listener(serve, port, tls=tls), postman=Postman(stand))

    async def _serve(self, name: str, request: Request) -> Exchange:
        booth = self._booths[name]
        if request.path.startswith(PREFIX):
            return await serve_admin(booth, request)
        exchange = await booth.stand.answer(request)
        await booth.postman.collect()
        if exchange.manner is Manner.REFUSED:
            await booth.listener.outage(exchange.seconds)
        return exchange

    async def _serve_control(self, request: Request) -> Exchange:
        name, slash, rest = request.path.removeprefix("/").partition(PREFIX)
        if slash and name in self._booths:
            path = f"{PREFIX}{rest}"
            return await serve_admin(self._booths[name], msgspec.structs.replace(request, path=path))
        if request.path == f"{PREFIX}health":
            return json_exchange({"status": "ok", "stands": {each: self.url(each) for each in self._booths}})
        known = ", ".join(f"/{each}{PREFIX}…" for each in self._booths)
        return json_exchange({"error": f"got {request.path}, expected {PREFIX}health or {known}"}, 404)


@asynccontextmanager
async def serve_sandbox(  # noqa: PLR0913 - everything has its default
    simulators: Mapping[str, Simulator],
    *,
    plan: Plans | None = None,
    latency: Latencies | None = None,
    ports: Mapping[str, int] | None = None,
    tls: Tls | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[Sandbox]:
    """Run ``simulators`` inside this event loop until the block ends.

    ``ports``: port per stand-in and for ``control``; what is not named takes a free one. ``tls``: HTTPS instead of HTTP.
    ``clock``: aware UTC.
    """
    stands = []
    for name, simulator in simulators.items():
        mine = plan.get(name) if isinstance(plan, Mapping) else plan
        pace = latency.get(name) if isinstance(latency, Mapping) else latency
        stands.append(Stand(name, simulator, mine or calm(), clock=clock, latency=pace or Latency()))
    sandbox = Sandbox(stands, ports or {}, tls)
    await sandbox.open()
    try:
        yield sandbox
    finally:
        await sandbox.close()


def run_sandbox(  # noqa: PLR0913 - likewise
    simulators: Mapping[str, Simulator],
    announce: Callable[[Sandbox], None],
    *,
    plan: Plans | None = None,
    latency: Latencies | None = None,
    ports: Mapping[str, int] | None = None,
    tls: Tls | None = None,
) -> None:
    """Run ``simulators`` in this process until SIGINT or SIGTERM; ``announce`` is called once all ports listen."""

    async def run() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        async with serve_sandbox(simulators, plan=plan, latency=latency, ports=ports, tls=tls) as sandbox:
            announce(sandbox)
            await stopped.wait()

    asyncio.run(run())
