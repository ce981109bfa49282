"""Putting old entries of the message log into archives, and then taking them out of the database.

    look for what is due ▶ contents of calls under the key of the dossier they turned out to be about ▶ write the file under
    another name, rename it ▶ its row ▶ read it back from disk and check all of it ▶ verified ▶ and only then: prune

Every arrow may be where the process is killed: the next run goes on from what is durable. Invariant: nothing leaves the
database that was not read back from a file that proves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import msgspec
import structlog

from gateway.domain.errors import ConfigurationError, ConflictError
from gateway.messagelog.archive_check import ArchiveCheck, check_archive, expected_of, is_blank
from gateway.messagelog.archive_file import (
    BLOCK_ENTRIES,
    FORMAT,
    ArchiveDamaged,
    ArchivedEntry,
    ArchiveHeader,
    beside,
    coded,
    write_archive,
)
from gateway.messagelog.content import head_of
from gateway.messagelog.proofs import nodes_of
from gateway.messagelog.rehoming import rehome
from gateway.storage import archives as rows
from gateway.storage.archives import ArchiveRow, Span
from gateway.storage.checkpoints import CheckpointRow, Connection, newest_checkpoint
from gateway.storage.contents import Contents
from gateway.storage.database import Database
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.log import SealedRow

log = structlog.get_logger(__name__)
VIETNAM = timezone(timedelta(hours=7))
MOST_ENTRIES = 1_000_000
PRUNED_AT_ONCE = 2_048
_NAME = "log-{number:06d}-{first}-{last}.archive"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is. ``phase``: prepare, write, verify or prune; ``done`` of ``total`` entries."""

    phase: str
    archive: int
    done: int
    total: int


Tell = Callable[[Step], Awaitable[None]]


