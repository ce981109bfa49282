"""A province's database after a year: the demo's 580 dossiers, with everything that the product wrote about them, many
times over.

Every generation lies two days before the one after it and has numbers of its own; contents are in clear, as without keys.
What the demo itself delivered stays as it was, encrypted and proven. Invariant: rows of a clone differ from the
product's in identifiers, numbers and times alone, so that every page reads what it would read in a province.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from gateway.storage.schema_status import STILL
from gateway.storage.tables import metadata

CLONED = (
    *(
        "dossier",
        "lane",
        "delivery",
        "attempt",
        "message",
        "message_body",
        "event",
        "dossier_version",
        "standing",
    ),
    *("due_change", "anomaly", "crossing", "sync_lag", "content_key", "progress", "progress_report"),
    *("payment_request", "payment_attempt", "settlement", "payment_clock", "payment_callback", "receipt"),
    "payment_decision",
)
TEMPLATE = "template_"
_DAYS = 2
_DAY_MICROS = 86_400_000_000
_IDENTIFIER_STEP = (_DAYS * 86_400_000) << 22  # gateway.storage.identity: milliseconds above 22 bits
_LEAST_IDENTIFIER = 10**12  # what is smaller is a count or a number of a worker
_NUMBERS = {"dossier_code", "partner_code", "reference", "transaction_no", "scope"}
_DAY_NUMBERS = {"day", "received_day", "due_day", "ended_day"}
_INSTANTS = {"at", "effective_from", "effective_to", "since", "waiting_since", "beat"}


class Dialect(Protocol):
    """What the two engines say differently."""

    name: str

    def suffixed(self, column: str) -> str:
        """A number of the generation's own, of the text ``column``."""

    def distinct(self, column: str) -> str:
        """Bytes of the generation's own."""

    def first_of(self, column: str) -> str:
        """The first identifier of a JSON list."""


class OnSqlite:
    name = "sqlite"

    def suffixed(self, column: str) -> str:
        return f"{column} || printf('.%03d', g)"

    def distinct(self, column: str) -> str:
        return f"CAST({column} || printf('.%03d', g) AS BLOB)"

    def first_of(self, column: str) -> str:
        return f"CAST(trim({column}, '[]') AS INTEGER)"


class OnPostgresql:
    name = "postgresql"

    def suffixed(self, column: str) -> str:
        return f"{column} || '.' || lpad(g::text, 3, '0')"

    def distinct(self, column: str) -> str:
        return f"{column} || int4send(g)"

    def first_of(self, column: str) -> str:
        return f"split_part(trim(both '[]' from {column}), ',', 1)::bigint"


def statements(dialect: Dialect, sizes: dict[str, int], generations: int) -> Iterator[str]:
    """What copies every template ``generations`` times. ``sizes``: rows of a template, for gapless numbers."""
    series = {
        "sqlite": f"(WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < {generations}) "
        "SELECT g FROM n)",
        "postgresql": f"(SELECT g FROM generate_series(1, {generations}) AS s(g))",
    }[dialect.name]
    for name in CLONED:
        columns = metadata.tables[name].columns
        listed = ", ".join(f'"{column.name}"' for column in columns)
        values = ", ".join(_value(dialect, name, column, sizes) for column in columns)
        order = ", ".join(f't."{column.name}"' for column in metadata.tables[name].primary_key)
        yield (
            f"INSERT INTO {name} ({listed}) SELECT {values} FROM {series} AS s CROSS JOIN {TEMPLATE}{name} AS t "
            f"ORDER BY g DESC, {order}"
        )


def _value(dialect: Dialect, table: str, column: sa.Column[Any], sizes: dict[str, int]) -> str:
    name = column.name
    quoted = f't."{name}"'
    own = {
        ("dossier", "code"): dialect.suffixed(quoted),
        ("message", "seq"): f"{quoted} + g * {sizes['message']}",
        ("event", "position"): f"{quoted} + g * {sizes['event']}",
        ("message_body", "encoding"): "'clear'",
        ("message_body", "key_id"): "NULL",
        ("payment_callback", "digest"): dialect.distinct(quoted),
        ("attempt", "deliveries"): f"'[' || ({dialect.first_of(quoted)} - g * {_IDENTIFIER_STEP}) || ']'",
        ("progress", "next_at"): "NULL",
    }
    return own.get((table, name)) or _shifted(dialect, column, quoted)


