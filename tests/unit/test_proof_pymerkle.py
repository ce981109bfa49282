"""The tree against an independent implementation of RFC 9162 (pymerkle, a library of others, for the tests alone)."""

import random

import pytest

from gateway.proof import merkle
from gateway.proof.lienthong_verify import Fault, leaf_hash, verify_consistency, verify_inclusion

pymerkle = pytest.importorskip(
    "pymerkle",
    reason="pymerkle (GPL, tests only) is not installed: nobody else judges the tree",
    exc_type=ImportError,
)

SIZES = (*range(1, 41), 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000)


@pytest.fixture(scope="module")
def entries():
    choice = random.Random(9162)
    return [choice.randbytes(choice.randrange(80)) for _ in range(max(SIZES))]


@pytest.fixture(scope="module")
def theirs(entries):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree


@pytest.fixture(scope="module")
def ours(entries):
    return merkle.Tree(map(leaf_hash, entries))


def with_path(theirs, path):
    """Their proof with another path in it."""
    told = theirs.serialize()
    return pymerkle.MerkleProof.deserialize({**told, "path": [each.hex() for each in path]})


def flipped(path, choice):
    at, bit = choice.randrange(len(path)), choice.randrange(256)
    changed = (int.from_bytes(path[at]) ^ (1 << bit)).to_bytes(32)
    return [*path[:at], changed, *path[at + 1 :]]


def test_leaves_are_alike(theirs, entries):
    assert [theirs.get_leaf(number + 1) for number in range(len(entries))] == list(map(leaf_hash, entries))


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_alike(theirs, ours, size):
    assert theirs.get_root(size) == merkle.root(size, ours.nodes)


@pytest.mark.parametrize("size", SIZES)
def test_both_make_and_believe_the_same_inclusions(theirs, ours, entries, size):
    root, choice = merkle.root(size, ours.nodes), random.Random(size)
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        leaf, proof = leaf_hash(entries[index]), theirs.prove_inclusion(index + 1, size)

        path = merkle.inclusion(index, size, ours.nodes)

        assert proof.path == [leaf, *path]
        verify_inclusion(leaf, index, size, proof.path[1:], root)
        pymerkle.verify_inclusion(leaf, root, with_path(proof, [leaf, *path]), index + 1, size)
        if path:
            forged = flipped(path, choice)
            with pytest.raises(Fault):
                verify_inclusion(leaf, index, size, forged, root)
            with pytest.raises(pymerkle.InvalidProof):
                pymerkle.verify_inclusion(leaf, root, with_path(proof, [leaf, *forged]), index + 1, size)


@pytest.mark.parametrize("size", SIZES)
def test_both_make_and_believe_the_same_growths(theirs, ours, size):
    later, choice = merkle.root(size, ours.nodes), random.Random(size)
    for first in {1, 2, size // 3, size // 2, size - 1} & set(range(1, size)):
        earlier, proof = merkle.root(first, ours.nodes), theirs.prove_consistency(first, size)

        path = merkle.consistency(first, size, ours.nodes)

        # They go down to the last leaf of the earlier tree, the RFC stops at its last complete subtree: for an odd size
        # that is the same, in another order. For the others each side believes its own way between the same roots.
        if first % 2:
            assert sorted(proof.path) == sorted(path if first > 1 else [earlier, *path])
        pymerkle.verify_consistency(earlier, later, proof, first, size)
        verify_consistency(first, size, path, earlier, later)
        with pytest.raises(Fault):
            verify_consistency(first, size, flipped(path, choice), earlier, later)
        with pytest.raises(pymerkle.InvalidProof):
            pymerkle.verify_consistency(
                earlier, later, with_path(proof, flipped(proof.path, choice)), first, size
            )
