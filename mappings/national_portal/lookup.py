"""Reading ``TraCuuHoSo`` as proof: is what we sent what the portal has (national_portal §4.3, U15)?

Only meaningful where the portal echoes the stored dossier; its shape is not documented. Invariant: a difference or a
missing element never counts as the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from gateway.mapping.formats import line
from mappings.national_portal.reads import as_text

Item: TypeAlias = Mapping[str, Any]

PROGRESS = "TienDo"
# §2.9: what makes two steps the same step.
STEP_PARTS = ("ThoiDiemXuLy", "TrangThai", "NguoiXuLy", "NoiDungXuLy")
# §2.9: attachments are merged by their id, so the portal may have more of them than the last message.
MERGED = {"TaiLieuNop": "TepDinhKemId"}
REMOVED = "IsDeleted"

_SHORT = 100
_TRUTHS = frozenset({"True", "False", "TRUE", "FALSE"})

StepKey: TypeAlias = tuple[str, ...]


def stored(entries: Iterable[object], code: str) -> Item | None:
    """The portal's record of dossier ``code`` among the entries of a look-up."""
    for entry in entries:
        if isinstance(entry, Mapping) and str(entry.get("MaHoSo") or entry.get("MAHOSO") or "") == code:
            return entry
    return None


def same_dossier(sent: Item, kept: Item) -> bool:
    """Whether every element of the message stands in the portal's record as we sent it."""
    return all(_same(name, value, kept.get(name)) for name, value in sent.items())


def step_keys(kept: Item) -> set[StepKey] | None:
    """The steps in the portal's record, as keys to compare by; None when the record shows no steps at all."""
    rows = kept.get(PROGRESS)
    if not isinstance(rows, list):
        return None
    return {step_key(row) for row in rows if isinstance(row, Mapping)}


def step_key(step: Item) -> StepKey:
    """What makes a step this step."""
    return tuple([plain(step.get(name)) for name in STEP_PARTS])


def _same(name: str, ours: object, theirs: object) -> bool:
    if not isinstance(ours, list):
        return plain(ours) == plain(theirs)
    kept = theirs if isinstance(theirs, list) else []
    if name not in MERGED:
        return len(ours) == len(kept) and all(map(_same_row, ours, kept))
    remaining = [row for row in ours if plain(row.get(REMOVED)) != "true"]
    removed = {plain(row.get(MERGED[name])) for row in ours if plain(row.get(REMOVED)) == "true"}
    return all(any(_same_row(row, other) for other in kept) for row in remaining) and not any(
        isinstance(row, Mapping) and plain(row.get(MERGED[name])) in removed for row in kept
    )


def _same_row(ours: Item, theirs: object) -> bool:
    return isinstance(theirs, Mapping) and all(
        _same(name, value, theirs.get(name)) for name, value in ours.items()
    )


def plain(value: object) -> str:
    """``value`` as text that is equal when the contract calls the values alike."""
    # §2.10: null, absent and "" are alike; numbers and booleans may come back as text in any case.
    if value.__class__ is str:  # nearly all are, and a comparison reads two hundred of a dossier
        return _seen_before(value) if len(value) <= _SHORT else _written(value)
    match value:
        case str():
            return _written(value)
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list() | float():
            return str(as_text(value))
        case _:
            return str(value)


def _written(value: str) -> str:
    written = line(value)
    return written.lower() if written in _TRUTHS else written


# What was sent and what is shown are mostly the same texts, and most texts are codes.
_seen_before = lru_cache(maxsize=8192)(_written)
