"""Signing in and out: who gets in, for how long, by which way, and what is written down of it."""

import asyncio
import json

import pytest

from gateway.console.door import COOKIE, PLAIN_COOKIE
from gateway.console.surface import HEADERS
from gateway.storage.account_orders import DisableAccount, RevokeSessions, SetRoles, manage_account
from gateway.storage.clients import digest
from gateway.storage.scopes import Role
from tests.console_door_world import PASSWORD, open_door
from tests.console_world import text_of

BEHIND_TLS = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}


@pytest.fixture
async def world(sqlite_url):
    async with open_door(sqlite_url) as opened:
        await opened.add("an")
        yield opened


@pytest.fixture
async def both(database_url):
    async with open_door(database_url) as opened:
        await opened.add("an")
        yield opened


async def manage(world, kind, **fields):
    order = kind(actor="test", reason="test", now=world.clock(), account="an", **fields)
    await world.gateway.database.write(lambda tx: manage_account(tx, order))


async def is_in(browser):
    return (await browser.get("/console/me")).status_code == 200


async def test_right_password_lets_in_and_leads_where_one_wanted_to_go(both):
    browser = both.browser()
    answer = await browser.sign_in("an", onward="/console/me?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/me?x=1")
    page = await browser.get("/console/me")
    assert page.status_code == 200
    assert "Người thử an" in text_of(page)


async def test_session_cookie_of_this_machine_is_for_no_script_and_no_other_site(world):
    answer = await world.browser().sign_in("an")
    line = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(PLAIN_COOKIE))
    assert line.endswith("; Path=/; HttpOnly; SameSite=Lax")
    for name, value in HEADERS:
        assert answer.headers[name] == value


async def test_behind_tls_the_cookie_is_of_this_host_and_secure(sqlite_url):
    async with open_door(sqlite_url, secure_cookies=True) as world:
        await world.add("an")
        browser = world.browser(peer="127.0.0.1", base="https://lienthong.example", headers=BEHIND_TLS)
        answer = await browser.sign_in("an")
        line = next(value for value in answer.headers.get_list("set-cookie") if value.startswith(COOKIE))
        assert line.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert await is_in(browser)
        [row] = await world.rows("console_session")
        assert row.peer == "203.0.113.9"
        word = browser.http.cookies[COOKIE]
        plain = world.browser(base="https://lienthong.example", headers=BEHIND_TLS)
        plain.http.cookies.set(PLAIN_COOKIE, word)
        assert not await is_in(plain)


@pytest.mark.parametrize(
    ("peer", "base", "headers"),
    [
        ("192.0.2.7", "http://192.0.2.1", {}),
        ("127.0.0.1", "http://rebound.example", {}),
        ("127.0.0.1", "http://localhost", {"x-forwarded-for": "192.0.2.7"}),
        ("127.0.0.1", "http://localhost", {"forwarded": "for=192.0.2.7"}),
    ],
)
async def test_nobody_is_asked_for_a_password_over_plain_http_from_elsewhere(world, peer, base, headers):
    browser = world.browser(peer=peer, base=base, headers=headers)
    page = await browser.get("/console/sign-in")
    assert 'type="password"' not in page.text
    assert "console.secure_cookies" in text_of(page)
    sent = {"csrf": "x", "name": "an", "password": PASSWORD, "next": ""}
    assert (await browser.http.post("/console/sign-in", data=sent)).status_code == 403
    assert await world.rows("console_session") == []


async def test_proxy_that_speaks_plain_http_is_refused(sqlite_url):
    async with open_door(sqlite_url, secure_cookies=True) as world:
        browser = world.browser(headers={"x-forwarded-proto": "http"})
        assert 'type="password"' not in (await browser.get("/console/sign-in")).text


async def test_unknown_wrong_and_disabled_look_alike(world):
    await world.add("binh")
    await manage(world, DisableAccount)
    answers = [
        await world.browser().sign_in(name, password)
        for name, password in (("ai.do", PASSWORD), ("binh", "khong phai the"), ("an", PASSWORD))
    ]
    assert {answer.status_code for answer in answers} == {401}
    texts = {text_of(answer) for answer in answers}
    assert len(texts) == 1


async def test_name_that_is_no_account_is_not_written_down(world):
    await world.browser().sign_in("hunter2hunter2", "x")
    assert ("account.refuse", "account:-") in await world.history()
    assert "hunter2" not in json.dumps([str(row) for row in await world.rows("operator_action")])


async def test_no_password_and_no_word_is_stored_or_logged(both):
    browser = both.browser()
    await browser.sign_in("an", "sai mat khau roi")
    await browser.sign_in("an")
    word = browser.http.cookies[PLAIN_COOKIE]
    stored = str(
        [await both.rows(name) for name in ("account", "console_session", "operator_action", "message")]
    )
    assert digest(word) in stored
    for secret in (PASSWORD, "sai mat khau roi", word):
        assert secret not in stored
    assert (await both.history())[1:] == [
        ("account.refuse", "account:an"),
        ("account.sign_in", "account:an"),
    ]


