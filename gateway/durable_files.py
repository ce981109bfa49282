"""Files beside the database that are on disk when a call returns: keys, archives, backups, a witness's memory.

Invariant: whoever looks sees the file as it was before or as it is now, never a part of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write ``path``, in place of what was there. Raises OSError."""
    fresh = _fresh(path)
    try:
        _write(fresh, content, os.O_TRUNC, 0o666)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # some file systems cannot make a folder durable
        synchronise(path.parent)


def write_first(path: Path, content: bytes) -> None:
    """Write ``path`` for its owner alone; where another process was faster, its file stays. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = _fresh(path)
    _write(fresh, content, os.O_EXCL, 0o600)
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
    synchronise(path.parent)


def synchronise(path: Path) -> None:
    """Make a file, or the names in a folder, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fresh(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _write(path: Path, content: bytes, how: int, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
