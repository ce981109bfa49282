"""Questions asked in a process of their own: their answers, their faults, and how the process ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.domain.errors import NotFoundError, StorageUnavailable
from gateway.storage import migrate
from gateway.storage.apart import ReadingProcess

PATIENCE_SECONDS = 60


def who_and_how_many(connection):
    return os.getpid(), connection.execute(sa.text("SELECT count(*) FROM dossier")).scalar_one()


def refused(connection):
    raise NotFoundError("there is no such thing")


class _Odd(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def odd(connection):
    raise _Odd("cannot travel", 2)


def deadly(connection):
    os.kill(os.getpid(), signal.SIGKILL)


def sleeping(connection):
    time.sleep(10 * PATIENCE_SECONDS)


def writing(connection):
    connection.execute(sa.text("DELETE FROM dossier"))


@pytest.fixture
async def reading(database_url):
    migrate.upgrade(database_url)
    process = ReadingProcess(sa.make_url(database_url))
    yield process
    process.close()


async def test_one_process_answers_and_it_is_not_ours(reading):
    first, count = await reading.ask(who_and_how_many)
    again, _ = await reading.ask(who_and_how_many)

    assert first == again != os.getpid()
    assert count == 0


async def test_faults_travel_and_harm_nobody_else(reading):
    pid, _ = await reading.ask(who_and_how_many)
    with pytest.raises(NotFoundError, match="no such thing"):
        await reading.ask(refused)
    with pytest.raises(RuntimeError, match="_Odd: cannot travel"):
        await reading.ask(odd)

    assert (await reading.ask(who_and_how_many))[0] == pid


async def test_process_that_dies_is_replaced(reading):
    pid, _ = await reading.ask(who_and_how_many)
    os.kill(pid, signal.SIGKILL)
    after, _ = await reading.ask(who_and_how_many)

    assert after != pid


async def test_question_that_kills_twice_is_given_up_and_the_next_one_is_answered(reading):
    with pytest.raises(StorageUnavailable):
        await reading.ask(deadly)

    assert (await reading.ask(who_and_how_many))[1] == 0


async def test_signals_of_the_terminal_are_left_to_the_parent(reading):
    pid, _ = await reading.ask(who_and_how_many)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)

    assert (await reading.ask(who_and_how_many))[0] == pid


async def test_closing_ends_the_process(reading):
    pid, _ = await reading.ask(who_and_how_many)
    reading.close()

    assert not alive(pid)


async def test_closing_waits_for_no_answer(reading):
    pid, _ = await reading.ask(who_and_how_many)
    asked = asyncio.create_task(reading.ask(sleeping))
    await asyncio.sleep(0.2)
    begun = time.monotonic()
    await asyncio.to_thread(reading.close)

    assert time.monotonic() - begun < PATIENCE_SECONDS / 2
    assert not alive(pid)
    for question in (asked, reading.ask(who_and_how_many)):
        with pytest.raises(StorageUnavailable):
            await question


async def test_nothing_can_be_written_on_sqlite(tmp_path):
    url = f"sqlite:///{tmp_path}/gateway.db"
    migrate.upgrade(url)
    process = ReadingProcess(sa.make_url(url))
    try:
        with pytest.raises(StorageUnavailable, match="readonly"):
            await process.ask(writing)
    finally:
        process.close()


PARENT = """
import asyncio, sqlalchemy, sys
from gateway.storage.apart import ReadingProcess
from tests.storage.test_apart import who_and_how_many

async def main():
    process = ReadingProcess(sqlalchemy.make_url(sys.argv[1]))
    print((await process.ask(who_and_how_many))[0], flush=True)
    await asyncio.sleep(600)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_process_ends_with_a_parent_that_was_killed(tmp_path):
    url = f"sqlite:///{tmp_path}/gateway.db"
    migrate.upgrade(url)
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    parent = subprocess.Popen(
        [sys.executable, str(script), url], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    limit = time.monotonic() + PATIENCE_SECONDS
    while alive(pid):
        assert time.monotonic() < limit, "it outlives its parent"
        time.sleep(0.05)


def alive(pid):
    """Whether the process runs; one that has ended and was not fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
