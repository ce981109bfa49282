"""Copies of a whole database: SQLite's by its online backup, PostgreSQL's by the installed ``pg_dump`` and ``pg_restore``.

Invariants: a copy is one snapshot, and what is told about it (schema, counts, newest entry) is of that snapshot; nothing is
locked that a gateway needs. A PostgreSQL database refuses every write from the beginning of a restore until it is marked,
so that no gateway can work on half of it, or on one that does not know that it was restored.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import make_url

from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.durable_files import synchronise
from gateway.storage.database import _dialect, _lock_file

_PAGES = 2_000
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_READ_ONLY = "default_transaction_read_only"
WRITING = {"options": f"--{_READ_ONLY}=off"}
"""What a session on a database that is being restored says to be let write."""
_LOOK_SECONDS = 0.05
_OCCUPANTS: LiteralString = """
    SELECT COUNT(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_TABLES: LiteralString = """
    SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""
Progress = Callable[[int, int], None]


@contextmanager
def sqlite_copy(source: Path, target: Path, told: Progress) -> Iterator[sa.Connection]:
    """Copy the SQLite database ``source`` to ``target`` while others write to it; a connection to the copy.

    The snapshot is pinned, so that a busy database is not begun again and again. The copy is one file: no log beside it.
    """
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, isolation_level=None)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as writing:
            reading.backup(writing, pages=_PAGES, progress=lambda _, left, total: told(total - left, total))
            writing.execute("PRAGMA journal_mode=DELETE")
    target.chmod(0o600)
    synchronise(target)
    engine = sa.create_engine(f"sqlite:///file:{target}?mode=ro&immutable=1&uri=true")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def sqlite_faults(path: Path) -> list[str]:
    """What SQLite itself finds wrong with a database file; nothing when it is sound."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.DatabaseError as fault:
        return [str(fault)]
    return [] if rows == ["ok"] else rows


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Hold the lock that a gateway holds as long as it has the file open. Raises ConfigurationError when one does."""
    lock = _lock_file(make_url(f"sqlite:///{path}"))
    try:
        yield
    finally:
        os.close(lock)


def fold_log(path: Path) -> None:
    """Take SQLite's log back into the file, so that the file alone is the database, and make it durable."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    synchronise(path)


class PostgresTools:
    """``pg_dump`` and ``pg_restore`` for the server at ``url``. ``folder``: where they are; None: on the path."""

    def __init__(self, url: str, folder: Path | None) -> None:
        self.url = make_url(url).set(drivername="postgresql")
        self._folder = folder

    def require(self, *names: str) -> None:
        """Refuse programs that are missing, or older than the server: ConfigurationError says what to do."""
        with self.session() as session:
            server = session.info.server_version // 10_000
        for name in names:
            program = self._program(name)
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - ours
            found = _VERSION.search(version.stdout)
            if found is None or int(found[1]) < server:
                raise ConfigurationError(
                    f"{program} is of PostgreSQL {found[1] if found else 'an unknown release'}, the server is {server}: "
                    f"install postgresql-client-{server}, or name the folder of its programs with --pg-bin. By hand: "
                    f"{name} --format=custom --no-owner --no-privileges"
                )

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=None if self._folder is None else str(self._folder))
        if found is None:
            raise ConfigurationError(
                f"there is no program {name} {'on the path' if self._folder is None else f'in {self._folder}'}; install "
                "PostgreSQL's client programs (Debian: postgresql-client), or name their folder with --pg-bin"
            )
        return found

    @contextmanager
    def session(self, **parameters: str) -> Iterator[psycopg.Connection[Any]]:
        """A session of its own, outside of any pool."""
        url = self.url.update_query_dict(parameters)
        try:
            connection = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
        except psycopg.OperationalError as fault:
            raise StorageUnavailable(f"database {self.url.render_as_string()}: {fault}") from fault
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[tuple[sa.Connection, str]]:
        """A connection that sees one snapshot, and the name under which ``dump`` sees the same."""
        engine = sa.create_engine(self.url.set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
        try:
            with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                connection.execute(sa.text("SET TRANSACTION READ ONLY"))
                connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                name = connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar_one()
                yield connection, str(name)
        except sa.exc.OperationalError as fault:
            raise StorageUnavailable(f"database {self.url.render_as_string()}: {fault.orig}") from fault
        finally:
            engine.dispose()

    def dump(self, target: Path, snapshot: str, told: Progress) -> None:
        """Write the snapshot to ``target``. Raises StorageUnavailable with the program's own words."""
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
        target.touch(mode=0o600)
        self._run("pg_dump", (*options, f"--file={target}"), lambda: told(target.stat().st_size, 0))
        synchronise(target)

    def restore(self, source: Path) -> None:
        """Fill the empty database from ``source``, all or nothing; it takes no other writes until ``open_up``."""
        with self.session(**WRITING) as session:
            session.execute(self._alter("SET {} = on"))
        options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
        self._run("pg_restore", (*options, f"--dbname={self.url.database}", str(source)), _nothing)

    def open_up(self) -> None:
        """Let the database be written to again."""
        with self.session(**WRITING) as session:
            session.execute(self._alter("RESET {}"))

    def _alter(self, what: str) -> sql.Composed:
        name = sql.Identifier(str(self.url.database))
        return sql.SQL("ALTER DATABASE {} " + what).format(name, sql.Identifier(_READ_ONLY))

    def _run(self, name: str, options: Sequence[str], told: Callable[[], None]) -> None:
        command = [self._program(name), "--no-password", *options]
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(command, env=self._environment(), stderr=said)  # noqa: S603 - ours
            try:
                while process.poll() is None:
                    told()
                    time.sleep(_LOOK_SECONDS)
            finally:
                process.kill()  # still there only when something went wrong here
                process.wait()
            if process.returncode:
                said.seek(0)
                told_last = said.read().strip()[-1000:]
                raise StorageUnavailable(f"{name} ended with {process.returncode}: {told_last}")

    def _environment(self) -> Mapping[str, str]:
        """How the programs reach the server: no password on a command line, where everybody could read it."""
        url, query = self.url, self.url.query
        given = {
            "PGHOST": query.get("host") or url.host,
            "PGPORT": query.get("port") or url.port,
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
            "PGSSLMODE": query.get("sslmode"),
            "PGSSLROOTCERT": query.get("sslrootcert"),
            "PGOPTIONS": WRITING["options"],
        }
        return {**os.environ, **{name: str(value) for name, value in given.items() if value}}

    def occupants(self) -> int:
        """How many other sessions the database has, but for those that are just closing."""
        found = 0
        for _ in range(20):
            with self.session() as session:
                found = _count(session, _OCCUPANTS)
            if not found:
                break
            time.sleep(_LOOK_SECONDS)
        return found

    def tables(self) -> int:
        """How many tables the database has."""
        with self.session() as session:
            return _count(session, _TABLES)

    @contextmanager
    def scratch(self) -> Iterator[PostgresTools]:
        """An empty database beside this one, which is gone afterwards."""
        name = f"lienthong_check_{os.urandom(6).hex()}"
        with self.session() as session:
            try:
                session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
            except psycopg.errors.InsufficientPrivilege as fault:
                raise ConfigurationError(
                    f"a check needs an empty database for the time being, and {self.url.username} may not make one: "
                    "GRANT it CREATEDB, or check on another server (--database URL)"
                ) from fault
        try:
            yield PostgresTools(
                self.url.set(database=name).render_as_string(hide_password=False), self._folder
            )
        finally:
            with self.session() as session:
                session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _count(session: psycopg.Connection[Any], question: LiteralString) -> int:
    row = session.execute(question).fetchone()
    return 0 if row is None else int(row[0])


def _nothing() -> None:
    """No progress to tell."""


def is_sqlite(url: str) -> bool:
    """Whether it is a file. Raises ConfigurationError for an engine that is not offered."""
    return _dialect(make_url(url)) == "sqlite"


def shown(url: str) -> str:
    """The URL without its password."""
    return make_url(url).render_as_string()


def sqlite_file(url: str) -> Path:
    """The file of an SQLite database."""
    return Path(make_url(url).database or "")
