"""Opening what a command works on: settings, a whole gateway, or a database for reading only.

Invariant: whatever was opened is closed when the command ends, however it ends.
"""

from __future__ import annotations

import asyncio
import fcntl
import getpass
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway
    from gateway.settings import Settings
    from gateway.storage.database import Database

T = TypeVar("T")
_SQLITE = "sqlite:///"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end."""
    return asyncio.run(work)


def configured(config: Path | None, *, quiet: bool = True) -> Settings:
    """The settings, and the program log set up; ``quiet`` lets only warnings through, unless the file asks for more."""
    from gateway.settings import load
    from gateway.telemetry import configure_logging

    settings = load(config)
    level = "warning" if quiet and settings.log.level == "info" else settings.log.level
    configure_logging(level, "json" if settings.log.format == "json" else "console")
    return settings


@asynccontextmanager
async def opened(
    settings: Settings, *, reading: bool = False, upgrade: bool = False
) -> AsyncIterator[Gateway]:
    """A whole gateway. ``reading``: nothing is locked and nothing can be written."""
    from gateway.bootstrap import open_gateway

    gateway = await open_gateway(settings, upgrade=upgrade, reading=reading)
    try:
        yield gateway
    finally:
        await gateway.close()


def has_database(settings: Settings) -> bool:
    """Whether the SQLite file is there; always true for a server."""
    url = settings.database.url
    return not url.startswith(_SQLITE) or Path(url.removeprefix(_SQLITE)).is_file()


def require_free(settings: Settings, *, instead: str) -> None:
    """Refuse to work on an SQLite database that a running gateway has open; ConfigurationError says what to do
    ``instead``."""
    from gateway.domain.errors import ConfigurationError

    path = Path(f"{settings.database.url.removeprefix(_SQLITE)}.lock")
    if not settings.database.url.startswith(_SQLITE) or not path.is_file():
        return
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise ConfigurationError(
                f"a running gateway has {settings.database.url} open, and SQLite takes exactly one process; {instead}"
            ) from fault


@contextmanager
def reading(settings: Settings) -> Iterator[Database]:
    """The database alone, for reading."""
    from gateway.messagelog.keys import open_contents
    from gateway.settings import database_url, keys_folder
    from gateway.storage.reading import ReadingDatabase

    database = ReadingDatabase(database_url(settings.database))
    open_contents(database, keys_folder(settings))
    try:
        yield database
    finally:
        database.close()


@contextmanager
def writing(settings: Settings, *, instead: str) -> Iterator[Database]:
    """The database alone, for one change that is logged like any other. On SQLite no gateway may run meanwhile."""
    from gateway.messagelog.acts import oversight
    from gateway.messagelog.keys import open_contents
    from gateway.settings import database_url, keys_folder
    from gateway.storage.database import Database
    from gateway.storage.migrate import upgrade
    from gateway.storage.restoration import restored_at

    require_free(settings, instead=instead)
    url = database_url(settings.database)
    upgrade(url)
    database = Database(url)
    try:
        open_contents(database, keys_folder(settings))
        database.oversight = oversight(settings.approvals.required, settings.approvals.lifetime)
        database.restored_at = database.ask(restored_at)
        yield database
    finally:
        database.close()


def ask(config: Path | None, question: Callable[[Any], T]) -> T:
    """One question to the database of this configuration."""
    with reading(configured(config)) as database:
        return database.ask(question)


def actor_name(given: str | None) -> str:
    """Who is acting: what was given, or the login name."""
    if given:
        return given
    return os.environ.get("SUDO_USER") or getpass.getuser()
