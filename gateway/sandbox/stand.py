"""One stand-in behind a port: the simulator, its latency, and the faults that strike before or after it.

Invariant: what the simulator processed is decided by the fault's row, never by luck; a request that no fault strikes
reaches the simulator exactly once and its answer reaches the client whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec

from gateway.port.simulator import SimulatedRequest, SimulatedResponse, Simulator
from gateway.sandbox.damage import SOCKET_FAULTS, Manner
from gateway.sandbox.faults import Decision, FaultPlan, Injector
from gateway.sandbox.http import Exchange, Request

REPLAY_HEADER = "x-sandbox-replay"
"""On the second copy of a request that the sandbox itself repeats, so that a stand-in does not blame the client."""

DEFAULT_RETRY_AFTER = 1

# What a stand-in may be asked for when it does not say what it knows (national_portal §13.3).
APPLICATION_FAULTS = (
    "session_expired",
    "session_expired_midway",
    "int_vs_string",
    "code_00",
    "null_fields",
    "ok_but_exists",
    "progress_rejected",
    "partial_failure",
    "soap_fault",
    "soap_fault_200",
    "maintenance",
    "file_unreachable",
)


@runtime_checkable
class NamesServices(Protocol):
    """A simulator that can tell which operation a request names before working on it."""

    def service(self, request: SimulatedRequest) -> str:
        """The operation's name; nothing changes."""


@runtime_checkable
class NamesFaults(Protocol):
    """A simulator that says which application-level faults it knows."""

    @property
    def faults(self) -> Sequence[str]:
        """Names for ``Simulator.twist``."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long a partner takes to answer, in milliseconds: evenly between ``low`` and ``high``, by turns."""

    low: float = 0.0
    high: float = 0.0

    def seconds(self, turn: int) -> float:
        """The wait for request number ``turn``: a fixed walk through the range, so that runs repeat."""
        golden = (turn * 0.6180339887498949) % 1.0
        return (self.low + (self.high - self.low) * golden) / 1000


class Stand:
    """A simulator with everything that the sandbox adds to it."""

    def __init__(
        self,
        name: str,
        simulator: Simulator,
        plan: FaultPlan,
        *,
        clock: Callable[[], datetime],
        latency: Latency,
    ) -> None:
        self.name = name
        self.simulator = simulator
        self.latency = latency
        self.clock_offset = timedelta()
        known = simulator.faults if isinstance(simulator, NamesFaults) else APPLICATION_FAULTS
        self.injector = Injector(plan, known)
        self._clock = clock
        self._turn = 0

    def now(self) -> datetime:
        """The stand-in's clock, aware UTC."""
        return self._clock() + self.clock_offset

    async def answer(self, request: Request) -> Exchange:
        """Serve one request as the plan has it."""
        simulated = SimulatedRequest(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.body,
            now=self.now(),
        )
        decision = self.injector.next(self._service(simulated))
        self._turn += 1
        if wait := self.latency.seconds(self._turn):
            await asyncio.sleep(wait)
        if decision is not None:
            for fault in decision.faults:
                exchange = self._struck(fault, decision, simulated)
                if exchange is not None:
                    self.injector.note(decision, fault)
                    return exchange
            self.injector.note(decision, None)
        return _exchange(self.simulator.handle(simulated))

    def _service(self, request: SimulatedRequest) -> str:
        if isinstance(self.simulator, NamesServices):
            return self.simulator.service(request)
        return request.path.rstrip("/").rpartition("/")[2][:100]

    def _struck(self, fault: str, decision: Decision, request: SimulatedRequest) -> Exchange | None:
        row = SOCKET_FAULTS.get(fault)
        if row is None:
            twisted = self.simulator.twist(fault, request)
            if twisted is None:
                return None
            held = (
                decision.rule.seconds if twisted.hold_seconds else None
            )  # the rule says how long, if it does
            return _exchange(twisted) if held is None else _exchange(twisted, Manner.HELD, held)
        answer = SimulatedResponse(service=decision.service)
        for copy in range(row.processed):
            replay = ((REPLAY_HEADER, str(copy)),) if copy else ()
            answer = self.simulator.handle(
                msgspec.structs.replace(request, headers=(*request.headers, *replay))
            )
        rule = decision.rule
        if row.spoil is not None:
            wait = DEFAULT_RETRY_AFTER if rule.retry_after is None else rule.retry_after
            answer = row.spoil(answer, wait)
        seconds = row.seconds if rule.seconds is None else rule.seconds
        return _exchange(answer, row.manner, seconds)


def _exchange(answer: SimulatedResponse, manner: Manner = Manner.WHOLE, seconds: float = 0.0) -> Exchange:
    if answer.hold_seconds and manner is Manner.WHOLE:
        manner, seconds = Manner.HELD, answer.hold_seconds
    return Exchange(
        status=answer.status, headers=answer.headers, body=answer.body, manner=manner, seconds=seconds
    )
