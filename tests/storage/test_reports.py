"""What reports ask of the database: the same counts as by hand, on both engines, at any cut-off."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from gateway.deadlines.judge import StopReading
from gateway.storage import queries_reports as queries
from gateway.storage import report_rules as rules
from gateway.storage.queries_reports import Page, Tally
from gateway.storage.report_rules import Column, Extent, Figure
from tests.standings_world import (
    MARCH,
    Chance,
    at,
    extent,
    in_force,
    mini,
    naive_code,
    naive_counts,
    standing,
    store,
    week,
)

UNITS = {"agency": "agency_code", "field": "field_code", "procedure": "procedure_code", "total": None}


def by_unit(tallies: list[Tally]) -> dict[str | None, Counter[int]]:
    found: dict[str | None, Counter[int]] = {}
    for tally in tallies:
        if tally.code:
            found.setdefault(tally.unit, Counter())[tally.code] += tally.count
    return found


@pytest.mark.parametrize("stopped", list(StopReading))
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_counts_are_those_of_one_dossier_after_the_other(database, seed, stopped):
    rows = Chance(seed).dossiers(500)
    await store(database, rows)
    seen: Counter[int] = Counter()
    for number in range(0, 18, 3):
        wanted = extent(*week(number), stopped=stopped)
        for by, column in UNITS.items():
            counted = database.ask(lambda connection: queries.tallies(connection, wanted, by))  # noqa: B023
            assert by_unit(counted) == naive_counts(rows, wanted, column)
        seen.update(naive_counts(rows, wanted)[""].keys())
    # every class, by both rules, has been met somewhere
    assert {rules.class_of(code, "date") for code in seen} >= {1, 3, 7, 8, 9, 10, 11, 12, 13, 14}
    assert {rules.reception_of(code) for code in seen} == {0, 4, 5, 6}


async def test_cut_off_within_a_day_counts_what_had_happened_by_then(database):
    rows = Chance(4).dossiers(500)
    await store(database, rows)
    for hour in (8, 12, 17):
        wanted = Extent(start=extent().start, cutoff=at(f"03-18 {hour:02d}:30"))
        counted = database.ask(lambda connection: queries.tallies(connection, wanted, "agency"))  # noqa: B023
        assert by_unit(counted) == naive_counts(rows, wanted, "agency_code")


@pytest.mark.parametrize(
    "scope",
    [{"agency": "H99.1"}, {"field": "LV2"}, {"procedure": "1.000003"}, {"agency": "H99.2", "field": "LV1"}],
)
async def test_scope_leaves_out_the_others(database, scope):
    rows = Chance(5).dossiers(400)
    await store(database, rows)
    wanted = extent(*week(8), **scope)
    counted = database.ask(lambda connection: queries.tallies(connection, wanted, "procedure"))
    assert by_unit(counted) == naive_counts(rows, wanted, "procedure_code")
    assert counted


async def test_every_standing_looked_at_is_in_one_unit(database):
    await store(database, Chance(6).dossiers(400))
    wanted = extent(*week(8))
    counted = database.ask(lambda connection: queries.tallies(connection, wanted, "field"))
    assert sum(tally.count for tally in counted) == database.ask(
        lambda connection: queries.seen(connection, wanted)
    )


COLUMNS: tuple[Column, ...] = (
    *("3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"),
    *("withdrawn", "waiting", "paused_late", "no_due", "disputed", "refused", "data_error"),
)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("rule", ["date", "instant"])
async def test_every_figure_opens_to_its_dossiers(database, rule, strict):
    rows = Chance(7).dossiers(600)
    await store(database, rows)
    wanted = extent(week(4)[0], week(9)[1])
    codes = {row.dossier_code: naive_code(row, wanted) for row in in_force(rows, wanted)}
    for column in COLUMNS:
        figure = Figure(column=column, rule=rule, strict=strict)
        lines = database.ask(lambda connection: queries.opened(connection, wanted, figure, Page()))  # noqa: B023
        expected = [code for code, number in codes.items() if stands_in(number, figure)]
        assert [line.dossier_code for line in lines] == sorted(expected)
        assert expected, column


def stands_in(code: int, figure: Figure) -> bool:
    late = (rules.LATE, rules.OVERDUE, rules.PAUSED_LATE)
    match figure.column:
        case "3":
            return rules.reception_of(code) > 0
        case "4" | "5" | "6":
            return rules.reception_of(code) == int(figure.column)
        case "no_due":
            return code >= rules.WITHOUT_DUE
        case "disputed":
            return rules.class_of(code, "instant") in late and rules.class_of(code, "date") not in late
    return rules.class_of(code, figure.rule) in rules.classes_of(figure.column, strict=figure.strict)


async def test_pages_join_without_gap_or_repetition(database):
    await store(database, Chance(8).dossiers(300))
    wanted, figure = extent(*week(9)), Figure(column="3")
    whole = database.ask(lambda connection: queries.opened(connection, wanted, figure, Page()))
    seen, after = [], None
    while True:
        page = Page(after=after, limit=7)
        lines = database.ask(lambda connection: queries.opened(connection, wanted, figure, page))  # noqa: B023
        seen += lines
        if len(lines) < 7:
            break
        after = (lines[-1].dossier_code, lines[-1].id)
    assert seen == whole
    assert len(whole) > 50


async def test_desk_order_is_by_agency_room_officer_and_promise(database):
    rows = [
        standing(number, f"H99-{number}", at("03-02 09:00"), received_at=at("03-02 09:00"), **rest)
        for number, rest in enumerate(
            (
                {"agency_code": "H99.2", "due_at": at("03-09 09:00")},
                {"agency_code": "H99.1", "unit": "Phòng B", "due_at": at("03-09 09:00")},
                {"agency_code": "H99.1", "unit": "Phòng A", "officer": "Lê B", "due_at": at("03-05 09:00")},
                {"agency_code": "H99.1", "unit": "Phòng A", "officer": "Lê A", "due_at": None},
                {"agency_code": "H99.1", "unit": "Phòng A", "officer": "Lê A", "due_at": at("03-06 09:00")},
            )
        )
    ]
    await store(database, rows)
    page = Page(order="desk")
    lines = database.ask(lambda connection: queries.opened(connection, extent(), Figure(column="11"), page))
    assert [line.id for line in lines] == [4, 3, 2, 1, 0]


async def test_dossier_that_stands_in_two_places_is_named(database):
    rows = mini()
    first = rows[0]
    overlapping = standing(
        9_001, first.dossier_code, first.effective_from, at("06-01"), status=4, received_at=first.received_at
    )
    await store(database, [*rows, overlapping])
    doubled = database.ask(lambda connection: queries.doubled(connection, extent(), 10))
    assert doubled == [first.dossier_code]


async def test_sound_histories_have_no_dossier_twice(database):
    await store(database, Chance(9).dossiers(300))
    for number in range(2, 16, 4):
        wanted = extent(*week(number))
        assert database.ask(lambda connection: queries.doubled(connection, wanted, 10)) == []  # noqa: B023


async def test_what_makes_the_carry_over_differ_is_named(database):
    rows = Chance(10).dossiers(400)
    await store(database, rows)
    now = extent(week(7)[0], week(12)[1])
    last = week(7)[0] - timedelta(days=1)
    before = extent(last, last)
    then = {
        (row.dossier_code, row.agency_code)
        for row in in_force(rows, before)
        if rules.class_of(naive_code(row, before), "date") in rules.PENDING
    }
    carried = {
        (row.dossier_code, row.agency_code)
        for row in in_force(rows, now)
        if rules.reception_of(naive_code(row, now)) == rules.CARRIED_OVER
    }
    found = database.ask(lambda connection: queries.unbalanced(connection, now, before, "agency", 500))
    assert (set(found.lost), set(found.appeared)) == (then - carried, carried - then)
    assert found.lost
    assert found.appeared


async def test_pending_alone_are_counted_as_with_the_others(database):
    rows = Chance(11).dossiers(400)
    await store(database, rows)
    last = week(9)[1]
    wanted = extent(last, last)
    alone = database.ask(lambda connection: queries.tallies(connection, wanted, "agency", pending_only=True))
    whole = database.ask(lambda connection: queries.tallies(connection, wanted, "agency"))

    def pending(tallies: list[Tally]) -> Counter[tuple[str | None, int]]:
        return Counter(
            {
                (tally.unit, tally.code): tally.count
                for tally in tallies
                if rules.class_of(tally.code, "date") in rules.PENDING
            }
        )

    assert pending(alone) == pending(whole) != Counter()


async def test_near_due_has_what_ends_by_then_and_what_is_due_today(database):
    received = at("03-25 09:00")
    dues = {"past": "03-30 17:00", "today": "03-31 08:00", "near": "04-01 09:00", "far": "04-01 09:01"}
    rows = [
        standing(number, name, received, received_at=received, due_at=at(due))
        for number, (name, due) in enumerate(dues.items())
    ]
    rows.append(standing(10, "none", received, received_at=received))
    rows.append(
        standing(
            11, "waits", received, received_at=received, status=5, waiting_since=received, due_at=at("04-01")
        )
    )
    await store(database, rows)
    lines = database.ask(lambda connection: queries.near_due(connection, extent(), at("04-01 09:00"), Page()))
    assert [line.dossier_code for line in lines] == ["near", "today"]


async def test_withdrawn_after_due_is_by_day_and_in_the_period(database):
    received, due = at("02-25 09:00"), at("03-05 09:00")

    def withdrawn(number: int, name: str, when: str, *, told: bool = True, due_at: int | None = due):
        ended = at(when)
        return standing(
            number,
            name,
            ended,
            status=7,
            received_at=received,
            due_at=due_at,
            ended_at=ended if told else None,
        )

    await store(
        database,
        [
            withdrawn(1, "same day", "03-05 16:00"),
            withdrawn(2, "after", "03-06 08:00"),
            withdrawn(3, "untold", "03-07 08:00", told=False),
            withdrawn(4, "no promise", "03-07 08:00", due_at=None),
            withdrawn(5, "another period", "02-28 08:00", due_at=at("02-26 09:00")),
        ],
    )
    lines = database.ask(lambda connection: queries.withdrawn_after_due(connection, extent(), Page()))
    assert [line.dossier_code for line in lines] == ["after", "untold"]


async def test_impossible_end_before_the_period_stays_in_sight(database):
    row = standing(
        1, "H99-1", at("03-02 09:00"), status=9, received_at=at("03-02 09:00"), ended_at=at("02-02 09:00")
    )
    wrong = standing(
        2,
        "H99-2",
        at("03-02 09:00"),
        status=9,
        received_at=at("03-02 09:00"),
        ended_at=at("02-02 09:00"),
        by_date="DATA_ERROR",
    )
    await store(database, [row, wrong])
    lines = database.ask(
        lambda connection: queries.opened(connection, extent(), Figure(column="data_error"), Page())
    )
    assert [line.dossier_code for line in lines] == ["H99-2"]


# national_portal §11.7, G1-G13: status at the end of January, what ended or waits, and the portal's answer
GOLDEN = (
    ("G1", 10, "01-22 08:05", "01-19 16:00", 1),
    ("G2", 9, "01-22 08:05", "01-22 08:05", 1),
    ("G3", 9, "01-22 08:05", "01-22 14:00", 0),
    ("G4", 9, "01-22 08:05", "01-24 09:00", 0),
    ("G6", 5, "01-22 08:05", None, 1),
    ("G8", 4, "01-22 08:05", None, 0),
    ("G9", 4, "02-05 08:05", None, 1),
    ("G10", 10, "01-22 08:05", "01-22 07:00", 1),
    ("G12", 7, "01-22 08:05", "01-18 09:00", 1),
)


@pytest.mark.parametrize("case", GOLDEN, ids=[row[0] for row in GOLDEN])
async def test_portal_rule_answers_the_golden_cases(database, case):
    name, status, due, end, in_time = case
    received, waiting = at("01-15 08:05"), at("01-17 09:00") if status == 5 else None
    begins = next(instant for instant in (end and at(end), waiting, received) if instant is not None)
    row = standing(
        1,
        name,
        begins,
        status=status,
        received_at=received,
        due_at=at(due),
        ended_at=None if end is None else at(end),
        waiting_since=waiting,
    )
    await store(database, [row])
    january = extent(date(2026, 1, 1), date(2026, 1, 31))
    [tally] = database.ask(lambda connection: queries.portal_tallies(connection, january, "total"))
    assert (tally.received, tally.in_time) == (1, in_time)


async def test_portal_rule_counts_a_second_open_request_as_late(database):
    """G7, and G11 beside it: not received, not counted."""
    received, due = at("01-15 08:05"), at("01-22 08:05")
    shared = {"received_at": received, "due_at": due}
    await store(
        database,
        [
            standing(1, "G7", at("01-17"), at("01-18"), status=5, waiting_since=at("01-17"), **shared),
            standing(2, "G7", at("01-18"), at("01-19"), status=4, **shared),
            standing(3, "G7", at("01-19"), status=5, waiting_since=at("01-19"), **shared),
            standing(4, "G11", at("01-15"), status=1),
        ],
    )
    january = extent(date(2026, 1, 1), date(2026, 1, 31))
    tallies = database.ask(lambda connection: queries.portal_tallies(connection, january, "total"))
    assert [(tally.received, tally.in_time) for tally in tallies] == [(1, 0)]


async def test_one_state_is_seen_while_others_write(database):
    await store(database, mini()[:2])

    def counted(connection) -> tuple[int, int]:
        with queries.one_state(connection):
            before = queries.seen(connection, extent())
            written.append(True)
            loop.call_soon_threadsafe(wrote.set)
            assert stored.wait(20)
            return before, queries.seen(connection, extent())

    import asyncio
    import threading

    loop, wrote, stored, written = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), []
    asked = asyncio.ensure_future(database.read(counted))
    await wrote.wait()
    await store(database, mini()[4:6])
    stored.set()
    before, after = await asked
    assert before == after
    assert database.ask(lambda connection: queries.seen(connection, extent())) > after


def test_march_is_the_period_of_the_mini_data_set():
    assert MARCH[1] - MARCH[0] == timedelta(days=30)
