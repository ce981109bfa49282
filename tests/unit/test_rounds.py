"""Waiting between rounds: nobody who waits keeps the process from stopping."""

from __future__ import annotations

import asyncio

from gateway.rounds.pausing import once_a_minute, pause


async def test_pause_ends_with_its_time():
    await asyncio.wait_for(pause(asyncio.Event(), 0.001), 5)


async def test_pause_ends_when_the_process_stops():
    stopping = asyncio.Event()
    waiting = asyncio.create_task(pause(stopping, 3600))
    await asyncio.sleep(0)
    assert not waiting.done()
    stopping.set()
    await asyncio.wait_for(waiting, 5)


async def test_measuring_begins_at_once_and_ends_when_the_process_stops():
    stopping, measured = asyncio.Event(), asyncio.Event()
    times: list[int] = []

    async def refresh() -> None:
        times.append(1)
        measured.set()

    task = asyncio.create_task(once_a_minute(refresh, stopping))
    await asyncio.wait_for(measured.wait(), 5)
    stopping.set()
    await asyncio.wait_for(task, 5)
    assert times == [1]


async def test_nothing_is_measured_by_a_process_that_stops():
    stopping = asyncio.Event()
    stopping.set()

    async def refresh() -> None:
        raise AssertionError("measured")

    await once_a_minute(refresh, stopping)
