"""Jobs and their runs over HTTP."""

import asyncio

import pytest

from gateway.storage import jobs, upkeep
from gateway.storage.clients import Scope
from gateway.storage.jobs import Ending, Progress
from tests.api_world import open_world, violations

REASON = "the portal is quiet at night"


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def post(world, path, **body):
    return await world.call("POST", path, json=body)


async def put_schedule(world, job="catalogues", **body):
    return await world.call("PUT", f"/v1/jobs/{job}/schedule", json={"reason": REASON, **body})


async def at_work(world, job="tidy"):
    """A run of ``job`` that a worker has; its id and the worker's."""
    run = int((await post(world, f"/v1/jobs/{job}/runs")).json()["id"])
    database = world.gateway.database
    worker = await database.write(lambda tx: upkeep.register_worker(tx, 0))
    await database.write(lambda tx: jobs.take_run(tx, run, worker=worker, now=1))
    return run, worker


async def end(world, run, worker, state="done", **fields):
    progress = Progress(run=run, worker=worker, done=3, total=3, watermark="3")
    ending = Ending(progress=progress, state=state, now=2, **fields)
    assert await world.gateway.database.write(lambda tx: jobs.end_run(tx, ending))


async def test_jobs_are_listed_with_their_schedules(world):
    listed = (await world.call("GET", "/v1/jobs")).json()["items"]

    names = [item["name"] for item in listed]
    assert names == sorted(names)
    assert {"catalogues", "tidy"} <= set(names)
    catalogues = next(item for item in listed if item["name"] == "catalogues")
    assert catalogues == (await world.call("GET", "/v1/jobs/catalogues")).json()
    assert catalogues["schedule"]["cron"] == "* * * * *"
    assert catalogues["schedule"]["source"] == "shipped"
    assert len(catalogues["schedule"]["upcoming"]) == 5
    assert catalogues["can_dry_run"] is True
    assert [item["name"] for item in catalogues["parameters"]] == ["destination"]
    assert catalogues["title_vi"]


async def test_ordered_run_waits_for_a_worker_and_can_be_looked_at(world):
    ordered = await world.call(
        "POST",
        "/v1/jobs/catalogues/runs",
        json={"parameters": {"destination": "board"}, "dry_run": True},
    )

    assert ordered.status_code == 202, ordered.text
    run = ordered.json()
    assert ordered.headers["location"] == f"/v1/runs/{run['id']}"
    assert (run["state"], run["trigger"], run["actor"], run["dry_run"]) == ("queued", "operator", "all", True)
    assert run["parameters"] == {"destination": "board"}
    assert (await world.call("GET", ordered.headers["location"])).json() == run
    assert (await world.call("GET", "/v1/jobs/catalogues")).json()["running"] == run


async def eventually(world, path, expected):
    """What is at ``path``, once it is as expected."""
    async with asyncio.timeout(20):
        while True:
            found = (await world.call("GET", path)).json()
            if expected(found):
                return found
            await asyncio.sleep(0.02)


async def test_worker_of_this_process_does_what_is_due_and_what_was_ordered(world):
    working = asyncio.create_task(world.gateway.worker.run())
    try:
        fresh = await eventually(world, "/v1/jobs/catalogues", lambda job: job["last"])
        run = (await post(world, "/v1/jobs/catalogues/runs")).json()["id"]
        found = await eventually(world, f"/v1/runs/{run}", lambda run: run["ended_at"])
    finally:
        world.gateway.worker.stop()
        await working

    # nothing was ever fetched: it does not wait for its first minute
    assert fresh["last"]["trigger"] == "schedule"
    assert fresh["last"]["summary"]["refreshed"] == 1
    assert (found["state"], found["trigger"], found["answer"]) == ("done", "operator", "yes")
    assert found["summary"]["refreshed"] == 0
    metrics = (await world.call("GET", "/metrics")).text
    assert 'lienthong_job_last_success_timestamp_seconds{job="catalogues"}' in metrics
    assert 'lienthong_job_runs_total{job="catalogues",state="done"}' in metrics


