"""Archives of the message log as rows, and taking what is in them out of the database, and back.

Invariants: entries leave the database only after their archive was read back and proves, in the order of the log, and only
where the tree keeps their leaf hashes; how far that has gone is written in the transaction that does it. The newest entry
always stays, since the next one is numbered after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from gateway.storage.checkpoints import TILE_WIDTH, CheckpointRow, leaf_hashes, tile
from gateway.storage.checkpoints import _row as checkpoint_row
from gateway.storage.identity import WINDOW_OF_A_CALL
from gateway.storage.log import SealedRow, in_sequence, last_sequence, those
from gateway.storage.schema import content_key, message, message_body
from gateway.storage.schema_archive import archive
from gateway.storage.schema_evidence import checkpoint
from gateway.storage.sql import Statement, insert, insert_rows

if TYPE_CHECKING:
    from gateway.storage.database import Transaction


class ArchiveRow(msgspec.Struct, frozen=True, kw_only=True):
    """One archive. Instants in microseconds; ``pruned_to``: its entries up to this one are no longer in the database."""

    number: int
    name: str
    folder: str
    digest: bytes
    first_seq: int
    last_seq: int
    first_at: int
    last_at: int
    size: int
    root: bytes
    checkpoint: int
    bytes: int
    made_at: int
    verified_at: int | None = None
    pruned_to: int | None = None
    restored_at: int | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Entries next to each other in the log; instants in microseconds, of the earliest and of the latest."""

    first: int
    last: int
    first_at: int
    last_at: int


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The call of entry ``owner``: ``key``, ``scope`` of its content, and the dossiers that it was about."""

    owner: int
    key: int | None
    scope: str | None
    dossiers: tuple[str, ...]


_ADD = insert("archive", tuple(name for name in ArchiveRow.__struct_fields__))
_NEWEST = Statement("SELECT number, last_seq, digest, pruned_to FROM archive ORDER BY number DESC LIMIT 1")
_REPLACE = Statement("""
    UPDATE archive SET name = :name, folder = :folder, digest = :digest, bytes = :bytes, size = :size, root = :root,
        checkpoint = :checkpoint, made_at = :made_at, verified_at = NULL
    WHERE number = :number AND first_seq = :first_seq AND last_seq = :last_seq AND pruned_to IS NULL
""")
_VERIFIED = Statement("""
    UPDATE archive SET verified_at = :now, folder = :folder WHERE number = :number AND digest = :digest
""")
_DROP_BODIES = Statement("""
    DELETE FROM message_body WHERE message_id IN (SELECT id FROM message WHERE seq BETWEEN :first AND :last)
""")
_DROP = Statement("DELETE FROM message WHERE seq BETWEEN :first AND :last")
_PRUNED = Statement("""
    UPDATE archive SET pruned_to = :last, restored_at = NULL
    WHERE number = :number AND verified_at IS NOT NULL AND COALESCE(pruned_to, first_seq - 1) = :first - 1
""")
_SHARE = Statement("""
    INSERT INTO archived_share (key_id, dossier_code) VALUES (:key, :dossier)
    ON CONFLICT (key_id, dossier_code) DO NOTHING
""")
_ENTRY_COLUMNS = (
    *(
        "id",
        "seq",
        "at",
        "direction",
        "kind",
        "channel",
        "operation",
        "dossier_code",
        "attempt_id",
        "request_id",
    ),
    *("method", "url", "status", "headers", "body_digest", "body_size", "outcome", "code", "leaf", "form"),
)
_BRING_BACK = insert_rows("message", _ENTRY_COLUMNS)
_BRING_BACK_BODY = insert_rows("message_body", ("message_id", "encoding", "body", "key_id"))
_THERE = Statement("SELECT seq FROM message WHERE seq BETWEEN :first AND :last")
_BODIES_THERE = Statement("SELECT message_id FROM message_body WHERE message_id IN_ARRAY(:owners)")
_BROUGHT_BACK = Statement("""
    UPDATE archive SET pruned_to = :pruned_to, restored_at = :now WHERE number = :number AND pruned_to = :last
""")
_MOVE = Statement("""
    UPDATE message_body SET encoding = 'encrypted', body = :body, key_id = :key
    WHERE message_id = :owner AND (key_id = :before OR (key_id IS NULL AND :before = 0))
""")
_COLUMNS = tuple(archive.c[name] for name in ArchiveRow.__struct_fields__)
ENTRY_COLUMNS = _ENTRY_COLUMNS
"""The order in which ``bring_back`` takes an entry's columns."""


def archives(connection: sa.Connection) -> list[ArchiveRow]:
    """Every archive, the first one first."""
    return [_row(tuple(row)) for row in connection.execute(sa.select(*_COLUMNS).order_by(archive.c.number))]


