"""Agreements at rest, on both engines: the newest one of a lane, as long as it is young enough."""

from __future__ import annotations

import asyncio
import functools

from gateway.storage.drift_agreements import Agreement, agreements, save_agreements


def agreement(lane: int, at: int, ours: bytes = b"\x00" * 32, theirs: bytes = b"\xff" * 32) -> Agreement:
    return Agreement(lane=lane, ours=ours, theirs=theirs, compared_at=at)


async def known(world, *lanes: int, since: int = 0) -> dict[int, Agreement]:
    return await world.database.read(functools.partial(agreements, lanes=lanes, since=since))


async def test_agreement_is_kept_as_it_was_found(world):
    first, second = agreement(1, 10), agreement(2, 20, ours=b"one", theirs=b"other")
    await world.database.apply(save_agreements, [first, second])
    assert await known(world, 1, 2, 3) == {1: first, 2: second}
    assert await known(world, 2) == {2: second}
    assert await known(world) == {}


async def test_later_comparison_takes_the_place_of_the_earlier_one(world):
    await world.database.apply(save_agreements, [agreement(1, 10)])
    later = agreement(1, 30, ours=b"new")
    await world.database.apply(save_agreements, [later])
    assert await known(world, 1) == {1: later}


async def test_what_is_too_old_is_not_known(world):
    await world.database.apply(save_agreements, [agreement(1, 10), agreement(2, 11)])
    assert list(await known(world, 1, 2, since=10)) == [2]


async def test_several_groups_at_once_are_all_kept(world):
    groups = [[agreement(lane, 10), agreement(100, lane)] for lane in range(1, 20)]
    await asyncio.gather(*(world.database.apply(save_agreements, group) for group in groups))
    assert len(await known(world, *range(1, 101))) == 20
