"""Checks of this machine and its files: configuration, secrets, disk.

Invariant: a check that cannot be made is a finding, never a traceback.
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.cli.doctor.finding import Finding, fail, ok, warn
from gateway.domain.errors import ConfigurationError
from gateway.settings import DEFAULT_FILE, Settings

ENOUGH_BYTES = 5 * 1024**3
TOO_FEW_BYTES = 512 * 1024**2
OTHERS = 0o077
_SQLITE = "sqlite:///"


def check_configuration(settings: Settings, config: Path | None) -> Iterator[Finding]:
    """The adapter of every destination that is on can be built from its settings, and the source tables can be read."""
    from gateway.bootstrap import build_adapter
    from mappings.sources import Translation

    file = config or Path(DEFAULT_FILE)
    where = str(file) if file.is_file() else "no file, defaults and environment only"
    names = ", ".join(sorted(settings.destination)) or "none"
    if settings.destination:
        yield ok("configuration", f"{where}; destinations: {names}")
    else:
        yield warn("configuration", f"{where}; no destination", "add a [destination.NAME] section")
    for name, section in sorted(settings.destination.items()):
        if not section.enabled:
            continue  # its keys may come with the day on which it is switched on
        try:
            build_adapter(name, section)
        except ConfigurationError as fault:
            yield fail(
                f"destination {name}", str(fault), "correct its settings; see: lienthong adapters show"
            )
    try:
        Translation.load(settings.sources.tables)
    except ConfigurationError as fault:
        yield fail("source tables", str(fault), "correct sources.tables, or the tables in that folder")


def check_secrets(config: Path | None) -> Iterator[Finding]:
    """Files with secrets can be read by us and by nobody else."""
    file = config or Path(DEFAULT_FILE)
    if not file.is_file():
        return
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    for place, path in _secret_files(document, ""):
        try:
            mode = path.stat().st_mode
        except OSError as fault:
            yield fail(
                f"secret {place}", f"{path}: {fault.strerror}", "make the file, readable for this user"
            )
            continue
        if mode & OTHERS:
            yield warn(
                f"secret {place}", f"{path} is open to others ({mode & 0o777:03o})", f"chmod 600 {path}"
            )
        else:
            yield ok(f"secret {place}", f"{path} is ours alone")


def _secret_files(value: Any, place: str) -> Iterator[tuple[str, Path]]:
    match value:
        case {"file": str(name)} if len(value) == 1:
            yield place.removeprefix("."), Path(name)
        case Mapping():
            for key, item in value.items():
                yield from _secret_files(item, f"{place}.{key}")
        case _:
            return


def check_disk(settings: Settings) -> Iterator[Finding]:
    """There is room where the SQLite database lies."""
    if not settings.database.url.startswith(_SQLITE):
        return
    folder = Path(settings.database.url.removeprefix(_SQLITE)).resolve().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    told = f"{free / 1024**3:,.1f} GB free in {folder}"
    if free < TOO_FEW_BYTES:
        yield fail("disk", told, "free some space: without it nothing is accepted and nothing is sent")
    elif free < ENOUGH_BYTES:
        yield warn("disk", told, "free some space soon")
    else:
        yield ok("disk", told)
