"""What a backup says of itself: every file with its SHA-256, and what the database held.

A backup is a folder with ``manifest.json``, whose own digest stands in ``manifest.sha256``. Invariant: a byte that differs,
a file that is missing and a file too many are found, each by its name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from gateway.domain.errors import ConfigurationError, GatewayError

FORMAT = "lienthong-backup/1"
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
SQLITE_FILE, POSTGRESQL_FILE = "database.sqlite", "database.pgdump"
UNFINISHED = ".unfinished-"

Told: TypeAlias = Callable[[str, int, int], None]
"""Told how far it is: what, bytes (or pages) done, of how many; 0: not known."""


class BackupDamaged(GatewayError):
    """The backup is not what was written; take another one, and look at the disk."""


class BackedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a backup; ``name`` with ``/``, from the backup's folder."""

    name: str
    bytes: int
    sha256: str


class LoggedUpTo(msgspec.Struct, frozen=True, kw_only=True):
    """How far the message log had come: numbered ``entries``, the newest entry of all, the newest checkpoint's note."""

    entries: int
    newest_entry: str | None = None
    newest_at: datetime | None = None
    checkpoint: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. ``counts``: rows of every table; ``keys``: where the keys of the message log went;
    ``configuration``: the name under which it was read, empty for none."""

    format: str
    taken_at: datetime
    release: str
    engine: Literal["sqlite", "postgresql"]
    schema: str
    log: LoggedUpTo
    counts: dict[str, int]
    keys: Literal["inside", "apart", "left out", "none"]
    files: list[BackedFile]

    @property
    def database(self) -> str:
        """The file that holds the database."""
        return SQLITE_FILE if self.engine == "sqlite" else POSTGRESQL_FILE


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path) -> list[Path]:
    """Every file of a backup but the manifest and its digest, in the order of their names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if path.parent != folder or path.name not in {MANIFEST, SEAL})


def describe(folder: Path) -> list[BackedFile]:
    """The files that are in ``folder``, read back from disk."""
    return [
        BackedFile(
            name=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=digest_of(path)
        )
        for path in files_in(folder)
    ]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it and its digest, durably."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    write_durably(folder / MANIFEST, data)
    write_durably(folder / SEAL, f"{hashlib.sha256(data).hexdigest()}  {MANIFEST}\n".encode())


def write_durably(path: Path, data: bytes) -> None:
    """Write a file for its owner alone; on disk on return."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Manifest:
    """What the backup in ``folder`` says of itself. Raises BackupDamaged."""
    try:
        data, seal = (folder / MANIFEST).read_bytes(), (folder / SEAL).read_bytes()
    except OSError as fault:
        raise BackupDamaged(f"{fault.filename}: {fault.strerror}; this is no finished backup") from fault
    if seal != f"{hashlib.sha256(data).hexdigest()}  {MANIFEST}\n".encode():
        raise BackupDamaged(f"{folder / MANIFEST} is not what {SEAL} says: one of the two was changed")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as fault:
        raise BackupDamaged(f"{folder / MANIFEST}: {fault}; another release wrote it") from fault
    if manifest.format != FORMAT:
        raise BackupDamaged(f"{folder / MANIFEST}: got format {manifest.format!r}, expected {FORMAT!r}")
    return manifest


def damages(folder: Path, manifest: Manifest, told: Told) -> Iterator[str]:
    """What is wrong with the files of the backup in ``folder``, a sentence each; nothing when all is well."""
    total, done = sum(each.bytes for each in manifest.files), 0
    for each in manifest.files:
        told("checking", done, total)
        done += each.bytes
        try:
            got = digest_of(folder / each.name)
        except OSError as fault:
            yield f"{each.name} cannot be read: {fault.strerror}"
            continue
        if got != each.sha256:
            yield f"{each.name} is not what was written: SHA-256 {got[:16]}…, expected {each.sha256[:16]}…"
    named = {each.name for each in manifest.files}
    found = (path.relative_to(folder).as_posix() for path in files_in(folder))
    yield from (f"{name} is not part of the backup" for name in found if name not in named)


def require_whole(folder: Path, manifest: Manifest, told: Told) -> None:
    """Raise BackupDamaged when a file of the backup is not what was written."""
    wrong = list(damages(folder, manifest, told))
    if wrong:
        raise BackupDamaged(f"{folder}: {'; '.join(wrong)}")


def find_backup(folder: Path) -> Path:
    """``folder``, if it is a backup, else the newest finished one in it. Raises ConfigurationError."""
    if (folder / MANIFEST).is_file():
        return folder
    found = finished_in(folder)
    if not found:
        raise ConfigurationError(f"{folder}: there is no backup; make one with lienthong backup {folder}")
    return found[-1]


def finished_in(folder: Path) -> list[Path]:
    """The finished backups in ``folder``, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_finished(path))


def is_finished(path: Path) -> bool:
    """Whether ``path`` is a backup that was written to its end."""
    return path.is_dir() and not path.name.startswith(".") and (path / SEAL).is_file()
