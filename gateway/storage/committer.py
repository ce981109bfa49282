"""Group commit: everything queued while the previous commit ran goes into the next one; no added linger.

A group is run operation by operation and committed once. Two drivers share the algorithm: threads with a connection
each (PostgreSQL, where a statement waits for the network), and the event loop itself (SQLite, where a statement
takes microseconds and handing the interpreter lock to a thread and back costs more; only the commit, which waits for
the disk, leaves the loop). Invariant: an item's future is resolved only after the commit that contains it, and a
failing item never takes its neighbours with it (the group is rolled back and each item runs alone).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import psycopg
from psycopg import errors as pg

from gateway.domain.errors import StorageUnavailable

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

LARGEST_GROUP = 512
ALONE_TRIES = 5
BUSY_SECONDS = 30.0  # so long another program's lock on the SQLite file is waited for
BUSY_PAUSE_SECONDS = 0.05

_Operation: TypeAlias = Callable[["Transaction", Sequence[Any]], Sequence[Any]]
# Another writer was faster. With its rows visible the item goes through, or is refused in words.
_AGAIN = (pg.DeadlockDetected, pg.SerializationFailure, pg.UniqueViolation)
# Only faults of the database itself cost a whole group; what one item causes (54: a key too long for its index)
# must not. Classes of SQLSTATE: connection, resources, state, operator, system.
_LOST_CLASSES = frozenset({"08", "53", "55", "57", "58"})
_LOST_CODES = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
        *(sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB),
    }
)
Timed: TypeAlias = Callable[[float], None]
"""Told how many seconds each commit took; called in whichever thread writes."""
_Steps: TypeAlias = Generator[Callable[[], object], None, None]
"""Yields whatever may take long (a commit, a pause), to be called off the loop; its exception is thrown back in."""


class _Job:
    __slots__ = ("future", "item", "loop", "operation", "result")

    def __init__(self, operation: _Operation, item: Any) -> None:
        self.operation = operation
        self.item = item
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None


class Committer(Protocol):
    """Takes writes from any coroutine and makes them durable in groups."""

    async def submit(self, operation: _Operation, item: Any) -> Any:
        """Queue ``item``; its result once it is durable. Raises the exception that it ended with."""

    def watch(self, timed: Timed) -> None:
        """Tell ``timed`` of every commit from now on."""

    def close(self) -> None:
        """Finish what is queued and give the connections up."""


class _Writer:
    """One connection and the way of a group over it."""

    def __init__(self, connect: Callable[[], Any], begin: Callable[[Any], Transaction]) -> None:
        self._connect = connect
        self._begin = begin
        self._connection: Any = None
        self.timed: Timed = _untimed

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def group(self, jobs: list[_Job]) -> _Steps:
        """Commit ``jobs`` together, or one by one when they do not go together."""
        try:
            yield from self._run(jobs)
        except Exception as fault:  # why: a defect in one item must reach its caller and spare its neighbours
            if is_lost(fault):
                self._discard()
                _deliver([(job, _unavailable(fault)) for job in jobs])
                return
            self._rollback()
            if len(jobs) == 1 and not isinstance(fault, _AGAIN):
                _deliver([(jobs[0], fault)])
                return
        else:
            _deliver([(job, job.result) for job in jobs])
            return
        for job in jobs:
            yield from self._alone(job)

    def _alone(self, job: _Job) -> _Steps:
        result: Any = None
        for _ in range(ALONE_TRIES):
            try:
                yield from self._run([job])
            except _AGAIN as fault:
                self._rollback()
                result = fault if isinstance(fault, pg.UniqueViolation) else _unavailable(fault)
                continue
            except Exception as fault:  # why: a defect in one item must reach its caller, not end the writer
                if is_lost(fault):
                    self._discard()
                    result = _unavailable(fault)
                else:
                    self._rollback()
                    result = fault
            else:
                result = job.result
            break
        _deliver([(job, result)])

    def _run(self, jobs: list[_Job]) -> _Steps:
        if self._connection is None:
            self._connection = self._connect()
        groups: dict[_Operation, list[_Job]] = {}
        for job in jobs:
            groups.setdefault(job.operation, []).append(job)
        transaction = yield from self._transaction()
        for operation, members in groups.items():
            results = operation(transaction, [job.item for job in members])
            for job, result in zip(members, results, strict=True):
                job.result = result
        started = time.perf_counter()
        yield self._connection.commit
        self.timed(time.perf_counter() - started)

    def _transaction(self) -> Generator[Callable[[], object], None, Transaction]:
        """A transaction, once another program's lock on the file is gone: waited for where nobody else must wait."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._begin(self._connection)
            except sqlite3.OperationalError as fault:
                if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
            yield _pause

    def _rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except Exception:  # why: a connection that cannot even roll back is of no use, whatever the reason
            self._discard()

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection = None


