"""The sandbox's own door beside the partner's: record, faults, outages, resets, deliveries (paths under ``/-/``).

Invariant: nothing here is part of a partner's contract, and no fault plan touches it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar

import msgspec

from gateway.domain.errors import GatewayError, NotFoundError, RecordError
from gateway.sandbox.courier import Parcel, Receipt, deliver
from gateway.sandbox.faults import PRESETS, FaultPlan
from gateway.sandbox.http import Exchange, Request, json_exchange
from gateway.sandbox.listener import Listener
from gateway.sandbox.postman import Postman
from gateway.sandbox.stand import Stand

PREFIX = "/-/"
_T = TypeVar("_T")


class PresetOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan by name."""

    preset: str
    seed: int = 0


class OutageOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to refuse connections: seconds, 0 to end it, None until told."""

    seconds: float | None = None


class ClockOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the stand-in's clock runs ahead of the real one."""

    offset_seconds: float = 0.0


class PushOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deliveries to a gateway at ``url``: ``kind`` is an admin action of the stand-in, ``order`` its body."""

    url: str
    kind: str
    order: dict[str, Any] = {}


class Booth(msgspec.Struct, frozen=True, kw_only=True):
    """A stand, the port it answers on, and who carries its own calls."""

    stand: Stand
    listener: Listener
    postman: Postman


async def serve_admin(booth: Booth, request: Request) -> Exchange:
    """Answer a request under ``/-/`` for one stand."""
    name = request.path.removeprefix(PREFIX)
    try:
        if name.startswith("admin/") and request.method == "POST":
            action = name.removeprefix("admin/")
            return json_exchange(booth.stand.simulator.administer(action, request.body))
        return json_exchange(await _route(request.method, name)(booth, request.body))
    except NotFoundError as error:
        return json_exchange({"error": str(error)}, 404)
    except GatewayError as error:
        return json_exchange({"error": str(error)}, 400)


async def push(stand: Stand, order: PushOrder) -> list[Receipt]:
    """Have the stand-in build deliveries, and post them."""
    built = stand.simulator.administer(order.kind, msgspec.json.encode(order.order))
    if "deliveries" not in built:
        raise RecordError(f"push: {stand.name} builds no deliveries for {order.kind!r}")
    return await deliver(order.url, msgspec.convert(built["deliveries"], list[Parcel]))


def reset(stand: Stand) -> None:
    """Empty the stand-in and begin its plan anew."""
    stand.simulator.administer("reset", b"")
    stand.injector.restart()


async def _health(booth: Booth, _body: bytes) -> dict[str, Any]:
    return {"status": "ok", "name": booth.stand.name, "open": booth.listener.is_open}


async def _record(booth: Booth, _body: bytes) -> dict[str, Any]:
    return booth.stand.simulator.record()


async def _faults(booth: Booth, _body: bytes) -> dict[str, Any]:
    return {**booth.stand.injector.report(), "outages": booth.listener.outages}


async def _use_plan(booth: Booth, body: bytes) -> dict[str, Any]:
    if "preset" in _decoded(body, dict[str, Any]):
        order = _decoded(body, PresetOrder)
        if order.preset not in PRESETS:
            raise RecordError(f"preset: got {order.preset!r}, expected one of {', '.join(PRESETS)}")
        plan = PRESETS[order.preset](order.seed)
    else:
        plan = _decoded(body, FaultPlan)
    booth.stand.injector.use(plan)
    return {"plan": msgspec.to_builtins(plan)}


async def _outage(booth: Booth, body: bytes) -> dict[str, Any]:
    seconds = _decoded(body, OutageOrder).seconds
    if seconds == 0:
        await booth.listener.restore()
    else:
        await booth.listener.outage(seconds)
    return {"open": booth.listener.is_open, "seconds": seconds}


async def _clock(booth: Booth, body: bytes) -> dict[str, Any]:
    booth.stand.clock_offset = timedelta(seconds=_decoded(body, ClockOrder).offset_seconds)
    return {"offset_seconds": booth.stand.clock_offset.total_seconds()}


async def _push(booth: Booth, body: bytes) -> dict[str, Any]:
    receipts = await push(booth.stand, _decoded(body, PushOrder))
    return {"answers": msgspec.to_builtins(receipts)}


async def _reset(booth: Booth, _body: bytes) -> dict[str, Any]:
    reset(booth.stand)
    return {"reset": True}


_Route: TypeAlias = Callable[[Booth, bytes], Awaitable[dict[str, Any]]]
_ROUTES: Mapping[tuple[str, str], _Route] = {
    ("GET", "health"): _health,
    ("GET", "record"): _record,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _use_plan,
    ("POST", "outage"): _outage,
    ("POST", "clock"): _clock,
    ("POST", "push"): _push,
    ("POST", "reset"): _reset,
}


def _route(method: str, name: str) -> _Route:
    if (method, name) not in _ROUTES:
        known = ", ".join(f"{verb} {PREFIX}{path}" for verb, path in _ROUTES)
        raise NotFoundError(f"got {method} {PREFIX}{name}, expected one of {known}")
    return _ROUTES[method, name]


def _decoded(body: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body or b"{}", type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"body: {error}") from error
