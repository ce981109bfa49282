"""What one message of a ministry costs, step by step: ``python -m bench.ministries_steps NAME JSON`` prints one line.

ours   the stored payload decoded, attachments proven, encoded, validated by the schema, signed; the answer validated by
       the schema and judged
zeep   the peer: from values that are ready in its own shape; the answer parsed into its objects and looked at

One thread, one message after the other, in turn for every step. What both send is judged in ``ministries_partner``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bench import ministries_load as load
from gateway.domain.outcome import Accepted, Outcome
from gateway.port import Context, WireResponse
from gateway.signing import jws, wsse
from gateway.signing.keys import from_pem

Plan = dict[str, Any]
STEPS = ("encode", "sign", "interpret")
XML = (("content-type", "text/xml; charset=utf-8"),)


class Steps(Protocol):
    """One message of one contender. ``sign`` signs what ``encode`` has made before."""

    def encode(self) -> object: ...

    def sign(self) -> object: ...

    def interpret(self) -> object: ...


class Permit:
    """Ours: an application for a construction permit, SOAP 1.1, WS-Security X.509."""

    def __init__(self, size: int, keys: load.KeyFiles) -> None:
        self._adapter = load.construction_adapter("http://127.0.0.1:9/")
        self._deliveries = [load.delivery(self._adapter, load.permit(7, size))]
        self._context = Context(now=load.NOW, files=load.files(size))
        self._key = from_pem("bench", keys.certificate, keys.key, None)
        self._encoded = self.encode()
        answer = load.acknowledgement(load.call_of(self._encoded))
        self._answer = WireResponse(status=200, headers=XML, body=answer)

    def encode(self) -> bytes:
        return self._adapter.encode(self._deliveries, self._context).body

    def sign(self) -> bytes:
        return wsse.sign(self._encoded, self._key, now=load.NOW)

    def interpret(self) -> None:
        _require_accepted(self._adapter.interpret(self._deliveries, self._answer, self._context))


class Record:
    """Ours: an application for a judicial record, REST; signed by a detached JWS, where a partner wants that."""

    def __init__(self, keys: load.KeyFiles) -> None:
        self._adapter = load.judicial_adapter("https://lgsp.h99.example")
        self._deliveries = [load.delivery(self._adapter, load.application(7))]
        self._context = Context(now=load.NOW)
        self._key = from_pem("bench", keys.certificate, keys.key, None)
        self._encoded = self.encode()
        self._answer = WireResponse(status=200, headers=load.JSON, body=load.JUDICIAL_ANSWER)

    def encode(self) -> bytes:
        return self._adapter.encode(self._deliveries, self._context).body

    def sign(self) -> str:
        return jws.sign(self._encoded, self._key, now=load.NOW)

    def interpret(self) -> None:
        _require_accepted(self._adapter.interpret(self._deliveries, self._answer, self._context))


def _require_accepted(outcomes: Sequence[Outcome]) -> None:
    if not all(isinstance(each, Accepted) for each in outcomes):
        raise TypeError(str(outcomes))


def measured(contender: Steps, messages: int) -> dict[str, list[float]]:
    """Seconds of processor and of the clock for one message, by step."""
    for step in STEPS:
        getattr(contender, step)()
    return {step: _spent(getattr(contender, step), messages) for step in STEPS}


def _spent(work: Callable[[], object], messages: int) -> list[float]:
    cpu, clock = time.process_time(), time.perf_counter()
    for _ in range(messages):
        work()
    return [(time.process_time() - cpu) / messages, (time.perf_counter() - clock) / messages]


def ours(plan: Plan) -> dict[str, Any]:
    """Every message with every key."""
    return {
        **_permits(plan, Permit),
        **{
            f"record {title}": measured(Record(_keys(plan, kind)), plan["messages"])
            for title, kind in load.KINDS.items()
        },
    }


def peer(plan: Plan) -> dict[str, Any]:
    """Permits by zeep."""
    from bench.ministries_peer import ZeepPermit

    return _permits(plan, ZeepPermit)


def _permits(plan: Plan, contender: Callable[[int, load.KeyFiles], Steps]) -> dict[str, Any]:
    found = {}
    for about, size in load.SIZES.items():
        # a large one takes many times longer
        messages = plan["messages"] if size == load.SMALL else max(3, plan["messages"] // 20)
        for title, kind in load.KINDS.items():
            found[f"{about} {title}"] = measured(contender(size, _keys(plan, kind)), messages)
    return found


def _keys(plan: Plan, kind: str) -> load.KeyFiles:
    return load.keys_in(plan["keys"], kind)


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "zeep": peer}[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
