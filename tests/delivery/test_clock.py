"""The clock for due times: never backwards, whatever the wall does, not even from one process to the next."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.delivery.clock import SteadyClock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 9, 28, 1, 0, tzinfo=UTC)


class Time:
    """A wall clock that can be set, and time that passes."""

    def __init__(self):
        self.passed = 500.0
        self.set_by = 0.0

    def wall(self):
        return (NOW - EPOCH).total_seconds() + self.passed - 500.0 + self.set_by

    def monotonic(self):
        return self.passed


@pytest.fixture
def time():
    return Time()


def clock(time, **rest):
    return SteadyClock(time.wall, time.monotonic, **rest)


def test_clock_shows_the_wall_time(time):
    steady = clock(time)
    time.passed += 10

    assert steady() == NOW + timedelta(seconds=10)
    assert steady.behind() == 0.0


def test_clock_goes_on_when_the_wall_is_set_back(time):
    steady = clock(time)
    time.set_by = -3600
    time.passed += 10

    assert steady() == NOW + timedelta(seconds=10)
    assert steady.behind() == 3600


def test_clock_follows_the_wall_forward(time):
    steady = clock(time)
    time.set_by = 3600

    assert steady() == NOW + timedelta(hours=1)


def test_clock_waits_for_a_wall_that_was_ahead_for_a_moment(time):
    steady = clock(time)
    time.set_by = 60
    steady()
    time.set_by = 0
    time.passed += 10

    assert steady() == NOW + timedelta(seconds=70)


def test_clock_never_runs_backwards(time):
    steady, before = clock(time), EPOCH
    for number, change in enumerate([0, -5, 7200, -7200, 3, -86400, 1, 1]):
        time.set_by += change
        time.passed += 0.1 * number
        assert steady() >= before
        before = steady()


def test_next_process_goes_on_where_the_last_one_ended(time):
    time.set_by = -3600
    steady = clock(time, not_before=NOW)

    assert steady() == NOW
    time.passed += 10
    assert steady() == NOW + timedelta(seconds=10)
    assert steady.behind() == pytest.approx(3600)


def test_wall_that_is_right_is_followed_by_the_next_process(time):
    assert clock(time, not_before=NOW - timedelta(minutes=5))() == NOW


def test_instant_written_by_a_clock_that_was_plainly_wrong_is_not_followed(time):
    steady = clock(time, not_before=NOW + timedelta(days=365))

    assert steady() == NOW
    assert steady.behind() == 0.0


def test_real_clock_is_now():
    assert abs(SteadyClock()() - datetime.now(UTC)) < timedelta(seconds=1)
