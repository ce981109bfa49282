"""Form 06a on both engines: the mini data set of the domain rules, identities, names, versions, lists."""

from __future__ import annotations

import msgspec
import pytest

from gateway.codec import canonical
from gateway.deadlines.classes import Verdict, form_column
from gateway.deadlines.instants import to_micros
from gateway.domain.dossier import Agency, Applicant, ApplicantKind, Channel, Dossier, Procedure
from gateway.domain.status import Status
from gateway.reports.dossiers import KINDS, NO_RECEPTION, Wish, list_dossiers, place_after
from gateway.reports.form_06a import Form06a, compute_06a
from gateway.reports.periods import Wanted, period_of
from gateway.reports.terms import Asked, ReportScope
from gateway.storage import report_rules as rules
from gateway.storage.intake import Acceptance, DossierRow, accept_dossiers
from gateway.storage.queries_reports import Page
from gateway.storage.report_rules import Figure
from tests.standings_world import MINI_ROW, NOW, Chance, Terms, at, mini, standing, store, week

TERMS = Terms()


def march(**rest) -> Asked:
    return Asked(period=period_of(Wanted(name="2026-03"), now=NOW), **rest)


def form(database, asked: Asked | None = None, terms: Terms = TERMS) -> Form06a:
    return database.ask(lambda connection: compute_06a(connection, asked or march(), terms, NOW))


def listed(database, wish: Wish, asked: Asked | None = None, terms: Terms = TERMS):
    return database.ask(lambda connection: list_dossiers(connection, asked or march(), terms, wish, NOW))


def codes(found) -> list[int]:
    """Numbers of the mini data set."""
    return sorted(int(item.code[-4:]) for item in found.items)


def broken(found: Form06a):
    return {check.identity: check.breaches for check in found.checks if not check.holds}


async def test_mini_data_set_gives_the_row_of_the_domain_rules(database):
    await store(database, mini())
    found = form(database)
    assert msgspec.structs.asdict(found.total.by_date) == MINI_ROW
    assert msgspec.structs.asdict(found.total.by_instant) == {**MINI_ROW, "c9": 2, "c10": 3}
    assert (found.total.beside.refused, found.total.beside.data_errors) == (1, 0)
    assert (found.total.beside.no_due, found.total.beside.disputed, found.total.beside.withdrawn) == (1, 1, 1)
    assert found.sound, broken(found)


async def test_a_later_look_at_march_gives_the_same_row(database):
    """A finish after the cut-off counts as pending at it: number 16 ended on 2 April."""
    await store(database, mini())
    for day in ("03-31 23:59", "04-01 12:00", "04-19 12:00"):
        now = NOW.replace(month=int(day[:2]), day=int(day[3:5]), hour=23, minute=59, second=59)
        asked = Asked(period=period_of(Wanted(name="2026-03"), now=now))
        total = form(database, asked).total.by_date
        assert total.c10 == 2
    assert codes(listed(database, Wish(figure=Figure(column="12")))) == [7, 11, 16]


# domain_rules §5.1, column "falls in"
FALLS_IN = {
    "4": [4, 5, 8, 13, 16],
    "5": [6, 7, 11, 12],
    "6": [1, 2, 3],
    "8": [2, 4],
    "9": [5, 8, 12],
    "10": [1, 6],
    "12": [7, 11, 16],
    "13": [3, 13],
    "refused": [9],
    "withdrawn": [8],
    "waiting": [7],
    "no_due": [12],
}


@pytest.mark.parametrize("column", FALLS_IN)
async def test_figure_of_the_mini_data_set_opens_to_the_dossiers_of_the_table(database, column):
    await store(database, mini())
    assert codes(listed(database, Wish(figure=Figure(column=column)))) == FALLS_IN[column]


async def test_by_instant_the_afternoon_of_the_due_day_is_late(database):
    await store(database, mini())
    assert codes(listed(database, Wish(figure=Figure(column="10", rule="instant")))) == [1, 5, 6]


@pytest.mark.parametrize("by", ["agency", "field", "procedure"])
async def test_units_add_up_to_the_total(database, by):
    await store(database, mini(spread=True))
    found = form(database, march(by=by))
    assert len(found.rows) == {"agency": 3, "field": 2, "procedure": 1}[by]
    for column, total in MINI_ROW.items():
        assert sum(getattr(row.by_date, column) for row in found.rows) == total
    assert found.sound


async def test_scope_is_that_unit_alone(database):
    await store(database, mini(spread=True))
    rows = {row.code: row for row in form(database, march(by="agency")).rows}
    alone = form(database, march(scope=ReportScope(agency="H99.15")))
    assert alone.total.by_date == rows["H99.15"].by_date
    assert alone.stamp.scope == ReportScope(agency="H99.15")
    assert alone.sound