async def test_fifth_failure_locks_and_each_further_one_waits_longer(both):
    for _ in range(4):
        await both.browser(peer="127.0.0.1").sign_in("an", "sai")
    assert (await both.browser(peer="127.0.0.2").sign_in("an", "sai")).status_code == 401
    assert (await both.history())[-1] == ("account.lock", "account:an")
    assert (await both.browser(peer="127.0.0.2").sign_in("an")).status_code == 401
    both.clock.forward(seconds=61)
    assert (await both.browser(peer="127.0.0.2").sign_in("an", "sai")).status_code == 401
    both.clock.forward(seconds=61)
    assert (await both.browser(peer="127.0.0.2").sign_in("an")).status_code == 401
    both.clock.forward(seconds=60)
    assert (await both.browser(peer="127.0.0.3").sign_in("an")).status_code == 303
    [row] = await both.rows("account")
    assert (row.failures, row.locked_until) == (0, None)


async def test_guesses_at_the_same_time_are_counted_one_by_one(both):
    browsers = [both.browser(peer=f"127.0.0.{each}") for each in range(1, 13)]
    answers = await asyncio.gather(
        *(browser.sign_in("an", f"sai {each}") for each, browser in enumerate(browsers))
    )
    assert {answer.status_code for answer in answers} == {401}
    [row] = await both.rows("account")
    assert row.failures == 5
    assert row.locked_until is not None


async def test_one_place_may_not_try_without_end(world):
    browser = world.browser()
    codes = [(await browser.sign_in(f"ai{each}", "sai")).status_code for each in range(12)]
    assert codes[:10] == [401] * 10
    assert codes[-1] == 429
    assert (await world.browser(peer="127.0.0.9").sign_in("an")).status_code == 303


async def test_word_of_before_signing_in_is_worth_nothing_after(world):
    browser = world.browser()
    browser.http.cookies.set(PLAIN_COOKIE, "A" * 43)
    await browser.sign_in("an")
    assert not await is_in(browser)  # the planted word comes first, and nothing came of it
    browser.http.cookies.delete(PLAIN_COOKIE, domain="")
    first = browser.http.cookies[PLAIN_COOKIE]
    other = world.browser()
    other.http.cookies.set(PLAIN_COOKIE, first)
    assert await is_in(other)
    word = await browser.word_of("/console/new-password")
    sent = {"csrf": word, "name": "an", "current": PASSWORD, "wanted": "mot cau khac dai hon", "next": ""}
    answer = await browser.http.post("/console/new-password", data={**sent, "again": sent["wanted"]})
    assert answer.status_code == 303
    assert browser.http.cookies[PLAIN_COOKIE] != first
    assert await is_in(browser)
    assert not await is_in(other)


async def test_first_password_works_once_and_another_one_is_wanted(both):
    await both.add("moi", must_change=True)
    browser = both.browser()
    answer = await browser.sign_in("moi")
    assert answer.status_code == 401
    assert "Đặt mật khẩu mới" in text_of(answer)
    assert not await is_in(browser)
    word = await browser.word_of("/console/new-password")
    for wanted, again, words in (
        ("ngan", "ngan", "quá ngắn"),
        ("mot cau khac dai hon", "khong giong nhau dau", "không giống nhau"),
        (PASSWORD, PASSWORD, "phải khác"),
        ("aaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaa", "dễ đoán"),
    ):
        sent = {
            "csrf": word,
            "name": "moi",
            "current": PASSWORD,
            "wanted": wanted,
            "again": again,
            "next": "",
        }
        refused = await browser.http.post("/console/new-password", data=sent)
        assert (refused.status_code, words in text_of(refused)) == (401, True), wanted
    good = {**sent, "wanted": "mot cau khac dai hon", "again": "mot cau khac dai hon"}
    assert (await browser.http.post("/console/new-password", data=good)).status_code == 303
    assert await is_in(browser)


async def test_session_ends_when_unused_and_at_the_latest(both):
    browser = both.browser()
    await browser.sign_in("an")
    for _ in range(3):
        both.clock.forward(minutes=20)
        assert await is_in(browser)
    both.clock.forward(minutes=31)
    assert not await is_in(browser)
    await browser.sign_in("an")
    for _ in range(30):
        both.clock.forward(minutes=20)
        alive = await is_in(browser)
    assert not alive


