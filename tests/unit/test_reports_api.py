"""Reports over HTTP: the same figures, their dossiers in pages, refusals that say what would do."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from gateway.api.table_reports import REPORTS
from gateway.deadlines.instants import VIETNAM
from gateway.reports.dossiers import KINDS
from gateway.storage.clients import Scope
from tests.api_world import open_world
from tests.standings_world import MINI_ROW, mini, store

MARCH = "from=2026-03-01&to=2026-03-31"


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        await store(opened.gateway.database, mini(spread=True))
        yield opened


async def read(world, path: str):
    answer = await world.call("GET", f"/v1/reports/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_form_is_that_of_the_domain_rules(world):
    found = await read(world, f"06a?{MARCH}&by=agency")
    assert found["total"]["by_date"] == MINI_ROW
    assert found["total"]["by_instant"] == {**MINI_ROW, "c9": 2, "c10": 3}
    assert [row["code"] for row in found["rows"]] == ["H99.14", "H99.15", "H99.16"]
    assert found["sound"] is True
    assert found["stamp"]["cutoff"] == "2026-03-31T23:59:59.999999+07:00"
    rules = world.gateway.deadlines.rules
    assert found["stamp"]["rule_version"] == rules.version
    assert found["stamp"]["calendar_version"] == rules.calendar.version


async def test_period_may_be_named_and_closed_on_a_day(world):
    named = await read(world, "06a?period=2026-03")
    closed = await read(world, "06a?period=2026-03&closing=14")
    assert named["total"]["by_date"] == MINI_ROW
    assert (closed["stamp"]["first"], closed["stamp"]["last"]) == ("2026-02-15", "2026-03-14")


async def test_every_figure_opens_to_as_many_dossiers(world):
    for unit in ("H99.14", "H99.15", "H99.16"):
        form = await read(world, f"06a?{MARCH}&agency={unit}")
        for rule in ("date", "instant"):
            for column, number in form["total"][f"by_{rule}"].items():
                place = f"06a/dossiers?{MARCH}&agency={unit}&column={column[1:]}&rule={rule}"
                assert len((await read(world, place))["items"]) == number


async def test_pages_of_dossiers_join(world):
    seen, cursor = [], ""
    while cursor is not None:
        page = await read(world, f"06a/dossiers?{MARCH}&column=3&limit=5{cursor and '&cursor=' + cursor}")
        seen += [item["code"] for item in page["items"]]
        assert page["stamp"]["period"] is None
        cursor = page["next"]
    assert len(seen) == 12
    assert seen == sorted(set(seen))


async def test_cursor_of_another_figure_is_refused(world):
    page = await read(world, f"06a/dossiers?{MARCH}&column=3&limit=5")
    answer = await world.call("GET", f"/v1/reports/06a/dossiers?{MARCH}&column=4&cursor={page['next']}")
    assert answer.status_code == 422


async def test_indicator_has_both_formulas(world):
    found = await read(world, f"766?{MARCH}&by=field")
    assert found["formula"] == "balance"
    assert (found["total"]["balance"]["numerator"], found["total"]["balance"]["denominator"]) == (8, 12)
    assert (found["total"]["portal"]["numerator"], found["total"]["portal"]["denominator"]) == (5, 9)
    assert set(found["definitions"]) == {"on_time", "balance", "portal"}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_list_is_there(world, kind):
    found = await read(world, f"{kind}?{MARCH}")
    assert found["what"] == kind


async def test_overdue_list_is_as_of_the_cut_off(world):
    at_end = await read(world, f"overdue?{MARCH}")
    earlier = await read(world, "overdue?as_of=2026-03-20T12:00:00%2B07:00")
    assert [item["code"][-2:] for item in at_end["items"]] == ["03", "13"]
    assert earlier["items"] == []
    assert at_end["items"][0]["late_calendar_days"] == 11


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("period=2026-13", "period"),
        ("from=2026-03-01", "together"),
        ("from=2026-03-31&to=2026-03-01", "before it begins"),
        ("period=2026-03&as_of=2026-04-02T00:00:00%2B07:00", "outside the period"),
        ("as_of=0001-01-01T00:00:00%2B14:00", "1970"),
        ("from=0001-01-01&to=9999-12-31", "1970"),
    ],
)
async def test_period_that_cannot_be_reported_on_is_refused_with_a_reason(world, query, says):
    answer = await world.call("GET", f"/v1/reports/06a?{query}")
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", ["by=colour", "colour=red", "strict=maybe", "closing=28", "as_of=2026-03-31T00:00:00"]
)
async def test_parameter_that_is_not_known_is_refused(world, query):
    assert (await world.call("GET", f"/v1/reports/06a?{query}")).status_code == 422


async def test_many_reports_at_once_are_counted_one_after_the_other(world):
    answers = await asyncio.gather(*(read(world, f"06a?{MARCH}&by={by}") for by in ("agency", "field") * 4))
    assert [answer["total"]["by_date"] for answer in answers] == [MINI_ROW] * 8
    assert not world.api.reporting.locked()


async def test_client_needs_the_right_to_read_dossiers(world):
    await world.add_client("metrics", Scope.METRICS_READ)
    for row in REPORTS:
        answer = await world.call("GET", f"{row.path}?column=3", client="metrics")
        assert answer.status_code == 403


async def test_without_a_period_it_is_this_month_so_far(world):
    found = await read(world, "06a")
    now = world.gateway.hub.clock().astimezone(VIETNAM)
    assert found["stamp"]["first"] == now.date().replace(day=1).isoformat()
    assert found["stamp"]["complete"] is False
    assert datetime.fromisoformat(found["stamp"]["cutoff"]) <= world.gateway.hub.clock()


@pytest.mark.parametrize("path", ["06a?by=agency&", "766?by=field&", "06a/dossiers?column=3&", "overdue?"])
async def test_every_report_is_a_file_too(world, path):
    table = await world.call("GET", f"/v1/reports/{path}{MARCH}&format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert "2026-03-01_2026-03-31.csv" in table.headers["content-disposition"]
    assert "Phiên bản quy tắc" in table.content.decode("utf-8-sig").splitlines()[0]
    book = await world.call("GET", f"/v1/reports/{path}{MARCH}&format=xlsx")
    assert book.content.startswith(b"PK")
    refused = await world.call("GET", f"/v1/reports/{path}{MARCH}&format=pdf")
    assert refused.status_code == 422


async def test_file_of_a_figure_holds_every_dossier_of_it(world):
    table = await world.call("GET", f"/v1/reports/06a/dossiers?{MARCH}&column=3&limit=5&format=csv")
    assert len(table.content.decode("utf-8-sig").splitlines()) == 1 + 12


async def test_report_of_a_minute_ago_is_given_again_where_that_will_do(world):
    page = await read(world, "06a?period=2026-03&max_age=60")
    again = await read(world, "06a?period=2026-03&max_age=60&by=total")
    anew = await read(world, "06a?period=2026-03")
    other = await read(world, "06a?period=2026-03&max_age=60&by=agency")
    assert page == again
    assert page["stamp"]["computed_at"] < anew["stamp"]["computed_at"]
    assert page["rows"] != other["rows"]
