"""One thing that is wrong with a record: where, what was got, what was expected, what to do (RFC 9457 §3.2)."""

from __future__ import annotations

import msgspec


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A single finding. ``pointer`` is a JSON pointer (RFC 6901) into the document that was sent."""

    pointer: str
    code: str
    got: str
    expected: str
    advice: str


SHOWN_CHARACTERS = 80


def shown(value: object) -> str:
    """``value`` as it may be quoted in a message: short, on one line, never a whole document."""
    text = repr(value) if not isinstance(value, str) else value
    text = " ".join(text.split())
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
