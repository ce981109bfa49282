"""Questions that compute for long, asked in a process of their own beside the one that delivers.

A thread that computes for half a second takes the interpreter's lock from the loop again and again, and deliveries wait.
Invariant: what is asked here reads only; when the process dies, or is not there, nothing is lost but an answer.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection as channels
from typing import TypeVar

import sqlalchemy as sa

from gateway.domain.errors import StorageUnavailable
from gateway.storage.reading import ReadingDatabase

T = TypeVar("T")
Question = Callable[[sa.Connection], T]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ReadingProcess:
    """Asks one question after the other of the database at ``url``. It starts with the first one; ``died`` is told when
    it has to be started again."""

    def __init__(self, url: sa.URL, died: Callable[[], None] = lambda: None) -> None:
        self._url = url.render_as_string(hide_password=False)
        self._died = died
        self._closed = False
        self._pool: ProcessPoolExecutor | None = None
        self._life: channels.Connection | None = None  # while our end is open the process lives

    async def ask(self, question: Question[T]) -> T:
        """The answer to ``question``, which can be pickled, and its answer and faults, too.

        Raises what the question raised, and StorageUnavailable when the process died over it twice, or was closed.
        """
        for _ in range(2):
            self._require_open()
            pool = self._pool = self._pool or self._started()
            try:
                with _signals_blocked():
                    asked = asyncio.get_running_loop().run_in_executor(pool, _answer, question)
                answer: T = await asked
            except BrokenProcessPool:
                self._require_open()
                self._died()
                if self._pool is pool:
                    self._pool = None
                pool.shutdown(wait=False)
            else:
                return answer
        raise StorageUnavailable("the process that reads died over a question, twice")

    def close(self) -> None:
        """End the process at once: a question that is under way is not answered any more."""
        self._closed = True
        if self._life is not None:
            self._life.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _require_open(self) -> None:
        if self._closed:
            raise StorageUnavailable("the process that reads was closed")

    def _started(self) -> ProcessPoolExecutor:
        # a fork would inherit locks, sockets and the writer's file
        spawning = multiprocessing.get_context("spawn")
        theirs, self._life = spawning.Pipe(duplex=False)
        return ProcessPoolExecutor(1, mp_context=spawning, initializer=_begin, initargs=(self._url, theirs))


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that is started in the block is told nothing by the terminal before it can leave that to its parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_OPENED: list[ReadingDatabase] = []  # of the process that reads: a pool hands its tasks nothing else


def _begin(url: str, life: channels.Connection) -> None:
    """Open the database once, and end with ``life``, whose other end the parent holds, however that ends."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the parent says when
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    _OPENED.append(ReadingDatabase(url))


def _end_with(life: channels.Connection) -> None:
    channels.wait([life])
    os._exit(0)


def _answer(question: Question[T]) -> T:
    try:
        return _OPENED[0].ask(question)
    except Exception as fault:  # why: a fault that cannot be pickled would break the pool, for everybody
        raise _portable(fault) from None


def _portable(fault: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(fault))  # noqa: S301 - our own bytes
    except Exception:  # why: whatever stands against it, its words can travel
        return RuntimeError(f"{type(fault).__name__}: {fault}")
    return fault
