"""Identifiers: unique across processes, growing inside one, whatever the wall clock does."""

import threading
from datetime import UTC, datetime

import pytest

from gateway.storage import identity
from gateway.storage.identity import Identifiers, lowest_identifier


class Wall:
    def __init__(self, nanoseconds):
        self.nanoseconds = nanoseconds

    def __call__(self):
        return self.nanoseconds


@pytest.fixture
def wall(monkeypatch):
    fake = Wall(int(datetime(2026, 9, 28, tzinfo=UTC).timestamp() * 1e9))
    monkeypatch.setattr(identity.time, "time_ns", fake)
    return fake


def test_identifiers_grow(wall):
    source = Identifiers(3)
    drawn = []
    for _ in range(10_000):
        drawn.append(source.next())
        wall.nanoseconds += 100_000

    assert drawn == sorted(set(drawn))


def test_identifiers_grow_when_the_clock_is_set_back(wall):
    source = Identifiers(3)
    before = source.take(100)
    wall.nanoseconds -= 3600 * 10**9

    after = source.take(100)

    assert before[-1] < after[0]
    assert after == sorted(set(after))


def test_identifiers_grow_when_more_are_drawn_than_a_millisecond_holds(wall):
    source = Identifiers(3)

    drawn = source.take(20_000)

    assert drawn == sorted(set(drawn))


@pytest.mark.parametrize(("before", "after"), [(900, 3), (3, 500), (1023, 0)])
def test_identifiers_grow_across_a_new_node_number(wall, before, after):
    source = Identifiers(before)
    old = source.take(10)
    source.renew(after)

    new = source.take(10)

    assert old[-1] < new[0]
    assert new == sorted(set(new))


def test_nodes_never_meet(wall):
    drawn = [number for node in range(8) for number in Identifiers(node).take(5000)]

    assert len(drawn) == len(set(drawn))


def test_identifiers_fit_a_signed_64_bit_column(wall):
    wall.nanoseconds = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp() * 1e9)

    assert 0 < Identifiers(1023).next() < 2**63


def test_threads_share_a_source(wall):
    source = Identifiers(3)
    drawn = []
    threads = [threading.Thread(target=lambda: drawn.extend(source.take(5000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(drawn)) == 20_000


def test_lowest_identifier_of_an_instant_lies_below_those_drawn_then(wall):
    instant = datetime.fromtimestamp(wall.nanoseconds / 1e9, UTC)

    assert lowest_identifier(instant) <= Identifiers(0).next()
    assert lowest_identifier(datetime(2020, 1, 1, tzinfo=UTC)) == 0


def test_unregistered_processes_rarely_share_a_node():
    """Two processes in containers have the same process number; they must not draw the same identifiers."""
    nodes = {(Identifiers.unregistered().next() >> 12) & 1023 for _ in range(64)}

    assert len(nodes) > 32
    assert min(nodes) >= 512


def test_registered_workers_keep_to_their_half(wall):
    source = Identifiers.unregistered()
    source.renew(700)

    assert (source.next() >> 12) & 1023 == 700 % 512


def test_identifiers_of_the_next_process_grow_on_when_the_clock_was_set_back(wall):
    newest = Identifiers(900).take(5)[-1]
    wall.nanoseconds -= 3600 * 10**9
    source = Identifiers(3)

    source.follow(newest)
    source.renew(7)

    drawn = source.take(5)
    assert newest < drawn[0]
    assert drawn == sorted(set(drawn))


def test_identifier_of_a_clock_that_was_plainly_wrong_is_not_followed(wall):
    wall.nanoseconds += 365 * 86_400 * 10**9
    wrong = Identifiers(900).next()
    wall.nanoseconds -= 365 * 86_400 * 10**9
    source = Identifiers(3)

    source.follow(wrong)

    assert source.next() < wrong
