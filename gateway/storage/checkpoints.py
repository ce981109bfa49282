"""The proof of the message log in tables: leaves to grow the tree from, tiles, checkpoints, the log's keys.

Invariants: checkpoints are numbered without gaps, each follows the one that was the newest when it was written, and no
two of one size differ in their root; what was written is never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import sqlalchemy as sa

from gateway.storage.schema import message
from gateway.storage.schema_evidence import checkpoint, cosignature, evidence, log_key, log_tile
from gateway.storage.sql import Statement, insert

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

Connection: TypeAlias = sa.Connection
CHANNEL = "evidence"
"""The channel of entries that come of proving alone: they never make a checkpoint necessary by themselves."""
TILE_WIDTH = 256
MOST_REASON = 500


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """A leaf of the tree. ``own``: its entry came of proving alone."""

    seq: int
    hash: bytes
    own: bool


class CheckpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint. ``note`` is signed by the log alone; ``digest``: SHA-256 of its text; instants in microseconds;
    ``token``: the RFC 3161 time stamp of its text, ``anchored_at``: when its authority saw it; ``key``: which of the
    log's keys signed."""

    number: int
    size: int
    root: bytes
    at: int
    note: str
    digest: bytes
    key: int
    token: bytes | None = None
    anchored_at: int | None = None


class Cosignature(msgspec.Struct, frozen=True, kw_only=True):
    """What a witness sent. ``witness``: its key as it is pinned; ``line``: its signature line."""

    checkpoint: int
    witness: str
    at: int
    line: str


class LogKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the log. ``handover``: the note of the key before it, signed by both; None for the first."""

    number: int
    origin: str
    key: str
    made_at: int
    handover: str | None = None


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence cannot be produced. ``since`` in microseconds."""

    since: int
    reason: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry's identifier, and when it was written, in microseconds."""

    id: int
    at: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log is proven. ``owed``: the oldest entry that no checkpoint (that counts) covers, ``key``: the number
    of the log's newest key, 0 when it has none."""

    proven: int
    owed: Entry | None
    trouble: Trouble | None
    key: int


_TILE = insert("log_tile", ("level", "idx", "hashes"), suffix="ON CONFLICT (level, idx) DO NOTHING")
_CHECKPOINT = insert(
    "checkpoint",
    ("number", "size", "root", "at", "note", "digest", "key"),
    suffix="ON CONFLICT (number) DO NOTHING",
)
_NEWEST = Statement("SELECT number, size, root FROM checkpoint ORDER BY number DESC LIMIT 1")
_NEWEST_KEY = Statement("SELECT COALESCE(MAX(number), 0) FROM log_key")
_ANCHOR = Statement("""
    UPDATE checkpoint SET token = :token, anchored_at = :anchored_at WHERE number = :number AND token IS NULL
""")
_COSIGN = insert(
    "cosignature",
    ("checkpoint", "witness", "at", "line"),
    suffix="ON CONFLICT (checkpoint, witness) DO NOTHING",
)
_KEY = insert(
    "log_key", ("number", "origin", "key", "made_at", "handover"), suffix="ON CONFLICT (number) DO NOTHING"
)
_TROUBLE = Statement("""
    INSERT INTO evidence (id, failing_since, reason) VALUES (1, :since, :reason)
    ON CONFLICT (id) DO UPDATE SET failing_since = COALESCE(evidence.failing_since, :since), reason = :reason
""")
_NO_TROUBLE = Statement("UPDATE evidence SET failing_since = NULL, reason = NULL WHERE id = 1")


def leaves(connection: sa.Connection, after: int, limit: int) -> list[Leaf]:
    """Up to ``limit`` sealed leaves beyond sequence number ``after``, in order."""
    question = (
        sa.select(message.c.seq, message.c.leaf, message.c.channel)
        .where(message.c.seq > after)
        .order_by(message.c.seq)
        .limit(limit)
    )
    found = connection.execute(question).all()
    return [Leaf(seq, bytes(leaf), channel == CHANNEL) for seq, leaf, channel in found]


def leaf_hashes(connection: sa.Connection, first: int, count: int) -> bytes:
    """The hashes of ``count`` leaves from index ``first`` (sequence number ``first`` + 1) on, joined; fewer where entries
    are missing."""
    question = (
        sa.select(message.c.leaf)
        .where(message.c.seq > first, message.c.seq <= first + count)
        .order_by(message.c.seq)
    )
    return b"".join(bytes(leaf) for leaf in connection.execute(question).scalars())


