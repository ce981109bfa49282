"""Where personal data stands in a message: the values of named fields, in JSON, XML, forms and addresses.

What is found can be taken out of an export, or out of the log itself, while the rest still proves. What is not found
stays in the frame, which can be taken out as a whole. Invariant: cuts are in order and do not overlap. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice

from gateway.proof.commitment import Place
from gateway.proof.lienthong_verify import Cut

MOST_CUTS = 2_000
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


class Cutter:
    """What finds the fields called ``names``: exactly so in JSON and forms, under any prefix in XML."""

    __slots__ = ("_form", "_json", "_labels", "_xml")

    def __init__(self, names: tuple[str, ...]) -> None:
        unfit = [name for name in names if not _NAME.fullmatch(name)]
        if unfit or not names:
            raise ValueError(f"names of personal fields: got {unfit}, expected at least one, like full_name")
        self._labels = {name.encode(): name for name in names}
        quoted = b"(" + _branches(sorted(set(names))).encode() + b")"
        known = quoted + rb"(?![\w.-])"
        begin = b"[" + b"".join(sorted({re.escape(name[:1]).encode() for name in names})) + b"]"
        text, number = rb'"([^"\\]++(?:\\.[^"\\]*+)*+|(?:\\.[^"\\]*+)++)"', rb"(-?\d[\d.]*+)"
        # a pattern that begins with one certain character is searched for three times as fast; most of what follows one
        # is no name of these, as its first letter tells
        value = rb'"\s*+:\s*+(?:' + text + b"|" + number + b")"
        self._json = re.compile(rb'"(?=' + begin + b")" + quoted + value, re.DOTALL)
        self._xml = re.compile(rb"<(?:[\w.-]++:)?+" + known + rb"(?:\s[^<>]*+)?(?<!/)>([^<]++)<")
        self._form = re.compile(rb"(?:(?<=[?&])|(?<![^\n]))" + known + rb"=([^&\s]++)")

    def cuts(self, content: bytes, body: int) -> tuple[Cut, ...]:
        """The personal values in ``content``, whose address is its first line and whose body begins at ``body``; beyond
        ``MOST_CUTS`` none is looked for any more."""
        return tuple(map(Cut._make, self.places(content, body)))

    def places(self, content: bytes, body: int) -> list[Place]:
        """The same as bare tuples, because every message waits for this."""
        first = content[body : body + 64].lstrip()[:1]
        fields = self._json if first in (b"{", b"[") else self._xml if first == b"<" else self._form
        line = content.find(b"\n")
        found = self._found(self._form, content, 0, line) if content.find(b"=", 0, line) >= 0 else []
        found += self._found(fields, content, body, len(content))
        return found[:MOST_CUTS]

    def _found(self, pattern: re.Pattern[bytes], content: bytes, start: int, end: int) -> list[Place]:
        labels = self._labels
        return [
            (begin, stop - begin, labels[match[1]])
            for match in islice(pattern.finditer(content, start, end), MOST_CUTS)
            for begin, stop in (match.span(match.lastindex or 1),)
        ]


@lru_cache(maxsize=256)
def cutter(names: tuple[str, ...]) -> Cutter | None:
    """What finds the fields called ``names``; None for none. ValueError when one is no name."""
    return Cutter(names) if names else None


def _branches(names: list[str]) -> str:
    """A pattern for ``names``, in order, that looks at each letter once and takes the longest."""
    if len(names) == 1:
        return re.escape(names[0])
    starts: dict[str, list[str]] = {}
    for name in names:
        starts.setdefault(name[:1], []).append(name[1:])
    options = [re.escape(first) + _branches(rest) for first, rest in starts.items() if first]
    return "(?:" + "|".join(options) + ")" + ("?+" if "" in starts else "")
