"""Where an exported bundle waits for whoever asked for it: a few files without a name, for a quarter of an hour.

Invariant: a file is handed to the one who asked for it alone; nothing of it is left when the process ends, however it
ends, since it never has a name; more than ``MOST_FILES`` or ``MOST_BYTES`` are never kept.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import weakref
from collections import OrderedDict
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from gateway.domain.errors import NotFoundError

MOST_FILES, MOST_BYTES = 16, 512 * 1024 * 1024
KEPT = timedelta(minutes=15)


class NamelessFile:
    """Bytes on a disk, under no name; gone with the last one who holds this, and with the process. ``size``: in bytes."""

    def __init__(self, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix="lienthong-")
        Path(name).unlink()
        self._descriptor, self.size = descriptor, len(content)
        weakref.finalize(self, os.close, descriptor)
        written = 0
        while written < len(content):
            written += os.write(descriptor, memoryview(content)[written:])

    def read(self) -> bytes:
        """All of it."""
        pieces, at = [], 0
        while at < self.size:
            pieces.append(os.pread(self._descriptor, self.size - at, at))
            at += len(pieces[-1])
        return b"".join(pieces)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``owner``: who may have it."""

    owner: str
    name: str
    until: datetime
    file: NamelessFile


class Shelf:
    """The files of one process. Nothing here waits for a disk: whoever puts a file has written it, whoever gets it reads.

    What is dropped is not closed: somebody may still read it.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def put(self, file: NamelessFile, name: str, *, owner: str, now: datetime) -> str:
        """Keep ``file``; under which word it is asked for. The oldest ones make room."""
        self._drop(now, room=file.size)
        word = secrets.token_hex(16)
        self._kept[word] = Kept(owner=owner, name=name, until=now + KEPT, file=file)
        return word

    def get(self, word: str, *, owner: str, now: datetime) -> Kept:
        """What is kept. NotFoundError: it is not here (any more), or somebody else's."""
        self._drop(now, room=0)
        kept = self._kept.get(word)
        if kept is None or kept.owner != owner:
            raise NotFoundError(
                f"there is no export {word[:40]!r} of yours here; they are kept for a quarter of an hour: export again"
            )
        return kept

    def _drop(self, now: datetime, *, room: int) -> None:
        for word in [word for word, kept in self._kept.items() if kept.until <= now]:
            del self._kept[word]
        size = room + sum(kept.file.size for kept in self._kept.values())
        while self._kept and (size > MOST_BYTES or (room and len(self._kept) >= MOST_FILES)):
            _, oldest = self._kept.popitem(last=False)
            size -= oldest.file.size
