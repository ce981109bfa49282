"""The place in a partner's feed.

Invariant: the cursor moves in the transaction that brings forward what the page names, and only from where it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from gateway.storage.progress import hasten
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A page that was read, from ``before`` to ``cursor``; ``lanes`` are asked about at once."""

    destination: str
    before: str
    cursor: str
    now: int
    next_at: int
    lanes: Sequence[int] = ()


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """The feed could not be read."""

    destination: str
    next_at: int
    failure: str


_OPEN = Statement("""
    INSERT INTO progress_feed (destination, cursor, next_at) VALUES (:destination, '', 0)
    ON CONFLICT (destination) DO NOTHING
""")
_MOVE = Statement("""
    UPDATE progress_feed SET cursor = :cursor, read_at = :now, next_at = :next_at, failures = 0, failure = NULL
    WHERE destination = :destination AND cursor = :before
""")
_FAIL = Statement("""
    UPDATE progress_feed SET next_at = :next_at, failures = failures + 1, failure = :failure
    WHERE destination = :destination
""")


def move(transaction: Transaction, item: Moved) -> bool:
    """Move on; False, and nothing changed, when somebody else has moved."""
    transaction.run(_OPEN, {"destination": item.destination})
    place = {name: getattr(item, name) for name in ("destination", "before", "cursor", "now", "next_at")}
    if not transaction.run(_MOVE, place):
        return False
    hasten(transaction, item.lanes, item.now)
    return True


def fail(transaction: Transaction, item: Stuck) -> None:
    """Write down that it could not be read, and when to try again."""
    transaction.run(_OPEN, {"destination": item.destination})
    named = {"destination": item.destination, "next_at": item.next_at, "failure": item.failure[:500]}
    transaction.run(_FAIL, named)
