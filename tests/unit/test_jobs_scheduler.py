"""Which runs begin, where and when; one process or many."""

import asyncio

import pytest

from gateway.domain.errors import ConflictError, NotFoundError, RecordError
from gateway.domain.job import Parameter
from gateway.jobs import scheduler as scheduler_module
from gateway.jobs import service as service_module
from gateway.jobs.service import NewSchedule, RunOrder
from gateway.storage import jobs as stored
from gateway.storage import queries_jobs, upkeep
from gateway.storage.database import Database
from tests.unit.jobs_world import Clock, Flaky, Process, Work, job

EVERY_MINUTE = {"cron": "* * * * *"}
ORDER = RunOrder(job="sweep", actor="cli:mai")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def processes(database, database_url, clock):
    """A function that makes processes: with connections of their own where the engine lets more than one in."""
    opened = []

    async def build(*jobs):
        own = database.dialect == "postgresql"
        held = Database(database_url) if own else database
        if own:
            opened.append(held)
        return await Process(held, clock, *jobs).register()

    yield build
    for held in opened:
        held.close()


async def look(*processes):
    for process in processes:
        await process.look()


async def test_runs_begin_at_their_times(processes, clock):
    process = await processes(job(Work(), **EVERY_MINUTE), job(Work(), "drift", cron="2 8 * * *"))

    await process.look()  # 08:00:30 in Viet Nam
    before = process.runs()
    for _ in range(3):
        clock.move(minutes=1)
        await process.look()
        await process.until(lambda: not process.jobs.scheduler._at_work)
        await process.look()

    assert before == []
    assert [run.trigger for run in process.runs(job="sweep")] == ["schedule"] * 3
    assert len(process.runs(job="drift")) == 1
    assert {run.actor for run in process.runs()} == {"schedule"}


async def test_run_by_the_schedule_is_one_without_parameters_and_goes_on_like_one(processes, clock):
    work = Work(3)
    parameters = (
        Parameter(name="rate", help="a second", pattern=r"\d+", default="20"),
        Parameter(name="destination", help="one partner"),
    )
    process = await processes(job(work, parameters=parameters, **EVERY_MINUTE))
    await process.look()
    clock.move(minutes=1)
    await process.look()
    await process.ended()
    await process.jobs.start(ORDER)
    await process.look()
    await process.ended(2)
    await process.jobs.start(RunOrder(job="sweep", actor="cli:mai", parameters={"destination": "portal"}))
    await process.look()
    await process.ended(3)

    assert [dict(context.parameters) for context in work.seen] == [
        {"rate": "20"},
        {"rate": "20"},
        {"rate": "20", "destination": "portal"},
    ]
    assert [context.watermark for context in work.seen] == [None, "3", None]


async def test_many_processes_begin_a_run_once(processes, clock):
    made = [await processes(job(Work(), **EVERY_MINUTE)) for _ in range(4)]
    await look(*made)

    for minute in range(1, 6):
        clock.move(minutes=1)
        await asyncio.gather(*(process.look() for process in made))
        await made[0].ended(minute)

    assert made[0].states() == ["done"] * 5


async def test_runs_of_a_job_never_overlap_and_those_of_others_do(processes, clock):
    slow = Work(1).hold()
    process = await processes(job(slow, **EVERY_MINUTE), job(Work(), "drift", **EVERY_MINUTE))
    await process.look()

    for minute in range(1, 5):
        clock.move(minutes=1)
        await process.look()
        await process.ended(minute, "drift")
    slow.allow()
    await process.ended()
    await process.look()

    assert process.states() == ["done"]  # the three starts meanwhile were dropped, and do not come in a burst
    assert process.states("drift") == ["done"] * 4


async def test_run_that_was_ordered_is_done_by_whoever_looks_first(processes):
    """The API's process may have no worker at all."""
    work = Work(1)
    api, one, other = await processes(job(Work())), await processes(job(work)), await processes(job(work))
    api.worker = 0

    view = await api.jobs.start(ORDER)
    await look(api, one, other)
    [ended] = await one.ended()

    assert (view.state, ended.id, ended.state) == ("queued", view.id, "done")
    assert len(work.seen) == 1


