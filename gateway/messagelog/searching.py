"""Looking for a dossier's entries in archives: one block in memory at a time, in the order of the log.

Invariant: an archive is read as it lies on disk and nothing is brought back; a partner's call that was logged before
anybody knew its dossier is found by its answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.messagelog.archive_check import head_in, stored_contents
from gateway.messagelog.archive_file import ArchivedEntry, ArchiveFile
from gateway.messagelog.content import Missing, Redacted, Unreadable, head_parts, read
from gateway.storage.archives import ArchiveRow
from gateway.storage.database import Database
from gateway.storage.instants import from_micros
from gateway.storage.log import StoredBody

REMEMBERED = 4_000  # calls that nobody has said yet what they are about


class ArchiveSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for. ``contents``: headers and bodies, too, as far as their keys are here; ``folder``: where the
    archives are now, when that is not where they were made."""

    dossier: str
    contents: bool = False
    folder: Path | None = None


class ArchiveHit(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in archive ``archive``. ``missing``: why its content is not shown, when it was asked for."""

    archive: int
    seq: int
    entry: str
    at: datetime
    direction: str
    kind: str
    channel: str
    operation: str
    dossier: str | None
    status: int | None
    outcome: str | None
    code: str | None
    body_size: int
    leaf: str
    method: str | None = None
    url: str | None = None
    headers: list[tuple[str, str]] | None = None
    body: str | None = None
    missing: Missing | None = None


_Held = tuple[ArchivedEntry, StoredBody]


def search_archives(
    database: Database, archives: Sequence[ArchiveRow], wanted: ArchiveSearch
) -> Iterator[ArchiveHit]:
    """The entries that fit, as they are found. Reads on the calling thread. Raises ArchiveDamaged, StorageUnavailable."""
    calls: OrderedDict[int, tuple[int, _Held]] = OrderedDict()
    for row in archives:
        with ArchiveFile((wanted.folder or Path(row.folder)) / row.name) as file:
            for _, block in file.blocks():
                contents = stored_contents(database, block) if wanted.contents else {}
                for entry in block:
                    held = (entry, contents.get(entry.id) or StoredBody(owner=entry.owner))
                    if entry.dossier_code is None and entry.kind == "request":
                        calls[entry.id] = (row.number, held)
                        if len(calls) > REMEMBERED:
                            calls.popitem(last=False)
                    if entry.dossier_code != wanted.dossier:
                        continue
                    call = calls.pop(entry.request_id or 0, None)
                    if call is not None:
                        yield _hit(database, *call, wanted)
                    yield _hit(database, row.number, held, wanted)


def _hit(database: Database, archive: int, held: _Held, wanted: ArchiveSearch) -> ArchiveHit:
    entry, stored = held
    hit = ArchiveHit(
        archive=archive,
        seq=entry.seq,
        entry=str(entry.id),
        at=from_micros(entry.at),
        direction=entry.direction,
        kind=entry.kind,
        channel=entry.channel,
        operation=entry.operation,
        dossier=entry.dossier_code,
        status=entry.status,
        outcome=entry.outcome,
        code=entry.code,
        body_size=entry.body_size,
        leaf=entry.leaf.hex(),
    )
    return _opened(database, entry, stored, hit) if wanted.contents else hit


def _opened(database: Database, entry: ArchivedEntry, stored: StoredBody, hit: ArchiveHit) -> ArchiveHit:
    content = read(stored, entry.body_size, database.contents)
    if isinstance(content, Unreadable):
        return msgspec.structs.replace(hit, missing=content.why)
    try:
        head = content.head if isinstance(content, Redacted) else head_in(entry, stored, database.contents)
    except ValueError:
        return msgspec.structs.replace(hit, missing=Missing.DAMAGED)
    method, url, headers = head_parts(head)
    return msgspec.structs.replace(
        hit,
        method=None if method == "-" else method,
        url=None if url == "-" else url,
        headers=msgspec.json.decode(headers, type=list[tuple[str, str]]),
        body=content.body.decode("utf-8", "replace"),
    )
