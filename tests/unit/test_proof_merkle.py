"""The Merkle tree: published vectors, a naive reading of the RFC for every small size, and nothing forged is believed."""

import hashlib
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.proof import merkle
from gateway.proof.lienthong_verify import (
    EMPTY_ROOT,
    Fault,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

LARGEST = 130

# The eight entries of the reference tests of Certificate Transparency, and the roots of the trees they grow.
ENTRIES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(each)
    for each in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
# index, size, proof
INCLUSIONS = (
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
)
# earlier size, later size, proof
CONSISTENCIES = (
    (1, 1, []),
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
)


def leaf(number):
    return leaf_hash(b"entry %d" % number)


LEAVES = [leaf(number) for number in range(LARGEST)]
TREE = merkle.Tree(LEAVES)


def split(size):
    return 1 << ((size - 1).bit_length() - 1)


@cache
def naive_root(begin, end):
    """MTH of RFC 9162 §2.1.1, to the letter."""
    if end == begin:
        return hashlib.sha256(b"").digest()
    if end - begin == 1:
        return LEAVES[begin]
    middle = begin + split(end - begin)
    return hashlib.sha256(b"\x01" + naive_root(begin, middle) + naive_root(middle, end)).digest()


def naive_path(index, begin, end):
    """PATH of §2.1.3.1."""
    if end - begin == 1:
        return []
    middle = begin + split(end - begin)
    if begin + index < middle:
        return [*naive_path(index, begin, middle), naive_root(middle, end)]
    return [*naive_path(index - (middle - begin), middle, end), naive_root(begin, middle)]


def naive_subproof(first, begin, end, *, whole=True):
    """SUBPROOF of §2.1.4.1."""
    if first == end - begin:
        return [] if whole else [naive_root(begin, end)]
    middle = begin + split(end - begin)
    if begin + first <= middle:
        return [*naive_subproof(first, begin, middle, whole=whole), naive_root(middle, end)]
    rest = naive_subproof(first - (middle - begin), middle, end, whole=False)
    return [*rest, naive_root(begin, middle)]


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def included(*arguments):
    try:
        verify_inclusion(*arguments)
    except Fault:
        return False
    return True


def continued(*arguments):
    try:
        verify_consistency(*arguments)
    except Fault:
        return False
    return True


def test_empty_tree_has_the_published_root():
    assert merkle.Edge().root() == merkle.Tree().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_leaf_and_node_hash_as_published():
    # the examples of RFC 6962 §2.1 in the reference tests: an empty leaf, "L123456", and a node of "N123" and "N456"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        node_hash(b"N123", b"N456").hex()
        == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_roots_as_published():
    edge, tree = merkle.Edge(), merkle.Tree()
    for entry, root in zip(ENTRIES, ROOTS, strict=True):
        edge.append(leaf_hash(entry))
        tree.append(leaf_hash(entry))
        assert edge.root() == tree.root() == root


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSIONS)
def test_inclusion_proofs_as_published(index, size, proof):
    tree = merkle.Tree(map(leaf_hash, ENTRIES))
    published = [bytes.fromhex(each) for each in proof]

    assert merkle.inclusion(index, size, tree.nodes) == published
    verify_inclusion(leaf_hash(ENTRIES[index]), index, size, published, ROOTS[size - 1])


@pytest.mark.parametrize(("first", "second", "proof"), CONSISTENCIES)
def test_consistency_proofs_as_published(first, second, proof):
    tree = merkle.Tree(map(leaf_hash, ENTRIES))
    published = [bytes.fromhex(each) for each in proof]

    assert merkle.consistency(first, second, tree.nodes) == published
    verify_consistency(first, second, published, ROOTS[first - 1], ROOTS[second - 1])


def test_every_root_up_to_130_is_the_naive_one():
    edge = merkle.Edge()
    for size in range(LARGEST + 1):
        assert edge.root() == naive_root(0, size) == merkle.root(size, TREE.nodes)
        if size < LARGEST:
            edge.append(LEAVES[size])


def test_every_inclusion_up_to_130_is_the_naive_one_and_is_believed():
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = merkle.inclusion(index, size, TREE.nodes)
            assert proof == naive_path(index, 0, size)
            verify_inclusion(LEAVES[index], index, size, proof, naive_root(0, size))


def test_every_consistency_up_to_130_is_the_naive_one_and_is_believed():
    for second in range(LARGEST + 1):
        for first in range(second + 1):
            proof = merkle.consistency(first, second, TREE.nodes)
            assert proof == (naive_subproof(first, 0, second) if first else [])
            verify_consistency(first, second, proof, naive_root(0, first), naive_root(0, second))


def test_no_other_index_is_believed():
    for size in range(1, 40):
        for index in range(size):
            proof, root = naive_path(index, 0, size), naive_root(0, size)
            for other in range(-1, size + 2):
                assert included(LEAVES[index], other, size, proof, root) == (other == index)


def test_no_other_sizes_are_believed_for_a_growth():
    for second in range(2, 24):
        for first in range(1, second):
            proof = naive_subproof(first, 0, second)
            roots = naive_root(0, first), naive_root(0, second)
            for one in range(-1, second + 2):
                believed = continued(one, second, proof, *roots)
                assert believed == (one == first)
                if 0 < one <= second and one != first:
                    assert not continued(one, second, proof, naive_root(0, one), roots[1])


@st.composite
def inclusions(draw):
    size = draw(st.integers(1, LARGEST))
    index = draw(st.integers(0, size - 1))
    return LEAVES[index], index, size, naive_path(index, 0, size), naive_root(0, size)


