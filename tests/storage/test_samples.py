"""Samples of the backlog: one a minute, read back as a trend, dropped when they are old."""

from datetime import UTC, datetime, timedelta

from gateway.delivery.backlog import BacklogWatch
from gateway.domain.delivery import DeliveryState
from gateway.storage import samples
from gateway.storage.instants import to_micros
from gateway.storage.queries_status import Backlog
from gateway.storage.samples import Sample, Stretch

NOW = datetime(2026, 9, 28, 8, 0, tzinfo=UTC)


def backlog(**states):
    return Backlog(
        deliveries={DeliveryState(state): count for state, count in states.items()},
        oldest_at=NOW - timedelta(hours=1) if states else None,
    )


async def sample(database, minute, each, name="board"):
    at = samples.minute_of(NOW + timedelta(minutes=minute, seconds=7))
    await database.write(lambda tx: samples.record_samples(tx, at, {name: each}))


def trend(database, minutes=1, since=NOW, name="board"):
    return database.ask(lambda c: samples.trend(c, name, since, minutes=minutes))


async def test_sample_says_what_was_open_in_its_minute(database):
    await sample(database, 0, backlog(pending=5, in_doubt=2, rejected=1, parked=3))

    assert trend(database) == [
        Sample(at=NOW, waiting=11, in_doubt=2, failed=4, oldest_at=NOW - timedelta(hours=1))
    ]


async def test_second_look_in_a_minute_changes_nothing(database):
    await sample(database, 0, backlog(pending=5))
    await sample(database, 0, backlog(pending=9))

    assert [each.waiting for each in trend(database)] == [5]


async def test_trend_shows_the_worst_of_each_step_and_nothing_where_nobody_looked(database):
    for minute, count in ((0, 1), (4, 7), (9, 2), (25, 3)):
        await sample(database, minute, backlog(pending=count))
    await sample(database, 3, backlog(pending=99), name="other")

    found = trend(database, minutes=10)

    assert [(each.at - NOW, each.waiting) for each in found] == [
        (timedelta(0), 7),
        (timedelta(minutes=20), 3),
    ]
    assert trend(database, since=NOW + timedelta(minutes=20))[0].waiting == 3


async def test_stretch_begins_after_the_last_time_that_there_were_none(database):
    for minute, states in enumerate(({"in_doubt": 1}, {"pending": 1}, {"in_doubt": 1}, {"in_doubt": 2})):
        await sample(database, minute, backlog(**states))

    found = database.ask(lambda c: samples.stretch(c, "board"))

    assert found == Stretch(in_doubt=NOW + timedelta(minutes=2), failed=None)


async def test_stretch_without_samples_is_unknown(database):
    assert database.ask(lambda c: samples.stretch(c, "board")) == Stretch()


async def test_old_samples_go_and_newer_ones_stay(database):
    for minute in range(5):
        await sample(database, minute, backlog())
        await sample(database, minute, backlog(), name="other")
    before = to_micros(NOW + timedelta(minutes=3))

    counts = []
    while count := await database.write(lambda tx: samples.drop_samples(tx, before, most=2)):
        counts.append(count)

    assert sum(counts) == 6
    assert len(counts) > 1
    assert len(trend(database)) == 2


async def test_watch_looks_once_a_minute_for_everybody(database):
    clock = [NOW]
    watches = [BacklogWatch(database, ["board", "register"], lambda: clock[0]) for _ in range(2)]
    for watch in watches:
        await watch.look()
    clock[0] += timedelta(minutes=1)
    await watches[1].look()

    assert [each.waiting for each in trend(database)] == [0, 0]
    assert len(trend(database, name="register")) == 2


async def test_gateway_without_destinations_has_nothing_to_watch(database):
    await BacklogWatch(database, [], lambda: NOW).look()
    assert trend(database) == []
