"""What operators of the ministry's stand-in can do beside the contract: pace, scripts, jumps, expired cursors.

Invariant: an order changes what will happen or brings it forward; it never rewrites what was told already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from adapters.construction.simulator_course import begin, finish, paid
from adapters.construction.simulator_model import OUTCOMES, Case, World
from gateway.domain.errors import NotFoundError, RecordError

_T = TypeVar("_T")


class ScriptOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of a dossier, filed already or not yet."""

    code: str
    outcome: str


class DossierOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something done to one dossier."""

    code: str


class PaceOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a working day takes from now on; what is planned already keeps its time."""

    day_seconds: float


def administer(world: World, action: str, body: bytes) -> dict[str, Any]:
    """One of ``ACTIONS``."""
    if action not in ACTIONS:
        known = ", ".join(sorted([*ACTIONS, "reset", "expire_sessions"]))
        raise NotFoundError(f"admin action {action!r}: expected one of {known}")
    return ACTIONS[action](world, body)


def _pace(world: World, body: bytes) -> dict[str, Any]:
    order = _read(body, PaceOrder)
    if order.day_seconds <= 0:
        raise RecordError(f"day_seconds: got {order.day_seconds}, expected more than 0")
    world.day_seconds = order.day_seconds
    return {"day_seconds": order.day_seconds}


def _script(world: World, body: bytes) -> dict[str, Any]:
    order = _read(body, ScriptOrder)
    if order.outcome not in OUTCOMES:
        raise RecordError(f"outcome: got {order.outcome!r}, expected one of {', '.join(OUTCOMES)}")
    world.scripts[order.code] = order.outcome
    case = world.cases.get(order.code)
    if case is not None:
        case.script = order.outcome
        if case.state in {"1", "2", "4"}:
            begin(world, case, world.moment(case))
    return {"code": order.code, "outcome": order.outcome, "filed": case is not None}


def _finish(world: World, body: bytes) -> dict[str, Any]:
    case = _dossier(world, body)
    finish(world, case, world.moment(case))
    return {"code": case.number, "state": case.state}


def _finish_all(world: World, _body: bytes) -> dict[str, Any]:
    """Bring everything that has been filed to where its course leads."""
    for number in world.order:
        finish(world, world.cases[number], world.moment(world.cases[number]))
    return {number: world.cases[number].state for number in world.order}


def _pay(world: World, body: bytes) -> dict[str, Any]:
    case = _dossier(world, body)
    if case.state != "6":
        raise RecordError(f"{case.number} is in state {case.state}; only one in state 6 is waiting for money")
    paid(world, case, world.moment(case))
    return {"code": case.number, "state": case.state}


def _expire_cursors(world: World, _body: bytes) -> dict[str, Any]:
    world.epoch += 1
    return {"epoch": world.epoch}


def _dossier(world: World, body: bytes) -> Case:
    code = _read(body, DossierOrder).code
    if code not in world.cases:
        raise RecordError(f"code: {code!r} has not been filed here")
    return world.cases[code]


def _read(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise RecordError(f"body: {fault}") from fault


ACTIONS: Mapping[str, Callable[[World, bytes], dict[str, Any]]] = {
    "pace": _pace,
    "script": _script,
    "finish": _finish,
    "finish_all": _finish_all,
    "pay": _pay,
    "expire_cursors": _expire_cursors,
}