async def test_strict_switch_moves_who_was_late_before_the_wait(database):
    received, due, asked = at("03-02 09:00"), at("03-09 09:00"), at("03-11 08:00")
    row = standing(1, "E05", asked, status=5, received_at=received, due_at=due, waiting_since=asked)
    await store(database, [row])
    as_form, strict = form(database), form(database, march(strict=True))
    by_setting = form(database, terms=Terms(strict_waiting=True))
    assert (as_form.total.by_date.c12, as_form.total.by_date.c13) == (1, 0)
    assert (strict.total.by_date.c12, strict.total.by_date.c13) == (0, 1)
    assert by_setting.total == strict.total
    assert as_form.total.beside.paused_late == strict.total.beside.paused_late == 1
    assert (as_form.stamp.strict_waiting, strict.stamp.strict_waiting) == (False, True)
    assert as_form.sound
    assert strict.sound


async def test_form_carries_what_it_was_computed_from(database):
    await store(database, mini())
    stamp = form(database).stamp
    assert (stamp.first.isoformat(), stamp.last.isoformat(), stamp.period) == (
        "2026-03-01",
        "2026-03-31",
        "2026-03",
    )
    assert stamp.cutoff.isoformat() == "2026-03-31T23:59:59.999999+07:00"
    assert (stamp.complete, stamp.counting, stamp.computed_at) == (True, "date+instant", NOW)
    assert (stamp.rule_version, stamp.calendar_version) == ("test-rules", TERMS.calendar.version)
    assert [(each.rules, each.calendar) for each in stamp.assessed_under] == [("test-rules", "vn-test")]


async def test_versions_behind_the_figures_are_all_told(database):
    rows = mini()
    older = [msgspec.structs.replace(row, rule_version="older") for row in rows[:3]]
    await store(database, [*older, *rows[3:]])
    assert {each.rules for each in form(database).stamp.assessed_under} == {"older", "test-rules"}


async def test_empty_period_is_a_row_of_noughts(database):
    found = form(database)
    assert set(msgspec.structs.asdict(found.total.by_date).values()) == {0}
    assert found.sound
    assert found.stamp.assessed_under == []


# Identities, and who breaks them.


@pytest.mark.parametrize("seed", [21, 22])
async def test_sums_hold_on_random_histories(database, seed):
    await store(database, Chance(seed).dossiers(400))
    for number in (4, 9, 14):
        first, last = week(number)
        asked = Asked(
            period=period_of(Wanted(first=first, last=last), now=NOW.replace(year=2027)), by="agency"
        )
        found = form(database, asked)
        assert set(broken(found)) <= {"6 = 11 of the period before"}
        total = found.total
        for row in (total.by_date, total.by_instant):
            assert row.c3 == row.c4 + row.c5 + row.c6 == row.c7 + row.c11
            assert row.c7 == row.c8 + row.c9 + row.c10
            assert row.c11 == row.c12 + row.c13
        before = Asked(period=period_of(Wanted(first=first, last=first), now=NOW.replace(year=2027)))
        assert before.extent_before(TERMS).cutoff == asked.extent_before(TERMS).cutoff


async def test_carry_over_equals_what_was_pending_at_the_end_of_the_period_before(database):
    await store(database, mini())
    february = Asked(period=period_of(Wanted(name="2026-02"), now=NOW))
    assert form(database, february).total.by_date.c11 == form(database).total.by_date.c6 == 3


async def test_end_of_the_last_afternoon_that_a_step_told_the_next_morning_is_of_the_period(database):
    received, ended, told = at("03-20 09:00"), at("03-31 16:30"), at("04-01 08:00")
    shared = {"received_at": received, "due_at": at("04-03 09:00")}
    await store(
        database,
        [
            standing(901, "H99-evening", received, told, status=4, **shared),
            standing(902, "H99-evening", told, status=9, ended_at=ended, **shared),
        ],
    )
    march_row, april = form(database), Asked(period=period_of(Wanted(name="2026-04"), now=NOW))
    april_row = form(database, april)
    assert (march_row.total.by_date.c8, march_row.total.by_date.c11) == (1, 0)
    assert (april_row.total.by_date.c6, april_row.total.by_date.c7) == (0, 0)
    assert march_row.sound
    assert april_row.sound
    [item] = listed(database, Wish(figure=Figure(column="8"))).items
    assert (item.code, item.by_date) == ("H99-evening", Verdict.EARLY)


