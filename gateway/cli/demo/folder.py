"""The folder that a demo works in: its configuration, its database, its log.

Invariant: only files that a demo made are ever removed; a folder named by the user must be empty.
"""

from __future__ import annotations

from pathlib import Path

import gateway
from gateway.domain.errors import ConfigurationError

DATABASE = "lienthong.db"
CONFIGURATION = "lienthong.toml"
PASSWORD = "portal-password.txt"  # noqa: S105 - a file's name
LOG = "gateway.log"
_OURS = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}.lock", CONFIGURATION, PASSWORD, LOG)
_EXAMPLES = Path(gateway.__file__).resolve().parents[1] / "examples"
# what examples/sandbox.toml says where a demo needs something else
_USUAL_DATABASE = "sqlite:///sandbox.db"
_USUAL_PORTAL = "http://127.0.0.1:8788"
_USUAL_PASSWORD = "examples/sandbox-password.txt"  # noqa: S105 - a file's name


def example(name: str) -> Path:
    """A file under ``examples/``; ConfigurationError outside a checkout."""
    path = _EXAMPLES / name
    if not path.is_file():
        raise ConfigurationError(f"the demo needs examples/{name}: run it from a checkout of the source")
    return path


def fresh(folder: Path, *, ours: bool) -> Path:
    """``folder``, empty. ``ours``: what an earlier demo left in it is removed first."""
    folder.mkdir(parents=True, exist_ok=True)
    if ours:
        for name in _OURS:
            (folder / name).unlink(missing_ok=True)
    elif any(folder.iterdir()):
        raise ConfigurationError(f"--keep: {folder} is not empty; name a new folder")
    return folder.resolve()


def configure(folder: Path, *, portal: str = _USUAL_PORTAL) -> Path:
    """Write the demo's configuration for the portal at ``portal``; where it is."""
    (folder / PASSWORD).write_bytes(example("sandbox-password.txt").read_bytes())
    (folder / PASSWORD).chmod(0o600)
    text = example("sandbox.toml").read_text(encoding="utf-8")
    for usual, ours in (
        (f'"{_USUAL_DATABASE}"', f'"sqlite:///{folder / DATABASE}"'),
        (f'"{_USUAL_PORTAL}/', f'"{portal}/'),
        (f'"{_USUAL_PASSWORD}"', f'"{folder / PASSWORD}"'),
    ):
        if text.count(usual) != 1:
            raise ConfigurationError(f"examples/sandbox.toml: expected {usual} in it exactly once")
        text = text.replace(usual, ours)
    path = folder / CONFIGURATION
    path.write_text(text, encoding="utf-8")
    return path
