"""``lienthong sync lag``: the figures and the dossiers behind them, beside a running gateway and through its API."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import pytest

from gateway.deadlines.instants import HOUR, day_number_of
from gateway.storage import lag
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.lag import LagRow
from tests.e2e.cli import configuration, lienthong, served
from tests.storage.province import Province

PORTAL = "national_portal"


def rows_of(now: int) -> list[LagRow]:
    """One through us, one through the partner, one rightly late."""
    found = []
    for number, cause in enumerate(("gateway", "partner", None), start=1):
        due_at = now - (40 - number) * HOUR
        shown = "late" if cause is None else "sync_late"
        found.append(
            LagRow(
                delivery_id=number,
                destination=PORTAL,
                dossier_code=f"H99-{number}",
                operation="step",
                day=day_number_of(due_at + HOUR),
                event_at=due_at - HOUR,
                received_at=due_at - HOUR // 2,
                sent_at=due_at + HOUR // 2,
                acknowledged_at=due_at + HOUR,
                ended_at=due_at - HOUR,
                due_at=due_at,
                by_date=shown,
                by_instant=shown,
                late_cause=cause,
                late_cause_by_instant=cause,
                late=True,
            )
        )
    return found


async def fill(url: str) -> None:
    database = Database(url)
    province = Province(database)
    rows = rows_of(to_micros(datetime.now(UTC)))
    for row in rows:
        await province.accept(row.dossier_code, destination=PORTAL, status="finished")
    assert await database.write(partial(lag.keep, rows=rows))
    database.close()


@pytest.fixture
def config(tmp_path, sqlite_url):
    asyncio.run(fill(sqlite_url))
    return configuration(tmp_path, database=sqlite_url)


HEADLINE = "showed late: 3, rightly 1, only through us 1 (33.3%), through the source 0, through the partner 1"


def test_report_shows_headline_and_days(config):
    ran = lienthong("sync", "lag", "-c", config)
    assert ran.code == 0, ran.err
    assert f"{PORTAL} {HEADLINE}; now 0" in ran.out
    assert "the goal is 99% in 15 min" in ran.out
    assert "30m, 30m, 30m, 30m" in ran.out

    found = lienthong("sync", "lag", "-c", config, "--json").json
    assert found["destinations"][0]["late"]["by_date"]["gateway"] == 1
    assert sum(day["deliveries"] for day in found["days"]) == 3


def test_status_has_the_headline(config):
    assert f"in 30 days {PORTAL} {HEADLINE}" in lienthong("status", "-c", config).out
    assert lienthong("status", "-c", config, "--json").json["late"][0]["late"]["by_date"]["shown"] == 3


def test_dossiers_behind_the_counts(config):
    ran = lienthong("sync", "lag", "--dossiers", "-c", config)
    lines = {line.split()[0]: line for line in ran.out.splitlines() if "H99-" in line}
    assert lines["H99-1"].split()[-4:] == ["through", "us", "through", "us"]
    assert lines["H99-3"].split()[-2:] == ["late", "late"]
    only = lienthong("sync", "lag", "--dossiers", "--cause", "partner", "-c", config, "--json").json
    assert [item["dossier"] for item in only] == ["H99-2"]


def test_counts_by_agency(config):
    ran = lienthong("sync", "lag", "--agencies", "-c", config)
    (line,) = [line.split() for line in ran.out.splitlines() if "H99.14" in line]
    assert line == [PORTAL, "H99.14", "3", "1", "1", "0", "1", "0", "0"]


def test_other_days_have_nothing(config):
    ran = lienthong("sync", "lag", "--last", "2020-01-31", "--days", "31", "-c", config)
    assert "2020-01-01 to 2020-01-31" in ran.out
    assert f"{PORTAL} showed late: nothing" in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--cause", "partner"), "--dossiers"),
        (("--dossiers", "--cause", "weather"), "gateway, source, partner"),
        (("--destination", "nowhere"), "nowhere"),
        (("--days", "0"), "--days"),
        (("--last", "yesterday"), "--last"),
    ],
)
def test_wrong_use_is_told(config, arguments, told):
    ran = lienthong("sync", "lag", *arguments, "-c", config)
    assert (ran.code, told in ran.out + ran.err) == (2, True), ran.err


def test_through_the_api_it_is_the_same(config, tmp_path):
    here = lienthong("sync", "lag", "--dossiers", "-c", config, "--json").json
    key = tmp_path / "ops.key"
    key.write_text(lienthong("clients", "add", "ops", "--scope", "all", "-c", config).out)
    with served(config) as url:
        way = ("--url", url, "--key-file", key)
        assert lienthong("sync", "lag", "--dossiers", *way, "--json").json == here
        assert HEADLINE in lienthong("sync", "lag", *way).out
