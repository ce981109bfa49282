"""Having differences mended: on a gateway opened here, or through the API of a running one; and what is told of it.

Invariant: people in what a dry run shows are masked, unless they are asked for: then who looks and why is logged first.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.api.drift import masked_repairs, repair_sight
from gateway.cli.giving import give
from gateway.cli.options import Changing
from gateway.cli.screen import pretty
from gateway.messagelog.acts import AccessNote, note_access
from gateway.statussync.repair import DossierRepair, RepairDone, RepairRequest

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway


async def carried_out(by: Changing, request: RepairRequest, *, personal: bool) -> RepairDone:
    """What became of ``request``, here or through the API. ``personal``: with people in what a dry run shows."""
    body: dict[str, Any] = {
        name: getattr(request, name)
        for name in (
            "reason",
            "destination",
            "dossier",
            "kind",
            "field",
            "allow_backwards",
            "dry_run",
            "limit",
        )
    }
    body["after"] = None if request.after is None else str(request.after)
    body["ids"] = [str(each) for each in request.ids]
    body["personal"] = personal

    async def here(gateway: Gateway) -> RepairDone:
        return await looked_at(gateway, await gateway.repairs.carry_out(request), by, personal=personal)

    return await give(by.way, here, "/v1/drift/apply", body, RepairDone, operator=by.actor)


async def looked_at(gateway: Gateway, done: RepairDone, by: Changing, *, personal: bool) -> RepairDone:
    """``done`` with its people, once it is logged who looks and why; else without them."""
    if not personal:
        return masked_repairs(gateway.destinations, done)
    for sight in (repair_sight(each) for each in done.dossiers if each.requests):
        note = AccessNote(dossier=sight.dossier, detail=sight.detail, **by.instruction)
        await gateway.database.write(partial(note_access, verb=sight.verb, note=note))
    return done


def lines_of(done: RepairDone) -> list[str]:
    """What a person reads about an order for repairs."""
    if not done.dossiers:
        return ["there is no open difference like that"]
    lines = [line for each in done.dossiers for line in _dossier_lines(each)]
    return lines + ([f"there are more: go on with --after {done.next}"] if done.more else [])


def _dossier_lines(each: DossierRepair) -> list[str]:
    words = {
        "ordered": "will be sent again, in this order",
        "would_order": "would be sent again, in this order",
        "nothing_to_do": "nothing to do",
        "held_back": "nothing was ordered",
        "not_possible": f"not possible: {each.reason}",
    }
    lines = [f"{each.dossier} at {each.destination}: {words[each.outcome]}"]
    lines += [f"  {part.operation} {part.key}" for part in each.deliveries]
    lines += [f"  left: {left.kind} {left.field} ({left.why})" for left in each.held_back]
    for call in each.requests:
        lines += ["", f"{call.method} {call.url}", *(f"{name}: {value}" for name, value in call.headers), ""]
        lines += [pretty(call.body.encode())]
    return lines
