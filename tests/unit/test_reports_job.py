"""The job: it writes the files of a period and keeps the figures."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import openpyxl
import pytest

from gateway.deadlines.instants import VIETNAM
from gateway.domain.errors import RecordError
from gateway.jobs.service import RunOrder
from gateway.reports.dossiers import KINDS
from gateway.reports.job import Desk, report_job
from gateway.settings import ReportSettings
from gateway.storage.database import Database
from tests.standings_world import MINI_ROW, NOW, Terms, mini, store
from tests.unit.jobs_world import Clock, Process

MARCH = {"period": "2026-03", "by": "agency,total", "formats": "csv,json,xlsx"}


@pytest.fixture
def database(sqlite_url):
    opened = Database(sqlite_url)
    yield opened
    opened.close()


def job_of(database, folder=None, **settings):
    place = None if folder is None else str(folder)
    return report_job(
        Desk(database=database, clock=clock, terms=Terms(), settings=ReportSettings(folder=place, **settings))
    )


def clock() -> datetime:
    return NOW.astimezone(UTC)


async def ran(database, job, *, dry_run: bool = False, **parameters):
    moving = Clock()
    moving.now = clock()
    process = await Process(database, moving, job).register()
    await process.jobs.start(RunOrder(job="report", actor="cli:mai", parameters=parameters, dry_run=dry_run))
    await process.look()
    return (await process.ended(len(process.runs(job="report")), "report"))[0]


async def test_files_of_the_period_are_written(database, tmp_path):
    await store(database, mini(spread=True))
    run = await ran(database, job_of(database, tmp_path / "reports"), **MARCH)
    assert run.state == "done", run.failure
    reports = tmp_path / "reports"
    written = sorted(str(path.relative_to(reports)) for path in reports.rglob("*.*"))
    names = (
        [f"06a-{by}" for by in ("agency", "total")] + [f"766-{by}" for by in ("agency", "total")] + [*KINDS]
    )
    expected = sorted(f"2026-03/{name}.{ending}" for name in names for ending in ("csv", "json", "xlsx"))
    assert written == expected
    assert sorted(run.summary["files"]) == expected
    document = json.loads((tmp_path / "reports/2026-03/06a-agency.json").read_text("utf-8"))
    assert document["total"]["by_date"] == MINI_ROW
    book = openpyxl.load_workbook(io.BytesIO((tmp_path / "reports/2026-03/overdue.xlsx").read_bytes()))
    assert book.sheetnames == ["overdue"]


async def test_figures_are_kept_in_the_record_of_the_run(database, tmp_path):
    await store(database, mini(spread=True))
    run = await ran(database, job_of(database), **MARCH)
    assert run.summary["06a-agency"]["total"]["by_date"] == MINI_ROW
    assert run.summary["06a-agency"]["total"]["by_instant"]["c10"] == 3
    assert (run.summary["06a-agency"]["units"], run.summary["06a-agency"]["sound"]) == (3, True)
    assert run.summary["766-total"]["total"]["points"] == 13.33
    assert run.summary["overdue"] == {"dossiers": 2, "more": False}
    assert run.summary["stamp"]["period"] == "2026-03"
    assert run.summary["files"] == []
    assert (run.done, run.total) == (4 + len(KINDS), 4 + len(KINDS))


async def test_dry_run_counts_and_writes_nothing(database, tmp_path):
    await store(database, mini())
    run = await ran(database, job_of(database, tmp_path / "reports"), dry_run=True, **MARCH)
    assert run.summary["06a-total"]["total"]["by_date"] == MINI_ROW
    assert not (tmp_path / "reports").exists()


async def test_second_run_replaces_the_files(database, tmp_path):
    await store(database, mini())
    await ran(database, job_of(database, tmp_path), **MARCH)
    path = tmp_path / "2026-03" / "06a-total.csv"
    path.write_text("old")
    await ran(database, job_of(database, tmp_path), **MARCH)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert not list(tmp_path.rglob("*.part"))


async def test_last_month_is_the_default(database):
    await store(database, mini())
    run = await ran(database, job_of(database))
    assert run.summary["stamp"]["period"] == "2026-03"
    assert {name for name in run.summary if name.startswith("06a-")} == {
        "06a-agency",
        "06a-field",
        "06a-procedure",
    }


@pytest.mark.parametrize(
    ("parameters", "says"),
    [({"by": "colour"}, "colour"), ({"formats": "pdf"}, "pdf"), ({"period": "2031-01"}, "has not begun")],
)
async def test_parameter_that_cannot_be_used_is_told(database, parameters, says):
    run = await ran(database, job_of(database), **parameters)
    assert run.state == "failed"
    assert says in (run.failure or "")


async def test_parameter_of_another_form_is_refused_at_once(database):
    with pytest.raises(RecordError):
        await ran(database, job_of(database), by="agency; rm")


async def test_folder_that_cannot_be_written_to_is_told(database, tmp_path):
    (tmp_path / "file").write_text("in the way")
    run = await ran(database, job_of(database, tmp_path / "file"), **MARCH)
    assert run.state == "failed"
    assert "reports.folder" in (run.failure or "")


@pytest.mark.parametrize(("closing", "cron"), [(0, "0 6 1 * *"), (14, "0 6 15 * *"), (20, "0 6 21 * *")])
def test_it_runs_on_the_morning_after_a_month_has_closed(closing, cron):
    job = job_of(None, closing_day=closing)
    assert (job.cron, job.time_zone, job.can_dry_run) == (cron, str(VIETNAM), True)