async def test_who_was_refused_since_breaks_the_carry_over_and_is_named(database):
    received, refused = at("02-20 09:00"), at("03-05 09:00")
    shared = {"received_at": received, "due_at": at("03-20 09:00")}
    await store(
        database,
        [
            *mini(),
            standing(901, "H99-refused", received, refused, status=2, **shared),
            standing(902, "H99-refused", refused, status=3, **shared),
        ],
    )
    [breach] = broken(form(database))["6 = 11 of the period before"]
    assert (breach.unit, breach.left, breach.right) == (None, 3, 4)
    assert (breach.dossiers, breach.others) == ([], ["H99-refused"])


async def test_who_was_called_back_breaks_the_carry_over_and_is_named_in_its_agency(database):
    received, ended, recalled = at("02-10 09:00"), at("02-20 09:00"), at("03-05 09:00")
    shared = {"received_at": received, "due_at": at("02-25 09:00"), "agency_code": "H99.16"}
    await store(
        database,
        [
            *mini(),
            standing(901, "H99-recalled", ended, recalled, status=9, ended_at=ended, **shared),
            standing(902, "H99-recalled", recalled, status=4, **shared),
        ],
    )
    [breach] = broken(form(database, march(by="agency")))["6 = 11 of the period before"]
    assert (breach.unit, breach.left, breach.right) == ("H99.16", 1, 0)
    assert (breach.dossiers, breach.others) == (["H99-recalled"], [])


async def test_two_that_make_up_for_each_other_in_number_break_it_in_their_units(database):
    received, moved = at("02-10 09:00"), at("03-05 09:00")
    shared = {"received_at": received, "due_at": at("03-25 09:00")}
    await store(
        database,
        [
            standing(901, "H99-moved", received, moved, status=4, agency_code="H99.1", **shared),
            standing(902, "H99-moved", moved, status=4, agency_code="H99.2", **shared),
        ],
    )
    assert form(database).sound
    breaches = broken(form(database, march(by="agency")))["6 = 11 of the period before"]
    assert [(each.unit, each.dossiers, each.others) for each in breaches] == [
        ("H99.1", [], ["H99-moved"]),
        ("H99.2", ["H99-moved"], []),
    ]


async def test_channel_that_nobody_knows_breaks_the_sum_and_is_named(database):
    row = standing(901, "H99-pigeon", at("03-05 09:00"), received_at=at("03-05 09:00"), channel="pigeon")
    await store(database, [*mini(), row])
    [breach] = broken(form(database))["3 = 4 + 5 + 6"]
    assert (breach.left, breach.right, breach.dossiers) == (13, 12, ["H99-pigeon"])


async def test_dossier_that_stands_twice_is_named(database):
    rows = mini()
    pending = next(row for row in rows if row.dossier_code.endswith("-0003"))
    twice = standing(
        901, pending.dossier_code, at("03-01 09:00"), at("05-01 09:00"), received_at=at("03-01 09:00")
    )
    await store(database, [*rows, twice])
    [breach] = broken(form(database))["no dossier twice"]
    assert breach.dossiers == [twice.dossier_code]


async def test_impossible_dossiers_are_listed_apart_and_counted_in_no_column(database):
    received = at("03-05 09:00")
    wrong = {
        "no end": {"status": 9, "received_at": received},
        "end first": {"status": 10, "received_at": received, "ended_at": at("03-04 09:00")},
        "due first": {"status": 4, "received_at": received, "due_at": at("03-04 09:00")},
        "no reception": {"status": 4},
    }
    rows = [
        standing(900 + place, name, received, **fields) for place, (name, fields) in enumerate(wrong.items())
    ]
    await store(database, [*mini(), *rows])
    found = form(database)
    assert msgspec.structs.asdict(found.total.by_date) == MINI_ROW
    assert found.total.beside.data_errors == 4
    reasons = {item.code: item.flags for item in listed(database, Wish(kind="data-error")).items}
    said = {code: [flag for flag in flags if flag != "NO_DUE"] for code, flags in reasons.items()}
    assert said == {
        "no end": ["NO_END_TIME"],
        "end first": ["END_BEFORE_RECEPTION"],
        "due first": ["DUE_BEFORE_RECEPTION"],
        "no reception": [NO_RECEPTION],
    }
    assert {item.by_date for item in listed(database, Wish(kind="data-error")).items} == {Verdict.DATA_ERROR}


# Names of units come from the records of their dossiers.


def record(code: str) -> bytes:
    return canonical.encode(
        Dossier(
            code=code,
            version=1,
            procedure=Procedure(
                code="1.004203", name="Cấp bản sao trích lục hộ tịch", field_code="LV01", field_name="Hộ tịch"
            ),
            agency=Agency(code="H99.14", name="Ủy ban nhân dân phường Ví Dụ"),
            channel=Channel.ONLINE,
            applicant=Applicant(kind=ApplicantKind.CITIZEN, name="Nguyễn Văn Thí Dụ"),
            status=Status.PROCESSING,
            summary="Cấp bản sao",
        )
    )