def _row(values: Sequence[Any]) -> ArchiveRow:
    named = dict(zip(ArchiveRow.__struct_fields__, values, strict=True))
    return ArchiveRow(**{**named, "digest": bytes(named["digest"]), "root": bytes(named["root"])})


def pruned_ranges(connection: sa.Connection) -> list[tuple[int, int]]:
    """Spans of sequence numbers, first and last, whose entries are in archives alone."""
    question = sa.select(archive.c.first_seq, archive.c.pruned_to).where(archive.c.pruned_to.is_not(None))
    found: list[tuple[int, int]] = []
    for first, last in connection.execute(question.order_by(archive.c.first_seq)):
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], int(last))
        elif last >= first:
            found.append((int(first), int(last)))
    return found


def span_from(connection: sa.Connection, first: int, *, before: int, most: int, limit: int) -> Span | None:
    """The entries from ``first`` on up to the first one that was written at ``before`` (microseconds) or later, at most
    ``most`` of them and none beyond ``limit``; None when there is none."""
    last, earliest, latest = first - 1, 2**62, 0
    while last < min(limit, first + most - 1):
        upto = min(last + 10_000, limit, first + most - 1)
        question = (
            sa.select(message.c.seq, message.c.at)
            .where(message.c.seq > last, message.c.seq <= upto)
            .order_by(message.c.seq)
        )
        rows = connection.execute(question).all()
        for seq, at in rows:
            if at >= before or seq != last + 1:
                rows = []
                break
            last, earliest, latest = int(seq), min(earliest, int(at)), max(latest, int(at))
        if not rows:
            break
    return None if last < first else Span(first=first, last=last, first_at=earliest, last_at=latest)


def instant_of(connection: sa.Connection, seq: int) -> int | None:
    """When entry ``seq`` was written, in microseconds; None when it is not there."""
    at = connection.execute(sa.select(message.c.at).where(message.c.seq == seq)).scalar_one_or_none()
    return None if at is None else int(at)


def covered_by(connection: sa.Connection, seq: int) -> CheckpointRow | None:
    """The first checkpoint that covers entry ``seq``: with a time stamp, or else without."""
    columns = tuple(checkpoint.c[name] for name in CheckpointRow.__struct_fields__)
    question = sa.select(*columns).where(checkpoint.c.size >= seq).order_by(checkpoint.c.number).limit(1)
    for wanted in (question.where(checkpoint.c.anchored_at.is_not(None)), question):
        row = connection.execute(wanted).one_or_none()
        if row is not None:
            return checkpoint_row(tuple(row))
    return None


def entries(connection: sa.Connection, first: int, limit: int) -> list[SealedRow]:
    """As ``in_sequence``: entries with their contents and keys."""
    return in_sequence(connection, first, limit)


def with_ids(connection: sa.Connection, entries: Sequence[int]) -> list[SealedRow]:
    """These entries with their contents and keys."""
    return those(connection, message.c.id.in_(entries))


def clear_contents(connection: sa.Connection, first: int, last: int) -> int:
    """How many contents of entries ``first`` to ``last`` are not encrypted."""
    question = (
        sa.select(sa.func.count())
        .select_from(message.join(message_body, message_body.c.message_id == message.c.id))
        .where(message.c.seq.between(first, last), message_body.c.encoding != "encrypted")
    )
    return int(connection.execute(question).scalar_one())


def reaches(connection: sa.Connection, first: int, last: int) -> list[Reach]:
    """The calls among entries ``first`` to ``last`` whose content is under another key than one dossier's, and that turned
    out to be about one dossier or several."""
    span = connection.execute(
        sa.select(sa.func.min(message.c.id), sa.func.max(message.c.id)).where(
            message.c.seq.between(first, last)
        )
    ).one()
    if span[0] is None:
        return []
    owners = (
        sa.select(message.c.id, message_body.c.key_id, content_key.c.scope, message.c.dossier_code)
        .select_from(
            message.join(message_body, message_body.c.message_id == message.c.id).outerjoin(
                content_key, content_key.c.id == message_body.c.key_id
            )
        )
        .where(message.c.seq.between(first, last), message.c.kind == "request")
    )
    found: dict[int, Reach] = {}
    named: dict[int, set[str]] = {}
    for row in connection.execute(owners):
        if row.scope is not None and row.scope.startswith(("call:", "channel:")):
            found[row.id] = Reach(owner=row.id, key=row.key_id, scope=row.scope, dossiers=())
            named[row.id] = {row.dossier_code} - {None}
    about = sa.select(message.c.request_id, message.c.dossier_code).where(
        message.c.id.between(span[0], span[1] + WINDOW_OF_A_CALL),
        message.c.request_id.is_not(None),
        message.c.dossier_code.is_not(None),
    )
    for owner, dossier in connection.execute(about):
        if owner in named:
            named[owner].add(dossier)
    return [
        msgspec.structs.replace(found[owner], dossiers=tuple(sorted(names)))
        for owner, names in sorted(named.items())
        if names
    ]


