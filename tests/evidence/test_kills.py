"""kill -9 at any point of checkpointing: the chain goes on, and no size has two roots."""

import contextlib
import itertools
import random
import signal
import subprocess
import sys
import time

import pytest

from gateway.messagelog.proofs import consistency_proof, root_of
from gateway.storage.database import Database
from tests.evidence.world import LogWorld, require_chain

POINTS = [
    f"{moment}_{what}" for what in ("place", "tiles", "checkpoint") for moment in ("before", "after")
] + ["within_transaction"]


@contextlib.contextmanager
def process(*arguments):
    command = [sys.executable, "-m", "tests.evidence.checkpointing_process", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as popen:
        try:
            yield popen
        finally:
            popen.kill()


def examined(url, folder):
    """Everything that was signed holds, and the log proves from each checkpoint to the last."""
    database = Database(url)
    try:
        world = LogWorld(database, folder)
        rows = world.all()
        found = require_chain(rows, world.pinned())
        sizes = sorted({each.size for each in found})
        for each in (found[-1], *random.Random(7).sample(found, min(5, len(found)))):
            assert world.ask(root_of, size=each.size) == each.root
        for first, second in itertools.pairwise(sizes[-5:]):
            world.ask(consistency_proof, first=first, second=second)
        return len(rows), sizes[-1]
    finally:
        database.close()


@pytest.mark.parametrize("point", POINTS)
def test_kill_at_any_point_leaves_one_chain(database_url, tmp_path, point):
    for count in (1, 1 if point.endswith("place") else 3):
        with process(database_url, tmp_path / "keys", count, point, count) as popen:
            assert popen.wait(timeout=30) == -signal.SIGKILL
    with process(database_url, tmp_path / "keys", 9) as popen:
        assert popen.stdout.readline() == "ready\n"
        time.sleep(2.0)
        popen.terminate()
        assert popen.wait(timeout=20) == 0

    checkpoints, size = examined(database_url, tmp_path / "keys")
    assert checkpoints > 2
    assert size > 100


def test_kills_of_two_processes_on_postgresql_leave_one_chain(postgresql_url, tmp_path):
    chance = random.Random(20260928)
    for turn in range(4):
        with (
            process(postgresql_url, tmp_path / "keys", 2 * turn + 1) as one,
            process(postgresql_url, tmp_path / "keys", 2 * turn + 2) as other,
        ):
            for each in (one, other):
                assert each.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.2, 0.8))
            one.kill()
            time.sleep(chance.uniform(0.2, 0.6))
            other.kill()

    checkpoints, size = examined(postgresql_url, tmp_path / "keys")
    assert checkpoints > 4
    assert size > 100
