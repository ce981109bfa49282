"""Answers on their way to a client that may read them only after it has sent everything.

Most HTTP clients write the whole request before they read a byte of the answer. If the server waited for them to
read, both would wait for ever; so answers are put aside, a little in memory and the rest in a temporary file.
Invariant: what is written comes out once, in order, and memory stays flat.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

IN_MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024


class SpoolFull(Exception):
    """The client does not read its answers, and the most that is put aside is put aside."""


class Spool:
    """A pipe with a file in the middle. ``most``: bytes that may wait in it."""

    def __init__(self, most: int) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed in __exit__
        self._most = most
        self._written = 0
        self._read = 0
        self._finished = False
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        """Put ``content`` aside; SpoolFull when there is no room."""
        if self._written - self._read + len(content) > self._most:
            raise SpoolFull
        self._file.seek(self._written)
        self._file.write(content)
        self._written += len(content)
        self._changed.set()

    def finish(self) -> None:
        """Nothing more comes."""
        self._finished = True
        self._changed.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Everything that is written, as it comes, until ``finish``."""
        while True:
            if self._read < self._written:
                self._file.seek(self._read)
                piece = self._file.read(min(PIECE_BYTES, self._written - self._read))
                self._read += len(piece)
                if self._read == self._written:
                    self._file.seek(0)
                    self._file.truncate()
                    self._read = self._written = 0
                yield piece
            elif self._finished:
                return
            else:
                self._changed.clear()
                await self._changed.wait()
