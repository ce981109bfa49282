"""The front page: alarms, health, backlog, lag, on time, what may be shown late."""

import asyncio
import re

import pytest

from gateway.api import glance
from gateway.console.words import catalogue
from gateway.delivery.backlog import BacklogWatch
from gateway.domain.alarm import AlarmName
from tests.api_world import BOARD, open_world
from tests.console_world import ConsoleClient, text_of

HOSTILE = "<script>alert(1)</script> \"'\u202e"


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


async def look(world, role="operator", language="vi"):
    world.api.alarms.forget()
    world.api.forget_health()
    await world.api.glance.read(world.api, 60.0)  # as ``serve`` does a moment after its start
    answer = await ConsoleClient(world.api, role, language=language).get("/console")
    assert answer.status_code == 200, text_of(answer)
    return answer


def test_every_alarm_has_its_words_and_what_to_do():
    for name in AlarmName:
        for key in (f"alarms.{name}", f"alarms.{name}_means"):
            assert all(catalogue()[key].values()), key


@pytest.mark.parametrize(
    ("language", "words"), [("vi", "Đang đếm lần đầu"), ("en", "Being counted for the first")]
)
async def test_front_page_does_not_wait_for_what_is_counted_for_the_first_time(
    world, language, words, monkeypatch
):
    over = asyncio.Event()

    async def counted(_api):
        await over.wait()

    monkeypatch.setattr(glance, "_counted", counted)
    answer = await ConsoleClient(world.api, "operator", language=language).get("/console")
    assert answer.status_code == 200
    assert words in text_of(answer)
    assert 'hx-trigger="every 2s"' in answer.text
    over.set()


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_front_page_of_an_empty_gateway_says_that_there_is_nothing(world, language):
    text = text_of(await look(world, language=language))
    expected = {
        "vi": (
            "Tổng quan",
            "Không có tiến trình gửi",
            "Bảng phường",
            "Chưa có lượt gửi nào được xác nhận",
            "cột 8 + 9",
        ),
        "en": ("Overview", "No worker", "Ward board", "Nothing was acknowledged", "columns 8 + 9"),
    }
    for words in expected[language]:
        assert words in text


async def test_what_waits_is_counted_and_drawn(world):
    await world.put("H99-1")
    await world.put("H99-2")
    gateway = world.gateway
    await BacklogWatch(gateway.database, [BOARD], gateway.hub.clock).look()
    answer = await look(world)
    assert "Chờ gửi 4 lượt gửi chưa xong" in text_of(answer)
    assert 'aria-label="Tồn đọng 24 giờ qua: hiện tại 4, nhiều nhất 4."' in answer.text
    assert "style=" not in answer.text


async def test_alarm_says_what_it_means_and_leads_to_where_it_is_mended(world):
    await world.call("POST", f"/v1/destinations/{BOARD}/pause", json={"reason": HOSTILE})
    answer = await look(world)
    text = text_of(answer)
    assert "Đang tạm dừng" in text
    assert "Cho chạy tiếp khi lý do không còn" in text
    assert f'href="/console/destinations/{BOARD}"' in answer.text
    assert "<script>alert" not in answer.text
    assert HOSTILE.removesuffix("\u202e") in text


async def test_page_updates_itself_without_reloading(world):
    answer = await look(world)
    for section, often in (("now", "5s"), ("slow", "60s")):
        found = re.search(rf'<section id="{section}"[^>]*>', answer.text).group(0)
        assert 'hx-get="/console"' in found
        assert f'hx-trigger="every {often}"' in found


@pytest.mark.parametrize("role", ["operator", "auditor", "administrator"])
async def test_whoever_may_read_deliveries_may_see_the_front_page(world, role):
    await look(world, role)


async def test_query_that_nobody_knows_is_refused(world):
    assert (await ConsoleClient(world.api).get("/console?x=1")).status_code == 422


async def test_page_finds_its_style_and_its_scripts(world):
    browser = ConsoleClient(world.api)
    page = (await browser.get("/console")).text
    linked = re.findall(r'(?:href|src)="(/console/assets/[^"]+)"', page)
    assert len(linked) == 4
    for address in linked:
        answer = await browser.get(address)
        assert answer.status_code == 200
        assert answer.content