class Archiving(msgspec.Struct, frozen=True, kw_only=True):
    """Where archives go. ``in_clear``: contents that no key encrypts may stand in them as they are."""

    database: Database
    folder: Path
    clock: Callable[[], datetime]
    tell: Tell
    in_clear: bool = False
    most: int = MOST_ENTRIES


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that would be the next archive."""

    number: int
    span: Span


async def quiet(_: Step) -> None:
    """Tells nobody."""


def due_archives(database: Database, before: datetime, *, most: int = MOST_ENTRIES) -> list[Due]:
    """What would be archived of what was written before ``before``: a file for each month in Vietnam, several where one has
    more than ``most`` entries; nothing that no checkpoint covers. Reads on the calling thread."""
    known = database.ask(rows.archives)
    following, number = (known[-1].last_seq + 1, known[-1].number + 1) if known else (1, 1)
    found = []
    while (due := _next(database, following, to_micros(before), most)) is not None:
        found.append(Due(number=number, span=due))
        following, number = due.last + 1, number + 1
    return found


def _next(database: Database, first: int, before: int, most: int) -> Span | None:
    newest = database.ask(newest_checkpoint)
    begun = database.ask(partial(rows.instant_of, seq=first))
    if newest is None or begun is None or begun >= before:
        return None
    upto = min(before, to_micros(month_after(from_micros(begun))))
    question = partial(rows.span_from, first=first, before=upto, most=most, limit=newest.size)
    return database.ask(question)


def month_after(instant: datetime) -> datetime:
    """The beginning of the month in Vietnam after that of ``instant``."""
    local = instant.astimezone(VIETNAM)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    return datetime(year, month, 1, tzinfo=VIETNAM)


async def archive(order: Archiving, before: datetime) -> list[ArchiveRow]:
    """Archive everything that was written before ``before`` and is not archived yet; the new archives, verified.

    First finishes what an interrupted run has left. Raises ConflictError, ConfigurationError, ArchiveDamaged,
    StorageUnavailable.
    """
    left = [row for row in await order.database.read(rows.archives) if row.verified_at is None]
    finished = [await _finished(order, row) for row in left]
    due = await asyncio.to_thread(due_archives, order.database, before, most=order.most)
    return [*finished, *[await _made(order, each) for each in due]]


async def _finished(order: Archiving, row: ArchiveRow) -> ArchiveRow:
    """Verify what was written, or write it again: its entries are all still there."""
    try:
        return await verified(order, row, Path(row.folder))
    except ArchiveDamaged as fault:
        log.warning("archive_is_written_again", archive=row.number, fault=fault.code)
    span = Span(first=row.first_seq, last=row.last_seq, first_at=row.first_at, last_at=row.last_at)
    return await _made(order, Due(number=row.number, span=span))


async def _made(order: Archiving, due: Due) -> ArchiveRow:
    database, span = order.database, due.span
    total = span.last - span.first + 1
    await order.tell(Step(phase="prepare", archive=due.number, done=0, total=total))
    await rehome(database, span)
    await _require_encrypted(order, span)
    checkpoint = await database.read(partial(rows.covered_by, seq=span.last))
    if checkpoint is None:
        raise ConflictError(f"no checkpoint covers entry {span.last} yet; try again in a moment")
    header = await database.read(partial(_header, due=due, checkpoint=checkpoint))
    path = order.folder.absolute() / _NAME.format(number=due.number, first=span.first, last=span.last)
    await order.tell(Step(phase="write", archive=due.number, done=0, total=total))
    digest = await asyncio.to_thread(write_archive, path, header, _blocks(database, span))
    row = ArchiveRow(
        number=due.number,
        name=path.name,
        folder=str(path.parent),
        digest=digest,
        first_seq=span.first,
        last_seq=span.last,
        first_at=span.first_at,
        last_at=span.last_at,
        size=checkpoint.size,
        root=checkpoint.root,
        checkpoint=checkpoint.number,
        bytes=path.stat().st_size,
        made_at=to_micros(order.clock()),
    )
    if not await database.write(partial(rows.add_archive, row=row)):
        raise ConflictError("somebody else archives at the same time; look: lienthong log archives")
    return await verified(order, row, path.parent)


async def verified(order: Archiving, row: ArchiveRow, folder: Path) -> ArchiveRow:
    """Read archive ``row`` back from ``folder`` and note that it is sound. Raises ArchiveDamaged."""
    total = row.last_seq - row.first_seq + 1
    await order.tell(Step(phase="verify", archive=row.number, done=0, total=total))
    expected = expected_of(row, await order.database.read(rows.archives))
    check: ArchiveCheck = await asyncio.to_thread(check_archive, folder / row.name, expected, order.database)
    now = to_micros(order.clock())
    await order.database.write(partial(rows.mark_verified, row=row, folder=str(folder), now=now))
    await order.tell(Step(phase="verify", archive=row.number, done=check.entries, total=total))
    log.info("archive_was_verified", archive=row.number, entries=check.entries, bytes=check.bytes)
    return msgspec.structs.replace(row, verified_at=now, folder=str(folder))


async def _require_encrypted(order: Archiving, span: Span) -> None:
    question = partial(rows.clear_contents, first=span.first, last=span.last)
    if not order.in_clear and (count := await order.database.read(question)):
        raise ConflictError(
            f"{count} contents of entries {span.first} to {span.last} are not encrypted, and no erasure would reach them "
            "in an archive; first: lienthong log encrypt, or give --in-clear"
        )


def _header(connection: Connection, due: Due, checkpoint: CheckpointRow) -> ArchiveHeader:
    span = due.span
    left, right = beside(span.first, span.last, checkpoint.size, nodes_of(connection, checkpoint.size))
    known = [row for row in rows.archives(connection) if row.number == due.number - 1]
    return ArchiveHeader(
        format=FORMAT,
        number=due.number,
        previous=known[0].digest.hex() if known else "",
        first=span.first,
        last=span.last,
        first_at=span.first_at,
        last_at=span.last_at,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        checkpoint=checkpoint.number,
        note=checkpoint.note,
        token=coded(checkpoint.token),
        left=left,
        right=right,
    )


def _blocks(database: Database, span: Span) -> Iterator[list[ArchivedEntry]]:
    following = span.first
    while following <= span.last:
        limit = min(BLOCK_ENTRIES, span.last - following + 1)
        found = database.ask(partial(rows.entries, first=following, limit=limit))
        if [row.seq for row in found] != list(range(following, following + limit)):
            raise ConflictError(f"entries are missing after {following - 1}; run lienthong log verify")
        yield [_entry(row, database.contents) for row in found]
        following += limit


def _entry(row: SealedRow, keys: Contents | None) -> ArchivedEntry:
    """An entry as it is archived. Address and headers of form 2 live and die with the content."""
    stored, own = row.stored, row.stored.owner == row.id
    method, url, headers, head = row.method, row.url, row.headers, None
    if row.form != 1 and stored.encoding in {None, "encrypted"}:
        if stored.wrapped is not None and not is_blank(method, url, headers):
            head = _sealed_head(row, keys)
        method, url, headers = None, None, "[]"
    named = {name: getattr(row, name) for name in _SAME}
    return ArchivedEntry(
        **named,
        method=method,
        url=url,
        headers=headers,
        owner=stored.owner,
        encoding=stored.encoding if own else None,
        body=stored.body if own else None,
        key=stored.key,
        head=head,
    )


_SAME = tuple(
    name
    for name in ArchivedEntry.__struct_fields__
    if name not in {"method", "url", "headers", "owner", "encoding", "body", "key", "head"}
)


def _sealed_head(row: SealedRow, keys: Contents | None) -> bytes:
    if keys is None:
        raise ConfigurationError(
            "evidence.keys: an archive needs the keys of the contents; name their folder"
        )
    try:
        return keys.opened(row.stored).encrypt_head(row.id, head_of(row.method, row.url, row.headers))
    except KeyError as fault:
        raise ConfigurationError(
            f"evidence.keys: master key {fault.args[0]} is not among the keys"
        ) from fault


async def prune(order: Archiving, *, restored: bool = False, most: int | None = None) -> int:
    """Take archived entries out of the database, at most ``most``; how many. Each archive is read back once more before its
    first entry goes. ``restored``: those, too, that were brought back.

    Raises ArchiveDamaged, and nothing of that archive goes; StorageUnavailable.
    """
    gone = 0
    for row in await order.database.read(rows.archives):
        if row.verified_at is None:
            break
        if row.restored_at is not None and not restored:
            continue
        gone += await _pruned(order, row, None if most is None else most - gone)
    return gone


async def _pruned(order: Archiving, row: ArchiveRow, most: int | None) -> int:
    database = order.database
    first = (row.pruned_to or row.first_seq - 1) + 1
    last = await database.read(partial(rows.prunable, first=first, last=row.last_seq))
    if most is not None:
        last = min(last, first + most - 1)
    if last < first:
        return 0
    await verified(order, row, Path(row.folder))
    done = first - 1
    while done < last:
        upto = min(done + PRUNED_AT_ONCE, last)
        if not await database.write(partial(rows.prune, row=row, first=done + 1, last=upto)):
            raise ConflictError(f"somebody else prunes archive {row.number} at the same time; try again")
        done = upto
        total = row.last_seq - row.first_seq + 1
        await order.tell(Step(phase="prune", archive=row.number, done=done - row.first_seq + 1, total=total))
    return last - first + 1
