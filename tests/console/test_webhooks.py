"""The page of webhooks: how far each endpoint is and what is wrong in words; a test event, and sending again."""

import asyncio
import json

import msgspec
import pytest

from gateway.bootstrap import open_gateway
from gateway.console.pages.webhooks import TROUBLES, trouble
from gateway.console.words import catalogue
from gateway.settings import WebhookSettings
from gateway.storage.scopes import Role
from gateway.storage.sql import Statement
from tests.api_world import BOARD, Board, Partner, World, settings
from tests.console_world import ConsoleClient, text_of

HOSTILE = "<script>alert(1)</script> \u202e\"'"
PAGE = "/console/webhooks"
KEY = "mat-khau-trong-dia-chi"
_FAIL = Statement("""
    UPDATE webhook SET failures = 7, failing_since = :since, last_failure = :failure, next_at = :next_at,
        disabled_at = :disabled_at WHERE id = :id
""")
SINCE, UNTIL = 1_790_000_000_000_000, 1_790_500_000_000_000


class Receiver:
    """The one-door system's end, which answers ``status``."""

    def __init__(self):
        self.status = 204
        self.told = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hooks/lienthong?token={KEY}"
        return self

    async def __aexit__(self, *exc):
        self._server.close()

    async def _serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.split("content-length: ")[1].split("\r\n")[0]
            self.told.append(json.loads(await reader.readexactly(int(length))))
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self.status)
            await writer.drain()
        finally:
            writer.close()


@pytest.fixture
async def receiver():
    async with Receiver() as opened:
        yield opened


@pytest.fixture
async def world(database_url):
    chosen = msgspec.structs.replace(
        settings(database_url), webhooks=WebhookSettings(allow=["127.0.0.0/8"], read_timeout=5)
    )
    gateway = await open_gateway(chosen, transports={BOARD: Partner()}, extra={BOARD: Board()})
    opened = World(gateway, gateway)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
def admin(world):
    return ConsoleClient(world.api, Role.ADMINISTRATOR)


async def register(world, url="https://motcua.h99.example/hooks", *kinds):
    made = await world.gateway.webhooks.create(url, kinds, actor="desk")
    return made.endpoint.id, made.secret


async def fail(world, endpoint, failure, *, disabled=False):
    given = {
        "id": endpoint,
        "failure": failure,
        "since": SINCE,
        "next_at": UNTIL,
        "disabled_at": UNTIL if disabled else None,
    }
    await world.gateway.database.write(lambda tx: tx.run(_FAIL, given))


async def rows(world, table):
    from gateway.storage.tables import metadata

    question = metadata.tables[table].select()
    return list(await world.gateway.database.read(lambda connection: connection.execute(question).all()))


@pytest.mark.parametrize(
    ("language", "words"),
    [("vi", "Chưa có nơi nào đăng ký"), ("en", "No address is registered")],
)
async def test_nobody_is_told_yet_and_the_page_says_who_registers(world, language, words):
    answer = await ConsoleClient(world.api, Role.ADMINISTRATOR, language=language).get(PAGE)
    assert answer.status_code == 200
    assert words in text_of(answer)
    assert "POST /v1/webhooks" in text_of(answer)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "vi",
            (
                *("Đã ngừng gửi", "Lỗi từ 21/09/2026", "7 lần liên tiếp", "Phần mềm nơi nhận báo lỗi"),
                *(
                    "Báo đơn vị vận hành",
                    "Hệ thống không tự thử nữa",
                    "Ngừng gửi từ",
                    "Đối tác trả lại bản tin",
                    "Về hàng chờ",
                ),
            ),
        ),
        (
            "en",
            (
                *("Given up", "Failing since 21/09/2026", "7 times in a row", "a fault of its own"),
                *("Tell who runs it", "Given up at", "A delivery was refused", "About lanes"),
            ),
        ),
    ],
)
async def test_endpoint_that_was_given_up_is_told_in_words_with_what_to_do(world, language, words):
    endpoint, _ = await register(
        world, "https://motcua.h99.example/hooks", "delivery.rejected", "lane.held", "quite.new"
    )
    await fail(world, endpoint, "the endpoint answered HTTP 503", disabled=True)
    text = text_of(await ConsoleClient(world.api, Role.AUDITOR, language=language).get(PAGE))
    assert [each for each in words if each not in text] == []
    assert "the endpoint answered HTTP 503" in text
    assert "quite.new" in text


async def test_what_needs_somebody_stands_first(world, admin):
    names = ["well", "failing", "given-up"]
    ids = [(await register(world, f"https://{name}.h99.example/"))[0] for name in names]
    await fail(world, ids[1], "timeout: no answer within the read timeout")
    await fail(world, ids[2], "the endpoint answered HTTP 410", disabled=True)
    text = text_of(await admin.get(PAGE))
    assert text.index("given-up.h99") < text.index("failing.h99") < text.index("well.h99")
    assert "Đã nhận đủ" in text
    assert "Thử lại lúc" in text
    assert "Hệ thống tự thử lại" in text


async def test_no_secret_and_no_key_of_an_address_is_in_a_page(world, admin, receiver):
    endpoint, secret = await register(world, receiver.url)
    page = await admin.get(PAGE)
    tested = await admin.post(f"{PAGE}/{endpoint}/test")
    await fail(world, endpoint, "timeout: x", disabled=True)
    told = await admin.post(f"{PAGE}/{endpoint}/enable", reason="đã sửa xong")
    after = await admin.get(PAGE)
    for answer in (page, tested, told, after):
        assert KEY not in answer.text + str(answer.headers)
        assert secret not in answer.text
    assert "/hooks/lienthong?…" in page.text


