"""At risk on the console: who may be shown late although in time, why, and what to do."""

from datetime import timedelta

import pytest

from gateway.statussync.assessor import Assessor
from tests.api_world import open_world
from tests.console_world import ConsoleClient, text_of


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def judged(world, code, version=1, *, hours_left, **fields):
    now = world.api.now
    times = {
        "received_at": (now - timedelta(days=2)).isoformat(),
        "due_at": (now + timedelta(hours=hours_left)).isoformat(),
        "steps": [],
    }
    await world.put(code, version, **{**times, **fields})
    assessor = Assessor(world.gateway.deadlines, lambda: 0)
    while await assessor.run_once():
        pass


async def finished_unheard(world, code, *, hours_left):
    """In time here, and the board does not answer (no worker runs)."""
    ended = (world.api.now - timedelta(minutes=1)).isoformat()
    await judged(world, code, hours_left=hours_left)
    await judged(world, code, 2, hours_left=hours_left, status="finished", finished_at=ended)


@pytest.mark.parametrize(
    ("language", "nothing", "why"),
    [
        ("vi", "Không có hồ sơ nào có nguy cơ", "hệ thống nhận chưa xác nhận bước kết thúc"),
        ("en", "No dossier is at risk", "its end is not acknowledged there"),
    ],
)
async def test_dossier_that_is_not_acknowledged_says_why_it_waits(world, language, nothing, why):
    browser = ConsoleClient(world.api, language=language)
    assert nothing in text_of(await browser.get("/console/at-risk"))
    await finished_unheard(world, "H99-1", hours_left=0.02)
    page = await browser.get("/console/at-risk")
    assert why in text_of(page)
    assert 'href="/console/lanes/board/H99-1"' in page.text
    assert 'href="/console/dossiers/H99-1"' in page.text


async def test_promise_that_is_over_is_told_and_time_left_can_be_asked_for(world):
    await finished_unheard(world, "H99-3", hours_left=-0.01)
    await finished_unheard(world, "H99-2", hours_left=200.0)
    browser = ConsoleClient(world.api)
    risks = text_of(await browser.get("/console/at-risk?destination=board&upcoming="))
    assert "quá hẹn" in risks
    assert "H99-2" not in risks
    assert "H99-2" in text_of(await browser.get("/console/at-risk?upcoming=true"))


async def test_what_is_due_today_stands_below(world):
    end_of_day = world.api.now.replace(
        hour=16, minute=59, second=59
    )  # of this day in Viet Nam, or of the next
    hours = max(0.01, (end_of_day - world.api.now).total_seconds() / 3600)
    await judged(world, "H99-5", hours_left=hours)
    told = text_of(await ConsoleClient(world.api).get("/console/at-risk"))
    assert "H99-5" in told


async def test_wrong_wishes_and_missing_scopes_are_refused(world):
    browser = ConsoleClient(world.api)
    assert (await browser.get("/console/at-risk?destination=nowhere")).status_code == 404
    assert (await browser.get("/console/at-risk?upcoming=perhaps")).status_code == 422
    hostile = await browser.get("/console/at-risk?destination=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in hostile.text
    assert (await ConsoleClient(world.api, "administrator").get("/console/at-risk")).status_code == 403
