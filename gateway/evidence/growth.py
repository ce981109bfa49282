"""The log's Merkle tree in the memory of the one process that makes checkpoints, grown by what was sealed.

Invariant: a tree is grown only from the newest checkpoint's own root; a log that does not lead there any more was
changed, and nothing is ever signed of it.
"""

from __future__ import annotations

from functools import partial

from gateway.domain.errors import GatewayError
from gateway.messagelog.proofs import edge_at
from gateway.proof.lienthong_verify import HASH_SIZE
from gateway.proof.merkle import Edge
from gateway.storage.checkpoints import CheckpointRow, add_tiles, leaves, newest_checkpoint
from gateway.storage.database import Database

AT_ONCE = 2_000  # 4 ms of hashing; deliveries wait for no more than that


class HistoryChanged(GatewayError):
    """The message log is not the one that was signed before; run `lienthong log verify`, and ask who had the database."""


class Growth:
    """The tree, and what has come since ``newest``, the newest checkpoint. ``fresh``: entries that did not come of proving
    alone."""

    def __init__(self, database: Database, newest: CheckpointRow | None, edge: Edge) -> None:
        self._database = database
        self.newest = newest
        self.edge = edge
        self.fresh = 0

    @classmethod
    async def resume(cls, database: Database) -> Growth:
        """The tree at the newest checkpoint. Raises HistoryChanged, StorageUnavailable."""
        newest = await database.read(newest_checkpoint)
        size = 0 if newest is None else newest.size
        try:
            edge = await database.read(partial(edge_at, size=size))
        except LookupError as fault:
            raise HistoryChanged(f"the tree of {size} entries: {fault}") from fault
        if newest is not None and (edge.size, edge.root()) != (newest.size, newest.root):
            raise HistoryChanged(
                f"the first {edge.size} entries give the root {edge.root().hex()}, checkpoint {newest.number} of "
                f"{newest.size} entries has signed {newest.root.hex()}"
            )
        return cls(database, newest, edge)

    async def grow(self) -> bool:
        """Take in what was sealed since, up to ``AT_ONCE`` entries; whether there may be more. Tiles are durable on
        return. Raises HistoryChanged, StorageUnavailable."""
        after = self.edge.size
        found = await self._database.read(partial(leaves, after=after, limit=AT_ONCE))
        if not found:
            return False
        for place, (seq, leaf) in enumerate(((each.seq, each.hash) for each in found), start=after + 1):
            if seq != place or len(leaf) != HASH_SIZE:
                raise HistoryChanged(f"entry no. {place} is missing, or has no leaf hash")
            self.edge.append(leaf)
        self.fresh += sum(not leaf.own for leaf in found)
        tiles = [(each.level, each.index, each.hashes) for each in self.edge.take()]
        if tiles:
            await self._database.write(partial(add_tiles, tiles=tiles))
        return len(found) == AT_ONCE

    def signed(self, newest: CheckpointRow) -> None:
        """``newest`` covers everything that was taken in."""
        self.newest, self.fresh = newest, 0
