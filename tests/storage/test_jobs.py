"""Runs of jobs: one at a time, owned, resumable; schedules that never come in a burst."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from gateway.domain.errors import ConflictError, NotFoundError
from gateway.storage import jobs, queries_jobs, upkeep
from gateway.storage.database import Database
from gateway.storage.instants import to_micros
from gateway.storage.jobs import Due, Ending, NewRun, Progress, Reschedule, StopRun
from gateway.storage.queries_jobs import RunFilter

NOON = datetime(2026, 9, 28, 5, 0, tzinfo=UTC)
MINUTE = 60_000_000


class Desk:
    """Jobs of one database, by hand."""

    def __init__(self, database):
        self.database = database
        self.now = to_micros(NOON)

    async def worker(self):
        return await self.database.write(lambda tx: upkeep.register_worker(tx, self.now))

    async def bury(self, worker):
        await self.database.write(lambda tx: upkeep.forget_workers(tx, [worker]))

    async def begin(self, job="sweep", **fields):
        new = NewRun(job=job, **{"trigger": "operator", "actor": "mai", "now": self.now, **fields})
        return await self.database.write(lambda tx: jobs.begin_run(tx, new))

    async def take(self, run, worker):
        return await self.database.write(lambda tx: jobs.take_run(tx, int(run), worker=worker, now=self.now))

    async def report(self, run, worker, done, watermark=None, total=None):
        progress = Progress(run=run.id, worker=worker, done=done, total=total, watermark=watermark)
        return await self.database.write(lambda tx: jobs.report_progress(tx, progress))

    async def end(self, run, worker, state="done", done=0, watermark=None, **fields):
        progress = Progress(run=run.id, worker=worker, done=done, total=None, watermark=watermark)
        ending = Ending(progress=progress, state=state, now=self.now, **fields)
        return await self.database.write(lambda tx: jobs.end_run(tx, ending))

    async def clear_up(self, *resumable):
        return await self.database.write(
            lambda tx: jobs.interrupt_orphans(tx, now=self.now, resumable=frozenset(resumable))
        )

    async def claim(self, worker, **fields):
        due = Due(
            **{
                "job": "sweep",
                "schedule": "every minute",
                "now": self.now,
                "next_at": self.now + MINUTE,
                "missed": "once",
                "grace": MINUTE,
                "worker": worker,
                **fields,
            }
        )
        return await self.database.write(lambda tx: jobs.claim_start(tx, due))

    def runs(self, **wanted):
        return self.database.ask(lambda c: queries_jobs.runs(c, RunFilter(**wanted), NOON))

    def run(self, run):
        return self.database.ask(lambda c: queries_jobs.run_view(c, run.id, NOON))

    def rows(self, statement):
        return self.database.ask(lambda c: [tuple(row) for row in c.execute(sa.text(statement))])


@pytest.fixture
def desk(database):
    return Desk(database)


async def test_job_has_one_run_at_a_time_and_others_are_not_in_its_way(desk):
    worker = await desk.worker()
    first = await desk.begin(worker=worker)

    second, other = await desk.begin(worker=worker), await desk.begin("drift", worker=worker)
    await desk.end(first, worker)
    third = await desk.begin(worker=worker)

    assert second is None
    assert other is not None
    assert third is not None
    assert [run.state for run in desk.runs(job="sweep")] == ["running", "done"]


async def test_only_one_of_many_processes_begins_a_run(desk, database_url):
    """Each with connections of its own, where the engine lets more than one process in."""
    others = [Database(database_url) for _ in range(3)] if desk.database.dialect == "postgresql" else []
    desks = [desk, *(Desk(each) for each in others)]
    try:
        begun = await asyncio.gather(*(each.begin() for each in desks for _ in range(10)))
    finally:
        for each in others:
            each.close()

    assert sum(run is not None for run in begun) == 1


async def test_run_goes_on_where_the_last_one_like_it_stopped(desk):
    worker = await desk.worker()
    first = await desk.begin(worker=worker)
    await desk.report(first, worker, 10, watermark="H99-10")
    await desk.end(first, worker, "failed", watermark="H99-12", failure="the portal is closed")

    second = await desk.begin(worker=worker)
    await desk.end(second, worker, watermark=second.watermark)
    third = await desk.begin(worker=worker, from_start=True)

    assert second.watermark == "H99-12"
    assert third.watermark is None


async def test_mark_of_a_dry_run_or_of_other_parameters_is_not_taken_for_the_real_one(desk):
    worker = await desk.worker()
    for fields in ({"dry_run": True}, {"parameters": '{"destination":"portal"}'}):
        run = await desk.begin(worker=worker, **fields)
        await desk.end(run, worker, watermark="H99-77")

    real = await desk.begin(worker=worker)
    await desk.end(real, worker)
    again = await desk.begin(worker=worker, parameters='{"destination":"portal"}')

    assert real.watermark is None
    assert again.watermark == "H99-77"


async def test_mark_that_was_forgotten_is_not_found_again(desk):
    worker = await desk.worker()
    first = await desk.begin(worker=worker)
    await desk.report(first, worker, 10, watermark="H99-10")
    await desk.end(first, worker, watermark=None)

    assert (await desk.begin(worker=worker)).watermark is None


async def test_only_the_owner_reports_and_ends(desk):
    worker, stranger = await desk.worker(), await desk.worker()
    run = await desk.begin(worker=worker)

    heard = await desk.report(run, stranger, 99, watermark="wrong")
    ended = await desk.end(run, stranger, "failed")

    assert not heard.ours
    assert ended is False
    assert desk.run(run).state == "running"
    assert desk.run(run).done == 0
    assert (await desk.report(run, worker, 5, total=8)).ours
    assert (desk.run(run).done, desk.run(run).total) == (5, 8)


async def test_waiting_run_is_taken_once(desk):
    first, second = await desk.worker(), await desk.worker()
    run = await desk.begin()
    assert desk.run(run).state == "queued"

    taken = [await desk.take(run.id, worker) for worker in (first, second)]

    assert taken == [run, None]
    assert desk.run(run).state == "running"


async def test_run_of_a_dead_worker_is_ended_and_its_work_waits_for_somebody(desk):
    dead, living = await desk.worker(), await desk.worker()
    run = await desk.begin(worker=dead, parameters='{"limit":"5"}')
    kept = await desk.begin("drift", worker=living)
    await desk.report(run, dead, 3, watermark="H99-3")
    await desk.bury(dead)

    [lost] = await desk.clear_up("sweep", "drift")

    assert (lost.run, lost.resumed) == (run.id, True)
    ended, going = desk.run(run), desk.runs(job="sweep", state="queued")[0]
    assert (ended.state, ended.failure) == ("interrupted", jobs.WORKER_LOST)
    assert (going.trigger, going.actor, going.watermark) == ("missed", "mai", "H99-3")
    assert going.parameters == {"limit": "5"}
    assert desk.run(kept).state == "running"
    assert await desk.clear_up("sweep", "drift") == []


async def test_late_report_of_a_worker_that_was_believed_dead_changes_nothing(desk):
    dead, living = await desk.worker(), await desk.worker()
    run = await desk.begin(worker=dead)
    await desk.report(run, dead, 3, watermark="H99-3")
    await desk.bury(dead)
    await desk.clear_up("sweep")
    going = desk.runs(state="queued")[0]

    heard = await desk.report(run, dead, 4, watermark="H99-4")

    assert not heard.ours
    assert await desk.end(run, dead, watermark="H99-9") is False
    taken = await desk.take(going.id, living)
    assert taken.watermark == "H99-3"


async def lost_with_its_process(desk, done=0):
    """A run, new or gone on with, whose process dies; whether somebody is to go on with it."""
    worker = await desk.worker()
    queued = desk.runs(state="queued")
    run = await (desk.take(queued[0].id, worker) if queued else desk.begin(worker=worker))
    if done:
        await desk.report(run, worker, done, watermark=str(done))
    await desk.bury(worker)
    [lost] = await desk.clear_up("sweep")
    return lost.resumed


async def test_what_kills_its_process_twice_without_coming_further_waits_for_the_schedule(desk):
    assert [await lost_with_its_process(desk) for _ in range(2)] == [True, False]
    assert desk.runs(state="queued") == []


async def test_run_that_comes_further_is_resumed_as_often_as_it_takes(desk):
    assert all([await lost_with_its_process(desk, done) for done in (1, 2, 3, 4)])
    assert desk.runs(state="queued")[0].watermark == "4"


@pytest.mark.parametrize(
    ("fields", "resumable"),
    [({"dry_run": True}, ["sweep"]), ({}, [])],
    ids=["dry", "policy"],
)
async def test_run_is_not_gone_on_with(desk, fields, resumable):
    worker = await desk.worker()
    await desk.begin(worker=worker, **fields)
    await desk.bury(worker)

    [lost] = await desk.clear_up(*resumable)

    assert not lost.resumed
    assert desk.runs(state="queued") == []


async def test_failure_is_told_in_the_feed_and_a_good_end_is_not(desk):
    worker = await desk.worker()
    failed = await desk.begin(worker=worker)
    await desk.end(failed, worker, "failed", failure="the portal is closed")
    await desk.end(await desk.begin("drift", worker=worker), worker, summary='{"drift":3,"answer":"no"}')

    [(kind, data)] = desk.rows("SELECT kind, data FROM event")

    assert kind == "job.failed"
    assert json.loads(data) == {
        "run": str(failed.id),
        "job": "sweep",
        "trigger": "operator",
        "failure": "the portal is closed",
    }
    assert desk.runs(job="drift")[0].answer == "no"
    assert desk.runs(job="sweep")[0].answer is None


async def test_interrupted_run_is_gone_on_with_when_asked_for(desk):
    worker = await desk.worker()
    run = await desk.begin(worker=worker, trigger="schedule", actor="schedule")

    await desk.end(run, worker, "interrupted", done=2, watermark="2", failure="stopped", resume=True)

    assert [(item.state, item.watermark) for item in desk.runs()] == [
        ("queued", "2"),
        ("interrupted", "2"),
    ]


async def test_start_begins_when_it_is_due_and_only_then(desk):
    worker = await desk.worker()
    assert await desk.claim(worker) == jobs.Start()  # seen for the first time: nothing to make up for

    early = await desk.claim(worker)
    desk.now += MINUTE
    due = await desk.claim(worker)
    again = await desk.claim(worker)

    assert early == again == jobs.Start()
    assert (due.run.trigger, due.run.actor) == ("schedule", "schedule")


async def test_job_that_does_not_wait_begins_when_it_is_seen_for_the_first_time(desk):
    worker = await desk.worker()

    first = await desk.claim(worker, at_first=True)
    again = await desk.claim(worker, at_first=True)
    other = await desk.claim(worker, at_first=True, schedule="every hour")

    assert first.run.trigger == "schedule"
    assert again == other == jobs.Start()


async def test_start_that_falls_into_a_run_is_dropped(desk):
    worker = await desk.worker()
    await desk.claim(worker)
    desk.now += MINUTE
    first = (await desk.claim(worker)).run
    desk.now += MINUTE

    dropped = await desk.claim(worker)
    await desk.end(first, worker)

    assert dropped.run is None
    assert "still going on" in dropped.dropped
    assert await desk.claim(worker) == jobs.Start()  # it does not come back when the run has ended


@pytest.mark.parametrize(("missed", "triggers"), [("once", ["missed"]), ("skip", [])])
async def test_hundred_missed_starts_make_at_most_one_run(desk, missed, triggers):
    worker = await desk.worker()
    await desk.claim(worker)
    desk.now += 100 * MINUTE

    for _ in range(5):
        start = await desk.claim(worker, missed=missed)
        if start.run is not None:
            await desk.end(start.run, worker)

    assert [run.trigger for run in desk.runs()] == triggers
    desk.now += MINUTE
    assert (await desk.claim(worker, missed=missed)).run.trigger == "schedule"


async def test_start_within_the_grace_is_no_missed_one(desk):
    worker = await desk.worker()
    await desk.claim(worker)
    desk.now += MINUTE + 30_000_000

    assert (await desk.claim(worker, missed="skip")).run.trigger == "schedule"


async def test_another_schedule_starts_afresh(desk):
    """What the new one would have started in the past was not missed."""
    worker = await desk.worker()
    await desk.claim(worker)
    desk.now += 100 * MINUTE

    changed = await desk.claim(worker, schedule="at noon", next_at=desk.now + 5 * MINUTE)
    desk.now += 5 * MINUTE
    due = await desk.claim(worker, schedule="at noon", next_at=desk.now + 100 * MINUTE)

    assert changed == jobs.Start()
    assert due.run.trigger == "schedule"


async def test_schedule_without_a_next_start_never_starts(desk):
    worker = await desk.worker()
    await desk.claim(worker, schedule="", next_at=None)
    desk.now += 1000 * MINUTE

    assert await desk.claim(worker, schedule="", next_at=None) == jobs.Start()
    assert desk.database.ask(queries_jobs.job_rows)["sweep"].next_at is None


async def test_one_of_many_processes_takes_a_start(desk, database_url):
    worker = await desk.worker()
    await desk.claim(worker)
    desk.now += MINUTE
    others = [Database(database_url) for _ in range(3)] if desk.database.dialect == "postgresql" else []
    desks = [desk, *(Desk(each) for each in others)]
    for each in desks:
        each.now = desk.now
    try:
        starts = await asyncio.gather(*(each.claim(worker) for each in desks for _ in range(5)))
    finally:
        for each in others:
            each.close()

    assert sum(start.run is not None for start in starts) == 1


async def test_stop_is_heard_with_the_next_report_and_recorded(desk):
    worker = await desk.worker()
    run = await desk.begin(worker=worker)
    order = StopRun(run=run.id, actor="cli:mai", reason="the portal asked for it", now=NOON)

    assert await desk.database.write(lambda tx: jobs.stop_run(tx, order)) == "sweep"

    heard = await desk.report(run, worker, 1)
    assert heard == jobs.Heard(ours=True, stop_by="cli:mai")
    assert desk.run(run).state == "running"
    assert desk.rows("SELECT actor, action, target, reason FROM operator_action") == [
        ("cli:mai", "stop", "job:sweep", "the portal asked for it")
    ]


@pytest.mark.parametrize("owner", ["nobody", "a dead worker"])
async def test_stop_of_a_run_that_nobody_has_ends_it(desk, owner):
    worker = await desk.worker()
    run = await desk.begin(worker=worker if owner == "a dead worker" else None)
    await desk.bury(worker)
    order = StopRun(run=run.id, actor="cli:mai", reason="not needed", now=NOON)

    await desk.database.write(lambda tx: jobs.stop_run(tx, order))

    assert (desk.run(run).state, desk.run(run).failure) == ("interrupted", "stopped by cli:mai")
    assert await desk.clear_up("sweep") == []
    with pytest.raises(ConflictError, match="has ended"):
        await desk.database.write(lambda tx: jobs.stop_run(tx, order))
    with pytest.raises(NotFoundError):
        await desk.database.write(
            lambda tx: jobs.stop_run(tx, StopRun(run=4711, actor="x", reason="unknown", now=NOON))
        )


async def test_operators_schedule_is_kept_and_recorded(desk):
    order = Reschedule(
        job="sweep",
        actor="cli:mai",
        reason="the portal is slow at noon",
        now=NOON,
        cron="0 3 * * *",
        time_zone=None,
        missed="skip",
        enabled=None,
    )
    await desk.claim(await desk.worker())

    await desk.database.write(lambda tx: jobs.set_schedule(tx, order))

    row = desk.database.ask(queries_jobs.job_rows)["sweep"]
    assert (row.cron, row.time_zone, row.missed, row.enabled, row.changed_by) == (
        *("0 3 * * *", None, "skip", None),
        "cli:mai",
    )
    [(action, target, detail)] = desk.rows("SELECT action, target, detail FROM operator_action")
    assert (action, target, json.loads(detail)["cron"]) == ("reschedule", "job:sweep", "0 3 * * *")


async def test_views_tell_rate_and_time_left(desk):
    worker = await desk.worker()
    desk.now -= 10_000_000
    run = await desk.begin(worker=worker)
    await desk.report(run, worker, 20, total=50)

    view = desk.run(run)

    assert (view.rate, view.seconds_left) == (2.0, 15.0)
    assert view.host
    assert view.pid


async def test_board_shows_what_is_open_and_whose_it_is(desk):
    dead, living = await desk.worker(), await desk.worker()
    orphan = await desk.begin("a", worker=dead)
    held = await desk.begin("b", worker=living)
    waiting = await desk.begin("c")
    await desk.end(await desk.begin("d", worker=living), living)
    await desk.bury(dead)

    seen = desk.database.ask(queries_jobs.board)

    assert [(run.id, run.worker, run.orphan) for run in seen.open] == [
        (orphan.id, dead, True),
        (held.id, living, False),
        (waiting.id, None, False),
    ]


async def test_runs_have_one_order_whatever_the_clocks_of_the_machines_say(desk):
    ahead = Desk(desk.database)
    first = await desk.begin()
    desk.database.identifiers.follow(first.id + (3_600_000 << 22))  # a machine whose clock is an hour ahead
    late = await ahead.begin("drift")
    other = type(desk.database.identifiers)(700)
    desk.database.identifiers = other  # another machine, its clock an hour behind that one

    last = await desk.begin("report")

    assert first.id < late.id < last.id


async def test_uneventful_old_runs_are_forgotten_and_nothing_else(desk):
    worker = await desk.worker()
    for number in range(12):
        run = await desk.begin(worker=worker, trigger="operator" if number == 0 else "schedule")
        await desk.end(run, worker, "failed" if number == 1 else "done", failure=None)
    going = await desk.begin(worker=worker)

    forgotten = await desk.database.write(lambda tx: jobs.forget_runs(tx, "sweep", kept=5))

    assert forgotten == 6
    left = desk.runs(job="sweep")
    assert len(left) == 7
    assert {left[-1].trigger, left[-2].state, left[0].id} == {"operator", "failed", str(going.id)}
    assert await desk.database.write(lambda tx: jobs.forget_runs(tx, "sweep", kept=5)) == 0


async def test_last_success_is_that_of_a_real_run_that_ended_well(desk):
    worker = await desk.worker()
    await desk.end(await desk.begin(worker=worker), worker)
    desk.now += 60_000_000
    await desk.end(await desk.begin(worker=worker), worker, "failed")
    await desk.end(await desk.begin(worker=worker, dry_run=True), worker)

    found = desk.database.ask(lambda c: queries_jobs.last_success(c, ["sweep", "never"]))

    assert found == {"sweep": NOON}
    assert NOON + timedelta(minutes=1) not in found.values()