async def test_page_that_refreshes_itself_keeps_no_session_alive(world):
    browser = world.browser()
    await browser.sign_in("an")
    for _ in range(4):
        world.clock.forward(minutes=10)
        answer = await browser.get("/console/me", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"].startswith("/console/sign-in?next=")


async def test_when_it_was_last_used_is_written_at_most_once_a_minute(world):
    browser = world.browser()
    await browser.sign_in("an")
    [before] = await world.rows("console_session")
    world.clock.forward(seconds=30)
    assert await is_in(browser)
    assert await world.rows("console_session") == [before]
    world.clock.forward(seconds=31)
    assert await is_in(browser)
    [after] = await world.rows("console_session")
    assert after.seen_at - before.seen_at == 61_000_000


async def test_revocation_takes_effect_in_every_process_within_ten_seconds(both):
    browser = both.browser()
    await browser.sign_in("an")
    other = both.browser(both.process())
    other.http.cookies.set(PLAIN_COOKIE, browser.http.cookies[PLAIN_COOKIE])
    assert await is_in(other)
    await manage(both, RevokeSessions)
    both.clock.forward(seconds=10)
    assert not await is_in(other)
    assert not await is_in(browser)


async def test_other_roles_take_effect_within_ten_seconds(world):
    browser = world.browser()
    await browser.sign_in("an")
    assert (await browser.get("/console/accounts")).status_code == 403
    await manage(world, SetRoles, roles=frozenset({Role.ADMINISTRATOR}))
    world.clock.forward(seconds=10)
    assert (await browser.get("/console/accounts")).status_code == 200


async def test_signing_out_ends_the_session_and_not_only_the_cookie(both):
    browser = both.browser()
    await browser.sign_in("an")
    word = browser.http.cookies[PLAIN_COOKIE]
    answer = await browser.post("/console/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in")
    browser.http.cookies.set(PLAIN_COOKIE, word)
    assert not await is_in(browser)
    assert (await both.history())[-1] == ("account.sign_out", "account:an")


async def test_another_site_signs_nobody_in_or_out(world):
    browser = world.browser()
    await browser.sign_in("an")
    assert (await browser.http.post("/console/sign-out", data={})).status_code == 403
    assert (await browser.http.post("/console/sign-out", data={"csrf": "x"})).status_code == 403
    assert await is_in(browser)
    stranger = world.browser()
    sent = {"name": "an", "password": PASSWORD, "next": "", "csrf": "0" * 64}
    assert (await stranger.http.post("/console/sign-in", data=sent)).status_code == 403
    sent["csrf"] = await stranger.word_of("/console/sign-in")
    crossed = await stranger.http.post(
        "/console/sign-in", data=sent, headers={"sec-fetch-site": "cross-site"}
    )
    assert crossed.status_code == 403


@pytest.mark.parametrize(
    "onward",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "/console/../v1/clients", "/consolex"),
        *("/console\r\nset-cookie: a=b", "javascript:alert(1)", "/console/..", "/console/@x\\y", ""),
    ],
)
async def test_nobody_is_led_away_from_the_console(world, onward):
    assert (await world.browser().sign_in("an", onward=onward)).headers["location"] == "/console"
    answer = await world.browser().http.post("/console/language", data={"next": onward})
    assert answer.headers["location"] == "/console"


async def test_language_is_switched_and_remembered(world):
    browser = world.browser()
    assert "Đăng nhập" in text_of(await browser.get("/console/sign-in"))
    answer = await browser.http.post(
        "/console/language", data={"next": "/console/sign-in?next=%2Fconsole%2Fme"}
    )
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fme"
    assert "Sign in" in text_of(await browser.get("/console/sign-in"))
    await browser.http.post("/console/language", data={"next": "", "language": "vi"})
    assert "Đăng nhập" in text_of(await browser.get("/console/sign-in"))
    assert (await browser.http.post("/console/language", data={"language": "xx"})).status_code == 422


async def test_hash_of_older_parameters_is_renewed_at_the_next_sign_in(world):
    [before] = [row.password_hash for row in await world.rows("account")]
    newer = type(world.hashing)
    from gateway.accounts.passwords import PARAMETERS

    world.hashing = newer(PARAMETERS)
    assert (await world.browser(world.process()).sign_in("an")).status_code == 303
    [after] = [row.password_hash for row in await world.rows("account")]
    assert before != after
    assert after.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert (await world.browser(world.process(), peer="127.0.0.2").sign_in("an")).status_code == 303


async def test_own_sessions_are_listed_and_others_of_them_ended(both):
    browser, other, third = both.browser(), both.browser(), both.browser()
    for each in (browser, other, third):
        await each.sign_in("an")
    page = await browser.get("/console/me")
    assert text_of(page).count("Trial browser") == 3
    answer = await browser.post("/console/me/revoke")
    assert answer.status_code == 303
    assert (await is_in(browser), await is_in(other), await is_in(third)) == (True, False, False)
    rows = await both.rows("console_session")
    own = next(row.id for row in rows if row.ended_at is None)
    assert (await browser.post("/console/me/revoke", session=str(own))).status_code == 409


async def test_nobody_ends_the_session_of_somebody_else_as_its_own(world):
    await world.add("binh")
    browser, other = world.browser(), world.browser()
    await browser.sign_in("an")
    await other.sign_in("binh")
    theirs = next(row.id for row in await world.rows("console_session") if row.account == "binh")
    assert (await browser.post("/console/me/revoke", session=str(theirs))).status_code == 404
    assert await is_in(other)


async def test_bare_address_leads_to_the_console(world):
    answer = await world.browser().get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
