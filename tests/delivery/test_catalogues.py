"""Refreshing reference data from a partner that is away: asked once a run, told once, and fetched when it is back."""

from types import MappingProxyType

import httpx
import pytest
from structlog.testing import capture_logs

from tests.api_world import BOARD, open_world

PROCEDURES = 5


class Run:
    """A run of the job, as the scheduler gives it."""

    dry_run = False
    parameters = MappingProxyType({})

    async def report(self, done, *, total=None, watermark=None):
        assert done <= total


@pytest.fixture
async def world(sqlite_url):
    async with open_world(sqlite_url) as opened:
        for number in range(PROCEDURES):
            await opened.put(f"H99-{number}", procedure={"code": f"1.00420{number}"})
        await opened.gateway.catalogues.refresh(BOARD, "lookup", {"code": "any"})  # has a session from now on
        yield opened


def shut(world):
    """The partner refuses connections from now on; what opens it again."""
    answering = world.partner.handle_async_request
    tried = []

    async def refuse(request):
        tried.append(request.url.path)
        raise httpx.ConnectError("refused")

    world.partner.handle_async_request = refuse
    return answering, tried


async def run(world):
    with capture_logs() as logs:
        summary = await world.gateway.catalogues.run(Run())
    return summary, [entry for entry in logs if entry["event"] == "catalogue_was_not_refreshed"]


async def test_partner_that_is_away_gets_one_question_a_run_and_one_line_in_the_log(world):
    answering, tried = shut(world)

    first, told = await run(world)
    second, again = await run(world)

    assert (first["refreshed"], first["failed"], first["left_for_later"]) == (0, 1, PROCEDURES)
    assert (second["failed"], second["left_for_later"]) == (1, PROCEDURES - 1)
    assert [entry["destination"] for entry in told] == [BOARD]
    assert again == []
    assert tried

    world.partner.handle_async_request = answering
    back, nothing = await run(world)
    assert back == {"refreshed": PROCEDURES - 1, "failed": 0, "failures": []}
    assert nothing == []
    shut(world)
    refreshed = await world.gateway.catalogues.refresh(BOARD, "streets")
    assert refreshed.failure is not None


async def test_partner_that_answers_badly_is_asked_everything_and_told_each_time(world):
    world.partner.status = 500

    summary, told = await run(world)

    assert "left_for_later" not in summary
    assert summary["failed"] == len(told) == PROCEDURES + 1


async def test_partner_that_goes_away_a_second_time_is_told_a_second_time(world):
    answering, _ = shut(world)
    await run(world)
    world.partner.handle_async_request = answering
    await run(world)
    shut(world)

    with capture_logs() as logs:
        for _ in range(3):
            await world.gateway.catalogues.refresh(BOARD, "streets")

    assert [entry["event"] for entry in logs].count("catalogue_was_not_refreshed") == 1
