"""Where dossiers stand: assessed once, in order, without a gap; and what makes a lane go first."""

import asyncio

import pytest
import sqlalchemy as sa

from gateway.storage import crossings, queries_standings, urgency
from gateway.storage.crossings import Crossing, Looked, Moments, record_looks
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.queries_standings import CrossingRow
from gateway.storage.rows import EventRow
from gateway.storage.schema_status import STILL
from gateway.storage.standings import Assessed, record_assessments
from gateway.storage.urgency import Calming, calm_lanes
from tests.storage.builders import NOW, S, World, event, later, snapshot
from tests.storage.standing_builders import DUE, account, anomaly, due_change, heard, period

CODE = "H99-a"


async def say(world, code=CODE, version=1, *deliveries):
    """A version comes in, with what it says about time."""
    await world.accept(code, *deliveries, version=version, due_at=DUE, account=heard(account(code, version)))


def waiting(world, most=100):
    return world.database.ask(lambda connection: queries_standings.unassessed(connection, most))


async def record(world, code=CODE, *, basis=None, versions=(), **what):
    item = Assessed(code=code, basis=basis, versions=tuple(versions), **what)
    return await world.database.apply(record_assessments, item)


def spans(world, code=CODE):
    """(from, to) of every period in hours after NOW; None is open."""
    start = to_micros(NOW)
    return [
        (
            (row.effective_from - start) / 3.6e9,
            None if row.effective_to == STILL else (row.effective_to - start) / 3.6e9,
        )
        for row in world.database.ask(lambda connection: queries_standings.periods(connection, code))
    ]


