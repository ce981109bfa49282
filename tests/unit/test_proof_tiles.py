"""Tiles: full ones never change, the right edge is rebuilt from them, and proofs come out of them alone."""

import hashlib

import pytest

from gateway.proof import merkle
from gateway.proof.lienthong_verify import leaf_hash, node_hash, verify_consistency, verify_inclusion

SIZE = 70_000  # the example of tlog-tiles: 273 full tiles and one of 112; one full and one of 17; one of 1
LEAVES = [leaf_hash(number.to_bytes(4)) for number in range(SIZE)]
ODD_SIZES = (0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, SIZE)
TEN_MILLION = 10_000_000


@pytest.fixture(scope="module")
def tree():
    return merkle.Tree(LEAVES)


@pytest.fixture(scope="module")
def edge():
    grown = merkle.Edge()
    grown.extend(LEAVES)
    return grown


@pytest.fixture(scope="module")
def full(edge):
    return edge.take()


class Shelf:
    """The full tiles and the leaves: what a database keeps."""

    def __init__(self, full, size, tails=()):
        self.size = size
        self.tiles = {(tile.level, tile.index): tile.hashes for tile in (*full, *tails)}

    def __call__(self, level, index, width):
        if level == 0:
            assert index * 256 + width <= self.size
            return b"".join(LEAVES[index * 256 : index * 256 + width])
        return self.tiles.get((level, index))


def test_tiles_are_those_of_the_specification(edge, full):
    levels = [tile.level for tile in full]
    assert (levels.count(0), levels.count(1), levels.count(2)) == (273, 1, 0)
    assert [(tile.level, tile.index, tile.width) for tile in edge.tails()] == [
        (0, 273, 112),
        (1, 1, 17),
        (2, 0, 1),
    ]
    assert all(tile.width == merkle.TILE_WIDTH for tile in full)


def test_a_tile_above_holds_the_roots_of_the_tiles_below(full, edge):
    tiles = {(tile.level, tile.index): tile.hashes for tile in (*full, *edge.tails())}
    first = merkle.Tree(LEAVES[:256]).root()
    assert tiles[1, 0][:32] == first
    assert tiles[0, 3] == b"".join(LEAVES[768:1024])
    level_one = merkle.Tree(tiles[1, 0][at : at + 32] for at in range(0, 8192, 32))
    assert tiles[2, 0] == level_one.root()


def test_a_tile_is_taken_once(edge, full):
    assert full
    assert edge.take() == []


def test_roots_of_edge_tree_and_tiles_agree(tree, edge, full):
    nodes = merkle.TileNodes(SIZE, Shelf(full, SIZE)).nodes
    assert edge.root() == tree.root() == merkle.root(SIZE, nodes)


@pytest.mark.parametrize("size", ODD_SIZES)
@pytest.mark.parametrize("keeps_partial_tiles", [True, False])
def test_an_edge_resumed_goes_on_as_if_nothing_had_happened(tree, size, keeps_partial_tiles):
    before = merkle.Edge()
    before.extend(LEAVES[:size])
    shelf = Shelf(before.take(), size, before.tails() if keeps_partial_tiles else ())

    after = merkle.Edge.resume(size, shelf)

    assert (after.size, after.root(), after.tails()) == (size, before.root(), before.tails())
    rest = LEAVES[size : size + 600]
    before.extend(rest)
    after.extend(rest)
    assert (after.root(), after.take(), after.tails()) == (before.root(), before.take(), before.tails())
    assert after.root() == merkle.root(size + len(rest), tree.nodes)


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, SIZE - 1])
def test_a_proof_out_of_tiles_is_the_proof_out_of_the_tree(tree, full, index):
    proof = merkle.inclusion(index, SIZE, merkle.TileNodes(SIZE, Shelf(full, SIZE)).nodes)

    assert proof == merkle.inclusion(index, SIZE, tree.nodes)
    verify_inclusion(LEAVES[index], index, SIZE, proof, tree.root())


