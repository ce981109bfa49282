"""One run: progress that lasts, ends of every kind, and what a reader is told."""

import asyncio

import pytest
import structlog

from gateway.domain.errors import ConfigurationError, RecordError
from gateway.domain.job import Parameter, RunStopped
from gateway.jobs import run as run_module
from gateway.jobs.run import Desk, Run, execute
from gateway.jobs.service import RunOrder
from gateway.storage import jobs as stored
from tests.unit.jobs_world import Clock, Flaky, Process, Work, job

ORDER = RunOrder(job="sweep", actor="cli:mai")


@pytest.fixture
async def place(database):
    """A function that makes a process on the engine of the test, registered."""

    async def build(work, **fields):
        return await Process(database, Clock(), job(work, **fields)).register()

    return build


async def ordered(process, order=ORDER):
    """A run that was ordered and is at work."""
    view = await process.jobs.start(order)
    await process.look()
    return view


async def test_run_leaves_a_record_of_everything(place):
    work = Work(3, summary={"checked": 3, "answer": "no"})
    parameter = Parameter(name="limit", help="how many", pattern=r"\d+", default="9")
    process = await place(work, parameters=(parameter,), can_dry_run=True)

    queued = await ordered(process, RunOrder(job="sweep", actor="cli:mai", dry_run=True))
    [view] = await process.ended()

    assert queued.state == "queued"
    assert (view.id, view.state, view.trigger, view.actor) == (queued.id, "done", "operator", "cli:mai")
    assert (view.dry_run, view.parameters, view.answer) == (True, {"limit": "9"}, "no")
    assert (view.done, view.total, view.watermark) == (3, 3, "3")
    assert view.summary == {"checked": 3, "answer": "no"}
    [context] = work.seen
    assert (context.run, context.actor, context.dry_run) == (int(view.id), "cli:mai", True)
    assert context.parameters == {"limit": "9"}


async def test_progress_is_written_at_most_once_a_second(place):
    work = Work(100).hold()
    process = await place(work)
    await ordered(process)
    await work.begun.wait()

    work.allow(40)
    await asyncio.sleep(0.05)
    before = process.runs()[0].done
    process.ticks += 1.0
    work.allow()
    await process.until(lambda: process.runs()[0].done == 41)

    assert before == 0
    assert (process.runs()[0].total, process.runs()[0].watermark) == (100, "41")
    work.allow(100)
    assert (await process.ended())[0].done == 100


async def test_job_that_never_waits_lets_others_live(place):
    """Reports between two writes give way: the process's beat must go out."""
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    process = await place(Work(500))
    other = asyncio.create_task(beat())
    await ordered(process)
    await process.ended()
    other.cancel()

    assert beats > 400


@pytest.mark.parametrize(
    "fault",
    [ConfigurationError("no partner can be asked; add one"), RecordError("the period is wrong")],
    ids=lambda fault: type(fault).__name__,
)
async def test_failure_is_told_in_its_own_words(place, fault):
    process = await place(Work(2, fault=fault))
    await ordered(process)

    [view] = await process.ended()

    assert (view.state, view.failure, view.watermark) == ("failed", str(fault), "2")


async def test_defect_is_told_without_its_text_and_logged_in_full(place):
    process = await place(Work(fault=KeyError("Nguyễn Văn Thí Dụ")))
    with structlog.testing.capture_logs() as logged:
        await ordered(process)
        [view] = await process.ended()
        await process.until(lambda: any(line["event"] == "run_ended" for line in logged))

    assert view.state == "failed"
    assert "a defect of the gateway (KeyError)" in view.failure
    assert "Thí Dụ" not in view.failure
    assert [line for line in logged if line["event"] == "job_failed" and line["exc_info"]]
    assert process.database.ask(lambda c: c.exec_driver_sql("SELECT kind FROM event").all()) == [
        ("job.failed",)
    ]


@pytest.mark.parametrize(
    "summary", [["a", "list"], "words", {"it": object()}], ids=["list", "text", "object"]
)
async def test_summary_that_is_none_is_a_defect(place, summary):
    process = await place(Work(summary=summary))
    await ordered(process)

    [view] = await process.ended()

    assert (view.state, view.summary) == ("failed", {})


async def test_operator_stops_a_run_and_nobody_goes_on_with_it(place):
    work = Work(10).hold()
    process = await place(work)
    view = await ordered(process)
    await work.begun.wait()

    stopping = await process.jobs.stop(int(view.id), actor="cli:hoa", reason="it is in the way")
    process.ticks += 1.0
    work.allow(3)
    [ended] = await process.ended()
    await process.look()

    assert (stopping.state, stopping.stop_by) == ("running", "cli:hoa")
    assert (ended.state, ended.failure) == ("interrupted", "stopped by cli:hoa")
    assert ended.watermark == "1"
    assert process.states() == ["interrupted"]


