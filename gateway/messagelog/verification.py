"""Verifying the message log from the contents up: contents, headers, leaves, tree, and every checkpoint of it.

Two accounts of the tree are held against each other: what the entries give, and the leaf hashes that its tiles (or, at the
right edge, the rows) keep. Where they differ, the next signed root says which of them is right. Invariants: memory does
not grow with the log; nothing that a database can hold ends the run; what is found is told with the first entry it is
about.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from gateway.messagelog.chain import Chain, Elsewhere, Root, kept_elsewhere, trusted_keys
from gateway.messagelog.content import Missing
from gateway.messagelog.entry_stream import MICROSECONDS, Entries, Span
from gateway.messagelog.faults import Fault, Kind, fault
from gateway.messagelog.hypotheses import undo
from gateway.messagelog.proofs import edge_at, root_of
from gateway.messagelog.reconstruction import Reconstruction, Source
from gateway.messagelog.verified import State, state_of
from gateway.messagelog.witnessing import PATIENCE_SECONDS, Witnessed, witnessed
from gateway.proof.lienthong_verify import Checkpoint, Trust, read_key
from gateway.proof.merkle import Edge
from gateway.storage.database import Database
from gateway.storage.log_stream import Bounds, bounds, checkpoint_rows, stray_tile

TOLERANCE_SECONDS = 300.0
STEP = 1_000
MOST_FAULTS = 10_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to verify against. ``trust``: what is pinned; ``elsewhere``: checkpoints that were kept elsewhere; ``state``: from
    where on; ``tolerance``: seconds by which clocks may be set back; ``patience``: seconds that witnesses may be behind, where
    ``trust`` needs some."""

    trust: Trust = Trust()
    elsewhere: tuple[Elsewhere, ...] = ()
    state: State | None = None
    tolerance: float = TOLERANCE_SECONDS
    patience: float = PATIENCE_SECONDS


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch was verified: up to ``seq`` of ``last``, ``checked`` entries in all; ``faults``: what was found on it."""

    seq: int
    last: int
    checked: int
    faults: tuple[Fault, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification has found.

    ``begun``: entries before it that an earlier one had verified; ``last``: the newest entry's number; ``proven``: how many
    entries a checkpoint that holds covers; ``checked``: entries looked at, among them ``erased`` and ``locked`` ones (no
    master key at hand), ``absent`` ones (their content is with an archived entry); ``archived``: entries that are in archives
    alone, and in the tree. ``elsewhere``: checkpoints kept elsewhere that this log continues. ``witnessed``: entries that
    enough witnesses have seen, where somebody asked for witnesses. ``unjudged_stamps``: no
    authority was pinned for them. ``pinned``: the log's key was. ``more``: so many
    faults were not kept.
    """

    begun: int
    last: int
    proven: int
    checked: int
    erased: int
    absent: int
    locked: int
    archived: int
    checkpoints: int
    stamps: int
    unjudged_stamps: int
    cosignatures: int
    elsewhere: int
    witnessed: int | None
    pinned: bool
    note: str
    faults: tuple[Fault, ...]
    more: int
    first: Fault | None
    state: State | None

    @property
    def holds(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.faults


class Verification:
    """One run over the log in ``database``."""

    def __init__(self, database: Database, wanted: Wanted = Wanted()) -> None:  # noqa: B008 - frozen
        self._database, self._wanted = database, wanted
        self._faults: list[Fault] = []
        self._told = self._dropped = 0
        self._mismatched: set[bool] = set()
        self._note = ""
        self._matched = 0
        self._due: Root | None = None
        self._witnessed: Witnessed | None = None
        self._good: tuple[Root, Edge, int] | None = None

    def steps(self) -> Iterator[Step]:
        """Verify; one step now and then. ``report`` is whole when they are over. Raises StorageUnavailable."""
        self._open()
        steps = 0
        while self._due is not None or self._tree.edge.size < self._tree.end:
            while self._due is not None and self._due.size <= self._tree.edge.size:
                self._judge(self._due)
                self._due = next(self._roots, None)
            if self._tree.edge.size >= self._tree.end or self._tree.lost:
                break
            self._tree.grow(self._tree.end if self._due is None else self._due.size)
            if self._entries.checked >= steps + STEP:
                steps = self._entries.checked
                yield self._step()
        yield from self._close()

    @property
    def report(self) -> Report:
        """What was found."""
        missing, tally = self._entries.missing, self._chain.tally
        faults = tuple(sorted(self._faults, key=lambda each: (each.seq, each.kind != Kind.KEY)))
        return Report(
            begun=self._begun,
            last=self._bounds.last,
            proven=self._begun if self._good is None else self._good[0].size,
            checked=self._entries.checked,
            erased=missing[Missing.ERASED],
            absent=missing[Missing.ABSENT],
            locked=missing[Missing.LOCKED],
            archived=self._tree.archived,
            checkpoints=tally.checkpoints,
            stamps=tally.stamps,
            unjudged_stamps=tally.unjudged_stamps,
            cosignatures=tally.cosignatures,
            elsewhere=self._matched,
            witnessed=None if self._witnessed is None else self._witnessed.entries,
            pinned=self._keys.pinned,
            note=self._note,
            faults=faults,
            more=self._dropped,
            first=faults[0] if faults else None,
            state=None if faults else self._state(),
        )

    def _open(self) -> None:
        wanted = self._wanted
        state, pinned = wanted.state, wanted.trust.logs
        if state is not None and not pinned:
            pinned = tuple(map(read_key, state.keys))
        self._keys = trusted_keys(self._database, pinned)
        self._bounds = self._database.ask(bounds)
        elsewhere, remembered = list(wanted.elsewhere), {}
        begin = self._resumed(state)
        if state is not None and begin is None:
            elsewhere.append(Elsewhere("the state of the last verification", state.note.encode()))
            remembered = state.leaves()
        edge, before, latest = begin or (Edge(), (0, None), 0)
        self._begun = edge.size
        span = Span(edge.size, self._bounds.last)
        self._entries = Entries(self._database, span, latest=latest, tolerance=wanted.tolerance)
        source = Source(self._database, self._entries, self._tiled(), remembered)
        self._tree = Reconstruction(source, edge, self._bounds.last, latest=latest)
        self._chain = Chain(self._database, self._keys, wanted.trust, before)
        others, faults = kept_elsewhere(elsewhere, (*pinned, *self._keys.all))
        self._faults += [*self._keys.faults, *faults]
        self._check_start(others)
        beyond = [each for each in others if each.size >= edge.size]
        self._roots = heapq.merge(
            self._chain.roots(self._bounds.newest), beyond, key=lambda each: (each.size, each.number)
        )
        self._due = next(self._roots, None)

    def _resumed(self, state: State | None) -> tuple[Edge, tuple[int, Checkpoint | None], int] | None:
        """Where to go on from ``state``; None: it does not fit this log, so all of it is verified."""
        if state is None:
            return None
        try:
            edge, checkpoint = state.edge(), state.checkpoint
            [row] = self._database.ask(
                partial(checkpoint_rows, after=state.number - 1, upto=state.number, most=1)
            )
            there = self._database.ask(partial(edge_at, size=checkpoint.size))
            fits = (
                row.digest == checkpoint.digest and there.root() == checkpoint.root and row.note == state.note
            )
        except (LookupError, ValueError) as fault_:
            self._note = f"the state does not fit, everything is verified: {fault_}"
            return None
        if not fits:
            self._note = "the state does not fit this log, everything is verified"
            return None
        return edge, (state.number, checkpoint), state.latest

    def _tiled(self) -> int:
        rows = self._database.ask(
            partial(checkpoint_rows, after=self._bounds.newest - 1, upto=self._bounds.newest, most=1)
        )
        return rows[0].size if rows and rows[0].size.__class__ is int else 0

    def _check_start(self, others: Sequence[Root]) -> None:
        if self._bounds.first < 1:
            self._faults.append(fault(Kind.INSERTED, self._bounds.first, "numbers begin at 1"))
        if self._wanted.trust.logs and not self._bounds.newest:
            self._faults.append(fault(Kind.CHECKPOINT, 1, "a key is pinned, but the log has no checkpoint"))
        for root in others:
            if root.size >= self._begun:
                continue
            try:
                same = self._database.ask(partial(root_of, size=root.size)) == root.root
            except LookupError:
                same = False
            if same:
                self._matched += 1
            else:
                self._faults.append(
                    fault(Kind.FORKED, 1, f"{root.name} of {root.size} entries", upto=root.size)
                )

    def _judge(self, root: Root) -> None:
        tree, own = self._tree, root.number > 0
        if own in self._mismatched or root.size < tree.edge.size:
            return
        if tree.edge.root() == root.root:
            tree.held()
        elif tree.other is not None and tree.other.root() == root.root:
            tree.entries_held()
        elif not self._undone(root):
            self._mismatch(root)
            return
        self._matched += not own
        if own:
            self._good = (root, tree.before, tree.latest)
            self._check_clock(root)

    def _check_clock(self, root: Root) -> None:
        tree = self._tree
        behind = tree.latest - root.at
        if behind > self._wanted.tolerance * MICROSECONDS:
            detail = (
                f"{root.name} says that it was made {behind // MICROSECONDS} s before an entry that it covers"
            )
            self._faults.append(fault(Kind.CLOCK, root.size, detail))
            tree.latest = root.at  # told once

    def _undone(self, root: Root) -> bool:
        """Whether undoing a change leads to ``root``; it is noted, and undone."""
        tree = self._tree
        if tree.doubts or len(tree.recent) != root.size - tree.before.size:
            return False
        ids, leaves = [entry for entry, _ in tree.recent], [leaf for _, leaf in tree.recent]
        found = undo(tree.before, ids, leaves, tree.following(), root.root)
        if found is None:
            return False
        seq = tree.before.size + found.place + 1
        detail = f"without that {root.name} fits"
        self._faults.append(
            fault(found.kind, seq, detail, upto=seq + found.length - 1, entry=ids[found.place])
        )
        tree.healed(found.leaves, 1 if found.kind is Kind.INSERTED else 0, found.instead)
        return True

    def _mismatch(self, root: Root) -> None:
        tree, own = self._tree, root.number > 0
        since = tree.before.size
        kind = Kind.REWRITTEN if own else Kind.FORKED
        detail = f"{root.name} of {root.size} entries has the root {root.root.hex()}, the entries give {tree.edge.root().hex()}"
        if not tree.doubts or not own:
            self._faults.append(fault(kind, since + 1, detail, upto=root.size))
        tree.held()
        self._mismatched.add(own)

    def _close(self) -> Iterator[Step]:
        tree = self._tree
        rest = [] if self._due is None else [self._due, *self._roots]
        beyond = [root for root in rest if root.size > tree.edge.size]
        if beyond and not tree.lost:
            names = f"{beyond[0].name} counts {beyond[0].size} entries" + (
                f", {beyond[-1].name} {beyond[-1].size}" * (len(beyond) > 1)
            )
            first, last = tree.end + 1, max(root.size for root in beyond)
            self._faults.append(
                fault(Kind.TRUNCATED, min(first, last), f"{names}; there are {self._bounds.last}", upto=last)
            )
        if tree.lost:
            yield from self._unproven(tree.lost)
        tree.held()
        if not (beyond or tree.lost) and tree.end == self._bounds.last:
            self._check_strays()
        self._check_witnesses()
        yield self._step()

    def _unproven(self, after: int) -> Iterator[Step]:
        """The entries beyond ``after``, where the tree could not be followed any more: each by itself."""
        while (first := self._entries.next_after(after)) is not None:
            for row in self._entries.take(first.seq, first.seq + STEP - 1):
                if row is None:
                    continue
                if row.seq != after + 1:
                    told = "nothing has this number"
                    self._faults.append(fault(Kind.DELETED, after + 1, told, upto=row.seq - 1))
                if row.given != row.leaf:
                    told = "it does not give the leaf hash in its row"
                    self._faults.append(fault(Kind.HEADER, row.seq, told, entry=row.id))
                after = row.seq
            yield self._step()

    def _check_witnesses(self) -> None:
        trust = self._wanted.trust
        if not trust.witnesses_needed:
            return
        self._witnessed = witnessed(self._database, self._keys.all, trust, self._wanted.patience)
        if self._witnessed.fault is not None:
            self._faults.append(self._witnessed.fault)

    def _check_strays(self) -> None:
        for level in range(8):
            stray = self._stray(level, self._bounds)
            if stray is not None:  # unless the log has grown meanwhile
                stray = self._stray(level, self._database.ask(bounds))
            if stray is not None:
                told = f"tile {stray[1]} of level {stray[0]} is beyond the tree"
                self._faults.append(fault(Kind.TILE, self._bounds.last, told))
                return

    def _stray(self, level: int, there: Bounds) -> tuple[int, int] | None:
        return self._database.ask(partial(stray_tile, level=level, count=there.last >> 8 * (level + 1)))

    def _step(self) -> Step:
        for source in (self._tree.faults, self._entries.faults, self._chain.faults):
            self._faults += source
            source.clear()
        self._dropped += max(0, len(self._faults) - MOST_FAULTS)
        del self._faults[MOST_FAULTS:]
        fresh = tuple(self._faults[self._told :])
        self._told = len(self._faults)
        return Step(
            seq=self._tree.edge.size, last=self._bounds.last, checked=self._entries.checked, faults=fresh
        )

    def _state(self) -> State | None:
        if self._good is None:
            return self._wanted.state
        root, edge, latest = self._good
        return state_of(root, edge.tails(), keys=[key.text for key in self._keys.all], latest=latest)


def verify(database: Database, wanted: Wanted = Wanted()) -> Report:  # noqa: B008 - frozen
    """Verify the whole log in ``database``. Raises StorageUnavailable."""
    run = Verification(database, wanted)
    for _ in run.steps():
        continue
    return run.report
