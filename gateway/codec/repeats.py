"""Keys that stand twice in one object of a JSON document.

RFC 8259 §4 leaves it to the reader what a repeated key means, so the sender and we may mean different records by the
same bytes; the decoders that are fast take the last one in silence. Invariant: a document without repeats costs one
decoding by the standard library's C scanner and no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

MOST = 50  # so many are told; a body can hold a million


class _Repeated(Exception):
    """Some object has a key twice; where, is looked for then."""


class _Pairs(list[tuple[str, Any]]):
    """An object with all its keys."""


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Repeated


_WATCHING = json.JSONDecoder(object_pairs_hook=_unique, strict=False)
_KEEPING = json.JSONDecoder(object_pairs_hook=_Pairs, strict=False)


def repeated_keys(body: bytes) -> list[str]:
    """The pointer (RFC 6901) of every key that stands in its object a second time; at most ``MOST``.

    Bytes that are no JSON for the standard library have none: that is for others to say.
    """
    text = body.decode("utf-8", "replace")
    try:
        _WATCHING.decode(text)
    except _Repeated:
        return list(islice(dict.fromkeys(_pointers(_KEEPING.decode(text), "")), MOST))
    except (ValueError, RecursionError):
        return []
    return []


def _pointers(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, item in value:
            place = f"{where}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in seen:
                yield place
            seen.add(key)
            yield from _pointers(item, place)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _pointers(item, f"{where}/{number}")
