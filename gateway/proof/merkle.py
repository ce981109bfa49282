"""Growing the log's Merkle tree and making its proofs (RFC 9162 §2.1, tiles as in C2SP tlog-tiles).

``height`` counts from the leaves: the node (height, index) is the hash of D[index * 2**height : (index + 1) * 2**height].
``level`` counts tiles: level L is height 8 L. What checks the proofs is ``lienthong_verify``, which shares the hashes and
nothing else with this module. Invariant: only complete subtrees are ever stored, so what is stored never changes.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gateway.proof.lienthong_verify import EMPTY_ROOT, HASH_SIZE, node_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
_TILE_MASK = TILE_WIDTH - 1

# nodes(height, index, count): that many hashes next to each other, joined.
Nodes = Callable[[int, int, int], bytes]
# tiles(level, index, width): at least the first `width` hashes of that tile, joined; None when it is not kept, which is
# allowed for partial tiles above level 0 alone (their hashes are the roots of full tiles below).
TileSource = Callable[[int, int, int], bytes | None]


@dataclass(frozen=True, slots=True)
class Tile:
    """Consecutive hashes of one level: ``hashes`` joined, 256 of them when it is full."""

    level: int
    index: int
    hashes: bytes

    @property
    def width(self) -> int:
        """How many hashes it holds."""
        return len(self.hashes) // HASH_SIZE


class Edge:
    """The right edge of a tree that grows: what appending and the root need, and the tiles that are not full yet."""

    __slots__ = ("_completed", "_peaks", "_size", "_tails")

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[bytes] = []  # roots of complete subtrees, the largest first
        self._tails: list[bytearray] = [bytearray()]  # by level
        self._completed: list[Tile] = []

    @classmethod
    def resume(cls, size: int, tiles: TileSource) -> Edge:
        """The edge of a tree of ``size`` leaves, out of its partial tiles."""
        edge = cls()
        edge._size = size
        reader = TileNodes(size, tiles)
        widths = list(_tail_widths(size))
        edge._tails = [
            bytearray(reader.tile_hashes(level, size >> (TILE_HEIGHT * (level + 1)), width))
            if width
            else bytearray()
            for level, width in enumerate(widths)
        ] or [bytearray()]
        edge._peaks = [reader.nodes(height, index, 1) for height, index in reversed(list(_peaks(0, size)))]
        return edge

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def copy(self) -> Edge:
        """The same tree, to be grown on its own; what ``take`` would give stays here."""
        edge = Edge()
        edge._size = self._size
        edge._peaks = list(self._peaks)
        edge._tails = [bytearray(tail) for tail in self._tails]
        return edge

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash of 32 bytes."""
        peaks, tails, size = self._peaks, self._tails, self._size
        tails[0] += leaf
        node, position, height = leaf, size, 0
        while position & 1:
            node = hashlib.sha256(b"\x01" + peaks.pop() + node).digest()
            position >>= 1
            height += 1
            if not height & 7:
                self._complete(height >> 3, position, node)
        peaks.append(node)
        self._size = size + 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """The root hash of the tree as it is (RFC 9162 §2.1.1)."""
        return _folded(reversed(self._peaks))

    def take(self) -> list[Tile]:
        """The tiles that became full since the last call, in the order in which they did."""
        completed, self._completed = self._completed, []
        return completed

    def tails(self) -> list[Tile]:
        """The partial tiles of the right edge, from level 0 up; empty ones are left out."""
        return [
            Tile(level, self._size >> (TILE_HEIGHT * (level + 1)), bytes(tail))
            for level, tail in enumerate(self._tails)
            if tail
        ]

    def _complete(self, level: int, index: int, node: bytes) -> None:
        """The tile below ``level`` is full: its root ``node`` is hash ``index`` of that level."""
        if level == len(self._tails):
            self._tails.append(bytearray())
        self._completed.append(Tile(level - 1, index, bytes(self._tails[level - 1])))
        self._tails[level - 1].clear()
        self._tails[level] += node


