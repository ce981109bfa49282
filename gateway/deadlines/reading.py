"""Reading a promise as it stands on the wire: for a whole day, or to the instant (R25, T01-T04).

National systems write local time without a zone, as eight or fourteen digits (domain_rules §3.6). Invariant: what is
neither is refused, never guessed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from gateway.deadlines.classes import Flag
from gateway.deadlines.instants import VIETNAM

_END_OF_DAY = "235959"
_MIDNIGHT = "000000"


class Grain(StrEnum):
    """How exact a promise is."""

    DATE = "DATE"
    INSTANT = "INSTANT"


class DueReading(msgspec.Struct, frozen=True, kw_only=True):
    """A promise as read; both None when there is none (R20)."""

    due_at: datetime | None = None
    grain: Grain | None = None
    flags: frozenset[Flag] = frozenset()


def read_due(text: str | None) -> DueReading:
    """``yyyyMMdd`` or ``yyyyMMddHHmmss``, Viet Nam's time; empty or None: no promise. ValueError otherwise.

    Eight digits, or fourteen that end in 000000, mean that day, so they read as its last second.
    """
    digits = (text or "").strip()
    if not digits:
        return DueReading(flags=frozenset({Flag.NO_DUE}))
    if not (digits.isascii() and digits.isdecimal() and len(digits) in {8, 14}):
        raise ValueError(f"got {text!r}, expected 8 or 14 digits, yyyyMMdd or yyyyMMddHHmmss")
    day, clock = digits[:8], digits[8:]
    whole_day = clock in {"", _MIDNIGHT}
    try:
        due_at = datetime.strptime(f"{day}{_END_OF_DAY if whole_day else clock}+0700", "%Y%m%d%H%M%S%z")
    except ValueError as fault:
        raise ValueError(f"got {text!r}, expected a day and a time that exist") from fault
    return DueReading(
        due_at=due_at.astimezone(VIETNAM),
        grain=Grain.DATE if whole_day else Grain.INSTANT,
        flags=frozenset({Flag.MIDNIGHT_DUE}) if clock == _MIDNIGHT else frozenset(),
    )