async def test_order_for_a_job_at_work_is_refused_with_its_run(processes):
    work = Work(1).hold()
    process = await processes(job(work))
    view = await process.jobs.start(ORDER)
    with pytest.raises(ConflictError, match=f"run {view.id} by cli:mai and waits for a worker"):
        await process.jobs.start(ORDER)
    await process.look()
    with pytest.raises(ConflictError, match=r"by cli:mai at .+ \(process \d+\)"):
        await process.jobs.start(ORDER)

    work.allow()
    await process.ended()
    assert (await process.jobs.start(ORDER)).state == "queued"


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        (RunOrder(job="sweeep", actor="x"), NotFoundError),
        (RunOrder(job="sweep", actor="x", parameters={"limit": "5"}), RecordError),
        (RunOrder(job="sweep", actor="x", dry_run=True), RecordError),
    ],
)
async def test_order_that_cannot_be_is_refused_and_leaves_nothing(processes, order, fault):
    process = await processes(job(Work()))
    with pytest.raises(fault):
        await process.jobs.start(order)
    assert process.runs() == []


async def test_work_of_a_dead_process_is_gone_on_with_by_another(processes, clock):
    held, successor = Work(10).hold(), Work(10)
    first, second = await processes(job(held, **EVERY_MINUTE)), await processes(job(successor))
    await look(first)
    clock.move(minutes=1)
    await look(first)
    await held.begun.wait()
    for _ in range(3):
        first.ticks += 1.0
        held.allow()
        await asyncio.sleep(0.02)
    await first.until(lambda: first.runs()[0].watermark == "3")

    await first.die()
    await look(second, second)
    done = (await second.ended(2))[0]

    assert (done.state, done.trigger, done.actor, done.done) == ("done", "missed", "schedule", 7)
    assert successor.seen[0].watermark == "3"
    held.allow(10)
    await first.until(lambda: not first.jobs.scheduler._at_work)
    assert second.states() == ["done", "interrupted"]


async def test_process_whose_run_was_taken_away_does_not_begin_it_anew_beside_itself(processes, clock):
    """It was believed dead, woke, and sees what it lost waiting for somebody."""
    work = Work(10).hold()
    process = await processes(job(work, **EVERY_MINUTE))
    await process.look()
    clock.move(minutes=1)
    await process.look()
    await work.begun.wait()

    await process.die()
    await process.register()
    await look(process, process)
    while_at_work = process.states()
    clock.move(minutes=1)
    await process.look()
    process.ticks += 1.0
    work.allow(1)
    await process.until(lambda: not process.jobs.scheduler._at_work)
    await process.look()
    work.allow(20)
    await process.ended(2)

    assert while_at_work == ["queued", "interrupted"]
    assert len(work.seen) == 2
    assert process.states() == ["done", "interrupted"]


async def test_start_waits_until_the_process_has_noticed_that_its_run_was_taken_away(processes, clock):
    work = Work(2).hold()
    process = await processes(job(work, cron="* * * * *", missed="skip"))
    await process.look()
    clock.move(minutes=1)
    await process.look()
    await work.begun.wait()
    await process.die()
    await process.register()
    await process.look()

    clock.move(minutes=1)
    await process.look()
    while_at_work = process.states()
    process.ticks += 1.0
    work.allow(4)
    await process.until(lambda: not process.jobs.scheduler._at_work)
    await process.look()
    await process.ended(2)

    assert while_at_work == ["interrupted"]
    assert process.states() == ["done", "interrupted"]


async def test_policy_skip_leaves_the_work_of_a_dead_process_to_the_next_start(processes, clock):
    held = Work(10).hold()
    sweep = {"cron": "* * * * *", "missed": "skip"}
    first, second = await processes(job(held, **sweep)), await processes(job(Work(10), **sweep))
    await look(first)
    clock.move(minutes=1)
    await look(first)
    await held.begun.wait()
    first.ticks += 1.0
    held.allow(1)
    await first.until(lambda: first.runs()[0].done == 1)
    await first.die()

    await look(second, second)
    after = second.states()
    clock.move(minutes=1)
    await look(second)
    done = (await second.ended(2))[0]

    assert after == ["interrupted"]
    assert (done.trigger, done.done, done.watermark) == ("schedule", 9, "10")
    held.allow(10)
    first.ticks += 1.0


async def test_runs_of_jobs_that_are_not_known_here_are_left_to_others(processes):
    newer, older = await processes(job(Work(), "new")), await processes(job(Work()))
    view = await newer.jobs.start(RunOrder(job="new", actor="cli:mai"))

    await older.look()
    assert (await newer.jobs.run_view(int(view.id))).state == "queued"

    await newer.look()
    assert (await newer.ended(name="new"))[0].state == "done"


