"""The folder that a demo works in: its configuration, its database, its log.

Invariant: only files that a demo made are ever removed; a folder named by the user must be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

import gateway
from gateway.domain.errors import ConfigurationError

DATABASE = "lienthong.db"
CONFIGURATION = "lienthong.toml"
LOG = "gateway.log"
# a secret's file here, and what it is copied from
_SECRETS = {
    "portal-password.txt": "sandbox-password.txt",
    "payment-secret.txt": "payment-secret.txt",
    "judicial-key.txt": "judicial-key.txt",
}
_OURS = (
    DATABASE,
    f"{DATABASE}-wal",
    f"{DATABASE}-shm",
    f"{DATABASE}.lock",
    CONFIGURATION,
    *_SECRETS,
    LOG,
)
_EXAMPLES = Path(gateway.__file__).resolve().parents[1] / "examples"
# what the examples say where a demo needs something else
_USUAL_DATABASE = "sqlite:///sandbox.db"
_USUAL_PORTAL = "http://127.0.0.1:8788"
_USUAL_PLATFORM = "127.0.0.1:8789"
_USUAL_STORE = "127.0.0.1:8795"
_USUAL_MINISTRIES = {"judicial_records": "http://127.0.0.1:8790"}
# from here on an example is taken
_PLATFORM = "[destination.payment_platform.settings]\n"
_MINISTRIES = "[files]\n"
_IMPATIENCE = "query_schedule_s = [1.0, 2.0]\nquery_every_s = 1.0\nabsent_after_s = 0.5\n"


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where everybody is: the portal, the host of the payment platform, ministries by name, the host of the store."""

    portal: str = _USUAL_PORTAL
    platform: str = _USUAL_PLATFORM
    ministries: Mapping[str, str] = msgspec.field(default_factory=lambda: _USUAL_MINISTRIES)
    store: str = _USUAL_STORE


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


def configure(folder: Path, addresses: Addresses) -> Path:
    """Write the demo's configuration for partners at ``addresses``; where it is."""
    for name, source in _SECRETS.items():
        (folder / name).write_bytes(example(source).read_bytes())
        (folder / name).chmod(0o600)
    text = _behind("sandbox.toml") + _paying() + _behind("ministries.toml", _MINISTRIES)
    path = folder / CONFIGURATION
    path.write_text(_replaced(text, _changes(folder, addresses)), encoding="utf-8")
    return path


def _changes(folder: Path, addresses: Addresses) -> Mapping[str, str]:
    """What stands in the examples, and what the demo needs instead."""
    changes = {f'"examples/{source}"': f'"{folder / name}"' for name, source in _SECRETS.items()}
    changes |= {f'"{_USUAL_MINISTRIES[name]}"': f'"{url}"' for name, url in addresses.ministries.items()}
    return changes | {
        f'"{_USUAL_DATABASE}"': f'"sqlite:///{folder / DATABASE}"',
        f'"{_USUAL_PORTAL}/': f'"{addresses.portal}/',
        _USUAL_PLATFORM: addresses.platform,
        f'"{_USUAL_STORE}"': f'"{addresses.store}"',
    }


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for usual, ours in changes.items():
        if usual not in text:
            raise ConfigurationError(f"the examples' configuration: expected {usual} in it")
        text = text.replace(usual, ours)
    return text


def _paying() -> str:
    """The payment platform's part; asked soon, since nobody waits two minutes in a demo."""
    return _behind("payments.toml", _PLATFORM).replace(_PLATFORM, _PLATFORM + _IMPATIENCE)


def _behind(name: str, begin: str = "") -> str:
    """An example from ``begin`` on."""
    before, found, text = example(name).read_text(encoding="utf-8").partition(begin or "\n")
    if not found:
        raise ConfigurationError(f"examples/{name}: expected {begin.strip()} in it")
    return f"{begin or before}{'' if begin else found}{text}\n"
