"""The stand-in itself: it takes any bytes, and what it recorded is JSON.

Invariant: tried at every address that the adapter calls, with every body that the kit knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import msgspec

from gateway.conformance.checks.encoding import encodings
from gateway.conformance.finding import Flaw
from gateway.conformance.hostile import garbage, twisted, wrecked
from gateway.conformance.rehearsal import Rehearsal
from gateway.conformance.subject import Subject
from gateway.conformance.trial import Returned, Tally, attempt
from gateway.port import SimulatedRequest, SimulatedResponse, Simulator, WireRequest

_METHODS = ("GET", "POST", "PUT", "", "\x00")


def sturdy_simulator(subject: Subject) -> Iterator[Flaw]:
    """Never raises, always answers with a response, and its record can be written as JSON."""
    rehearsal = Rehearsal(subject).start()
    simulator = rehearsal.simulator
    tally = Tally()
    for where, request in _one_per_address(rehearsal).items():
        bodies = [*garbage(), *wrecked(request.body), *(answer for _, answer in twisted(request.body))]
        for body in bodies:
            for method in (request.method, *(_METHODS if body.name == "{}" else ())):
                hostile = _as_received(subject, request, method, body.body)
                _try(tally, simulator, hostile, (where, f"{method} with body {body.name}"))
    for method in _METHODS:
        lost = SimulatedRequest(
            method=method, path="/no/such/\x00path", query="a=%ff&&=", headers=(), body=b"", now=subject.now
        )
        _try(tally, simulator, lost, ("/no/such/path", f"{method!r}"))
    told = attempt(lambda: msgspec.json.encode(simulator.record()))
    if not isinstance(told, Returned):
        tally.add("record", f"cannot be written as JSON: it {told}", "after hostile requests")
    yield from tally.flaws()


def _try(tally: Tally, simulator: Simulator, request: SimulatedRequest, said: tuple[str, str]) -> None:
    where, example = said
    for call in (simulator.handle, partial(simulator.twist, "no_such_fault")):
        match attempt(partial(call, request)):
            case Returned(SimulatedResponse() | None):
                continue
            case Returned(value):
                tally.add(where, f"answers with a {type(value).__name__}", example)
            case other:
                tally.add(where, str(other), example)


def _one_per_address(rehearsal: Rehearsal) -> dict[str, WireRequest]:
    """One ordinary, authenticated request for every path and every operation or read of the adapter."""
    found: dict[str, WireRequest] = {}
    for name, call in encodings(rehearsal.subject, lent=rehearsal.context({})):
        made = attempt(call)
        if isinstance(made, Returned):
            found.setdefault(f"{urlsplit(made.value.url).path} {name.partition(' | ')[0]}", made.value)
    return found


def _as_received(subject: Subject, request: WireRequest, method: str, body: bytes) -> SimulatedRequest:
    parts = urlsplit(request.url)
    return SimulatedRequest(
        method=method,
        path=parts.path,
        query=parts.query,
        headers=request.headers,
        body=body,
        now=subject.now,
    )
