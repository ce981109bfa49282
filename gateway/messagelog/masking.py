"""Personal data as it is shown to whoever has no right, or gives no reason, to see it: one mask, made in one place.

What is masked is what an entry's commitment has cut out, and the parameters of an address in a list. Invariant: the mask
tells nothing of the value, not even its length; what is JSON or XML stays so.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.proof.lienthong_verify import Cut
from gateway.storage.queries_messages import MASK

__all__ = ["MASK", "masked"]


def masked(content: bytes, cuts: Sequence[Cut]) -> bytes:
    """``content`` with the mask in place of what ``cuts`` (in order) names."""
    pieces: list[bytes] = []
    position = 0
    for cut in cuts:
        bare = content[:1] in b"{[" and content[cut.start - 1 : cut.start] != b'"'
        pieces += (content[position : cut.start], f'"{MASK}"'.encode() if bare else MASK.encode())
        position = cut.start + cut.length
    return b"".join((*pieces, content[position:]))
