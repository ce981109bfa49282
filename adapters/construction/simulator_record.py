"""The ministry's own record, and what its operators can do beside the contract: pace, scripts, jumps, expired cursors.

Invariant: the record is JSON and holds no content of a file, no secret and no message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from adapters.construction.simulator_course import begin, finish, paid
from adapters.construction.simulator_decisions import area, boundary
from adapters.construction.simulator_message import Asked
from adapters.construction.simulator_model import OUTCOMES, Case, World
from adapters.construction.simulator_words import parts, said
from gateway.domain.errors import NotFoundError, RecordError
from gateway.port import SimulatedRequest

JOURNAL = 10_000
LONGEST = 50
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


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended. ``outcome``: 1, or the code of the refusal; ``signature``: who signed, none or unchecked."""

    operation: str
    outcome: str
    reason: str = ""
    call: Asked | None = None
    signature: str = "none"


def record(world: World) -> dict[str, Any]:
    """Dossiers in the order of their filing, permits, and every call."""
    return {
        "order": list(world.order),
        "dossiers": {number: _case(world.cases[number]) for number in world.order},
        "permits": sorted(world.permits),
        "changes": len(world.log),
        "calls": {
            "total": sum(world.requests.values()),
            "by_operation": dict(world.requests),
            "outcomes": dict(world.outcomes),
            "journal": list(world.journal),
        },
    }


def note(world: World, request: SimulatedRequest, heard: Heard) -> None:
    """Write a call down (§7: never the content of a file)."""
    call, operation, outcome = heard.call, heard.operation, heard.outcome
    world.requests[operation] += 1
    world.outcomes[outcome] += 1
    entry: dict[str, Any] = {
        "at": request.now.isoformat(),
        "operation": operation,
        "id": "" if call is None else call.id,
        "unit": "" if call is None else call.unit,
        "dossiers": [] if call is None else list(call.dossiers[:LONGEST]),
        "outcome": outcome,
        "reason": heard.reason[:200],
        "signature": heard.signature,
        "bytes": len(request.body),
    }
    world.journal.append(entry)
    del world.journal[:-JOURNAL]
    for number in entry["dossiers"]:
        if number in world.cases:
            world.cases[number].calls.append({"operation": operation, "id": entry["id"], "outcome": outcome})


def _case(case: Case) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "own_number": case.own_number,
        "kind": case.kind,
        "request": case.request,
        "unit": case.unit,
        "script": case.script,
        "state": case.state,
        "step": case.step,
        "states": list(case.states),
        "received_at": case.received_at.isoformat(),
        "promised_at": case.promised_at.isoformat(),
        "papers": msgspec.to_builtins(case.papers),
        "doubts": case.doubts,
        "notice": msgspec.to_builtins(case.notice),
        "supplements": case.supplements,
        "withdrawn": case.withdrawn,
        "acknowledged": dict(case.acknowledged),
        "calls": case.calls,
        "owner": said(case.told, "ChuDauTu", "Ten") or said(case.told, "NguoiYeuCau", "HoVaTen"),
        "decision": None if case.decision is None else _decision(case),
    }
    if corners := boundary(case):
        shown["boundary"] = {"corners": len(corners), "area": str(area(corners))}
    return shown


def _decision(case: Case) -> dict[str, str]:
    tree = case.decision
    if tree is None:
        return {}
    file = next(part for part in parts(tree) if part[0] in {"TepGiayPhep", "TepVanBan"})
    return {
        "element": tree[0],
        "number": said(tree, "SoGiayPhep") or said(tree, "SoVanBan"),
        "kind": said(tree, "LoaiGiayPhep") or said(tree, "TinhTrang"),
        "work_number": said(tree, "MaSoThongTinCongTrinh"),
        "sha256": said(file, "MaBamSHA256"),
    }


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
