"""The ministry's own record: what it holds of every dossier, in which order, how often it was called and about what.

Invariant: the record is JSON and holds no content of a file, no secret and no message.
"""

from __future__ import annotations

from typing import Any

import msgspec

from adapters.construction.simulator_decisions import area, boundary
from adapters.construction.simulator_elements import parts, said
from adapters.construction.simulator_message import Asked
from adapters.construction.simulator_model import Case, World
from gateway.port import SimulatedRequest

JOURNAL = 10_000
LONGEST = 50


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
