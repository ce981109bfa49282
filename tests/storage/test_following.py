"""Following the event feed: whoever loses the place writes nothing more, and nothing is lost with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gateway.domain.errors import StorageUnavailable
from gateway.rounds.following import NOTED, Follower, Found, Rhythm
from gateway.storage import following, upkeep
from gateway.storage.database import Database, Transaction

NAME = "numbers"


class Numbers:
    """A feed of ``upto`` positions, of which ``wanted`` are of interest."""

    name = NAME

    def __init__(self, upto: int, wanted: Sequence[int], *, at_once: int = 10) -> None:
        self.upto = upto
        self.wanted = wanted
        self.at_once = at_once
        self.items: list[int] = []
        self.told: list[Any] = []
        self.before_write: Callable[[Transaction], None] = lambda _tx: None
        self.caught_up = asyncio.Event()

    async def read(self, after: int) -> Found[int]:
        upto = min(self.upto, after + self.at_once)
        return Found(
            items=[each for each in self.wanted if after < each <= upto], upto=upto, newest=self.upto
        )

    def write(self, transaction: Transaction, items: Sequence[int]) -> int:
        self.before_write(transaction)
        return len(items)

    def written(self, items: Sequence[int]) -> None:
        self.items += items

    async def at_leisure(self) -> bool:
        self.caught_up.set()
        return False

    def replaced(self, position: int) -> None:
        self.told.append(position)

    def left_taken(self) -> None:
        self.told.append("left")


class Watch:
    async def beyond(self, position: int, seconds: float) -> int:
        await asyncio.sleep(0)
        return position


def follower(database: Any, numbers: Numbers, owner: int) -> Follower[int]:
    return Follower(database, Watch(), numbers, owner=lambda: owner, rhythm=Rhythm(pause=0.001))


async def workers(database: Database) -> tuple[int, int]:
    first, second = [
        await database.write(lambda tx: upkeep.register_worker(tx, 0, session=None)) for _ in range(2)
    ]
    return first, second


async def place(database: Database, owner: int) -> following.Place:
    return await database.read(lambda connection: following.place(connection, NAME, owner))


async def test_every_stretch_is_written_once_and_the_place_is_given_back(database: Database) -> None:
    first, second = await workers(database)
    numbers = Numbers(35, [1, 9, 10, 11, 35])
    assert [await follower(database, numbers, first).run_once() for _ in range(2)] == [5, 0]
    assert numbers.items == [1, 9, 10, 11, 35]
    assert await place(database, second) == following.Place(position=35, free=True)


async def test_stretches_without_anything_move_the_place_now_and_then(database: Database) -> None:
    first, _ = await workers(database)
    numbers = Numbers(NOTED + 5, [], at_once=NOTED)
    stopping = asyncio.Event()
    task = asyncio.create_task(follower(database, numbers, first).run(stopping))
    await asyncio.wait_for(numbers.caught_up.wait(), 10)
    stopping.set()
    await asyncio.wait_for(task, 10)
    assert (await place(database, first)).position == NOTED


async def test_follower_that_was_replaced_writes_nothing_and_goes_on_when_it_may(database: Database) -> None:
    first, second = await workers(database)
    numbers = Numbers(5, [2])
    mine = follower(database, numbers, first)
    position = await database.write(lambda tx: following.claim(tx, NAME, first))
    assert position == 0
    await database.write(lambda tx: following.release(tx, NAME, first))
    assert await database.write(lambda tx: following.claim(tx, NAME, second)) == 0

    await mine._follow(position, asyncio.Event())
    assert (numbers.items, numbers.told) == ([], [0])
    assert await mine.run_once() is None

    await database.write(lambda tx: following.release(tx, NAME, second))
    assert await mine.run_once() == 1
    assert numbers.items == [2]


async def test_what_fails_in_a_stretch_moves_nothing_and_is_done_again(database: Database) -> None:
    first, _ = await workers(database)
    numbers = Numbers(5, [2])

    def fail(_transaction: Transaction) -> None:
        raise ValueError("not this time")

    numbers.before_write = fail
    with pytest.raises(ValueError, match="not this time"):
        await follower(database, numbers, first).run_once()
    assert (await place(database, first)).position == 0
    assert numbers.items == []

    numbers.before_write = lambda _tx: None
    assert await follower(database, numbers, first).run_once() == 1


async def test_place_that_cannot_be_given_back_is_told_and_taken_over_later(database: Database) -> None:
    first, second = await workers(database)
    numbers = Numbers(5, [2])

    class Away:
        """Takes the place and the stretch, and is away when it is given back."""

        writes = 0

        async def read(self, question: Any) -> Any:
            return await database.read(question)

        async def write(self, unit: Any) -> Any:
            self.writes += 1
            if self.writes > 2:
                raise StorageUnavailable("away")
            return await database.write(unit)

    assert await follower(Away(), numbers, first).run_once() == 1
    assert numbers.told == ["left"]
    assert await follower(database, numbers, second).run_once() is None

    await database.write(lambda tx: upkeep.forget_workers(tx, [first]))
    assert await follower(database, numbers, second).run_once() == 0
