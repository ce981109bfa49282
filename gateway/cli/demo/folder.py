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
SECRET = "payment-secret.txt"  # noqa: S105 - a file's name
LOG = "gateway.log"
_OURS = (
    DATABASE,
    f"{DATABASE}-wal",
    f"{DATABASE}-shm",
    f"{DATABASE}.lock",
    CONFIGURATION,
    PASSWORD,
    SECRET,
    LOG,
)
_EXAMPLES = Path(gateway.__file__).resolve().parents[1] / "examples"
# what examples/sandbox.toml says where a demo needs something else
_USUAL_DATABASE = "sqlite:///sandbox.db"
_USUAL_PORTAL = "http://127.0.0.1:8788"
_USUAL_PASSWORD = "examples/sandbox-password.txt"  # noqa: S105 - a file's name
# of examples/payments.toml, from here on
_PLATFORM = "[destination.payment_platform.settings]\n"
_USUAL_PLATFORM = "127.0.0.1:8789"
_USUAL_SECRET = "examples/payment-secret.txt"  # noqa: S105 - a file's name
_IMPATIENCE = "query_schedule_s = [1.0, 2.0]\nquery_every_s = 1.0\nabsent_after_s = 0.5\n"


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


def configure(folder: Path, *, portal: str = _USUAL_PORTAL, platform: str = _USUAL_PLATFORM) -> Path:
    """Write the demo's configuration for the portal at ``portal`` and the payment platform at the host ``platform``;
    where it is."""
    for name, source in ((PASSWORD, "sandbox-password.txt"), (SECRET, "payment-secret.txt")):
        (folder / name).write_bytes(example(source).read_bytes())
        (folder / name).chmod(0o600)
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
    path.write_text(f"{text}\n{_payments(folder, platform)}", encoding="utf-8")
    return path


def _payments(folder: Path, platform: str) -> str:
    """The payment platform's part of the configuration; asked soon, since nobody waits two minutes in a demo."""
    _, found, text = example("payments.toml").read_text(encoding="utf-8").partition(_PLATFORM)
    if not found or _USUAL_SECRET not in text or _USUAL_PLATFORM not in text:
        raise ConfigurationError(f"examples/payments.toml: expected {_PLATFORM.strip()} with the usual names")
    text = text.replace(_USUAL_PLATFORM, platform).replace(_USUAL_SECRET, str(folder / SECRET))
    return _PLATFORM + _IMPATIENCE + text