def tile(connection: sa.Connection, level: int, index: int) -> bytes | None:
    """The hashes of a full tile; None when it is not kept."""
    question = sa.select(log_tile.c.hashes).where(log_tile.c.level == level, log_tile.c.idx == index)
    hashes = connection.execute(question).scalar_one_or_none()
    return None if hashes is None else bytes(hashes)


def add_tiles(transaction: Transaction, tiles: Sequence[tuple[int, int, bytes]]) -> None:
    """Keep full tiles (level, index, hashes); those that are kept already stay as they are."""
    transaction.many(_TILE, [{"level": level, "idx": idx, "hashes": hashes} for level, idx, hashes in tiles])


def add_checkpoint(transaction: Transaction, row: CheckpointRow) -> bool:
    """Write ``row`` as the newest checkpoint. False, and nothing written: another process was faster, the log has a newer
    key, or it would contradict the newest one."""
    newest = transaction.one(_NEWEST, {})
    number, size, root = newest or (0, 0, None)
    if row.number != number + 1 or row.size < size or (row.size == size and root not in {None, row.root}):
        return False
    key = transaction.one(_NEWEST_KEY, {})
    if key is None or key[0] != row.key:
        return False
    return transaction.run(_CHECKPOINT, msgspec.structs.asdict(row)) == 1


def anchor(transaction: Transaction, number: int, token: bytes, anchored_at: int) -> None:
    """Keep the time stamp of checkpoint ``number``; the first one stays."""
    transaction.run(_ANCHOR, {"number": number, "token": token, "anchored_at": anchored_at})


def add_cosignature(transaction: Transaction, given: Cosignature) -> bool:
    """Keep what a witness has sent; False when it had sent one for this checkpoint before."""
    return transaction.run(_COSIGN, msgspec.structs.asdict(given)) == 1


def add_key(transaction: Transaction, row: LogKeyRow) -> bool:
    """Make ``row`` the log's newest key; False when another process was faster."""
    newest = transaction.one(_NEWEST_KEY, {})
    if newest is None or newest[0] != row.number - 1:
        return False
    return transaction.run(_KEY, msgspec.structs.asdict(row)) == 1


def note_trouble(transaction: Transaction, trouble: Trouble) -> None:
    """Evidence cannot be produced; since when stays what was noted first."""
    reason = trouble.reason.replace("\x00", "")[:MOST_REASON]
    transaction.run(_TROUBLE, {"since": trouble.since, "reason": reason})


def note_recovery(transaction: Transaction) -> None:
    """Evidence is produced again."""
    transaction.run(_NO_TROUBLE, {})


_COLUMNS = tuple(checkpoint.c[name] for name in CheckpointRow.__struct_fields__)


def _row(found: Sequence[Any]) -> CheckpointRow:
    values = dict(zip(CheckpointRow.__struct_fields__, found, strict=True))
    for name in ("root", "digest", "token"):
        values[name] = None if values[name] is None else bytes(values[name])
    return CheckpointRow(**values)


def _one(connection: sa.Connection, question: sa.Select[Any]) -> CheckpointRow | None:
    found = connection.execute(question.limit(1)).one_or_none()
    return None if found is None else _row(tuple(found))


def newest_checkpoint(connection: sa.Connection) -> CheckpointRow | None:
    """The newest checkpoint; None for a log that has none yet."""
    return _one(connection, sa.select(*_COLUMNS).order_by(checkpoint.c.number.desc()))


def newest_anchor_at(connection: sa.Connection) -> int | None:
    """When an authority stamped the newest checkpoint that has a stamp, in microseconds; None: none has."""
    question = sa.select(checkpoint.c.anchored_at).where(checkpoint.c.anchored_at.is_not(None))
    newest: int | None = connection.execute(
        question.order_by(checkpoint.c.number.desc()).limit(1)
    ).scalar_one_or_none()
    return newest


def checkpoint_of_size(connection: sa.Connection, size: int) -> CheckpointRow | None:
    """The newest checkpoint with this many entries."""
    question = sa.select(*_COLUMNS).where(checkpoint.c.size == size)
    return _one(connection, question.order_by(checkpoint.c.size.desc(), checkpoint.c.number.desc()))