async def test_run_of_an_unknown_job_whose_process_died_is_ended_all_the_same(processes):
    newer, older = await processes(job(Work(1).hold(), "new")), await processes(job(Work()))
    await newer.jobs.start(RunOrder(job="new", actor="cli:mai"))
    await newer.look()
    await newer.die()

    await older.look()

    assert older.states("new") == ["interrupted"]
    newer.stopping.set()


async def test_operators_schedule_holds_at_once_and_everywhere(processes, clock):
    one, other = await processes(job(Work(), **EVERY_MINUTE)), await processes(job(Work(), **EVERY_MINUTE))
    await look(one, other)
    order = NewSchedule(
        job="sweep", actor="cli:mai", reason="not so often", cron="5 8 * * *", time_zone="UTC"
    )

    view = await one.jobs.reschedule(order)
    for _ in range(3):
        clock.move(minutes=1)
        await look(one, other)
    early = one.runs()
    clock.move(hours=7, minutes=2)  # 08:05:30 UTC
    await look(one, other)
    await one.ended()

    assert (view.schedule.source, view.schedule.changed_by) == ("operator", "cli:mai")
    assert [start.isoformat() for start in view.schedule.upcoming[:1]] == ["2026-09-28T08:05:00+00:00"]
    assert early == []
    back = await other.jobs.reschedule(NewSchedule(job="sweep", actor="cli:hoa", reason="as before"))
    assert (back.schedule.cron, back.schedule.source) == ("* * * * *", "shipped")


async def test_job_that_is_switched_off_starts_by_order_only(processes, clock):
    process = await processes(job(Work(), **EVERY_MINUTE))
    await process.look()
    await process.jobs.reschedule(NewSchedule(job="sweep", actor="cli:mai", reason="not now", enabled=False))

    clock.move(minutes=3)
    await look(process, process)
    assert process.runs() == []

    await process.jobs.start(ORDER)
    await process.look()
    assert (await process.ended())[0].trigger == "operator"
    await process.jobs.reschedule(NewSchedule(job="sweep", actor="cli:mai", reason="again", enabled=True))
    await process.look()
    assert len(process.runs()) == 1  # what would have started meanwhile was not missed


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [({"cron": "61 * * * *"}, "/cron"), ({"time_zone": "Mars/Olympus"}, "/time_zone")],
)
async def test_schedule_that_cannot_be_is_refused_and_nothing_changes(processes, fields, pointer):
    process = await processes(job(Work(), **EVERY_MINUTE))
    with pytest.raises(RecordError) as refused:
        await process.jobs.reschedule(NewSchedule(job="sweep", actor="x", reason="why not", **fields))
    assert [found.pointer for found in refused.value.violations] == [pointer]
    assert process.database.ask(queries_jobs.job_rows) == {}


async def test_starts_missed_while_nobody_was_there(processes, clock):
    policies = {"once": "missed", "skip": None}
    before = await processes(*(job(Work(), name, missed=name, **EVERY_MINUTE) for name in policies))
    await before.look()
    clock.move(hours=5)

    after = await processes(*(job(Work(), name, missed=name, **EVERY_MINUTE) for name in policies))
    for _ in range(3):
        await after.look()
        await after.until(lambda: not after.jobs.scheduler._at_work)

    assert [run.trigger for run in after.runs(job="once")] == ["missed"]
    assert after.runs(job="skip") == []


class Running:
    """A scheduler at work by itself, as the worker runs it."""

    def __init__(self, process):
        self.process = process
        self.task = asyncio.create_task(process.jobs.scheduler.run(process.stopping))

    async def stop(self):
        self.process.stopping.set()
        await asyncio.wait_for(self.task, 10)


async def test_scheduler_looks_by_itself_is_woken_and_stops_quickly(processes, clock, monkeypatch):
    monkeypatch.setattr(scheduler_module, "POLL_SECONDS", 3600.0)
    work = Work(100).hold()
    process = await processes(job(work))
    running = Running(process)
    await asyncio.sleep(0.05)

    await process.jobs.start(ORDER)  # an hour's pause does not keep it
    await asyncio.wait_for(work.begun.wait(), 10)
    work.allow(5)
    asyncio.get_running_loop().call_later(0.1, work.allow)
    await running.stop()

    assert process.states() == ["queued", "interrupted"]


