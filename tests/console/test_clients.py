"""The page of API clients: who may call, in words, and the end of one's access with what stops then."""

import pytest

from gateway.api.app import build_api
from gateway.console.pages.clients import left_alone
from gateway.storage.client_orders import DisableClient, manage_client
from gateway.storage.clients import NewClient, Scope, create_client
from gateway.storage.scopes import Role
from tests.api_world import open_world
from tests.console_door_world import open_door
from tests.console_world import ConsoleClient, text_of

HOSTILE = "<script>alert(1)</script> \u202e\"'"
PAGE = "/console/clients"


async def make(world, client, *scopes, roles=(), name=None, rate=None):
    """A client, and its key."""
    new = NewClient(
        id=client, name=name or client, scopes=frozenset(scopes), roles=frozenset(roles), rate=rate
    )
    issued = await world.gateway.database.write(lambda tx: create_client(tx, new, world.clock()))
    return issued.secret


async def end(world, client):
    order = DisableClient(actor="cli:an", reason="hết hợp đồng", now=world.clock(), client=client)
    await world.gateway.database.write(lambda tx: manage_client(tx, order))


@pytest.fixture
async def world(database_url):
    async with open_door(database_url) as opened:
        await opened.add("quan.tri", Role.ADMINISTRATOR)
        yield opened


@pytest.fixture
async def admin(world):
    browser = world.browser()
    assert (await browser.sign_in("quan.tri")).status_code == 303
    return browser


async def test_nobody_may_call_yet_and_the_page_says_how_that_is_changed(admin):
    answer = await admin.get(PAGE)
    text = text_of(answer)
    assert answer.status_code == 200
    assert "Chưa có hệ thống nào được gọi API" in text
    assert "lienthong clients add" in text
    assert "lienthong clients rotate" in text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("vi", ("Gửi hồ sơ vào", "Gửi hồ sơ", "7 quyền", "5 lượt/giây", "theo mức chung", "Đã vô hiệu")),
        (
            "en",
            (
                "Hand in dossiers",
                "Submitter",
                "7 rights",
                "5 requests a second",
                "as for everybody",
                "Disabled",
            ),
        ),
    ],
)
async def test_client_is_shown_with_its_rights_in_words_and_never_its_key(world, admin, language, words):
    keys = [
        await make(world, "one-door", roles=[Role.SUBMITTER], rate=5),
        await make(world, "old", Scope.DOSSIERS_READ),
    ]
    await end(world, "old")
    await admin.http.post("/console/language", data={"next": "/console", "language": language})
    answer = await admin.get(PAGE)
    text = text_of(answer)
    assert [each for each in words if each not in text] == []
    assert text.index("one-door") < text.index("old ")
    hashes = [row.secret_hash for row in await world.rows("client")]
    assert [each for each in (*keys, *hashes) if each in answer.text] == []


async def test_every_scope_has_its_words_in_both_languages(world, admin):
    await make(world, "all", *Scope)
    for language in ("vi", "en"):
        await admin.http.post("/console/language", data={"next": "/console", "language": language})
        text = text_of(await admin.get(PAGE))
        bare = [scope for scope in Scope if f"{scope} {scope}" in text or scope not in text]
        assert bare == []


async def test_hostile_name_is_text(world, admin):
    await make(world, "odd", Scope.DOSSIERS_READ, name=HOSTILE)
    page = await admin.get(PAGE)
    asked = await admin.post(f"{PAGE}/odd/disable", reason=HOSTILE)
    for answer in (page, asked):
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;alert(1)" in answer.text


async def test_what_stops_is_seen_first_and_nothing_is_done_yet(world, admin):
    await make(world, "one-door", Scope.DOSSIERS_WRITE, Scope.EVENTS_READ, Scope.WEBHOOKS_MANAGE)
    await make(world, "board", Scope.EVENTS_READ)
    before = await world.history()
    answer = await admin.post(f"{PAGE}/one-door/disable", reason="khóa bị lộ")
    text = text_of(answer)
    assert answer.status_code == 200
    stops, alone = text.split("không còn hệ thống nào khác")
    assert "Gửi hồ sơ vào" in stops
    assert "Đọc dòng sự kiện" in stops
    assert "Gửi hồ sơ vào" in alone
    assert "Đọc dòng sự kiện" not in alone
    assert "Nơi nhận sự kiện mà hệ thống này đã đăng ký vẫn tiếp tục nhận" in text
    assert "lienthong clients rotate one-door" in text
    assert "khóa bị lộ" in text
    assert await world.history() == before
    assert [row.disabled_at for row in await world.rows("client")] == [None, None]


