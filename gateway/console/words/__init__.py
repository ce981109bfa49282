"""The words of the console in Vietnamese and English: one file per area, ``[area]`` with a key, then both languages.

Invariant: every key has both; a key that is not there is a defect that the first test finds.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path

from gateway.console.page import Language

LANGUAGES: tuple[Language, ...] = ("vi", "en")


@functools.cache
def catalogue() -> Mapping[str, Mapping[Language, str]]:
    """Every key, as ``area.key``, with its words by language."""
    found: dict[str, Mapping[Language, str]] = {}
    for file in sorted(Path(__file__).parent.glob("*.toml")):
        for key, words in tomllib.loads(file.read_text(encoding="utf-8")).items():
            found[f"{file.stem}.{key}"] = words
    return found


def say(language: Language, key: str, /, **values: object) -> str:
    """The words of ``key``, with ``{name}`` in them replaced by ``values``. KeyError: there is no such key."""
    words = catalogue()[key][language]
    return words.format_map(values) if values else words


def said(language: Language, key: str, otherwise: str) -> str:
    """The words of ``key``, or ``otherwise`` for a code that a partner or a later release has made up."""
    known = catalogue().get(key)
    return otherwise if known is None else known[language]