async def test_second_run_of_a_job_is_a_conflict(world):
    first = (await post(world, "/v1/jobs/tidy/runs")).json()
    second = await post(world, "/v1/jobs/tidy/runs")

    assert second.status_code == 409
    assert first["id"] in second.json()["detail"]
    assert (await post(world, "/v1/jobs/catalogues/runs")).status_code == 202


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"parameters": {"destnation": "board"}}, {"/parameters/destnation": "unknown"}),
        ({"parameters": {"destination": "two words"}}, {"/parameters/destination": "value"}),
        ({"parameters": {"destination": "x" * 201}}, {"/parameters/destination": "maxLength"}),
        ({"parameters": {"destination": 5}}, {"/parameters/destination": "type"}),
        ({"parameters": ["destination"]}, {"/parameters": "type"}),
        ({"dry_run": "yes"}, {"/dry_run": "type"}),
        ({"watermark": "H99"}, {"/watermark": "additionalProperties"}),
    ],
)
async def test_order_that_cannot_be_says_where(world, body, found):
    answer = await world.call("POST", "/v1/jobs/catalogues/runs", json=body)
    assert answer.status_code == 422
    assert violations(answer) == found
    assert await world.count("job_run") == 0


async def test_dry_run_of_a_job_without_one_is_refused(world):
    assert violations(await post(world, "/v1/jobs/tidy/runs", dry_run=True)) == {"/dry_run": "dry_run"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs/nothing"),
        ("GET", "/v1/jobs/nothing/runs"),
        ("GET", "/v1/jobs/%00"),
        ("GET", "/v1/runs/4711"),
        ("GET", "/v1/runs/-1"),
        ("GET", "/v1/runs/9223372036854775808"),
        ("GET", "/v1/runs/one"),
    ],
)
async def test_what_is_not_there_is_not_found(world, method, path):
    assert (await world.call(method, path)).status_code == 404


async def test_what_is_not_there_cannot_be_changed(world):
    assert (await post(world, "/v1/jobs/nothing/runs")).status_code == 404
    assert (await put_schedule(world, "nothing", cron="* * * * *")).status_code == 404
    assert (await post(world, "/v1/runs/4711/stop", reason=REASON)).status_code == 404


async def test_runs_are_paged_and_filtered(world):
    for number in range(3):
        run, worker = await at_work(world)
        await end(
            world, run, worker, "failed" if number == 1 else "done", failure="closed" if number == 1 else None
        )
    await post(world, "/v1/jobs/catalogues/runs")

    seen, cursor = [], ""
    while cursor is not None:
        page = (await world.call("GET", f"/v1/jobs/tidy/runs?limit=1{cursor and '&cursor=' + cursor}")).json()
        seen += [item["state"] for item in page["items"]]
        cursor = page["next"]
    failed = (await world.call("GET", "/v1/runs?state=failed")).json()["items"]
    queued = (await world.call("GET", "/v1/runs?state=queued")).json()["items"]
    everything = (await world.call("GET", "/v1/runs")).json()["items"]

    assert seen == ["done", "failed", "done"]
    assert [(item["job"], item["failure"]) for item in failed] == [("tidy", "closed")]
    assert [item["job"] for item in queued] == ["catalogues"]
    assert len(everything) == 4
    assert [item["job"] for item in (await world.call("GET", "/v1/runs?job=catalogues")).json()["items"]] == [
        "catalogues"
    ]


async def test_run_is_stopped_with_a_reason_once(world):
    run, _ = await at_work(world)

    stopping = await post(world, f"/v1/runs/{run}/stop", reason=REASON)
    waiting = (await post(world, "/v1/jobs/catalogues/runs")).json()["id"]
    ended = await post(world, f"/v1/runs/{waiting}/stop", reason=REASON)
    again = await post(world, f"/v1/runs/{waiting}/stop", reason=REASON)

    assert (stopping.json()["state"], stopping.json()["stop_by"]) == ("running", "all")
    assert (ended.json()["state"], ended.json()["failure"]) == ("interrupted", "stopped by all")
    assert again.status_code == 409
    assert violations(await post(world, f"/v1/runs/{run}/stop", reason=" ")) == {"/reason": "pattern"}
    assert await world.count("operator_action") == 2


