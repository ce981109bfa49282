"""Checks evidence of a Liên Thông gateway without the gateway, its database, a network, or trust in who runs it.

One file; it needs Python 3.11 and the package `cryptography`. Read it from the top: each part uses those above it.

    1  Faults       how a check says no
    2  Merkle tree  one entry is in the log; the log only ever grew                      RFC 9162 §2.1
    3  Notes        who signed a text                                                    C2SP signed-note
    4  Checkpoints  what the log was at one moment, and which witnesses saw it           C2SP tlog-checkpoint, -cosignature
    5  Contents     what an entry contained, also where personal data has been taken out

Invariant: every function below returns what it has proven or raises Fault; none answers with a maybe. The codes of all
faults are in FAULTS.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

# --- 1  Faults --------------------------------------------------------------------------------------------------------

FAULTS: Final = {
    # the Merkle tree
    "PROOF_OUT_OF_RANGE": "the proof is for an entry or a size that the tree does not have",
    "PROOF_MALFORMED": "a hash is not 32 bytes, or the proof has too many or too few hashes",
    "INCLUSION_WRONG": "the entry is not the one that the log has at this place",
    "CONSISTENCY_WRONG": "the later tree does not continue the earlier one: history was changed",
}


class Fault(ValueError):
    """Something does not hold. ``code`` is a key of FAULTS; ``found`` says what was seen and what was expected."""

    def __init__(self, code: str, found: str) -> None:
        super().__init__(f"{code}: {FAULTS[code]}; {found}")
        self.code, self.found = code, found


# --- 2  Merkle tree (RFC 9162 §2.1) -------------------------------------------------------------------------------------

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees next to each other (RFC 9162 §2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """``leaf`` is leaf number ``index``, counted from 0, of the tree of ``size`` leaves with ``root`` (RFC 9162
    §2.1.3.2). ``size`` and ``root`` belong together: take both from one signed checkpoint."""
    if not 0 <= index < size:
        raise Fault("PROOF_OUT_OF_RANGE", f"entry {index} of {size}")
    _hashes(leaf, root, *proof)
    place, last, seen = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes are too many for entry {index} of {size}")
        if place & 1 or place == last:
            seen = node_hash(sibling, seen)
            while place and not place & 1:  # the rightmost node has no sibling at these heights
                place, last = place >> 1, last >> 1
        else:
            seen = node_hash(seen, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes are too few for entry {index} of {size}")
    if seen != root:
        raise Fault(
            "INCLUSION_WRONG", f"entry {index} of {size} leads to {seen.hex()}, the root is {root.hex()}"
        )


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """The tree of ``second`` leaves begins with all leaves of the tree of ``first`` (RFC 9162 §2.1.4.2)."""
    if not 0 <= first <= second:
        raise Fault("PROOF_OUT_OF_RANGE", f"from {first} to {second} entries")
    _hashes(first_root, second_root, *proof)
    if first in {0, second}:
        # nothing to prove, but the roots have to be the right ones
        if proof:
            raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes where none is needed")
        if first_root != (second_root if first else EMPTY_ROOT):
            raise Fault("CONSISTENCY_WRONG", f"two roots for {first} entries")
        if second == 0 and second_root != EMPTY_ROOT:
            raise Fault("CONSISTENCY_WRONG", "the empty tree has another root")
        return
    seen = _both_roots(first, second, proof, first_root)
    if seen != (first_root, second_root):
        which = "earlier" if seen[0] != first_root else "later"
        raise Fault(
            "CONSISTENCY_WRONG", f"from {first} to {second} entries: it leads to another {which} root"
        )


def _both_roots(first: int, second: int, proof: Sequence[bytes], first_root: bytes) -> tuple[bytes, bytes]:
    """The roots of both trees to which ``proof`` leads."""
    whole = (
        first & (first - 1) == 0
    )  # the first tree is one complete subtree, which the verifier knows already
    path = [first_root, *proof] if whole else list(proof)
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if not path:
        raise Fault("PROOF_MALFORMED", f"no hashes from {first} to {second} entries")
    early = late = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Fault(
                "PROOF_MALFORMED", f"{len(proof)} hashes are too many from {first} to {second} entries"
            )
        if place & 1 or place == last:
            early, late = node_hash(sibling, early), node_hash(sibling, late)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            late = node_hash(late, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise Fault("PROOF_MALFORMED", f"{len(proof)} hashes are too few from {first} to {second} entries")
    return early, late


def _hashes(*hashes: bytes) -> None:
    for each in hashes:
        if len(each) != HASH_SIZE:
            raise Fault("PROOF_MALFORMED", f"a hash of {len(each)} bytes, expected {HASH_SIZE}")
