"""What can be wrong with a message log: a table of kinds, each explained, and what to do about it.

Invariant: every kind has a row, so that nothing is found that nobody can explain.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Kind(StrEnum):
    """What was done to the log, as far as it can be told."""

    HEADER = "header"
    BODY = "body"
    LEAF = "leaf"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    CLOCK = "clock"
    KEY = "key"
    FORKED = "forked"
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    WITNESSES = "witnesses"


class Explanation(NamedTuple):
    """What a kind means, and what whoever reads it does next."""

    meaning: str
    advice: str


_BACKUP = "restore the entry from an archive or a backup that verifies; find out who had write access to the database"
_ASK = "keep this database as it is, compare it with backups and archives, and ask who had access to it and to the keys"
EXPLAINED: dict[Kind, Explanation] = {
    Kind.HEADER: Explanation(
        "edited header: who, when, which dossier or what came of it is not what was logged", _BACKUP
    ),
    Kind.BODY: Explanation(
        "edited content: the header stands, but address, headers and body are not what it commits to", _BACKUP
    ),
    Kind.LEAF: Explanation(
        "the leaf hash in the entry's row was changed; entry and tree agree",
        "write back the leaf hash that the header gives",
    ),
    Kind.DELETED: Explanation(
        "entries were deleted", "restore them from an archive or a backup that verifies"
    ),
    Kind.INSERTED: Explanation(
        "entries were inserted that nobody logged", "they prove nothing; ask who wrote them"
    ),
    Kind.REORDERED: Explanation(
        "entries stand in another order than they were logged in",
        "restore their numbers from a backup that verifies",
    ),
    Kind.TRUNCATED: Explanation(
        "the newest entries are gone: a checkpoint counts more than there are",
        "restore them from a backup; until then every checkpoint that is made anew is a fork",
    ),
    Kind.REWRITTEN: Explanation(
        "between two checkpoints the log was rewritten together with its hashes; it is not the one that was signed",
        _ASK,
    ),
    Kind.CLOCK: Explanation(
        "the clock was moved back: what follows claims to be older than what stands before it",
        "set the clock by NTP; do not trust the instants of these entries further than the time stamps around them",
    ),
    Kind.KEY: Explanation(
        "replaced key: a key signs that is neither pinned nor handed over to by the one before",
        "compare the pinned keys with `lienthong log key`; what the unknown key has signed proves nothing",
    ),
    Kind.FORKED: Explanation(
        "forked history: a checkpoint that was kept elsewhere is of another log than this one", _ASK
    ),
    Kind.TILE: Explanation(
        "a tile of the tree does not fit; entries and checkpoints agree",
        "delete the tile's row and restart a worker: it is made again from the entries",
    ),
    Kind.CHECKPOINT: Explanation(
        "a checkpoint does not fit: its signature, chain, time stamp, a cosignature or its row is not right",
        "compare it with a copy that a witness or auditor keeps; the entries stand as far as other checkpoints cover them",
    ),
    Kind.WITNESSES: Explanation(
        "too few witnesses: nobody but the gateway itself, or too few others, have seen these entries",
        "see that `lienthong log witness` runs on the other machines with the keys that are pinned, and verify again",
    ),
}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something is wrong from entry ``seq`` to ``upto``. ``id``: the first wrong entry's, 0 when it is not there;
    ``detail``: what was seen and what was expected."""

    seq: int
    upto: int
    id: int
    kind: Kind
    detail: str

    @property
    def explanation(self) -> Explanation:
        """What it means and what to do."""
        return EXPLAINED[self.kind]


def fault(kind: Kind, seq: int, detail: str, *, upto: int | None = None, entry: int = 0) -> Fault:
    """A fault; of one entry, where nothing else is said."""
    return Fault(seq=seq, upto=seq if upto is None else upto, id=entry, kind=kind, detail=detail)
