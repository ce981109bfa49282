"""Tables of causes: what each code of an adapter means to people, from a file ``causes.toml`` beside its mapping.

Invariant: a table is complete or not loaded: every row has its words in both languages and who must act.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec

from gateway.domain.cause import Cause

NAME = "causes.toml"


def causes_of(package: str) -> tuple[Cause, ...]:
    """The table in ``package``, by code."""
    text = files(package).joinpath(NAME).read_text(encoding="utf-8")
    rows = tomllib.loads(text)
    return tuple(msgspec.convert({"code": code, **row}, Cause) for code, row in sorted(rows.items()))
