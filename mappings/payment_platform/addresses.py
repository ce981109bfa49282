"""Which addresses a partner may send us, or a payer, to (payment_platform §5.3, §5.7; §13, pitfall 17).

Invariant: an address is permitted by its exact host on a list (``gateway.mapping.hosts``).
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.mapping.hosts import LONGEST, is_inside, permitted

__all__ = ["LONGEST", "is_inside", "permitted", "rewritten"]


def rewritten(url: str, prefixes: Mapping[str, str]) -> str:
    """``url`` with the longest configured prefix replaced: how internal hosts are reached from here (§5.7)."""
    for prefix in sorted(prefixes, key=len, reverse=True):
        if url.startswith(prefix):
            return prefixes[prefix] + url[len(prefix) :]
    return url
