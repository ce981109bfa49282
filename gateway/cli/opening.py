"""Opening what a command works on: settings, a whole gateway, or a database for reading only.

Invariant: whatever was opened is closed when the command ends, however it ends.
"""

from __future__ import annotations

import asyncio
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


@contextmanager
def reading(settings: Settings) -> Iterator[Database]:
    """The database alone, for reading."""
    from gateway.bootstrap import database_url
    from gateway.storage.reading import ReadingDatabase

    database = ReadingDatabase(database_url(settings.database))
    try:
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