async def test_end_of_the_process_ends_the_run_and_somebody_goes_on_with_it(place):
    work = Work(10).hold()
    process = await place(work)
    await ordered(process)
    work.allow(4)
    await process.until(work.allowed.locked)

    process.stopping.set()
    work.allow()
    [ended] = await process.ended()
    successor = await Process(process.database, process.clock, job(Work(10))).register()
    await successor.look()
    done = (await successor.ended(2))[0]

    assert (ended.state, ended.failure) == ("interrupted", "the process that ran it was stopped")
    assert ended.done == 5
    assert (done.state, done.trigger, done.actor, done.done) == ("done", "missed", "cli:mai", 5)
    assert done.watermark == "10"


class Deaf:
    """Never reports; ``stubborn``: does not even let itself be cut off."""

    def __init__(self, *, stubborn):
        self.stubborn = stubborn
        self.begun = asyncio.Event()
        self.over = asyncio.Event()

    async def run(self, context):
        self.begun.set()
        while not self.over.is_set():
            try:
                await self.over.wait()
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
        return {}


@pytest.mark.parametrize("stubborn", [False, True], ids=["deaf", "stubborn"])
async def test_job_that_does_not_report_does_not_hold_the_process_up(place, monkeypatch, stubborn):
    monkeypatch.setattr(run_module, "STOP_SECONDS", 0.02)
    work = Deaf(stubborn=stubborn)
    process = await place(work)
    await ordered(process)
    await work.begun.wait()

    process.stopping.set()
    [ended] = await process.ended()
    work.over.set()

    assert (ended.state, ended.failure) == ("interrupted", "the process that ran it was stopped")
    assert process.states() == ["queued", "interrupted"]


async def test_run_outlives_a_database_that_is_away_for_a_while(database, monkeypatch):
    monkeypatch.setattr(run_module, "STORAGE_PAUSE_SECONDS", 0.01)
    flaky = Flaky(database)
    work = Work(3).hold()
    process = await Process(flaky, Clock(), job(work)).register()
    await ordered(process)
    await work.begun.wait()

    flaky.failures = 5  # the next report, and some tries to write the end down
    process.ticks += 1.0
    work.allow(3)
    [ended] = await process.ended()
    await process.look()
    done = (await process.ended(2))[0]

    assert (ended.state, ended.failure) == ("interrupted", "the database was away")
    assert (done.state, done.trigger, done.watermark) == ("done", "missed", "3")


async def test_process_that_must_end_does_not_wait_for_a_database(database, monkeypatch):
    monkeypatch.setattr(run_module, "STORAGE_PAUSE_SECONDS", 0.001)
    flaky = Flaky(database)
    work = Work(3).hold()
    process = await Process(flaky, Clock(), job(work)).register()
    row = await database.write(
        lambda tx: stored.begin_run(
            tx,
            stored.NewRun(job="sweep", trigger="operator", actor="mai", now=0, worker=process.worker),
        )
    )
    task = asyncio.create_task(
        execute(process.desk, process.book.job("sweep"), row, worker=process.worker, resume=True)
    )
    await work.begun.wait()
    flaky.failures = 10**9
    process.stopping.set()
    work.allow()

    await asyncio.wait_for(task, 10)
    flaky.failures = 0
    await process.die()
    successor = await Process(database, process.clock, job(Work(3))).register()
    await successor.look()
    await successor.look()

    assert [run.state for run in await successor.ended(2)] == ["done", "interrupted"]


async def test_run_that_was_taken_away_ends_at_its_next_report_and_changes_nothing(place):
    work = Work(10).hold()
    process = await place(work)
    view = await ordered(process)
    await work.begun.wait()
    await process.die()
    other = await Process(process.database, process.clock, job(Work())).register()
    await process.database.write(lambda tx: stored.interrupt_orphans(tx, now=1, resumable=frozenset()))
    before = await other.jobs.run_view(int(view.id))

    process.ticks += 1.0
    work.allow()
    await process.until(lambda: not process.jobs.scheduler._at_work)

    assert await other.jobs.run_view(int(view.id)) == before
    assert before.failure == stored.WORKER_LOST


async def test_report_without_a_watermark_keeps_it_and_an_empty_one_forgets_it(database):
    process = await Process(database, Clock(), job(Work())).register()
    new = stored.NewRun(job="sweep", trigger="operator", actor="mai", now=0, worker=process.worker)
    row = await database.write(lambda tx: stored.begin_run(tx, new))
    desk = Desk(database=database, clock=process.clock, stopping=process.stopping)
    context = Run(desk, row, process.worker)

    await context.report(1, total=5, watermark="a")
    await context.report(2)
    kept = context.progress
    await context.report(3, watermark="")

    assert (kept.done, kept.total, kept.watermark) == (2, 5, "a")
    assert context.progress.watermark is None
    process.stopping.set()
    with pytest.raises(RunStopped):
        await context.report(4)
    assert context.progress.done == 4  # what is done is in the record of the end
