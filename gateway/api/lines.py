"""Cutting a stream into lines (NDJSON), however its pieces fall.

Invariant: at most one line is kept in memory; one that is too long is reported and skipped, never kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

_BOM = b"\xef\xbb\xbf"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line with its number, from 1. ``content`` None: longer than the limit, skipped."""

    number: int
    content: bytes | None


async def read_lines(pieces: AsyncIterator[bytes], longest: int) -> AsyncIterator[Line]:
    """Every line of the stream that is not blank; the last one needs no line break."""
    number, kept, skipping = 1, bytearray(), False
    async for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            line = None if skipping else _line(number, kept, piece[start:end], longest)
            if skipping:
                line = Line(number=number, content=None)
            if line is not None:
                yield line
            kept, skipping, number, start = bytearray(), False, number + 1, end + 1
        if not skipping:
            kept += piece[start:]
            if len(kept) > longest:
                kept, skipping = bytearray(), True
    if skipping:
        yield Line(number=number, content=None)
    elif (line := _line(number, kept, b"", longest)) is not None:
        yield line


def _line(number: int, kept: bytearray, rest: bytes, longest: int) -> Line | None:
    """The finished line; None when it is blank."""
    content = bytes(kept) + rest if kept else rest
    if number == 1:
        content = content.removeprefix(_BOM)
    if len(content) > longest:
        return Line(number=number, content=None)
    content = content.strip(b" \t\r")
    return Line(number=number, content=content) if content else None