async def test_schedule_is_set_and_taken_back(world):
    changed = (await put_schedule(world, cron="15 2 * * 1-5", missed="skip")).json()["schedule"]
    off = (await put_schedule(world, enabled=False)).json()["schedule"]
    back = (await put_schedule(world)).json()["schedule"]

    assert (changed["cron"], changed["missed"], changed["source"], changed["changed_by"]) == (
        *("15 2 * * 1-5", "skip"),
        *("operator", "all"),
    )
    assert all(start.endswith("T19:15:00Z") for start in changed["upcoming"])  # 02:15 in Viet Nam
    assert (off["cron"], off["enabled"], off["upcoming"]) == ("* * * * *", False, [])
    assert (back["source"], back["changed_by"], len(back["upcoming"])) == ("shipped", None, 5)
    assert await world.count("operator_action") == 3


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"cron": "61 * * * *"}, {"/cron": "cron"}),
        ({"cron": "* * * * * *"}, {"/cron": "cron"}),
        ({"cron": ""}, {"/cron": "cron"}),
        ({"cron": "*\u0000 * * * *"}, {"/cron": "cron"}),
        ({"cron": "* * * * 5L/2"}, {"/cron": "cron"}),
        ({"cron": "*," * 400}, {"/cron": "maxLength"}),
        ({"time_zone": "../../etc/passwd"}, {"/time_zone": "time_zone"}),
        ({"time_zone": "Mars/Olympus", "cron": "x"}, {"/time_zone": "time_zone", "/cron": "cron"}),
        ({"missed": "twice"}, {"/missed": "enum"}),
        ({"enabled": "no"}, {"/enabled": "anyOf"}),
        ({"every": "5 minutes"}, {"/every": "additionalProperties"}),
    ],
)
async def test_schedule_that_cannot_be_says_where(world, body, found):
    answer = await put_schedule(world, **body)
    assert answer.status_code == 422, answer.text
    assert violations(answer) == found
    assert await world.count("operator_action") == 0
    assert (await world.call("GET", "/v1/jobs/catalogues")).json()["schedule"]["source"] == "shipped"


async def test_whoever_may_look_may_not_order(world):
    await world.add_client("reader", Scope.DELIVERIES_READ)
    await world.add_client("operator", Scope.JOBS_OPERATE)

    assert (await world.call("GET", "/v1/jobs", client="reader")).status_code == 200
    for method, path in (
        ("POST", "/v1/jobs/tidy/runs"),
        ("POST", "/v1/runs/1/stop"),
        ("PUT", "/v1/jobs/tidy/schedule"),
    ):
        assert (await world.call(method, path, client="reader", json={})).status_code == 403
    ordered = await world.call("POST", "/v1/jobs/tidy/runs", client="operator", json={})
    assert ordered.json()["actor"] == "operator"
    assert (await world.call("GET", "/v1/jobs", client="operator")).status_code == 403


async def test_schedule_is_looked_at_without_being_set(world):
    shown = (await put_schedule(world, cron="0 3 * * 1-5", dry_run=True)).json()

    assert (shown["schedule"]["cron"], len(shown["schedule"]["upcoming"])) == ("0 3 * * 1-5", 5)
    assert await world.count("operator_action") == 0
    assert (await world.call("GET", "/v1/jobs/catalogues")).json()["schedule"]["source"] == "shipped"
    refused = await put_schedule(world, cron="61 * * * *", dry_run=True)
    assert violations(refused) == {"/cron": "cron"}


async def test_job_tells_since_when_it_fails_until_a_run_ends_well(world):
    for _ in range(2):
        await end(world, *await at_work(world), state="failed", failure="the portal says no")
    first = (await world.call("GET", "/v1/runs?job=tidy")).json()["items"][-1]
    assert (await world.call("GET", "/v1/jobs/tidy")).json()["failing_since"] == first["ended_at"]

    await end(world, *await at_work(world))
    assert (await world.call("GET", "/v1/jobs/tidy")).json()["failing_since"] is None
