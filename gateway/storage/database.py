"""Opening a database: one door for SQLite and PostgreSQL.

SQLite has exactly one writing connection, full sync, and an OS lock that refuses a second process; readers are
read-only connections. PostgreSQL has a few writing connections and any number of processes. Invariant: a write
that was reported done is on disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.storage.committer import Committer, LoopCommitter, ThreadCommitter
from gateway.storage.contents import Contents
from gateway.storage.identity import Identifiers
from gateway.storage.oversight import Oversight
from gateway.storage.sql import Dialect, Statement

T = TypeVar("T")
Parameters = Mapping[str, Any]
Row = tuple[Any, ...]

SAFE_SQLITE = (3, 51, 3)
READERS = 4
POSTGRESQL_WRITERS = 3
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA journal_size_limit=134217728",
)
# A process that is stopped, or a machine that is cut off, in the middle of a transaction must not keep its locks:
# nobody could take its lanes over, and nobody could seal. PostgreSQL does not count the time after a pipeline, so
# whoever takes over cuts the dead worker's sessions off, too (``upkeep.cut_off``).
IDLE_IN_TRANSACTION_MS = 5_000
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
UNAVAILABLE = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)


class Transaction:
    """One open write transaction. Statements run at once; nothing is visible to others before the commit."""

    __slots__ = ("_cursor", "contents", "dialect", "identifiers", "oversight", "restored_at")

    def __init__(self, cursor: Any, database: Database) -> None:
        self._cursor = cursor
        self.dialect = database.dialect
        self.identifiers = database.identifiers
        self.contents = database.contents
        self.oversight = database.oversight
        self.restored_at = database.restored_at

    def run(self, statement: Statement, parameters: Parameters) -> int:
        """Run it; the number of rows it touched."""
        self._cursor.execute(getattr(statement, self.dialect), parameters)
        return int(self._cursor.rowcount)

    def many(self, statement: Statement, rows: Sequence[Parameters] | Sequence[Row]) -> None:
        """Run it once per row, in one go; rows are tuples for a statement of ``insert_rows``."""
        if rows:
            self._cursor.executemany(getattr(statement, self.dialect), rows)

    def all(self, statement: Statement, parameters: Parameters) -> list[Row]:
        """Run it; every row of the answer."""
        self._cursor.execute(getattr(statement, self.dialect), parameters)
        return list(self._cursor.fetchall())

    def one(self, statement: Statement, parameters: Parameters) -> Row | None:
        """Run it; the first row of the answer, or None."""
        self._cursor.execute(getattr(statement, self.dialect), parameters)
        row = self._cursor.fetchone()
        return None if row is None else tuple(row)

    def array(self, values: Iterable[int | str]) -> Any:
        """``values`` in the form that ``IN_ARRAY(:x)`` takes in this engine."""
        listed = list(values)
        if self.dialect == "postgresql":
            return listed
        return "[" + ",".join(_json_scalar(value) for value in listed) + "]"


def _json_scalar(value: int | str) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


Operation = Callable[[Transaction, Sequence[Any]], Sequence[Any]]
"""A batch operation: one result, or one exception, per item, in the same order."""


class Database:
    """An open database. ``write`` and ``apply`` are group-committed; ``read`` never blocks a writer.

    ``contents``: the keys of the message log; None: contents are written in clear, and encrypted ones are not read.
    ``oversight``: what people's actions need, and how they are logged. ``restored_at``: when it was last restored from a
    backup, in microseconds (``gateway.storage.restoration``).
    """

    contents: Contents | None = None
    oversight = Oversight()
    restored_at: int | None = None
    writes = True

    def __init__(
        self, url: str, *, identifiers: Identifiers | None = None, writers: int | None = None
    ) -> None:
        self.url = make_url(url)
        self.dialect: Dialect = _dialect(self.url)
        self.identifiers = identifiers or Identifiers.unregistered()
        self._lock = _lock_file(self.url) if self.dialect == "sqlite" else None
        self.session = f"lienthong {uuid.uuid4().hex}"
        self._writer_engine = _writer_engine(self.url, self.session)
        self._reader_engine = _reader_engine(self.url)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._committer = self._open_committer(writers or POSTGRESQL_WRITERS)

    def _open_committer(self, writers: int) -> Committer:
        if self.dialect == "sqlite":
            return LoopCommitter(self._connect, self._transaction)
        return ThreadCommitter(self._connect, self._transaction, threads=writers)

    def _connect(self) -> Any:
        try:
            return self._writer_engine.raw_connection()
        except (sa.exc.OperationalError, *UNAVAILABLE) as fault:
            raise StorageUnavailable(f"database {self.url.render_as_string()}: {fault}") from fault

    def _transaction(self, connection: Any) -> Transaction:
        cursor = connection.cursor()
        if self.dialect == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        return Transaction(cursor, self)

    def watch_commits(self, timed: Callable[[float], None]) -> None:
        """Tell ``timed`` how many seconds each commit took, in whichever thread writes."""
        self._committer.watch(timed)

    async def apply(self, operation: Operation, item: Any) -> Any:
        """Run ``operation`` on ``item`` together with everything of its kind that is queued; durable on return.

        Raises what the operation gave for this item, StorageUnavailable when the database does not answer.
        """
        return await self._committer.submit(operation, item)

    async def write(self, unit: Callable[[Transaction], T]) -> T:
        """Run ``unit`` in a transaction; durable on return. Raises what the unit raised."""
        result: T = await self._committer.submit(_units, unit)
        return result

    async def read(self, question: Callable[[sa.Connection], T]) -> T:
        """Ask ``question`` on a read-only connection, in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.ask, question)

    async def glance(self, question: Callable[[sa.Connection], T]) -> T:
        """Like ``read``, for a question that a few pages answer: SQLite's on the calling thread, because handing it to
        another one takes longer than its answer."""
        return self.ask(question) if self.dialect == "sqlite" else await self.read(question)

    def ask(self, question: Callable[[sa.Connection], T]) -> T:
        """Like ``read``, on the calling thread."""
        try:
            with self._reader_engine.connect() as connection:
                return question(connection)
        except sa.exc.OperationalError as fault:
            raise StorageUnavailable(f"database {self.url.render_as_string()}: {fault.orig}") from fault

    def close(self) -> None:
        """Finish what is queued, then close every connection and give up the lock."""
        self._readers.shutdown(wait=True)
        self._reader_engine.dispose()
        # last: SQLite takes its log back into the file, and removes it, when its last connection closes and can write
        self._committer.close()
        self._writer_engine.dispose()
        if self._lock is not None:
            lock, self._lock = self._lock, None
            os.close(lock)


