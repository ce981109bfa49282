"""Reading NDJSON in bounded memory: numbered lines, and which dossier a line is about.

Invariant: no line longer than the limit is ever held; the rest of such a line is skipped, and the line is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

_SKIPPED_AT_ONCE = 1 << 20


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file, numbered from 1. ``body`` has no line end. ``whole`` False: it was too long."""

    number: int
    body: bytes
    end: int
    whole: bool = True

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.body)


class _Peek(msgspec.Struct, frozen=True):
    code: str = ""


_PEEK = msgspec.json.Decoder(_Peek)


def read_lines(stream: BinaryIO, *, longest: int) -> Iterator[Line]:
    """Every line that is not blank. A line longer than ``longest`` bytes comes cut, with ``whole`` False."""
    end = number = 0
    while chunk := stream.readline(longest + 2):
        number += 1
        end += len(chunk)
        body = chunk.rstrip(b"\r\n")
        if number == 1:
            body = body.removeprefix(b"\xef\xbb\xbf")  # some editors begin a file with a byte order mark
        if len(body) > longest:
            end += _skip_rest(stream, chunk)
            yield Line(number=number, body=body[:200], end=end, whole=False)
        elif body.strip():
            yield Line(number=number, body=body, end=end)


def dossier_code(line: Line) -> str:
    """The dossier that a line is about; empty when it does not say so in a readable way."""
    try:
        return _PEEK.decode(line.body).code
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""


def _skip_rest(stream: BinaryIO, chunk: bytes) -> int:
    skipped = 0
    while chunk and not chunk.endswith(b"\n"):
        chunk = stream.readline(_SKIPPED_AT_ONCE)
        skipped += len(chunk)
    return skipped
