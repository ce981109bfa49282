"""The job ``log-retention``: what is over goes, what is old is archived and pruned, and a dry run only says so."""

from datetime import timedelta

import pytest

from gateway.jobs.retention import Keeping, retention_job
from gateway.jobs.service import RunOrder
from gateway.settings_evidence import RetentionSettings
from tests.storage.evidence_world import NOW, EvidenceWorld
from tests.unit.jobs_world import Clock, Process


@pytest.fixture
def world(database, tmp_path):
    return EvidenceWorld(database, tmp_path / "keys")


async def process_of(world, folder, **terms):
    clock = Clock()
    clock.now = NOW + timedelta(days=400)
    kept = RetentionSettings(archives=str(folder), rate=1e6, **terms)
    keeping = Keeping(database=world.database, clock=clock, terms=kept, folder=folder)
    return await Process(world.database, clock, retention_job(keeping)).register()


async def ran(process, **rest):
    await process.jobs.start(RunOrder(job="log-retention", actor="cli:mai", **rest))
    await process.look()
    return (await process.ended(len(process.runs(job="log-retention")), "log-retention"))[0].summary


async def test_old_entries_are_archived_and_pruned_once(world, tmp_path):
    await world.fill(600)
    await world.checkpoint()
    process = await process_of(world, tmp_path / "archives", evidence_days=366)

    first, second = await ran(process), await ran(process)

    assert first == {"dropped": {"debug": 0, "health": 0}, "archives": [[1, 600]], "pruned": 512}
    assert second == {"dropped": {"debug": 0, "health": 0}, "archives": [], "pruned": 0}
    assert world.verified().faults == ()


async def test_dry_run_says_what_would_be_archived_and_changes_nothing(world, tmp_path):
    await world.fill(300)
    await world.checkpoint()
    process = await process_of(world, tmp_path / "archives", evidence_days=366)

    summary = await ran(process, dry_run=True)

    assert summary["archives"] == [[1, 300]]
    assert not (tmp_path / "archives").exists()
    assert world.rows("SELECT count(*) FROM message") == [(300,)]
    assert world.rows("SELECT count(*) FROM archive") == [(0,)]


async def test_without_a_period_nothing_is_archived(world, tmp_path):
    await world.fill(300)
    await world.checkpoint()
    process = await process_of(world, tmp_path / "archives")

    assert "archives" not in await ran(process)


@pytest.mark.parametrize(
    "wrong",
    [{"evidence_days": 10, "archives": "x"}, {"evidence_days": 900}, {"evidence_days": 91, "archives": "x"}],
)
def test_archives_before_the_contents_are_over_are_refused(wrong):
    with pytest.raises(ValueError, match=r"evidence\.retention"):
        RetentionSettings(**wrong)