class ThreadCommitter:
    """Writer threads, each with a connection of its own."""

    def __init__(
        self, connect: Callable[[], Any], begin: Callable[[Any], Transaction], *, threads: int
    ) -> None:
        self._closed = False
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writers = [_Writer(connect, begin) for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._work, args=(writer,), name=f"writer-{n}", daemon=True)
            for n, writer in enumerate(self._writers)
        ]
        for thread in self._threads:
            thread.start()

    async def submit(self, operation: _Operation, item: Any) -> Any:
        """Queue ``item``; its result once it is durable. Raises the exception that it ended with."""
        _require_open(closed=self._closed)
        job = _Job(operation, item)
        self._queue.put(job)
        return await job.future

    def watch(self, timed: Timed) -> None:
        """Tell ``timed`` of every commit from now on."""
        for writer in self._writers:
            writer.timed = timed

    def close(self) -> None:
        """Finish what is queued and stop the threads."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, writer: _Writer) -> None:
        while (jobs := self._drain()) is not None:
            steps = writer.group(jobs)
            step = next(steps, None)
            while step is not None:
                step = _advance(steps, _try(step))
        writer.close()

    def _drain(self) -> list[_Job] | None:
        first = self._queue.get()
        if first is None:
            return None
        jobs = [first]
        while len(jobs) < LARGEST_GROUP:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)
                break
            jobs.append(job)
        return jobs


class LoopCommitter:
    """Statements run on the event loop, commits in one thread; one group at a time."""

    def __init__(self, connect: Callable[[], Any], begin: Callable[[Any], Transaction]) -> None:
        self._writer = _Writer(connect, begin)
        self._closed = False
        self._queue: deque[_Job] = deque()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._pump: asyncio.Task[None] | None = None

    async def submit(self, operation: _Operation, item: Any) -> Any:
        """Queue ``item``; its result once it is durable. Raises the exception that it ended with."""
        _require_open(closed=self._closed)
        job = _Job(operation, item)
        self._queue.append(job)
        if self._pump is None or self._pump.done():
            self._pump = job.loop.create_task(self._work(), name="commit-pump")
        return await job.future

    def watch(self, timed: Timed) -> None:
        """Tell ``timed`` of every commit from now on."""
        self._writer.timed = timed

    def close(self) -> None:
        """Give the connection up; every submit has returned by now, or its loop has ended."""
        self._closed = True
        self._disk.shutdown(wait=True)
        self._writer.close()

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            jobs = [self._queue.popleft() for _ in range(min(len(self._queue), LARGEST_GROUP))]
            steps = self._writer.group(jobs)
            step = next(steps, None)
            while step is not None:
                fault = await loop.run_in_executor(self._disk, _try, step)
                step = _advance(steps, fault)


def _require_open(*, closed: bool) -> None:
    if closed:
        raise StorageUnavailable("the database was closed; nothing was written")


def _untimed(_seconds: float) -> None:
    return


def _pause() -> None:
    time.sleep(BUSY_PAUSE_SECONDS)


def _try(step: Callable[[], object]) -> BaseException | None:
    try:
        step()
    except Exception as fault:  # why: handed to the group's own error handling, which knows every case
        return fault
    return None


def _advance(steps: _Steps, fault: BaseException | None) -> Callable[[], object] | None:
    """Go on with the group after a step that worked (None) or failed; the next step, or None."""
    try:
        return steps.send(None) if fault is None else steps.throw(fault)
    except StopIteration:
        return None


def is_lost(fault: BaseException) -> bool:
    """Whether ``fault`` is the database's own (gone, full, locked), and not that of one statement or item."""
    match fault:
        case StorageUnavailable() | psycopg.InterfaceError() | pg.ReadOnlySqlTransaction():
            return True
        case pg.IdleInTransactionSessionTimeout():  # this process slept in a transaction and was cut off
            return True
        case psycopg.OperationalError(sqlstate=state):
            return state is None or state[:2] in _LOST_CLASSES
        case sqlite3.Error():
            return getattr(fault, "sqlite_errorcode", 0) & 0xFF in _LOST_CODES
        case _:
            return False


def _unavailable(fault: BaseException) -> StorageUnavailable:
    if isinstance(fault, StorageUnavailable):
        return fault
    unavailable = StorageUnavailable(f"the database did not take the write: {fault}")
    unavailable.__cause__ = fault
    return unavailable


def _deliver(results: list[tuple[_Job, Any]]) -> None:
    """Hand results over, one wake-up per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Any]]] = {}
    for job, result in results:
        by_loop.setdefault(job.loop, []).append((job, result))
    for loop, members in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_settle, members)


def _settle(results: list[tuple[_Job, Any]]) -> None:
    for job, result in results:
        if job.future.done():  # the caller was cancelled; what was committed stays committed
            continue
        if isinstance(result, BaseException):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
