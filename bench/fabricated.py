"""A database that has been in use for long: finished dossiers with their deliveries and logged messages."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.engine import make_url

from gateway.storage import migrate

PER_DOSSIER = 20
_EPOCH = 1_780_000_000_000_000

_SERIES = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count) "
_STATEMENTS = (
    _SERIES
    + """INSERT INTO dossier (code, source, version, status, procedure_code, agency_code, channel, due_at, digest,
        record, created_at, updated_at)
    SELECT 'H99.old-' || i, 'old', 1, 'returned', '1.000001', 'H99', 'online', :epoch + i, x'00', randomblob(1500),
        :epoch + i, :epoch + i FROM n""",
    _SERIES
    + """INSERT INTO lane (id, destination, dossier_code, state, promise_at, next_position)
    SELECT i + 1, 'bench', 'H99.old-' || i, 'idle', :epoch + i, 11 FROM n""",
    _SERIES
    + """INSERT INTO delivery (id, lane_id, destination, dossier_code, operation, key, position, state, attempts,
        digest, created_at, sent_at, settled_at, payload)
    SELECT n.i * 10 + k.value, n.i + 1, 'bench', 'H99.old-' || n.i, 'note', k.value, k.value, 'delivered', 1, x'00',
        :epoch, :epoch, :epoch, randomblob(300) FROM n, json_each('[1,2,3,4,5,6,7,8,9,10]') AS k""",
    _SERIES
    + """INSERT INTO attempt (id, lane_id, destination, dossier_code, operation, kind, deliveries, worker, started_at,
        ended_at, outcome) SELECT n.i * 10 + k.value, n.i + 1, 'bench', 'H99.old-' || n.i, 'note', 'send', '[]', 1,
        :epoch, :epoch, 'accepted' FROM n, json_each('[1,2,3,4,5,6,7,8,9,10]') AS k""",
    _SERIES
    + """INSERT INTO message (id, seq, at, direction, kind, channel, operation, dossier_code, headers, body_digest,
        body_size, leaf) SELECT n.i * 20 + k.value + 1, n.i * 20 + k.value + 1, :epoch, 'out', 'request', 'bench',
        'note', 'H99.old-' || n.i, '[]', randomblob(32), 400, randomblob(32)
    FROM n, json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]') AS k""",
    _SERIES
    + """INSERT INTO message_body (message_id, encoding, body) SELECT n.i * 20 + k.value + 1, 'identity',
        randomblob(400) FROM n, json_each('[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19]') AS k""",
)


def fill(url: str, *, messages: int) -> None:
    """Give the SQLite database at ``url`` that many stored messages, and half as many finished deliveries."""
    migrate.upgrade(url)
    connection = sqlite3.connect(Path(make_url(url).database or ""))
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        for statement in _STATEMENTS:
            connection.execute(statement, {"count": messages // PER_DOSSIER, "epoch": _EPOCH})
        connection.commit()
        connection.execute("ANALYZE")
        connection.commit()
    finally:
        connection.close()
