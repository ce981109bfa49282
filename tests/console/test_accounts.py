"""Pages of accounts: what administrators see and change, and what becomes of it."""

import re

import pytest

from gateway.console.door import PLAIN_COOKIE
from gateway.storage.scopes import Role
from tests.console_door_world import PASSWORD, open_door
from tests.console_world import text_of

HOSTILE = "<script>alert(1)</script> \u202e\"'"


@pytest.fixture
async def world(database_url):
    async with open_door(database_url) as opened:
        await opened.add("quan.tri", Role.ADMINISTRATOR)
        await opened.add("binh", Role.ADMINISTRATOR)
        yield opened


@pytest.fixture
async def admin(world):
    browser = world.browser()
    assert (await browser.sign_in("quan.tri")).status_code == 303
    return browser


async def test_account_that_was_made_signs_in_once_with_its_password_and_chooses_another(world, admin):
    made = await admin.post("/console/accounts", name="moi", display_name=HOSTILE, roles=["administrator"])
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    password = re.search(r'id="password"[^>]*>([^<]+)<', made.text)[1]
    assert "<script>alert" not in (await admin.get("/console/accounts")).text
    browser = world.browser(peer="127.0.0.5")
    assert "Đặt mật khẩu mới" in text_of(await browser.sign_in("moi", password))
    assert password not in str([await world.rows("operator_action"), await world.rows("account")])
    assert ("account.create", "account:moi") in await world.history()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "An Hoa", "roles": ["administrator"]}, 422),
        ({"name": "binh", "roles": ["administrator"]}, 409),
        ({"name": "moi"}, 422),
        ({"name": "moi", "roles": ["emperor"]}, 422),
        ({"name": "moi", "roles": ["administrator", "operator"]}, 422),
        ({"name": "moi", "roles": ["auditor"]}, 422),
    ],
)
async def test_account_that_cannot_be_is_refused_and_not_made(world, admin, fields, status):
    before = await world.rows("account")
    assert (await admin.post("/console/accounts", **fields)).status_code == status
    assert await world.rows("account") == before


async def test_disabled_account_is_out_at_once_and_back_when_enabled(world, admin):
    other = world.browser()
    await other.sign_in("binh")
    page = text_of(await admin.get("/console/accounts/binh"))
    assert "Trial browser" in page
    await admin.post("/console/accounts/binh/disable", reason="nghỉ việc")
    assert (await other.get("/console/me")).status_code == 303
    assert (await other.sign_in("binh")).status_code == 401
    assert "Đã vô hiệu" in text_of(await admin.get("/console/accounts"))
    await admin.post("/console/accounts/binh/enable", reason="trở lại")
    assert (await other.sign_in("binh")).status_code == 303
    actions = [verb for verb, target in await world.history() if target == "account:binh"]
    assert actions == [
        *("account.create", "account.sign_in", "account.disable", "account.refuse"),
        *("account.enable", "account.sign_in"),
    ]


async def test_new_password_ends_the_sessions_and_works_once(world, admin):
    other = world.browser()
    await other.sign_in("binh")
    answer = await admin.post("/console/accounts/binh/password", reason="quên")
    password = re.search(r'id="password"[^>]*>([^<]+)<', answer.text)[1]
    assert (await other.get("/console/me")).status_code == 303
    assert (await other.sign_in("binh", PASSWORD)).status_code == 401
    assert "Đặt mật khẩu mới" in text_of(await other.sign_in("binh", password))


async def test_locked_account_is_unlocked(world, admin):
    other = world.browser(peer="127.0.0.5")
    for _ in range(5):
        await other.sign_in("binh", "sai")
    assert "Tạm khóa đến" in text_of(await admin.get("/console/accounts"))
    await admin.post("/console/accounts/binh/unlock", reason="chính chủ")
    assert (await other.sign_in("binh")).status_code == 303


async def test_one_session_of_another_person_is_ended(world, admin):
    one, two = world.browser(), world.browser()
    await one.sign_in("binh")
    await two.sign_in("binh")
    first = next(row.id for row in await world.rows("console_session") if row.account == "binh")
    answer = await admin.post(f"/console/accounts/binh/sessions/{first}/revoke", reason="mất máy")
    assert answer.status_code == 303
    states = [(await browser.get("/console/me")).status_code for browser in (one, two)]
    assert sorted(states) == [200, 303]
    again = await admin.post(f"/console/accounts/binh/sessions/{first}/revoke", reason="mất máy")
    assert again.status_code == 404


@pytest.mark.parametrize("verb", ["disable", "roles"])
async def test_nobody_takes_its_own_rights_away(world, admin, verb):
    fields = {"roles": ["administrator"]} if verb == "roles" else {}
    answer = await admin.post(f"/console/accounts/quan.tri/{verb}", reason="thử", **fields)
    assert answer.status_code == 409


async def test_account_with_more_rights_is_not_taken_over(world, admin):
    await world.add("van.hanh", Role.OPERATOR)
    page = await admin.get("/console/accounts/van.hanh")
    assert 'action="/console/accounts/van.hanh/password"' not in page.text
    for verb in ("password", "enable"):
        answer = await admin.post(f"/console/accounts/van.hanh/{verb}", reason="thử")
        assert answer.status_code == 403
    assert (await admin.post("/console/accounts/van.hanh/disable", reason="thử")).status_code == 303


@pytest.mark.parametrize("verb", ["disable", "enable", "unlock", "password", "revoke", "roles"])
async def test_nothing_is_changed_without_a_reason(world, admin, verb):
    before = await world.history()
    answer = await admin.post(
        f"/console/accounts/binh/{verb}", roles=["administrator"] if verb == "roles" else []
    )
    assert answer.status_code == 422
    assert await world.history() == before


async def test_pages_speak_both_languages(world, admin):
    for path in ("/console/accounts", "/console/accounts/binh", "/console/me"):
        for language, words in (("vi", "Vai trò"), ("en", "Roles")):
            await admin.http.post("/console/language", data={"next": "/console", "language": language})
            assert words in text_of(await admin.get(path)), (path, language)


async def test_word_of_another_session_moves_nothing(world, admin):
    other = world.browser()
    await other.sign_in("binh")
    theirs = await other.word_of("/console/me")
    answer = await admin.http.post("/console/accounts/binh/disable", data={"csrf": theirs, "reason": "thử"})
    assert answer.status_code == 403
    assert PLAIN_COOKIE not in answer.headers.get("set-cookie", "")
