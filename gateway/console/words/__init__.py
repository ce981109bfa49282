"""The words of the console in Vietnamese and English: one file per area, ``[area]`` with a key, then both languages.

English words that go by a number stand beside it as ``{count} {count:delivery is|deliveries are}``: what is before the
bar is said of 1, what is behind it of everything else, and may hold placeholders itself. Vietnamese needs none of it.

Invariant: every key has both; a key that is not there is a defect that the first test finds.
"""

from __future__ import annotations

import functools
import string
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """The words of ``key``, with ``{name}`` in them replaced by ``values``, and ``{name:one|many}`` by the fitting form.

    KeyError: there is no such key.
    """
    words = catalogue()[key][language]
    return _FORMS.vformat(words, (), values) if values else words


def said(language: Language, key: str, otherwise: str) -> str:
    """The words of ``key``, or ``otherwise`` for a code that a partner or a later release has made up."""
    known = catalogue().get(key)
    return otherwise if known is None else known[language]


class _Forms(string.Formatter):
    """Knows ``{name:one|many}`` beside what every format string knows."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if not bar:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else many  # numbers come as they are shown: 1, "1", "1.000", "1,5"


_FORMS = _Forms()
