"""Checking the message log against itself: every leaf hash from what is stored, and a sequence without gaps.

This finds what was changed in place, taken out of the middle, or damaged. What was taken off the end, or rewritten
together with its hash, is found by comparing with a checkpoint that somebody else keeps. Invariant: a stored body is
never unpacked to more than its entry says that it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Literal, TypeAlias

import msgspec
import zstandard

from gateway.messagelog.entry import leaf_of, stored_body
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

    ``bodiless``: entries so far whose body is no longer kept, so that only their header could be checked.
    """

    seq: int
    last: int
    checked: int
    bodiless: int
    faults: tuple[Fault, ...]


def verify_leaves(database: Database, from_seq: int = 1) -> Iterator[Progress]:
    """Check every sealed entry from ``from_seq`` to the newest one there is now; one step per ``AT_ONCE`` entries.

    Reads on the calling thread. Raises StorageUnavailable.
    """
    last = database.ask(last_sequence)
    following = max(from_seq, 1)
    checked = bodiless = 0
    while following <= last:
        rows = database.ask(partial(in_sequence, first=following, limit=AT_ONCE))
        faults: list[Fault] = []
        for row in rows:
            faults += _faults(row, following)
            following = row.seq + 1
            bodiless += row.body is None and row.body_size > 0
        checked += len(rows)
        if not rows:
            faults.append(
                Fault(seq=following, id=0, kind="gap", detail=f"nothing up to {last} is there any more")
            )
            following = last + 1
        yield Progress(seq=following - 1, last=last, checked=checked, bodiless=bodiless, faults=tuple(faults))


def _faults(row: SealedRow, expected: int) -> Iterator[Fault]:
    if row.seq != expected:
        missing = f"{expected} to {row.seq - 1}" if row.seq - 1 > expected else str(expected)
        yield Fault(seq=row.seq, id=row.id, kind="gap", detail=f"missing before it: {missing}")
    if leaf_of(row) != row.leaf:
        yield Fault(seq=row.seq, id=row.id, kind="leaf", detail="the header does not give its leaf hash")
    if row.body is not None:
        reason = _wrong_body(row, row.encoding or "identity", row.body)
    else:
        reason = None if row.body_size or row.body_digest == _EMPTY else "it is empty but has a digest"
    if reason is not None:
        yield Fault(seq=row.seq, id=row.id, kind="body", detail=reason)


_EMPTY = hashlib.sha256(b"").digest()


def _wrong_body(row: SealedRow, encoding: str, packed: bytes) -> str | None:
    """What is wrong with the stored body; None when it is the one that was logged."""
    try:
        if encoding == "zstd" and zstandard.frame_content_size(packed) != row.body_size:
            return "its packed size is another one"
        body = stored_body(encoding, packed)
    except (zstandard.ZstdError, ValueError) as fault:
        return f"it cannot be unpacked: {fault}"
    if len(body) != row.body_size or hashlib.sha256(body).digest() != row.body_digest:
        return "it does not give its digest"
    return None
