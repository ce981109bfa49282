"""Proofs out of the database: that an entry is in the log, and that the log only ever grew (RFC 9162 §2.1).

Tiles are read where they are full, leaves at the right edge. Invariant: a proof that is handed out was checked against
the checkpoint that it is for; what does not prove is reported as what it is, a log that is not what was signed.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.proof import merkle
from gateway.proof.lienthong_verify import HASH_SIZE, Fault, verify_consistency, verify_inclusion
from gateway.proof.merkle import Edge, Nodes, TileNodes
from gateway.proof.note import with_signatures
from gateway.storage.checkpoints import (
    TILE_WIDTH,
    CheckpointRow,
    Connection,
    Cosignature,
    checkpoint_of_size,
    cosignatures,
    covering,
    leaf_hashes,
    sequence_of,
    tile,
)


class LogBroken(ConflictError):
    """The message log is not the one that was signed; run `lienthong log verify`, and ask who had the database."""


class EntryProof(msgspec.Struct, frozen=True, kw_only=True):
    """An entry is in the log. ``leaf`` and ``proof`` in Base64, the nearest sibling first; ``index`` counts from 0;
    ``checkpoint``: the signed note whose root the proof leads to."""

    entry: str
    index: int
    size: int
    leaf: str
    proof: list[str]
    checkpoint: str


class ConsistencyProof(msgspec.Struct, frozen=True, kw_only=True):
    """The log of ``second`` entries continues the one of ``first``. ``proof`` in Base64; ``checkpoints``: the signed notes
    of both sizes, null for a size that no checkpoint has."""

    first: int
    second: int
    proof: list[str]
    checkpoints: tuple[str | None, str | None]


def nodes_of(connection: Connection, size: int) -> Nodes:
    """The nodes of the tree of the first ``size`` entries; they are read while ``connection`` is open."""
    return TileNodes(size, partial(_tile, connection)).nodes


def root_of(connection: Connection, size: int) -> bytes:
    """The root of the first ``size`` entries, as the tables have them."""
    return merkle.root(size, nodes_of(connection, size))


def edge_at(connection: Connection, size: int) -> Edge:
    """The right edge of the tree of the first ``size`` entries, to be grown on; shorter when entries are missing at its
    end. LookupError when a tile is missing."""
    full = size - size % TILE_WIDTH
    edge = Edge.resume(full, partial(_tile, connection))
    hashes = leaf_hashes(connection, full, size - full)
    edge.extend(hashes[at : at + HASH_SIZE] for at in range(0, len(hashes), HASH_SIZE))
    return edge


def noted(row: CheckpointRow, given: Sequence[Cosignature]) -> bytes:
    """The note of a checkpoint with the cosignatures that it got."""
    note = row.note.encode()
    return with_signatures(note, "".join(each.line for each in given)) if given else note


def note_of(connection: Connection, row: CheckpointRow) -> bytes:
    """The same, read from the tables."""
    return noted(row, cosignatures(connection, [row.number]).get(row.number, ()))


def entry_proof(connection: Connection, entry: int, size: int | None = None) -> EntryProof:
    """The proof that log entry ``entry`` is in the log: in the checkpoint of ``size`` entries, or else in the one that
    says most of when. NotFoundError, ConflictError (no checkpoint covers it yet), LogBroken."""
    seq = sequence_of(connection, entry)
    if seq is None:
        raise NotFoundError(f"there is no log entry {entry}")
    row = (covering(connection, seq) if seq else None) if size is None else _of_size(connection, size)
    if row is None or not 0 < seq <= row.size:
        raise ConflictError(f"log entry {entry} is in no such checkpoint yet; ask again in a moment")
    index, nodes = seq - 1, nodes_of(connection, row.size)
    try:
        leaf = leaf_hashes(connection, index, 1) or nodes(0, index, 1)  # the entry itself may be archived
        proof = merkle.inclusion(index, row.size, nodes)
        verify_inclusion(leaf, index, row.size, proof, row.root)
    except (Fault, LookupError) as fault:
        raise LogBroken(f"log entry {entry} (no. {seq}) cannot be proven: {fault}") from fault
    return EntryProof(
        entry=str(entry),
        index=index,
        size=row.size,
        leaf=_coded(leaf),
        proof=[_coded(each) for each in proof],
        checkpoint=note_of(connection, row).decode(),
    )


def consistency_proof(connection: Connection, first: int, second: int) -> ConsistencyProof:
    """The proof that the log of ``second`` entries continues that of ``first``. NotFoundError for a second size that no
    checkpoint has; ConflictError for sizes the wrong way round; LogBroken."""
    if not 0 <= first <= second:
        raise ConflictError(f"a log of {second} entries does not continue one of {first}")
    later, earlier = _of_size(connection, second), checkpoint_of_size(connection, first)
    try:
        nodes = nodes_of(connection, second)
        proof = merkle.consistency(first, second, nodes)
        root = merkle.root(first, nodes) if earlier is None else earlier.root
        verify_consistency(first, second, proof, root, later.root)
    except (Fault, LookupError) as fault:
        raise LogBroken(f"from {first} to {second} entries: {fault}") from fault
    return ConsistencyProof(
        first=first,
        second=second,
        proof=[_coded(each) for each in proof],
        checkpoints=(
            None if earlier is None else note_of(connection, earlier).decode(),
            note_of(connection, later).decode(),
        ),
    )


def _of_size(connection: Connection, size: int) -> CheckpointRow:
    row = checkpoint_of_size(connection, size)
    if row is None:
        raise NotFoundError(
            f"no checkpoint has {size} entries; see which there are: lienthong log checkpoints"
        )
    return row


def _tile(connection: Connection, level: int, index: int, width: int) -> bytes | None:
    hashes = tile(connection, level, index) if width == TILE_WIDTH else None
    if hashes is None and level == 0:
        hashes = leaf_hashes(connection, index * TILE_WIDTH, width)
    return hashes


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()