class Tree:
    """A tree with all its nodes in memory: 64 bytes a leaf."""

    __slots__ = ("_rows", "_size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._size = 0
        self._rows: list[bytearray] = [bytearray()]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash of 32 bytes."""
        rows, position, height = self._rows, self._size, 0
        rows[0] += leaf
        while position & 1:
            pair = rows[height][-2 * HASH_SIZE :]
            height += 1
            if height == len(rows):
                rows.append(bytearray())
            rows[height] += hashlib.sha256(b"\x01" + pair).digest()
            position >>= 1
        self._size += 1

    def nodes(self, height: int, index: int, count: int) -> bytes:
        """``Nodes`` of this tree. LookupError for nodes that are not complete yet."""
        found = self._rows[height][index * HASH_SIZE : (index + count) * HASH_SIZE]
        if len(found) != count * HASH_SIZE:
            raise LookupError(f"node {index} of height {height} is not complete in {self._size} leaves")
        return bytes(found)

    def root(self) -> bytes:
        """The root hash (RFC 9162 §2.1.1)."""
        return root(self._size, self.nodes)


class TileNodes:
    """``Nodes`` of a tree of ``size`` leaves out of its tiles. Keeps what it has read: make one for each question."""

    def __init__(self, size: int, tiles: TileSource) -> None:
        self._size, self._tiles = size, tiles
        self._read: dict[tuple[int, int], Tree] = {}

    def nodes(self, height: int, index: int, count: int) -> bytes:
        """``Nodes`` of the tree. LookupError for what the tiles do not hold."""
        level, inner = divmod(height, TILE_HEIGHT)
        room = TILE_WIDTH >> inner  # nodes of this height in one tile
        found = []
        while count:
            tile, begin = divmod(index, room)
            taken = min(count, room - begin)
            found.append(self._tile(level, tile).nodes(inner, begin, taken))
            index, count = index + taken, count - taken
        return b"".join(found)

    def tile_hashes(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of one tile, as they were read or out of the tiles below."""
        hashes = self._tiles(level, index, width)
        if hashes is None and level and width < TILE_WIDTH:
            below = range(index * TILE_WIDTH, index * TILE_WIDTH + width)
            return b"".join(_tile_root(self.tile_hashes(level - 1, each, TILE_WIDTH)) for each in below)
        if hashes is None or len(hashes) < width * HASH_SIZE:
            raise LookupError(f"tile {index} of level {level} is missing or has not {width} hashes")
        return bytes(hashes[: width * HASH_SIZE])

    def _tile(self, level: int, index: int) -> Tree:
        tile = self._read.get((level, index))
        if tile is None:
            width = min(TILE_WIDTH, (self._size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH)
            if width <= 0:
                raise LookupError(f"tile {index} of level {level} is beyond {self._size} leaves")
            tile = self._read[level, index] = Tree(_split(self.tile_hashes(level, index, width)))
        return tile


@functools.lru_cache(maxsize=1_024)
def _tile_root(row: bytes) -> bytes:
    """The root over the hashes of one full tile; at most 8 MB of them are remembered, by what they are."""
    while len(row) > HASH_SIZE:
        pairs = (row[at : at + 2 * HASH_SIZE] for at in range(0, len(row), 2 * HASH_SIZE))
        row = b"".join(hashlib.sha256(b"\x01" + pair).digest() for pair in pairs)
    return row


def root(size: int, nodes: Nodes) -> bytes:
    """The root hash of the first ``size`` leaves (RFC 9162 §2.1.1)."""
    return _right(0, size, nodes)


def inclusion(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The proof that leaf ``index`` is among the first ``size`` (RFC 9162 §2.1.3.1), nearest sibling first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not among {size}")
    return list(_path(0, index, size, nodes))


def consistency(first: int, second: int, nodes: Nodes) -> list[bytes]:
    """The proof that the tree of ``second`` leaves continues the tree of ``first`` (RFC 9162 §2.1.4.1). Empty for equal
    sizes and for the empty tree, which everything continues."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {second} leaves does not continue one of {first}")
    if first in {0, second}:
        return []
    # the largest complete subtree that ends where the first tree ends; known to the verifier when it is all of it
    height = (first & -first).bit_length() - 1
    index = (first >> height) - 1
    begin = [nodes(height, index, 1)] if index else []
    return [*begin, *_path(height, index, second, nodes)]


def _path(height: int, index: int, size: int, nodes: Nodes) -> Iterator[bytes]:
    """The siblings on the way from a node up to the root of ``size`` leaves."""
    last = (size - 1) >> height  # the last node of this height, complete or not
    while last:
        sibling = index ^ 1
        if sibling < last:
            yield nodes(height, sibling, 1)
        elif sibling == last:
            yield _right(last << height, size, nodes)
        index >>= 1
        last >>= 1
        height += 1


def _right(begin: int, end: int, nodes: Nodes) -> bytes:
    """The hash of D[begin:end], where ``begin`` is a multiple of a power of two that is not less than their distance."""
    return _folded(nodes(height, index, 1) for height, index in _peaks(begin, end))


def _peaks(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Height and index of the complete subtrees that make up D[begin:end], the last and smallest first."""
    rest = end - begin
    while rest:
        height = (rest & -rest).bit_length() - 1
        end -= 1 << height
        rest -= 1 << height
        yield height, end >> height


def _folded(peaks: Iterable[bytes]) -> bytes:
    folded = None
    for peak in peaks:
        folded = peak if folded is None else node_hash(peak, folded)
    return EMPTY_ROOT if folded is None else folded


def _tail_widths(size: int) -> Iterator[int]:
    while size:
        yield size & _TILE_MASK
        size >>= TILE_HEIGHT


def _split(hashes: bytes) -> Iterator[bytes]:
    return (hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE))
