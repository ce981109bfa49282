"""Reading the message log and its proof as they lie there, for whoever verifies them: raw cursors, plain tuples.

Somebody may have written anything into these tables. Invariant: whatever a column holds is handed on, never judged and
never a reason to stop; a text that is not UTF-8 arrives with its bytes escaped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa

from gateway.storage.checkpoints import CheckpointRow, Cosignature, LogKeyRow
from gateway.storage.sql import Statement

HEADER = (
    *("form", "id", "at", "direction", "kind", "channel", "operation", "dossier_code", "attempt_id"),
    *("request_id", "status", "body_digest", "body_size", "outcome", "code"),
)
"""The columns of ``RawEntry.header``, in this order: those of the header of form 2."""
_LATER = ("leaf", "method", "url", "headers")


class RawEntry(NamedTuple):
    """An entry's row. ``owner``: the entry that its content was written with; ``found_key``: the key's row is there."""

    seq: Any
    header: tuple[Any, ...]
    leaf: Any
    method: Any
    url: Any
    headers: Any
    owner: int
    encoding: Any
    body: Any
    key: Any
    found_key: Any
    wrapped: Any
    master: Any
    destroyed_at: Any


class Bounds(NamedTuple):
    """``first``, ``last``: the lowest and the highest sequence number; ``newest``: the newest checkpoint's number."""

    first: int
    last: int
    newest: int


_ENTRIES = Statement(f"""
    SELECT m.seq, {", ".join(f"m.{name}" for name in (*HEADER, *_LATER))},
        CASE WHEN m.kind = 'request' AND m.request_id IS NOT NULL THEN m.request_id ELSE m.id END,
        b.encoding, b.body, b.key_id, k.id, k.wrapped, k.master, k.destroyed_at
    FROM message AS m LEFT JOIN message_body AS b ON b.message_id =
        CASE WHEN m.kind = 'request' AND m.request_id IS NOT NULL THEN m.request_id ELSE m.id END
        LEFT JOIN content_key AS k ON k.id = b.key_id
    WHERE m.seq IS NOT NULL AND m.seq > :after AND m.seq <= :upto ORDER BY m.seq LIMIT :most
""")  # noqa: S608 - our own names
_BOUNDS = {
    "newest": Statement("SELECT COALESCE(MAX(number), 0) FROM checkpoint"),
    "first": Statement("SELECT COALESCE(MIN(seq), 1) FROM message WHERE seq IS NOT NULL"),
    "last": Statement("SELECT COALESCE(MAX(seq), 0) FROM message WHERE seq IS NOT NULL"),
}
_TILES = Statement("""
    SELECT idx, hashes FROM log_tile WHERE level = :level AND idx >= :first AND idx < :first + :count ORDER BY idx
""")
_STRAY = Statement("""
    SELECT level, idx FROM log_tile WHERE level = :level AND (idx < 0 OR idx >= :count)
    UNION ALL SELECT level, idx FROM log_tile WHERE level NOT BETWEEN 0 AND 7 ORDER BY 1, 2 LIMIT 1
""")
_CHECKPOINTS = Statement(f"""
    SELECT {", ".join(CheckpointRow.__struct_fields__)} FROM checkpoint
    WHERE number > :after AND number <= :upto ORDER BY number LIMIT :most
""")  # noqa: S608 - our own names
_COSIGNATURES = Statement("""
    SELECT checkpoint, witness, at, line FROM cosignature WHERE checkpoint >= :first AND checkpoint <= :last
    ORDER BY checkpoint, witness
""")
_ORPHANS = Statement("""
    SELECT checkpoint FROM cosignature WHERE checkpoint NOT IN (SELECT number FROM checkpoint) ORDER BY 1 LIMIT 1
""")
_PRUNED = Statement(
    "SELECT first_seq, pruned_to FROM archive WHERE pruned_to >= first_seq ORDER BY first_seq"
)
_KEYS = Statement("SELECT number, origin, key, made_at, handover FROM log_key ORDER BY number")
_BLOBS = frozenset(("root", "digest", "token"))
_AT_HEADER, _AT_LATER = 1, 1 + len(HEADER)