async def test_confirmed_end_refuses_the_key_and_stands_in_the_history(world, admin):
    key = await make(world, "one-door", Scope.DELIVERIES_READ)
    caller = world.browser(headers={"authorization": f"Bearer {key}"})
    assert (await caller.get("/v1/status")).status_code == 200
    done = await admin.post(f"{PAGE}/one-door/disable", reason="khóa bị lộ", confirmed="true")
    assert (done.status_code, done.headers["location"]) == (303, PAGE)
    assert "Đã vô hiệu hệ thống one-door." in text_of(await admin.get(PAGE))
    assert (await caller.get("/v1/status")).status_code == 401
    [row] = [each for each in await world.rows("operator_action") if each.action == "client.disable"]
    assert (row.actor, row.target, row.reason) == ("console/quan.tri", "client:one-door", "khóa bị lộ")
    assert f'action="{PAGE}/one-door/disable"' not in (await admin.get(PAGE)).text


async def test_end_of_what_has_ended_changes_nothing_and_says_so(world, admin):
    await make(world, "one-door", Scope.EVENTS_READ)
    await end(world, "one-door")
    before = [row.disabled_at for row in await world.rows("client")]
    asked = text_of(await admin.post(f"{PAGE}/one-door/disable", reason="làm lại"))
    assert "đã bị vô hiệu từ" in asked
    await admin.post(f"{PAGE}/one-door/disable", reason="làm lại", confirmed="true")
    assert "đã bị vô hiệu từ trước" in text_of(await admin.get(PAGE))
    assert [row.disabled_at for row in await world.rows("client")] == before


@pytest.mark.parametrize(
    ("client", "fields", "status"),
    [
        ("one-door", {}, 422),
        ("one-door", {"reason": "x"}, 422),
        ("one-door", {"reason": "khóa bị lộ", "confirmed": "maybe"}, 422),
        ("one-door", {"reason": "khóa bị lộ", "key": "lt_x"}, 422),
        ("nobody", {"reason": "khóa bị lộ"}, 404),
        ("nobody", {"reason": "khóa bị lộ", "confirmed": "true"}, 404),
    ],
)
async def test_what_cannot_be_taken_ends_nobodys_access(world, admin, client, fields, status):
    await make(world, "one-door", Scope.EVENTS_READ)
    answer = await admin.post(f"{PAGE}/{client}/disable", **fields)
    assert answer.status_code == status
    assert [row.disabled_at for row in await world.rows("client")] == [None]
    if status == 404:
        assert "Không có hệ thống gọi API nobody." in text_of(answer)


async def test_who_may_only_look_sees_no_form_and_who_may_not_look_sees_no_page(sqlite_url):
    async with open_world(sqlite_url) as world:
        auditor = ConsoleClient(world.api, Role.AUDITOR)
        page = await auditor.get(PAGE)
        assert page.status_code == 200
        assert "/disable" not in page.text
        refused = await auditor.post(f"{PAGE}/all/disable", reason="thử thôi", confirmed="true")
        assert refused.status_code == 403
        for role in (Role.SUBMITTER, Role.OPERATOR):
            assert (await ConsoleClient(world.api, role).get(PAGE)).status_code == 403
        assert (await world.call("GET", "/v1/status")).status_code == 200


async def test_what_nobody_else_may_do_is_counted_over_those_with_access(world):
    await make(world, "one-door", Scope.DOSSIERS_WRITE, Scope.EVENTS_READ)
    await make(world, "former", Scope.DOSSIERS_WRITE)
    await make(world, "board", Scope.EVENTS_READ)
    await end(world, "former")
    [_, _, one_door] = found = await _listed(world)
    assert one_door.id == "one-door"
    assert left_alone(one_door, found) == {Scope.DOSSIERS_WRITE}


async def _listed(world):
    from gateway.storage.clients import list_clients

    return await build_api(world.gateway).gateway.database.read(list_clients)