async def test_scheduler_outlives_a_database_that_is_away_and_a_defect(database, clock, monkeypatch):
    monkeypatch.setattr(scheduler_module, "POLL_SECONDS", 0.01)
    flaky = Flaky(database)
    work = Work()
    process = await Process(flaky, clock, job(work)).register()
    owner = process.jobs.scheduler._owner
    flaky.reads_fail = True
    running = Running(process)
    await asyncio.sleep(0.05)
    flaky.reads_fail = False
    monkeypatch.setattr(process.jobs.scheduler, "_owner", lambda: 1 // 0)
    await asyncio.sleep(0.05)
    monkeypatch.setattr(process.jobs.scheduler, "_owner", owner)

    await process.jobs.start(ORDER)
    await process.ended()
    await running.stop()

    assert process.states() == ["done"]


async def test_process_without_a_worker_row_begins_nothing(processes):
    process = await processes(job(Work()))
    process.worker = 0
    await process.jobs.start(ORDER)
    await process.look()
    assert process.states() == ["queued"]


async def run_here(process, order=ORDER):
    numbers = []
    view = await process.jobs.run_here(order, process.stopping, numbers.append)
    assert numbers == [int(view.id)]
    return view


async def test_run_in_this_very_process(processes):
    process = await processes(job(Work(4)))
    view = await run_here(process)
    assert (view.state, view.done, view.trigger, view.actor) == ("done", 4, "operator", "cli:mai")


async def test_run_in_this_process_that_is_told_to_end_is_gone_on_with_by_nobody(processes):
    work = Work(9).hold()
    process = await processes(job(work))
    task = asyncio.create_task(run_here(process))
    await work.begun.wait()
    process.stopping.set()
    work.allow(1)
    assert (await task).state == "interrupted"
    assert process.states() == ["interrupted"]


async def test_run_here_waits_for_no_dead_process(processes, monkeypatch):
    """Killed, and no gateway runs that could have noticed: its row is there, its beat stands still."""
    monkeypatch.setattr(service_module, "OWNER_POLL_SECONDS", 0.01)
    dead, process = await processes(job(Work(1).hold())), await processes(job(Work(9)))
    row = await dead.database.write(
        lambda tx: stored.begin_run(
            tx, stored.NewRun(job="sweep", trigger="operator", actor="x", now=0, worker=dead.worker)
        )
    )
    await dead.database.write(
        lambda tx: stored.report_progress(
            tx, stored.Progress(run=row.id, worker=dead.worker, done=4, total=9, watermark="4")
        )
    )
    task = asyncio.create_task(run_here(process))
    await asyncio.sleep(0.1)
    assert not task.done()  # it may be alive

    await dead.die()  # the process's own worker, which is only there, has come to that
    view = await asyncio.wait_for(task, 10)

    assert (view.state, view.done) == ("done", 5)
    assert process.states() == ["done", "interrupted"]


async def test_run_here_gives_way_to_a_living_process(processes, monkeypatch):
    monkeypatch.setattr(service_module, "OWNER_POLL_SECONDS", 0.01)
    work = Work(1).hold()
    living, process = await processes(job(work)), await processes(job(Work()))
    await living.jobs.start(ORDER)
    await living.look()
    await work.begun.wait()
    task = asyncio.create_task(run_here(process))

    async with asyncio.timeout(10):
        while not task.done():
            await living.database.apply(upkeep.beat, living.worker)
            await asyncio.sleep(0.02)

    with pytest.raises(ConflictError, match="is being run already"):
        await task
    work.allow()
    assert (await living.ended())[0].state == "done"


async def test_run_here_gives_way_to_one_that_waits_for_a_worker(processes):
    process = await processes(job(Work()))
    await process.jobs.start(ORDER)
    with pytest.raises(ConflictError, match="waits for a worker"):
        await run_here(process)


async def test_view_of_a_job_says_everything_about_it(processes, clock):
    process = await processes(job(Work(summary={"answer": "no"}), **EVERY_MINUTE), job(Work(), "drift"))
    await process.look()
    clock.move(minutes=1)
    await process.look()
    await process.ended()

    drift, sweep = await process.jobs.views()

    assert (drift.name, drift.schedule.cron, drift.schedule.upcoming, drift.last) == ("drift", None, [], None)
    assert (sweep.running, sweep.last.answer, sweep.last_success_at) == (None, "no", clock())
    assert len(sweep.schedule.upcoming) == 5
    assert await process.jobs.last_success() == {"sweep": clock()}
    with pytest.raises(NotFoundError):
        await process.jobs.view("nothing")
    with pytest.raises(NotFoundError):
        await process.jobs.run_view(4711)
