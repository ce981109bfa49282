"""The log's checkpoints as they are kept: whose keys signed them, whether they follow each other, what others say of them.

Invariant: a root is handed on only from a checkpoint whose key is trusted and whose signature holds, so that everything
that is compared with it is compared with what was signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from gateway.messagelog.faults import Fault, Kind, fault
from gateway.proof import lienthong_verify as proof
from gateway.proof.lienthong_verify import Checkpoint, Key, Trust
from gateway.storage.checkpoints import CheckpointRow, Cosignature, LogKeyRow
from gateway.storage.database import Database
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.log_stream import checkpoint_rows, cosignature_rows, key_rows, stray_cosignature

AT_ONCE = 200
_KINDS = {
    "CLOCK_BACK": Kind.CLOCK,
    "HISTORY_SHRUNK": Kind.FORKED,
    "HISTORY_FORKED": Kind.FORKED,
    "CHECKPOINT_OF_OTHER_LOG": Kind.KEY,
    "NOTE_UNSIGNED": Kind.KEY,
}


class Elsewhere(NamedTuple):
    """A checkpoint that was kept elsewhere: the note in the file ``name``."""

    name: str
    note: bytes


class Root(NamedTuple):
    """What the first ``size`` entries give, by a checkpoint. ``number``: its number in the table, 0 when it was kept
    elsewhere; ``at`` in microseconds; ``note``: as it is signed."""

    size: int
    root: bytes
    name: str
    number: int
    at: int
    note: str


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The log's keys. ``trusted``: by their numbers, and from how many entries on each signs; ``pinned``: one of them was
    given from outside, or remembered."""

    trusted: dict[int, tuple[Key, int]]
    pinned: bool
    faults: tuple[Fault, ...]

    @property
    def all(self) -> tuple[Key, ...]:
        """The trusted keys."""
        return tuple(key for key, _ in self.trusted.values())


class Tally(msgspec.Struct, kw_only=True):
    """What was counted on the way."""

    checkpoints: int = 0
    stamps: int = 0
    unjudged_stamps: int = 0
    cosignatures: int = 0


def trusted_keys(database: Database, pinned: Sequence[Key]) -> Keys:
    """The keys that the log may be signed with. Without pinned ones the first one in the table is believed."""
    rows = database.ask(key_rows)
    found: dict[int, tuple[Key, int]] = {}
    faults: list[Fault] = []
    before: Key | None = None
    wanted = {key.public for key in pinned}
    for place, row in enumerate(rows, start=1):
        try:
            key, size = _key(row, place, before)
        except proof.Fault as wrong:
            since = max((size for _, size in found.values()), default=0) + 1
            faults.append(fault(Kind.KEY, since, f"key {row.number} of the log: {wrong}"))
            break
        found[place] = (key, size)
        before = key
    known = {key.public for key, _ in found.values()}
    if wanted and found and not wanted & known:
        told = ", ".join(key.text for key, _ in found.values())
        faults.append(fault(Kind.KEY, 1, f"none of the log's keys is pinned: {told}"))
        found = {}
    return Keys(trusted=found, pinned=bool(wanted & known), faults=tuple(faults))


def _key(row: LogKeyRow, place: int, before: Key | None) -> tuple[Key, int]:
    """The key in ``row``, and the number of entries after which it signs."""
    key = proof.read_key(str(row.key))
    if row.number != place or row.origin != key.name or key.kind != proof.ED25519:
        raise proof.Fault("KEY_MALFORMED", f"expected key {place} of {row.origin}, got {key.text}")
    if before is None:
        if row.handover is not None:
            raise proof.Fault("NOTE_MALFORMED", "the first key has nobody to take over from")
        return key, 0
    note = proof.read_note(str(row.handover).encode("utf-8", "surrogateescape"))
    proof.verify_note(note, [before])
    proof.verify_note(note, [key])
    origin, number, text, since, time, *rest = [*note.text.split("\n"), "", "", ""]
    size = since.removeprefix("from ").removesuffix(" entries")
    told = (origin, number, text, time, any(rest))
    at = f"time {_instant(row.made_at)}"
    if told != (key.name, f"log key {place}", key.text, at, False) or not size.isdigit():
        raise proof.Fault(
            "NOTE_MALFORMED", f"the hand-over names {text} at {time}, its row {key.text} at {at}"
        )
    return key, int(size)


