"""Feeding lines through a door: many at a time, the versions of one dossier strictly one after the other.

Invariant: memory is bounded by lines and bytes under way, whatever the length of the file; when the door fails, what
is under way ends, nothing new begins, and the failure is raised. The same when the run is cancelled.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterator

from gateway.cli.importing.doors import Door
from gateway.cli.importing.lines import Line, dossier_code
from gateway.cli.importing.verdict import Verdict, too_long
from gateway.domain.errors import GatewayError

MOST_LINES = 512
MOST_BYTES = 32 * 1024 * 1024
READ_AT_ONCE = 64
BYTES_READ_AT_ONCE = 8 * 1024 * 1024
CONCURRENCY = 64

Told = Callable[[Line, Verdict], None]


class Feed:
    """One run over one file."""

    def __init__(self, door: Door, told: Told, *, concurrency: int = CONCURRENCY) -> None:
        self._door = door
        self._told = told
        self._free = asyncio.Semaphore(concurrency)
        self._queues: dict[str, deque[Line]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._lines = 0
        self._bytes = 0
        self._fault: GatewayError | None = None
        self._stopped = False

    async def run(self, lines: Iterator[Line], *, ahead: int = READ_AT_ONCE) -> None:
        """Feed every line. ``ahead``: how many to read before any is sent; 1 for a pipe that may pause."""
        try:
            while self._fault is None:
                some = await asyncio.to_thread(_some, lines, max(ahead, self._door.batch))
                if not some:
                    break
                for batch in _batches(some, self._door.batch):
                    await self._admit(batch)
            await self._ended()
        finally:
            # also when somebody breaks off: the door is closed after us, and nothing may be in it then
            self._stopped = True
            await self._ended()
        if self._fault is not None:
            raise self._fault

    async def _ended(self) -> None:
        """Wait for what is under way, without cancelling it when we are cancelled; raise what a task ended with."""
        if tasks := set(self._tasks):
            done, _ = await asyncio.wait(tasks)
            for task in done:
                task.result()

    async def _admit(self, lines: list[Line]) -> None:
        for line in lines:
            if not line.whole:
                self._told(line, too_long(line))
        batch = [line for line in lines if line.whole]
        if not batch:
            return
        size = sum(line.size for line in batch)
        while self._lines and (self._lines + len(batch) > MOST_LINES or self._bytes + size > MOST_BYTES):
            self._room.clear()
            await self._room.wait()
        self._lines += len(batch)
        self._bytes += size
        if self._door.batch > 1:
            await self._take(
                batch
            )  # a door that takes many keeps their order itself, one call after the other
        else:
            self._follow(batch[0])

    def _follow(self, line: Line) -> None:
        """Send ``line`` after the earlier ones of its dossier; at once when there is none under way."""
        code = dossier_code(line) or f"\n{line.number}"
        if code in self._queues:
            self._queues[code].append(line)
            return
        self._queues[code] = deque([line])
        task = asyncio.create_task(self._drain(code))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, code: str) -> None:
        queue = self._queues[code]
        while queue:
            async with self._free:
                await self._take([queue.popleft()])
        del self._queues[code]

    async def _take(self, lines: list[Line]) -> None:
        try:
            if self._fault is None and not self._stopped:
                for line, verdict in zip(lines, await self._door.take(lines), strict=True):
                    self._told(line, verdict)
        except GatewayError as fault:
            self._fault = self._fault or fault
        finally:
            self._lines -= len(lines)
            self._bytes -= sum(line.size for line in lines)
            self._room.set()


def _some(lines: Iterator[Line], most: int) -> list[Line]:
    """Up to ``most`` lines, fewer when they are long."""
    some: list[Line] = []
    size = 0
    for line in itertools.islice(lines, most):
        some.append(line)
        size += line.size
        if size >= BYTES_READ_AT_ONCE:
            break
    return some


def _batches(lines: list[Line], size: int) -> Iterator[list[Line]]:
    for begin in range(0, len(lines), size):
        yield lines[begin : begin + size]
