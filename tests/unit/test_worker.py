"""Who is dead: judged by beats and the observer's own clock, never by wall clocks."""

import pytest

from gateway.worker import Liveness


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def liveness(clock):
    return Liveness(6.0, clock)


def watch(liveness, clock, seconds, beats):
    """Look once a second; what was found last."""
    found = []
    for _ in range(seconds):
        clock.now += 1.0
        found = liveness.observe(beats() if callable(beats) else beats)
    return found


def test_worker_whose_beat_moves_is_alive(liveness, clock):
    count = iter(range(1000))

    assert watch(liveness, clock, 100, lambda: {7: next(count)}) == []


def test_worker_whose_beat_stands_still_is_dead_after_the_agreed_time(liveness, clock):
    liveness.observe({7: 3})

    assert watch(liveness, clock, 5, {7: 3}) == []
    assert watch(liveness, clock, 1, {7: 3}) == [7]


def test_worker_seen_for_the_first_time_gets_the_full_time(liveness, clock):
    clock.now += 1000.0

    assert liveness.observe({7: 3}) == []
    assert watch(liveness, clock, 5, {7: 3}) == []


def test_beat_that_moves_again_starts_the_time_anew(liveness, clock):
    liveness.observe({7: 3})
    watch(liveness, clock, 5, {7: 3})
    liveness.observe({7: 4})

    assert watch(liveness, clock, 5, {7: 4}) == []
    assert watch(liveness, clock, 1, {7: 4}) == [7]


def test_time_in_which_the_observer_could_not_look_does_not_count(liveness, clock):
    """A database that was away, or a laptop lid: everybody's beat stood still, nobody died."""
    liveness.observe({7: 3, 8: 5})
    clock.now += 3600.0

    assert liveness.observe({7: 3, 8: 5}) == []
    assert watch(liveness, clock, 10, {7: 3, 8: 6}) == [7, 8]


def test_worker_that_left_is_forgotten(liveness, clock):
    liveness.observe({7: 3})
    watch(liveness, clock, 10, {})

    assert liveness.observe({7: 3}) == []


def test_only_the_dead_are_named(liveness, clock):
    count = iter(range(1000))
    liveness.observe({7: 3, 8: next(count)})

    assert watch(liveness, clock, 10, lambda: {7: 3, 8: next(count)}) == [7]
