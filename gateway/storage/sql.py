"""Hot statements: written once, with ``:name`` parameters, for both drivers.

Four words differ between the engines and are written in capitals inside a statement: ``IN_ARRAY(:x)`` (bind with
``Transaction.array``), ``SKIP_LOCKED``, ``FOR_UPDATE`` and ``FOR_KEY_SHARE`` (row locks, which SQLite's single writer does
not need). Whoever holds FOR_KEY_SHARE keeps out FOR_UPDATE, and neither others like itself nor an ordinary UPDATE.
"""

from __future__ import annotations

import re
from typing import Literal

Dialect = Literal["sqlite", "postgresql"]

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_ARRAY = re.compile(r"IN_ARRAY\(:([a-z_]+)\)")
_WORDS: dict[Dialect, tuple[tuple[str, str], ...]] = {
    "sqlite": (("SKIP_LOCKED", ""), ("FOR_UPDATE", ""), ("FOR_KEY_SHARE", "")),
    "postgresql": (
        ("SKIP_LOCKED", "FOR UPDATE SKIP LOCKED"),
        ("FOR_UPDATE", "FOR UPDATE"),
        ("FOR_KEY_SHARE", "FOR KEY SHARE"),
    ),
}
_ARRAY_FORM: dict[Dialect, str] = {
    "sqlite": r"IN (SELECT value FROM json_each(:\1))",
    "postgresql": r"= ANY(:\1)",
}


class Statement:
    """One statement in both dialects."""

    __slots__ = ("postgresql", "sqlite")

    def __init__(self, text: str, *, postgresql: str | None = None) -> None:
        self.sqlite = _render(text, "sqlite")
        self.postgresql = _PARAMETER.sub(r"%(\1)s", _render(postgresql or text, "postgresql"))


def _render(text: str, dialect: Dialect) -> str:
    text = " ".join(text.split())
    for word, replacement in _WORDS[dialect]:
        text = text.replace(word, replacement)
    return _ARRAY.sub(_ARRAY_FORM[dialect], text)


def insert(table: str, columns: tuple[str, ...], *, suffix: str = "") -> Statement:
    """``INSERT INTO table (columns) VALUES (:columns)`` with an optional conflict clause."""
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    return Statement(f"INSERT INTO {table} ({names}) VALUES ({values}) {suffix}")  # noqa: S608 - our own names


def insert_rows(table: str, columns: tuple[str, ...]) -> Statement:
    """Like ``insert``, for rows that are tuples in the order of ``columns``.

    For what is written with every message: names cost 3 µs a row of twenty columns, in both drivers.
    """
    text = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({{}})"  # noqa: S608 - our own names
    return Statement(
        text.format(", ".join("?" for _ in columns)),
        postgresql=text.format(", ".join("%s" for _ in columns)),
    )