@st.composite
def growths(draw):
    second = draw(st.integers(2, LARGEST))
    first = draw(st.integers(1, second - 1))
    return first, second, naive_subproof(first, 0, second), naive_root(0, first), naive_root(0, second)


@given(inclusions(), st.data())
def test_a_flipped_bit_in_an_inclusion_is_refused(case, data):
    leaf_, index, size, proof, root = case
    bit = data.draw(st.integers(0, 255))
    assert not included(flipped(leaf_, bit), index, size, proof, root)
    assert not included(leaf_, index, size, proof, flipped(root, bit))
    assert not included(leaf_, index ^ (1 << bit % 40), size, proof, root)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
        assert not included(leaf_, index, size, forged, root)
    assert included(leaf_, index, size, proof, root)


@given(inclusions(), st.data())
def test_a_longer_shorter_or_reordered_inclusion_is_refused(case, data):
    leaf_, index, size, proof, root = case
    at = data.draw(st.integers(0, len(proof)))
    assert not included(leaf_, index, size, [*proof[:at], LEAVES[0], *proof[at:]], root)
    assert not included(leaf_, index, size, [*proof, root], root)
    if proof:
        assert not included(leaf_, index, size, proof[:-1], root)
        assert not included(leaf_, index, size, [*proof[:-1], proof[-1][:31]], root)
    if len(proof) > 1:
        assert not included(leaf_, index, size, [*proof[1:], proof[0]], root)


@given(inclusions(), st.integers(0, 2 * LARGEST))
def test_another_size_is_refused_unless_the_way_to_the_root_is_the_same(case, other):
    """A bare proof cannot know the size; a checkpoint signs size and root together."""
    leaf_, index, size, proof, root = case
    assume(other != size)

    def way(of):
        place, last, turns = index, of - 1, []
        while last:
            if place & 1 or place != last:
                turns.append(place & 1)
            place, last = place >> 1, last >> 1
        return turns

    assert included(leaf_, index, other, proof, root) == (index < other and way(other) == way(size))


@given(growths(), st.data())
def test_a_flipped_bit_in_a_growth_is_refused(case, data):
    first, second, proof, early, late = case
    bit, at = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(proof) - 1))
    forged = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
    assert not continued(first, second, forged, early, late)
    assert not continued(first, second, proof, flipped(early, bit), late)
    assert not continued(first, second, proof, early, flipped(late, bit))
    assert not continued(first ^ (1 << bit % 40), second, proof, early, late)
    assert not continued(first, second, proof[:-1], early, late)
    assert not continued(first, second, [*proof, late], early, late)
    assert continued(first, second, proof, early, late)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((LEAVES[0], 1, 1, [], LEAVES[0]), "PROOF_OUT_OF_RANGE"),
        ((LEAVES[0], 0, 0, [], EMPTY_ROOT), "PROOF_OUT_OF_RANGE"),
        ((LEAVES[0], 0, 1, [LEAVES[1]], LEAVES[0]), "PROOF_MALFORMED"),
        ((LEAVES[0], 0, 2, [], LEAVES[0]), "PROOF_MALFORMED"),
        ((LEAVES[0][:31], 0, 1, [], LEAVES[0][:31]), "PROOF_MALFORMED"),
        ((LEAVES[1], 0, 1, [], LEAVES[0]), "INCLUSION_WRONG"),
    ],
)
def test_a_wrong_inclusion_has_its_code(arguments, code):
    with pytest.raises(Fault) as fault:
        verify_inclusion(*arguments)
    assert fault.value.code == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((3, 2, [], LEAVES[0], LEAVES[0]), "PROOF_OUT_OF_RANGE"),
        ((-1, 2, [], LEAVES[0], LEAVES[0]), "PROOF_OUT_OF_RANGE"),
        ((2, 2, [LEAVES[0]], LEAVES[0], LEAVES[0]), "PROOF_MALFORMED"),
        ((2, 2, [], LEAVES[0], LEAVES[1]), "CONSISTENCY_WRONG"),
        ((0, 2, [], LEAVES[0], LEAVES[1]), "CONSISTENCY_WRONG"),
        ((0, 0, [], EMPTY_ROOT, LEAVES[1]), "CONSISTENCY_WRONG"),
        ((3, 4, [], naive_root(0, 3), naive_root(0, 4)), "PROOF_MALFORMED"),
        ((1, 4, naive_subproof(1, 0, 4)[:1], naive_root(0, 1), naive_root(0, 4)), "PROOF_MALFORMED"),
        ((1, 2, [LEAVES[1], LEAVES[1]], naive_root(0, 1), naive_root(0, 2)), "PROOF_MALFORMED"),
        ((1, 2, [LEAVES[2]], naive_root(0, 1), naive_root(0, 2)), "CONSISTENCY_WRONG"),
    ],
)
def test_a_wrong_growth_has_its_code(arguments, code):
    with pytest.raises(Fault) as fault:
        verify_consistency(*arguments)
    assert fault.value.code == code


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_is_made_for_what_is_not_there(index, size):
    with pytest.raises(ValueError, match="is not among"):
        merkle.inclusion(index, size, TREE.nodes)


@pytest.mark.parametrize(("first", "second"), [(-1, 3), (4, 3)])
def test_no_proof_is_made_for_a_shrinking_tree(first, second):
    with pytest.raises(ValueError, match="does not continue"):
        merkle.consistency(first, second, TREE.nodes)


def test_nodes_that_are_not_complete_are_not_given():
    with pytest.raises(LookupError):
        merkle.Tree(LEAVES[:3]).nodes(1, 1, 1)
