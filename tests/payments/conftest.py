"""An office for a test: a migrated database of its own, in memory where the machine has a place for that."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.payments.office import Office

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose files nobody waits for."""
    with tempfile.TemporaryDirectory(prefix="lienthong-", dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
async def office(folder: Path, migrated_sqlite_file: Path) -> AsyncIterator[Office]:
    """One process and the platform."""
    opened = Office(folder, migrated_sqlite_file)
    yield opened
    opened.close()
