"""The folder of keys: master keys that wrap the keys of contents. Made on the first start, needed on every later one.

A master key is ``master-<n>.key``, 32 random bytes in Base64; the highest number wraps what is new, the others open what
they wrapped. Invariant: no key is made while the database knows one that is not here, so that a folder that got lost,
or was not copied to another machine, is noticed before anything is encrypted with another key.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from gateway.domain.errors import ConfigurationError
from gateway.durable_files import write_first
from gateway.messagelog.vault import KEY_BYTES, Vault, fingerprint
from gateway.storage.contents import Contents, masters_in_use
from gateway.storage.database import Database

log = structlog.get_logger(__name__)
_NAME = re.compile(r"master-([1-9]\d{0,5})\.key")


def open_vault(folder: Path, known: Iterable[str]) -> Vault:
    """The master keys in ``folder``, and a first one where there is none. ``known``: fingerprints of those that the
    database needs. Raises ConfigurationError."""
    masters = _masters(folder)
    lost = sorted(set(known) - {fingerprint(key) for key in masters.values()})
    if lost:
        raise ConfigurationError(
            f"evidence.keys: {folder} lacks the master key {', '.join(lost)}, with which contents of this database are "
            "encrypted; copy the folder of keys from the machine that has it, or from its backup"
        )
    return _vault(masters or {1: add_master(folder, 1)})


def _vault(masters: Mapping[int, bytes]) -> Vault:
    return Vault({fingerprint(key): key for key in masters.values()}, fingerprint(masters[max(masters)]))


def open_contents(database: Database, folder: Path | None) -> None:
    """Give ``database`` the keys of its log's contents; without a ``folder`` they are written in clear. One that is only
    read gets the keys that there are. Raises ConfigurationError, and closes the database then."""
    if folder is None:
        log.info("contents_are_not_encrypted", cure="name a folder for the keys: evidence.keys")
        return

    def again() -> Vault:
        return open_vault(folder, ())

    try:
        if database.writes:
            database.contents = Contents(open_vault(folder, database.ask(masters_in_use)), again)
        elif masters := _masters(folder):
            database.contents = Contents(_vault(masters), again)
    except ConfigurationError:
        database.close()
        raise


def add_master(folder: Path, number: int) -> bytes:
    """Make master key ``number``; the one that is there when another process was faster. Raises ConfigurationError."""
    return make_key_file(folder / f"master-{number}.key")


def make_key_file(path: Path) -> bytes:
    """Make the key ``path``, or read the one that is there when another process was faster. Raises ConfigurationError."""
    try:
        write_first(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    except OSError as fault:
        raise ConfigurationError(f"evidence.keys: {path.parent}: cannot make {path.name}: {fault}") from fault
    return read_key_file(path)


def newest_master(folder: Path) -> int:
    """The number of the newest master key in ``folder``; 0 for none."""
    return max(_masters(folder), default=0)


def _masters(folder: Path) -> dict[int, bytes]:
    try:
        names = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise ConfigurationError(f"evidence.keys: {folder} cannot be read: {fault}") from fault
    return {number: read_key_file(path) for number, path in names}


def read_key_file(path: Path) -> bytes:
    """The key in ``path``, which nobody else can read. Raises ConfigurationError."""
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"evidence.keys: {path} can be read by others; run: chmod 600 {path}")
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, binascii.Error) as fault:
        raise ConfigurationError(f"evidence.keys: {path} cannot be read: {fault}") from fault
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"evidence.keys: {path}: got {len(key)} bytes, expected {KEY_BYTES} in Base64"
        )
    return key
