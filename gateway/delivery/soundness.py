"""Judging what an adapter gave as outcomes before anything depends on it.

Invariant: an outcome that passes can be stored in both engines and read again, whatever the partner's answer held: a
settlement that cannot be written would forget the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.domain.outcome import Outcome

_WRITER = msgspec.json.Encoder()
_READER: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)


def sound(outcomes: Sequence[object], count: int) -> list[Outcome] | None:
    """``outcomes`` with storable texts; None when they are not ``count`` outcomes with the declared contents."""
    if len(outcomes) != count or not all(isinstance(item, Outcome) for item in outcomes):
        return None
    try:
        return [_judged(item) for item in outcomes]
    except (msgspec.ValidationError, TypeError):
        return None


def _judged(outcome: object) -> Outcome:
    """``outcome`` as it reads after being written.

    What is clean, and nearly everything is, goes through as JSON (2 µs instead of 10), which also makes no pause of
    one that is not a number.
    """
    try:
        written = _WRITER.encode(outcome)
    except UnicodeEncodeError:
        written = b""
    if not written or b"\\u0000" in written:
        return msgspec.convert(_storable(msgspec.to_builtins(outcome)), Outcome)  # type: ignore[no-any-return]
    return _READER.decode(written)


def _storable(value: Any) -> Any:
    """Without what PostgreSQL (zero characters) or UTF-8 (lone surrogates) cannot take."""
    match value:
        case str():
            if value.isascii() and "\0" not in value:
                return value
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        case dict():
            return {_storable(key): _storable(each) for key, each in value.items()}
        case list() | tuple():
            return [_storable(each) for each in value]
        case _:
            return value
