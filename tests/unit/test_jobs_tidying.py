"""What nobody needs any more goes, and nothing else."""

from datetime import timedelta

import sqlalchemy as sa

from gateway.jobs.service import RunOrder
from gateway.jobs.tidying import tidy_job
from gateway.storage import jobs
from gateway.storage.clients import NewClient, Scope, Token, create_client, save_token
from gateway.storage.jobs import Ending, NewRun, Progress
from tests.unit.jobs_world import Clock, Process, Work, job


async def tidied(process):
    await process.jobs.start(RunOrder(job="tidy", actor="cli:mai"))
    await process.look()
    return (await process.ended(len(process.runs(job="tidy")), "tidy"))[0].summary


async def test_expired_tokens_go_and_valid_ones_stay(database):
    clock = Clock()
    process = await Process(
        database, clock, tidy_job(database, clock, lag_kept=timedelta(days=1100))
    ).register()
    scopes = frozenset({Scope.EVENTS_READ})
    await database.write(
        lambda tx: create_client(tx, NewClient(id="mot-cua", name="x", scopes=scopes), clock())
    )
    for hours in (1, 3):
        token = Token(
            hash=f"{hours}", client="mot-cua", scopes=scopes, expires_at=clock() + timedelta(hours=hours)
        )
        await database.write(lambda tx, token=token: save_token(tx, token))

    early = await tidied(process)
    clock.move(hours=2)
    late = await tidied(process)

    assert (early["expired"], late["expired"]) == (0, 1)
    left = database.ask(lambda c: c.execute(sa.text("SELECT token_hash FROM token")).scalars().all())
    assert left == ["3"]


async def test_oldest_records_of_uneventful_runs_go(database, monkeypatch):
    monkeypatch.setattr(jobs, "KEPT_RUNS", 4)
    clock = Clock()
    process = await Process(
        database,
        clock,
        tidy_job(database, clock, lag_kept=timedelta(days=1100)),
        job(Work(), cron="* * * * *"),
    ).register()
    await process.look()
    for _ in range(7):
        new = NewRun(job="sweep", trigger="schedule", actor="schedule", now=1, worker=process.worker)
        run = await database.write(lambda tx, new=new: jobs.begin_run(tx, new))
        progress = Progress(run=run.id, worker=process.worker, done=0, total=None, watermark=None)
        ending = Ending(progress=progress, state="done", now=2)
        await database.write(lambda tx, ending=ending: jobs.end_run(tx, ending))

    assert (await tidied(process))["runs"] == 3
    assert len(process.runs(job="sweep")) == 4
    assert (await tidied(process))["runs"] == 0
