"""Bringing archived entries back into the database, and proving them where they are.

Invariant: what comes back is what the archive proves, byte for byte; contents whose key was destroyed come back without
address, headers and content, because nobody can open them any more.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from gateway.domain.errors import ConfigurationError, ConflictError, NotFoundError
from gateway.messagelog.archive_check import check_archive, expected_of, head_in, stored_contents
from gateway.messagelog.archive_file import ArchivedEntry, ArchiveFile
from gateway.messagelog.content import head_parts
from gateway.messagelog.proofs import EntryProof, LogBroken, nodes_of, note_of
from gateway.proof import merkle
from gateway.proof.lienthong_verify import Fault, verify_inclusion
from gateway.storage import archives as rows
from gateway.storage.archives import ENTRY_COLUMNS, ArchiveRow, Returning
from gateway.storage.checkpoints import Connection, covering
from gateway.storage.database import Database
from gateway.storage.instants import to_micros


async def restore(database: Database, path: Path, now: datetime, *, most_blocks: int | None = None) -> int:
    """Bring the entries of the archive at ``path`` back that were pruned, the last ones first; how many. An interrupted
    run is gone on with. ``most_blocks``: no more than so many at a time.

    ArchiveDamaged, NotFoundError (this database has no such archive), ConfigurationError (a master key is missing),
    StorageUnavailable.
    """
    known = await database.read(rows.archives)
    with ArchiveFile(path) as file:
        header = file.header
        row = next((each for each in known if each.number == header.number), None)
        if row is None or row.first_seq != header.first or row.last_seq != header.last:
            raise NotFoundError(f"{path} is no archive of this database; look: lienthong log archives")
        if row.pruned_to is None:
            return 0
        check_archive(path, expected_of(row, known), database)
        places = [(place, block[0].seq) for place, block in file.blocks() if block]
        returning = [place for place, first in reversed(places) if first <= row.pruned_to]
        last, count = row.pruned_to, 0
        for place in returning[:most_blocks]:
            block = [entry for entry in file.block(place) if entry.seq <= last]
            back = _returning(database, row, block, to_micros(now))
            if not await database.write(partial(rows.bring_back, back=back)):
                raise ConflictError(
                    f"somebody else works on archive {row.number} at the same time; try again"
                )
            count += len(block)
            last = block[0].seq - 1
    return count


def _returning(database: Database, row: ArchiveRow, block: Sequence[ArchivedEntry], now: int) -> Returning:
    contents = stored_contents(database, block)
    entries, bodies = [], []
    for entry in block:
        stored = contents[entry.id]
        try:
            head = head_in(entry, stored, database.contents)
        except KeyError as fault:
            raise ConfigurationError(
                f"evidence.keys: the master key {fault.args[0]} is not among the keys; entries cannot come back whole"
            ) from fault
        method, url, headers = head_parts(head)
        values = {
            **{name: getattr(entry, name) for name in ENTRY_COLUMNS},
            "method": None if method == "-" else method,
            "url": None if url == "-" else url,
            "headers": headers,
        }
        entries.append(tuple(values[name] for name in ENTRY_COLUMNS))
        if entry.encoding is not None and entry.body is not None:
            erased = stored.key is not None and stored.wrapped is None
            bodies.append((entry.owner, entry.encoding, b"" if erased else entry.body, entry.key))
    return Returning(
        number=row.number,
        first=block[0].seq,
        last=block[-1].seq,
        archive_first=row.first_seq,
        entries=entries,
        bodies=bodies,
        now=now,
    )


def archived_proof(connection: Connection, seq: int) -> EntryProof:
    """The proof that entry number ``seq``, which may be in an archive alone, is in the log. NotFoundError: no checkpoint
    covers it. LogBroken."""
    row = covering(connection, seq)
    if row is None or seq < 1:
        raise NotFoundError(f"no checkpoint covers entry no. {seq}")
    nodes = nodes_of(connection, row.size)
    try:
        leaf = nodes(0, seq - 1, 1)
        proof = merkle.inclusion(seq - 1, row.size, nodes)
        verify_inclusion(leaf, seq - 1, row.size, proof, row.root)
    except (Fault, LookupError) as fault:
        raise LogBroken(f"entry no. {seq} cannot be proven: {fault}") from fault
    return EntryProof(
        entry="",
        index=seq - 1,
        size=row.size,
        leaf=_coded(leaf),
        proof=[_coded(each) for each in proof],
        checkpoint=note_of(connection, row).decode(),
    )


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()
