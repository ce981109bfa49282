"""Growing the log's tree a second time, out of its entries, beside what the database keeps of the first one.

Leaf hashes come twice: from the headers of the entries, and from tiles (at the right edge from the rows). ``edge`` follows
what is kept, ``other`` what the entries give, from the first doubt on until a signed root decides. Invariant: every
difference is in ``doubts`` until then, with the fault that it is either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from gateway.messagelog.alignment import Difference, align
from gateway.messagelog.entry_check import Checked
from gateway.messagelog.entry_stream import Entries
from gateway.messagelog.faults import Fault, Kind, fault
from gateway.proof.lienthong_verify import HASH_SIZE
from gateway.proof.merkle import TILE_HEIGHT, TILE_WIDTH, Edge
from gateway.storage.database import Database
from gateway.storage.log_stream import pruned_spans, tiles

SEGMENT = 4 * TILE_WIDTH
MOST_MOVED = MOST_DOUBTS = 10_000


class Doubt(NamedTuple):
    """A difference: what it is when what is kept is right, and when the entries are."""

    kept_right: Fault
    entries_right: Fault


class Source(NamedTuple):
    """What the tree is grown from. ``tiled``: so many entries are in checkpoints, so that their full tiles are to be there;
    ``remembered``: leaf hashes that whoever verifies has kept, by index."""

    database: Database
    entries: Entries
    tiled: int
    remembered: Mapping[int, bytes]


class Reconstruction:
    """The tree after ``edge``, grown up to entry number ``last``. ``latest``: the latest instant before, in microseconds."""

    def __init__(self, source: Source, edge: Edge, last: int, *, latest: int = 0) -> None:
        self._source, self._last = source, last
        self.edge = edge
        self.other: Edge | None = None
        self.doubts: list[Doubt] = []
        self.faults: list[Fault] = []
        self.lost = (
            0  # up to which number nothing is there, and nothing known, beyond the tree that was grown
        )
        self.archived = 0
        self.latest = latest
        self.before = edge.copy()  # at the newest root that held, with what has come since
        self.recent: list[tuple[int, bytes]] = []
        self._shift = 0  # by how much the numbers of entries are higher than their places in the tree
        self._moved: set[bytes] = set()  # leaf hashes of entries that were found at another place
        self._instead: dict[bytes, bytes] = {}
        self._tiles: dict[int, bytes] = {}
        self._asked = range(0)

    @property
    def end(self) -> int:
        """How many leaves there can be."""
        return self._last - self._shift

    def grow(self, limit: int) -> None:
        """Take in the next entries, up to a tree of ``limit`` leaves at most."""
        begin = self.edge.size
        kept = self._kept(begin, min(limit, self.end, begin - begin % SEGMENT + SEGMENT))
        if kept:
            self._beside(begin, kept)
        else:
            self._edge_of_rows(begin, min(limit, self.end, begin - begin % TILE_WIDTH + TILE_WIDTH))
        self._compare_upper()
        if len(self.doubts) > MOST_DOUBTS:  # in a log that nobody has signed
            self.faults += [doubt.kept_right for doubt in self.doubts]
            self.doubts, self.other = [], None

    def held(self) -> None:
        """The tree has the root that was signed: what was doubted is wrong, and everything up to here is settled."""
        self.faults += [doubt.kept_right for doubt in self.doubts]
        self._settle()

    def entries_held(self) -> None:
        """The entries have the root that was signed, and what is kept has not."""
        self.faults += [doubt.entries_right for doubt in self.doubts]
        if self.other is not None:
            self.edge = self.other
        self._settle()

    def following(self) -> tuple[int, bytes] | None:
        """The entry and the leaf hash in the row that follows."""
        number = self.edge.size + self._shift + 1
        [row] = self._source.entries.peek(number, number)
        return None if row is None else (row.id, row.leaf)

    def healed(self, leaves: Sequence[bytes], shift: int, instead: Mapping[bytes, bytes]) -> None:
        """The leaves since the newest root that held were these; numbers are ``shift`` higher from here on. ``instead``: what
        belongs where a row that follows has another leaf hash."""
        self.edge = self.before.copy()
        self.edge.extend(leaves)
        self._shift += shift
        self._instead |= instead
        self._settle()

    def _settle(self) -> None:
        self.doubts, self.other = [], None
        self.before, self.recent = self.edge.copy(), []

    def _kept(self, begin: int, end: int) -> list[bytes]:
        """The leaf hashes that are kept from ``begin`` on, as far as they are without a gap."""
        found: list[bytes] = []
        while begin + len(found) < end:
            place = begin + len(found)
            tile = self._tile(place // TILE_WIDTH)
            if tile is None:
                leaf = self._source.remembered.get(place)
                if leaf is None:
                    break
                found.append(leaf)
                continue
            first = place % TILE_WIDTH
            last = min(TILE_WIDTH, first + end - place)
            found += [tile[HASH_SIZE * at : HASH_SIZE * (at + 1)] for at in range(first, last)]
        return found

    def _tile(self, index: int) -> bytes | None:
        if index not in self._asked:
            self._asked = range(index, index + 2 * SEGMENT // TILE_WIDTH)
            question = partial(tiles, level=0, first=index, count=len(self._asked))
            self._tiles = self._source.database.ask(question)
        tile = self._tiles.get(index)
        return tile if tile is not None and len(tile) == TILE_WIDTH * HASH_SIZE else None

    def _beside(self, begin: int, kept: list[bytes]) -> None:
        """Entries beside leaf hashes that are kept."""
        number = begin + self._shift + 1
        rows = self._source.entries.take(number, number + len(kept) - 1)
        given = [None if row is None else row.given for row in rows]
        if given == kept and given == [None if row is None else row.leaf for row in rows]:
            self._take_in(kept, None, rows)
            return
        rows = self._bring_archived(rows, kept, begin)
        ahead = self._source.entries.peek(number + len(rows), number + len(rows) + SEGMENT)
        beyond = self._kept(begin + len(kept), min(self.end, begin + len(kept) + SEGMENT))
        known = {*kept, *beyond}
        places = [None if row is None else _told(row, known) for row in (*rows, *ahead)]
        differences, used = align(places, kept + beyond, len(kept), self._moved)
        for each in differences:
            if each.kind is Kind.REORDERED and len(self._moved) < MOST_MOVED:
                span = slice(each.own, each.own + each.length), slice(each.kept, each.kept + each.length)
                self._moved |= {*filter(None, places[span[0]]), *(kept + beyond)[span[1]]}
        if used < len(rows):
            self._source.entries.put_back(rows[used:])
        elif used > len(rows):
            rows += self._source.entries.take(number + len(rows), number + used - 1)
        rows = rows[:used]
        self._doubt_leaves(rows, known)
        self._doubt(differences, rows, begin)
        moved = used - len(kept)
        others = None if moved or None in rows else [row.given or row.leaf for row in rows if row is not None]
        self._take_in(kept, others, rows)
        if moved:
            self._shift += moved
            self.other = None

    def _bring_archived(
        self, rows: list[Checked | None], kept: list[bytes], begin: int
    ) -> list[Checked | None]:
        """``rows`` with those that are in archives alone as the tree has them."""
        found = list(rows)
        if None not in rows:
            return found
        # asked only now: a job may have archived what was there when this began
        for first, last in self._source.database.ask(pruned_spans):
            for seq in range(max(first, begin + 1), min(last, begin + len(kept)) + 1):
                place = seq - begin - 1
                if found[place] is None and not self._shift:
                    leaf = kept[place]
                    found[place] = Checked(seq, 0, 0, leaf, leaf, None, "")
                    self.archived += 1
        return found

    def _edge_of_rows(self, begin: int, end: int) -> None:
        """Entries where the rows alone keep leaf hashes."""
        index = begin // TILE_WIDTH
        if not begin % TILE_WIDTH and index < self._source.tiled // TILE_WIDTH:
            what = "has not 256 hashes" if index in self._tiles else "is missing"
            upto = begin + TILE_WIDTH
            self.faults.append(fault(Kind.TILE, begin + 1, f"tile {index} of level 0 {what}", upto=upto))
        number = begin + self._shift + 1
        rows = self._source.entries.take(number, end + self._shift)
        whole = rows[: rows.index(None)] if None in rows else rows
        there = [row for row in whole if row is not None]
        leaves = [row.leaf if len(row.leaf) == HASH_SIZE else row.given or bytes(HASH_SIZE) for row in there]
        self._doubt_leaves(there, set())
        others = [row.given or row.leaf for row in there]
        if self._instead:
            leaves, others = ([self._instead.get(leaf, leaf) for leaf in each] for each in (leaves, others))
        self._take_in(leaves, others, there)
        if len(there) < len(rows):
            self._source.entries.put_back(rows[len(there) :])
            self._gap(number + len(there))

    def _gap(self, number: int) -> None:
        """Nobody knows the leaf hash of entry ``number`` any more, so nothing after it can be proven."""
        following = self._source.entries.next_after(number)
        upto = self._last if following is None else following.seq - 1
        self.faults.append(fault(Kind.DELETED, number, "nothing has this number", upto=upto))
        self.lost = upto

    def _take_in(
        self, leaves: list[bytes], others: list[bytes] | None, rows: Sequence[Checked | None]
    ) -> None:
        if others is not None and self.other is None and others != leaves:
            self.other = self.edge.copy()
        self.edge.extend(leaves)
        if self.other is not None:
            self.other.extend(leaves if others is None else others)
        self.latest = max([self.latest, *(row.at for row in rows if row is not None)])
        if len(self.recent) <= SEGMENT:
            self.recent += [(row.id, row.leaf) for row in rows if row is not None]

    def _doubt_leaves(self, rows: Sequence[Checked | None], known: set[bytes]) -> None:
        """Rows whose header and leaf hash do not fit each other."""
        for row in rows:
            if row is None or row.given == row.leaf:
                continue
            header = fault(Kind.HEADER, row.seq, "it does not give the leaf hash in its row", entry=row.id)
            leaf = fault(Kind.LEAF, row.seq, "the header gives another one, which the tree has", entry=row.id)
            if row.given in known:
                self.faults.append(leaf)
            else:
                self.doubts.append(Doubt(header, leaf))

    def _doubt(self, differences: Sequence[Difference], rows: Sequence[Checked | None], begin: int) -> None:
        for kind, own, kept, count in differences:
            row = rows[own] if own < len(rows) else None
            place = begin + kept + 1
            seq = place if kind is Kind.DELETED or row is None else row.seq
            entry = 0 if row is None or kind is Kind.DELETED else row.id
            tile = f"tile {(place - 1) // TILE_WIDTH} of level 0 has other leaf hashes than the entries give"
            self.doubts.append(
                Doubt(
                    fault(kind, seq, _TOLD[kind], upto=seq + count - 1, entry=entry),
                    fault(Kind.TILE, place, tile, upto=place + count - 1, entry=entry),
                )
            )

    def _compare_upper(self) -> None:
        """The tiles above the leaves that have become full beside those that are kept."""
        for level, index, hashes in ((each.level, each.index, each.hashes) for each in self.edge.take()):
            if not level:
                continue
            kept = self._source.database.ask(partial(tiles, level=level, first=index, count=1)).get(index)
            width = 1 << TILE_HEIGHT * (level + 1)
            if kept == hashes or (kept is None and (index + 1) * width > self._source.tiled):
                continue
            what = "is missing" if kept is None else "has other hashes than the tree"
            found = fault(
                Kind.TILE,
                index * width + 1,
                f"tile {index} of level {level} {what}",
                upto=(index + 1) * width,
            )
            self.faults.append(found)


_TOLD = {
    Kind.HEADER: "it gives its leaf hash, but the tree has another one at this place",
    Kind.INSERTED: "the tree does not have it",
    Kind.DELETED: "the tree has it, and it is not there",
    Kind.REORDERED: "the tree has it at another place",
}


def _told(row: Checked, known: set[bytes]) -> bytes:
    """The leaf hash by which the place of ``row`` is found: the one in its row where its header was changed."""
    return row.leaf if row.given != row.leaf and row.given not in known and row.leaf in known else row.given
