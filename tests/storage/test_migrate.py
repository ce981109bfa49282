"""Migrations: a fresh upgrade gives exactly the declared tables, a second one changes nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url

from gateway.domain.errors import ConfigurationError, StorageUnavailable
from gateway.storage import migrate
from gateway.storage.tables import metadata


def connect(url: str) -> sa.Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return sa.create_engine(parsed, poolclass=sa.NullPool)


def test_fresh_upgrade_gives_the_declared_schema(empty_database_url):
    migrate.upgrade(empty_database_url)

    with connect(empty_database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def sqlite_definitions(connection):
    """Name to definition; the parts of a definition sorted, since their order means nothing."""
    rows = connection.execute(
        sa.text("SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'")
    )
    return {
        name: sorted(part.strip(" )") for part in _plainly(text or "").split(", ")) for name, text in rows
    }


def _plainly(text):
    """A table that a migration had to make anew has its name in quotes and a default in parentheses."""
    return " ".join(text.split()).replace('"', "").replace("DEFAULT (false)", "DEFAULT false")


def postgresql_definitions(connection):
    constraints = connection.execute(
        sa.text("SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint")
    )
    indexes = connection.execute(
        sa.text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    )
    return {name: text for name, text in (*constraints, *indexes) if "alembic" not in name}


def definitions(url):
    with connect(url).connect() as connection:
        if connection.dialect.name == "sqlite":
            return sqlite_definitions(connection)
        return postgresql_definitions(connection)


def test_upgraded_and_declared_schema_agree_on_what_alembic_does_not_compare(
    empty_database_url, request, tmp_path
):
    """CHECK clauses and the conditions of partial indexes."""
    migrate.upgrade(empty_database_url)
    if empty_database_url.startswith("sqlite"):
        declared = f"sqlite:///{tmp_path / 'declared.db'}"
    else:
        declared = request.getfixturevalue("postgresql_server").create()
    metadata.create_all(connect(declared))

    found = definitions(empty_database_url)
    assert "uq_attempt_in_flight" in found
    assert found == definitions(declared)


def test_second_upgrade_changes_nothing(empty_database_url):
    first = migrate.upgrade(empty_database_url)
    second = migrate.upgrade(empty_database_url)

    assert first == second == migrate.newest_revision() == migrate.current_revision(empty_database_url)
    assert migrate.pending(empty_database_url) == []


def test_empty_database_has_every_migration_pending(empty_database_url):
    assert migrate.current_revision(empty_database_url) is None
    waiting = migrate.pending(empty_database_url)

    assert waiting
    assert waiting[-1][0] == migrate.newest_revision()


def test_several_processes_may_upgrade_at_once(empty_postgresql_url):
    with ThreadPoolExecutor(4) as pool:
        reached = list(pool.map(migrate.upgrade, [empty_postgresql_url] * 4))

    assert set(reached) == {migrate.newest_revision()}


def test_unreachable_database_is_named(tmp_path):
    missing = f"postgresql://postgres@/nowhere?host={tmp_path}"

    with pytest.raises(StorageUnavailable, match="nowhere"):
        migrate.upgrade(missing)


def test_sqlite_files_are_their_owner_s_alone(tmp_path):
    path = tmp_path / "new" / "x.db"

    migrate.upgrade(f"sqlite:///{path}")

    assert path.stat().st_mode & 0o777 == 0o600


def test_database_of_a_newer_release_is_refused_by_name(empty_database_url):
    migrate.upgrade(empty_database_url)
    engine = connect(empty_database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    for attempt in (migrate.upgrade, migrate.pending):
        with pytest.raises(ConfigurationError, match=r"schema 9999.*newer release"):
            attempt(empty_database_url)


def test_file_that_is_no_database_is_a_matter_of_configuration(tmp_path):
    (tmp_path / "letter.db").write_text("dear sir or madam, " * 100)

    with pytest.raises(ConfigurationError, match="not a database"):
        migrate.upgrade(f"sqlite:///{tmp_path}/letter.db")


def test_engine_that_is_not_offered_is_named():
    with pytest.raises(ConfigurationError, match="mysql"):
        migrate.upgrade("mysql://h99@db.h99.example/lienthong")
