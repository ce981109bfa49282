"""What a scrape shows: figures of the tables, of the machine and of clocks, and only what is certain."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from gateway.api.measuring import Beats
from gateway.port.wire import WireResponse
from gateway.rounds.machine import MachineGauges, places_of
from gateway.settings import DatabaseSettings, Settings
from gateway.storage.database import Database
from gateway.telemetry.skew import surely_ahead
from gateway.wire.dating import LOOK_SECONDS, PartnerClock
from tests.api_world import open_world

NOON = datetime(2026, 9, 28, 5, 0, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("theirs", "least"),
    [
        (NOON, 0.0),
        (NOON - SECOND, 0.0),  # cut off: it may have been noon
        (NOON - 2 * SECOND, -1.0),
        (NOON + 2 * SECOND, 0.0),  # read at the end of two seconds
        (NOON + 10 * SECOND, 8.0),
        (NOON - timedelta(hours=1), -3599.0),
    ],
)
def test_only_a_difference_that_is_certain_is_told(theirs, least):
    assert surely_ahead(theirs, NOON, NOON + 2 * SECOND, grain=SECOND) == least


def answered(date: str | None) -> WireResponse:
    headers = () if date is None else (("Date", date),)
    return WireResponse(status=200, headers=headers, body=b"")


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Mon, 28 Sep 2026 05:10:00 GMT", [600.0]),
        ("Mon, 28 Sep 2026 05:10:00 -0000", [600.0]),
        ("Mon, 28 Sep 2026 04:59:59 GMT", [0.0]),
        ("yesterday", []),
        ("", []),
        (None, []),
    ],
)
def test_partners_clock_is_read_from_its_answers(date, told):
    ahead: list[float] = []
    clock = PartnerClock(lambda: NOON, ahead.append)

    clock.look(answered(date), now=1000.0, seconds=0.2)

    assert ahead == told
    assert clock.look_at == 1000.0 + LOOK_SECONDS


def test_worker_whose_beat_stands_still_is_not_counted():
    now = [0.0]
    beats = Beats(lambda: now[0])
    assert beats.living({1: 7, 2: 4}, dead_after=6.0) == 2

    now[0] = 5.0
    assert beats.living({1: 8, 2: 4}, dead_after=6.0) == 2
    now[0] = 7.0
    assert beats.living({1: 9, 2: 4}, dead_after=6.0) == 1
    now[0] = 8.0
    assert beats.living({1: 10, 2: 5}, dead_after=6.0) == 2, "it was only held up"
    assert beats.living({1: 11}, dead_after=6.0) == 1


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_free_space_and_the_loops_delay_are_measured(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    places = {"database": tmp_path, "archives": tmp_path / "not mounted"}
    gauges = MachineGauges(database, places, lambda: NOON)
    before = sample("lienthong_event_loop_delay_seconds_count") or 0
    stopping = asyncio.Event()
    running = asyncio.create_task(gauges.run(stopping))
    try:
        async with asyncio.timeout(30):
            while (sample("lienthong_event_loop_delay_seconds_count") or 0) == before:  # noqa: ASYNC110 - a metric
                await asyncio.sleep(0.05)
    finally:
        stopping.set()
        await running
        database.close()

    free, size = (sample(f"lienthong_disk_{kind}_bytes", place="database") for kind in ("free", "size"))
    assert free is not None
    assert size is not None
    assert 0 < free <= size
    assert sample("lienthong_disk_free_bytes", place="archives") is None


def test_places_that_must_not_fill_up_follow_from_the_settings(tmp_path: Path):
    own = Settings(database=DatabaseSettings(url=f"sqlite:///{tmp_path}/gateway.db"))
    server = Settings(database=DatabaseSettings(url="postgresql://lienthong@db.h99.example/lienthong"))

    assert places_of(own) == {"database": tmp_path, "keys": tmp_path / "lienthong-keys"}
    assert places_of(server) == {}


async def test_every_commit_is_timed(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path}/gateway.db")
    seconds: list[float] = []
    database.watch_commits(seconds.append)
    try:
        await database.write(lambda _transaction: None)
    finally:
        database.close()

    assert len(seconds) == 1
    assert 0 < seconds[0] < 30


async def test_scrape_shows_what_the_tables_say(tmp_path: Path):
    async with open_world(f"sqlite:///{tmp_path}/gateway.db") as world:
        await world.put("H99-1")
        page = (await world.call("GET", "/metrics", client=None)).text

    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert lines['lienthong_lanes{destination="board",state="ready"}'] == "1.0"
    assert lines['lienthong_breaker_open{destination="board"}'] == "0.0"
    assert lines['lienthong_destination_paused{destination="board"}'] == "0.0"
    assert lines["lienthong_workers"] == "0.0"
    assert lines["lienthong_evidence_checkpoint_timestamp_seconds"] == "0.0"
    assert float(lines["lienthong_tables_measured_timestamp_seconds"]) > 0
    assert lines['lienthong_job_failing{job="tidy"}'] == "0.0"
