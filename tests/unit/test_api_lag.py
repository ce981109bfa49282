"""The lag of synchronisation over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gateway.deadlines.instants import HOUR, day_number_of
from gateway.storage import lag
from gateway.storage.instants import from_micros, to_micros
from gateway.storage.lag import LagRow
from tests.api_world import open_world, violations

BOARD = "board"


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        yield opened


async def told(world: Any, code: str, *, hours_ago: int, number: int, **columns: Any) -> LagRow:
    """A row of the lag: promised and acknowledged so many hours ago, a quarter of an hour late."""
    await world.put(code)
    due_at = to_micros(world.api.now) - hours_ago * HOUR
    acknowledged_at = due_at + HOUR // 4
    return LagRow(
        **{
            "delivery_id": number,
            "destination": BOARD,
            "dossier_code": code,
            "operation": "card",
            "day": day_number_of(acknowledged_at),
            "event_at": due_at - HOUR,
            "received_at": due_at - HOUR // 2,
            "sent_at": due_at,
            "acknowledged_at": acknowledged_at,
            "ended_at": due_at - HOUR,
            "due_at": due_at,
            "by_date": "sync_late",
            "by_instant": "sync_late",
            "late_cause": "gateway",
            "late_cause_by_instant": "gateway",
            "late": True,
            **columns,
        }
    )


async def keep(world: Any, *rows: LagRow) -> None:
    assert await world.gateway.database.write(lambda tx: lag.keep(tx, rows))


@pytest.fixture
async def three_late(world):
    """One through us, one through the partner, one rightly, each promised an hour later than the one before."""
    await keep(
        world,
        await told(world, "H99-1", hours_ago=50, number=1),
        await told(
            world, "H99-2", hours_ago=49, number=2, late_cause="partner", late_cause_by_instant="partner"
        ),
        await told(
            world,
            "H99-3",
            hours_ago=48,
            number=3,
            by_date="late",
            by_instant="late",
            late_cause=None,
            late_cause_by_instant=None,
        ),
    )


async def test_report_has_headline_days_and_absences(world, three_late):
    answer = (await world.call("GET", "/v1/sync/lag")).json()

    (destination,) = answer["destinations"]
    assert destination["late"]["by_date"] == {
        "shown": 3,
        "rightly": 1,
        "gateway": 1,
        "source": 0,
        "partner": 1,
        "before_start": 0,
        "ours": pytest.approx(1 / 3),
    }
    assert destination["now"]["by_date"]["shown"] == 0
    assert [agency["agency"] for agency in destination["agencies"]] == ["H99.14"]
    assert sum(day["deliveries"] for day in answer["days"]) == 3
    (day, *_) = answer["days"]
    assert day["total"]["p50"] == 4500.0
    assert day["wire"]["longest"] == 900.0
    assert (answer["target"], answer["goal"], answer["absences"]) == (900.0, 0.99, [])


async def test_days_are_asked_for_by_date(world, three_late):
    today = from_micros(to_micros(world.api.now) + 7 * HOUR).date()
    long_ago = today - timedelta(days=300)

    answer = await world.call(
        "GET", f"/v1/sync/lag?first={long_ago}&last={long_ago + timedelta(days=30)}&destination={BOARD}"
    )

    assert (answer.json()["first"], answer.json()["days"]) == (long_ago.isoformat(), [])
    assert answer.json()["destinations"][0]["late"]["by_date"]["shown"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "first=2026-09-02&last=2026-09-01",
        "first=2020-01-01&last=2026-01-01",
        "last=yesterday",
        "first=20260901",
    ],
)
async def test_what_is_no_stretch_of_days_is_refused(world, query):
    answer = await world.call("GET", f"/v1/sync/lag?{query}")
    assert answer.status_code == 422
    assert set(violations(answer)) <= {"/query/first", "/query/last"}


@pytest.mark.parametrize("query", ["last=0001-01-01", "first=9999-12-31&last=9999-12-31"])
async def test_days_without_anything_are_empty(world, query):
    answer = await world.call("GET", f"/v1/sync/lag?{query}")
    assert (answer.status_code, answer.json()["days"]) == (200, [])


async def test_unknown_destination_is_not_found(world):
    for path in ("/v1/sync/lag", "/v1/sync/lag/dossiers"):
        assert (await world.call("GET", f"{path}?destination=nowhere")).status_code == 404


async def test_dossiers_behind_the_counts_are_listed_and_pages_join(world, three_late):
    seen, cursor = [], ""
    while cursor is not None:
        query = f"limit=2{cursor and '&cursor=' + cursor}"
        page = (await world.call("GET", f"/v1/sync/lag/dossiers?{query}")).json()
        seen += page["items"]
        cursor = page["next"]

    assert [item["dossier"] for item in seen] == ["H99-1", "H99-2", "H99-3"]
    assert [item["cause_by_date"] for item in seen] == ["gateway", "partner", None]
    assert seen[0]["acknowledged_at"] > seen[0]["due_at"] > seen[0]["ended_at"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("cause=partner", ["H99-2"]),
        ("cause=source", []),
        ("shown=late", ["H99-3"]),
        ("shown=sync_late", ["H99-1", "H99-2"]),
        ("shown=sync_late&cause=gateway", ["H99-1"]),
    ],
)
async def test_dossiers_are_filtered(world, three_late, query, found):
    answer = await world.call("GET", f"/v1/sync/lag/dossiers?{query}")
    assert [item["dossier"] for item in answer.json()["items"]] == found


async def test_timeline_shows_how_long_a_delivery_took(world):
    await world.put("H99-1")
    row = await told(world, "H99-1", hours_ago=3, number=1)
    deliveries = (await world.call("GET", "/v1/deliveries?dossier=H99-1&operation=card")).json()["items"]
    await keep(world, LagRow(**{**_fields(row), "delivery_id": int(deliveries[0]["id"])}))

    timeline = (await world.call("GET", "/v1/dossiers/H99-1/timeline")).json()["items"]

    found = [item["lag"] for item in timeline if item["kind"] == "delivery"]
    assert [lag is not None for lag in found] == [True, False]
    assert (found[0]["by_date"], found[0]["late_cause"]) == ("sync_late", "gateway")
    assert found[0]["received_at"] > found[0]["event_at"]


def _fields(row: LagRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


async def test_report_and_list_of_a_moment_ago_are_one_judgement_where_that_is_accepted(world, three_late):
    report = (await world.call("GET", "/v1/sync/lag?max_age=60")).json()
    await keep(world, await told(world, "H99-4", hours_ago=47, number=4))

    late = (await world.call("GET", "/v1/sync/lag/dossiers?max_age=60")).json()
    anew = (await world.call("GET", "/v1/sync/lag/dossiers")).json()

    assert late["as_of"] == report["as_of"] < anew["as_of"]
    assert [item["dossier"] for item in late["items"]] == ["H99-1", "H99-2", "H99-3"]
    assert [item["dossier"] for item in anew["items"]] == ["H99-1", "H99-2", "H99-3", "H99-4"]
    assert set(violations(await world.call("GET", "/v1/sync/lag?max_age=3601"))) == {"/query/max_age"}


async def test_where_the_api_computes_apart_it_answers_the_same(world, three_late):
    here = (await world.call("GET", "/v1/sync/lag")).json()
    world.api.compute_apart()
    apart = (await world.call("GET", "/v1/sync/lag")).json()
    reports = [await world.call("GET", f"/v1/reports/{path}") for path in ("06a", "766", "overdue")]
    risky = await world.call("GET", "/v1/dossiers/at-risk")
    await world.api.close()

    assert {**apart, "as_of": None} == {**here, "as_of": None}
    assert [answer.status_code for answer in (*reports, risky)] == [200, 200, 200, 200]
