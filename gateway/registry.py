"""Finding adapters: a folder ``adapters/<name>/`` that exposes manifest, Settings, build and simulate *is* one."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from gateway.domain.errors import ConfigurationError
from gateway.port import AdapterModule

EXPOSED = ("manifest", "Settings", "build", "simulate")


def discover() -> dict[str, AdapterModule]:
    """Every adapter by folder name. ConfigurationError when a folder lacks one of the four names."""
    package = importlib.import_module("adapters")
    names = sorted(item.name for item in pkgutil.iter_modules(package.__path__) if item.ispkg)
    return {name: load(name) for name in names}


def load(name: str) -> AdapterModule:
    """The adapter in folder ``name``."""
    try:
        module = importlib.import_module(f"adapters.{name}")
    except ModuleNotFoundError as fault:
        if fault.name != f"adapters.{name}":
            raise
        raise ConfigurationError(f"adapter {name!r}: there is no folder adapters/{name}") from fault
    missing = [exposed for exposed in EXPOSED if not hasattr(module, exposed)]
    if missing:
        raise ConfigurationError(f"adapter {name!r}: adapters/{name}/__init__.py lacks {', '.join(missing)}")
    return cast("AdapterModule", module)
