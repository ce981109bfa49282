"""Bringing a database to the current schema. Migrations are additive: what runs of the previous release goes on."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from gateway.domain.errors import ConfigurationError, GatewayError, StorageUnavailable
from gateway.storage.database import _dialect

_SCRIPTS = Path(__file__).parent / "migrations"
_POSTGRESQL_LOCK = 7_211_403_552  # one migration at a time, whatever the number of processes


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def _engine(url: str) -> sa.Engine:
    parsed = make_url(url)
    if _dialect(parsed) == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    elif parsed.database:
        _private_file(Path(parsed.database))
    return sa.create_engine(parsed, poolclass=NullPool)


def _told(engine: sa.Engine, fault: sa.exc.DatabaseError) -> GatewayError:
    """Away for now, or not a database that we can use: another file, or a role without the rights."""
    told = f"database {engine.url.render_as_string()}: {fault.orig}"
    if isinstance(fault, sa.exc.OperationalError):
        return StorageUnavailable(told)
    return ConfigurationError(f"{told}; check database.url and the rights of its user")


def require_known(revision: str | None) -> None:
    """ConfigurationError for a database that a newer release has been at."""
    if revision is None:
        return
    known = {item.revision for item in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision not in known:
        raise ConfigurationError(
            f"the database is at schema {revision}, which this release does not know (its newest is "
            f"{newest_revision()}): a newer release has upgraded it; start that one"
        )


def _private_file(path: Path) -> None:
    """Make the file for its owner alone, if it is not there: it will hold citizens' data; SQLite's own side files
    take its permissions over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def current_revision(url: str) -> str | None:
    """The revision that the database is at; None when it is empty."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except sa.exc.DatabaseError as fault:
        raise _told(engine, fault) from fault
    finally:
        engine.dispose()


def revision_of(connection: sa.Connection) -> str | None:
    """The revision that an open connection sees; None in an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


@functools.cache
def newest_revision() -> str:
    """The revision of this release."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the package holds no migrations")
    return head


def pending(url: str) -> list[tuple[str, str]]:
    """(revision, what it does) of every migration that ``upgrade`` would run, oldest first."""
    script = ScriptDirectory.from_config(_config())
    current = current_revision(url)
    require_known(current)
    rows = [(item.revision, item.doc or "") for item in script.iterate_revisions("head", current or "base")]
    return list(reversed(rows))


def upgrade(url: str) -> str:
    """Run what is pending; the revision reached. Several processes may call it at once."""
    current = current_revision(url)
    if current == newest_revision():
        return newest_revision()
    require_known(current)
    engine = _engine(url)
    config = _config()
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _POSTGRESQL_LOCK})
                connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _POSTGRESQL_LOCK})
                connection.commit()
    except sa.exc.DatabaseError as fault:
        raise _told(engine, fault) from fault
    finally:
        engine.dispose()
    return newest_revision()
