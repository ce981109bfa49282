"""A follower's place in the event feed: who follows, and how far everything is done.

Invariants: one worker follows at a time, and what a dead one left is taken over; what follows from a stretch of the feed
and the new place in it are one commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import worker
from gateway.storage.schema_status import follower
from gateway.storage.sql import Statement

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How far the feed has been followed. ``free``: nobody alive but the asker holds it."""

    position: int
    free: bool


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the feed, from ``before`` to ``upto``, that worker ``owner`` has read as the follower ``name``."""

    name: str
    owner: int
    before: int
    upto: int


_CLAIM = Statement("""
    INSERT INTO follower (name, position, lease_owner) VALUES (:name, 0, :owner)
    ON CONFLICT (name) DO UPDATE SET lease_owner = :owner
    WHERE follower.lease_owner IS NULL OR follower.lease_owner = :owner
        OR NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = follower.lease_owner)
    RETURNING position
""")
_ADVANCE = Statement("""
    UPDATE follower SET position = :upto WHERE name = :name AND lease_owner = :owner AND position = :before
""")
_RELEASE = Statement("UPDATE follower SET lease_owner = NULL WHERE name = :name AND lease_owner = :owner")


def place(connection: sa.Connection, name: str, owner: int) -> Place:
    """Where the follower ``name`` stands, as worker ``owner`` sees it."""
    columns = follower.c
    row = connection.execute(
        sa.select(columns.position, columns.lease_owner, worker.c.id.label("alive"))
        .outerjoin(worker, worker.c.id == columns.lease_owner)
        .where(columns.name == name)
    ).one_or_none()
    if row is None:
        return Place(position=0, free=True)
    return Place(position=row.position, free=row.alive is None or row.lease_owner == owner)


def claim(transaction: Transaction, name: str, owner: int) -> int | None:
    """Take the place for worker ``owner``; the position to read on from, None when a living one has it."""
    row = transaction.one(_CLAIM, {"name": name, "owner": owner})
    return None if row is None else int(row[0])


def release(transaction: Transaction, name: str, owner: int) -> None:
    """Give the place back, if it is ``owner``'s."""
    transaction.run(_RELEASE, {"name": name, "owner": owner})


def advance(transaction: Transaction, stretch: Stretch, write: Callable[[Transaction], int]) -> int | None:
    """Move on and ``write`` what follows; what that returns. None, and nothing changed, when the place is somebody
    else's by now."""
    if not transaction.run(_ADVANCE, msgspec.structs.asdict(stretch)):
        return None
    return write(transaction)
