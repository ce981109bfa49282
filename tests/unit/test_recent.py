"""Answers kept for a moment: how old they may be, who computes them, what is forgotten."""

import asyncio

import pytest

from gateway.api.recent import MOST, Recent


class Sums:
    """Counts how often it was computed; computing waits for ``go``."""

    def __init__(self):
        self.count = 0
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()
        self.fault = None

    async def __call__(self):
        self.count += 1
        mine = self.count
        self.begun.set()
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        return mine


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


async def test_answer_is_given_again_until_it_is_too_old():
    clock, sums = Clock(), Sums()
    recent = Recent(clock)
    assert await recent.get("q", 60, sums) == 1
    clock.now += 60
    assert await recent.get("q", 60, sums) == 1
    assert await recent.get("q", 59, sums) == 2
    assert await recent.get("another", 60, sums) == 3


async def test_who_accepts_nothing_old_gets_a_new_one():
    sums = Sums()
    recent = Recent(Clock())
    assert [await recent.get("q", 0, sums) for _ in range(3)] == [1, 2, 3]


async def test_many_who_ask_at_once_share_one_computation_although_one_leaves():
    sums = Sums()
    sums.go.clear()
    recent = Recent(Clock())
    first, *others = [asyncio.create_task(recent.get("q", 60, sums)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    sums.go.set()

    assert await asyncio.gather(*others) == [1, 1, 1, 1]
    assert sums.count == 1


async def test_age_counts_from_the_beginning_of_the_computation():
    clock, sums = Clock(), Sums()
    sums.go.clear()
    recent = Recent(clock)
    asked = asyncio.create_task(recent.get("q", 60, sums))
    await sums.begun.wait()
    clock.now += 50
    sums.go.set()
    assert await asked == 1
    clock.now += 11
    assert await recent.get("q", 60, sums) == 2


async def test_fault_reaches_who_asked_and_is_not_kept():
    sums = Sums()
    sums.fault = ValueError("no")
    recent = Recent(Clock())
    with pytest.raises(ValueError, match="no"):
        await recent.get("q", 60, sums)
    sums.fault = None
    assert await recent.get("q", 60, sums) == 2


async def test_only_the_last_ones_are_kept():
    sums = Sums()
    recent = Recent(Clock())
    for number in range(MOST + 1):
        await recent.get(number, 60, sums)
    before = sums.count
    await recent.get(MOST, 60, sums)
    assert sums.count == before
    await recent.get(0, 60, sums)
    assert sums.count == before + 1
