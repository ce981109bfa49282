"""A partner's stand-in: a state machine over requests. The sandbox gives it a socket and injects faults."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

import msgspec

from gateway.port.wire import Headers


class SimulatedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the sandbox received it. ``now`` is the sandbox's clock, aware UTC."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    now: datetime


class SimulatedResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the stand-in. ``service`` names the operation, for fault rules and for the record."""

    status: int = 200
    headers: Headers = (("content-type", "application/json; charset=utf-8"),)
    body: bytes = b""
    service: str = ""


class Simulator(Protocol):
    """A stateful stand-in that validates like the partner and keeps its own record of everything received."""

    def handle(self, request: SimulatedRequest) -> SimulatedResponse:
        """Validate, change the state, answer. Never raises on any bytes."""

    def twist(self, fault: str, request: SimulatedRequest) -> SimulatedResponse | None:
        """Answer in the way of an *application-level* fault (``session_expired``, ``ok_but_exists``, …);
        None when this stand-in has no such fault for this request. Socket-level faults are the sandbox's."""

    def record(self) -> dict[str, Any]:
        """Everything received and kept, as JSON: the partner's own truth, for comparison."""

    def administer(self, action: str, body: bytes) -> dict[str, Any]:
        """Admin actions outside the contract (seed, expire sessions, set limits)."""