@pytest.mark.parametrize(
    ("by", "name"),
    [
        ("agency", "Ủy ban nhân dân phường Ví Dụ"),
        ("field", "Hộ tịch"),
        ("procedure", "Cấp bản sao trích lục hộ tịch"),
    ],
    ids=["agency", "field", "procedure"],
)
async def test_unit_has_the_name_of_its_dossiers(database, by, name):
    rows = mini()
    for code in {row.dossier_code for row in rows}:
        row = DossierRow(
            code=code,
            source="one-door",
            version=1,
            status="processing",
            procedure_code="1.004203",
            agency_code="H99.14",
            channel="online",
            submitted_at=None,
            received_at=None,
            due_at=None,
            finished_at=None,
            digest=b"-",
            record=record(code),
        )
        await database.apply(accept_dossiers, Acceptance(dossier=row, lanes=(), now=to_micros(NOW)))
    await store(database, rows)
    [row] = form(database, march(by=by)).rows
    assert row.name == name


# Lists.


@pytest.mark.parametrize("kind", KINDS)
async def test_every_list_has_its_stamp_and_is_of_the_scope(database, kind):
    await store(database, [row for row in Chance(33).dossiers(3000) if row.effective_from < at("04-15")])
    found = listed(database, Wish(kind=kind), march(scope=ReportScope(agency="H99.1")))
    assert found.what == kind
    assert found.stamp.scope == ReportScope(agency="H99.1")
    assert found.items, kind
    assert {item.agency for item in found.items} == {"H99.1"}


async def test_overdue_list_says_how_late_by_days_and_working_time(database):
    """H06 and H07: due on the last day before Tết."""
    due = at("02-13 16:00")
    await store(database, [standing(1, "H", at("02-02 09:00"), received_at=at("02-02 09:00"), due_at=due)])
    for when, days, working in (("02-23T08:00:00+07:00", 10, 1), ("02-16T08:00:00+07:00", 3, 0)):
        cutoff = NOW.fromisoformat(f"2026-{when}")
        asked = Asked(period=period_of(Wanted(cutoff=cutoff), now=NOW))
        [item] = listed(database, Wish(kind="overdue"), asked).items
        assert (item.late_calendar_days, item.late_working_days) == (days, working)
        assert item.by_date is item.by_instant is Verdict.OVERDUE


async def test_near_due_is_within_the_working_hours_of_the_rules_or_today(database):
    received, cutoff = at("03-20 09:00"), NOW.fromisoformat("2026-03-27T10:00:00+07:00")  # a Friday
    dues = {"today, past": "03-27 09:00", "monday 10:00": "03-30 10:00", "monday 10:30": "03-30 10:30"}
    rows = [
        standing(place, name, received, received_at=received, due_at=at(due))
        for place, (name, due) in enumerate(dues.items())
    ]
    await store(database, rows)
    asked = Asked(period=period_of(Wanted(cutoff=cutoff), now=NOW))
    found = {item.code: item.flags for item in listed(database, Wish(kind="near-due"), asked).items}
    assert set(found) == {"today, past", "monday 10:00"}
    assert "DUE_TODAY" in found["today, past"]
    assert "NEAR_DUE" in found["monday 10:00"]


async def test_paged_list_says_where_it_goes_on_and_ends(database):
    await store(database, mini())
    first = listed(database, Wish(figure=Figure(column="3"), page=Page(limit=7)))
    second = listed(
        database, Wish(figure=Figure(column="3"), page=Page(limit=7, after=place_after(first.next)))
    )
    assert [len(first.items), len(second.items)] == [7, 5]
    assert second.next is None
    assert not {item.code for item in first.items} & {item.code for item in second.items}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_columns_are_those_of_the_decision_table(verdict, strict):
    """``gateway.deadlines`` has the table of domain_rules §3.2, too: both must say the same."""
    numbers = {
        Verdict.EARLY: rules.EARLY,
        Verdict.ON_TIME: rules.ON_TIME,
        Verdict.LATE: rules.LATE,
        Verdict.IN_TIME: rules.IN_TIME,
        Verdict.OVERDUE: rules.OVERDUE,
        Verdict.PAUSED: rules.WAITING,
        Verdict.PAUSED_LATE: rules.PAUSED_LATE,
        Verdict.WITHDRAWN: rules.WITHDRAWN,
        Verdict.REFUSED: rules.REFUSED,
        Verdict.DATA_ERROR: rules.DATA_ERROR,
        Verdict.NOT_COUNTED: 0,
    }
    columns = [
        column
        for column in ("8", "9", "10", "12", "13")
        if numbers[verdict] in rules.classes_of(column, strict=strict)
    ]
    expected = form_column(verdict, strict=strict)
    assert columns == ([] if expected is None else [str(expected)])
