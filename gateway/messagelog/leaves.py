"""Checking the message log against itself: every leaf hash from what is stored, and a sequence without gaps.

This finds what was changed in place, taken out of the middle, or damaged. What was taken off the end, or rewritten
together with its hash, is found by comparing with a checkpoint that somebody else keeps. Invariant: a stored body is
never unpacked to more than its entry says that it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal, TypeAlias

import msgspec

from gateway.messagelog.content import Content, Missing, Redacted, Unreadable, head_of, read
from gateway.messagelog.entry import FORMS, leaf_of
from gateway.storage.archives import pruned_ranges
from gateway.storage.database import Database
from gateway.storage.log import SealedRow, in_sequence, last_sequence

AT_ONCE = 500

FaultKind: TypeAlias = Literal["gap", "leaf", "body"]
"""gap: entries are missing before this one. leaf: the header is not the one that was logged. body: the body is not."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, at entry ``seq``."""

    seq: int
    id: int
    kind: FaultKind
    detail: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the log was checked: up to ``seq`` of ``last``, ``checked`` entries so far in all.

    ``bodiless``: entries so far whose content is not there or was erased, so that only their header could be checked.
    """

    seq: int
    last: int
    checked: int
    bodiless: int
    faults: tuple[Fault, ...]


def verify_leaves(database: Database, from_seq: int = 1) -> Iterator[Progress]:
    """Check every sealed entry from ``from_seq`` to the newest one there is now; one step per ``AT_ONCE`` entries. What is
    in archives alone is passed over: ``gateway.messagelog.archive_check`` checks that.

    Reads on the calling thread. Raises StorageUnavailable.
    """
    last = database.ask(last_sequence)
    following = max(from_seq, 1)
    checked = bodiless = 0
    archived = database.ask(pruned_ranges)
    while following <= last:
        following = next((end + 1 for first, end in archived if first <= following <= end), following)
        rows = database.ask(partial(in_sequence, first=following, limit=AT_ONCE))
        faults: list[Fault] = []
        for row in rows:
            content = read(row.stored, row.body_size, database.contents)
            faults += _faults(row, following, content)
            following = row.seq + 1
            bodiless += isinstance(content, Unreadable)
        checked += len(rows)
        if not rows:
            faults.append(
                Fault(seq=following, id=0, kind="gap", detail=f"nothing up to {last} is there any more")
            )
            following = last + 1
        yield Progress(seq=following - 1, last=last, checked=checked, bodiless=bodiless, faults=tuple(faults))


def _faults(row: SealedRow, expected: int, content: Content | Redacted | Unreadable) -> Iterator[Fault]:
    if row.seq != expected:
        missing = f"{expected} to {row.seq - 1}" if row.seq - 1 > expected else str(expected)
        yield Fault(seq=row.seq, id=row.id, kind="gap", detail=f"missing before it: {missing}")
    if row.form not in FORMS or leaf_of(row) != row.leaf:
        yield Fault(seq=row.seq, id=row.id, kind="leaf", detail="the header does not give its leaf hash")
    if isinstance(content, Unreadable):
        if content.why is Missing.DAMAGED:
            yield Fault(seq=row.seq, id=row.id, kind="body", detail=content.detail)
    elif not content.gives(row.form, row.body_digest, head_of(row.method, row.url, row.headers)):
        yield Fault(seq=row.seq, id=row.id, kind="body", detail="it does not give its digest")
