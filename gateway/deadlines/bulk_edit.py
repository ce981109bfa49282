"""Times of many dossiers rewritten at once by one source (domain_rules §4.4: BULK_EDIT).

Pure; instants are microseconds since 1970. The contract's "same second, same actor" is what the source saw; a gateway
sees when each version came in, so the time in which they count as one is a limit of its own. Invariant: an edit is of
a bulk exactly when some stretch of that length holds it together with edits of enough other dossiers of its source.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from gateway.deadlines.classes import Flag

EDITS = frozenset(
    {
        Flag.SILENT_DUE_CHANGE,
        Flag.END_TIME_REWRITTEN,
        Flag.END_EQUALS_DUE,
        Flag.RECEPTION_REWRITTEN,
        Flag.SUBMISSION_REWRITTEN,
    }
)
"""What counts as an edit: a time that moved although nothing that the law knows has moved it."""


class BulkLimits(msgspec.Struct, frozen=True, kw_only=True):
    """``dossiers``: so many different ones of one source, ``within`` so many microseconds, are a bulk."""

    dossiers: int = 20
    within: int = 60_000_000


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One edit. ``at``: when we heard of it. ``id``: what tells it apart from every other one."""

    id: int
    at: int
    source: str
    dossier: str


def bulk_edits(edits: Iterable[Edit], limits: BulkLimits) -> list[Edit]:
    """Those of ``edits`` that were made in bulk, by source and time."""
    by_source: defaultdict[str, list[Edit]] = defaultdict(list)
    for edit in edits:
        by_source[edit.source].append(edit)
    return [
        edit
        for _, mine in sorted(by_source.items())
        for edit in _of_one_source(sorted(mine, key=lambda each: (each.at, each.id)), limits)
    ]


def _of_one_source(edits: Sequence[Edit], limits: BulkLimits) -> list[Edit]:
    """``edits`` are in the order of time; a window moves over them and keeps whatever was in it when it was full."""
    found: list[Edit] = []
    inside: Counter[str] = Counter()
    first = kept = 0  # the window's first edit; the first one that is not kept yet
    for place, edit in enumerate(edits):
        inside[edit.dossier] += 1
        while edit.at - edits[first].at > limits.within:
            inside[edits[first].dossier] -= 1
            if not inside[edits[first].dossier]:
                del inside[edits[first].dossier]
            first += 1
        if len(inside) >= limits.dossiers:
            found += edits[max(first, kept) : place + 1]
            kept = place + 1
    return found
