"""Why a delivery does not arrive, in words for people: what has happened, what to do, who must act.

Invariant: a cause says both in Vietnamese and in English.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Who: TypeAlias = Literal["province", "operator", "partner", "nobody"]
"""Who must act: the one-door staff of the province, our operators, the partner; nobody: it waits by itself."""


class Wording(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same in both languages."""

    vi: str
    en: str


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cause. ``code``: that of the outcome. ``known`` False: nobody has written down what this code means."""

    code: str
    who: Who
    meaning: Wording
    advice: Wording
    known: bool = True
