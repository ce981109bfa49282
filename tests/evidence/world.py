"""A message log with entries, its keys, and what makes checkpoints of it."""

import asyncio
import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from gateway.evidence.checkpointer import Checkpointer, Source
from gateway.messagelog.entry import About, Scope, request_entry
from gateway.messagelog.log_keys import LogKeys
from gateway.port import WireRequest
from gateway.proof.lienthong_verify import (
    read_checkpoint,
    read_key,
    read_note,
    verify_checkpoint,
    verify_succession,
)
from gateway.settings_evidence import EvidenceSettings
from gateway.storage import checkpoints, upkeep
from gateway.storage.rows import insert_messages

START = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)
FAST = EvidenceSettings(every=0.05, at_least_every=3600.0)
BOARD = Scope(channel="board")


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=START):
        self.now = now

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += timedelta(seconds=seconds)


class LogWorld:
    """A log to work by hand."""

    def __init__(self, database, folder, *, settings=FAST, origin="log.h99.example"):
        self.database = database
        self.folder = Path(folder)
        self.settings = settings
        self.clock = Clock()
        self.keys = LogKeys(database, self.folder, self.clock, origin=origin)

    def checkpointer(self, *, owner=0, anchor=None, settings=None):
        source = Source(database=self.database, keys=self.keys, clock=self.clock)
        return Checkpointer(source, settings or self.settings, owner=lambda: owner, anchor=anchor)

    async def log(self, count, scope=BOARD):
        """Append and seal ``count`` entries; their identifiers."""
        ids = self.database.identifiers.take(count)
        rows = [
            request_entry(
                scope,
                About(id=each, at=self.clock(), operation="post"),
                WireRequest(method="POST", url="https://board.example/cards", body=b"card %d" % each),
            )
            for each in ids
        ]
        await self.database.write(partial(insert_messages, rows=rows))
        while (await self.database.write(upkeep.seal)).messages:
            continue
        return ids

    def ask(self, question, **given):
        return self.database.ask(partial(question, **given))

    @property
    def newest(self):
        return self.ask(checkpoints.newest_checkpoint)

    def all(self):
        return self.ask(checkpoints.checkpoints_after, number=0, limit=10_000)

    def pinned(self):
        return [read_key(row.key) for row in self.ask(checkpoints.log_keys)]


def require_chain(rows, keys):
    """Every checkpoint is signed by the log and follows the one before; the checkpoints."""
    found = [verify_checkpoint(row.note.encode(), keys) for row in rows]
    for before, after in itertools.pairwise(found):
        verify_succession(before, after)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    roots = {}
    for each in found:
        assert roots.setdefault(each.size, each.root) == each.root
    return found


def text_of(row):
    return read_checkpoint(read_note(row.note.encode()).text)


@contextlib.asynccontextmanager
async def running(*tasks):
    """``tasks`` (functions of a stopping event) at work while the block runs."""
    stopping = asyncio.Event()
    began = [asyncio.create_task(each(stopping)) for each in tasks]
    try:
        yield began
    finally:
        stopping.set()
        await asyncio.gather(*began)


async def until(condition, seconds=20.0):
    """Wait for ``condition``; what it gave."""
    async with asyncio.timeout(seconds):
        while not (found := condition()):  # noqa: ASYNC110 - tables do not call
            await asyncio.sleep(0.01)
    return found
