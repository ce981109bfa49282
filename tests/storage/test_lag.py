"""The lag of synchronisation on both engines: from deliveries that were acknowledged to rows, causes and figures."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY

from gateway.domain.errors import StorageUnavailable
from gateway.statussync.lag import Cause, Shown
from gateway.statussync.lag_follower import lag_follower
from gateway.statussync.lag_gauges import LagGauges
from gateway.storage import following, lag, lag_days, upkeep
from gateway.storage.database import Database
from gateway.storage.following import Stretch
from gateway.storage.instants import to_micros
from gateway.storage.lag import LagRow, Retention
from gateway.storage.lag_days import spreads
from gateway.storage.lag_figures import Days, late_ends, open_tellings
from tests.delivery.conftest import Clock
from tests.delivery.partner import Partner
from tests.storage.lag_office import POLICY, PORTAL, Office, Watch, at, step

MINUTE = 60_000_000
DAY_28 = 20_724  # 2026-09-28 in days since 1970-01-01


@pytest.fixture
async def office(database: Database) -> Any:
    opened = Office(database, Partner(), Clock())
    await opened.here((at(1), at(30)))
    yield opened
    await opened.engine.close()


async def test_every_acknowledged_delivery_has_a_row(office: Office) -> None:
    office.go(at(28, 8, 2))
    await office.tell("H99-1", "received")
    office.go(at(28, 8, 5))
    await office.work()

    assert await office.follow() == 2
    found = office.rows(
        "operation", "day", "event_at", "received_at", "sent_at", "acknowledged_at", "ended_at", "late"
    )
    assert found == [
        (operation, DAY_28, *map(to_micros, instants), None, False)
        for operation in ("dossier", "step")
        for instants in [(at(28, 8), at(28, 8, 2), at(28, 8, 5), at(28, 8, 5))]
    ]


async def test_what_was_followed_is_not_followed_again(office: Office) -> None:
    await office.tell("H99-1", "received")
    await office.work()

    assert [await office.follow() for _ in range(3)] == [2, 0, 0]
    assert len(office.rows("delivery_id")) == 2


async def test_a_stretch_whose_place_is_taken_changes_nothing(office: Office) -> None:
    row = LagRow(
        delivery_id=1,
        destination=PORTAL,
        dossier_code="H99-1",
        operation="dossier",
        day=DAY_28,
        event_at=None,
        received_at=1,
        sent_at=None,
        acknowledged_at=2,
    )
    assert await office.database.write(lambda tx: following.claim(tx, lag.NAME, 1)) == 0

    keep = partial(lag.keep, rows=[row, row])
    for stretch in (
        Stretch(name=lag.NAME, owner=2, before=0, upto=5),
        Stretch(name=lag.NAME, owner=1, before=3, upto=5),
    ):
        moved = partial(following.advance, stretch=stretch, write=keep)
        assert await office.database.write(moved) is None
    assert office.rows("delivery_id") == []
    right = Stretch(name=lag.NAME, owner=1, before=0, upto=5)
    assert await office.database.write(lambda tx: following.advance(tx, right, keep)) == 2
    assert office.rows("delivery_id") == [(1,)]


async def test_one_worker_follows_and_a_dead_one_is_replaced(office: Office) -> None:
    database = office.database
    first, second = [
        await database.write(lambda tx: upkeep.register_worker(tx, 0, session=None)) for _ in range(2)
    ]
    assert await database.write(lambda tx: following.claim(tx, lag.NAME, first)) == 0
    assert await database.write(lambda tx: following.claim(tx, lag.NAME, second)) is None
    assert await office.another_follower(second).run_once() is None

    await database.write(lambda tx: upkeep.forget_workers(tx, [first]))

    assert await office.another_follower(second).run_once() == 0
    assert await database.write(lambda tx: following.claim(tx, lag.NAME, first)) == 0  # it was given back


async def test_the_task_follows_until_it_is_stopped_and_gives_its_place_back(office: Office) -> None:
    await office.tell("H99-1", "received")
    await office.work()
    await office.database.write(upkeep.seal)
    stopping = asyncio.Event()
    task = asyncio.create_task(office.follower.run(stopping))

    async with asyncio.timeout(20):
        while len(office.rows("delivery_id")) < 2:  # noqa: ASYNC110 - the task tells nobody
            await asyncio.sleep(0.01)
    stopping.set()
    async with asyncio.timeout(20):
        await task

    assert office.engine.rows("SELECT name, position, lease_owner FROM follower") == [("lag", 2, None)]


async def test_a_later_version_of_the_same_state_is_no_news(office: Office) -> None:
    """Else every correction of an old dossier would look like a lag of weeks."""
    await office.tell("H99-1", "received")
    await office.work()
    office.go(at(30, 9))
    await office.tell("H99-1", "received", note="the telephone number was wrong")
    await office.work()

    await office.follow()

    assert office.rows("operation", "event_at") == [
        ("dossier", to_micros(at(28, 8))),
        ("step", to_micros(at(28, 8))),
        ("dossier", None),
    ]


async def test_what_was_replaced_unsent_counts_from_when_we_first_heard_of_it(office: Office) -> None:
    office.go(at(28, 8, 1))
    await office.tell("H99-1", "received")
    office.go(at(28, 9))
    await office.tell("H99-1", "received", note="the telephone number was wrong")
    await office.work()

    await office.follow()

    assert ("dossier", to_micros(at(28, 8, 1))) in office.rows("operation", "received_at")


async def finished(office: Office, code: str, ended_at: datetime, **fields: Any) -> None:
    """The dossier was received long ago, and the portal knows; now its end comes in."""
    heard_at = office.clock()
    office.go(at(28, 8, 1))
    await office.tell(code, "received")
    await office.work()
    office.go(heard_at)
    await office.tell(code, "finished", finished_at=ended_at, **fields)


SHOWN = ("by_date", "late_cause", "by_instant", "late_cause_by_instant")


def ends(office: Office, code: str) -> set[tuple[Any, ...]]:
    """What is kept about the end of a dossier; snapshot and step agree."""
    return {row for row in office.rows(*SHOWN, code=code) if row[0] is not None}


async def test_an_end_that_was_told_in_time_was_shown_in_time(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("in_time", None, "in_time", None)}
    assert office.rows("ended_at", "due_at", code="H99-1")[-1] == (
        to_micros(at(28, 16)),
        to_micros(at(28, 17)),
    )
    assert await office.late() == []


async def test_our_own_delay_is_ours(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    office.go(at(29, 8))  # nobody worked in the night
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "gateway", "sync_late", "gateway")}


async def test_what_reached_us_late_is_the_sources(office: Office) -> None:
    office.go(at(29, 7, 30))
    await finished(office, "H99-1", at(28, 16))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "source", "sync_late", "source")}


async def test_an_end_after_the_promise_is_late_and_nobodys_lag(office: Office) -> None:
    office.go(at(29, 9))
    await finished(office, "H99-1", at(29, 8))
    office.go(at(30, 8))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("late", None, "late", None)}
    assert (await office.headline()).late.by_date.rightly == 1


async def test_by_date_it_was_in_time_and_by_instant_shown_late(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    office.go(at(28, 18))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("in_time", None, "sync_late", "gateway")}
    (dossier,) = await office.late()
    assert (dossier.shown_by_date, dossier.cause_by_instant) == (Shown.IN_TIME, Cause.GATEWAY)


async def test_a_partner_that_was_away_over_the_promise_is_the_cause(office: Office) -> None:
    office.go(at(28, 15))
    await office.lose_partner()
    office.go(at(28, 16))
    await finished_unsent(office, "H99-1")
    office.go(at(29, 6))
    await office.regain_partner()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "partner", "sync_late", "partner")}
    (absence,) = (await office.report()).absences
    assert (absence.destination, absence.began_at, absence.ended_at) == (PORTAL, at(28, 15), at(29, 6))


async def test_while_our_own_process_was_down_an_absence_of_the_partner_excuses_nothing(
    office: Office,
) -> None:
    """The outage stays open over our own night, because nobody of ours could see that the partner was back."""
    office.go(at(28, 15))
    await office.lose_partner()
    office.go(at(28, 16))
    await finished_unsent(office, "H99-1")
    await office.here((at(1), at(28, 16, 5)), (at(29, 6), at(30)))
    office.go(at(29, 6))
    await office.regain_partner()
    await office.follow()

    (absence,) = (await office.report()).absences
    assert (absence.began_at, absence.ended_at) == (at(28, 15), at(29, 6))
    assert ends(office, "H99-1") == {("sync_late", "gateway", "sync_late", "gateway")}


async def test_a_restart_shorter_than_the_target_leaves_the_partner_its_absence(office: Office) -> None:
    office.go(at(28, 15))
    await office.lose_partner()
    office.go(at(28, 16))
    await finished_unsent(office, "H99-1")
    await office.here((at(1), at(28, 16, 5)), (at(28, 16, 12), at(30)))
    office.go(at(29, 6))
    await office.regain_partner()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "partner", "sync_late", "partner")}


async def test_a_worker_that_is_there_needs_no_beat_to_say_so(office: Office) -> None:
    """The clock has moved on since the last beat, and the follower runs in the process that will beat next."""
    office.go(at(28, 15))
    await office.lose_partner()
    office.go(at(28, 16))
    await finished_unsent(office, "H99-1")
    await office.here((at(1), at(28, 16, 5)))
    office.go(at(29, 6))
    await office.regain_partner()
    office.follower = office.another_follower(1, here_since=at(28, 16, 5))
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "partner", "sync_late", "partner")}


async def test_old_dossiers_of_an_initial_load_are_nobodys_lag(office: Office) -> None:
    await office.here((at(29, 7), at(30)))  # the gateway first runs on the day after the promise
    office.go(at(29, 7, 30))
    await office.tell("H99-1", "finished", finished_at=at(28, 16))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "before_start", "sync_late", "before_start")}
    late = (await office.headline()).late.by_date
    assert (late.shown, late.before_start, late.gateway, late.source, late.ours) == (1, 1, 0, 0, 0.0)
    (dossier,) = await office.late()
    assert dossier.cause_by_date is Cause.BEFORE_START


async def test_the_age_of_old_events_is_in_no_percentile(office: Office) -> None:
    await office.here((at(28, 9), at(30)))
    office.go(at(28, 9, 30))
    await office.tell("H99-1", "received")  # at 08:00, before there was a gateway
    await office.work()
    await office.follow()

    assert set(office.rows("before_start")) == {(True,)}
    (day,) = (await office.report()).days
    assert (day.deliveries, day.source, day.total) == (2, None, None)
    assert day.ours is not None


async def test_a_configured_start_takes_the_place_of_the_first_run(office: Office) -> None:
    office.follower = office.another_follower(1, counts_from=at(29))
    office.go(at(29, 7, 30))
    await finished(office, "H99-1", at(28, 16))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "before_start", "sync_late", "before_start")}


async def test_rows_that_no_report_needs_are_dropped_and_the_days_percentiles_stay(office: Office) -> None:
    office.go(at(28, 8, 10))
    await office.tell("H99-1", "received")
    await office.tell("H99-2", "received")
    await office.work()
    office.go(at(29, 0, 1))
    await office.follow()
    before = (await office.report()).days
    office.go(at(30, 8))
    await office.tell("H99-2", "processing")  # heard of since: what was told of it may be told again

    old = Retention(before=DAY_28 + 1, since=to_micros(at(29)))
    assert await dropped(office, old) == 2
    assert set(office.rows("dossier_code")) == {("H99-2",)}
    assert (await office.report()).days == before
    assert await dropped(office, old) == 0


async def dropped(office: Office, old: Retention) -> int:
    return await office.database.write(partial(lag.drop_rows, old=old))


async def test_a_day_that_was_not_counted_keeps_its_rows(office: Office) -> None:
    office.go(at(28, 8, 10))
    await office.tell("H99-1", "received")
    await office.work()
    await office.follow()  # the day is not over

    assert await dropped(office, Retention(before=DAY_28 + 1, since=to_micros(at(29)))) == 0
    assert len(office.rows("day")) == 2


async def test_what_is_told_after_its_row_may_be_gone_counts_as_told_before(office: Office) -> None:
    office.go(at(28, 8, 10))
    await office.tell("H99-1", "received")
    office.clock.move(days=1101)
    await office.work()
    await office.follow()

    assert office.rows("event_at")[0] == (None,)


async def finished_unsent(office: Office, code: str, *, ended_at: datetime | None = None) -> None:
    """Everything about the dossier comes in while nothing can leave."""
    await office.tell(code, "received")
    await office.tell(code, "finished", finished_at=ended_at or office.clock())


async def test_a_partner_that_was_back_in_time_is_no_excuse(office: Office) -> None:
    office.go(at(28, 15))
    await office.lose_partner()
    office.go(at(28, 15, 30))
    await finished_unsent(office, "H99-1")
    office.go(at(28, 16))
    office.partner.down = False
    await office.engine.destination.gate.succeeded()
    office.go(at(29, 6))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "gateway", "sync_late", "gateway")}


async def test_attempts_that_kept_failing_excuse_without_an_open_breaker(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    office.partner.plan("H99-1", *["deferred"] * 200)
    while office.clock() < at(28, 17, 1):
        await office.work()
        office.clock.move(minutes=5)
    office.partner.script.clear()
    office.clock.move(minutes=15)
    await office.work()
    await office.follow()

    assert {row[2:] for row in ends(office, "H99-1")} == {("sync_late", "partner")}


async def test_what_only_the_province_could_correct_is_the_sources(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    office.partner.plan("H99-1", "rejected")
    await office.work()
    office.go(at(29, 10))
    await office.tell("H99-1", "finished", finished_at=at(28, 16), note="corrected")
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("sync_late", "source", "sync_late", "source")}


async def test_what_is_not_acknowledged_counts_as_shown_late(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))

    office.go(at(28, 17))
    assert await office.late() == []
    office.go(at(28, 20))
    found = await office.headline()
    assert (found.now.by_date.shown, found.now.by_instant.gateway) == (0, 1)
    office.go(at(29, 1))
    found = await office.headline()
    assert (found.now.by_date.shown, found.now.by_date.gateway, found.now.by_date.ours) == (1, 1, 1.0)
    (dossier,) = await office.late()
    assert (dossier.acknowledged_at, dossier.waits) == (None, "pending")

    await office.work()
    await office.follow()
    found = await office.headline()
    assert (found.now.by_date.shown, found.late.by_date.gateway) == (0, 1)


async def test_an_open_correction_of_a_told_end_is_shown_rightly(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    await office.work()
    await office.follow()
    office.go(at(29, 9))
    await office.tell("H99-1", "finished", finished_at=at(28, 16), note="a result was added")

    assert await office.late() == []
    await office.work()
    await office.follow()
    assert ends(office, "H99-1") == {("in_time", None, "in_time", None)}


async def test_the_hand_over_of_a_result_is_no_end(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    await office.work()
    office.go(at(30, 9))
    await office.tell("H99-1", "returned", finished_at=at(28, 16), returned_at=at(30, 9))
    await office.work()
    await office.follow()

    assert ends(office, "H99-1") == {("in_time", None, "in_time", None)}
    assert await office.late() == []


async def test_a_dossier_counts_once_however_many_deliveries_tell_its_end(office: Office) -> None:
    office.go(at(28, 16, 1))
    own = step("nine", "finished", at(28, 16))
    await finished(office, "H99-1", at(28, 16), steps=[own])
    office.go(at(29, 8))
    await office.work()
    await office.follow()

    assert len([row for row in office.rows("by_date", code="H99-1") if row[0] == "sync_late"]) == 2
    found = await office.headline()
    assert (found.late.by_date.shown, found.late.by_date.gateway) == (1, 1)


async def test_the_headline_is_the_share_that_is_only_ours(office: Office) -> None:
    """Four shown late: one runs past its promise, one ended late, one through the source, one through us."""
    office.go(at(28, 8, 1))
    for code in ("H99-ours", "H99-source", "H99-late", "H99-running", "H99-paused"):
        await office.tell(code, "received")
    await office.tell("H99-paused", "supplement_requested")
    await office.work()
    office.go(at(28, 16, 1))
    await office.tell("H99-ours", "finished", finished_at=at(28, 16))
    office.go(at(29, 8))
    await office.tell("H99-source", "finished", finished_at=at(28, 16))
    await office.tell("H99-late", "finished", finished_at=at(29, 7))
    await office.work()
    await office.follow()

    found = (await office.headline()).late.by_date

    assert (found.shown, found.rightly, found.gateway, found.source, found.partner, found.ours) == (
        *(4, 2, 1, 1, 0),
        0.25,
    )
    (agency,) = (await office.headline()).agencies
    assert (agency.agency, agency.late.by_date) == ("H99.14", found)


async def test_a_promise_of_midnight_is_not_running_late_on_its_day(office: Office) -> None:
    office.go(at(28, 8, 1))
    await office.tell("H99-1", "received", due_at=at(28))
    await office.tell("H99-2", "received", due_at=at(28, 9))
    await office.work()
    office.go(at(28, 12))

    found = (await office.headline()).now
    assert (found.by_date.rightly, found.by_instant.rightly) == (0, 1)
    office.go(at(29))
    found = (await office.headline()).now
    assert (found.by_date.rightly, found.by_instant.rightly) == (2, 2)


async def test_what_the_partner_never_heard_of_it_does_not_show(office: Office) -> None:
    office.go(at(28, 8, 1))
    await office.tell("H99-1", "received")
    office.go(at(30, 8))

    assert (await office.headline()).now.by_date.rightly == 0


async def measure(database: Database, lengths: list[int]) -> None:
    """Rows of one day whose part between receipt and acknowledgement has these lengths."""
    rows = [
        LagRow(
            delivery_id=number,
            destination=PORTAL,
            dossier_code=f"H99-{number}",
            operation="dossier",
            day=DAY_28,
            event_at=0 if number % 2 else None,
            received_at=1_000,
            sent_at=None,
            acknowledged_at=1_000 + length,
        )
        for number, length in enumerate(lengths, start=1)
    ]
    await database.write(lambda tx: following.claim(tx, lag.NAME, 1))
    assert await database.write(lambda tx: lag.keep(tx, rows))


@pytest.mark.parametrize("count", [1, 2, 3, 10, 99, 100, 101, 250])
async def test_percentiles_are_exact_by_nearest_rank(database: Database, count: int) -> None:
    lengths = [(number * 7919) % 10_007 for number in range(count)]
    await measure(database, lengths)
    days = Days(first=DAY_28, last=DAY_28, destinations=[PORTAL])

    found = await database.read(lambda connection: spreads(connection, days, target=5_000))

    (ours,) = [item for item in found if item.part == "ours"]
    ranked = sorted(lengths)
    nearest = [ranked[-(-count * percent // 100) - 1] for percent in (50, 90, 99)]
    assert (ours.count, ours.p50, ours.p90, ours.p99, ours.longest) == (count, *nearest, ranked[-1])
    assert ours.kept == sum(length <= 5_000 for length in lengths)
    (source,) = [item for item in found if item.part == "source"]
    assert (source.count, source.longest) == ((count + 1) // 2, 1_000)
    assert "queue" not in {item.part for item in found}


async def test_a_clock_that_runs_ahead_gives_no_lag_below_zero(database: Database) -> None:
    await measure(database, [-5])
    days = Days(first=DAY_28, last=DAY_28, destinations=[PORTAL])
    found = await database.read(lambda connection: spreads(connection, days, target=5_000))
    assert {item.part: item.p50 for item in found} == {"source": 1_000, "ours": 0, "total": 995}


async def test_other_days_and_destinations_are_left_out(database: Database) -> None:
    await measure(database, [1, 2, 3])
    for days in (
        Days(first=DAY_28 + 1, last=DAY_28 + 9, destinations=[PORTAL]),
        Days(first=DAY_28, last=DAY_28, destinations=["elsewhere"]),
        Days(first=DAY_28, last=DAY_28, destinations=[]),
    ):
        question = days
        assert (
            await database.read(lambda connection, given=question: spreads(connection, given, target=1)) == []
        )


async def test_a_day_in_the_report(office: Office) -> None:
    office.go(at(28, 8, 10))
    await office.tell("H99-1", "received")
    office.go(at(28, 8, 12))
    await office.work()
    office.go(at(28, 9))
    await office.tell("H99-2", "received")
    await office.work()
    await office.follow()

    (day,) = (await office.report()).days

    assert (day.day.isoformat(), day.destination, day.deliveries) == ("2026-09-28", PORTAL, 4)
    assert day.kept == 0.5  # an hour is more than the target of 15 minutes
    assert day.source is not None
    assert (day.source.p50, day.source.longest) == (600.0, 3600.0)
    assert day.queue is not None
    assert (day.queue.p50, day.queue.longest) == (0.0, 120.0)
    assert day.wire is not None
    assert day.wire.longest == 0.0


def kept_days(office: Office) -> list[tuple[Any, ...]]:
    return office.engine.rows("SELECT day, count, p50 FROM sync_lag_day WHERE part = 'source' ORDER BY day")


async def test_a_day_is_counted_once_when_it_is_over(office: Office) -> None:
    office.go(at(28, 8, 10))
    await office.tell("H99-1", "received")
    await office.work()
    await office.follow()
    assert kept_days(office) == []
    live = (await office.report()).days

    office.go(at(29, 0, 1))
    await office.follow()

    assert kept_days(office) == [(DAY_28, 2, 10 * MINUTE)]
    assert (await office.report()).days == live


async def test_a_row_that_comes_late_opens_its_day_again(office: Office) -> None:
    office.go(at(28, 8, 10))
    await office.tell("H99-1", "received")
    await office.tell("H99-2", "received")
    (lane,) = await office.engine.claim()
    await office.engine.turn(lane).run(stopping=asyncio.Event())
    office.go(at(29, 0, 1))
    await office.follow()
    assert kept_days(office) == [(DAY_28, 2, 10 * MINUTE)]

    office.go(at(28, 23, 59))  # a machine whose clock is behind
    await office.work()
    office.go(at(29, 0, 2))
    await office.follow()

    assert kept_days(office) == [(DAY_28, 4, 10 * MINUTE)]


async def test_who_follows_no_more_keeps_nothing(office: Office) -> None:
    await measure(office.database, [1, 2, 3])
    days = Days(first=DAY_28, last=DAY_28, destinations=[PORTAL])
    found = await office.database.read(lambda connection: spreads(connection, days, target=1))

    assert not await office.database.write(lambda tx: lag_days.keep(tx, 2, found))
    assert kept_days(office) == []
    assert await office.database.write(lambda tx: lag_days.keep(tx, 1, found))
    assert len(kept_days(office)) == 1


async def test_late_ends_are_found_by_their_own_index(office: Office) -> None:
    days = Days(first=DAY_28, last=DAY_28, destinations=[PORTAL])
    seen: list[str] = []

    def plan_of(connection: sa.Connection) -> str:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: seen.append(given[2]))
        late_ends(connection, days)
        statement = seen[-1]
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", (DAY_28, DAY_28, PORTAL)
            ).all()
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")
            rows = connection.exec_driver_sql(
                f"EXPLAIN {statement}", {"day_1": DAY_28, "day_2": DAY_28, "destination_1_1": PORTAL}
            ).all()
        return str(rows)

    assert "ix_sync_lag_late" in await office.database.read(plan_of)


def test_what_is_open_is_found_by_the_index_of_what_is_open(sqlite_url: str) -> None:
    """Not from the dossiers that have ended, which are all of them in the end. PostgreSQL counts and sees for itself."""
    seen: list[tuple[str, Any]] = []

    def plan_of(connection: sa.Connection) -> list[str]:
        sa.event.listen(connection, "before_cursor_execute", lambda *given: seen.append((given[2], given[3])))
        open_tellings(connection, [PORTAL], to_micros(at(30)))
        statement, given = seen[-1]
        return [str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]

    database = Database(sqlite_url)
    try:
        first, second = database.ask(plan_of)[:2]
    finally:
        database.close()
    assert "uq_delivery_position" in first
    assert "SEARCH x" in second


async def test_the_headline_is_shown_as_metrics(office: Office) -> None:
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    office.go(at(29, 8))
    await office.follow()
    gauges = LagGauges(office.database, [PORTAL], clock=office.clock, policy=POLICY)

    await gauges.refresh()
    assert sample("lienthong_shown_late", cause="gateway") == 1
    assert sample("lienthong_shown_late_ours_ratio") == 1

    before = sample("lienthong_lag_seconds_count", part="total")
    await office.work()
    await office.follow()
    await gauges.refresh()
    assert sample("lienthong_shown_late", cause="gateway") == 0
    assert sample("lienthong_shown_late_ours_ratio") == 1  # of 30 days
    assert sample("lienthong_lag_seconds_count", part="total") == before + 2


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"destination": PORTAL, **labels}) or 0.0


async def test_the_task_goes_on_after_the_database_was_away(office: Office) -> None:
    await office.tell("H99-1", "received")
    await office.work()
    await office.database.write(upkeep.seal)

    class Away:
        """A database whose next write is refused."""

        def __init__(self) -> None:
            self.refusals = 1

        def __getattr__(self, name: str) -> Any:
            return getattr(office.database, name)

        async def write(self, unit: Any) -> Any:
            if self.refusals:
                self.refusals -= 1
                raise StorageUnavailable("away")
            return await office.database.write(unit)

    away: Any = Away()
    follower = lag_follower(away, Watch(office.database), clock=office.clock, owner=lambda: 1, policy=POLICY)
    with pytest.raises(StorageUnavailable):
        await follower.run_once()
    assert await follower.run_once() == 2


async def test_a_dossier_from_before_its_versions_were_kept_is_followed(
    office: Office,
) -> None:
    """A database that an older release has filled: no accounts, no times of events."""
    office.go(at(28, 16, 1))
    await finished(office, "H99-1", at(28, 16))
    await office.work()
    await office.engine.execute("DELETE FROM dossier_version")
    await office.engine.execute("UPDATE delivery SET event_at = NULL")

    assert await office.follow() == 4
    assert {row[0] for row in office.rows("event_at")} == {None}
    assert ("in_time", None, "in_time", None) in ends(office, "H99-1")
