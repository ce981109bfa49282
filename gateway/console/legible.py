"""Bodies of messages as people read them: JSON and XML with line breaks; anything else as it is.

Invariant: only white space is added, and only outside of values; what cannot be read is not guessed at.
"""

from __future__ import annotations

import re

import msgspec

_BETWEEN = re.compile(r">\s*<")
MOST_CHARACTERS = 200_000


def legible(text: str | None) -> str | None:
    """``text`` with line breaks; None when there is nothing that this would make clearer."""
    if not text or len(text) > MOST_CHARACTERS:
        return None
    try:
        return msgspec.json.format(text.encode(), indent=2).decode()
    except msgspec.DecodeError:
        pass
    return _BETWEEN.sub(">\n<", text) if text.lstrip().startswith("<") else None