def entries(connection: sa.Connection, after: int, upto: int, most: int) -> list[RawEntry]:
    """Up to ``most`` sealed entries with numbers beyond ``after`` up to ``upto``, in order."""
    parameters = {"after": after, "upto": upto, "most": most}
    try:
        rows = _all(connection, _ENTRIES, parameters)
    except sqlite3.OperationalError as fault:
        if "decode" not in str(fault):
            raise
        rows = _all(connection, _ENTRIES, parameters, escaped=True)
    return [RawEntry(row[0], row[_AT_HEADER:_AT_LATER], *row[_AT_LATER:]) for row in rows]


def bounds(connection: sa.Connection) -> Bounds:
    """How far the log goes. Checkpoints first: what they cover is there before them."""
    found = {name: _all(connection, question, {})[0][0] for name, question in _BOUNDS.items()}
    return Bounds(**{name: value if isinstance(value, int) else 0 for name, value in found.items()})


def tiles(connection: sa.Connection, level: int, first: int, count: int) -> dict[int, bytes]:
    """The full tiles that are kept of ``count`` from ``first`` on, by their index."""
    rows = _all(connection, _TILES, {"level": level, "first": first, "count": count})
    return {idx: blob(hashes) for idx, hashes in rows}


def stray_tile(connection: sa.Connection, level: int, count: int) -> tuple[int, int] | None:
    """A tile (level, index) that a tree with ``count`` full tiles on ``level`` does not have."""
    rows = _all(connection, _STRAY, {"level": level, "count": count})
    return (rows[0][0], rows[0][1]) if rows else None


def checkpoint_rows(connection: sa.Connection, after: int, upto: int, most: int) -> list[CheckpointRow]:
    """Up to ``most`` checkpoints with numbers beyond ``after`` up to ``upto``, in order."""
    rows = _all(connection, _CHECKPOINTS, {"after": after, "upto": upto, "most": most}, escaped=True)
    return [_checkpoint(row) for row in rows]


def cosignature_rows(connection: sa.Connection, first: int, last: int) -> list[Cosignature]:
    """What witnesses have sent about the checkpoints with these numbers."""
    rows = _all(connection, _COSIGNATURES, {"first": first, "last": last}, escaped=True)
    return [
        Cosignature(checkpoint=number, witness=str(who), at=at, line=str(line))
        for number, who, at, line in rows
    ]


def stray_cosignature(connection: sa.Connection) -> int | None:
    """The number of a checkpoint that somebody has cosigned and that is not there."""
    rows = _all(connection, _ORPHANS, {})
    return int(rows[0][0]) if rows else None


def key_rows(connection: sa.Connection) -> list[LogKeyRow]:
    """The log's keys."""
    rows = _all(connection, _KEYS, {}, escaped=True)
    return [LogKeyRow(**dict(zip(LogKeyRow.__struct_fields__, row, strict=True))) for row in rows]


def pruned_spans(connection: sa.Connection) -> list[tuple[int, int]]:
    """First and last sequence numbers of entries that are in archives alone."""
    return [(first, last) for first, last in _all(connection, _PRUNED, {})]


def blob(value: Any) -> bytes:
    """``value`` where it is bytes; SQLite keeps anything anywhere."""
    return value if value.__class__ is bytes else b""


def _checkpoint(row: tuple[Any, ...]) -> CheckpointRow:
    values = dict(zip(CheckpointRow.__struct_fields__, row, strict=True))
    for name in _BLOBS:
        values[name] = None if values[name] is None else blob(values[name])
    values["note"] = str(values["note"])
    return CheckpointRow(**values)


def _all(
    connection: sa.Connection, statement: Statement, parameters: dict[str, int], *, escaped: bool = False
) -> list[tuple[Any, ...]]:
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor(binary=True) as cursor:
            return list(cursor.execute(statement.postgresql, parameters).fetchall())
    with _texts(driver, escaped=escaped):
        return list(driver.execute(statement.sqlite, parameters).fetchall())


@contextmanager
def _texts(driver: Any, *, escaped: bool) -> Iterator[None]:
    if escaped:
        driver.text_factory = _escaped
    try:
        yield
    finally:
        if escaped:
            driver.text_factory = str


def _escaped(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
