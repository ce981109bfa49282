"""Sync lag on the console: percentiles by day, and who was shown late through whom."""

import pytest

from gateway.deadlines.instants import HOUR, day_number_of
from gateway.storage import lag
from gateway.storage.instants import to_micros
from gateway.storage.lag import LagRow
from tests.api_world import open_world
from tests.console_world import ConsoleClient, text_of


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def told(world, code, number, **columns):
    """Promised and acknowledged two days ago, a quarter of an hour late."""
    await world.put(code)
    due_at = to_micros(world.api.now) - (50 - number) * HOUR
    acknowledged_at = due_at + HOUR // 4
    plain = {
        "delivery_id": number,
        "destination": "board",
        "dossier_code": code,
        "operation": "card",
        "day": day_number_of(acknowledged_at),
        "event_at": due_at - HOUR,
        "received_at": due_at - HOUR // 2,
        "sent_at": due_at,
        "acknowledged_at": acknowledged_at,
        "ended_at": due_at - HOUR,
        "due_at": due_at,
        "by_date": "sync_late",
        "by_instant": "sync_late",
        "late_cause": "gateway",
        "late_cause_by_instant": "gateway",
        "late": True,
    }
    return LagRow(**{**plain, **columns})


@pytest.fixture
async def three_late(world):
    """One through us, one through the partner, one rightly."""
    partner = {"late_cause": "partner", "late_cause_by_instant": "partner"}
    rightly = {"by_date": "late", "by_instant": "late", "late_cause": None, "late_cause_by_instant": None}
    rows = [
        await told(world, "H99-1", 1),
        await told(world, "H99-2", 2, **partner),
        await told(world, "H99-3", 3, **rightly),
    ]
    assert await world.gateway.database.write(lambda tx: lag.keep(tx, rows))
    return world


@pytest.mark.parametrize(
    ("language", "nothing"),
    [("vi", "Chưa có lượt gửi nào được xác nhận"), ("en", "Nothing was acknowledged")],
)
async def test_days_without_a_delivery_are_told_so(world, language, nothing):
    page = await ConsoleClient(world.api, language=language).get("/console/lag")
    assert page.status_code == 200
    assert nothing in text_of(page)


async def test_headline_is_our_share_beside_its_denominator(three_late):
    page = await ConsoleClient(three_late.api).get("/console/lag")
    told_words = text_of(page)
    assert "33,33 %" in told_words
    assert "1 / 3 hồ sơ bị hiện trễ" in told_words
    assert "1 giờ 15 phút" in told_words  # the whole way of every one of them
    assert '<svg class="plot wide"' in page.text


async def test_list_shows_who_was_wrongly_late_and_through_whom(three_late):
    browser = ConsoleClient(three_late.api)
    usual = (await browser.get("/console/lag")).text.partition('id="late"')[2]
    assert "H99-1" in usual
    assert "H99-2" in usual
    assert "H99-3" not in usual
    ours = (await browser.get("/console/lag?cause=gateway&destination=board")).text.partition('id="late"')[2]
    assert "H99-1" in ours
    assert "H99-2" not in ours
    rightly = (await browser.get("/console/lag?shown=late&days=30")).text.partition('id="late"')[2]
    assert "H99-3" in rightly


async def test_empty_fields_of_the_form_are_left_out(three_late):
    browser = ConsoleClient(three_late.api)
    assert (await browser.get("/console/lag?days=30&last=&destination=&cause=&shown=")).status_code == 200
    past = await browser.get("/console/lag?days=7&last=2026-01-31")
    assert "Từ 25/01/2026 đến 31/01/2026" in text_of(past)


@pytest.mark.parametrize(
    "query", ["days=0", "days=500", "days=x", "last=2026-02-31", "cause=moon", "shown=odd"]
)
async def test_wrong_wish_is_refused(world, query):
    assert (await ConsoleClient(world.api).get(f"/console/lag?{query}")).status_code == 422


async def test_unknown_destination_is_not_found_and_escaped(world):
    page = await ConsoleClient(world.api).get("/console/lag?destination=%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.status_code == 404
    assert "<script>alert" not in page.text
