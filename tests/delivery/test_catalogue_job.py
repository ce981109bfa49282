"""The job that refreshes reference data: what it does, and how the other processes come to know."""

import asyncio

import pytest

from gateway.bootstrap import open_gateway
from gateway.delivery.catalogues import CatalogueKeeper
from gateway.jobs.service import RunOrder
from tests.api_world import BOARD, Board, Partner, open_world, settings
from tests.unit.jobs_world import Process


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def ran(world, *, dry_run=False, **parameters):
    """The record of a run of the job."""
    gateway = world.gateway
    job = gateway.jobs.book.job("catalogues")
    process = await Process(gateway.database, gateway.hub.clock, job).register()
    order = RunOrder(job="catalogues", actor="mai", parameters=parameters, dry_run=dry_run)
    view = await process.jobs.run_here(order, process.stopping, lambda _: None)
    await process.die()
    return view


async def test_stale_catalogues_are_refreshed_once_and_counted(world):
    await world.put("H99-1")

    tried = await ran(world, dry_run=True)
    asked = len(world.partner.requests)
    first, second = await ran(world), await ran(world)

    assert (tried.state, asked) == ("done", 0)
    assert sorted(name for _, name, _ in tried.summary["stale"]) == ["forms", "streets"]
    assert (first.done, first.total) == (2, 2)
    assert first.summary == {"refreshed": 2, "failed": 0, "failures": []}
    assert second.summary["refreshed"] == 0


async def test_one_destination_can_be_chosen_and_one_that_is_not_there_is_no_success(world):
    chosen = await ran(world, destination=BOARD)
    wrong = await ran(world, destination="bord")

    assert chosen.summary["refreshed"] == 1
    assert (wrong.state, wrong.failure) == ("failed", "there is no destination 'bord'")


async def test_partner_that_gives_nothing_fails_no_run_and_is_told(world):
    world.partner.status = 500
    view = await ran(world)
    assert (view.state, view.summary["refreshed"], view.summary["failed"]) == ("done", 0, 1)
    assert "board streets" in view.summary["failures"][0]


async def test_what_one_process_has_refreshed_the_others_take_over(postgresql_url):
    """Only one of them runs the job; all of them encode."""
    async with open_world(postgresql_url) as world:
        other = await open_gateway(
            settings(postgresql_url), transports={BOARD: Partner()}, extra={BOARD: Board()}
        )
        try:
            await ran(world)
            before = other.destinations[BOARD].catalogues
            await other.catalogues.follow()
            after = other.destinations[BOARD].catalogues
            await other.catalogues.follow()

            assert before == {}
            assert (
                after
                == world.gateway.destinations[BOARD].catalogues
                == {"streets": {"1": {"name": "Example Street"}}}
            )
            assert other.destinations[BOARD].catalogues is after  # nothing new: nothing read again
        finally:
            await other.close()


async def test_reading_what_others_did_does_not_undo_what_was_refreshed_here_meanwhile(world):
    gateway = world.gateway
    keeper: CatalogueKeeper = gateway.catalogues
    database, reading, go_on = gateway.database, asyncio.Event(), asyncio.Event()

    class Slow:
        """A database whose second answer, the catalogues, takes its time."""

        answers = 0

        async def read(self, question):
            found = await database.read(question)
            self.answers += 1
            if self.answers == 2:
                reading.set()
                await go_on.wait()
            return found

    loading = CatalogueKeeper(
        type(gateway.hub)(database=Slow(), clock=gateway.hub.clock, settings=None), gateway.destinations
    )
    late = asyncio.create_task(loading.load())
    await reading.wait()
    await keeper.refresh(BOARD, "streets")
    go_on.set()
    await late

    assert "streets" in gateway.destinations[BOARD].catalogues
