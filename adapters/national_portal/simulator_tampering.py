"""Making the portal's record differ from what it was sent, as losses, restores and hands do (for demos and tests).

Invariant: only what is stored changes; the journal of what was received stays as it is, so the stand-in still knows what
it once acknowledged.
"""

from __future__ import annotations

from typing import Any

import msgspec

from adapters.national_portal.simulator_ledger import STEP_KEY, Kept, Ledger
from adapters.national_portal.simulator_rules import DOSSIER, STEP, Item, kept, text_of
from gateway.domain.errors import NotFoundError, RecordError


class TamperOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change in the record of one dossier.

    ``remove``: forget the whole dossier. ``fields``: elements to overwrite; null takes one away. ``drop_steps``: forget
    every step that has these elements. ``add_steps``: steps that nobody sent. ``reverse_steps``: show the steps in the
    wrong order from now on.
    """

    MaHoSo: str
    remove: bool = False
    fields: dict[str, Any] = {}
    drop_steps: tuple[dict[str, str], ...] = ()
    add_steps: tuple[dict[str, Any], ...] = ()
    reverse_steps: bool = False


def tamper(order: TamperOrder, ledger: Ledger) -> dict[str, Any]:
    """Carry ``order`` out; NotFoundError when there is no such dossier, RecordError when nothing fits."""
    if order.MaHoSo not in ledger.dossiers:
        raise NotFoundError(f"dossier {order.MaHoSo!r}: the stand-in never stored it")
    if order.remove:
        del ledger.dossiers[order.MaHoSo]
        return {"removed": True}
    known = ledger.dossiers[order.MaHoSo]
    _require_known(order)
    known.fields = {
        name: value for name, value in {**known.fields, **order.fields}.items() if value is not None
    }
    dropped = [step for step in known.steps if any(_fits(step, wanted) for wanted in order.drop_steps)]
    if order.drop_steps and not dropped:
        raise RecordError(f"tamper: dossier {order.MaHoSo} has no step like {list(order.drop_steps)}")
    known.steps = [step for step in known.steps if step not in dropped]
    known.step_keys -= {_key(step) for step in dropped}
    for step in order.add_steps:
        _add(known, {**kept(step, STEP), "MaHoSo": order.MaHoSo})
    if order.reverse_steps:
        known.steps.reverse()
        known.unsorted = True
    return {"fields": known.fields, "steps": list(known.steps), "dropped": len(dropped)}


def _require_known(order: TamperOrder) -> None:
    strange = set(order.fields) - {field.name for field in DOSSIER}
    if strange:
        raise RecordError(f"tamper: got fields {', '.join(sorted(strange))}; a dossier has no such element")


def _fits(step: Item, wanted: dict[str, str]) -> bool:
    return all(text_of(step.get(name)) == value for name, value in wanted.items())


def _key(step: Item) -> tuple[str, ...]:
    return tuple(text_of(step.get(name)) or "" for name in STEP_KEY)


def _add(known: Kept, step: Item) -> None:
    known.step_keys.add(_key(step))
    known.steps.append({**step, "arrival": 0})  # it never arrived
