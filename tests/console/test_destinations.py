"""Destinations: looking, pausing with what it stops, testing, fetching catalogues, answers off the contract."""

import re

import pytest
import sqlalchemy as sa

from gateway.delivery.contract import ALWAYS
from gateway.storage.instants import to_micros
from gateway.storage.rows import MessageRow, insert_messages
from tests.api_world import BOARD, open_world
from tests.console_world import ConsoleClient, text_of

PAGE = f"/console/destinations/{BOARD}"
HOSTILE = "<script>alert(1)</script> \"'\u202e"


@pytest.fixture
async def world(database_url):
    async with open_world(database_url) as opened:
        yield opened


@pytest.fixture
def browser(world):
    return ConsoleClient(world.api)


async def actions(world):
    question = sa.text("SELECT actor, action, reason FROM operator_action ORDER BY id")
    rows = await world.gateway.database.read(lambda connection: connection.execute(question).all())
    return [tuple(row) for row in rows]


async def shown(browser, path=PAGE):
    answer = await browser.get(path)
    assert answer.status_code == 200, text_of(answer)
    assert "style=" not in answer.text
    return answer


async def odd_answer(world, code=ALWAYS[0]):
    database = world.gateway.database
    row = MessageRow(
        id=database.identifiers.next(),
        at=to_micros(world.api.now),
        direction="in",
        kind="response",
        channel=BOARD,
        operation="card",
        headers="[]",
        body_digest=b"d" * 32,
        body_size=0,
        leaf=b"l" * 32,
        body=b"",
        outcome="in_doubt",
        code=code,
    )
    await database.write(lambda tx: insert_messages(tx, [row]))
    return str(row.id)


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_pages_are_shown_in_both_languages(world, language):
    browser = ConsoleClient(world.api, language=language)
    listed, one = text_of(await shown(browser, "/console/destinations")), text_of(await shown(browser))
    expected = {
        "vi": (
            "Hệ thống nhận",
            "Bảng phường",
            "Ngắt mạch",
            "Lịch bảo trì",
            "Khóa và chứng thư",
            "không giới hạn",
        ),
        "en": ("Destinations", "Ward board", "Breaker", "Maintenance", "Keys and certificates", "no limit"),
    }
    for words in expected[language][:2]:
        assert words in listed
    for words in expected[language][1:]:
        assert words in one


async def test_pause_shows_first_what_it_stops_and_does_nothing(world, browser):
    await world.put("H99-1")
    answer = await browser.post(f"{PAGE}/pause", reason=HOSTILE)
    assert answer.status_code == 200
    assert "1 hồ sơ đang có nội dung chờ gửi sẽ dừng lại" in text_of(answer)
    assert "<script>alert" not in answer.text
    assert await actions(world) == []


async def test_confirmed_pause_is_done_and_stands_in_the_history(world, browser):
    answer = await browser.post(f"{PAGE}/pause", reason="bảo trì đã báo", confirmed="true")
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert await actions(world) == [("console/operator.mau", "pause", "bảo trì đã báo")]
    text = text_of(await shown(browser))
    assert "Đã tạm dừng gửi tới board" in text
    assert "Tạm dừng" in text
    assert "Cho gửi tiếp" in text

    await browser.post(f"{PAGE}/resume", reason="đã xong")
    assert [each[1] for each in await actions(world)] == ["pause", "resume"]
    assert "Cho gửi tiếp" not in text_of(await shown(browser))


@pytest.mark.parametrize("fields", [{}, {"reason": "x"}, {"reason": "đủ dài", "confirmed": "perhaps"}])
async def test_pause_without_a_good_reason_is_refused(world, browser, fields):
    assert (await browser.post(f"{PAGE}/pause", **fields)).status_code == 422
    assert await actions(world) == []


async def test_test_says_what_was_asked_and_what_came(world, browser):
    good = text_of(await browser.post(f"{PAGE}/test", reason="chứng thư mới"))
    assert "Kết nối tốt" in good
    assert "Đọc danh mục streets" in good
    assert "1 mục" in good
    assert await actions(world) == [("console/operator.mau", "test", "chứng thư mới")]
    world.partner.status = 503
    bad = text_of(await browser.post(f"{PAGE}/test", reason="thử lại"))
    assert "Kết nối chưa được" in bad


async def test_catalogue_is_fetched_now(world, browser):
    answer = await browser.post(f"{PAGE}/refresh", catalogue="streets")
    assert answer.headers["location"] == PAGE
    text = text_of(await shown(browser))
    assert "Đã lấy lại danh mục streets: 1 mục" in text
    assert "forms" in text

    world.partner.status = 500
    await browser.post(f"{PAGE}/refresh", catalogue="streets", parameters="{}")
    assert "Bản cũ vẫn được dùng" in text_of(await shown(browser))


@pytest.mark.parametrize("parameters", ["nonsense", "[1]", '{"a": 1}'])
async def test_parameters_that_are_none_are_refused(browser, parameters):
    answer = await browser.post(f"{PAGE}/refresh", catalogue="streets", parameters=parameters)
    assert answer.status_code == 422


async def test_answer_off_the_contract_is_shown_with_its_entry(world, browser):
    assert "mọi trả lời đều đúng tài liệu" in text_of(await shown(browser))
    entry = await odd_answer(world)
    answer = await shown(browser)
    assert f'href="/console/log/{entry}"' in answer.text
    assert "Bộ kết nối không đọc được trả lời" in text_of(answer)


async def test_every_code_of_every_adapter_has_its_words():
    from gateway import registry
    from gateway.console.words import catalogue
    from gateway.delivery.contract import off_contract_codes

    for module in registry.discover().values():
        for code in off_contract_codes(module.manifest):
            assert f"destinations.code_{code}" in catalogue(), code


async def test_auditor_sees_everything_and_can_do_nothing(world):
    auditor = ConsoleClient(world.api, "auditor")
    answer = await shown(auditor)
    assert re.findall(rf'action="{PAGE}/[a-z]+"', answer.text) == []
    for verb, fields in (
        ("pause", {"reason": "thử", "confirmed": "true"}),
        ("resume", {"reason": "thử"}),
        ("test", {"reason": "thử"}),
        ("refresh", {"catalogue": "streets"}),
    ):
        assert (await auditor.post(f"{PAGE}/{verb}", **fields)).status_code == 403
    assert await actions(world) == []
    assert world.partner.requests == []


async def test_whoever_may_not_read_the_log_sees_no_link_to_it(world):
    entry = await odd_answer(world)
    answer = await shown(ConsoleClient(world.api, "administrator"))
    assert f"/console/log/{entry}" not in answer.text


@pytest.mark.parametrize("path", ["/console/destinations/nobody", "/console/destinations/%3Cscript%3E"])
async def test_unknown_destination_is_a_page_that_says_so(browser, path):
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert "<script>" not in answer.text
