"""Group commit: everything queued while the previous commit ran goes into the next one; no added linger.

A writer thread drains the queue, groups the items by operation, runs each operation once over its items and commits
once. Invariant: an item's future is resolved only after the commit that contains it, and a failing item never takes
its neighbours with it (the group is rolled back and each item runs alone).
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg import errors as pg

from gateway.domain.errors import StorageUnavailable

if TYPE_CHECKING:
    from gateway.storage.database import Transaction

LARGEST_GROUP = 512
ALONE_TRIES = 5

_Operation: TypeAlias = Callable[["Transaction", Sequence[Any]], Sequence[Any]]
_RETRY = (pg.DeadlockDetected, pg.SerializationFailure)
_LOST = (psycopg.OperationalError, psycopg.InterfaceError, sqlite3.OperationalError)


class _Job:
    __slots__ = ("future", "item", "loop", "operation", "result")

    def __init__(self, operation: _Operation, item: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.operation = operation
        self.item = item
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None


class GroupCommitter:
    """Writer threads, each with a connection of its own. ``submit`` from any event loop."""

    def __init__(
        self, connect: Callable[[], Any], begin: Callable[[Any], Transaction], *, threads: int
    ) -> None:
        self._connect = connect
        self._begin = begin
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"writer-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def submit(self, operation: _Operation, item: Any) -> Any:
        """Queue ``item``; its result once it is durable. Raises the exception that it ended with."""
        job = _Job(operation, item, asyncio.get_running_loop())
        self._queue.put(job)
        return await job.future

    def close(self) -> None:
        """Finish what is queued and stop the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection: Any = None
        while (jobs := self._drain()) is not None:
            if jobs:
                connection = self._commit_group(connection, jobs)
        if connection is not None:
            connection.close()

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

    def _commit_group(self, connection: Any, jobs: list[_Job]) -> Any:
        """Commit ``jobs`` together, or one by one when they do not go together. Returns a usable connection."""
        try:
            connection = connection or self._connect()
            self._run(connection, jobs)
        except _RETRY:
            _rollback(connection)
            return self._commit_each(connection, jobs)
        except (*_LOST, StorageUnavailable) as fault:
            _discard(connection)
            _fail(jobs, _unavailable(fault))
            return None
        except Exception as fault:  # why: a defect in one item must reach its caller and spare its neighbours
            _rollback(connection)
            if len(jobs) > 1:
                return self._commit_each(connection, jobs)
            _fail(jobs, fault)
            return connection
        _resolve(jobs)
        return connection

    def _commit_each(self, connection: Any, jobs: list[_Job]) -> Any:
        for job in jobs:
            connection = self._commit_alone(connection, job)
        return connection

    def _commit_alone(self, connection: Any, job: _Job) -> Any:
        for last in (*[False] * (ALONE_TRIES - 1), True):
            try:
                connection = connection or self._connect()
                self._run(connection, [job])
            except _RETRY as fault:
                _rollback(connection)
                if last:
                    _fail([job], _unavailable(fault))
                continue
            except (*_LOST, StorageUnavailable) as fault:
                _discard(connection)
                _fail([job], _unavailable(fault))
                return None
            except Exception as fault:  # why: a defect in one item must reach its caller, not end the thread
                _rollback(connection)
                _fail([job], fault)
                return connection
            _resolve([job])
            return connection
        return connection

    def _run(self, connection: Any, jobs: list[_Job]) -> None:
        groups: dict[_Operation, list[_Job]] = {}
        for job in jobs:
            groups.setdefault(job.operation, []).append(job)
        transaction = self._begin(connection)
        for operation, members in groups.items():
            results = operation(transaction, [job.item for job in members])
            for job, result in zip(members, results, strict=True):
                job.result = result
        connection.commit()


def _unavailable(fault: BaseException) -> StorageUnavailable:
    if isinstance(fault, StorageUnavailable):
        return fault
    unavailable = StorageUnavailable(f"the database did not take the write: {fault}")
    unavailable.__cause__ = fault
    return unavailable


def _rollback(connection: Any) -> None:
    try:
        connection.rollback()
    except _LOST:
        connection.invalidate()


def _discard(connection: Any) -> None:
    if connection is not None:
        connection.invalidate()


def _resolve(jobs: list[_Job]) -> None:
    """Hand the results over, one wake-up per event loop."""
    _deliver([(job, job.result) for job in jobs])


def _fail(jobs: list[_Job], fault: BaseException) -> None:
    _deliver([(job, fault) for job in jobs])


def _deliver(results: list[tuple[_Job, Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, Any]]] = {}
    for job, result in results:
        by_loop.setdefault(job.loop, []).append((job, result))
    for loop, members in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, members)


def _settle(results: list[tuple[_Job, Any]]) -> None:
    for job, result in results:
        if job.future.done():  # the caller was cancelled; what was committed stays committed
            continue
        if isinstance(result, BaseException):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