@pytest.mark.parametrize("first", [1, 2, 255, 256, 300, 65_535, 65_536, 69_888, SIZE - 1])
def test_a_growth_out_of_tiles_is_the_growth_out_of_the_tree(tree, full, first):
    proof = merkle.consistency(first, SIZE, merkle.TileNodes(SIZE, Shelf(full, SIZE)).nodes)

    assert proof == merkle.consistency(first, SIZE, tree.nodes)
    verify_consistency(first, SIZE, proof, merkle.root(first, tree.nodes), tree.root())


def test_an_earlier_size_is_proven_out_of_later_tiles(tree, full):
    shelf = Shelf(full, SIZE)
    proof = merkle.inclusion(600, 1_000, merkle.TileNodes(1_000, shelf).nodes)
    verify_inclusion(LEAVES[600], 600, 1_000, proof, merkle.root(1_000, tree.nodes))


def test_nodes_are_given_across_tiles(tree, full):
    reader = merkle.TileNodes(SIZE, Shelf(full, SIZE))
    assert reader.nodes(0, 200, 600) == tree.nodes(0, 200, 600)
    assert reader.nodes(3, 20, 80) == tree.nodes(3, 20, 80)
    assert reader.nodes(8, 0, 273) == tree.nodes(8, 0, 273)


def test_a_missing_tile_is_said_to_be_missing(full):
    kept = [tile for tile in full if (tile.level, tile.index) != (1, 0)]
    with pytest.raises(LookupError, match="tile 0 of level 1 is missing"):
        merkle.inclusion(66_000, SIZE, merkle.TileNodes(SIZE, Shelf(kept, SIZE)).nodes)


def test_a_tile_beyond_the_size_is_not_read(full):
    with pytest.raises(LookupError, match="beyond 256 leaves"):
        merkle.TileNodes(256, Shelf(full, SIZE)).nodes(0, 256, 1)


@pytest.fixture(scope="module")
def repeated():
    """The nodes of trees of any size in which all leaves are alike: one hash a height."""
    heights = [leaf_hash(b"the same entry")]
    while len(heights) < 40:
        heights.append(node_hash(heights[-1], heights[-1]))

    def nodes(height, index, count):
        assert (index + count) << height <= TEN_MILLION
        return heights[height] * count

    return nodes


@pytest.mark.parametrize("index", [0, 1, 4_999_999, 8_388_607, 8_388_608, TEN_MILLION - 1])
def test_a_proof_at_ten_million_entries_is_under_2_kb(repeated, index):
    proof = merkle.inclusion(index, TEN_MILLION, repeated)

    root = merkle.root(TEN_MILLION, repeated)
    verify_inclusion(leaf_hash(b"the same entry"), index, TEN_MILLION, proof, root)
    assert sum(map(len, proof)) <= 24 * 32
    in_json = len("".join(f'"{each.hex()}",' for each in proof))
    assert in_json + 300 < 2_048  # with its header, index and size


def test_a_growth_to_ten_million_entries_is_short(repeated):
    proof = merkle.consistency(TEN_MILLION - 12_345, TEN_MILLION, repeated)
    roots = [merkle.root(size, repeated) for size in (TEN_MILLION - 12_345, TEN_MILLION)]
    verify_consistency(TEN_MILLION - 12_345, TEN_MILLION, proof, *roots)
    assert len(proof) <= 2 * 24


def test_appending_costs_one_hash_a_leaf_and_keeps_little(monkeypatch):
    """Counted, since a clock would measure the machine: n - popcount(n) nodes, and never more than the edge in memory."""
    counted = 0
    sha256 = hashlib.sha256

    def counting(data):
        nonlocal counted
        counted += 1
        return sha256(data)

    monkeypatch.setattr(merkle.hashlib, "sha256", counting)
    edge = merkle.Edge()
    for leaf in LEAVES[:5_000]:
        edge.append(leaf)
        edge.take()
        assert sum(tile.width for tile in edge.tails()) <= 2 * 255
    assert counted == 5_000 - (5_000).bit_count()
