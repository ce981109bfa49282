"""The console's own style, script and the vendored one: read once, named by their content, kept by browsers.

Invariant: an address names its bytes, so a browser may keep them for a year and an upgrade is seen at once.
"""

from __future__ import annotations

import functools
import hashlib
from importlib.resources import files
from typing import NamedTuple

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Asset(NamedTuple):
    """One file as it is served."""

    content: bytes
    media_type: str


@functools.cache
def assets() -> dict[str, Asset]:
    """Every file by the name under which it is served: ``<digest>-<file name>``."""
    found = {}
    for file in files("gateway.console").joinpath("assets").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[f"{digest}-{file.name}"] = Asset(content, _TYPES[suffix])
    return found


@functools.cache
def addresses() -> dict[str, str]:
    """Where each file is, by its file name."""
    return {name.partition("-")[2]: f"/console/assets/{name}" for name in assets()}
