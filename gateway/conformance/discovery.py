"""Finding every adapter: one subject per folder under ``adapters/`` and per variant of its specification.

Invariant: the kit has no list of adapters. A folder without the four names is reported, not passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import cast

from gateway.conformance.subject import Source, read_specification

RECORDED = Path("tests", "recorded")


def sources(trees: tuple[str, ...] = ()) -> list[Source]:
    """Every adapter of the repository and of ``trees``, each with all its variants, by name."""
    found = {home.name: home for root in _roots(trees) for home in _folders(root / "adapters")}
    return [
        Source(
            package=f"adapters.{name}",
            like=name,
            home=str(home),
            recorded=str(home.parent.parent / RECORDED / name),
            variant=variant,
            trees=trees,
        )
        for name, home in sorted(found.items())
        for variant in ("", *(each.name for each in read_specification(home).variant))
    ]


def _roots(trees: tuple[str, ...]) -> list[Path]:
    own = cast("list[str]", import_module("adapters").__path__)
    return [*(Path(path).parent for path in own), *(Path(tree) for tree in trees)]


def _folders(parent: Path) -> Iterator[Path]:
    if parent.is_dir():
        yield from (home for home in sorted(parent.iterdir()) if (home / "__init__.py").is_file())
