"""Canonical JSON: the one byte string for a value, for payloads, keys and digests.

Keys are sorted, there is no white space, text stands as UTF-8. Invariant: equal values give equal bytes, in every
process and on every machine.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, TypeVar

import msgspec

_T = TypeVar("_T")
_ENCODER = msgspec.json.Encoder(order="sorted")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(value: Any) -> bytes:
    """``value`` (structs, containers, instants) as canonical JSON.

    Half of a UTF-16 pair, which UTF-8 cannot carry, becomes U+FFFD; no front door lets one in.
    """
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(_mended(msgspec.to_builtins(value)))


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """A decoder that may be kept and reused for ``kind``."""
    return msgspec.json.Decoder(kind)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``, in lower-case hexadecimal."""
    return hashlib.sha256(encode(value)).hexdigest()


def _mended(value: Any) -> Any:
    match value:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", value)
        case list():
            return [_mended(item) for item in value]
        case dict():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case _:
            return value
