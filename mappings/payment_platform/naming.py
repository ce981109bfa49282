"""Names of attempts: MaThamChieu and ThoiGianGD, made once and never again (payment_platform §5.1, fields 4 and 13).

Invariant: 20 upper-case letters and digits, which every source accepts; the day stands in front for people, and the
rest is chance alone, so that neither a restored database nor a second installation makes the same name.
"""

from __future__ import annotations

from datetime import datetime

from gateway.mapping.formats import date14
from gateway.port import AttemptName

CHANCE_BITS = 60
_PREFIX = "PG"
_DIGITS = (
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U: people read references out on the telephone
)
_LETTERS = 12


def name_attempt(now: datetime, chance: int) -> AttemptName:
    """The name of an attempt made at ``now`` (aware); ``chance``: 60 random bits. ValueError when it has more."""
    if not 0 <= chance < 1 << CHANCE_BITS:
        raise ValueError(f"got {chance.bit_length()} bits of chance, expected at most {CHANCE_BITS}")
    asked_at = date14(now)  # a 24-hour clock, §13 pitfall 4
    letters = [_DIGITS[chance >> 5 * place & 31] for place in reversed(range(_LETTERS))]
    return AttemptName(reference=f"{_PREFIX}{asked_at[2:8]}{''.join(letters)}", asked_at=asked_at)
