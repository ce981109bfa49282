"""A partner's stand-in: a state machine over requests. The sandbox gives it a socket and injects faults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

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
    """The answer of the stand-in. ``service`` names the operation, for fault rules and for the record.

    ``hold_seconds``: the caller waits that long, and then there is no answer: only the partner knows that it worked.
    """

    status: int = 200
    headers: Headers = (("content-type", "application/json; charset=utf-8"),)
    body: bytes = b""
    service: str = ""
    hold_seconds: float = 0.0


class OutgoingCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that the partner makes by itself; ``url`` is absolute, ``id`` comes back with the answer.

    ``ahead``: it arrives before the answer to the request that caused it.
    """

    id: str
    url: str
    method: str = "POST"
    headers: Headers = ()
    body: bytes = b""
    ahead: bool = False


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


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the signature of a request. ``refusal``: the reason, which the fault names; empty when all is
    well. ``signer``: who it was."""

    refusal: str = ""
    signer: str = ""


class Proof(Protocol):
    """Judges requests and signs answers for a stand-in, which carries no signing library; pure but for a memory of
    nonces."""

    def judge(self, body: bytes, *, operation: str, now: datetime) -> Judged:
        """Whether ``body`` is signed as ``operation`` demands; any bytes, never raises."""

    def seal(self, body: bytes, *, operation: str, now: datetime) -> bytes:
        """The answer as it leaves; the same bytes where answers are not signed."""


@runtime_checkable
class CallsOut(Protocol):
    """A simulator that also calls: it says what is due, the sandbox sends it and tells what came back."""

    def outgoing(self, now: datetime) -> Sequence[OutgoingCall]:
        """What is to be sent now; each call once, until ``answered``. ``now``: aware UTC."""

    def answered(self, call: str, status: int, body: bytes) -> None:
        """The answer to the call with that id; ``status`` 0: nobody answered, ``body`` says why."""
