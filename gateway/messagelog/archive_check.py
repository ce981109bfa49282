"""Checking an archive from disk: its bytes, its place in the chain, every leaf, the root, the signature, the contents.

Invariant: an archive that passes holds exactly the entries that the log's key has signed; the first thing that is wrong is
named with its code and, where there is one, the entry's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from gateway.domain.errors import ConfigurationError
from gateway.messagelog.archive_file import ArchiveDamaged, ArchivedEntry, ArchiveFile, SpanRoot
from gateway.messagelog.content import BLANK_HEAD, Missing, Unreadable, head_of, read
from gateway.messagelog.entry import FORMS, leaf_of
from gateway.proof.lienthong_verify import Checkpoint, Fault, Key, read_key, verify_checkpoint
from gateway.storage.archives import ArchiveRow, key_rows
from gateway.storage.checkpoints import log_keys
from gateway.storage.contents import Contents
from gateway.storage.database import Database
from gateway.storage.log import StoredBody


class ArchiveCheck(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that is sound. ``contents``: how many were opened and are what was logged; ``unopened``: erased, or
    without their key here, so that only their header was checked."""

    number: int
    first: int
    last: int
    digest: str
    bytes: int
    entries: int
    contents: int
    unopened: int


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an archive from elsewhere. ``digest`` in hex: of the file; ``previous``: of the one before, None
    for unknown."""

    digest: str | None = None
    previous: str | None = None


def expected_of(row: ArchiveRow, rows: Sequence[ArchiveRow]) -> Expected:
    """What the database knows of archive ``row``."""
    before = next((each.digest.hex() for each in rows if each.number == row.number - 1), None)
    return Expected(digest=row.digest.hex(), previous="" if row.number == 1 else before)


def check_archive(path: Path, expected: Expected, database: Database) -> ArchiveCheck:
    """Check the archive at ``path`` against the keys of ``database``; contents are opened where it has their keys. Reads on
    the calling thread. Raises ArchiveDamaged, StorageUnavailable."""
    keys = [read_key(row.key) for row in database.ask(log_keys)]
    with ArchiveFile(path) as file:
        digest = file.digest().hex()
        if expected.digest not in {None, digest}:
            raise ArchiveDamaged("ARCHIVE_DIGEST", f"{path} has SHA-256 {digest}, known is {expected.digest}")
        if expected.previous not in {None, file.header.previous}:
            raise ArchiveDamaged(
                "ARCHIVE_CHAIN",
                f"{path} follows {file.header.previous or 'none'}, expected {expected.previous}",
            )
        _signed(file, keys)
        entries, opened, unopened = _walked(file, database)
        return ArchiveCheck(
            number=file.header.number,
            first=file.header.first,
            last=file.header.last,
            digest=digest,
            bytes=path.stat().st_size,
            entries=entries,
            contents=opened,
            unopened=unopened,
        )


def _signed(file: ArchiveFile, keys: Sequence[Key]) -> Checkpoint:
    header = file.header
    try:
        checkpoint = verify_checkpoint(header.note.encode(), keys)
    except Fault as fault:
        raise ArchiveDamaged("ARCHIVE_CHECKPOINT", f"{file.path}: {fault}") from fault
    if (checkpoint.size, checkpoint.root.hex()) != (header.size, header.root):
        raise ArchiveDamaged(
            "ARCHIVE_CHECKPOINT", f"{file.path}: its checkpoint signs another tree than it names"
        )
    if not 1 <= header.first <= header.last <= header.size:
        raise ArchiveDamaged("ARCHIVE_UNREADABLE", f"{file.path}: entries {header.first} to {header.last}")
    return checkpoint


def _walked(file: ArchiveFile, database: Database) -> tuple[int, int, int]:
    """Every entry in turn, then the root; (entries, contents opened, contents not opened)."""
    span = SpanRoot(file.header)
    following = file.header.first
    opened = unopened = 0
    for _, block in file.blocks():
        contents = stored_contents(database, block)
        for entry in block:
            if entry.seq != following:
                raise ArchiveDamaged(
                    "ARCHIVE_ORDER",
                    f"{file.path}: entry {entry.seq} where {following} belongs",
                    seq=following,
                )
            if entry.form not in FORMS or leaf_of(entry) != entry.leaf:
                raise ArchiveDamaged(
                    "ARCHIVE_LEAF",
                    f"{file.path}: the header of entry {entry.seq} does not give its leaf",
                    seq=entry.seq,
                )
            span.add(entry.leaf)
            following += 1
            if entry.owner == entry.id:
                sound = content_is_sound(entry, contents.get(entry.id), database.contents)
                opened += sound
                unopened += not sound
    if following != file.header.last + 1:
        raise ArchiveDamaged(
            "ARCHIVE_TRUNCATED", f"{file.path}: it ends after entry {following - 1}", seq=following
        )
    if (root := span.root().hex()) != file.header.root:
        raise ArchiveDamaged(
            "ARCHIVE_ROOT", f"{file.path}: its leaves lead to {root}, signed is {file.header.root}"
        )
    return following - file.header.first, opened, unopened


def stored_contents(database: Database, block: Sequence[ArchivedEntry]) -> dict[int, StoredBody]:
    """The contents of a block's entries as they would be in the database, by entry."""
    numbers = sorted({entry.key for entry in block if entry.key is not None})
    keys = database.ask(partial(key_rows, numbers=numbers)) if numbers else {}
    found = {}
    for entry in block:
        wrapped, master = keys.get(entry.key or 0, (None, None))
        found[entry.id] = StoredBody(
            owner=entry.owner,
            encoding=entry.encoding,
            body=entry.body,
            key=entry.key,
            wrapped=wrapped,
            master=master,
        )
    return found


def head_in(entry: ArchivedEntry, stored: StoredBody | None, keys: Contents | None) -> bytes:
    """Address and headers of an archived entry; blank when they are gone, or were never apart from it. ValueError: they are
    not what was encrypted. KeyError: the master key is not here."""
    if entry.form == 1 or entry.head is None or stored is None or stored.wrapped is None or keys is None:
        return head_of(entry.method, entry.url, entry.headers)
    return keys.opened(stored).decrypt_head(entry.id, entry.head)


def content_is_sound(entry: ArchivedEntry, stored: StoredBody | None, keys: Contents | None) -> bool:
    """True: its content was opened and is what was logged. False: it cannot be opened. Raises ArchiveDamaged."""
    if stored is None:
        return False
    content = read(stored, entry.body_size, keys)
    if isinstance(content, Unreadable):
        if content.why is Missing.DAMAGED:
            raise ArchiveDamaged(
                "ARCHIVE_CONTENT", f"the content of entry {entry.seq}: {content.detail}", seq=entry.seq
            )
        return False
    try:
        head = head_in(entry, stored, keys)
    except ValueError as fault:
        raise ArchiveDamaged(
            "ARCHIVE_CONTENT", f"the head of entry {entry.seq}: {fault}", seq=entry.seq
        ) from fault
    except KeyError as fault:
        raise ConfigurationError(
            f"evidence.keys: the master key {fault.args[0]} is not among the keys"
        ) from fault
    if not content.gives(entry.form, entry.body_digest, head):
        raise ArchiveDamaged(
            "ARCHIVE_CONTENT", f"the content of entry {entry.seq} is not what was logged", seq=entry.seq
        )
    return True


def is_blank(method: str | None, url: str | None, headers: str) -> bool:
    """Whether a row has no address and no headers (any more)."""
    return head_of(method, url, headers) == BLANK_HEAD
