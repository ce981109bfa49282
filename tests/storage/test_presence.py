"""When a worker of ours was there: stretches that grow with its beats, and the gaps between them, on both engines."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from gateway.delivery.destination import Hub
from gateway.settings import DeliverySettings
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.presence import Presence, first_run, gaps, note_presence
from gateway.worker import Worker
from tests.delivery.conftest import START, Clock

HOUR = 3_600_000_000
ZERO = to_micros(START)


async def note(database: Database, *hours: tuple[float, float], worker: int = 1) -> None:
    for begin, end in hours:
        row = Presence(worker=worker, began_at=ZERO + int(begin * HOUR), seen_at=ZERO + int(end * HOUR))
        await database.apply(note_presence, row)


def found(database: Database, since: float, until: float, **options: Any) -> list[tuple[float, float]]:
    question = partial(gaps, since=ZERO + int(since * HOUR), until=ZERO + int(until * HOUR), **options)
    return [((begin - ZERO) / HOUR, (end - ZERO) / HOUR) for begin, end in database.ask(question)]


async def test_a_stretch_grows_and_others_may_overlap_it(database: Database) -> None:
    await note(database, (1, 2), (1, 3))
    await note(database, (2.5, 5), (7, 8), worker=2)

    assert found(database, 1, 8) == [(5, 7)]
    assert found(database, 1.5, 4) == []
    assert found(database, 5.5, 6) == [(5.5, 6)]


async def test_nothing_is_said_of_the_time_before_the_first_stretch(database: Database) -> None:
    assert found(database, 0, 9) == []
    await note(database, (3, 4))

    assert found(database, 0, 5) == [(4, 5)]
    assert found(database, 0, 2) == []
    assert database.ask(first_run) == ZERO + 3 * HOUR


async def test_who_is_there_now_has_not_been_away_since_the_last_beat(database: Database) -> None:
    await note(database, (1, 2))

    assert found(database, 1, 5) == [(2, 5)]
    assert found(database, 1, 5, here_since=ZERO + 2 * HOUR) == []
    assert found(database, 1, 5, here_since=ZERO + 3 * HOUR) == [(2, 3)]


async def stay(database: Database, clock: Clock, hours: int, *, idle: bool = False) -> None:
    """A worker is there while the clock goes on ``hours``, in steps that no beat is in between."""
    hub = Hub(database=database, clock=clock, settings=DeliverySettings(beat=0.02))
    worker = Worker(hub, {})
    running = asyncio.create_task(worker.run(idle=idle))
    await worker.registered()
    for _ in range(hours):
        await beaten(database, worker, clock, idle=idle)
        clock.now += timedelta(hours=1)
    await beaten(database, worker, clock, idle=idle)
    worker.stop()
    await running


async def beaten(database: Database, worker: Worker, clock: Clock, *, idle: bool) -> None:
    """The worker has beaten at the clock's time."""
    if idle:
        await asyncio.wait_for(worker.registered(), 5)
        return
    for _ in range(4_000):
        if rows(database, worker.id, to_micros(clock())):
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the worker never beat")


def rows(database: Database, worker: int, seen_at: int) -> list[Any]:
    question = sa.text("SELECT 1 FROM presence WHERE worker = :worker AND seen_at = :seen_at")
    given = {"worker": worker, "seen_at": seen_at}
    return database.ask(lambda connection: list(connection.execute(question, given)))


async def test_a_worker_is_there_from_its_first_beat_to_its_last_and_not_between_two_lives(
    database: Database,
) -> None:
    clock = Clock()
    await stay(database, clock, 3)
    clock.now += timedelta(hours=5)  # nobody is there
    await stay(database, clock, 2)

    assert found(database, 0, 10) == [(3, 8)]


async def test_a_process_that_only_owns_a_run_does_not_count(database: Database) -> None:
    clock = Clock()
    await stay(database, clock, 1, idle=True)

    assert (
        database.ask(lambda connection: connection.execute(sa.text("SELECT COUNT(*) FROM presence")).scalar())
        == 0
    )
