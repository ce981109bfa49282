"""A database opened for reading only: no lock is taken, so it can be read beside a running gateway.

Invariant: nothing is ever written; on SQLite the connection itself is read-only. Others may write meanwhile, so two
statements may see two states.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from gateway.domain.errors import ConfigurationError
from gateway.storage.database import Database, Operation, Transaction, _dialect, _reader_engine
from gateway.storage.identity import Identifiers

T = TypeVar("T")
READERS = 2


class ReadingDatabase(Database):
    """Like ``Database``, but ``apply`` and ``write`` are refused."""

    writes = False

    def __init__(self, url: str) -> None:
        # The writing half of ``Database`` (lock, committer) is what must not be opened here.
        self.url = make_url(url)
        self.dialect = _dialect(self.url)
        self._require_file()
        self.identifiers = Identifiers.unregistered()
        self._reader_engine = _reader_engine(self.url)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")

    async def apply(self, operation: Operation, item: Any) -> NoReturn:
        """Refused: ConfigurationError."""
        raise ConfigurationError(f"database {self.url.render_as_string()}: it is open for reading only")

    async def write(self, unit: Callable[[Transaction], T]) -> NoReturn:
        """Refused: ConfigurationError."""
        raise ConfigurationError(f"database {self.url.render_as_string()}: it is open for reading only")

    def close(self) -> None:
        """Close every connection."""
        self._readers.shutdown(wait=True)
        self._reader_engine.dispose()

    def _require_file(self) -> None:
        if self.dialect == "sqlite" and not Path(self.url.database or "").is_file():
            raise ConfigurationError(
                f"there is no database at {self.url.database}; create it with lienthong migrate, or name the "
                "right configuration with --config"
            )


def database_clock(connection: sa.Connection) -> datetime:
    """What time it is for the database's server (SQLite has none of its own: this machine's)."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)
