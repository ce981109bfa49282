"""Processes that die in the middle of a run: the others go on from the watermark, and nothing is left out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from gateway.jobs.service import RunOrder
from gateway.storage import queries_jobs
from gateway.storage.database import Database
from gateway.storage.queries_jobs import RunFilter
from gateway.storage.reading import ReadingDatabase
from tests.e2e.cli import ROOT, until
from tests.e2e.jobs_process import counting, jobs_of

LAST = 400  # about five seconds


@contextlib.contextmanager
def process(url, file):
    command = [sys.executable, "-m", "tests.e2e.jobs_process", url, str(file), str(LAST)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as started:
        try:
            assert started.stdout.readline() == b"ready\n"
            yield started
        finally:
            started.kill()


async def ordered(url, file):
    """A run that waits for whoever comes first."""
    database = Database(url)
    await jobs_of(database, counting(file, LAST)).start(RunOrder(job="count", actor="cli:mai"))
    database.close()


class Watcher:
    def __init__(self, url, file):
        self._jobs = jobs_of(ReadingDatabase(url), counting(file, LAST))
        self._file = file

    def runs(self):
        database = self._jobs._database
        return database.ask(lambda c: queries_jobs.runs(c, RunFilter(job="count"), self._jobs._clock()))

    def newest(self):
        return self.runs()[0]

    def lines(self):
        """(process, number) as they were written."""
        text = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
        return [tuple(map(int, line.split())) for line in text.splitlines()]

    def close(self):
        self._jobs._database.close()


@pytest.fixture
def watcher(database_url, tmp_path):
    watching = Watcher(database_url, tmp_path / "numbers")
    yield watching
    watching.close()


def at_work(watcher):
    """The process that has the run, once a mark of it is durable."""
    run = watcher.newest()
    return run.state == "running" and run.watermark is not None and run.pid


async def test_killed_processs_run_is_gone_on_with_by_another(postgresql_url, tmp_path):
    file = tmp_path / "numbers"
    await ordered(postgresql_url, file)
    watcher = Watcher(postgresql_url, file)
    with process(postgresql_url, file) as one, process(postgresql_url, file) as other:
        first = until(lambda: at_work(watcher))
        mark = int(watcher.newest().watermark)
        killed = one if one.pid == first else other
        killed.send_signal(signal.SIGKILL)
        died = time.monotonic()
        second = until(lambda: watcher.newest().trigger == "missed" and at_work(watcher))
        resumed_after = time.monotonic() - died
        until(lambda: watcher.newest().state == "done")
    runs, lines = watcher.runs(), watcher.lines()
    watcher.close()

    assert [run.state for run in runs] == ["done", "interrupted"]
    assert {one.pid, other.pid} == {first, second}
    assert runs[1].failure == "the process that ran it disappeared"
    theirs = [number for pid, number in lines if pid == second]
    ours = [number for pid, number in lines if pid == first]
    assert theirs[0] == int(runs[1].watermark) + 1 >= mark + 1
    assert theirs == list(range(theirs[0], LAST + 1))
    assert ours == list(range(1, len(ours) + 1))
    assert theirs[0] <= len(ours) + 1  # nothing was left out
    assert len(ours) - theirs[0] < 150  # and little was done again: what was done in the last second
    assert resumed_after < 15


async def test_run_is_gone_on_with_after_a_kill_by_the_same_process_started_anew(
    database_url, watcher, tmp_path
):
    file = tmp_path / "numbers"
    await ordered(database_url, file)
    with process(database_url, file) as one:
        until(lambda: at_work(watcher))
        one.kill()
        one.wait()
    with process(database_url, file):
        until(lambda: watcher.newest().state == "done")

    assert [(run.state, run.trigger) for run in watcher.runs()] == [
        ("done", "missed"),
        ("interrupted", "operator"),
    ]
    assert {number for _, number in watcher.lines()} == set(range(1, LAST + 1))


async def test_process_that_is_told_to_end_ends_quickly_and_hands_its_run_over(
    database_url, watcher, tmp_path
):
    file = tmp_path / "numbers"
    await ordered(database_url, file)
    with process(database_url, file) as one:
        until(lambda: at_work(watcher))
        told = time.monotonic()
        one.terminate()
        assert one.wait(timeout=20) == 0
        took = time.monotonic() - told
        left = watcher.runs()
    with process(database_url, file):
        until(lambda: watcher.newest().state == "done")

    assert took < 4
    assert [run.state for run in left] == ["queued", "interrupted"]
    numbers = [number for _, number in watcher.lines()]
    assert numbers == list(range(1, LAST + 1))  # the mark of the very last one was written down
