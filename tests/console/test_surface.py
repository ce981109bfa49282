"""The one way through which every page and every action goes."""

import msgspec
import pytest
import structlog
from starlette.routing import Route as Address

from gateway.api.app import application
from gateway.console.door import PLAIN_COOKIE
from gateway.console.page import Action, Moved, Page, Shown
from gateway.console.static import addresses as console_assets
from gateway.console.static import assets
from gateway.console.surface import HEADERS, Console, Surface
from gateway.domain.errors import ApprovalRequired, ConflictError
from gateway.storage.clients import Scope
from tests.api_world import open_world
from tests.console_world import CSRF, ConsoleClient, StandInDoor, text_of

SECRET = "postgresql://operator:hunter2@db.example/x"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A form with one of each."""

    reason: str
    count: int = 1
    chosen: list[int] = []


async def look(visit):
    return Shown(template="problem.html", values=_values(f"hello {visit.viewer.account}"))


def _values(detail):
    return {
        "problem": {"title": "t", "detail": detail, "violations": [], "approval": None, "instance": ""},
        "kind": "conflict",
    }


async def wish(visit):
    form = visit.form_as(Wish)
    match form.reason:
        case "conflict":
            raise ConflictError("it is <b>not</b> so")
        case "second":
            raise ApprovalRequired("needs a second person", approval="77")
        case "defect":
            raise RuntimeError(SECRET)
    return Moved(
        to="/console/x",
        message="layout.signed_in_as",
        values={"name": f"{form.reason} {form.chosen} {form.count}"},
    )


@pytest.fixture
async def browser(sqlite_url):
    async with open_world(sqlite_url) as world:
        console = Console(api=world.api, door=StandInDoor())
        page = Page(path="/console/x", name="x", title="layout.console", scope=Scope.MESSAGES_READ, view=look)
        action = Action(path="/console/x", name="x", scope=Scope.DELIVERIES_OPERATE, view=wish, form=Wish)
        client = ConsoleClient(world.api)
        surface = Address("/console/x", Surface(console, page=page, action=action))
        client.http._transport.app = application(world.api, [surface])
        yield client


async def test_page_carries_the_policy_and_is_not_kept(browser):
    answer = await browser.get("/console/x")
    assert answer.status_code == 200
    assert "hello operator.mau" in text_of(answer)
    for name, value in HEADERS:
        assert answer.headers[name] == value
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


async def test_line_of_a_page_names_a_dossier_and_never_what_may_be_an_identity_number(sqlite_url):
    async with open_world(sqlite_url) as world:
        browser = ConsoleClient(world.api)
        with structlog.testing.capture_logs() as told:
            await browser.get("/console/dossiers/H99-1")
            await browser.get("/console/dossiers/001099012345")
    lines = [line["dossier"] for line in told if line["event"] == "request_answered"]
    assert lines == ["H99-1", None]
    assert "001099012345" not in str(told)


async def test_stranger_is_led_to_the_sign_in_page_and_back(browser):
    browser.http.cookies.delete(PLAIN_COOKIE)
    answer = await browser.get("/console/x?a=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fx%3Fa%3D1"
    assert (await browser.post("/console/x", reason="abc")).headers["location"] == "/console/sign-in"


async def test_page_without_its_scope_is_refused_in_vietnamese(browser):
    browser.http.cookies.set(PLAIN_COOKIE, "word-of-administrator")
    answer = await browser.get("/console/x")
    assert answer.status_code == 403
    assert "Tài khoản không có quyền này" in text_of(answer)


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": [CSRF, CSRF]}])
async def test_form_without_the_word_of_the_session_does_nothing(browser, sent):
    answer = await browser.http.post("/console/x", data={"reason": "abc", **sent})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_form_of_another_site_does_nothing(browser):
    for site in ("cross-site", "same-site"):
        answer = await browser.http.post(
            "/console/x", data={"csrf": CSRF, "reason": "abc"}, headers={"sec-fetch-site": site}
        )
        assert answer.status_code == 403


async def test_done_action_moves_on_and_is_told_once(browser):
    answer = await browser.post("/console/x", reason="xong", chosen=["3", "4"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/x")
    assert "xong [3, 4] 1" in text_of(await browser.get("/console/x"))
    assert "xong" not in text_of(await browser.get("/console/x"))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"reason": "a", "count": "x"}, "count"),
        ({"reason": "a", "stranger": "1"}, "stranger"),
        ({}, "reason"),
    ],
)
async def test_form_that_is_wrong_is_told_where(browser, fields, pointer):
    answer = await browser.post("/console/x", **fields)
    assert answer.status_code == 422
    assert pointer in text_of(answer)


async def test_refusal_is_escaped_and_a_second_person_is_linked(browser):
    refused = await browser.post("/console/x", reason="conflict")
    assert refused.status_code == 409
    assert "it is &lt;b&gt;not&lt;/b&gt; so" in refused.text
    waiting = await browser.post("/console/x", reason="second")
    assert waiting.status_code == 428
    assert 'href="/console/approvals/77"' in waiting.text


async def test_defect_is_a_page_with_a_number_and_no_trace(browser):
    answer = await browser.post("/console/x", reason="defect")
    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "urn:lienthong:request:" in text_of(answer)


async def test_other_methods_are_refused(browser):
    answer = await browser.http.put("/console/x")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert (await browser.http.head("/console/x")).content == b""


async def test_style_and_script_are_served_by_their_content_and_kept(sqlite_url):
    async with open_world(sqlite_url) as world:
        browser = ConsoleClient(world.api)
        for name, address in console_assets().items():
            answer = await browser.get(address)
            assert (answer.status_code, answer.content) == (
                200,
                assets()[address.rpartition("/")[2]].content,
            ), name
            assert "immutable" in answer.headers["cache-control"]
            assert not answer.headers["content-type"].startswith("application/")
            assert (await browser.http.head(address)).content == b""
        assert (await browser.get("/console/assets/0-console.css")).status_code == 404