class Chain:
    """The checkpoints after number ``after`` up to ``upto``, each checked as it comes; faults are collected meanwhile."""

    def __init__(
        self, database: Database, keys: Keys, trust: Trust, before: tuple[int, Checkpoint | None]
    ) -> None:
        self._database, self._keys, self._trust = database, keys, trust
        self._number, self._before = before
        self._key = 0
        self.faults: list[Fault] = []
        self.tally = Tally()

    def roots(self, upto: int) -> Iterator[Root]:
        """The roots of those that hold."""
        while self._number < upto:
            rows = self._database.ask(partial(checkpoint_rows, after=self._number, upto=upto, most=AT_ONCE))
            if not rows:
                self._wrong(Kind.CHECKPOINT, f"checkpoints {self._number + 1} to {upto} are not there")
                return
            last = rows[-1].number
            given: dict[int, list[Cosignature]] = {}
            for each in self._database.ask(partial(cosignature_rows, first=self._number + 1, last=last)):
                given.setdefault(each.checkpoint, []).append(each)
            for row in rows:
                root = self._root(row, given.get(row.number, ()))
                if root is not None:
                    yield root
        stray = self._database.ask(stray_cosignature)
        if stray is not None:
            self._wrong(Kind.CHECKPOINT, f"somebody cosigned checkpoint {stray}, which is not there")

    def _root(self, row: CheckpointRow, given: Sequence[Cosignature]) -> Root | None:
        if row.number != self._number + 1:
            self._wrong(Kind.CHECKPOINT, f"checkpoints {self._number + 1} to {row.number - 1} are not there")
        gap = row.number != self._number + 1
        self._number = row.number
        self.tally.checkpoints += 1
        try:
            checkpoint = self._signed(row)
        except proof.Fault as wrong:
            self._failed(row, wrong)
            return None
        if self._before is None and row.number == 1 and checkpoint.previous is not None:
            self._wrong(Kind.CHECKPOINT, "the first checkpoint names one before it")
        try:
            if self._before is not None and not gap:
                proof.verify_succession(self._before, checkpoint)
        except proof.Fault as wrong:
            self._failed(row, wrong)
            if wrong.code in {"HISTORY_SHRUNK", "HISTORY_FORKED"}:
                return None
        self._said_by_others(row, checkpoint, given)
        self._before = checkpoint
        name = f"checkpoint {row.number}"
        return Root(checkpoint.size, checkpoint.root, name, row.number, row.at, row.note)

    def _signed(self, row: CheckpointRow) -> Checkpoint:
        """The checkpoint in ``row``: signed by its key, and the same as its columns say."""
        if row.key not in self._keys.trusted:
            raise proof.Fault("NOTE_UNSIGNED", f"key {row.key} of the log is not one that is trusted")
        key, since = self._keys.trusted[row.key]
        checkpoint = proof.verify_checkpoint(row.note.encode("utf-8", "surrogateescape"), [key])
        said = (checkpoint.size, checkpoint.root, checkpoint.digest)
        if said != (row.size, row.root, row.digest):
            raise proof.Fault(
                "CHECKPOINT_MALFORMED", "size, root or digest in its row are not those in its note"
            )
        if checkpoint.at is None or to_micros(checkpoint.at) != row.at:
            raise proof.Fault("CHECKPOINT_MALFORMED", "the instant in its row is not the one in its note")
        if checkpoint.size < since or row.key < self._key:
            raise proof.Fault(
                "NOTE_UNSIGNED", f"key {row.key} signs from {since} entries on, until the next one does"
            )
        self._key = row.key
        return checkpoint

    def _said_by_others(
        self, row: CheckpointRow, checkpoint: Checkpoint, given: Sequence[Cosignature]
    ) -> None:
        try:
            if row.token is not None and not self._trust.authorities:
                self.tally.unjudged_stamps += 1
            elif row.token is not None:
                stamp = proof.verify_anchor(checkpoint, row.token, self._trust.authorities)
                self.tally.stamps += 1
                if to_micros(stamp.at) != row.anchored_at:
                    self._wrong(
                        Kind.CHECKPOINT, f"checkpoint {row.number}: its row and its stamp tell two instants"
                    )
            for each in given:
                _cosigned(checkpoint, each)
                self.tally.cosignatures += 1
        except proof.Fault as wrong:
            self._failed(row, wrong)

    def _failed(self, row: CheckpointRow, wrong: proof.Fault) -> None:
        self._wrong(_KINDS.get(wrong.code, Kind.CHECKPOINT), f"checkpoint {row.number}: {wrong}")

    def _wrong(self, kind: Kind, detail: str) -> None:
        """A fault, at the first entry that the checkpoint is the first to cover."""
        seq = 1 if self._before is None else self._before.size + 1
        self.faults.append(fault(kind, seq, detail))


def kept_elsewhere(notes: Sequence[Elsewhere], keys: Sequence[Key]) -> tuple[list[Root], list[Fault]]:
    """The roots in ``notes``, by size, and what is wrong with those that are not signed by one of ``keys``."""
    roots, faults = [], []
    for name, note in notes:
        try:
            checkpoint = proof.verify_checkpoint(note, keys)
        except proof.Fault as wrong:
            faults.append(fault(_KINDS.get(wrong.code, Kind.CHECKPOINT), 1, f"{name}: {wrong}"))
            continue
        at = 0 if checkpoint.at is None else to_micros(checkpoint.at)
        roots.append(Root(checkpoint.size, checkpoint.root, name, 0, at, note.decode()))
    return sorted(roots), faults


def _cosigned(checkpoint: Checkpoint, given: Cosignature) -> None:
    key = proof.read_key(given.witness)
    note = proof.read_note(f"{checkpoint.text}\n{given.line}".encode("utf-8", "surrogateescape"))
    [signed] = proof.verify_note(note, [key])
    if signed.at is None or to_micros(signed.at) != given.at:
        raise proof.Fault("SIGNATURE_WRONG", f"{key.name} signed at another instant than its row says")


def _instant(micros: int) -> str:
    try:
        return from_micros(micros).isoformat().replace("+00:00", "Z")
    except (TypeError, OverflowError):  # the column holds what no gateway writes
        return ""
