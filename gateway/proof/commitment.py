"""Committing to a message so that every personal value in it can be taken out later and the rest still proves.

The content of a message is cut: personal values on one side, the frame around them on the other. Each part is hashed
with a salt of its own, and the root is a hash of those hashes. Whoever gets a part with its salt can check it; whoever
gets only its hash learns nothing, not even by guessing. Checking is in ``lienthong_verify``.
Invariant: the same content, cuts and seed give the same root.

    salts          SHAKE-256(seed), 16 bytes each, the frame's first
    frame          SHA-256(0x10 || salt || JSON [[start,length,label],…] || LF || content without the values)
    value          SHA-256(0x11 || salt || label || 0x00 || value)
    root           SHA-256(0x12 || frame || value || …)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from gateway.proof.lienthong_verify import SALT_BYTES, Cut, Part, content_root

SEED_BYTES = 32
Place: TypeAlias = tuple[int, int, str]
"""Start, length and label of a cut: a ``Cut``, or a bare tuple."""


class Parts(NamedTuple):
    """A content taken apart: the frame and, for each cut, the value."""

    frame: Part
    values: tuple[Part, ...]


def taken_apart(content: bytes, cuts: Sequence[Cut], seed: bytes) -> Parts:
    """The parts of ``content``, with their salts."""
    salts = hashlib.shake_256(seed).digest(SALT_BYTES * (1 + len(cuts)))
    pieces, values, end = [], [], 0
    for number, (start, length, _) in enumerate(cuts, start=1):
        pieces.append(content[end:start])
        end = start + length
        values.append(Part(salts[SALT_BYTES * number : SALT_BYTES * (number + 1)], content[start:end]))
    pieces.append(content[end:])
    return Parts(Part(salts[:SALT_BYTES], b"".join(pieces)), tuple(values))


def put_together(frame: bytes, cuts: Sequence[Cut], values: Sequence[bytes]) -> bytes:
    """The content that ``taken_apart`` took apart, or one with other ``values`` in their places."""
    pieces: list[bytes] = []
    taken = end = 0
    for (start, length, _), value in zip(cuts, values, strict=True):
        begin = start - end + taken
        pieces += (frame[taken:begin], value)
        taken, end = begin, start + length
    return b"".join((*pieces, frame[taken:]))


def committed(content: bytes, cuts: Sequence[Place], seed: bytes) -> bytes:
    """The root of ``content``: what follows from its parts, in one pass, because every message waits for it."""
    salts = hashlib.shake_256(seed).digest(SALT_BYTES * (1 + len(cuts)))
    # labels are names of fields, so that JSON has nothing to escape in them
    pieces = [b"\x10", salts[:SALT_BYTES], msgspec.json.encode(cuts), b"\n"]
    values: list[bytes] = []
    end, at = 0, SALT_BYTES
    for start, length, label in cuts:
        pieces.append(content[end:start])
        end, salt = start + length, salts[at : at + SALT_BYTES]
        value = b"".join((b"\x11", salt, label.encode(), b"\x00", content[start:end]))
        values.append(hashlib.sha256(value).digest())
        at += SALT_BYTES
    pieces.append(content[end:])
    return content_root(hashlib.sha256(b"".join(pieces)).digest(), values)