def count(world, table):
    return world.rows(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - a constant of the test


# what is still to be assessed


async def test_versions_wait_by_dossier_in_order(world):
    for version in (1, 2, 3):
        for code in ("H99-b", "H99-a"):
            await say(world, code, version)

    assert [(row.dossier_code, row.version) for row in waiting(world)] == [
        *(("H99-a", version) for version in (1, 2, 3)),
        *(("H99-b", version) for version in (1, 2, 3)),
    ]


async def test_small_portion_never_begins_in_the_middle_of_a_dossier(world):
    for version in (1, 2, 3):
        for code in ("H99-a", "H99-b"):
            await say(world, code, version)

    found = waiting(world, most=1)

    assert [row.version for row in found] == [1, 2][: len(found)]
    assert {row.dossier_code for row in found} == {"H99-a"}


async def test_backlog_names_the_oldest_and_the_leader(world):
    assert world.database.ask(queries_standings.backlog).waiting == 0
    await say(world)
    await say(world, "H99-b")

    found = world.database.ask(queries_standings.backlog)

    assert (found.waiting, found.oldest_at, found.leader) == (2, to_micros(NOW), None)


@pytest.mark.parametrize("question", ["unassessed", "backlog"])
async def test_a_large_past_is_not_searched(world, question):
    """The partial indexes are used: what is assessed costs nothing."""
    statements = []

    def explain(connection):
        prefix = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
        # a nearly empty table is read whole by PostgreSQL whatever there is, so it is asked not to
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SET enable_seqscan = off"))

        @sa.event.listens_for(connection, "before_cursor_execute")
        def _seen(_conn, _cursor, statement, parameters, _context, _many):
            statements.append((statement, parameters))

        getattr(queries_standings, question)(connection, 10)
        plans, asked = [], statements.copy()  # what is asked about them is heard, too
        for statement, parameters in asked:
            rows = connection.exec_driver_sql(prefix + statement, parameters)
            plans += [str(row) for row in rows]
        return "\n".join(plans)

    assert "ix_dossier_version_unassessed" in world.database.ask(explain)


# writing what came of it


async def test_first_assessment_opens_a_period(world):
    await say(world)
    [version] = waiting(world)

    assert await record(world, versions=[version.id], standings=(period(world.database, CODE, NOW),))

    assert spans(world) == [(0, None)]
    assert waiting(world) == []


async def test_next_one_closes_the_open_period_where_it_begins(world):
    first = period(world.database, CODE, NOW)
    await record(world, standings=(first,))

    assert await record(world, basis=first.id, standings=(period(world.database, CODE, later(hours=5)),))

    assert spans(world) == [(0, 5), (5, None)]


async def test_late_news_changes_past_periods_and_leaves_no_gap(world):
    rows = [
        period(world.database, CODE, NOW, effective_to=to_micros(later(hours=4))),
        period(world.database, CODE, later(hours=4), effective_to=to_micros(later(hours=8))),
        period(world.database, CODE, later(hours=8)),
    ]
    await record(world, standings=tuple(rows))

    told_late = [
        period(world.database, CODE, later(hours=2), effective_to=to_micros(later(hours=6))),
        period(world.database, CODE, later(hours=6)),
    ]
    assert await record(world, basis=rows[-1].id, standings=tuple(told_late))

    assert spans(world) == [(0, 2), (2, 6), (6, None)]


async def test_news_from_before_everything_replaces_everything(world):
    first = period(world.database, CODE, NOW)
    await record(world, standings=(first,))

    await record(world, basis=first.id, standings=(period(world.database, CODE, later(hours=-9)),))

    assert spans(world) == [(-9, None)]


async def test_version_is_assessed_once(world):
    await say(world)
    [version] = waiting(world)
    await record(world, versions=[version.id], standings=(period(world.database, CODE, NOW),))

    again = await record(
        world, versions=[version.id], standings=(period(world.database, CODE, later(hours=1)),)
    )

    assert again is False
    assert spans(world) == [(0, None)]


async def test_assessment_on_an_outdated_basis_changes_nothing(world):
    first = period(world.database, CODE, NOW)
    await record(world, standings=(first,))
    await record(world, basis=first.id, standings=(period(world.database, CODE, later(hours=1)),))
    await say(world)
    [version] = waiting(world)

    late = await record(
        world,
        basis=first.id,
        versions=[version.id],
        standings=(period(world.database, CODE, later(hours=9)),),
        due_changes=(due_change(world.database, CODE),),
        anomalies=(anomaly(world.database, CODE),),
        events=(world.event_row(),),
    )

    assert late is False
    assert spans(world) == [(0, 1), (1, None)]
    assert [count(world, table) for table in ("due_change", "anomaly", "event")] == [0, 0, 0]
    assert waiting(world) == [version]


async def test_of_two_in_one_group_one_is_written(world):
    """The second has not seen the first, though both rest on the same period."""
    first = period(world.database, CODE, NOW)
    await record(world, standings=(first,))
    rivals = [
        Assessed(code=CODE, basis=first.id, standings=(period(world.database, CODE, later(hours=hours)),))
        for hours in (1, 2)
    ]

    results = await world.database.write(lambda transaction: record_assessments(transaction, rivals))

    assert results == [True, False]
    assert spans(world) == [(0, 1), (1, None)]


async def test_change_and_anomaly_are_one_row_however_often_they_are_shown(world):
    for _ in range(2):
        await record(
            world,
            due_changes=(due_change(world.database, CODE),),
            anomalies=(anomaly(world.database, CODE),),
        )

    assert (count(world, "due_change"), count(world, "anomaly")) == (1, 1)
    found = world.database.ask(lambda connection: queries_standings.known(connection, [CODE, "H99-none"]))
    assert found[CODE].due_changes == {"reappointment:1"}
    assert found[CODE].anomalies == {"jump"}
    assert found["H99-none"] == queries_standings.Known()


async def test_a_defective_item_spares_its_neighbours(world):
    """A period that ends before it begins breaks a constraint of the schema."""
    codes = [f"H99-{number}" for number in range(20)]
    broken = period(world.database, "H99-7", NOW, effective_to=to_micros(later(hours=-1)))
    items = [
        Assessed(
            code=code,
            basis=None,
            standings=(broken if code == "H99-7" else period(world.database, code, NOW),),
        )
        for code in codes
    ]

    results = await asyncio.gather(
        *(world.database.apply(record_assessments, item) for item in items), return_exceptions=True
    )

    assert [code for code, result in zip(codes, results, strict=True) if result is not True] == ["H99-7"]
    assert count(world, "standing") == 19


async def test_killed_transaction_leaves_the_version_to_be_assessed(world):
    """What dies before the commit has not happened: neither the period nor the mark on the version."""
    await say(world)
    [version] = waiting(world)
    item = Assessed(
        code=CODE, basis=None, versions=(version.id,), standings=(period(world.database, CODE, NOW),)
    )

    def die(transaction):
        record_assessments(transaction, [item])
        raise KeyError("killed in the middle")

    with pytest.raises(KeyError):
        await world.database.write(die)
    assert (spans(world), waiting(world)) == ([], [version])

    assert await world.database.apply(record_assessments, item)
    assert (spans(world), waiting(world)) == ([(0, None)], [])


async def test_two_processes_assess_every_version_once(postgresql_url):
    databases = [Database(postgresql_url) for _ in range(2)]
    worlds = [World(database) for database in databases]
    try:
        codes = [f"H99-{number}" for number in range(40)]
        for code in codes:
            await say(worlds[0], code)
        versions = {row.dossier_code: row.id for row in waiting(worlds[0])}

        async def assess(world):
            return await asyncio.gather(
                *(
                    record(
                        world, code, versions=[versions[code]], standings=(period(world.database, code, NOW),)
                    )
                    for code in codes
                )
            )

        first, second = await asyncio.gather(*map(assess, worlds))

        assert [one + other for one, other in zip(first, second, strict=True)] == [1] * len(codes)
        assert count(worlds[0], "standing") == len(codes)
    finally:
        for database in databases:
            database.close()


# lanes that go first


async def place(world, code, *, due_at):
    await world.accept(code, event("1"), version=1, due_at=due_at)


async def claimed(world):
    lanes = await world.claim()
    for lane in lanes:
        await world.release(lane)
    return [lane.dossier for lane in lanes]


async def test_urgent_lanes_go_first_in_the_order_of_their_promises(world):
    for code, hours in (("H99-a", 1), ("H99-b", 9), ("H99-c", 5)):
        await place(world, code, due_at=later(hours=hours))
    await world.accept("H99-d", event("1"))  # no promise at all
    assert await claimed(world) == ["H99-a", "H99-c", "H99-b", "H99-d"]

    await asyncio.gather(*(record(world, code, urge="end") for code in ("H99-b", "H99-c", "H99-d")))

    assert await claimed(world) == ["H99-c", "H99-b", "H99-d", "H99-a"]


async def test_calmed_lane_gets_its_own_place_back(world):
    for code, hours in (("H99-a", 1), ("H99-b", 9)):
        await place(world, code, due_at=later(hours=hours))
    before = world.rows("SELECT dossier_code, promise_at FROM lane ORDER BY 1")
    for _ in range(2):  # once is enough, twice does no harm
        await record(world, "H99-b", urge="end")
    lane = glance(world, "H99-b")
    assert lane.urgent

    for _ in range(2):
        await world.database.apply(calm_lanes, Calming(lane=lane.id, next_position=lane.next_position))

    assert world.rows("SELECT dossier_code, promise_at FROM lane ORDER BY 1") == before


async def test_lane_that_was_filled_again_is_not_calmed(world):
    await place(world, CODE, due_at=DUE)
    await record(world, urge="end")
    seen = glance(world)
    await world.accept(CODE, event("1"), event("2"), version=2, due_at=DUE)
    await record(world, urge="end")

    await world.database.apply(calm_lanes, Calming(lane=seen.id, next_position=seen.next_position))

    assert glance(world).urgent


async def test_partner_that_knows_is_not_told_sooner(world):
    await world.accept(CODE, snapshot("1"))
    await world.send(await world.claim_one(), acknowledged=("finished", 1))

    await record(world, urge="end")

    assert not glance(world).urgent


async def test_end_that_was_skipped_stays_urgent_though_nothing_is_to_be_sent(world):
    await world.accept(CODE, snapshot("1"))
    await world.send(await world.claim_one(), acknowledged=("processing", 1))

    await record(world, urge="end")

    assert glance(world).urgent


def glance(world, code=CODE):
    [lane] = world.database.ask(lambda connection: urgency.lanes_of(connection, [code]))[code]
    return lane


async def test_lane_is_behind_until_everything_of_the_acknowledged_version_is_told(world):
    await world.accept(CODE, snapshot("1"), event("end"), version=1, account=heard(account(CODE)))
    assert glance(world).behind
    await world.send(await world.claim_one(), acknowledged=("finished", 1))
    assert glance(world).behind  # the step that ends it has not arrived

    await world.send(await world.claim_one())

    assert not glance(world).behind


async def test_every_lane_is_compared_with_its_own_version(world):
    """Two dossiers whose first version the partner has acknowledged; of one of them the end is still to be told."""
    await world.accept("H99-a", snapshot("1"), version=1, account=heard(account("H99-a")))
    await world.accept("H99-b", snapshot("1"), event("end"), version=1, account=heard(account("H99-b")))
    for lane in await world.claim():
        await world.send(lane, acknowledged=("finished", 1))

    found = world.database.ask(lambda connection: urgency.lanes_of(connection, ["H99-a", "H99-b"]))

    assert {code: [lane.behind for lane in lanes] for code, lanes in found.items()} == {
        "H99-a": [False],
        "H99-b": [True],
    }


async def test_calmable_are_only_lanes_that_something_was_heard_of(world):
    for code in ("H99-a", "H99-b", "H99-c"):
        await world.accept(code, snapshot("1"), event("2"))
        await record(world, code, standings=(period(world.database, code, NOW),), urge="end")
    await world.send(await world.claim_one(), acknowledged=("processing", 1), hasten=False)

    found = world.database.ask(lambda connection: urgency.calmable_codes(connection, "", 10))

    # version 1 of one of them is acknowledged; the others are as silent as before
    assert len(found) == 1


# thresholds


def looked(world, row, *kinds, look_at=None):
    return Looked(
        standing=row.id,
        code=row.dossier_code,
        look_at=None if look_at is None else to_micros(look_at),
        crossings=tuple(
            Crossing(
                row=CrossingRow(
                    dossier_code=row.dossier_code, kind=kind, due_at=row.due_at, at=to_micros(NOW)
                ),
                event=EventRow(
                    id=world.database.identifiers.next(),
                    at=to_micros(NOW),
                    kind=f"dossier.{kind}",
                    data="{}",
                    dossier_code=row.dossier_code,
                ),
            )
            for kind in kinds
        ),
    )


async def test_period_is_looked_at_when_its_time_has_come(world):
    rows = [
        period(world.database, code, NOW, look_at=to_micros(at))
        for code, at in (("H99-a", later(hours=2)), ("H99-b", later(hours=1)), ("H99-c", later(hours=3)))
    ]
    for row in rows:
        await record(world, row.dossier_code, standings=(row,))

    def due(at):
        return [
            row.dossier_code
            for row in world.database.ask(
                lambda connection: crossings.to_look_at(connection, to_micros(at), 10)
            )
        ]

    assert due(NOW) == []
    assert due(later(hours=2)) == ["H99-b", "H99-a"]


async def test_crossing_is_told_once(world):
    row = period(world.database, CODE, NOW, look_at=0)
    await record(world, standings=(row,))

    first = await world.database.apply(record_looks, looked(world, row, "near_due", look_at=later(hours=1)))
    second = await world.database.apply(record_looks, looked(world, row, "near_due", "due_today"))

    assert (first, second) == (("near_due",), ("due_today",))
    assert [kind for (kind,) in world.rows("SELECT kind FROM event ORDER BY id")] == [
        "dossier.near_due",
        "dossier.due_today",
    ]
    assert world.rows("SELECT look_at FROM standing") == [(None,)]


async def test_two_looks_in_one_group_tell_once(world):
    row = period(world.database, CODE, NOW, look_at=0)
    await record(world, standings=(row,))
    items = [looked(world, row, "overdue"), looked(world, row, "overdue")]

    await world.database.write(lambda transaction: record_looks(transaction, items))

    assert count(world, "event") == 1


async def test_look_at_a_period_that_has_passed_changes_nothing(world):
    row = period(world.database, CODE, NOW, look_at=0)
    await record(world, standings=(row,))
    newer = period(world.database, CODE, later(hours=1), look_at=to_micros(later(days=9)))
    await record(world, basis=row.id, standings=(newer,))

    assert await world.database.apply(record_looks, looked(world, row, "overdue")) == ()

    assert (count(world, "crossing"), count(world, "event")) == (0, 0)
    assert world.rows("SELECT look_at FROM standing WHERE id = :id", id=newer.id) == [(newer.look_at,)]


async def test_two_sweeps_tell_each_crossing_once(postgresql_url):
    databases = [Database(postgresql_url) for _ in range(2)]
    worlds = [World(database) for database in databases]
    try:
        rows = [period(databases[0], f"H99-{number}", NOW, look_at=0) for number in range(40)]
        for row in rows:
            await record(worlds[0], row.dossier_code, standings=(row,))

        async def sweep(world):
            return await asyncio.gather(
                *(world.database.apply(record_looks, looked(world, row, "overdue")) for row in rows)
            )

        first, second = await asyncio.gather(*map(sweep, worlds))

        assert sum(len(kinds) for kinds in (*first, *second)) == len(rows)
        assert (count(worlds[0], "crossing"), count(worlds[0], "event")) == (len(rows), len(rows))
    finally:
        for database in databases:
            database.close()


async def test_pending_dossiers_are_counted_by_class(world):
    dues = {
        "H99-a": -30,
        "H99-b": -1,
        "H99-c": 1,
        "H99-d": 30,
        "H99-e": None,
    }  # hours from NOW, 08:00 in Viet Nam
    for code, hours in dues.items():
        due_at = None if hours is None else later(hours=hours)
        await record(world, code, standings=(period(world.database, code, NOW, due_at=due_at),))
    ended = period(world.database, "H99-f", NOW, status=9, by_date="LATE", due_at=later(hours=-90))
    await record(world, "H99-f", standings=(ended,))

    moments = Moments(
        today=to_micros(later(hours=-8)),
        tomorrow=to_micros(later(hours=16)),
        now=to_micros(NOW),
        horizon=to_micros(later(hours=8)),
    )
    found = world.database.ask(lambda connection: crossings.pending(connection, moments))

    assert (found.overdue, found.due_today, found.near_due, found.in_time) == (1, 2, 1, 4)


async def test_stopped_lanes_of_dossiers_near_their_promise_are_found(world):
    for code in ("H99-a", "H99-b", "H99-c"):
        await place(world, code, due_at=DUE)
        await record(world, code, standings=(period(world.database, code, NOW),))
    for _ in range(2):  # two of three stop
        await world.send(await world.claim_one(), S.REJECTED)

    def stopped(horizon):
        return world.database.ask(
            lambda connection: urgency.stopped_codes(connection, "", to_micros(horizon), 10)
        )

    assert len(stopped(DUE)) == 2
    assert stopped(NOW) == []
