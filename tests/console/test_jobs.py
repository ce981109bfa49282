"""Sync jobs on the console: looked at, started, stopped, rescheduled."""

import json

import pytest

from gateway.storage import jobs, upkeep
from gateway.storage.jobs import Ending, Progress
from tests.api_world import open_world
from tests.console_world import ConsoleClient, text_of

HOSTILE = "<script>alert(1)</script>\"'\u202e"
WHY = "cổng quốc gia bận ban ngày"


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


@pytest.fixture
def browser(world):
    return ConsoleClient(world.api)


async def run_of(world, job="catalogues", **body):
    answer = await world.call("POST", f"/v1/jobs/{job}/runs", json=body)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


async def taken(world, run):
    worker = await world.gateway.database.write(lambda tx: upkeep.register_worker(tx, 0))
    await world.gateway.database.write(lambda tx: jobs.take_run(tx, run, worker=worker, now=1))
    return worker


async def ended(world, job="catalogues", state="done", **fields):
    run = await run_of(world, job)
    progress = Progress(run=run, worker=await taken(world, run), done=3, total=4, watermark="H99-3")
    ending = Ending(progress=progress, state=state, now=2, **fields)
    assert await world.gateway.database.write(lambda tx: jobs.end_run(tx, ending))
    return run


@pytest.mark.parametrize(("language", "words"), [("vi", "Mỗi phút"), ("en", "Every minute")])
async def test_every_job_is_listed_with_what_it_does(world, language, words):
    told = text_of(await ConsoleClient(world.api, language=language).get("/console/jobs"))
    for name in world.gateway.jobs.book.names:
        assert name in told
    assert words in told


async def test_failing_job_stands_first_and_says_since_when(world, browser):
    await ended(world, "tidy", "failed", failure=HOSTILE)
    page = await browser.get("/console/jobs")
    told = text_of(page)
    assert told.index("tidy") < told.index("catalogues")
    assert "Lỗi liên tục từ 01/01/1970" in told
    job = await browser.get("/console/jobs/tidy")
    assert "&lt;script&gt;alert(1)" in job.text
    assert "<script>alert" not in job.text


async def test_run_is_started_dry_with_its_parameters(world, browser):
    answer = await browser.post(
        "/console/jobs/catalogues", **{"parameters.destination": "board", "dry_run": "true"}
    )
    assert answer.status_code == 303, answer.text
    page = text_of(await browser.get(answer.headers["location"]))
    assert "Chạy thử" in page
    assert "board" in page
    run = (await world.call("GET", answer.headers["location"].replace("/console", "/v1"))).json()
    assert (run["actor"], run["dry_run"], run["parameters"]) == (
        "console/operator.mau",
        True,
        {"destination": "board"},
    )


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"parameters.destination": "two words"}, 422),
        ({"parameters.nobody": "x"}, 422),
        ({"dry_run": "maybe"}, 422),
    ],
)
async def test_wrong_parameters_start_nothing(world, browser, fields, status):
    assert (await browser.post("/console/jobs/catalogues", **fields)).status_code == status
    assert await world.count("job_run") == 0


async def test_running_run_shows_its_progress_and_is_stopped_with_a_reason(world, browser):
    run = await run_of(world)
    worker = await taken(world, run)
    progress = Progress(run=run, worker=worker, done=1, total=4, watermark="H99-1")
    await world.gateway.database.write(lambda tx: jobs.report_progress(tx, progress))
    page = await browser.get(f"/console/runs/{run}")
    assert 'max="4" value="1"' in page.text
    assert 'hx-trigger="every 2s"' in page.text
    assert (await browser.post(f"/console/runs/{run}", reason="")).status_code == 422

    answer = await browser.post(f"/console/runs/{run}", reason=WHY)
    assert answer.headers["location"] == f"/console/runs/{run}"
    assert "console/operator.mau đã yêu cầu dừng" in text_of(await browser.get(f"/console/runs/{run}"))
    assert await world.count("operator_action") == 1


async def test_ended_run_tells_what_it_found(world, browser):
    summary = {
        "answer": "no",
        "looked": 12345,
        "examples": [{"dossier": "H99-1", "ours": HOSTILE}],
        "odd": None,
    }
    run = await ended(world, summary=json.dumps(summary))
    page = await browser.get(f"/console/runs/{run}")
    told = text_of(page)
    assert "Xong, có việc cần xem" in told
    assert "12.345" in told
    assert "Mọi thứ ổn Không" in told
    assert "<script>alert" not in page.text
    assert "hx-get" not in page.text.partition("<main")[2]


async def test_schedule_is_looked_at_and_then_set(world, browser):
    wanted = {"cron": "15 2 * * 1-5", "time_zone": "Asia/Ho_Chi_Minh", "missed": "once", "enabled": "true"}
    page = text_of(await browser.post("/console/jobs/catalogues/schedule", reason=WHY, **wanted))
    assert "Lúc 02:15, từ thứ Hai đến thứ Sáu" in page
    assert (await world.call("GET", "/v1/jobs/catalogues")).json()["schedule"]["source"] == "shipped"

    answer = await browser.post("/console/jobs/catalogues/schedule", reason=WHY, confirmed="true", **wanted)
    assert answer.status_code == 303, answer.text
    schedule = (await world.call("GET", "/v1/jobs/catalogues")).json()["schedule"]
    assert (schedule["cron"], schedule["changed_by"]) == ("15 2 * * 1-5", "console/operator.mau")
    await browser.post(
        "/console/jobs/catalogues/schedule", reason=WHY, confirmed="true", reset="true", **wanted
    )
    assert (await world.call("GET", "/v1/jobs/catalogues")).json()["schedule"]["source"] == "shipped"


async def test_schedule_that_cannot_be_is_told_on_its_form(world, browser):
    answer = await browser.post("/console/jobs/catalogues/schedule", reason=WHY, cron="61 * * * *")
    assert answer.status_code == 422
    assert "Biểu thức lịch không đọc được" in text_of(answer)
    assert 'value="61 * * * *"' in answer.text
    assert await world.count("operator_action") == 0


async def test_auditor_looks_and_changes_nothing(world):
    auditor = ConsoleClient(world.api, "auditor")
    page = await auditor.get("/console/jobs/catalogues")
    assert page.status_code == 200
    assert "Chạy thật" not in text_of(page)
    assert (await auditor.post("/console/jobs/catalogues")).status_code == 403
    assert (await auditor.post("/console/jobs/catalogues/schedule", reason=WHY)).status_code == 403
    assert await world.count("job_run") == 0


async def test_job_or_run_that_is_not_there_is_not_found(browser):
    assert (await browser.get("/console/jobs/nobody")).status_code == 404
    assert (await browser.get("/console/runs/4711")).status_code == 404


async def test_runs_of_a_job_are_narrowed_by_how_they_ended(world, browser):
    bad = await ended(world, state="failed", failure="x")
    good = await ended(world)
    page = (await browser.get("/console/jobs/catalogues?state=failed")).text
    runs = page.partition('id="runs"')[2]
    assert f"/console/runs/{bad}" in runs
    assert f"/console/runs/{good}" not in runs
