"""What was done to a sequence: the leaf hashes that the entries give, laid beside those that the tree has.

Pure. Invariant: every place where the two differ is in exactly one difference, and places that agree are in none.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from gateway.messagelog.faults import Kind


class Difference(NamedTuple):
    """``length`` places from ``own`` (of what is there) and ``kept`` (of what the tree has) on."""

    kind: Kind
    own: int
    kept: int
    length: int


def align(
    own: Sequence[bytes | None], kept: Sequence[bytes], upto: int, moved: AbstractSet[bytes] = frozenset()
) -> tuple[list[Difference], int]:
    """The differences in the first ``upto`` places of ``kept``, and how many places of ``own`` belong to them. None in
    ``own``: no entry has this number. What lies beyond ``upto`` is there to recognise what
    has moved, ``moved`` what is known to have."""
    here: set[bytes | None] = {*own, *moved}
    there = {*kept, *moved}
    found: list[Difference] = []
    i = j = 0
    while j < upto:
        mine = own[i] if i < len(own) else None
        if mine is not None and mine == kept[j]:
            i, j = i + 1, j + 1
            continue
        kind = _kind(mine, kept[j], here, there)
        _add(found, kind, i, j)
        # what was inserted has no place in the tree, what was deleted and closed up over has none in the table
        steps = (1, 0) if kind is Kind.INSERTED else (0, 1) if _closed_up(kind, mine) else (1, 1)
        i, j = i + steps[0], j + steps[1]
    return found, min(i, len(own))


def _kind(mine: bytes | None, theirs: bytes, here: set[bytes | None], there: set[bytes]) -> Kind:
    if mine is None:
        return Kind.REORDERED if theirs in here else Kind.DELETED
    match mine in there, theirs in here:
        case True, True:
            return Kind.REORDERED
        case False, True:
            return Kind.INSERTED
        case True, False:
            return Kind.DELETED
        case _:
            return Kind.HEADER  # with its leaf hash made to fit


def _closed_up(kind: Kind, mine: bytes | None) -> bool:
    return kind is Kind.DELETED and mine is not None


def _add(found: list[Difference], kind: Kind, own: int, kept: int) -> None:
    last = found[-1] if found else None
    if last is not None and last.kind is kind:
        step = own - last.own if kind is Kind.INSERTED else kept - last.kept
        if step == last.length:
            found[-1] = last._replace(length=last.length + 1)
            return
    found.append(Difference(kind, own, kept, 1))