async def test_hostile_words_are_text(world, admin):
    endpoint, _ = await register(world)
    await fail(world, endpoint, HOSTILE)
    answer = await admin.get(PAGE)
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "Lỗi khác" in text_of(answer)


async def test_test_event_is_taken_and_who_sent_it_stands_in_the_history(world, admin, receiver):
    endpoint, _ = await register(world, receiver.url)
    answer = await admin.post(f"{PAGE}/{endpoint}/test")
    assert answer.status_code == 200
    assert "Nơi nhận đã nhận sự kiện thử." in text_of(answer)
    assert [each["type"] for each in receiver.told] == ["webhook.test"]
    [row] = [each for each in await rows(world, "operator_action") if each.action == "webhook.test"]
    assert (row.actor, row.target) == ("console/administrator.mau", endpoint)
    assert json.loads(row.detail) == {"delivered": True, "answer": "204"}


async def test_test_event_that_is_not_taken_says_why_and_what_to_do(world, admin, receiver):
    endpoint, _ = await register(world, receiver.url)
    receiver.status = 401
    text = text_of(await admin.post(f"{PAGE}/{endpoint}/test"))
    assert "Nơi nhận không nhận sự kiện thử." in text
    assert "không tin người gửi" in text
    assert "webhook-signature" in text


async def test_enabled_endpoint_is_sent_to_again_from_where_it_stood(world, admin):
    endpoint, _ = await register(world)
    await fail(world, endpoint, "the endpoint answered HTTP 503", disabled=True)
    done = await admin.post(f"{PAGE}/{endpoint}/enable", reason="máy chủ một cửa đã chạy lại")
    assert (done.status_code, done.headers["location"]) == (303, PAGE)
    assert "Đang gửi lại cho https://motcua.h99.example/hooks" in text_of(await admin.get(PAGE))
    [row] = await rows(world, "webhook")
    assert (row.disabled_at, row.failing_since, row.failures, row.next_at) == (None, None, 0, 0)
    [kept] = [each for each in await rows(world, "operator_action") if each.action == "webhook.enable"]
    assert (kept.actor, kept.target) == ("console/administrator.mau", endpoint)
    assert kept.reason == "máy chủ một cửa đã chạy lại"


@pytest.mark.parametrize(
    ("verb", "fields", "status"),
    [
        ("enable", {}, 422),
        ("enable", {"reason": "x"}, 422),
        ("enable", {"reason": "đã sửa xong", "after": "0"}, 422),
        ("test", {"url": "https://elsewhere.example/"}, 422),
    ],
)
async def test_what_cannot_be_taken_changes_nothing(world, admin, verb, fields, status):
    endpoint, _ = await register(world)
    await fail(world, endpoint, "timeout: x", disabled=True)
    before = await rows(world, "webhook"), await rows(world, "operator_action")
    assert (await admin.post(f"{PAGE}/{endpoint}/{verb}", **fields)).status_code == status
    assert (await rows(world, "webhook"), await rows(world, "operator_action")) == before


@pytest.mark.parametrize(("verb", "fields"), [("test", {}), ("enable", {"reason": "đã sửa xong"})])
async def test_endpoint_that_is_not_there_is_not_found_in_vietnamese(admin, verb, fields):
    answer = await admin.post(f"{PAGE}/wh_none/{verb}", **fields)
    assert answer.status_code == 404
    assert "Không có nơi nhận sự kiện wh_none." in text_of(answer)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
async def test_who_may_only_look_sees_no_form_and_is_refused(world, role):
    endpoint, _ = await register(world)
    await fail(world, endpoint, "timeout: x", disabled=True)
    browser = ConsoleClient(world.api, role)
    page = await browser.get(PAGE)
    assert page.status_code == 200
    assert f"{PAGE}/{endpoint}" not in page.text
    for verb, fields in (("test", {}), ("enable", {"reason": "đã sửa xong"})):
        assert (await browser.post(f"{PAGE}/{endpoint}/{verb}", **fields)).status_code == 403
    assert (await rows(world, "webhook"))[0].disabled_at == UNTIL


async def test_submitter_sees_no_webhooks(world):
    assert (await ConsoleClient(world.api, Role.SUBMITTER).get(PAGE)).status_code == 403


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        ("", ""),
        ("the endpoint answered HTTP 410", "gone"),
        ("the endpoint answered HTTP 401", "key"),
        ("the endpoint answered HTTP 403", "key"),
        ("the endpoint answered HTTP 404", "missing"),
        ("the endpoint answered HTTP 429", "many"),
        ("the endpoint answered HTTP 307", "moved"),
        ("the endpoint answered HTTP 422", "refused"),
        ("the endpoint answered HTTP 500", "fault"),
        ("address refused: motcua.h99.example leads to the private address 10.1.2.3; add it", "address"),
        ("not_sent: no connection: ConnectionRefusedError: [Errno 111] Connection refused", "unreached"),
        ("not_sent: no connection: [Errno -2] Name or service not known", "name"),
        ("not_sent: no connection: [SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired", "certificate"),
        ("timeout: no answer within the read timeout", "silent"),
        ("connection_lost: the connection broke before the answer: ReadError", "broken"),
        ("answer_too_large: the answer exceeds 65536 bytes", "broken"),
        ("defect: KeyError", "other"),
    ],
)
def test_failure_is_of_one_kind(failure, kind):
    assert trouble(failure) == kind


def test_every_kind_of_failure_has_its_words_and_what_to_do():
    kinds = [name for name, _ in TROUBLES] + ["other"]
    missing = [
        key
        for kind in kinds
        for key in (f"trouble_{kind}", f"do_{kind}")
        if f"webhooks.{key}" not in catalogue()
    ]
    assert missing == []