def _shifted(dialect: Dialect, column: sa.Column[Any], quoted: str) -> str:
    name = column.name
    if isinstance(column.type, sa.Text):
        return dialect.suffixed(quoted) if name in _NUMBERS else quoted
    if name in _DAY_NUMBERS:
        return f"{quoted} - g * {_DAYS}"
    if name == "id" or name.endswith("_id"):
        moved = f"{quoted} - g * {_IDENTIFIER_STEP}"
        return f"CASE WHEN {quoted} > {_LEAST_IDENTIFIER} THEN {moved} ELSE {quoted} END"
    if name in _INSTANTS or name.endswith("_at") or name == "promise_at":
        moved = f"{quoted} - CAST(g AS BIGINT) * {_DAYS * _DAY_MICROS}"
        return f"CASE WHEN {quoted} > {_LEAST_IDENTIFIER} AND {quoted} < {STILL // 2} THEN {moved} ELSE {quoted} END"
    return quoted


def secondary_indexes() -> Iterator[sa.Index]:
    """The indexes that are quicker to build at the end."""
    for name in CLONED:
        yield from (index for index in metadata.tables[name].indexes if not index.unique)


def opened_bodies(path: str, decrypt: Any) -> None:
    """Put the templates' contents in clear into ``template_message_body``."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT b.message_id, b.body, b.key_id, k.wrapped, k.master FROM message_body b "
            "JOIN content_key k ON k.id = b.key_id"
        ).fetchall()
        connection.executemany(
            f"UPDATE {TEMPLATE}message_body SET body = ? WHERE message_id = ?",
            [(decrypt(*row), row[0]) for row in rows],
        )
    connection.close()


def clone_sqlite(path: str, generations: int, decrypt: Any) -> None:
    """Multiply what is in the SQLite database at ``path``."""
    with sqlite3.connect(path) as connection:
        sizes = _sizes(connection)
        for name in CLONED:
            connection.execute(f"CREATE TABLE {TEMPLATE}{name} AS SELECT * FROM {name}")
    connection.close()
    opened_bodies(path, decrypt)
    with sqlite3.connect(path) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1048576", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = _definitions(connection)
        for name in indexes:
            connection.execute(f"DROP INDEX {name}")
        for statement in statements(OnSqlite(), sizes, generations):
            connection.execute(statement)
        for definition in indexes.values():
            connection.execute(definition)
        for name in CLONED:
            connection.execute(f"DROP TABLE {TEMPLATE}{name}")
        connection.commit()
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _sizes(connection: sqlite3.Connection) -> dict[str, int]:
    asked = "SELECT (SELECT count(*) FROM message), (SELECT max(position) FROM event)"
    messages, events = connection.execute(asked).fetchone()
    return {"message": messages, "event": events}


def _definitions(connection: sqlite3.Connection) -> dict[str, str]:
    wanted = {str(index.name) for index in secondary_indexes()}
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    return {name: sql for name, sql in rows if name in wanted}


def clone_postgresql(source: str, url: str, generations: int, decrypt: Any) -> None:
    """Copy the SQLite database at ``source``, which is small, into the empty one at ``url``, and multiply it there."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with sqlite3.connect(source) as small, psycopg.connect(address, autocommit=True) as connection:
        sizes = _sizes(small)
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        for table in metadata.sorted_tables:
            _copy(small, connection, table, decrypt)
        engine = sa.create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        for index in secondary_indexes():
            index.drop(engine, checkfirst=True)
        for statement in statements(OnPostgresql(), sizes, generations):
            connection.execute(statement.encode())
        for index in secondary_indexes():
            index.create(engine)
        engine.dispose()
        for name in CLONED:
            connection.execute(f"DROP TABLE {TEMPLATE}{name}".encode())
    small.close()


def _copy(
    small: sqlite3.Connection, connection: psycopg.Connection[Any], table: sa.Table, decrypt: Any
) -> None:
    """One table of the small database; what is cloned from it beside it, contents in clear."""
    listed = ", ".join(f'"{column.name}"' for column in table.columns)
    flags = [place for place, column in enumerate(table.columns) if isinstance(column.type, sa.Boolean)]
    rows = [list(row) for row in small.execute(f"SELECT {listed} FROM {table.name}")]
    for row in rows:
        for place in flags:
            row[place] = None if row[place] is None else bool(row[place])
    connection.execute(f"DELETE FROM {table.name}".encode())
    _put(connection, table.name, listed, rows)
    if table.name in CLONED:
        connection.execute(f"CREATE TABLE {TEMPLATE}{table.name} (LIKE {table.name})".encode())
        if table.name == "message_body":
            rows = [
                [row[0], row[1], decrypt(row[0], row[2], row[3], *_key(small, row[3])), row[3]]
                for row in rows
            ]
        _put(connection, TEMPLATE + table.name, listed, rows)


def _key(small: sqlite3.Connection, number: int) -> tuple[bytes, str]:
    return tuple(small.execute("SELECT wrapped, master FROM content_key WHERE id = ?", (number,)).fetchone())  # type: ignore[return-value]


def _put(connection: psycopg.Connection[Any], name: str, listed: str, rows: list[list[Any]]) -> None:
    with connection.cursor().copy(f"COPY {name} ({listed}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
