"""The folder that a demo works in: its configuration, its database, its log.

Invariant: only files that a demo made are ever removed; a folder named by the user must be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

import gateway
from gateway.domain.errors import ConfigurationError
from gateway.sandbox import Authority

DATABASE = "lienthong.db"
CONFIGURATION = "lienthong.toml"
LOG = "gateway.log"
# a secret's file here, and what it is copied from
_SECRETS = {
    "portal-password.txt": "sandbox-password.txt",
    "payment-secret.txt": "payment-secret.txt",
    "judicial-key.txt": "judicial-key.txt",
}
# keys for signatures, made when the demo begins: ours, and the ministry's for its answers
_SIGNERS = {"h99": "Tỉnh H99 (bản trình diễn)", "ministry": "Bộ Xây dựng (mô phỏng)"}
_OURS = (
    DATABASE,
    f"{DATABASE}-wal",
    f"{DATABASE}-shm",
    f"{DATABASE}.lock",
    CONFIGURATION,
    *_SECRETS,
    *(f"{name}.{kind}" for name in _SIGNERS for kind in ("crt", "key")),
    LOG,
)
_EXAMPLES = Path(gateway.__file__).resolve().parents[1] / "examples"
# what the examples say where a demo needs something else
_USUAL_DATABASE = "sqlite:///sandbox.db"
_USUAL_PORTAL = "http://127.0.0.1:8788"
_USUAL_PLATFORM = "127.0.0.1:8789"
_USUAL_STORE = "127.0.0.1:8795"
_USUAL_MINISTRIES = {
    "judicial_records": "http://127.0.0.1:8790",
    "construction": "http://127.0.0.1:8796",
}
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
    text = _behind("sandbox.toml") + _paying() + _behind("ministries.toml", _MINISTRIES) + _signing(folder)
    path = folder / CONFIGURATION
    path.write_text(_replaced(text, _changes(folder, addresses)), encoding="utf-8")
    return path


def _changes(folder: Path, addresses: Addresses) -> Mapping[str, str]:
    """What stands in the examples, and what the demo needs instead."""
    changes = {f'"examples/{source}"': f'"{folder / name}"' for name, source in _SECRETS.items()}
    changes |= {f'"{_USUAL_MINISTRIES[name]}': f'"{url}' for name, url in addresses.ministries.items()}
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


def _signing(folder: Path) -> str:
    """Both keys, and that calls to the ministry of construction are signed, as its answers are."""
    keys = [
        f'[[signing.keys.{name}]]\nkind = "pem"\ncertificate = "{folder / name}.crt"\nkey = "{folder / name}.key"\n'
        for name in _SIGNERS
    ]
    trusted = f'[signing.trusted]\nministry = ["{folder / "ministry.crt"}"]\n'
    section = '[destination.construction.settings.signing]\nprofile = "wsse_x509"\nkey = "h99"\ntrusted = "ministry"\n'
    return "\n".join([*keys, trusted, section])


def make_keys(folder: Path, now: datetime) -> None:
    """New keys for signatures, worth nothing beyond this demo."""
    authority = Authority(now)
    for name, subject in _SIGNERS.items():
        holder = authority.signer(subject)
        (folder / f"{name}.crt").write_bytes(holder.certificate)
        (folder / f"{name}.key").touch(mode=0o600)
        (folder / f"{name}.key").write_bytes(holder.key)


def _behind(name: str, begin: str = "") -> str:
    """An example from ``begin`` on."""
    before, found, text = example(name).read_text(encoding="utf-8").partition(begin or "\n")
    if not found:
        raise ConfigurationError(f"examples/{name}: expected {begin.strip()} in it")
    return f"{begin or before}{'' if begin else found}{text}\n"