def checkpoints_of_size(connection: sa.Connection, size: int, limit: int = 100) -> list[CheckpointRow]:
    """Checkpoints with this many entries, the newest first: several where a period went by without any."""
    question = sa.select(*_COLUMNS).where(checkpoint.c.size == size)
    ordered = question.order_by(checkpoint.c.size.desc(), checkpoint.c.number.desc()).limit(limit)
    return [_row(tuple(found)) for found in connection.execute(ordered)]


def covering(connection: sa.Connection, seq: int) -> CheckpointRow | None:
    """The checkpoint that says most of when entry ``seq`` was there: the first one with a time stamp that covers it, or
    else the newest, if that covers it."""
    anchored = sa.select(*_COLUMNS).where(checkpoint.c.size >= seq, checkpoint.c.anchored_at.is_not(None))
    found = _one(connection, anchored.order_by(checkpoint.c.size, checkpoint.c.number))
    if found is None:
        found = newest_checkpoint(connection)
    return found if found is not None and found.size >= seq else None


def checkpoints(connection: sa.Connection, *, before: int | None, limit: int) -> list[CheckpointRow]:
    """Up to ``limit`` checkpoints, the newest first, with numbers below ``before``."""
    question = sa.select(*_COLUMNS).order_by(checkpoint.c.number.desc()).limit(limit)
    if before is not None:
        question = question.where(checkpoint.c.number < before)
    return [_row(tuple(found)) for found in connection.execute(question)]


def checkpoints_after(connection: sa.Connection, number: int, limit: int) -> list[CheckpointRow]:
    """Up to ``limit`` checkpoints beyond ``number``, the oldest first, for whoever checks the chain."""
    question = sa.select(*_COLUMNS).where(checkpoint.c.number > number)
    return [
        _row(tuple(found))
        for found in connection.execute(question.order_by(checkpoint.c.number).limit(limit))
    ]


def cosignatures(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, list[Cosignature]]:
    """What witnesses have sent about these checkpoints, by number."""
    columns = tuple(cosignature.c[name] for name in Cosignature.__struct_fields__)
    question = sa.select(*columns).where(cosignature.c.checkpoint.in_(numbers)).order_by(*columns[:2])
    found: dict[int, list[Cosignature]] = {}
    for row in connection.execute(question):
        each = Cosignature(**dict(zip(Cosignature.__struct_fields__, row, strict=True)))
        found.setdefault(each.checkpoint, []).append(each)
    return found


def log_keys(connection: sa.Connection) -> list[LogKeyRow]:
    """Every key that the log has had, the first one first."""
    columns = tuple(log_key.c[name] for name in LogKeyRow.__struct_fields__)
    rows = connection.execute(sa.select(*columns).order_by(log_key.c.number))
    return [LogKeyRow(**dict(zip(LogKeyRow.__struct_fields__, row, strict=True))) for row in rows]


def sequence_of(connection: sa.Connection, entry: int) -> int | None:
    """The sequence number of log entry ``entry``; 0 when it has none yet, None when there is no such entry."""
    row = connection.execute(sa.select(message.c.seq).where(message.c.id == entry)).one_or_none()
    return None if row is None else int(row.seq or 0)


def state(connection: sa.Connection, *, anchored: bool) -> State:
    """How far the log is proven. ``anchored``: only checkpoints with a time stamp count."""
    newest = sa.select(checkpoint.c.size).order_by(checkpoint.c.number.desc()).limit(1)
    if anchored:
        newest = newest.where(checkpoint.c.anchored_at.is_not(None))
    proven = int(connection.execute(newest).scalar() or 0)
    failing = connection.execute(
        sa.select(evidence.c.failing_since, evidence.c.reason).where(evidence.c.id == 1)
    ).one_or_none()
    trouble = None
    if failing is not None and failing.failing_since is not None:
        trouble = Trouble(since=int(failing.failing_since), reason=failing.reason)
    key = int(connection.execute(sa.select(sa.func.max(log_key.c.number))).scalar() or 0)
    return State(proven=proven, owed=_owed(connection, proven), trouble=trouble, key=key)


def _owed(connection: sa.Connection, proven: int) -> Entry | None:
    real = message.c.channel != CHANNEL
    columns = sa.select(message.c.id, message.c.at).where(real)
    row = connection.execute(
        columns.where(message.c.seq > proven).order_by(message.c.seq).limit(1)
    ).one_or_none()
    if row is None:  # not sealed yet
        unsealed = columns.where(message.c.seq.is_(None)).order_by(message.c.id)
        row = connection.execute(unsealed.limit(1)).one_or_none()
    return None if row is None else Entry(id=int(row.id), at=int(row.at))
