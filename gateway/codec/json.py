"""Reading a partner's JSON: lenient about form, strict about meaning.

Lenient: a byte-order mark, white space around, raw control characters inside text, broken surrogate escapes (they
become U+FFFD). Strict: UTF-8 only (RFC 8259 §8.1), one value, no repeated key, no NaN or infinity, bounded size and
depth. A text in another charset would have to be guessed, and a guessed text can hide the words that tell success
from failure; so it is refused.

Invariant: any bytes in; a value or ``Unreadable`` out. Every text of a value can be encoded as UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn, cast

from gateway.codec import Json, Unreadable

MAX_BYTES = 16 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read(body: bytes, *, limit: int = MAX_BYTES) -> Json:
    """The value in ``body``, at most ``limit`` bytes long."""
    if len(body) > limit:
        raise Unreadable("too_large", f"{len(body)} bytes, at most {limit} are read")
    try:
        text = body.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as fault:
        raise Unreadable("not_utf8", f"byte {fault.start} is not UTF-8") from fault
    return read_text(text)


def read_text(text: str) -> Json:
    """The value in ``text``, which must be free of lone surrogates itself."""
    if not text or text.isspace():
        raise Unreadable("empty", "there is no content")
    try:
        value = _DECODER.decode(text.strip(" \t\r\n"))
        if _SURROGATE_ESCAPE.search(text):
            value = _mended(value)
    except RecursionError as fault:
        raise Unreadable("too_deep", "nested too deeply") from fault
    except ValueError as fault:  # JSONDecodeError, and numbers beyond the digit limit
        raise Unreadable("not_json", str(fault)[:200]) from fault
    return cast("Json", value)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    # RFC 8259 §4: what a repeated key means is up to the reader, so two readers may disagree about success.
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Unreadable("repeated_key", f"key {key[:60]!r} stands twice in one object")
            seen.add(key)
    return result


def _constant(name: str) -> NoReturn:
    raise Unreadable("not_finite", f"{name} is not a JSON number")


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable("not_finite", f"{digits[:40]} is beyond the range of numbers")
    return value


def _mended(value: Json) -> Json:
    """``value`` with lone surrogates, which no encoder can write again, replaced by U+FFFD."""
    match value:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", value)
        case list():
            return [_mended(item) for item in value]
        case dict():
            return _object(
                [(_LONE_SURROGATE.sub("\ufffd", key), _mended(item)) for key, item in value.items()]
            )
        case _:
            return value


# strict=False: hand-made answers carry raw line breaks inside text; that is untidy, not ambiguous.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_number, strict=False
)