def move_content(transaction: Transaction, owner: int, before: int | None, body: bytes, key: int) -> bool:
    """Put the content of entry ``owner``, encrypted with ``key``, where the one under key ``before`` is (None: in clear).
    False: it is no longer that."""
    return transaction.run(_MOVE, {"owner": owner, "before": before or 0, "body": body, "key": key}) == 1


def note_shares(transaction: Transaction, shares: Sequence[tuple[int, str]]) -> None:
    """Remember which dossiers (key, dossier) a call's key is about."""
    transaction.many(_SHARE, [{"key": key, "dossier": dossier} for key, dossier in sorted(set(shares))])


def add_archive(transaction: Transaction, row: ArchiveRow) -> bool:
    """Write ``row`` as the newest archive, or in the place of the same one that nothing was pruned of. False, and nothing
    written: it does not continue what there is."""
    newest = transaction.one(_NEWEST, {})
    number, last = (0, 0) if newest is None else (int(newest[0]), int(newest[1]))
    values = msgspec.structs.asdict(row)
    if row.number == number:
        names = (
            *("number", "name", "folder", "digest", "bytes", "size", "root", "checkpoint", "made_at"),
            *("first_seq", "last_seq"),
        )
        return transaction.run(_REPLACE, {name: values[name] for name in names}) == 1
    if row.number != number + 1 or row.first_seq != last + 1:
        return False
    return transaction.run(_ADD, values) == 1


def mark_verified(transaction: Transaction, row: ArchiveRow, folder: str, now: int) -> bool:
    """The file was read back in ``folder`` and proves."""
    values = {"number": row.number, "digest": row.digest, "folder": folder, "now": now}
    return transaction.run(_VERIFIED, values) == 1


def prunable(connection: sa.Connection, first: int, last: int) -> int:
    """Up to which of entries ``first`` to ``last`` the tree keeps the leaf hash that the entry has, the newest entry left
    out; ``first`` - 1 for none."""
    last = min(last, last_sequence(connection) - 1)
    done = first - 1
    while done < last:
        index = done // TILE_WIDTH
        begin, end = index * TILE_WIDTH, min(last, (index + 1) * TILE_WIDTH)
        kept = tile(connection, 0, index)
        here = leaf_hashes(connection, done, end - done)
        if kept is None or kept[32 * (done - begin) : 32 * (end - begin)] != here:
            break
        done = end
    return done


def prune(transaction: Transaction, row: ArchiveRow, first: int, last: int) -> bool:
    """Take entries ``first`` to ``last`` of archive ``row`` out of the database. False: they are not next in line."""
    if transaction.run(_PRUNED, {"number": row.number, "first": first, "last": last}) != 1:
        return False
    transaction.run(_DROP_BODIES, {"first": first, "last": last})
    transaction.run(_DROP, {"first": first, "last": last})
    return True


class Returning(msgspec.Struct, frozen=True, kw_only=True):
    """Entries ``first`` to ``last`` of archive ``number``, to be brought back: rows of ``ENTRY_COLUMNS``, and contents."""

    number: int
    first: int
    last: int
    archive_first: int
    entries: list[tuple[Any, ...]]
    bodies: list[tuple[int, str, bytes, int | None]]
    now: int


def bring_back(transaction: Transaction, back: Returning) -> bool:
    """Put entries back that were pruned last, from the end on. False: the archive is not pruned up to there."""
    left = back.first - 1 if back.first > back.archive_first else None
    found = {"number": back.number, "last": back.last, "pruned_to": left, "now": back.now}
    if transaction.run(_BROUGHT_BACK, found) != 1:
        return False
    there = {int(row[0]) for row in transaction.all(_THERE, {"first": back.first, "last": back.last})}
    transaction.many(_BRING_BACK, [each for each in back.entries if each[1] not in there])
    owners = transaction.array([each[0] for each in back.bodies])
    kept = {int(row[0]) for row in transaction.all(_BODIES_THERE, {"owners": owners})}
    transaction.many(_BRING_BACK_BODY, [each for each in back.bodies if each[0] not in kept])
    return True


def key_rows(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, tuple[bytes | None, str]]:
    """Of these keys the wrapped key (None: destroyed) and the master key that opens it."""
    question = sa.select(content_key.c.id, content_key.c.wrapped, content_key.c.master)
    rows = connection.execute(question.where(content_key.c.id.in_(numbers)))
    return {row.id: (None if row.wrapped is None else bytes(row.wrapped), row.master) for row in rows}