def _units(transaction: Transaction, units: Sequence[Callable[[Transaction], Any]]) -> list[Any]:
    return [unit(transaction) for unit in units]


def _dialect(url: sa.URL) -> Dialect:
    match url.get_backend_name():
        case "sqlite":
            return "sqlite"
        case "postgresql":
            return "postgresql"
        case other:
            raise ConfigurationError(
                f"database.url: got backend {other!r}, expected sqlite or postgresql+psycopg; "
                "for example sqlite:///lienthong.db"
            )


def _lock_file(url: sa.URL) -> int:
    """Take the OS lock beside the SQLite file; ConfigurationError when another process has it."""
    if not url.database or url.database == ":memory:":
        raise ConfigurationError(
            "database.url: an SQLite database needs a file, for example sqlite:///lienthong.db"
        )
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(f"{url.database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        os.close(descriptor)
        raise ConfigurationError(
            f"database {url.database}: another process has it open; SQLite takes exactly one process. "
            "Stop the other one, or use PostgreSQL for several processes"
        ) from fault
    return descriptor


def _writer_engine(url: sa.URL, session: str) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=_network(url)
        )

        @sa.event.listens_for(engine, "connect")
        def _limits(connection: Any, _record: object) -> None:
            connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MS}")
            connection.execute(f"SET application_name = '{session}'")
            connection.commit()

        return engine
    engine = sa.create_engine(
        url,
        poolclass=NullPool,
        # hardly any timeout: this connection waits on the event loop, so the committer does the waiting elsewhere
        connect_args={"check_same_thread": False, "isolation_level": None, "timeout": 0.02},
    )

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        for pragma in _SQLITE_PRAGMAS:
            connection.execute(pragma)

    return engine


def _network(url: sa.URL) -> dict[str, int]:
    """How soon a server that is gone is noticed; what the URL says comes first."""
    return {name: value for name, value in _NETWORK.items() if name not in url.query}


def _reader_engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "postgresql":
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=_network(url),
            pool_size=READERS,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
        )

        @sa.event.listens_for(engine, "connect")
        def _plans(connection: Any, _record: object) -> None:
            # planning takes a millisecond; a plan for any instant, kept after a dozen questions, took a report 0.8 s for 0.05
            connection.execute("SET plan_cache_mode = force_custom_plan")
            connection.commit()

        return engine
    path = Path(url.database or "").resolve()
    return sa.create_engine(
        f"sqlite:///file:{path}?mode=ro&uri=true",
        pool_size=READERS,
        connect_args={"check_same_thread": False, "timeout": 30},
    )


def sqlite_is_safe() -> bool:
    """Whether the linked SQLite is free of the WAL-reset corruption race (fixed in 3.51.3)."""
    return sqlite3.sqlite_version_info >= SAFE_SQLITE
