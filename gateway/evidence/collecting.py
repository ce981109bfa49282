"""Reading what an evidence bundle of one dossier is made of, from one state of the database.

Invariant: what is collected proves: every entry is under the one checkpoint that goes with it, or nothing is collected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import msgspec

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.messagelog.proofs import LogBroken, nodes_of, note_of
from gateway.proof import merkle
from gateway.proof.lienthong_verify import Fault, verify_inclusion
from gateway.storage.checkpoints import CheckpointRow, Connection, covering
from gateway.storage.log import SealedRow
from gateway.storage.queries_evidence import entries_of, shared_among
from gateway.storage.queries_reports import one_state
from gateway.storage.queries_standings import periods
from gateway.storage.queries_timeline import MessageEntry, ReceivedVersion, StoredEntry, timeline

MOST_STEPS = 100_000
Told: TypeAlias = dict[str, Any]
Explain: TypeAlias = Callable[[Connection], Told | None]
"""Why the dossier is early, on time or late (``gateway.statussync.explain``), as JSON; None: nothing is known of that."""


class NotYetProven(ConflictError):
    """No checkpoint covers all of it yet; a running gateway makes one in a moment: ask again then."""


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about ``dossier`` as of ``as_of``. ``note``: the checkpoint with its cosignatures; ``proofs`` by entry;
    ``shared``: entries that are about other dossiers, too."""

    dossier: str
    as_of: datetime
    rows: list[SealedRow]
    shared: frozenset[int]
    checkpoint: CheckpointRow
    note: bytes
    proofs: Mapping[int, list[bytes]]
    story: list[Told]
    deadlines: Told | None
    standings: list[Told]


def collect(connection: Connection, *, dossier: str, as_of: datetime, explain: Explain) -> Collected:
    """What there is about ``dossier``. NotFoundError: nothing is. NotYetProven: no checkpoint covers all of it yet.
    LogBroken: the log is not the one that was signed."""
    with one_state(connection):
        rows = entries_of(connection, dossier)
        if not rows:
            raise NotFoundError(f"the message log has no entry about dossier {dossier}")
        unsealed = sum(not row.seq for row in rows)
        checkpoint = None if unsealed else covering(connection, rows[-1].seq)
        if checkpoint is None:
            raise NotYetProven(
                f"dossier {dossier}: some of its {len(rows)} entries are in no checkpoint yet; a running gateway makes one "
                "in a moment: ask again then"
            )
        return Collected(
            dossier=dossier,
            as_of=as_of,
            rows=rows,
            shared=shared_among(connection, rows),
            checkpoint=checkpoint,
            note=note_of(connection, checkpoint),
            proofs=_proofs(connection, checkpoint, rows),
            story=[_step(entry) for entry in timeline(connection, dossier, None, MOST_STEPS)],
            deadlines=explain(connection),
            standings=[msgspec.structs.asdict(row) for row in periods(connection, dossier)],
        )


def _proofs(
    connection: Connection, checkpoint: CheckpointRow, rows: list[SealedRow]
) -> dict[int, list[bytes]]:
    nodes = cache(nodes_of(connection, checkpoint.size))  # neighbours share most of their proofs
    found: dict[int, list[bytes]] = {}
    for row in rows:
        try:
            proof = list(merkle.inclusion(row.seq - 1, checkpoint.size, nodes))
            verify_inclusion(row.leaf, row.seq - 1, checkpoint.size, proof, checkpoint.root)
        except (Fault, LookupError) as fault:
            raise LogBroken(f"log entry {row.id} (no. {row.seq}) cannot be proven: {fault}") from fault
        found[row.id] = proof
    return found


def _step(entry: StoredEntry) -> Told:
    """A step of the story as JSON. Of an entry of the log only which it is: what it says stands with the entries, where it
    can be taken out."""
    if isinstance(entry, ReceivedVersion):
        return {"kind": "version", "id": entry.id, "at": msgspec.to_builtins(entry.at)}
    if isinstance(entry, MessageEntry):
        return {"kind": "message", "id": entry.id, "at": msgspec.to_builtins(entry.at)}
    told: Told = msgspec.to_builtins(entry)
    return told
