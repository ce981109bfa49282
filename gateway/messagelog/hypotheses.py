"""What was done to the newest entries, where no tile keeps their leaf hashes yet: found by undoing it and looking at the root.

Pure. Invariant: an explanation is given only when undoing it leads to the very root that was signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.messagelog.faults import Kind
from gateway.proof.merkle import Edge

MOST = 512  # entries between two checkpoints; one that was inserted is looked for with the square of that many hashes


class Undone(NamedTuple):
    """``place``: the first wrong one, ``length`` of them; ``leaves`` as they were signed; ``instead``: what belongs where
    the row that follows has another."""

    kind: Kind
    place: int
    length: int
    leaves: list[bytes]
    instead: dict[bytes, bytes]


def undo(
    before: Edge, ids: Sequence[int], leaves: Sequence[bytes], after: tuple[int, bytes] | None, root: bytes
) -> Undone | None:
    """What turns ``leaves``, which follow the tree ``before``, into what has ``root``. ``ids``: their entries, which grow
    in a log of one process; ``after``: the entry and the leaf that follow. None: nothing that is tried."""
    if len(leaves) > MOST:
        return None
    rows = list(zip(ids, leaves, strict=True))
    found = _sorted(before, rows, [], root)
    if found is None and after is not None:
        found = _removed(before, [*leaves, after[1]], root) or _sorted(before, rows, [after], root)
    return found


def _sorted(
    before: Edge, rows: Sequence[tuple[int, bytes]], more: Sequence[tuple[int, bytes]], root: bytes
) -> Undone | None:
    ordered = [leaf for _, leaf in sorted([*rows, *more])]
    signed, rest = ordered[: len(rows)], ordered[len(rows) :]
    moved = [place for place, (row, leaf) in enumerate(zip(rows, signed, strict=True)) if row[1] != leaf]
    if not moved or _root(before, signed) != root:
        return None
    instead = {leaf: true for (_, leaf), true in zip(more, rest, strict=True)}
    return Undone(Kind.REORDERED, moved[0], moved[-1] - moved[0] + 1, signed, instead)


def _removed(before: Edge, leaves: Sequence[bytes], root: bytes) -> Undone | None:
    for place in range(len(leaves) - 1):
        without = [*leaves[:place], *leaves[place + 1 :]]
        if _root(before, without) == root:
            return Undone(Kind.INSERTED, place, 1, without, {})
    return None


def _root(before: Edge, leaves: Sequence[bytes]) -> bytes:
    edge = before.copy()
    edge.extend(leaves)
    return edge.root()
